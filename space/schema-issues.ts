// zod's issues -> sentences a user can act on.
import type { z } from 'zod';
import { didYouMean, nearestWord } from './did-you-mean.ts';

const MISSING = 'missing';

type ZodIssue = z.core.$ZodIssue;

/** One problem with the data, before its place in the file is known. */
export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The key of the map at `path` that is meant, where the problem is the key itself. */
  readonly key?: string;
  /** Characters into the text at `path`. */
  readonly offset?: number;
}

/** The problems in `data` that zod found, most of them one to one; `known` gives the keys allowed at a path. */
export function problemsOf(
  issues: readonly ZodIssue[],
  data: unknown,
  known: (path: readonly PropertyKey[]) => readonly string[],
): Problem[] {
  const problems = issues.flatMap((issue) => explain(issue, [], data, known));
  // A misspelt key is one mistake: the key that it was meant to be is not reported as missing too.
  const meant = problems.flatMap(({ path, key }) => {
    const near = key === undefined ? undefined : nearestWord(key, known(path));
    return near === undefined ? [] : [[...path, near].join('.')];
  });
  return problems.filter(({ path, message }) => message !== MISSING || !meant.includes(path.join('.')));
}

function explain(
  issue: ZodIssue,
  base: readonly PropertyKey[],
  data: unknown,
  known: (path: readonly PropertyKey[]) => readonly string[],
): Problem[] {
  const path = [...base, ...issue.path];
  const value = valueAt(data, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const keys = known(path);
      return issue.keys.map((key) => ({ path, key, message: unknownKey(key, keys) }));
    }
    case 'invalid_union': {
      const branch = likelyBranch(issue.errors);
      if (branch !== undefined) return branch.flatMap((inner) => explain(inner, path, data, known));
      return [{ path, message: missing(value) ?? `expected ${alternatives(issue.errors, value)}` }];
    }
    case 'invalid_type':
      return [
        { path, message: missing(value) ?? `expected ${kindName(issue.expected)}, found ${show(value)}` },
      ];
    case 'invalid_value':
      return [{ path, message: missing(value) ?? wrongWord(issue.values, value) }];
    case 'too_small':
    case 'too_big':
      return [{ path, message: outOfRange(issue, value) }];
    default:
      return [{ path, message: issue.message }];
  }
}

function unknownKey(key: string, keys: readonly string[]): string {
  return `unknown key "${key}"${didYouMean(key, keys) || `; known are ${keys.join(', ')}`}`;
}

/** The branch of a union whose outer shape fits the data; of several, the one with the fewest keys that do not. */
function likelyBranch(branches: readonly (readonly ZodIssue[])[]): readonly ZodIssue[] | undefined {
  const isOuter = ({ code, path }: ZodIssue) =>
    path.length === 0 && (code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_union');
  // A number of the wrong kind (1.5 for a whole number) has the right outer shape.
  const fitting = branches.filter((issues) => issues.every((issue) => !isOuter(issue) || isHalfRight(issue)));
  const [best, second] = fitting.toSorted((a, b) => nMisfits(a) - nMisfits(b));
  if (best === undefined || second === undefined) return best;
  return nMisfits(best) < nMisfits(second) ? best : undefined;
}

function nMisfits(issues: readonly ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1), 0);
}

const isHalfRight = (issue: ZodIssue) => issue.code === 'invalid_type' && issue.expected === 'int';

function alternatives(branches: readonly (readonly ZodIssue[])[], value: unknown): string {
  const words: string[] = [];
  const expected: string[] = [];
  for (const [issue] of branches) {
    if (issue?.code === 'invalid_value') words.push(...issue.values.map(String));
    if (issue?.code === 'invalid_value') expected.push(oneOf(issue.values));
    if (issue?.code === 'invalid_type') expected.push(kindName(issue.expected));
  }
  const hint = typeof value === 'string' ? didYouMean(value, words) : '';
  return `${[...new Set(expected)].join(' or ')}, found ${show(value)}${hint}`;
}

function wrongWord(values: readonly unknown[], value: unknown): string {
  const hint = typeof value === 'string' ? didYouMean(value, values.map(String)) : '';
  return hint ? `unknown value ${show(value)}${hint}` : `expected ${oneOf(values)}, found ${show(value)}`;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`;
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  const isLow = issue.code === 'too_small';
  const limit = isLow ? issue.minimum : issue.maximum;
  if (issue.origin === 'array') {
    if (isLow && Number(limit) === 1) return 'empty: needs at least one value';
    return `has ${(value as unknown[]).length} values; ${isLow ? 'at least' : 'at most'} ${limit} allowed`;
  }
  if (issue.origin === 'string') return isLow ? 'empty text' : `longer than ${limit} characters`;
  const side = isLow
    ? issue.inclusive
      ? 'at least'
      : 'greater than'
    : issue.inclusive
      ? 'at most'
      : 'less than';
  return `must be ${side} ${limit}, found ${show(value)}`;
}

function missing(value: unknown): string | undefined {
  if (value === undefined) return MISSING;
  return value === null ? 'empty: needs a value' : undefined;
}

function kindName(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    int: 'a whole number',
    number: 'a number',
    string: 'text',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map of keys',
  };
  return names[expected] ?? expected;
}

/** A value as a user wrote it, shortened. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map of keys';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
