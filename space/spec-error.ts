// Errors in a user's YAML file, each with its place.

export interface SpecIssue {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Dotted keys, `space.layers.nHeads.1`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** `file:line:column path: message`, on one line. */
export function formatIssue(issue: SpecIssue): string {
  const path = issue.path === '' ? '' : ` ${issue.path}:`;
  return `${issue.file}:${issue.line}:${issue.column}${path || ':'} ${issue.message}`;
}

/** A YAML file that cannot be used. `message` has one line for each issue, in the order of the file. */
export class SpecError extends Error {
  readonly issues: readonly SpecIssue[];
  constructor(issues: readonly SpecIssue[]) {
    super(issues.map(formatIssue).join('\n'));
    this.name = 'SpecError';
    this.issues = issues;
  }
}
