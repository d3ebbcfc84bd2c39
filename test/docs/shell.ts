// Lines of a shell as documentation and help show them.

export interface ShellLine {
  /** Without comment, pipe and redirection. */
  readonly words: readonly string[];
  /** The file that standard output goes to. */
  readonly into?: string;
  /** Whether another program reads the output. */
  readonly isPiped: boolean;
}

/** Words of a line, quotes taken off. A comment begins with `#`, or, in help, behind two blanks. */
export function parseLine(line: string, isHelp = false): ShellLine {
  const tokens = [...line.trim().matchAll(/'([^']*)'|"([^"]*)"|#.*$|(?<gap> {2,})|[^\s'"#]+/g)];
  const words: string[] = [];
  for (const token of tokens) {
    if (token[0].startsWith('#')) break;
    if (token.groups!.gap !== undefined) {
      if (isHelp) break;
      continue;
    }
    words.push(token[1] ?? token[2] ?? token[0]);
  }
  const end = words.findIndex((word) => /^[|>]$/.test(word));
  if (end < 0) return { words, isPiped: false };
  const command = words.slice(0, end);
  return words[end] === '>'
    ? { words: command, into: words[end + 1]!, isPiped: false }
    : { words: command, isPiped: true };
}

/** The commands of a block; `a && b` are two. */
export function commandsOf(text: string): ShellLine[] {
  return text
    .split('\n')
    .flatMap((line) => line.replace(/(^|\s)#.*$/, '').split(' && '))
    .filter((line) => line.trim() !== '')
    .map((line) => parseLine(line));
}
