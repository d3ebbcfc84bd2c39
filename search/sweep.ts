// Epsilon constraints: candidates take turns at bounds on what costs nothing to know, and all results serve every bound.
import type { Ledger } from './ledger.ts';
import type { Problem } from './port.ts';
import type { Proposer, SearchContext } from './proposer.ts';

/** The problem with one more constraint. */
function boundProblem<G>(problem: Problem<G>, violationOf: (genome: G) => number): Problem<G> {
  return {
    ...problem,
    facts: (genome) => {
      const { objectives, violations } = problem.facts(genome);
      return { objectives, violations: [...violations, violationOf(genome)] };
    },
  };
}

/** The ledger with every result beyond the bound made as infeasible as it is beyond. */
function boundLedger<G>(ledger: Ledger<G>, violationOf: (genome: G) => number): Ledger<G> {
  const scored: ReturnType<Ledger<G>['scoredAt']>[number][][] = [];
  const scoredAt: Ledger<G>['scoredAt'] = (rung) => {
    scored[rung] ??= [];
    const all = scored[rung]!;
    for (const { member, result } of ledger.scoredAt(rung).slice(all.length)) {
      const totalViolation = result.totalViolation + violationOf(member.genome);
      all.push({ member, result: { ...result, totalViolation } });
    }
    return all;
  };
  return Object.create(ledger, { scoredAt: { value: scoredAt } }) as Ledger<G>;
}

/**
 * One proposer for each of the problem's bounds and one without any, each asked in turn. What climbs is decided
 * without bounds. Where the problem has none, the proposer itself.
 */
export function sweeping<G>(problem: Problem<G>, create: () => Proposer<G>): Proposer<G> {
  const free = create();
  const { bounds = [] } = problem;
  if (bounds.length === 0) return free;
  const turns = bounds.map((violationOf) => {
    const proposer = create();
    const bound = boundProblem(problem, violationOf);
    let ledger: Ledger<G> | undefined;
    return (context: SearchContext<G>) => {
      ledger ??= boundLedger(context.ledger, violationOf);
      return proposer.propose({ ...context, problem: bound, ledger });
    };
  });
  return {
    ...free,
    propose: (context) => {
      const turn = turns[context.ledger.nEntered % (turns.length + 1)];
      // A bound under which nothing new is left gives its turn away.
      return turn?.(context) ?? free.propose(context);
    },
  };
}
