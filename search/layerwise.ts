// The front of a space whose objectives are sums over its layers, by dynamic programming: the yardstick for searches.
import { nonDominatedSort } from './dominance.ts';

type Vector = readonly number[];

export interface LayerOption {
  /** What choosing it adds to each objective. */
  readonly adds: Vector;
  /** What it adds to a whole-number state, where objectives also depend on a sum; paths compete within a state. */
  readonly state: number;
}

export interface LayerwiseSpace {
  /** The options of each layer. */
  readonly layers: readonly (readonly LayerOption[])[];
  /**
   * Sums are compared on a grid this wide; 0 in each objective is exact. What the front loses in an objective is at
   * most its width times the number of layers.
   */
  readonly gridWidth: Vector;
}

/** A choice for every layer, with its sums. */
export interface LayerwiseMember {
  readonly choices: readonly number[];
  readonly sums: Vector;
  readonly state: number;
}

interface Path {
  readonly sums: Vector;
  readonly state: number;
  readonly choice: number;
  readonly parent: Path | undefined;
}

/** The paths that no other beats on the grid; of those in one cell the first stays. */
function survivors(paths: readonly Path[], gridWidth: Vector): Path[] {
  const cells = new Map<string, Path>();
  const cellOf = (path: Path) =>
    path.sums.map((sum, k) => (gridWidth[k]! > 0 ? Math.floor(sum / gridWidth[k]!) : sum));
  for (const path of paths) {
    const key = cellOf(path).join();
    if (!cells.has(key)) cells.set(key, path);
  }
  const distinct = [...cells.values()];
  const rank = nonDominatedSort(distinct.map(cellOf));
  return distinct.filter((_, at) => rank[at] === 0);
}

function choicesOf(path: Path): number[] {
  const choices: number[] = [];
  for (let at: Path | undefined = path; at?.parent !== undefined; at = at.parent) choices.push(at.choice);
  return choices.reverse();
}

/**
 * All non-dominated sums, per state, each with one choice of options that gives it. Dominated partial sums can be
 * dropped at every layer, because what follows adds the same to all of one state.
 */
export function layerwiseFront({ layers, gridWidth }: LayerwiseSpace): LayerwiseMember[] {
  const origin: Path = { sums: gridWidth.map(() => 0), state: 0, choice: 0, parent: undefined };
  let paths: Path[] = [origin];
  for (const options of layers) {
    const byState = new Map<number, Path[]>();
    for (const parent of paths) {
      for (const [choice, option] of options.entries()) {
        const state = parent.state + option.state;
        const sums = parent.sums.map((sum, k) => sum + option.adds[k]!);
        const group = byState.get(state);
        const path = { sums, state, choice, parent };
        if (group === undefined) byState.set(state, [path]);
        else group.push(path);
      }
    }
    paths = [...byState.values()].flatMap((group) => survivors(group, gridWidth));
  }
  return paths.map((path) => ({ choices: choicesOf(path), sums: path.sums, state: path.state }));
}
