// `export`: one candidate as a folder that transformers, ONNX Runtime and others load.
import type { Command } from 'commander';
import { METRICS } from '../../space/metrics.ts';
import { CANDIDATE_ARGUMENT } from '../candidates/named-candidate.ts';
import { type ExportReport, exportCandidate } from '../export/export-candidate.ts';
import { checkTarget } from '../export/fresh-folder.ts';
import { EXPORT_DTYPES, type ExportDtype } from '../export/model-folder.ts';
import { EXPORT_FORMATS, type ExportFormat } from '../export/request.ts';
import { openSource } from '../export/source.ts';
import { formatBytes, formatMetric, formatTable } from '../format.ts';
import { oneOf } from './serving.ts';
import { listenForStop } from './stop-signal.ts';
import {
  type CommonOptions,
  EXIT_INTERRUPTED,
  note,
  print,
  printJson,
  prose,
  RUN_ARGUMENT,
  UsageError,
} from './terminal.ts';

interface ExportOptions extends CommonOptions {
  readonly out: string;
  readonly force?: boolean;
  readonly formats: readonly ExportFormat[];
  readonly uniform?: boolean;
  readonly dtype: ExportDtype;
  readonly asTrained?: boolean;
  readonly retrain?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer export latest 12 --out my-model              everything: Hugging Face, ONNX, compressed weights
  paretoformer export latest 12 --out my-model --uniform    adds a plain Llama model where layers are unlike
  paretoformer export latest 12 --out my-model --formats hf --dtype bfloat16`;

/** Losses of the same weights differ by less, in bits per byte, whatever the machine. */
const MOST_DRIFT = 1e-3;

export function addExport(program: Command): void {
  program
    .command('export')
    .description('write one candidate as a folder that transformers, ONNX Runtime and others load')
    .argument('<run>', RUN_ARGUMENT)
    .argument('<candidate>', CANDIDATE_ARGUMENT)
    .requiredOption('--out <folder>', 'the new folder; it appears whole or not at all')
    .option('-f, --force', 'replace an earlier export')
    .option(
      '--formats <list>',
      `what to write, separated by commas: ${EXPORT_FORMATS.join(', ')}`,
      formatsOf,
      EXPORT_FORMATS,
    )
    .option('--uniform', 'add a plain Llama model that computes the same, where layers are unlike')
    .option(
      '--dtype <type>',
      `type of the weights in model.safetensors: ${EXPORT_DTYPES.join(', ')}`,
      (text) => oneOf(EXPORT_DTYPES, text, '--dtype'),
      'float32',
    )
    .option('--as-trained', 'weights before they were pruned and cast for the deployment')
    .option('--retrain', 'train the weights anew where they are not there any more')
    .addHelpText('after', EXAMPLES)
    .action(async (run: string, candidate: string, _options, command: Command) => {
      await runExport(run, candidate, command.optsWithGlobals<ExportOptions>());
    });
}

function formatsOf(text: string): readonly ExportFormat[] {
  return text.split(',').map((name) => oneOf(EXPORT_FORMATS, name.trim(), '--formats'));
}

async function runExport(run: string, candidate: string, options: ExportOptions): Promise<void> {
  const { out, force = false, formats, uniform = false, dtype, asTrained = false, retrain = false } = options;
  if (uniform && !formats.includes('hf'))
    throw new UsageError('--uniform writes a Hugging Face model: name hf among the --formats');
  checkTarget(out, force);
  const source = openSource(options.db, run, candidate, retrain);
  const { signal, stopListening } = listenForStop();
  try {
    const request = { out, force, formats, uniform, dtype, asTrained, retrain, signal };
    const report = await exportCandidate(source, { ...request, onProgress: progressNotes() });
    const drift = Math.abs(report.loss.deployedNow - report.loss.deployed);
    if (drift > MOST_DRIFT)
      note(
        `the loss is not what the run measured: ${loss(report.loss.deployedNow)} bits/byte now; weights trained anew on another machine may differ`,
      );
    if (options.json === true) printJson(report);
    else print(textOf(report));
  } catch (error) {
    if (!signal.aborted) throw error;
    note('interrupted; nothing was exported');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    stopListening();
  }
}

/** A line for every tenth of a training. */
function progressNotes(): (progress: { readonly step: number; readonly totalSteps: number }) => void {
  let told = -1;
  return ({ step, totalSteps }) => {
    const tenth = Math.floor((10 * step) / totalSteps);
    if (tenth === told) return;
    told = tenth;
    note(`training anew: step ${step} of ${totalSteps}`);
  };
}

const loss = (value: number | undefined): string => formatMetric(METRICS, 'loss', value);

function textOf(report: ExportReport): string {
  const { candidate, run, out, form, weights, dtype, loss: losses, logits, files } = report;
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const lines = [
    `candidate ${candidate} of run ${run}: ${form === 'llama' ? 'a plain Llama model' : 'no plain Llama: config.json has one entry a layer'}`,
    `weights ${weights === 'deployed' ? 'as deployed (pruned, cast, decoded)' : 'as trained'}, ${dtype}`,
    prose(
      `loss of these weights ${loss(losses.file)} bits/byte; the run measured ${loss(losses.deployed)} as deployed${losses.trained === undefined ? '' : `, ${loss(losses.trained)} as trained`}`,
      2,
    ),
    ...(losses.uniform === undefined ? [] : [`loss of uniform/ ${loss(losses.uniform)} bits/byte`]),
    ...(logits.prefill === undefined || logits.decode === undefined
      ? []
      : [
          `ONNX Runtime: logits within ${logits.prefill.toExponential(1)} (prefill) and ${logits.decode.toExponential(1)} (decode) of the model's own`,
        ]),
    '',
    formatTable(
      [left('file'), { heading: 'size' }],
      files.map(({ path, bytes }) => [path, formatBytes(bytes)]),
    ),
    '',
    `every file was read back and found right; ${out}/README.md says how to load them`,
  ];
  return lines.join('\n');
}
