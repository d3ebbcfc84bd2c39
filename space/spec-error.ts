// Errors in a user's specification, each with its place.

/** Where in a file. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

export interface SpecIssue {
  /** Absent where the specification is not a file but an object of a program. */
  readonly place?: Place;
  /** Dotted keys, `space.layers.nHeads.1`; empty for the specification as a whole. */
  readonly path: string;
  readonly message: string;
}

/** `file:line:column path: message`, on one line. */
export function formatIssue({ place, path, message }: SpecIssue): string {
  if (place === undefined) return path === '' ? message : `${path}: ${message}`;
  const { file, line, column } = place;
  return `${file}:${line}:${column}${path === '' ? ':' : ` ${path}:`} ${message}`;
}

/** A specification that cannot be used. `message` has one line for each issue, in the order of a file. */
export class SpecError extends Error {
  readonly issues: readonly SpecIssue[];
  constructor(issues: readonly SpecIssue[]) {
    super(issues.map(formatIssue).join('\n'));
    this.name = 'SpecError';
    this.issues = issues;
  }
}
