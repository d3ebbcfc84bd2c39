import { describe, expect, it } from 'vitest';
import {
  explainIdle,
  explainInfeasible,
  hypervolumeBounds,
  idleObjectives,
  surveySpace,
} from '../../../runs/plan/bounds.ts';
import { parseConstraint } from '../../../space/constraint.ts';
import type { MetricName } from '../../../space/metrics.ts';
import { fakeProblem } from '../fake.ts';

function boundsOf(objectives: readonly MetricName[], texts: readonly string[]) {
  const problem = fakeProblem({ objectives, constraints: texts });
  const constraints = texts.map((text) => parseConstraint(text));
  const survey = surveySpace(problem, 3);
  return {
    survey,
    bounds: hypervolumeBounds({ problem, constraints, survey, unigramBitsPerByte: 4.2 }),
    problem,
  };
}

describe('the box of the hypervolume', () => {
  it('reaches from 0 to the unigram entropy for the loss, and around 256 feasible members for costs', () => {
    const { survey, bounds, problem } = boundsOf(['loss', 'decodeLatency', 'throughput'], []);
    expect(survey.feasible).toHaveLength(256);
    const values = (metric: MetricName) =>
      survey.feasible.map((each) => problem.costs(each).deployed[metric]!);
    expect(bounds).toEqual([
      { metric: 'loss', ideal: 0, reference: 4.2 },
      {
        metric: 'decodeLatency',
        ideal: Math.min(...values('decodeLatency')),
        reference: Math.max(...values('decodeLatency')) * 1.1,
      },
      {
        metric: 'throughput',
        ideal: Math.max(...values('throughput')),
        reference: Math.min(...values('throughput')) / 1.1,
      },
    ]);
  });

  it('ends at a limit that is tighter, on the side that the limit bounds', () => {
    const loose = boundsOf(['loss', 'memory'], []).bounds[1]!;
    const limit = (loose.ideal + loose.reference) / 2;
    const tight = boundsOf(['loss', 'memory'], [`memory <= ${limit} B`]).bounds[1]!;
    expect(tight.reference).toBeLessThanOrEqual(limit);
    const wrongSide = boundsOf(['loss', 'memory'], ['memory >= 1 B']).bounds[1]!;
    expect(wrongSide).toEqual(loose);
  });

  it('does not depend on anything but the seed', () => {
    expect(boundsOf(['loss', 'memory'], []).bounds).toEqual(boundsOf(['loss', 'memory'], []).bounds);
  });
});

describe('a survey', () => {
  it('counts what each constraint turns down and names the nearest miss', () => {
    const texts = ['memory <= 20 KB', 'parameters <= 1 K'];
    const problem = fakeProblem({ constraints: texts });
    const survey = surveySpace(problem, 1);
    expect([survey.nSampled, survey.nFeasible, survey.feasible]).toEqual([2000, 0, []]);
    const [memory, parameters] = survey.rejections;
    expect(parameters).toMatchObject({ constraint: 'parameters <= 1 K', rejects: 1 });
    expect(memory!.rejects).toBeGreaterThan(0);
    expect(memory!.rejects).toBeLessThan(1);
    expect(memory!.rejectsAlone).toBe(0);
    expect(memory!.rejects + parameters!.rejectsAlone).toBeCloseTo(1, 9);
    expect(explainInfeasible(survey)).toMatch(
      /^no feasible member among 2000 random ones: "parameters <= 1 K" rejects 100\.0 %, "memory <= 20 KB" rejects \d+\.\d %; the nearest misses .*"parameters <= 1 K" by/,
    );
  });

  it('climbs to a corner that random members all but never meet', () => {
    const all = surveySpace(fakeProblem(), 1, 2000).feasible.map(
      (each) => fakeProblem().costs(each).deployed.memory!,
    );
    const least = Math.min(...all);
    const share = all.filter((memory) => memory <= least).length / all.length;
    expect(share).toBeLessThan(0.05);
    const survey = surveySpace(fakeProblem({ constraints: [`memory <= ${least} B`] }), 99, 256, 5);
    expect(survey.nFeasible).toBe(0);
    expect(
      surveySpace(fakeProblem({ constraints: [`memory <= ${least} B`] }), 99).feasible.length,
    ).toBeGreaterThan(0);
  });
});

describe('objectives that cannot change the front', () => {
  const idleOf = (objectives: readonly MetricName[]) => {
    const problem = fakeProblem({ objectives });
    return idleObjectives(problem, surveySpace(problem, 1)).map(explainIdle);
  };

  it('are found by what they order alike, a better-when-higher one included', () => {
    expect(idleOf(['loss', 'memory'])).toEqual([]);
    expect(idleOf(['loss', 'parameters', 'memory'])).toEqual([]);
    expect(idleOf(['memory', 'loss', 'throughput'])).toEqual([
      'the objective throughput orders the members as memory does, so it cannot change the front',
    ]);
  });

  it('are found where they never vary', () => {
    const problem = fakeProblem({ objectives: ['loss', 'memory'] });
    const survey = surveySpace(problem, 1);
    const same = { ...survey, feasible: survey.feasible.map(() => survey.feasible[0]!) };
    expect(idleObjectives(problem, same).map(explainIdle)).toEqual([
      'the objective memory is the same for every member, so it cannot change the front',
    ]);
    expect(idleObjectives(problem, { ...same, feasible: same.feasible.slice(0, 3) })).toEqual([]);
  });
});
