// A YAML file -> the normalised specification of a run, or every problem with its line and column.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { canonicalJson } from './candidate.ts';
import { didYouMean } from './did-you-mean.ts';
import { knownKeys } from './json-schema.ts';
import type { MetricTable } from './metrics.ts';
import { normalise } from './normalise.ts';
import { type Problem, problemsOf } from './schema-issues.ts';
import type { RunSpec } from './spec.ts';
import { checkSpec } from './spec-checks.ts';
import { SpecError, type SpecIssue } from './spec-error.ts';
import { specSchema } from './spec-schema.ts';
import { readYaml, type YamlDocument } from './yaml-document.ts';

/**
 * Looks up what a spec only names: each function gives what is wrong with the name, or `undefined` where it is good.
 * They are called with a spec that is otherwise valid.
 */
export interface ReferenceChecks {
  readonly corpus?: (corpus: string) => string | undefined;
  readonly accelerator?: (accelerator: string) => string | undefined;
  /** The checkpoint of a teacher, for a spec that names one. */
  readonly teacher?: (path: string, spec: RunSpec) => string | undefined;
}

/** What the keys of a specification do not say. */
interface Surroundings {
  /** The run's name where the specification has none. */
  readonly defaultName: string;
  readonly checks?: ReferenceChecks;
  /** Metrics that the program brings along, which objectives and constraints may name. */
  readonly metrics?: MetricTable;
}

/**
 * Reads the text of a YAML file; `fileName` is used in messages and as the run's default name.
 * @throws {SpecError} with every problem found.
 */
export function parseSpec(text: string, fileName: string, checks: ReferenceChecks = {}): RunSpec {
  const document = readYaml(text, fileName);
  const issuesOf = (problems: readonly Problem[]) => placed(problems, document, fileName);
  if (document.data === null || document.data === undefined) {
    throw new SpecError(issuesOf([{ path: [], message: 'the file is empty' }]));
  }
  const defaultName = basename(fileName, extname(fileName));
  return specOf(document.data, { defaultName, checks }, issuesOf);
}

/**
 * Reads what a YAML file would hold, given as an object.
 * @throws {SpecError} with every problem found; their places are paths.
 */
export function specFromObject(definition: unknown, surroundings: Surroundings): RunSpec {
  return specOf(definition, surroundings, (problems) =>
    problems.map(({ path, key, message }) => ({ path: dotted(path, key), message: oneLine(message) })),
  );
}

function specOf(
  data: unknown,
  { defaultName, checks = {}, metrics }: Surroundings,
  issuesOf: (problems: readonly Problem[]) => SpecIssue[],
): RunSpec {
  const failOn = (problems: readonly Problem[]) => {
    if (problems.length > 0) throw new SpecError(issuesOf(problems));
  };
  const parsed = specSchema.safeParse(data);
  if (!parsed.success) {
    failOn(problemsOf(parsed.error.issues, data, knownKeys));
    throw parsed.error;
  }
  const problems: Problem[] = [];
  const spec = normalise(parsed.data, { defaultName, metrics }, (problem) => problems.push(problem));
  failOn(problems);
  failOn(checkSpec(spec));
  failOn(lookUpReferences(spec, checks));
  return spec;
}

/**
 * Reads a YAML file.
 * @throws {SpecError} also where the file cannot be read.
 */
export function loadSpec(file: string, checks: ReferenceChecks = {}): RunSpec {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ENOENT' ? `no such file${otherFiles(file)}` : `cannot be read (${code ?? String(error)})`;
    throw new SpecError([{ place: { file, line: 1, column: 1 }, path: '', message: reason }]);
  }
  return parseSpec(bytes.toString('utf8'), file, checks);
}

/** A file beside it that was probably meant. */
function otherFiles(file: string): string {
  const folder = dirname(file);
  const names = existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
  return didYouMean(
    basename(file),
    names.filter((name) => /\.ya?ml$/.test(name)),
  );
}

/** SHA-256, in hexadecimal, of all that decides a run's results: the whole spec but its number of threads. */
export function specHash(spec: RunSpec): string {
  const { workers: _, ...decisive } = spec;
  return createHash('sha256').update(canonicalJson(decisive)).digest('hex');
}

function lookUpReferences(spec: RunSpec, checks: ReferenceChecks): Problem[] {
  const corpus = checks.corpus?.(spec.task.corpus);
  const accelerator = checks.accelerator?.(spec.accelerator);
  const source = spec.training.teacher?.source;
  const teacher = source?.kind === 'checkpoint' ? checks.teacher?.(source.path, spec) : undefined;
  return [
    ...(corpus === undefined ? [] : [{ path: ['task', 'corpus'], message: corpus }]),
    ...(accelerator === undefined ? [] : [{ path: ['accelerator'], message: accelerator }]),
    ...(teacher === undefined ? [] : [{ path: ['training', 'teacher', 'checkpoint'], message: teacher }]),
  ];
}

function placed(problems: readonly Problem[], document: YamlDocument, file: string): SpecIssue[] {
  const issues = problems.map(({ path, key, offset, message }) => {
    const place = offset === undefined ? document.locate(path, key) : document.locateInside(path, offset);
    return { place: { file, ...place }, path: dotted(path, key), message: oneLine(message) };
  });
  return issues.sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
}

function dotted(path: readonly PropertyKey[], key: string | undefined): string {
  return (key === undefined ? path : [...path, key]).map(String).join('.');
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ');
}
