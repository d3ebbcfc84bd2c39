import { describe, expect, it } from 'vitest';
import {
  createSearch,
  frontOf,
  hypervolume,
  INGREDIENTS,
  type Ingredient,
  rungSizes,
} from '../../search/index.ts';
import type { Ask, SearchSettings, Tell } from '../../search/port.ts';
import { deriveRng } from '../../space/random.ts';
import { drive } from './drive.ts';
import { knapsack, lotz, mnk } from './problems/bits.ts';
import { type Genes, geneProblem, type TestProblem } from './problems/genes.ts';
import { hwgpt } from './problems/hwgpt.ts';

const settings = (changes: Partial<SearchSettings> = {}): SearchSettings => ({
  seed: 1,
  nCandidates: 60,
  populationSize: 16,
  nRungs: 1,
  eta: 3,
  ...changes,
});
const evaluate = (problem: TestProblem) => (ask: Ask<Genes>) => problem.truth(ask.genome);
const signature = (asks: readonly Ask<Genes>[]) =>
  asks.map(
    (ask) => `${ask.number}:${ask.candidate}:${ask.rung}:${ask.origin}:${ask.parents.join()}:${ask.key}`,
  );

describe.each(['nsga2', 'random'] as const)('%s', (algorithm) => {
  const problem = hwgpt();

  it('asks the same with any number of workers and any order of finishing', () => {
    const s = settings({ nRungs: 3 });
    const run = (nWorkers: number, durationSeed: number) =>
      signature(
        drive(createSearch(problem, algorithm, s), evaluate(problem), { lag: 8, nWorkers, durationSeed }),
      );
    const alone = run(1, 0);
    expect(run(3, 1)).toEqual(alone);
    expect(run(8, 2)).toEqual(alone);
    expect(run(8, 3)).toEqual(alone);
  });

  it('is a fold: replaying the tells of a part gives the asks that follow', () => {
    const s = settings({ nRungs: 2 });
    const whole = signature(drive(createSearch(problem, algorithm, s), evaluate(problem), { lag: 4 }));
    const replayed = createSearch(problem, algorithm, s);
    expect(signature(drive(replayed, evaluate(problem), { lag: 4, maxAsks: 30 }))).toEqual(
      whole.slice(0, 30),
    );
  });

  it('depends on the seed', () => {
    const run = (seed: number) =>
      signature(drive(createSearch(problem, algorithm, settings({ seed })), evaluate(problem)));
    expect(run(1)).not.toEqual(run(2));
  });

  it('never asks a genome twice at a rung, and fills every rung', () => {
    const s = settings({ nRungs: 3, nCandidates: 100 });
    const asks = drive(createSearch(problem, algorithm, s), evaluate(problem), { lag: 8 });
    expect(new Set(asks.map((ask) => `${ask.key}@${ask.rung}`)).size).toBe(asks.length);
    expect([0, 1, 2].map((rung) => asks.filter((ask) => ask.rung === rung).length)).toEqual([100, 33, 11]);
    expect(rungSizes(s)).toEqual([100, 33, 11]);
    expect(asks.map((ask) => ask.number)).toEqual(asks.map((_, at) => at));
  });

  it('never asks what cheap constraints rule out', () => {
    const bag = knapsack(true);
    const search = createSearch(bag, algorithm, settings({ nCandidates: 150 }));
    const asks = drive(search, evaluate(bag), { lag: 4 });
    expect(asks).toHaveLength(150);
    expect(asks.filter((ask) => bag.truth(ask.genome).violations[0]! > 0)).toEqual([]);
    expect(search.rejections().infeasible).toBeGreaterThan(0);
  });

  it('finishes when the space is used up', () => {
    const small = lotz(4);
    const asks = drive(createSearch(small, algorithm, settings({ nRungs: 2 })), evaluate(small), { lag: 4 });
    expect(asks.filter((ask) => ask.rung === 0)).toHaveLength(16);
    expect(asks.filter((ask) => ask.rung === 1)).toHaveLength(5);
  });

  it('is done at once where nothing is feasible', () => {
    const hopeless = geneProblem({
      name: 'hopeless',
      cardinality: [4, 4],
      reference: [9],
      constraintsAreCheap: true,
      truth: (genes) => ({ objectives: [genes[0]!], violations: [1 + genes[1]!] }),
    });
    const search = createSearch(hopeless, algorithm, settings());
    expect(search.ask()).toEqual({ kind: 'done' });
    expect(search.rejections().infeasible).toBeGreaterThan(100);
  });

  it('survives a run in which half of the evaluations fail', () => {
    const asks = drive(
      createSearch(problem, algorithm, settings({ nRungs: 2 })),
      (ask) => (ask.number % 2 === 0 ? 'failed' : problem.truth(ask.genome)),
      { lag: 4 },
    );
    const failed = new Set(asks.filter((ask) => ask.number % 2 === 0).map((ask) => ask.candidate));
    const climbed = asks.filter((ask) => ask.rung === 1);
    expect(climbed.length).toBeGreaterThan(5);
    expect(
      climbed.filter(
        (ask) =>
          failed.has(ask.candidate) && asks.find((a) => a.candidate === ask.candidate)!.number % 2 === 0,
      ),
    ).toEqual([]);
  });

  it('sends the baseline first and through all rungs, in no one’s place', () => {
    const baseline = problem.sample({ ...zeroRng });
    const s = settings({ nRungs: 3, nCandidates: 31 });
    const asks = drive(createSearch(problem, algorithm, s, baseline), evaluate(problem), { lag: 3 });
    expect(asks[0]).toMatchObject({ origin: 'baseline', number: 0, candidate: 0, rung: 0 });
    expect(asks.filter((ask) => ask.candidate === 0).map((ask) => ask.rung)).toEqual([0, 1, 2]);
    expect(
      [0, 1, 2].map((rung) => asks.filter((ask) => ask.rung === rung && ask.candidate > 0).length),
    ).toEqual([30, 10, 3]);
  });
});

const zeroRng = {
  uint32: () => 0,
  below: () => 0,
  uniform: () => 0,
  chance: () => false,
  pick: <T>(items: readonly T[]) => items[0]!,
  normal: () => 0,
};

describe('tell', () => {
  const problem = lotz(8);
  const asked = () => {
    const search = createSearch(problem, 'random', settings());
    search.ask();
    return search;
  };
  const ok = (changes: Partial<Extract<Tell, { kind: 'ok' }>>): Tell => ({
    kind: 'ok',
    number: 0,
    objectives: [1, 2],
    violations: [],
    ...changes,
  });

  it('refuses NaN, wrong lengths, and evaluations that are not pending', () => {
    expect(() => asked().tell(ok({ objectives: [1, Number.NaN] }))).toThrow(RangeError);
    expect(() => asked().tell(ok({ violations: [Number.NaN] }))).toThrow(RangeError);
    expect(() => asked().tell(ok({ objectives: [1] }))).toThrow(RangeError);
    expect(() => asked().tell(ok({ number: 1 }))).toThrow('evaluation 1 is not pending');
    const search = asked();
    search.tell(ok({}));
    expect(() => search.tell(ok({}))).toThrow('evaluation 0 is not pending');
  });

  it('still takes the evaluation after refusing a bad result', () => {
    const search = asked();
    expect(() => search.tell(ok({ objectives: [Number.NaN, 1] }))).toThrow();
    search.tell({ kind: 'failed', number: 0 });
    expect(search.ask()).toMatchObject({ kind: 'evaluate', number: 1 });
  });
});

describe('settings', () => {
  it.each([
    [{ nCandidates: 0 }, 'nCandidates'],
    [{ eta: 1 }, 'eta'],
    [{ nRungs: 1.5 }, 'nRungs'],
    [{ populationSize: Number.NaN }, 'populationSize'],
    [{ seed: 0.5 }, 'seed'],
  ])('refuses %o', (changes, name) => {
    expect(() => createSearch(lotz(4), 'nsga2', settings(changes))).toThrow(name);
  });
});

describe('ingredients', () => {
  it.each(INGREDIENTS)('%s can be left out, and makes a difference', (ingredient) => {
    const problem = ingredient === 'constraint-check' ? knapsack(true) : hwgpt();
    const algorithm = ['crossover', 'adaptive-rates', 'constraint-check', 'gain-promotion'].includes(
      ingredient,
    )
      ? 'nsga2'
      : 'guided';
    const run = (without: readonly Ingredient[]) => {
      const s = settings({ nCandidates: 36, populationSize: 8, nRungs: 2, without });
      return signature(drive(createSearch(problem, algorithm, s), evaluate(problem)));
    };
    expect(run([ingredient])).not.toEqual(run([]));
  });

  it('refuses an ingredient that does not exist', () => {
    const without = ['luck'] as unknown as Ingredient[];
    expect(() => createSearch(lotz(4), 'nsga2', settings({ without }))).toThrow('luck');
  });
});

describe('quality', () => {
  const volume = (problem: TestProblem, asks: readonly Ask<Genes>[]) => {
    const points = asks.map((ask) => ({ candidate: ask.candidate, ...problem.truth(ask.genome) }));
    return hypervolume(
      frontOf(points).map((point) => point.objectives),
      problem.reference,
    );
  };
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const meanVolume = (problem: TestProblem, algorithm: 'nsga2' | 'random', nCandidates: number, lag = 1) =>
    mean(
      [1, 2, 3, 4, 5].map((seed) => {
        const search = createSearch(problem, algorithm, settings({ seed, nCandidates, populationSize: 20 }));
        return volume(problem, drive(search, evaluate(problem), { lag, durationSeed: seed }));
      }),
    );

  it.each([
    // The share of the exact hypervolume that published steady-state runs reach after 400 evaluations.
    { problem: mnk(2), exact: 0.5859637182262112, published: 0.949 },
    { problem: knapsack(false), exact: 17405333, published: 0.694 },
    { problem: knapsack(true), exact: 17405333, published: 0.762 },
    { problem: hwgpt(), exact: 0.614525056168799, published: 0.851 },
  ])('$problem.name: 400 evaluations reach about the published share', ({ problem, exact, published }) => {
    const share = meanVolume(problem, 'nsga2', 400) / exact;
    expect(share).toBeGreaterThan(published - 0.02);
  });
});

describe('adopted evaluations', () => {
  const problem = hwgpt();
  const s = settings({ nCandidates: 30, nRungs: 2 });
  /** Adopts mutants of what reached the highest rung, at most `perMember` of each. */
  const driveAdopting = (perMember: number) => {
    const search = createSearch(problem, 'nsga2', s);
    const asks: Ask<Genes>[] = [];
    const queue: Ask<Genes>[] = [];
    for (;;) {
      const outcome = queue.length < 4 ? search.ask() : ({ kind: 'wait' } as const);
      if (outcome.kind === 'evaluate') {
        asks.push(outcome);
        queue.push(outcome);
        continue;
      }
      const ask = queue.shift();
      if (ask === undefined) return { asks, search };
      search.tell({ kind: 'ok', number: ask.number, ...evaluate(problem)(ask) });
      for (let k = 0; k < perMember && ask.rung === 1 && ask.origin !== 'adopted'; k++) {
        const genome = problem.mutate(ask.genome, deriveRng(7, 10 * ask.number + k, 'variant'));
        const adopted = search.adopt(genome, 1, [ask.candidate]);
        if (adopted === undefined) continue;
        asks.push(adopted);
        queue.push(adopted);
      }
    }
  };

  it("take nobody's place, are numbered in their turn, never climb, and can be parents", () => {
    const { asks } = driveAdopting(3);
    const adopted = asks.filter(({ origin }) => origin === 'adopted');
    expect(adopted.length).toBeGreaterThan(15);
    expect(adopted.every(({ rung }) => rung === 1)).toBe(true);
    expect(asks.filter(({ rung }) => rung === 0)).toHaveLength(30);
    expect(asks.filter(({ origin }) => origin === 'promotion')).toHaveLength(10);
    expect(asks.map(({ number }) => number)).toEqual(asks.map((_, at) => at));
    expect(new Set(asks.map(({ key, rung }) => `${key}@${rung}`)).size).toBe(asks.length);
    const byNumber = new Set(adopted.map(({ candidate }) => candidate));
    expect(
      asks.some(({ origin, parents }) => origin !== 'adopted' && parents.some((each) => byNumber.has(each))),
    ).toBe(true);
    expect(signature(driveAdopting(3).asks)).toEqual(signature(asks));
  });

  it('are refused where the genome is known', () => {
    const { asks, search } = driveAdopting(0);
    expect(search.adopt(asks[3]!.genome, 1, [3])).toBeUndefined();
  });
});
