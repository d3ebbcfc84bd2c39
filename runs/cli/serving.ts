// Options that say how a model is served, shared by the commands that price one.
import type { Command } from 'commander';
import { type UniformChoice, uniformDeployment } from '../../hardware/index.ts';
import { type Deployment, mapStorage, type Workload } from '../../space/deployment.ts';
import { didYouMean } from '../../space/did-you-mean.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../../space/number-formats.ts';
import type { ModelFile } from '../candidates/model-file.ts';
import { UsageError, wholeNumber } from './terminal.ts';

export interface ServingOptions {
  readonly cards?: number;
  readonly weights?: string;
  readonly sparsity?: number;
  readonly kv?: string;
  readonly batch: number;
  readonly prompt: number;
  readonly generate: number;
}

/** Adds `--cards`, formats and workload. */
export function addServingOptions(command: Command): Command {
  return command
    .option('--cards <n>', 'cards that share the model', wholeNumber(1))
    .option('--weights <format>', `format of the weights: ${WEIGHT_FORMATS.join(', ')}`)
    .option('--sparsity <share>', 'share of the weights that is zero: 0.8 or 80%', sparsityOf)
    .option('--kv <format>', `format of the KV cache: ${KV_CACHE_FORMATS.join(', ')}`)
    .option('--batch <n>', 'requests served together', wholeNumber(1), 1)
    .option('--prompt <n>', 'tokens of a prompt', wholeNumber(1), 1024)
    .option('--generate <n>', 'tokens generated for it', wholeNumber(1), 256);
}

function sparsityOf(text: string): number {
  const share = shareOf(text);
  if (!(share >= 0 && share < 1)) {
    throw new UsageError(`--sparsity is a share from 0 to below 1, not "${text}"`);
  }
  return share;
}

/** `0.8` or `80%` as a number; NaN for anything else. */
export function shareOf(text: string): number {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === '%') return Number.NaN;
  return trimmed.endsWith('%') ? Number(trimmed.slice(0, -1)) / 100 : Number(trimmed);
}

/** One of the `known` words. @throws {@link UsageError} */
export function oneOf<T extends string>(known: readonly T[], text: string, option: string): T {
  if ((known as readonly string[]).includes(text)) return text as T;
  const hint = didYouMean(text, known) || `; known: ${known.join(', ')}`;
  throw new UsageError(`${option}: unknown value "${text}"${hint}`);
}

/** What the options say of formats and cards. */
export function choiceOf({ cards, weights, sparsity, kv }: ServingOptions): UniformChoice {
  return {
    ...(weights === undefined ? {} : { weightFormat: oneOf(WEIGHT_FORMATS, weights, '--weights') }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(kv === undefined ? {} : { kvCacheFormat: oneOf(KV_CACHE_FORMATS, kv, '--kv') }),
    ...(cards === undefined ? {} : { nCards: cards }),
  };
}

/** A model as `choice` says; what that leaves open is as in the model's file, else FP16, dense, one card. */
export function deploymentOf({ shape, deployment }: ModelFile, choice: UniformChoice): Deployment {
  const base = deployment ?? uniformDeployment(shape.layers.length);
  const { weightFormat, sparsity } = choice;
  const stored = mapStorage(base, (storage) => ({
    weightFormat: weightFormat ?? storage.weightFormat,
    sparsity: sparsity ?? storage.sparsity,
  }));
  return {
    layers: stored.layers,
    // Zeros are asked of the layers alone.
    embedding: { ...stored.embedding, sparsity: base.embedding.sparsity },
    kvCacheFormat: choice.kvCacheFormat ?? base.kvCacheFormat,
    nCards: choice.nCards ?? base.nCards,
  };
}

export function workloadOf({ batch, prompt, generate }: ServingOptions): Workload {
  return { batch, promptTokens: prompt, generatedTokens: generate };
}

/** A number from an option, both limits allowed. @throws {@link UsageError} */
export function numberBetween(option: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new UsageError(`${option} is a number from ${low} to ${high}, not "${text}"`);
  };
}
