// `estimate`: the cost model alone, for an architecture file or a Hugging Face config.json.
import type { Command } from 'commander';
import { uniformDeployment } from '../../hardware/deployments.ts';
import { type CostEstimate, estimateCost, listAccelerators, loadAccelerator } from '../../hardware/index.ts';
import { type Deployment, KV_CACHE_FORMATS, WEIGHT_FORMATS, type Workload } from '../../space/deployment.ts';
import { didYouMean } from '../../space/did-you-mean.ts';
import { breakdownTable, sumParts } from '../breakdown.ts';
import { describeWeights } from '../describe.ts';
import {
  formatBytes,
  formatCount,
  formatNumber,
  formatSeconds,
  formatShare,
  formatTable,
} from '../format.ts';
import { type ModelFile, readModelFile } from '../model-file.ts';
import { type CommonOptions, print, printJson, UsageError, wholeNumber } from './terminal.ts';

interface EstimateOptions extends CommonOptions {
  readonly config?: string;
  readonly accelerator?: string;
  readonly cards?: number;
  readonly weights?: string;
  readonly sparsity?: number;
  readonly kv?: string;
  readonly batch: number;
  readonly prompt: number;
  readonly generate: number;
  readonly list?: boolean;
}

export function addEstimate(program: Command): void {
  program
    .command('estimate')
    .description('cost of serving a model: latency, memory, throughput, energy')
    .argument('[file]', 'architecture in YAML or JSON, or a Hugging Face config.json')
    .option('--config <file>', 'the same file as an option')
    .option('--accelerator <name>', 'name from the catalogue, or path of an accelerator file')
    .option('--list', 'name the accelerators of the catalogue')
    .option('--cards <n>', 'cards that share the model', wholeNumber(1))
    .option('--weights <format>', `format of the weights: ${WEIGHT_FORMATS.join(', ')}`)
    .option('--sparsity <share>', 'share of the weights that is zero', shareOf)
    .option('--kv <format>', `format of the KV cache: ${KV_CACHE_FORMATS.join(', ')}`)
    .option('--batch <n>', 'requests served together', wholeNumber(1), 1)
    .option('--prompt <n>', 'tokens of a prompt', wholeNumber(1), 1024)
    .option('--generate <n>', 'tokens generated for it', wholeNumber(1), 256)
    .action((file: string | undefined, _options, command: Command) => {
      const options = command.optsWithGlobals<EstimateOptions>();
      if (options.list === true) {
        if (options.json === true) printJson(listAccelerators());
        else print(listAccelerators().join('\n'));
        return;
      }
      estimate(file, options);
    });
}

function estimate(file: string | undefined, options: EstimateOptions): void {
  const path = file ?? options.config;
  if (path === undefined) throw new UsageError('estimate needs a model file, for example a config.json');
  if (options.accelerator === undefined) {
    throw new UsageError(`estimate needs --accelerator; known: ${listAccelerators().join(', ')}`);
  }
  const model = readModelFile(path);
  const accelerator = loadAccelerator(options.accelerator);
  const deployment = deploymentOf(model, options);
  const { batch, prompt, generate, json } = options;
  const workload = { batch, promptTokens: prompt, generatedTokens: generate };
  const cost = estimateCost({ architecture: model.shape, deployment, accelerator, workload });
  if (json === true) printJson(documentOf(path, accelerator.name, deployment, workload, cost));
  else print(textOf(path, accelerator.title, model, deployment, workload, cost));
}

function shareOf(text: string): number {
  const value = text.trim().endsWith('%') ? Number(text.trim().slice(0, -1)) / 100 : Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new UsageError(`--sparsity is a share from 0 to below 1, not "${text}"`);
  return value;
}

function formatOf<T extends string>(known: readonly T[], text: string, option: string): T {
  if ((known as readonly string[]).includes(text)) return text as T;
  const hint = didYouMean(text, known) || `; known: ${known.join(', ')}`;
  throw new UsageError(`${option}: unknown format "${text}"${hint}`);
}

/** What the options say; what they leave open is as in the file, else FP16, dense, one card. */
function deploymentOf({ shape, deployment }: ModelFile, options: EstimateOptions): Deployment {
  const { cards, weights, sparsity, kv } = options;
  const base = deployment ?? uniformDeployment(shape.layers.length);
  const weightFormat = weights === undefined ? undefined : formatOf(WEIGHT_FORMATS, weights, '--weights');
  return {
    layers: base.layers.map((layer) => ({
      weightFormat: weightFormat ?? layer.weightFormat,
      sparsity: sparsity ?? layer.sparsity,
    })),
    headFormat: weightFormat ?? base.headFormat,
    kvCacheFormat: kv === undefined ? base.kvCacheFormat : formatOf(KV_CACHE_FORMATS, kv, '--kv'),
    nCards: cards ?? base.nCards,
  };
}

function documentOf(
  model: string,
  accelerator: string,
  deployment: Deployment,
  workload: Workload,
  cost: CostEstimate,
) {
  const { expectedError, calibration, breakdown, toFit, ...figures } = cost;
  return {
    model,
    accelerator,
    deployment,
    workload,
    ...figures,
    toFit,
    expectedError,
    calibration,
    breakdown,
  };
}

function textOf(
  path: string,
  accelerator: string,
  model: ModelFile,
  deployment: Deployment,
  { batch, promptTokens, generatedTokens }: Workload,
  cost: CostEstimate,
): string {
  const { expectedError: error } = cost;
  const within = (ratio: number | undefined) => (ratio === undefined ? '' : `+-${formatShare(ratio)}`);
  const rows: [string, string, string][] = [
    ['parameters', formatCount(cost.parameters), ''],
    ['MACs a decode step', formatCount(cost.macs), ''],
    ['weights', formatBytes(cost.weightBytes), ''],
    ['KV cache', formatBytes(cost.kvCacheBytes), `${formatBytes(cost.kvBytesPerToken)} a token`],
    [
      'memory a card',
      formatBytes(cost.memoryBytesPerCard),
      `of ${formatBytes(cost.usableBytesPerCard)} usable${cost.fits ? '' : ': does not fit'}`,
    ],
    ['prefill', formatSeconds(cost.prefillSeconds), within(error.prefill)],
    ['time to first token', formatSeconds(cost.timeToFirstTokenSeconds), 'one prompt, no queue'],
    ['decode step', formatSeconds(cost.decodeSecondsPerToken), within(error.decode)],
    ['request', formatSeconds(cost.requestSeconds), ''],
    ['throughput', `${formatNumber(cost.tokensPerSecond)} tok/s`, within(error.throughput)],
    ['energy a token', `${formatNumber(cost.energyJoulesPerToken)} J`, ''],
  ];
  if (cost.dollarsPerMillionTokens !== undefined) {
    rows.push(['a million tokens', `$${formatNumber(cost.dollarsPerMillionTokens)}`, '']);
  }
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const { nCards, kvCacheFormat } = deployment;
  const lines = [
    `${path} on ${nCards === 1 ? '' : `${nCards} cards of `}${accelerator}`,
    `weights ${describeWeights(deployment)}, KV cache ${kvCacheFormat}, ${model.shape.layers.length} layers`,
    `batch ${batch}, ${promptTokens} tokens in, ${generatedTokens} out`,
    '',
    formatTable([left('figure'), { heading: 'value' }, left('')], rows),
    ...(cost.fits ? [] : ['', `does not fit; would fit: ${cost.toFit.join('; ')}`]),
    cost.calibration,
    '',
    breakdownTable(
      sumParts(cost.breakdown, ({ operation }) => operation),
      'operation',
    ),
  ];
  return lines.join('\n');
}
