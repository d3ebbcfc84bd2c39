// What rungs of training save: hypervolume of fully trained members over epochs.
import type { Algorithm, Ingredient } from '../../search/index.ts';
import type { Difficulty } from '../../test/search/problems/curves.ts';
import { TOY_NAS_EXACT } from '../../test/search/problems/toy-nas.ts';
import { EPOCH_BUDGET, type Ladder, type RungTrace, rungTraceOf, volumeAt } from './rung-trace.ts';
import { halfWidthOf, meanOf } from './trace.ts';

const MARKS = [270, 540, 1350, EPOCH_BUDGET] as const;

export interface RungRow {
  readonly text: string;
  /** Mean share at the whole budget. */
  readonly final: number;
}

export interface RungRowOptions {
  readonly algorithm: Algorithm;
  readonly ladder: Ladder;
  readonly rungs: readonly number[];
  readonly eta: number;
  readonly difficulty: Difficulty;
  readonly nSeeds: number;
  readonly without?: readonly Ingredient[];
  /** The share to reach: what full training ends with. */
  readonly target: number | undefined;
}

export function rungRow(o: RungRowOptions): RungRow {
  const traces: RungTrace[] = Array.from({ length: o.nSeeds }, (_, k) =>
    rungTraceOf({ ...o, seed: k + 1, populationSize: 16, lag: 1 }),
  );
  const shares = (epochs: number) => traces.map((trace) => (100 * volumeAt(trace, epochs)) / TOY_NAS_EXACT);
  const final = meanOf(shares(EPOCH_BUDGET));
  let need = '';
  for (let epochs = 0; o.target !== undefined && need === '' && epochs <= EPOCH_BUDGET; epochs += 9) {
    if (meanOf(shares(epochs)) >= o.target)
      need = `${epochs} (${Math.round((100 * epochs) / EPOCH_BUDGET)} %)`;
  }
  const ladder =
    o.ladder === 'full'
      ? 'full training'
      : `${o.ladder}, ${o.rungs.length} rungs, eta ${o.eta}${o.without ? `, without ${o.without.join()}` : ''}`;
  const cells = [
    o.difficulty,
    o.algorithm,
    ladder,
    ...MARKS.map((mark) => meanOf(shares(mark)).toFixed(1)),
    `± ${halfWidthOf(shares(EPOCH_BUDGET)).toFixed(1)}`,
    o.target === undefined ? '' : need || 'not reached',
  ];
  return { text: `| ${cells.join(' | ')} |`, final };
}

export const RUNG_HEADER = [
  `| curves | search | training | ${MARKS.map((mark) => `${mark} epochs`).join(' | ')} | 95 % | epochs to full training's end |`,
  `|---|---|---|${MARKS.map(() => '---').join('|')}|---|---|`,
].join('\n');
