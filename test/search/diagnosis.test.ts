import { describe, expect, it } from 'vitest';
import { diagnoseFeasibility, diagnoseObjectives } from '../../search/index.ts';
import { knapsack } from './problems/bits.ts';
import { geneProblem } from './problems/genes.ts';

describe('diagnoseFeasibility', () => {
  it('counts what each constraint rejects, alone and together', () => {
    const problem = geneProblem({
      name: 'quarters',
      cardinality: [2, 2],
      reference: [9],
      constraintsAreCheap: true,
      truth: ([a, b]) => ({ objectives: [0], violations: [a!, b!] }),
    });
    const report = diagnoseFeasibility(problem, 1, 4000);
    expect(report.nFeasible / report.nSampled).toBeCloseTo(0.25, 1);
    expect(report.feasible).toHaveLength(report.nFeasible);
    expect(report.constraints[0]!.rejects).toBeCloseTo(0.5, 1);
    expect(report.constraints[0]!.rejectsAlone).toBeCloseTo(0.25, 1);
    expect(report.nearest).toEqual({ genome: [0, 0], violations: [0, 0] });
  });

  it('finds a feasible member that sampling never meets', () => {
    // All of 40 genes must be 0: one member in 2^40.
    const problem = geneProblem({
      name: 'needle',
      cardinality: Array.from({ length: 40 }, () => 2),
      reference: [1],
      constraintsAreCheap: true,
      truth: (genes) => ({ objectives: [0], violations: [genes.reduce((sum, gene) => sum + gene, 0) / 40] }),
    });
    const report = diagnoseFeasibility(problem, 1, 100);
    expect(report.nFeasible).toBe(0);
    expect(report.feasible).toEqual([report.nearest.genome]);
    expect(report.constraints).toEqual([{ rejects: 1, rejectsAlone: 1 }]);
    expect(report.nearest.violations).toEqual([0]);
  });

  it('shows how near the best member comes where nothing is feasible', () => {
    const problem = geneProblem({
      name: 'hopeless',
      cardinality: [5, 5],
      reference: [1],
      constraintsAreCheap: true,
      truth: ([a, b]) => ({ objectives: [0], violations: [0.5 + a!, b!] }),
    });
    expect(diagnoseFeasibility(problem, 1, 20).nearest.violations).toEqual([0.5, 0]);
  });

  it('refuses to sample nothing', () => {
    expect(() => diagnoseFeasibility(knapsack(true), 1, 0)).toThrow(RangeError);
  });
});

describe('diagnoseObjectives', () => {
  it('names constant objectives and those that order points as another does', () => {
    const points = [
      [1, 5, 10, 3],
      [2, 5, 20, 1],
      [4, 5, 21, 2],
    ];
    expect(diagnoseObjectives(points)).toEqual({
      constant: [1],
      redundant: [{ objective: 2, sameOrderAs: 0 }],
    });
  });

  it('does not call an objective redundant for a tie that the other breaks', () => {
    expect(
      diagnoseObjectives([
        [1, 1],
        [1, 2],
        [2, 3],
      ]).redundant,
    ).toEqual([]);
    expect(
      diagnoseObjectives([
        [1, 2],
        [2, 2],
        [3, 3],
      ]).redundant,
    ).toEqual([]);
    expect(diagnoseObjectives([])).toEqual({ constant: [], redundant: [] });
  });
});
