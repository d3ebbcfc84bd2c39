// Numbers with units and plain tables, for people. Everything stored or exported stays in base units.
import { type MetricName, type MetricTable, metricOf } from '../space/metrics.ts';
import { formatNumber, formatQuantity } from './report/page/units.js';

export {
  formatBytes,
  formatCount,
  formatDuration,
  formatJoules,
  formatNumber,
  formatRate,
  formatSeconds,
  formatShare,
} from './report/page/units.js';

/** `1 layer`, `3 layers`. */
export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** `+1.2 %`, `-0.03 %`, `x0.49` beyond a factor of two; `-` where nothing can be said. */
export function formatChange(from: number | undefined, to: number | undefined): string {
  if (from === undefined || to === undefined || from === 0) return '-';
  const ratio = to / from;
  if (ratio >= 2 || ratio <= 0.5) return `x${formatNumber(ratio)}`;
  const percent = 100 * (ratio - 1);
  if (percent === 0) return 'same';
  const digits = Math.abs(percent) >= 0.1 ? percent.toFixed(1) : String(Number(percent.toPrecision(1)));
  return `${percent > 0 ? '+' : ''}${digits} %`;
}

/** A metric's value with its unit; `-` where it is unknown. */
export function formatMetric(metrics: MetricTable, name: MetricName, value: number | undefined): string {
  return value === undefined ? '-' : formatQuantity(metricOf(metrics, name).unit, value);
}

/** Column heads carry the unit only where the cells do not. */
export function metricHeading(metrics: MetricTable, name: MetricName): string {
  return metricOf(metrics, name).unit === 'bitsPerByte' ? `${name} (bits/byte)` : name;
}

/** `4,2,1,2` or `8 x4` when all are equal. */
export function formatLayers(values: readonly (number | string)[]): string {
  const isUniform = values.length > 1 && values.every((value) => value === values[0]);
  return isUniform ? `${values[0]} x${values.length}` : values.join(',');
}

export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
  /** Cells may be cut where the table is wider than there is room. */
  readonly canShrink?: boolean;
}

const GAP = 2;
/** What is left of a column that was cut. */
const NARROWEST = 8;

/**
 * Lines of a table: columns two blanks apart, numbers to the right, no trailing blanks. Where it is wider than `room`
 * characters, the widest of the columns that can shrink are cut until it fits, or none can give more.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room = Number.POSITIVE_INFINITY,
): string {
  const widths = columns.map((column, at) => widthOf(column, at, rows));
  shrink(columns, widths, room - GAP * (columns.length - 1));
  const cut = (text: string, width: number) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => {
        const text = cut(cell, widths[at]!);
        return columns[at]!.align === 'left' ? text.padEnd(widths[at]!) : text.padStart(widths[at]!);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(columns.map(({ heading }) => heading)), ...rows.map(line)].join('\n');
}

function widthOf({ heading }: Column, at: number, rows: readonly (readonly string[])[]): number {
  return rows.reduce((widest, row) => Math.max(widest, (row[at] ?? '').length), heading.length);
}

/** What a column that can shrink may be cut to. */
const floorOf = ({ heading }: Column) => Math.max(NARROWEST, heading.length);

/**
 * Positions of the columns that fit into `room` characters, cut as far as they can be: those named in `spare` are left
 * out one after the other until the others fit.
 */
export function fittingColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room: number,
  spare: readonly string[],
): number[] {
  const least = columns.map((column, at) => {
    const width = widthOf(column, at, rows);
    return column.canShrink === true ? Math.min(width, floorOf(column)) : width;
  });
  let kept = [...columns.keys()];
  const width = () => kept.reduce((sum, at) => sum + least[at]! + GAP, -GAP);
  for (const heading of spare) {
    if (width() <= room) break;
    kept = kept.filter((at) => columns[at]!.heading !== heading);
  }
  return kept;
}

/** Takes from the widest columns that can shrink, one character at a time, until all fit into `room`. */
function shrink(columns: readonly Column[], widths: number[], room: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      if (column.canShrink !== true || widths[at]! <= floorOf(column)) continue;
      if (widest < 0 || widths[at]! > widths[widest]!) widest = at;
    }
    if (widest < 0) return;
    widths[widest]!--;
    excess--;
  }
}

/**
 * Text broken at blanks into lines of at most `width` characters, those after the first indented by as many blanks as
 * `indent` says. A word that is longer stays whole.
 */
export function wrapText(text: string, width: number, indent = 0): string {
  const lines: string[] = [];
  const [first = '', ...words] = text.trimStart().split(' ');
  let line = `${' '.repeat(text.length - text.trimStart().length)}${first}`;
  for (const word of words) {
    if (line.length + 1 + word.length <= width) line += ` ${word}`;
    else {
      lines.push(line);
      line = `${' '.repeat(indent)}${word}`;
    }
  }
  return [...lines, line].join('\n');
}

/** CSV with a heading line, RFC 4180 quoting. */
export function formatCsv(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cell = (value: string | number) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [headings, ...rows].map((row) => row.map(cell).join(',')).join('\n');
}
