// What the cost model and the space say of a spec; no text is read for it.
import { resolve } from 'node:path';
import { type Accelerator, HardwareError, loadAccelerator } from '../../hardware/index.ts';
import { compileSpace, type Space } from '../../space/compiled-space.ts';
import { crossCandidates } from '../../space/cross.ts';
import { alikeLayer, type Deployment, type LayerDeployment } from '../../space/deployment.ts';
import { allMembers } from '../../space/enumerate.ts';
import { middleCandidate } from '../../space/extremes.ts';
import { type MetricValues, metricOf, metricTable } from '../../space/metrics.ts';
import { mutateCandidate, mutationKinds } from '../../space/mutate.ts';
import { deploymentsOf, draftedDeployments } from '../../space/redeploy.ts';
import { sampleCandidate } from '../../space/sample.ts';
import type { RunSpec } from '../../space/spec.ts';
import { storageChoices } from '../../space/storage-genes.ts';
import { describeStorage } from '../describe.ts';
import { RunError } from '../run-error.ts';
import type { CostSetting, OwnMetric } from './cost-setting.ts';
import { candidateCosts, trainedCosts } from './costs.ts';
import { createProblem, type RunProblem } from './problem.ts';

/** The cost model of a spec, its space, and both as a problem of the search. */
export interface CostPlan {
  readonly spec: RunSpec;
  readonly specFolder: string;
  readonly space: Space;
  readonly setting: CostSetting;
  readonly problem: RunProblem;
}

/** A name of the catalogue, or a path from `specFolder`. @throws HardwareError */
export function acceleratorOf(nameOrPath: string, specFolder: string): Accelerator {
  const isPath = /[/\\]/.test(nameOrPath) || /\.ya?ml$/.test(nameOrPath);
  return loadAccelerator(isPath ? resolve(specFolder, nameOrPath) : nameOrPath);
}

/** The cost model of a spec, without the metrics that its program brought along. @throws HardwareError */
export function costSetting(
  { accelerator, workload, scale, draft }: RunSpec,
  specFolder: string,
): CostSetting {
  const drafting =
    draft === undefined
      ? {}
      : { draft: { temperature: draft.temperature, isAligned: draft.alignmentSteps > 0 } };
  return { accelerator: acceleratorOf(accelerator, specFolder), workload, scale, ...drafting };
}

/**
 * The problem of a spec; `own` holds the functions of the metrics that its program brings along.
 * @throws {@link RunError} when the accelerator lacks a metric that the spec asks for, or a function is missing
 */
export function planCosts(spec: RunSpec, specFolder: string, own: readonly OwnMetric[] = []): CostPlan {
  const { scale, objectives, constraints, baseline } = spec;
  const missing = Object.keys(spec.metrics ?? {}).filter((name) => !own.some((each) => each.name === name));
  if (missing.length > 0) {
    throw new RunError(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is a metric' : 'are metrics'} of the program that started ` +
        "the run: only there, with the same functions, can it go on: resume(run, { metrics: [...] }) of 'paretoformer'",
    );
  }
  const setting = { ...costSetting(spec, specFolder), own };
  const space = compileSpace(spec);
  const metrics = metricTable(spec);
  const problem = createProblem({
    metrics,
    objectives,
    constraints,
    ...(spec.search.sweep === undefined ? {} : { sweep: spec.search.sweep }),
    ...(baseline === undefined ? {} : { baseline }),
    space: {
      sample: (rng) => sampleCandidate(space, rng),
      mutate: (candidate, rng, kind) => mutateCandidate(space, candidate, rng, kind),
      mutationKinds: (candidate) => mutationKinds(space, candidate),
      cross: (a, b, rng) => crossCandidates(space, a, b, rng),
      deploymentsOf: (candidate, most, rng) => deploymentsOf(space, candidate, most, rng),
      draftedDeployments: (candidate, models) => draftedDeployments(space, candidate, models),
      all: () => allMembers(space),
    },
    costsOf: (candidate) => candidateCosts(candidate, setting),
    trainedCostsOf: (candidate) => trainedCosts(candidate, setting),
    foundCostsOf: (candidate, { layerBits, ...found }) => {
      // What was encoded is another model than the one that is priced where there is a scale.
      const encoded = layerBits === undefined || scale !== undefined ? {} : { layerBits };
      return candidateCosts(candidate, setting, { ...found, ...encoded });
    },
  });
  const known = probeChoices(spec, space, setting);
  const bounds = [...constraints, ...(spec.search.sweep ?? [])];
  for (const metric of [...objectives, ...bounds.map((bound) => bound.metric)]) {
    if (metricOf(metrics, metric).trained || known[metric] !== undefined) continue;
    throw new RunError(
      `${metric} is not known of ${spec.accelerator}; leave it out or add what it needs to the accelerator file`,
    );
  }
  return { spec, specFolder, space, setting, problem };
}

/**
 * Prices the middle member with every choice of the deployment, so that none surprises in the middle of a run.
 * Returns the metrics that the accelerator knows. @throws HardwareError that names the choice
 */
function probeChoices({ deployment, draft }: RunSpec, space: Space, setting: CostSetting): MetricValues {
  const middle = middleCandidate(space);
  const probe = (name: string, changes: Partial<Deployment>) => {
    try {
      return candidateCosts({ ...middle, deployment: { ...middle.deployment, ...changes } }, setting)
        .deployed;
    } catch (error) {
      if (!(error instanceof HardwareError)) throw error;
      throw new HardwareError(error.code, `${name}: ${error.message}`, { cause: error });
    }
  };
  const inAllLayers = (layer: LayerDeployment) => ({ layers: middle.deployment.layers.map(() => layer) });
  const { attention, feedForward, embedding } = storageChoices(space);
  for (const storage of [...attention, ...feedForward]) {
    probe(`deployment.weightFormat ${describeStorage(storage)}`, inAllLayers(alikeLayer(storage)));
  }
  for (const storage of embedding) {
    probe(`deployment.headFormat ${describeStorage(storage)}`, { embedding: storage });
  }
  for (const kvCacheFormat of deployment.kvCacheFormat) {
    probe(`deployment.kvCacheFormat ${kvCacheFormat}`, { kvCacheFormat });
  }
  for (const nCards of deployment.cards) probe(`deployment.cards ${nCards}`, { nCards });
  for (const weightFormat of draft?.choices.model?.weightFormat ?? []) {
    const rule = { draftLength: draft!.choices.draftLength[0]!, confidence: 0 };
    const model = { kind: 'model', architecture: middle.architecture, weightFormat, ...rule } as const;
    probe(`draft.model.weightFormat ${weightFormat}`, { draft: model });
  }
  return probe('the middle member', {});
}
