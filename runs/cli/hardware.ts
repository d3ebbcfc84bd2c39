// `hardware`: the catalogue of accelerators, one of them with the source of every figure, or two on one model.
import type { Command } from 'commander';
import {
  type Accelerator,
  estimateCost,
  listAccelerators,
  loadAccelerator,
  readAcceleratorFile,
} from '../../hardware/index.ts';
import { readModelFile } from '../candidates/model-file.ts';
import { formatCount, formatNumber, formatShare, formatTable, plural } from '../format.ts';
import { compareDocument, compareText, type Side } from './hardware-compare.ts';
import { cardOf, rate, summaryOf } from './hardware-figures.ts';
import { addServingOptions, choiceOf, deploymentOf, type ServingOptions, workloadOf } from './serving.ts';
import { type CommonOptions, print, printJson } from './terminal.ts';

interface CompareOptions extends CommonOptions, ServingOptions {
  readonly model: string;
}

const EXAMPLES = `
Examples:
  paretoformer hardware list
  paretoformer hardware show qualcomm-ai100-ultra
  paretoformer hardware compare nvidia-l40s qualcomm-ai100-ultra --model config.json --weights mxfp6-e2m3`;

const COMPARE_EXAMPLE = `
Example:
  paretoformer hardware compare nvidia-l40s qualcomm-ai100-ultra --model config.json --weights mxfp6-e2m3`;

export function addHardware(program: Command): void {
  const hardware = program
    .command('hardware')
    .description('accelerators: the catalogue, the figures of one, two side by side')
    .addHelpText('after', EXAMPLES);
  hardware
    .command('list')
    .description('all accelerators of the catalogue')
    .addHelpText('after', '\nExample:\n  paretoformer hardware list')
    .action((_options, command: Command) => {
      const { json } = command.optsWithGlobals<CommonOptions>();
      const all = listAccelerators().map(loadAccelerator);
      if (json === true) printJson(all.map(summaryOf));
      else print(listText(all));
    });
  hardware
    .command('show')
    .description('every figure of an accelerator, with unit, status and source')
    .argument('<name>', 'name from the catalogue, or path of an accelerator file')
    .addHelpText('after', '\nExample:\n  paretoformer hardware show qualcomm-ai100-ultra')
    .action((name: string, _options, command: Command) => {
      const { json } = command.optsWithGlobals<CommonOptions>();
      if (json === true) printJson(readAcceleratorFile(name));
      else print(showText(loadAccelerator(name)));
    });
  const compare = hardware
    .command('compare')
    .description('two accelerators on one model')
    .argument('<a>', 'an accelerator')
    .argument('<b>', 'the other one')
    .requiredOption('--model <file>', 'architecture in YAML or JSON, or a Hugging Face config.json')
    .addHelpText('after', COMPARE_EXAMPLE);
  addServingOptions(compare).action((a: string, b: string, _options, command: Command) => {
    const options = command.optsWithGlobals<CompareOptions>();
    const model = readModelFile(options.model);
    const deployment = deploymentOf(model, choiceOf(options));
    const sides = [a, b].map((name): Side => {
      const accelerator = loadAccelerator(name);
      const input = { architecture: model.shape, deployment, accelerator, workload: workloadOf(options) };
      return { input, cost: estimateCost(input) };
    }) as [Side, Side];
    if (options.json === true) printJson(compareDocument(options.model, sides));
    else print(compareText(options.model, sides));
  });
}

/** The shortest word for how much is known: `decode 1.2 %`, `uncalibrated`. */
function knownOf({ validation }: Accelerator): string {
  if (validation.length === 0) return 'uncalibrated';
  const { figure, errorRatio } = validation.find((record) => record.figure === 'decode') ?? validation[0]!;
  return `${figure} +-${formatShare(errorRatio)}`;
}

function listText(all: readonly Accelerator[]): string {
  const rows = all.map((accelerator) => {
    const card = cardOf(accelerator);
    return [
      accelerator.name,
      `${formatCount(card.memoryBytes)}B`,
      rate(card.bandwidthBytesPerSecond),
      card.halfPeakFlopsPerSecond === 0 ? '-' : formatNumber(card.halfPeakFlopsPerSecond / 1e12),
      `${formatNumber(card.loadWatts)} W`,
      knownOf(accelerator),
    ];
  });
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const right = ['memory', 'bandwidth', 'TFLOPS', 'power'].map((heading) => ({ heading }));
  return [
    formatTable([left('name'), ...right, left('expected error')], rows),
    '',
    "one card; dense 16-bit TFLOPS; 'uncalibrated': no measured rows, efficiencies are assumed",
  ].join('\n');
}

function showText(accelerator: Accelerator): string {
  const { name, title, note, devicesPerCard, maxCards, provenance, validation } = accelerator;
  const sources = [...new Set(provenance.map(({ source }) => source))];
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const parts = new Map<string, string[][]>();
  for (const { path, value, unit, status, source } of provenance) {
    const [head, ...rest] = path.split('.');
    const rows = parts.get(head!) ?? [];
    const shown = unit === 'ratio' || unit === 'count' ? '' : unit;
    rows.push([rest.join('.') || head!, String(value), shown, status, `[${sources.indexOf(source) + 1}]`]);
    parts.set(head!, rows);
  }
  const tables = [...parts].flatMap(([part, rows]) => [
    formatTable([left(part), { heading: 'value' }, left('unit'), left('status'), left('source')], rows),
    '',
  ]);
  return [
    `${title} (${name})`,
    ...(note === '' ? [] : [note]),
    `${plural(devicesPerCard, 'device')} a card, up to ${maxCards} cards`,
    '',
    ...tables,
    formatsTable(accelerator),
    '',
    'expected error',
    ...(validation.length === 0
      ? ['  uncalibrated: there are no measured rows of this device, and efficiencies are assumed']
      : validation.map(
          ({ figure, errorRatio, rows, source }) =>
            `  ${figure} +-${formatShare(errorRatio)}, mean over ${rows} rows: ${source}`,
        )),
    '',
    'sources',
    ...sources.map((source, i) => `  [${i + 1}] ${source}`),
  ].join('\n');
}

/** How each family of formats is multiplied on the device. */
function formatsTable({ weightFormats, devicesPerCard }: Accelerator): string {
  const rows = Object.entries(weightFormats).map(([family, { decompression, isCalibrated }]) => [
    family,
    decompression.kind === 'native' ? 'multiplied as stored' : `unpacked, ${decompression.kind}`,
    decompression.kind === 'native'
      ? ''
      : `${formatCount(decompression.weightsPerSecond * devicesPerCard)} weights/s`,
    isCalibrated ? 'from data' : 'assumed',
  ]);
  const left = (heading: string) => ({ heading, align: 'left' as const });
  return formatTable([left('weights'), left('how'), { heading: 'card' }, left('efficiencies')], rows);
}
