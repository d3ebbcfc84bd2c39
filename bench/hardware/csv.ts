// Reads the measured rows in test/fixtures/hardware.
import { readFileSync } from 'node:fs';

const FIXTURES = new URL('../../test/fixtures/hardware/', import.meta.url);

export type CsvRow = Readonly<Record<string, string>>;

/** Cells of one line; double quotes keep commas. */
function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) =>
    match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'),
  );
}

/** A fixture file as rows by column name. */
export function readFixtureRows(file: string): CsvRow[] {
  const [head, ...lines] = readFileSync(new URL(file, FIXTURES), 'utf8').trim().split('\n');
  const names = cells(head!);
  return lines.map((line) => Object.fromEntries(cells(line).map((cell, i) => [names[i]!, cell])));
}

/** A fixture file as JSON. */
export function readFixtureJson(file: string): unknown {
  return JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8'));
}
