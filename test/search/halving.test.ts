import { describe, expect, it } from 'vitest';
import { type Ladder, rungTraceOf, volumeAt } from '../../bench/search/rung-trace.ts';
import { createSearch } from '../../search/index.ts';
import type { Ask } from '../../search/port.ts';
import { drive } from './drive.ts';
import { type Genes, geneProblem } from './problems/genes.ts';

const settings = { seed: 1, nCandidates: 27, populationSize: 8, nRungs: 2, eta: 3 };

/** A loss that latency buys: every member is on the front. */
const tradeOff = geneProblem({
  name: 'trade-off',
  cardinality: [60],
  reference: [60, 60],
  truth: ([x]) => ({ objectives: [x!, 59 - x!], violations: [] }),
});

describe('promotion', () => {
  it('spreads over the whole front', () => {
    const asks = drive(createSearch(tradeOff, 'random', settings), (ask) => tradeOff.truth(ask.genome));
    const promoted = asks.filter((ask) => ask.rung === 1).map((ask) => ask.genome[0]!);
    expect(promoted).toHaveLength(9);
    expect(Math.max(...promoted) - Math.min(...promoted)).toBeGreaterThan(35);
  });

  it('prefers what is feasible and not dominated', () => {
    const isGood = (ask: Ask<Genes>) => ask.genome[0]! % 2 === 0;
    const asks = drive(createSearch(tradeOff, 'random', settings), (ask) => {
      const { objectives } = tradeOff.truth(ask.genome);
      return isGood(ask) ? { objectives, violations: [0] } : { objectives: [0, 0], violations: [0.2] };
    });
    const late = asks.filter((ask) => ask.rung === 1).slice(2);
    expect(late.filter(isGood).length).toBe(late.length);
  });

  it('judges results with a head start among their like', () => {
    const isHeir = (candidate: number) => candidate >= 12;
    const asks = drive(createSearch(tradeOff, 'random', settings), ({ genome, candidate, rung }) => {
      const [x, rest] = tradeOff.truth(genome).objectives;
      const truth = { objectives: [x!, rest!], violations: [] };
      if (rung > 0) return truth;
      // Whoever starts ahead looks better than any other.
      return isHeir(candidate) ? { ...truth, objectives: [x! - 30, rest! - 30], startValue: x! } : truth;
    });
    const promoted = asks.filter(({ rung }) => rung === 1).map(({ candidate }) => candidate);
    expect(promoted.filter(isHeir)).toHaveLength(5);
    expect(promoted.filter((candidate) => !isHeir(candidate))).toHaveLength(4);
  });

  it('asks the highest rung first, so that a full training is never left waiting', () => {
    const asks = drive(createSearch(tradeOff, 'random', { ...settings, nRungs: 3, nCandidates: 50 }), (ask) =>
      tradeOff.truth(ask.genome),
    );
    const firstTop = asks.findIndex((ask) => ask.rung === 2);
    // Nine results at rung 0 give three at rung 1, which give the first at rung 2.
    expect(firstTop).toBe(12);
  });
});

describe('rungs on learning curves', () => {
  const volume = (ladder: Ladder, epochs: number, difficulty: 'mild' | 'hard') =>
    [1, 2, 3]
      .map((seed) =>
        volumeAt(
          rungTraceOf({
            algorithm: 'nsga2',
            ladder,
            difficulty,
            rungs: [0, 1, 2, 3],
            eta: 3,
            seed,
            populationSize: 16,
            lag: 1,
          }),
          epochs,
        ),
      )
      .reduce((a, b) => a + b, 0) / 3;

  it.each(['mild', 'hard'] as const)(
    '%s: all objectives beat full training at six tenths of its epochs',
    (difficulty) => {
      const full = volume('full', 2700, difficulty);
      expect(volume('halving', 1620, difficulty)).toBeGreaterThan(full);
    },
  );

  it('the loss alone ruins the front', () => {
    expect(volume('loss-only', 2700, 'hard')).toBeLessThan(0.75 * volume('full', 2700, 'hard'));
  });
});
