// `compress`: a safetensors file of weights, cast and pruned tensor by tensor, with what that cost each of them.
import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Command } from 'commander';
import { compressSteps } from '../../evaluators/compression/file/compress-file.ts';
import { openTensorFile } from '../../evaluators/compression/file/tensor-file.ts';
import { chooseTensor, type FileTensorReport } from '../../evaluators/index.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../../space/number-formats.ts';
import { formatBytes, formatNumber, formatShare, formatTable } from '../format.ts';
import { oneOf, shareOf } from './serving.ts';
import { listenForStop } from './stop-signal.ts';
import { type CommonOptions, EXIT_INTERRUPTED, note, print, printJson, UsageError } from './terminal.ts';

const LAYOUTS = ['out-in', 'in-out'] as const;
type Layout = (typeof LAYOUTS)[number];

interface CompressOptions extends CommonOptions {
  readonly weights: WeightFormat;
  readonly head?: WeightFormat;
  readonly sparsity: number;
  readonly layout?: Layout;
  readonly out: string;
  readonly force?: boolean;
}

const EXAMPLES = `
Examples:
  paretoformer compress model.safetensors --weights mxfp6-e2m3 --out compressed
  paretoformer compress model.safetensors --weights mxfp4-e2m1 --sparsity 50% --head fp16 --out compressed`;

export function addCompress(program: Command): void {
  program
    .command('compress')
    .description('cast and prune the matrices of a safetensors file, read back before it is done')
    .argument('<file>', 'safetensors file of any size')
    .requiredOption('--weights <format>', `format of the matrices: ${WEIGHT_FORMATS.join(', ')}`, formatOf)
    .option('--sparsity <share>', 'share of each matrix that becomes zero, smallest first', sparsityOf, 0)
    .option('--head <format>', 'format of embeddings and head; kept as they are by default', formatOf)
    .option(
      '--layout <order>',
      `shape of a matrix: ${LAYOUTS.join(' or ')}; by default as it seems`,
      (text) => oneOf(LAYOUTS, text, '--layout'),
    )
    .requiredOption('--out <folder>', 'folder for the result, made where missing')
    .option('-f, --force', 'replace a file that is there')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, _options, command: Command) => {
      const options = command.optsWithGlobals<CompressOptions>();
      const target = join(options.out, basename(file));
      const tensors = await compress(file, target, options);
      if (tensors === undefined) {
        note('interrupted; nothing was written');
        process.exitCode = EXIT_INTERRUPTED;
      } else if (options.json === true)
        printJson({ file, target, ...totals(tensors), tensors: tensors.map(plain) });
      else print(textOf(target, tensors));
    });
}

const formatOf = (text: string): WeightFormat => oneOf(WEIGHT_FORMATS, text, 'format');

function sparsityOf(text: string): number {
  const share = shareOf(text);
  if (share >= 0 && share < 1) return share;
  throw new UsageError(`--sparsity is a share from 0 to below 1, not "${text}"`);
}

/** Checkpoints of a run say how many steps they have seen, and have their matrices the other way round. */
function layoutOfFile(file: string): Layout {
  const opened = openTensorFile(file);
  opened.close();
  return opened.metadata.has('step') ? 'in-out' : 'out-in';
}

/** What became of each tensor; undefined where it was interrupted. */
async function compress(
  file: string,
  target: string,
  options: CompressOptions,
): Promise<readonly FileTensorReport[] | undefined> {
  const { weights: format, sparsity, head, out, force } = options;
  if (resolve(file) === resolve(target))
    throw new UsageError(`--out ${out} is where the weights lie already`);
  if (existsSync(target) && force !== true) {
    throw new UsageError(`${target} is there already; --force replaces it`);
  }
  const layout = options.layout ?? layoutOfFile(file);
  const rules = { format, sparsity, ...(head === undefined ? {} : { headFormat: head }) };
  const made = makeFolder(out);
  const { signal, stopListening } = listenForStop();
  let tensors: readonly FileTensorReport[] | undefined;
  try {
    const steps = compressSteps(file, target, { layout, choose: (entry) => chooseTensor(rules, entry) });
    tensors = await finish(steps, signal);
    return tensors;
  } finally {
    stopListening();
    if (tensors === undefined && made !== undefined) removeFolders(resolve(out), resolve(made));
  }
}

/** Runs `steps` to their end, with a look at the signal before each; undefined where that stopped them. */
async function finish<T>(steps: Generator<void, T>, signal: AbortSignal): Promise<T | undefined> {
  for (;;) {
    await setImmediate();
    if (signal.aborted) {
      steps.return(undefined as never);
      return undefined;
    }
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The first folder that had to be made, if any. @throws {@link UsageError} */
function makeFolder(folder: string): string | undefined {
  try {
    return mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(`--out ${folder} cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** Empty ones, from the innermost to the outermost. */
function removeFolders(innermost: string, outermost: string): void {
  rmdirSync(innermost);
  if (innermost !== outermost) removeFolders(dirname(innermost), outermost);
}

function totals(tensors: readonly FileTensorReport[]) {
  const bytesBefore = tensors.reduce((sum, each) => sum + each.bytesBefore, 0);
  const bytesAfter = tensors.reduce((sum, each) => sum + each.bytesAfter, 0);
  return { bytesBefore, bytesAfter, ratio: bytesBefore === 0 ? 1 : bytesBefore / bytesAfter };
}

/** JSON has no infinity: an exact tensor has no signal-to-noise ratio there. */
function plain({ signalToNoiseDecibels, ...tensor }: FileTensorReport) {
  return Number.isFinite(signalToNoiseDecibels) ? { ...tensor, signalToNoiseDecibels } : tensor;
}

/** `, bitmask`, `, delta CSC of 4 bits`; nothing for dense tensors. */
function storagesOf({ storages }: FileTensorReport): string {
  const names = storages
    .filter(({ kind }) => kind !== 'dense')
    .map((storage) =>
      storage.kind === 'delta-csc' ? `delta CSC of ${storage.deltaBits} bits` : storage.kind,
    );
  return [...new Set(names)].map((name) => `, ${name}`).join('');
}

function textOf(target: string, tensors: readonly FileTensorReport[]): string {
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const right = ['before', 'after', 'ratio', 'signal/noise', 'dummies'].map((heading) => ({ heading }));
  const columns = [left('tensor'), left('shape'), left('stored as'), ...right];
  const rows = tensors.map((each) => [
    each.name,
    each.shape.join(' x '),
    each.format === undefined ? 'unchanged' : `${each.format}${storagesOf(each)}`,
    formatBytes(each.bytesBefore),
    formatBytes(each.bytesAfter),
    each.bytesAfter === 0 ? '-' : (each.bytesBefore / each.bytesAfter).toFixed(2),
    Number.isFinite(each.signalToNoiseDecibels)
      ? `${formatNumber(each.signalToNoiseDecibels, 3)} dB`
      : 'exact',
    each.dummies === 0 ? '-' : String(each.dummies),
  ]);
  const { bytesBefore, bytesAfter, ratio } = totals(tensors);
  if (bytesBefore === 0) return `${target}: no weights to compress; read back and found equal`;
  const saved = formatShare(1 - bytesAfter / bytesBefore);
  return `${formatTable(columns, rows)}\n\n${target}: ${formatBytes(bytesBefore)} to ${formatBytes(bytesAfter)}, ratio ${ratio.toFixed(2)} (${saved} saved); read back and found equal`;
}
