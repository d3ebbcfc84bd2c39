// Lists of choices as the normalised spec has them: ranges expanded, sorted, each choice once; forms that speak for
// layers and parts told apart.
import { LAYER_PARTS, type LayerPart } from './deployment.ts';
import { type Problem, show } from './schema-issues.ts';
import type { LayerChoices, PartChoices } from './spec.ts';

export type Report = (problem: Problem) => void;
export type Path = readonly PropertyKey[];
type Range = { readonly min: number; readonly max: number; readonly step: number };

const MOST_CHOICES = 4096;

export const byWidth = (formats: readonly string[], a: string, b: string) =>
  formats.indexOf(a) - formats.indexOf(b);

type RawLayerChoices<T> = T | T[] | { choices: T[]; perLayer: boolean; groups?: number | undefined };

export function partChoices<T extends string | number>(
  value: RawLayerChoices<T> | Record<LayerPart, RawLayerChoices<T>>,
  path: Path,
  report: Report,
  order: (a: T, b: T) => number,
): PartChoices<T> {
  if (typeof value !== 'object' || Array.isArray(value) || 'choices' in value) {
    return { kind: 'alike', ...layerChoices(value, path, report, order) };
  }
  const [attention, feedForward] = LAYER_PARTS.map((part) =>
    layerChoices(value[part], [...path, part], report, order),
  );
  return { kind: 'by-part', attention: attention!, feedForward: feedForward! };
}

function layerChoices<T extends string | number>(
  value: RawLayerChoices<T>,
  path: Path,
  report: Report,
  order: (a: T, b: T) => number,
): LayerChoices<T> {
  if (typeof value !== 'object' || Array.isArray(value)) {
    return { choices: distinct(value, path, report).sort(order), nGroups: 1 };
  }
  const choices = distinct(value.choices, [...path, 'choices'], report).sort(order);
  const { perLayer, groups } = value;
  if (perLayer && groups !== undefined) {
    report({ path: [...path, 'groups'], message: 'either perLayer or groups: a layer cannot choose twice' });
  }
  return perLayer ? { choices } : { choices, nGroups: groups ?? 1 };
}

export function numbers(value: number | number[] | Range, path: Path, report: Report): number[] {
  if (typeof value === 'object' && !Array.isArray(value)) return expandRange(value, path, report);
  return distinct(value, path, report).sort((a, b) => a - b);
}

function expandRange({ min, max, step }: Range, path: Path, report: Report): number[] {
  const nSteps = Math.floor((max - min) / step);
  if (max < min) {
    report({ path: [...path, 'max'], message: `max ${max} is less than min ${min}` });
  } else if ((max - min) % step !== 0) {
    const below = min + nSteps * step;
    const message = `max ${max} is not min ${min} plus a whole number of steps of ${step}: write ${below} or ${below + step}`;
    report({ path: [...path, 'max'], message });
  } else if (nSteps >= MOST_CHOICES) {
    report({ path, message: `${nSteps + 1} choices; at most ${MOST_CHOICES} allowed: take a larger step` });
  } else {
    return Array.from({ length: nSteps + 1 }, (_, index) => min + index * step);
  }
  return [min];
}

export function distinct<T>(value: T | T[], path: Path, report: Report): T[] {
  const list = Array.isArray(value) ? value : [value];
  for (const [index, item] of list.entries()) {
    if (list.indexOf(item) !== index) {
      report({ path: [...path, index], message: `${show(item)} is listed twice` });
    }
  }
  return [...new Set(list)];
}
