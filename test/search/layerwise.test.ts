import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frontOf, hypervolume } from '../../search/index.ts';
import { layerwiseFront } from '../../search/layerwise.ts';
import { HWGPT_BEST_KNOWN, hwgpt } from './problems/hwgpt.ts';
import { hwgptFront } from './problems/hwgpt-front.ts';

const option = fc.record({
  adds: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }),
  state: fc.integer({ min: 0, max: 1 }),
});
const layers = fc.array(fc.array(option, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 });

describe('layerwiseFront', () => {
  it('is what enumeration finds, for each state', () => {
    fc.assert(
      fc.property(layers, (space) => {
        let all = [{ sums: [0, 0, 0], state: 0 }];
        for (const options of space) {
          all = all.flatMap((path) =>
            options.map((o) => ({
              sums: path.sums.map((s, k) => s + o.adds[k]!),
              state: path.state + o.state,
            })),
          );
        }
        const texts = (members: readonly { sums: readonly number[]; state: number }[]) =>
          [...new Set(members.map((one) => `${one.state}:${one.sums.join()}`))].sort();
        const expected = [...new Set(all.map((one) => one.state))].flatMap((state) =>
          frontOf(
            all
              .filter((one) => one.state === state)
              .map((one, candidate) => ({ ...one, candidate, objectives: one.sums, violations: [] })),
          ),
        );
        const found = layerwiseFront({ layers: space, gridWidth: [0, 0, 0] });
        expect(texts(found)).toEqual(texts(expected));
        for (const { choices, sums } of found) {
          const total = [0, 1, 2].map((k) =>
            choices.reduce((sum, choice, at) => sum + space[at]![choice]!.adds[k]!, 0),
          );
          expect(total).toEqual(sums);
        }
      }),
    );
  });

  it('reaches beyond the best known front of the GPT-S replay', () => {
    const problem = hwgpt();
    const points = hwgptFront(0.001).map(({ genes }, candidate) => ({ candidate, ...problem.truth(genes) }));
    const volume = hypervolume(
      frontOf(points).map((point) => point.objectives),
      problem.reference,
    );
    expect(volume).toBeGreaterThan(HWGPT_BEST_KNOWN);
    expect(volume).toBeLessThan(0.62);
  });
});
