// What the command line offers, as data: commands, their options and arguments, and what may stand for each. Shell
// completions are made from it.
import type { Command, Option } from 'commander';
import { ENGINE_NAMES, PROVIDERS } from '../../space/engine-spec.ts';
import { METRIC_NAMES } from '../../space/metrics.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../../space/number-formats.ts';

/** What may stand where a value is expected; `candidates` are of the run that was named before. */
export type ValueKind = 'runs' | 'candidates' | 'files' | 'folders' | 'free' | readonly string[];

export interface OptionShape {
  /** `--out`, `-f`. */
  readonly names: readonly string[];
  readonly about: string;
  /** Absent for a switch. */
  readonly value?: ValueKind;
}

export interface CommandShape {
  /** `[]` for the program itself, `['hardware', 'show']`. */
  readonly path: readonly string[];
  readonly about: string;
  readonly options: readonly OptionShape[];
  readonly values: readonly ValueKind[];
}

/** Shells that completions are written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** The program and all its commands, outermost first; help is offered everywhere and left out. */
export function commandShapes(program: Command, accelerators: readonly string[]): CommandShape[] {
  const shapeOf = (command: Command, path: readonly string[]): CommandShape[] => [
    {
      path,
      about: command.description(),
      options: command.options
        .filter(({ long }) => long !== '--version')
        .map((option) => optionShape(option, accelerators)),
      values: command.registeredArguments.map((argument) =>
        argumentKind(argument.name(), path, accelerators),
      ),
    },
    ...command.commands.flatMap((each) => shapeOf(each, [...path, each.name()])),
  ];
  return shapeOf(program, []);
}

function optionShape(option: Option, accelerators: readonly string[]): OptionShape {
  const { short, long, description, required, optional } = option;
  const names = [long, short].filter((name) => name !== undefined);
  if (!required && !optional) return { names, about: description };
  return { names, about: description, value: optionKind(option, accelerators) };
}

function optionKind({ long, flags }: Option, accelerators: readonly string[]): ValueKind {
  switch (long) {
    case '--accelerator':
      return accelerators;
    case '--engine':
      return ENGINE_NAMES;
    case '--provider':
      return PROVIDERS;
    case '--kv':
      return KV_CACHE_FORMATS;
    default:
  }
  const [, placeholder] = /[<[](\w+)[>\]]/.exec(flags) ?? [];
  switch (placeholder) {
    case 'file':
      return 'files';
    case 'folder':
      return 'folders';
    case 'format':
      return WEIGHT_FORMATS;
    case 'metric':
    case 'metrics':
      return METRIC_NAMES;
    default:
      return 'free';
  }
}

function argumentKind(name: string, path: readonly string[], accelerators: readonly string[]): ValueKind {
  if (name === 'run') return 'runs';
  if (path[0] === 'hardware') return accelerators;
  if (/^(?:candidate|target|draft|a|b)$/.test(name)) return 'candidates';
  if (name === 'shell') return SHELLS;
  return /file|rows/.test(name) ? 'files' : 'free';
}
