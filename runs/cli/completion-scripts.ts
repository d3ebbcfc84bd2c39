// Completion scripts for shells. Commands, options and fixed values are written into the script; runs and candidates
// are asked of the program, which for those reads nothing but the database.
import type { CommandShape, OptionShape, ValueKind } from './command-shape.ts';

/** The script of a shell. The first shape is the program's own. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', shapes: readonly CommandShape[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(shapes);
    case 'zsh':
      return zshScript(shapes);
    case 'fish':
      return fishScript(shapes);
  }
}

/** ` hardware show`, as the walking loops build it up. */
const joined = (path: readonly string[]) => path.map((word) => ` ${word}`).join('');

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Shell patterns, each quoted, of every `place word` in a list. */
const pattern = (words: readonly string[]) => words.map(quoted).join(' | ');

const commandsBelow = (shapes: readonly CommandShape[], path: readonly string[]) =>
  shapes.filter(
    (shape) => joined(shape.path.slice(0, -1)) === joined(path) && shape.path.length === path.length + 1,
  );

/** The loop that finds out which command the words lead to, what it was given, and which database is meant. */
function walkCases(shapes: readonly CommandShape[], word: string, next: string): string[] {
  const [program, ...commands] = shapes as [CommandShape, ...CommandShape[]];
  const takingValues = commands.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => `${joined(path)} ${name}`),
    ),
  );
  const general = program.options.filter(({ value }) => value !== undefined).flatMap(({ names }) => names);
  return [
    `*' --db') database=(--db "${next}") ;;`,
    ...general.filter((name) => name !== '--db').map((name) => `*${quoted(` ${name}`)}) ((i++)) ;;`),
    `${pattern(takingValues)}) ((i++)) ;;`,
    `*' -'*) ;;`,
    `${pattern(commands.map(({ path }) => joined(path)))}) place+=" ${word}" ;;`,
    `*) given+=("${word}") ;;`,
  ];
}

interface Place {
  /** `' front --where'` or `' front 0'`. */
  readonly at: string;
  readonly value: ValueKind;
}

/** Values behind options, general options last, then values of arguments by their number. */
function valuePlaces(shapes: readonly CommandShape[]): {
  options: Place[];
  general: Place[];
  given: Place[];
} {
  const [program, ...commands] = shapes as [CommandShape, ...CommandShape[]];
  const ofOptions = (path: readonly string[], options: readonly OptionShape[]) =>
    options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => ({ at: `${joined(path)} ${name}`, value })),
    );
  return {
    options: commands.flatMap(({ path, options }) => ofOptions(path, options)),
    general: ofOptions([], program.options),
    given: commands.flatMap(({ path, values }) =>
      values.map((value, n) => ({ at: `${joined(path)} ${n}`, value })),
    ),
  };
}

/** One branch a set of places that offer the same. */
function branches(places: readonly Place[], offer: (value: ValueKind) => string, any = false): string[] {
  const byOffer = new Map<string, string[]>();
  for (const { at, value } of places) byOffer.set(offer(value), [...(byOffer.get(offer(value)) ?? []), at]);
  return [...byOffer].map(([text, ats]) => {
    const patterns = ats.map((at) => `${any ? '*' : ''}${quoted(at)}`).join(' | ');
    return `${patterns}) ${text} ;;`;
  });
}

const indented = (lines: readonly string[], indent: string) =>
  lines.map((line) => `${indent}${line}`).join('\n');

function bashScript(shapes: readonly CommandShape[]): string {
  const offer = (value: ValueKind): string => {
    if (typeof value !== 'string') return `_paretoformer_offer ${quoted(value.join(' '))}`;
    if (value === 'runs') return `_paretoformer_offer "$(_paretoformer_ask runs)"`;
    if (value === 'candidates') return `_paretoformer_offer "$(_paretoformer_ask candidates "\${given[0]}")"`;
    return value === 'free' ? ':' : 'compopt -o default 2>/dev/null';
  };
  const { options, general, given } = valuePlaces(shapes);
  const optionNames = (shape: CommandShape) =>
    shape.options.flatMap(({ names }) => names.filter((name) => name.startsWith('--')));
  const [program] = shapes as [CommandShape];
  const optionLines = shapes
    .slice(1)
    .map(
      (shape) =>
        `${quoted(joined(shape.path))}) _paretoformer_offer ${quoted([...optionNames(shape), ...optionNames(program), '--help'].join(' '))} ;;`,
    );
  const commandLines = shapes
    .filter(({ path }) => commandsBelow(shapes, path).length > 0)
    .map(({ path }) => {
      const names = commandsBelow(shapes, path).map((shape) => shape.path.at(-1)!);
      return `${quoted(`${joined(path)} 0`)}) _paretoformer_offer ${quoted(names.join(' '))} ;;`;
    });
  return `# Completion of paretoformer for bash. For every shell to come:
#   paretoformer completion bash > ~/.local/share/bash-completion/completions/paretoformer
_paretoformer_offer() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_paretoformer_ask() { paretoformer completion "$@" "\${database[@]}" 2>/dev/null | cut -f 1; }
_paretoformer() {
  local current=\${COMP_WORDS[COMP_CWORD]} place='' word i
  local -a given=() database=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$place $word" in
${indented(walkCases(shapes, '$word', `\${COMP_WORDS[++i]}`), '      ')}
    esac
  done
  case "$place \${COMP_WORDS[COMP_CWORD - 1]}" in
${indented(
  [...branches(options, offer), ...branches(general, offer, true)].map((line) =>
    line.replace(/ ;;$/, '; return ;;'),
  ),
  '    ',
)}
  esac
  if [[ $current == -* ]]; then
    case "$place" in
${indented([...optionLines, `*) _paretoformer_offer ${quoted([...optionNames(program), '--help'].join(' '))} ;;`], '      ')}
    esac
    return
  fi
  case "$place \${#given[@]}" in
${indented([...commandLines, ...branches(given, offer)], '    ')}
  esac
}
complete -F _paretoformer paretoformer
`;
}

function zshScript(shapes: readonly CommandShape[]): string {
  const offer = (value: ValueKind): string => {
    if (typeof value !== 'string') return `compadd -- ${value.join(' ')}`;
    if (value === 'runs') return `_paretoformer_offer 'run' runs`;
    if (value === 'candidates') return `_paretoformer_offer 'candidate' candidates "$given[1]"`;
    if (value === 'free') return ':';
    return value === 'files' ? '_files' : '_files -/';
  };
  const { options, general, given } = valuePlaces(shapes);
  const [program] = shapes as [CommandShape];
  const described = (name: string, about: string) => quoted(`${name.replaceAll(':', '\\:')}:${about}`);
  const optionList = ({ options: own }: CommandShape) =>
    own.flatMap(({ names, about }) => names.map((name) => described(name, about)));
  const help = described('--help', 'display help for command');
  const optionLines = shapes
    .slice(1)
    .map(
      (shape) =>
        `${quoted(joined(shape.path))}) options=(${[...optionList(shape), ...optionList(program), help].join(' ')}) ;;`,
    );
  const commandLines = shapes
    .filter(({ path }) => commandsBelow(shapes, path).length > 0)
    .map(({ path }) => {
      const items = commandsBelow(shapes, path).map((shape) => described(shape.path.at(-1)!, shape.about));
      return `${quoted(`${joined(path)} 0`)}) commands=(${items.join(' ')}); _describe 'command' commands ;;`;
    });
  return `#compdef paretoformer
# Completion of paretoformer for zsh. For every shell to come, into a folder of $fpath:
#   paretoformer completion zsh > ~/.zfunc/_paretoformer
_paretoformer_offer() {
  local title=$1; shift
  local -a found=("\${(@f)$(paretoformer completion "$@" $database 2>/dev/null)}")
  found=(\${found//:/\\\\:})
  found=("\${(@)found/$'\\t'/:}")
  _describe $title found
}
_paretoformer() {
  local place='' word i
  local -a given database options commands
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    case "$place $word" in
${indented(walkCases(shapes, '$word', '$words[++i]'), '      ')}
    esac
  done
  case "$place $words[CURRENT-1]" in
${indented(
  [...branches(options, offer), ...branches(general, offer, true)].map((line) =>
    line.replace(/ ;;$/, '; return ;;'),
  ),
  '    ',
)}
  esac
  if [[ $words[CURRENT] == -* ]]; then
    case "$place" in
${indented([...optionLines, `*) options=(${[...optionList(program), help].join(' ')}) ;;`], '      ')}
    esac
    _describe -o 'option' options
    return
  fi
  case "$place \${#given}" in
${indented([...commandLines, ...branches(given, offer)], '    ')}
  esac
}
if [[ $funcstack[1] == _paretoformer ]]; then _paretoformer "$@"; else compdef _paretoformer paretoformer; fi
`;
}

function fishScript(shapes: readonly CommandShape[]): string {
  const [program, ...commands] = shapes as [CommandShape, ...CommandShape[]];
  const names = (options: readonly OptionShape[]) =>
    options.flatMap((option) => (option.value === undefined ? [] : option.names));
  const offer = (value: ValueKind): string => {
    if (typeof value !== 'string') return `-x -a ${quoted(value.join(' '))}`;
    if (value === 'runs') return `-x -a '(__paretoformer_ask runs)'`;
    if (value === 'candidates')
      return `-x -a '(__paretoformer_ask candidates (__paretoformer_place given)[1])'`;
    return value === 'free' ? '-x' : '-r -F';
  };
  const flag = (name: string) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`);
  const option = (condition: string, { names: flags, about, value }: OptionShape) =>
    `complete -c paretoformer ${condition}${flags.map(flag).join(' ')} -d ${quoted(about)}${value === undefined ? '' : ` ${offer(value)}`}`;
  const commandLines = shapes.flatMap(({ path }) =>
    commandsBelow(shapes, path).map(
      (shape) =>
        `complete -c paretoformer -f -n ${quoted(`__paretoformer_is '${joined(path)} 0'`)} -a ${shape.path.at(-1)!} -d ${quoted(shape.about)}`,
    ),
  );
  const { given } = valuePlaces(shapes);
  const valueLines = given
    .filter(({ value }) => value !== 'free')
    .map(
      ({ at, value }) => `complete -c paretoformer -n ${quoted(`__paretoformer_is '${at}'`)} ${offer(value)}`,
    );
  return `# Completion of paretoformer for fish. For every shell to come:
#   paretoformer completion fish > ~/.config/fish/completions/paretoformer.fish
function __paretoformer_place --description 'The command that the words lead to with the number of its arguments, or those'
  set -l place ''
  set -l given
  set -l skip no
  for word in (commandline -opc)[2..]
    if test $skip = yes
      set skip no
      continue
    end
    switch "$place $word"
      case ${names(program.options)
        .map((name) => `'* ${name}'`)
        .join(
          ' ',
        )} ${commands.flatMap(({ path, options }) => names(options).map((name) => quoted(`${joined(path)} ${name}`))).join(' ')}
        set skip yes
      case '* -*'
      case ${commands.map(({ path }) => quoted(joined(path))).join(' ')}
        set place "$place $word"
      case '*'
        set -a given $word
    end
  end
  if test "$argv[1]" = given
    printf '%s\\n' $given
  else
    echo "$place "(count $given)
  end
end
function __paretoformer_is
  test (__paretoformer_place) = $argv[1]
end
function __paretoformer_under
  string match -q "$argv[1] *" (__paretoformer_place)
end
function __paretoformer_ask
  set -l words (commandline -opc)
  set -l at (contains -i -- --db $words)
  and set -l database --db $words[(math $at + 1)]
  paretoformer completion $argv $database 2>/dev/null
end
complete -c paretoformer -f
${program.options.map((each) => option('', each)).join('\n')}
${commands.flatMap(({ path, options }) => options.map((each) => option(`-n ${quoted(`__paretoformer_under '${joined(path)}'`)} `, each))).join('\n')}
${commandLines.join('\n')}
${valueLines.join('\n')}
`;
}
