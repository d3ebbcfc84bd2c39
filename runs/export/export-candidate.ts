// One candidate as a folder that other tools load: written beside its place, every file read back, then moved there.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDeploymentMeter } from '../../evaluators/compression/deployment-meter.ts';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import {
  type DecoderCheck,
  largestDifference,
  logitsOf,
  type TokenBatch,
} from '../../evaluators/interchange/decoder-check.ts';
import { widenWeights } from '../../evaluators/interchange/uniform.ts';
import { measureBitsPerByte } from '../../evaluators/training/train.ts';
import { type CostEstimate, isPlainLlama, metricsOf, uniformArchitecture } from '../../hardware/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import { deployedArchitecture } from '../../space/scale.ts';
import { estimateDeployed } from '../plan/costs.ts';
import { RunError } from '../run-error.ts';
import { isCloudAi100, writeCloudAi100 } from './cloud-ai-100.ts';
import { writeCompressed } from './compressed-file.ts';
import { mustHold } from './failed-check.ts';
import { freshFolder, MANIFEST } from './fresh-folder.ts';
import { modelCard, type UniformFigures } from './model-card.ts';
import { type ExportDtype, roundWeights, writeConfig, writeModel, writeTokenizer } from './model-folder.ts';
import { LOGIT_TOLERANCE, writeOnnx } from './onnx-folder.ts';
import type { ExportRequest } from './request.ts';
import { type ExportSource, type ExportWeights, loadDraft, loadWeights } from './source.ts';

interface ExportedFile {
  /** Inside the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What was written and found, plain JSON. */
export interface ExportReport {
  readonly run: string;
  readonly candidate: number;
  readonly key: string;
  readonly rung: number;
  readonly out: string;
  readonly form: 'llama' | 'per-layer';
  readonly weights: 'deployed' | 'trained';
  readonly dtype: ExportDtype;
  /** Bits per byte: by the run as trained and as deployed; now as deployed, and of the weights in the files. */
  readonly loss: {
    readonly trained?: number;
    readonly deployed: number;
    readonly deployedNow: number;
    readonly file: number;
    readonly uniform?: number;
  };
  /** Largest difference of logits from the model's own. */
  readonly logits: { readonly prefill?: number; readonly decode?: number; readonly uniform?: number };
  readonly files: readonly ExportedFile[];
}

/** The parts of an export that depend on what came before. */
interface Made {
  readonly loss: number;
  readonly estimate: CostEstimate;
  readonly hasDraft: boolean;
  readonly uniform: (UniformFigures & { readonly logits: number }) | undefined;
  readonly onnx: DecoderCheck | undefined;
  readonly compressedBytes: number | undefined;
}

/** Tokens that the check's sequences have at most. */
const CHECK_TOKENS = 64;

/** The first and the last stretch of the held-out text. */
function checkText({ plan: { dataset }, candidate }: ExportSource): TokenBatch {
  const { validation } = dataset;
  const length = Math.min(CHECK_TOKENS, candidate.architecture.contextLength, validation.length);
  const tokens = new Int32Array(2 * length);
  tokens.set(validation.subarray(0, length));
  tokens.set(validation.subarray(validation.length - length), length);
  return { tokens, batch: 2 };
}

/** Loss as the run measures it: through the deployment's cache, or of the model as trained. */
async function measure(
  { plan: { dataset, spec } }: ExportSource,
  { architecture, weights }: LanguageModel,
  { deployment }: ExportWeights,
  { asTrained }: ExportRequest,
): Promise<number> {
  const { evaluationTokens } = spec.training;
  if (asTrained) return measureBitsPerByte(architecture, weights, dataset, evaluationTokens);
  const meter = createDeploymentMeter(architecture, dataset, evaluationTokens);
  try {
    return await meter.bitsPerByte(weights, deployment.kvCacheFormat);
  } finally {
    await meter.release();
  }
}

/**
 * The plain Llama architecture that is to be added: where layers are unlike, on request and for the Cloud AI 100.
 * @throws {@link RunError} where it is asked for and there is none
 */
function wantedUniform(
  { candidate: { architecture }, plan }: ExportSource,
  request: ExportRequest,
): Architecture | undefined {
  if (isPlainLlama(architecture)) return undefined;
  if (!request.uniform && !isCloudAi100(plan.setting.accelerator)) return undefined;
  const uniform = uniformArchitecture(architecture);
  if (uniform !== undefined || !request.uniform) return uniform;
  throw new RunError(
    `--uniform: no plain Llama holds this model, because no number of heads divides its width of ${architecture.dModel} and suffices`,
  );
}

/** The plain Llama form beside the model, with what it costs more. */
async function writeUniform(
  folder: string,
  source: ExportSource,
  model: LanguageModel,
  architecture: Architecture,
  weights: ExportWeights,
  request: ExportRequest,
): Promise<Made['uniform']> {
  const { candidate, plan } = source;
  const uniform = { architecture, weights: widenWeights(model.architecture, model.weights, architecture) };
  const text = checkText(source);
  const logits = largestDifference(await logitsOf(model, text), await logitsOf(uniform, text));
  const problem = `its logits differ from the model's by ${logits}`;
  mustHold(logits <= LOGIT_TOLERANCE, 'uniform/model.safetensors', problem);
  writeModel(folder, uniform, request.dtype);
  writeTokenizer(folder, plan.dataset.tokenizer, architecture.contextLength, plan.dataset.validation);
  const inFile = { ...uniform, weights: roundWeights(uniform.weights, request.dtype) };
  const loss = await measure(source, inFile, weights, request);
  const { deployment } = weights;
  const price = (shape: Architecture) =>
    metricsOf(estimateDeployed({ architecture: shape, deployment }, plan.setting));
  return {
    architecture,
    loss,
    logits,
    costs: price(candidate.architecture),
    uniformCosts: price(architecture),
  };
}

/** The model that drafts for this one, and the configuration of its larger relative. */
function writeDraft(
  folder: string,
  { plan: { spec, dataset } }: ExportSource,
  draft: LanguageModel,
  dtype: ExportDtype,
): void {
  const { architecture } = draft;
  const beside = join(folder, 'draft');
  writeModel(beside, draft, dtype);
  writeTokenizer(beside, dataset.tokenizer, architecture.contextLength, dataset.validation);
  if (spec.scale === undefined) return;
  writeConfig(join(folder, 'deployed', 'draft'), deployedArchitecture(architecture, spec.scale), dtype);
}

/** The larger relative: configuration alone, and what its compiler asks for. */
function writeRelative(
  folder: string,
  source: ExportSource,
  uniform: Architecture | undefined,
  dtype: ExportDtype,
): void {
  const { plan, candidate } = source;
  const { scale } = plan.spec;
  const relative = deployedArchitecture(candidate.architecture, scale);
  writeConfig(folder, relative, dtype);
  // Scaling keeps layers alike, but may end the divisibility that Llama asks for.
  const plain = uniform === undefined ? relative : uniformArchitecture(deployedArchitecture(uniform, scale));
  if (plain === undefined) return;
  if (uniform !== undefined) writeConfig(join(folder, 'uniform'), plain, dtype);
  writeCompilerFiles(folder, source, plain, uniform !== undefined);
}

/** Cloud AI 100 files for a plain Llama model, where there is one and that is the run's accelerator. */
function writeCompilerFiles(
  folder: string,
  { plan, candidate }: ExportSource,
  architecture: Architecture,
  inUniform: boolean,
): void {
  const { accelerator, workload } = plan.setting;
  if (!isCloudAi100(accelerator) || !isPlainLlama(architecture)) return;
  const model = inUniform ? '../uniform' : '..';
  const { deployment } = candidate;
  writeCloudAi100(join(folder, 'qaic'), { architecture, deployment, workload, accelerator, model });
}

/** Writes everything but the card and the manifest. */
async function writeParts(
  folder: string,
  source: ExportSource,
  weights: ExportWeights,
  request: ExportRequest,
): Promise<Made> {
  const { candidate, plan } = source;
  const { architecture } = candidate;
  const { formats, dtype, asTrained, signal } = request;
  const model = { architecture, weights: asTrained ? weights.trained : weights.decoded };
  const { tokenizer, validation } = plan.dataset;
  writeTokenizer(folder, tokenizer, architecture.contextLength, validation);
  const withModel = formats.includes('hf');
  const uniformShape = withModel ? wantedUniform(source, request) : undefined;
  if (withModel) writeModel(folder, model, dtype);
  const onnx = formats.includes('onnx')
    ? await writeOnnx(join(folder, 'onnx'), model, checkText(source))
    : undefined;
  signal.throwIfAborted();
  const compressedBytes = formats.includes('compressed')
    ? writeCompressed(folder, architecture, weights)
    : undefined;
  signal.throwIfAborted();
  const uniform =
    uniformShape === undefined
      ? undefined
      : await writeUniform(join(folder, 'uniform'), source, model, uniformShape, weights, request);
  const draft = withModel ? await loadDraft(source, weights, request) : undefined;
  signal.throwIfAborted();
  if (draft !== undefined) writeDraft(folder, source, draft, dtype);
  if (withModel) {
    writeCompilerFiles(folder, source, uniformShape ?? architecture, uniformShape !== undefined);
    if (plan.spec.scale !== undefined) writeRelative(join(folder, 'deployed'), source, uniformShape, dtype);
  }
  const isMeasured = !asTrained && dtype === 'float32';
  const inFile = { architecture, weights: roundWeights(model.weights, dtype) };
  const loss = isMeasured ? weights.deployedLoss : await measure(source, inFile, weights, request);
  return {
    loss,
    estimate: estimateDeployed(candidate, plan.setting),
    hasDraft: draft !== undefined,
    uniform,
    onnx,
    compressedBytes,
  };
}

/** All files of a folder, sorted by path. */
function filesIn(folder: string, prefix = ''): ExportedFile[] {
  return readdirSync(join(folder, prefix), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry): ExportedFile[] => {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) return filesIn(folder, `${path}/`);
      const file = join(folder, path);
      const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
      return [{ path, bytes: statSync(file).size, sha256 }];
    });
}

function reportOf(
  { details, candidate, evaluation }: ExportSource,
  weights: ExportWeights,
  { out, dtype, asTrained }: ExportRequest,
  { loss, uniform, onnx }: Made,
): Omit<ExportReport, 'files'> {
  return {
    run: details.id,
    candidate: candidate.number,
    key: candidate.key,
    rung: evaluation.rung,
    out,
    form: isPlainLlama(candidate.architecture) ? 'llama' : 'per-layer',
    weights: asTrained ? 'trained' : 'deployed',
    dtype,
    loss: {
      ...(evaluation.trainedLoss === undefined ? {} : { trained: evaluation.trainedLoss }),
      deployed: evaluation.loss!,
      deployedNow: weights.deployedLoss,
      file: loss,
      ...(uniform === undefined ? {} : { uniform: uniform.loss }),
    },
    logits: { ...onnx, ...(uniform === undefined ? {} : { uniform: uniform.logits }) },
  };
}

/** What a program wants to know of the folder; `readModelFile` takes it for a candidate. */
function manifestOf(source: ExportSource, report: ExportReport): object {
  const { details, candidate, evaluation, plan } = source;
  const { architecture, deployment } = candidate;
  const { spec } = plan;
  return {
    ...report,
    out: undefined,
    name: details.name,
    seed: spec.seed,
    specSha256: details.specSha256,
    corpusSha256: details.corpusSha256,
    versions: details.versions,
    accelerator: spec.accelerator,
    workload: spec.workload,
    metrics: evaluation.values,
    ...(evaluation.speculation === undefined ? {} : { speculation: evaluation.speculation }),
    architecture,
    deployment,
    ...(spec.scale === undefined
      ? {}
      : { scale: spec.scale, deployedArchitecture: deployedArchitecture(architecture, spec.scale) }),
  };
}

/**
 * Exports a candidate to `request.out`. Nothing is left there unless every file was read back and found right.
 * @throws {@link RunError} where a file fails its check, the weights are gone, or the folder is taken.
 */
export async function exportCandidate(source: ExportSource, request: ExportRequest): Promise<ExportReport> {
  return freshFolder(request.out, request.force, async (folder) => {
    const weights = await loadWeights(source, request);
    request.signal.throwIfAborted();
    const made = await writeParts(folder, source, weights, request);
    const card = modelCard({ source, request, weights, ...made });
    writeFileSync(join(folder, 'README.md'), card);
    const report = { ...reportOf(source, weights, request, made), files: filesIn(folder) };
    const manifest = manifestOf(source, report);
    writeFileSync(join(folder, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
    request.signal.throwIfAborted();
    return report;
  });
}
