// `estimate`: the cost model alone, for an architecture file or a Hugging Face config.json.
import type { Command } from 'commander';
import {
  type CostEstimate,
  type CostInput,
  estimateCost,
  estimateSpeculation,
  listAccelerators,
  loadAccelerator,
  rooflineSvg,
  SENSITIVITY_METRICS,
  type Sensitivity,
  type SensitivityMetric,
  type SpeculationEstimate,
  sensitivity,
  smallestCards,
} from '../../hardware/index.ts';
import { WEIGHT_FORMATS } from '../../space/number-formats.ts';
import { readModelFile } from '../candidates/model-file.ts';
import { type Estimated, estimateText } from './estimate-text.ts';
import {
  addServingOptions,
  choiceOf,
  deploymentOf,
  oneOf,
  type ServingOptions,
  shareOf,
  workloadOf,
} from './serving.ts';
import {
  type CommonOptions,
  note,
  print,
  printJson,
  UsageError,
  wholeNumber,
  writeResult,
} from './terminal.ts';

interface EstimateOptions extends CommonOptions, ServingOptions {
  readonly config?: string;
  readonly accelerator?: string;
  readonly draft?: string;
  readonly draftWeights?: string;
  readonly draftLength?: number;
  readonly acceptance?: number;
  readonly roofline?: string;
  readonly sensitivity?: string | true;
  readonly list?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer estimate config.json --accelerator qualcomm-ai100-ultra --weights mxfp6-e2m3
  paretoformer estimate config.json --accelerator nvidia-h100-sxm --cards 2 --batch 16 --roofline roofline.svg
  paretoformer estimate config.json --accelerator nvidia-l40s --sensitivity memoryBytes
  paretoformer estimate config.json --accelerator qualcomm-ai100-ultra --draft draft.json --acceptance 0.7`;

export function addEstimate(program: Command): void {
  const command = program
    .command('estimate')
    .description('cost of serving a model: latency, memory, throughput, energy')
    .argument('[file]', 'architecture in YAML or JSON, or a Hugging Face config.json')
    .option('--config <file>', 'the same file as an option')
    .option('--accelerator <name>', 'name from the catalogue, or path of an accelerator file')
    .option('--list', 'name the accelerators of the catalogue');
  addServingOptions(command)
    .option('--draft <file>', 'model that drafts tokens for speculative decoding')
    .option('--acceptance <share>', 'share of tested draft tokens that the target accepts', acceptanceOf)
    .option('--draft-length <n>', 'tokens drafted a round; the best length when left out', wholeNumber(0))
    .option('--draft-weights <format>', "format of the draft's weights; that of --weights when left out")
    .option('--roofline <file>', 'draw the operations over their arithmetic intensity, as SVG')
    .option(
      '--sensitivity [metric]',
      `rank single changes by what they save of ${SENSITIVITY_METRICS.join(', ')}`,
    )
    .addHelpText('after', EXAMPLES)
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

function acceptanceOf(text: string): number {
  const share = shareOf(text);
  if (!(share >= 0 && share <= 1)) throw new UsageError(`--acceptance is a share from 0 to 1, not "${text}"`);
  return share;
}

function estimate(file: string | undefined, options: EstimateOptions): void {
  const path = file ?? options.config;
  if (path === undefined) throw new UsageError('estimate needs a model file, for example a config.json');
  if (options.accelerator === undefined) {
    throw new UsageError(`estimate needs --accelerator; known: ${listAccelerators().join(', ')}`);
  }
  const metric = metricOf(options.sensitivity);
  const model = readModelFile(path);
  const input: CostInput = {
    architecture: model.shape,
    deployment: deploymentOf(model, choiceOf(options)),
    accelerator: loadAccelerator(options.accelerator),
    workload: workloadOf(options),
  };
  if (model.hasDraft === true && options.draft === undefined)
    note(`${path} has a draft, which is left out; --draft FILE --acceptance A prices both together`);
  const cost = estimateCost(input);
  const speculation = speculate(input, options);
  const estimated: Estimated = {
    path,
    input,
    cost,
    speculation,
    draftPath: options.draft,
    smallestCards: (speculation ?? cost).fits ? undefined : smallestCards(input),
    sensitivity: metric === undefined ? undefined : { metric, changes: sensitivity(input, metric) },
  };
  if (options.roofline !== undefined) draw(options.roofline, input);
  if (options.json === true) printJson(documentOf(estimated));
  else print(estimateText(estimated));
}

function metricOf(option: string | true | undefined): SensitivityMetric | undefined {
  if (option === undefined) return undefined;
  return option === true ? 'decodeSecondsPerToken' : oneOf(SENSITIVITY_METRICS, option, '--sensitivity');
}

/** The draft on the target's cards: one of them, its formats the target's, unless its file says otherwise. */
function speculate(target: CostInput, options: EstimateOptions): SpeculationEstimate | undefined {
  const { draft, acceptance, draftLength, draftWeights } = options;
  if (draft === undefined) {
    if (acceptance === undefined && draftLength === undefined && draftWeights === undefined) return undefined;
    throw new UsageError('--acceptance, --draft-length and --draft-weights need --draft FILE');
  }
  if (acceptance === undefined) {
    throw new UsageError('--draft needs --acceptance: the share of draft tokens that the target accepts');
  }
  const model = readModelFile(draft);
  const { weightFormat: own, kvCacheFormat } = choiceOf(options);
  const weightFormat =
    draftWeights === undefined ? own : oneOf(WEIGHT_FORMATS, draftWeights, '--draft-weights');
  const choice = {
    ...(weightFormat === undefined ? {} : { weightFormat }),
    ...(kvCacheFormat === undefined ? {} : { kvCacheFormat }),
  };
  return estimateSpeculation({
    target,
    draft: { architecture: model.shape, deployment: deploymentOf(model, choice) },
    acceptance,
    ...(draftLength === undefined ? {} : { draftLength }),
  });
}

function draw(file: string, input: CostInput): void {
  writeResult(file, rooflineSvg(input));
  note(`roofline: ${file}`);
}

/** Figures of the whole: with a draft, those that it changes are joint, and the target's own stand beside them. */
function documentOf(estimated: Estimated) {
  const { path, input, cost, speculation } = estimated;
  const { deployment, workload, accelerator } = input;
  const { breakdown, expectedError, calibration, toFit, ...figures } = cost.toJSON();
  return {
    model: path,
    accelerator: accelerator.name,
    deployment,
    workload,
    ...figures,
    ...(speculation === undefined ? {} : jointFigures(speculation)),
    expectedError,
    calibration,
    toFit,
    ...(estimated.smallestCards === undefined ? {} : { smallestCards: estimated.smallestCards }),
    ...(speculation === undefined ? {} : { speculation: speculationDocument(estimated, speculation) }),
    ...(estimated.sensitivity === undefined
      ? {}
      : { sensitivity: sensitivityDocument(estimated.sensitivity) }),
    breakdown,
  };
}

function jointFigures(speculation: SpeculationEstimate): Partial<CostEstimate> {
  const { decodeSecondsPerToken, prefillSeconds, requestSeconds, tokensPerSecond } = speculation;
  const { memoryBytesPerCard, fits, energyJoulesPerToken, dollarsPerMillionTokens } = speculation;
  return {
    decodeSecondsPerToken,
    prefillSeconds,
    requestSeconds,
    tokensPerSecond,
    memoryBytesPerCard,
    fits,
    energyJoulesPerToken,
    dollarsPerMillionTokens,
  };
}

function speculationDocument({ draftPath }: Estimated, speculation: SpeculationEstimate) {
  const { target, draft, draftLength, expectedTokensPerRound, verifySeconds, roundSeconds, speedup } =
    speculation;
  return {
    draft: draftPath,
    draftParameters: draft!.parameters,
    draftLength,
    expectedTokensPerRound,
    draftSecondsPerToken: speculation.draftSecondsPerToken,
    verifySeconds,
    roundSeconds,
    speedup,
    targetAlone: {
      decodeSecondsPerToken: target.decodeSecondsPerToken,
      tokensPerSecond: target.tokensPerSecond,
      memoryBytesPerCard: target.memoryBytesPerCard,
      energyJoulesPerToken: target.energyJoulesPerToken,
    },
  };
}

function sensitivityDocument({
  metric,
  changes,
}: {
  metric: SensitivityMetric;
  changes: readonly Sensitivity[];
}) {
  const plain = changes.map(({ change, layer, savedRatio, before, after }) => ({
    change,
    layer,
    savedRatio,
    before,
    after,
  }));
  return { metric, changes: plain };
}
