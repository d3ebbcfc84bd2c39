// How well losses and sizes alone predict the acceptance of pairs that were not measured.
import type { Dataset } from '../../evaluators/data/dataset.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import { PLAIN_SAMPLING } from '../../evaluators/generation/sampling.ts';
import { meanAcceptance, measureAcceptance } from '../../evaluators/speculation/acceptance.ts';
import { fitAcceptance, type MeasuredPair } from '../../evaluators/speculation/predict-acceptance.ts';
import { measureBitsPerByte } from '../../evaluators/training/train.ts';
import { countParameters } from '../../space/architecture.ts';
import { DRAFTS, TRAINING, trainedModel } from './models.ts';

interface NamedModel {
  readonly name: string;
  readonly model: LanguageModel;
}

/** Every pair of models of which the second has the higher loss, measured. */
async function measurePairs(
  models: readonly NamedModel[],
  data: Dataset,
): Promise<(MeasuredPair & { readonly target: string })[]> {
  const windows = Array.from({ length: 24 }, (_, i) => data.validation.slice(i * 5000, i * 5000 + 129));
  const known = [];
  for (const { name, model } of models) {
    const bitsPerByte = await measureBitsPerByte(model.architecture, model.weights, data, 32_768);
    known.push({ name, model, bitsPerByte, parameters: countParameters(model.architecture) });
  }
  const pairs: (MeasuredPair & { readonly target: string })[] = [];
  for (const target of known) {
    for (const draft of known) {
      if (draft.parameters >= target.parameters || draft.bitsPerByte <= target.bitsPerByte) continue;
      const trace = await measureAcceptance(target.model, draft.model, windows, PLAIN_SAMPLING);
      pairs.push({
        targetBitsPerByte: target.bitsPerByte,
        draftBitsPerByte: draft.bitsPerByte,
        targetParameters: target.parameters,
        draftParameters: draft.parameters,
        acceptance: meanAcceptance(trace).acceptance,
        group: draft.name,
        target: target.name,
      });
    }
  }
  return pairs;
}

export async function predictPairs(
  folder: string,
  data: Dataset,
  target: LanguageModel,
  drafts: readonly NamedModel[],
): Promise<void> {
  const models: NamedModel[] = [{ name: 'target', model: target }];
  models.push(...drafts.filter(({ name }) => name.endsWith('plain')));
  for (const [name, shape] of Object.entries(DRAFTS)) {
    for (const steps of [200, 600]) {
      const settings = { ...TRAINING, rungs: [steps] };
      models.push({ name: `${name} ${steps}`, model: await trainedModel(folder, shape, data, settings) });
    }
  }
  const pairs = await measurePairs(models, data);
  const unseenDraft = fitAcceptance(pairs).expectedError;
  const unseenTarget = fitAcceptance(pairs.map((pair) => ({ ...pair, group: pair.target }))).expectedError;
  const mean = pairs.reduce((sum, { acceptance }) => sum + acceptance, 0) / pairs.length;
  const spread = pairs.reduce((sum, { acceptance }) => sum + Math.abs(acceptance - mean), 0) / pairs.length;
  console.log(`\n${pairs.length} pairs, acceptance ${mean.toFixed(3)}, mean deviation ${spread.toFixed(3)}`);
  console.log(
    `mean absolute error: ${unseenDraft.toFixed(4)} on drafts left out, ${unseenTarget.toFixed(4)} on targets`,
  );
}
