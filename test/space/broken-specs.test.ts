// One mistake a file, one line a mistake: file, line, column, key, what is wrong and what to do.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { didYouMean } from '../../space/did-you-mean.ts';
import { parseSpec } from '../../space/load-spec.ts';
import { SpecError } from '../../space/spec-error.ts';

const folder = new URL('../fixtures/space/broken/', import.meta.url);

const EXPECTED = [
  'alias-bomb.yaml:2:8: aliases expand to too much: write the values out',
  'bad-accelerator.yaml:12:14 accelerator: unknown accelerator "qualcomm-ai100-ulta" (did you mean "qualcomm-ai100-ultra"?)',
  'bad-algorithm.yaml:13:21 search.algorithm: unknown value "nsga3" (did you mean "nsga2"?)',
  'bad-engine.yaml:13:16 engine.name: unknown value "tensorfow" (did you mean "tensorflow"?)',
  'bad-format.yaml:14:24 deployment.weightFormat.1: unknown value "mxpf6-e2m3" (did you mean "mxfp6-e2m3"?)',
  'bad-ingredient.yaml:13:39 search.without.0: unknown value "cross-over" (did you mean "crossover"?)',
  'bad-tokenizer.yaml:4:14 task.tokenizer: expected bytes or a map of keys, found "byte" (did you mean "bytes"?)',
  'baseline-heads.yaml:13:76 baseline.layer.nKvHeads: nKvHeads 3 does not divide nHeads 4',
  'baseline-without-layers.yaml:14:3 baseline: needs either "layers", or "layer" and "depth"',
  'constraint-syntax.yaml:14:12 constraints.0: expected one of <= < >= > == !=, found "16"',
  'contradictory-constraints.yaml:16:5 constraints.2: "memory >= 2 GiB" contradicts "memory <= 1 GiB": no candidate can meet both',
  'custom-tag.yaml:3:11: tags are not allowed: Unresolved tag: tag:yaml.org,2002:js/function',
  'draft-heads.yaml:14:53 draft.model.nHeads: nHeads 3: no choice of nKvHeads (2) divides it',
  'draft-of-nothing.yaml:14:3 draft: nothing may draft: give "model", "self: true" or "lookup: true", or leave "draft" out',
  'draft-too-long.yaml:13:11 draft.length: 16 drafted tokens do not fit behind a prompt in a context of 16 tokens: at most 12',
  'draft-without-model.yaml:15:19 draft.alignmentSteps: only draft models are aligned, and the file has no "model"',
  'duplicate-choice.yaml:5:21 space.dModel.2: 64 is listed twice',
  'duplicate-key.yaml:6:3: this key is there twice',
  'duplicate-objective.yaml:13:28 objectives.2: "loss" is listed twice',
  'empty-choices.yaml:5:11 space.dModel: empty: needs at least one value',
  'empty-layers.yaml:9:5 space.layers: every layer would be empty: nHeads and dFf have no choice above 0',
  'empty-value.yaml:7:3 space.depth: empty: needs a value',
  'empty.yaml:1:1: the file is empty',
  'exhaustive-cut-short.yaml:13:45 search.candidates: exhaustive trains all 64 members: leave candidates out, or take another algorithm',
  'exhaustive-too-large.yaml:13:21 search.algorithm: exhaustive trains every member, and this space has 74880: at most 10000 allowed',
  'fraction.yaml:7:14 space.depth.1: expected a whole number, found 2.5',
  'gradual-by-wanda.yaml:13:25 compression.schedule: gradual pruning goes by magnitude: method cannot be wanda',
  'gradual-without-recovery.yaml:13:25 compression.schedule: gradual pruning goes on during recovery: recoverySteps must be above 0',
  'impossible-heads.yaml:9:13 space.layers.nHeads: nHeads 3: no choice of nKvHeads (2, 4) divides it',
  'inheritance-one-rung.yaml:13:39 training.inheritance: needs at least two rungs: the highest is trained from the start, and those below inherit from it',
  'large-population.yaml:13:38 search.population: population 32 is more than the 16 candidates',
  'large-vocabulary.yaml:4:32 task.tokenizer.bpe.vocabSize: must be at most 32768, found 65536',
  'layers-choose-twice.yaml:13:96 deployment.sparsity.feedForward.groups: either perLayer or groups: a layer cannot choose twice',
  'long-recovery.yaml:15:18 compression.recoverySteps: 700 steps are more than ten times what the highest rung trains',
  'long-warm-up.yaml:15:16 training.warmupSteps: warm-up of 20 steps must end before the first rung (20 steps)',
  'long-workload.yaml:13:11 workload: promptTokens + generatedTokens is 200: more than the deployed context of 128 tokens',
  'missing-corpus.yaml:3:11 task.corpus: no such file "texts/nowhere.txt"',
  'missing-key.yaml:8:3 space.layers.dFf: missing',
  'missing-section.yaml:1:1 accelerator: missing',
  'missing-unit.yaml:13:25 constraints.0: memory is a quantity in bytes: "16" needs a unit (B, KB, kB, KiB, MB, MiB, GB, GiB, TB, TiB)',
  'negative.yaml:11:16 space.layers.dFf.1: must be at least 0, found -256',
  'nested-too-deep.yaml:1:1: nested too deeply',
  'no-survivors.yaml:13:22 search.candidates: 8 candidates at eta 3 leave none for rung 3: at least 9 needed',
  'not-a-map.yaml:1:1: expected a map of keys, found a list',
  'odd-head-size.yaml:6:12 space.headDim: headDim 17: rotary positions turn its numbers in pairs, so it must be even',
  'owl-per-layer.yaml:14:22 compression.split: owl shares one sparsity out over the layers: deployment.sparsity must be one choice for all layers and parts',
  'provider-of-another-engine.yaml:15:13 engine.provider: provider "cuda" is of engine "onnx", not of "tensorflow"',
  'range-missed-max.yaml:5:26 space.dModel.max: max 128 is not min 64 plus a whole number of steps of 48: write 112 or 160',
  'range-upside-down.yaml:7:24 space.depth.max: max 2 is less than min 6',
  'relative-without-baseline.yaml:13:15 constraints.0: compares with the baseline, but the file has no "baseline"',
  'rungs-decrease.yaml:13:25 training.rungs.1: rungs must increase: 50 follows 100',
  'self-draft-of-one-layer.yaml:11:9 draft.self: no member has more than one layer, so none has first layers to draft with',
  'swept-loss.yaml:13:35 search.sweep.1: loss is known only after training: sweep what costs nothing to know',
  'teacher-missing.yaml:15:17 training.teacher.checkpoint: no such file "nowhere.safetensors"',
  'teacher-of-nothing.yaml:15:5 training.teacher: nothing is learnt from the teacher: forwardKl and totalVariation are both 0',
  'teacher-too-quick.yaml:16:12 training.teacher.steps: 20 steps end before the warm-up does (20 steps)',
  'teacher-without-model.yaml:15:5 training.teacher: needs either "checkpoint" or "model"',
  'text-in-list.yaml:5:16 space.dModel.1: expected a number, found "128"',
  'threads-of-another-engine.yaml:13:30 engine.threads: engine "cpu" chooses its threads itself; "onnx" takes a number',
  'two-documents.yaml:13:1: a second document starts here: one file holds one specification',
  'uneven-scale.yaml:13:8 scale: headDim times width / heads must be a whole even number: 16 * 3 / 32 is not',
  'unknown-key.yaml:10:5 space.layers.nKvHead: unknown key "nKvHead" (did you mean "nKvHeads"?)',
  'unknown-metric.yaml:15:6 constraints.1: unknown metric "decodeLatncy" (did you mean "decodeLatency"?)',
  'unknown-objective.yaml:13:20 objectives.1: unknown metric "latency"; known are loss, decodeLatency, prefillLatency, requestLatency, throughput, memory, weightBytes, kvCacheBytes, parameters, macs, energy, price',
  'unknown-part.yaml:13:39 deployment.sparsity.feedforward: unknown key "feedforward" (did you mean "feedForward"?)',
  'unknown-top-level-key.yaml:13:1 colour: unknown key "colour"; known are specVersion, name, seed, task, space, deployment, draft, scale, accelerator, workload, baseline, objectives, constraints, search, training, compression, engine, workers',
  'wrong-type.yaml:6:12 space.headDim: expected a number or a list or a map of keys, found "wide"',
  'wrong-unit.yaml:14:18 constraints.0: "ms" is not a unit of memory; its units are B, KB, kB, KiB, MB, MiB, GB, GiB, TB, TiB',
  'wrong-version.yaml:1:14 specVersion: expected 1, found 2',
  'yaml-indentation.yaml:6:1: not valid YAML: All mapping items must start at the same column',
  'yaml-syntax.yaml:6:3: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
];

const ACCELERATORS = ['qualcomm-ai100-standard', 'qualcomm-ai100-ultra'];
const checks = {
  corpus: (corpus: string) => (corpus === 'moby-dick' ? undefined : `no such file "${corpus}"`),
  accelerator: (name: string) =>
    ACCELERATORS.includes(name)
      ? undefined
      : `unknown accelerator "${name}"${didYouMean(name, ACCELERATORS)}`,
  teacher: (path: string) => `no such file "${path}"`,
};

test.each(EXPECTED)('%s', (message) => {
  const file = message.slice(0, message.indexOf(':'));
  const text = readFileSync(new URL(file, folder), 'utf8');
  let error: unknown;
  try {
    parseSpec(text, file, checks);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(SpecError);
  expect((error as SpecError).message).toBe(message);
});

test('every broken file has its message', () => {
  expect(EXPECTED.map((message) => message.slice(0, message.indexOf(':')))).toEqual(
    readdirSync(folder).sort(),
  );
});
