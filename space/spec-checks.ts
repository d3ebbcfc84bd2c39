// Rules between keys: one function a rule, each reporting at the key that a user would change.
import type { Constraint } from './constraint.ts';
import { longestDraft } from './draft.ts';
import { engineProblem } from './engine-spec.ts';
import type { Problem } from './schema-issues.ts';
import type { RunSpec } from './spec.ts';

type Check = (spec: RunSpec) => readonly Problem[];

/** Every rule that the normalised spec breaks. */
export function checkSpec(spec: RunSpec): Problem[] {
  return CHECKS.flatMap((check) => check(spec));
}

const evenHeadDim: Check = ({ space, baseline, training, draft }) => {
  const odd = space.headDim.find((headDim) => headDim % 2 !== 0);
  const problems: Problem[] = [];
  const because = 'rotary positions turn its numbers in pairs, so it must be even';
  if (odd !== undefined) problems.push({ path: ['space', 'headDim'], message: `headDim ${odd}: ${because}` });
  const oddDraft = draft?.choices.model?.headDim.find((headDim) => headDim % 2 !== 0);
  if (oddDraft !== undefined)
    problems.push({ path: ['draft', 'model', 'headDim'], message: `headDim ${oddDraft}: ${because}` });
  const headDim = baseline?.architecture.headDim ?? 2;
  if (headDim % 2 !== 0)
    problems.push({ path: ['baseline', 'headDim'], message: `headDim ${headDim}: ${because}` });
  const source = training.teacher?.source;
  if (source?.kind === 'model' && source.architecture.headDim % 2 !== 0) {
    const message = `headDim ${source.architecture.headDim}: ${because}`;
    problems.push({ path: ['training', 'teacher', 'model', 'headDim'], message });
  }
  return problems;
};

const headsHaveKvHeads: Check = ({ space, draft }) => {
  const stuck = (
    path: readonly string[],
    { nHeads, nKvHeads }: { readonly nHeads: readonly number[]; readonly nKvHeads: readonly number[] },
  ) =>
    nHeads
      .filter((heads) => heads > 0 && !nKvHeads.some((kvHeads) => heads % kvHeads === 0))
      .map((heads) => ({
        path: [...path, 'nHeads'],
        message: `nHeads ${heads}: no choice of nKvHeads (${nKvHeads.join(', ')}) divides it`,
      }));
  const model = draft?.choices.model;
  return [
    ...stuck(['space', 'layers'], space.layers),
    ...(model === undefined ? [] : stuck(['draft', 'model'], model)),
  ];
};

const someDraftPossible: Check = ({ draft, space }) => {
  if (draft === undefined) return [];
  const { model, self, lookup } = draft.choices;
  const problems: Problem[] = [];
  if (model === undefined && !self && !lookup) {
    const message = 'nothing may draft: give "model", "self: true" or "lookup: true", or leave "draft" out';
    problems.push({ path: ['draft'], message });
  }
  if (self && model === undefined && !lookup && space.depth.at(-1) === 1) {
    const message = 'no member has more than one layer, so none has first layers to draft with';
    problems.push({ path: ['draft', 'self'], message });
  }
  if (draft.alignmentSteps > 0 && model === undefined) {
    const message = 'only draft models are aligned, and the file has no "model"';
    problems.push({ path: ['draft', 'alignmentSteps'], message });
  }
  return problems;
};

const draftFits: Check = ({ draft, task: { contextLength } }) => {
  const longest = longestDraft(contextLength);
  const lengths = draft?.choices.draftLength.filter((length) => typeof length === 'number') ?? [];
  const tooLong = lengths.find((length) => length > longest);
  if (tooLong === undefined) return [];
  const message = `${tooLong} drafted tokens do not fit behind a prompt in a context of ${contextLength} tokens: at most ${longest}`;
  return [{ path: ['draft', 'length'], message }];
};

const someLayerPossible: Check = ({ space }) => {
  const { nHeads, dFf } = space.layers;
  if (nHeads.some((heads) => heads > 0) || dFf.some((width) => width > 0)) return [];
  return [
    {
      path: ['space', 'layers'],
      message: 'every layer would be empty: nHeads and dFf have no choice above 0',
    },
  ];
};

const scaledHeadDim: Check = ({ scale, space, baseline, draft }) => {
  if (scale === undefined) return [];
  const headDims = [
    ...space.headDim,
    ...(draft?.choices.model?.headDim ?? []),
    ...(baseline === undefined ? [] : [baseline.architecture.headDim]),
  ];
  const odd = headDims.find((headDim) => ((headDim * scale.width) / scale.heads) % 2 !== 0);
  if (odd === undefined) return [];
  const scaled = `${odd} * ${scale.width} / ${scale.heads}`;
  return [
    { path: ['scale'], message: `headDim times width / heads must be a whole even number: ${scaled} is not` },
  ];
};

const relativeNeedsBaseline: Check = ({ baseline, constraints }) => {
  if (baseline !== undefined) return [];
  return constraints.flatMap(({ bound }, index) =>
    bound.kind === 'absolute'
      ? []
      : [
          {
            path: ['constraints', index],
            message: 'compares with the baseline, but the file has no "baseline"',
          },
        ],
  );
};

const constraintsAgree: Check = ({ constraints }) => {
  const problems: Problem[] = [];
  for (const [index, later] of constraints.entries()) {
    const path = ['constraints', index];
    if (isUpper(later) && limitOf(later) <= 0) {
      problems.push({ path, message: `"${later.text}": no candidate can be that low` });
    }
    const other = constraints.slice(0, index).find((earlier) => contradict(earlier, later));
    if (other !== undefined) {
      problems.push({
        path,
        message: `"${later.text}" contradicts "${other.text}": no candidate can meet both`,
      });
    }
  }
  return problems;
};

const isUpper = ({ operator }: Constraint) => operator === '<=' || operator === '<';
const limitOf = ({ bound }: Constraint) => (bound.kind === 'absolute' ? bound.value : bound.factor);

function contradict(a: Constraint, b: Constraint): boolean {
  if (a.metric !== b.metric || a.bound.kind !== b.bound.kind || isUpper(a) === isUpper(b)) return false;
  const [upper, lower] = isUpper(a) ? [a, b] : [b, a];
  const isStrict = upper.operator === '<' || lower.operator === '>';
  return limitOf(upper) < limitOf(lower) || (isStrict && limitOf(upper) === limitOf(lower));
}

const rungsIncrease: Check = ({ training }) => {
  const { rungs, warmupSteps } = training;
  const problems: Problem[] = [];
  const index = rungs.findIndex((steps, at) => at > 0 && steps <= rungs[at - 1]!);
  if (index > 0) {
    const message = `rungs must increase: ${rungs[index]} follows ${rungs[index - 1]}`;
    problems.push({ path: ['training', 'rungs', index], message });
  }
  if (warmupSteps >= rungs[0]!) {
    const message = `warm-up of ${warmupSteps} steps must end before the first rung (${rungs[0]} steps)`;
    problems.push({ path: ['training', 'warmupSteps'], message });
  }
  return problems;
};

const heirsHaveDonors: Check = ({ training }) => {
  if (training.inheritance !== true || training.rungs.length > 1) return [];
  const message =
    'needs at least two rungs: the highest is trained from the start, and those below inherit from it';
  return [{ path: ['training', 'inheritance'], message }];
};

const teacherTeaches: Check = ({ training }) => {
  const { teacher, warmupSteps } = training;
  if (teacher === undefined) return [];
  const path = ['training', 'teacher'];
  const problems: Problem[] = [];
  if (teacher.forwardKl + teacher.totalVariation === 0) {
    const message = 'nothing is learnt from the teacher: forwardKl and totalVariation are both 0';
    problems.push({ path, message });
  }
  if (teacher.source.kind === 'model' && teacher.source.steps <= warmupSteps) {
    const message = `${teacher.source.steps} steps end before the warm-up does (${warmupSteps} steps)`;
    problems.push({ path: [...path, 'steps'], message });
  }
  return problems;
};

const evaluationFits: Check = ({ training, task }) => {
  if (training.evaluationTokens >= task.contextLength) return [];
  const message = `must be at least task.contextLength (${task.contextLength}), found ${training.evaluationTokens}`;
  return [{ path: ['training', 'evaluationTokens'], message }];
};

const searchFits: Check = ({ search, training }) => {
  const { candidates, population, eta } = search;
  const problems: Problem[] = [];
  if (population > candidates) {
    const message = `population ${population} is more than the ${candidates} candidates`;
    problems.push({ path: ['search', 'population'], message });
  }
  const nRungs = training.rungs.length;
  if (candidates < eta ** (nRungs - 1)) {
    const message = `${candidates} candidates at eta ${eta} leave none for rung ${nRungs}: at least ${eta ** (nRungs - 1)} needed`;
    problems.push({ path: ['search', 'candidates'], message });
  }
  return problems;
};

/** OWL finds the layers' sparsities itself: there is no gene of a layer left for it to keep. */
const splitFits: Check = ({ compression, deployment: { sparsity } }) => {
  if (compression.split !== 'owl' || (sparsity.kind === 'alike' && sparsity.nGroups === 1)) return [];
  const message =
    'owl shares one sparsity out over the layers: deployment.sparsity must be one choice for all layers and parts';
  return [{ path: ['compression', 'split'], message }];
};

const scheduleFits: Check = ({ compression: { schedule, method, recoverySteps } }) => {
  if (schedule === 'one-shot') return [];
  if (recoverySteps === 0) {
    const message = 'gradual pruning goes on during recovery: recoverySteps must be above 0';
    return [{ path: ['compression', 'schedule'], message }];
  }
  if (method === 'magnitude') return [];
  const message = `gradual pruning goes by magnitude: method cannot be ${method}`;
  return [{ path: ['compression', 'schedule'], message }];
};

const recoveryFits: Check = ({ compression, training }) => {
  const { recoverySteps } = compression;
  if (recoverySteps <= 1e5 && recoverySteps <= 10 * training.rungs.at(-1)!) return [];
  const message = `${recoverySteps} steps are more than ten times what the highest rung trains`;
  return [{ path: ['compression', 'recoverySteps'], message }];
};

const workloadFits: Check = ({ workload, scale, task }) => {
  const contextLength = scale?.contextLength ?? task.contextLength;
  const asked = workload.promptTokens + workload.generatedTokens;
  if (asked <= contextLength) return [];
  const message = `promptTokens + generatedTokens is ${asked}: more than the deployed context of ${contextLength} tokens`;
  return [{ path: ['workload'], message }];
};

const engineFits: Check = ({ engine }) => {
  const problem = engineProblem(engine);
  return problem === undefined ? [] : [{ path: ['engine', problem.key], message: problem.message }];
};

const CHECKS: readonly Check[] = [
  evenHeadDim,
  headsHaveKvHeads,
  someDraftPossible,
  draftFits,
  someLayerPossible,
  scaledHeadDim,
  relativeNeedsBaseline,
  constraintsAgree,
  rungsIncrease,
  heirsHaveDonors,
  teacherTeaches,
  evaluationFits,
  searchFits,
  workloadFits,
  splitFits,
  scheduleFits,
  recoveryFits,
  engineFits,
];
