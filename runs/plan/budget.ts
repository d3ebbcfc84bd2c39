// What a spec spends: the settings of its search, and the evaluations that they come to.
import { rungSizes } from '../../search/halving.ts';
import type { SearchSettings } from '../../search/port.ts';
import type { RunSpec } from '../../space/spec.ts';

/** The search's settings, as the spec has them. */
export function searchSettings({ seed, search, training }: RunSpec): SearchSettings {
  const { candidates, population, eta, without } = search;
  return {
    seed,
    nCandidates: candidates,
    populationSize: population,
    nRungs: training.rungs.length,
    eta,
    rungCosts: stepsPerRung(training),
    ...(without === undefined ? {} : { without }),
  };
}

/** Optimiser steps that an evaluation at each rung trains; the highest starts anew where those below inherit. */
export function stepsPerRung({ rungs, inheritance }: RunSpec['training']): number[] {
  return rungs.map((steps, rung) => {
    const startsAnew = inheritance === true && rung === rungs.length - 1;
    return startsAnew ? steps : steps - (rungs[rung - 1] ?? 0);
  });
}

/** Evaluations per rung, the baseline's way up included, if nothing fails; without further deployments. */
export function plannedEvaluations(spec: RunSpec): number[] {
  const nExtra = spec.baseline === undefined ? 0 : 1;
  return rungSizes(searchSettings(spec)).map((n, rung) => (rung === 0 ? n : n + nExtra));
}
