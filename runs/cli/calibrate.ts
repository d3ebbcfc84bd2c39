// `calibrate`: fits an accelerator's coefficients to measured rows and writes them as an accelerator file.
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import {
  CALIBRATION_METRICS,
  type Calibration,
  type CalibrationRow,
  calibrate,
  formatAcceleratorFile,
  HardwareError,
  type ModelShape,
  parseCalibrationRows,
  readAcceleratorFile,
} from '../../hardware/index.ts';
import { readModelFile } from '../candidates/model-file.ts';
import { formatNumber, formatShare, formatTable, plural } from '../format.ts';
import { type CommonOptions, print, printJson, UsageError, writeResult } from './terminal.ts';

interface CalibrateOptions extends CommonOptions {
  readonly accelerator: string;
  readonly out?: string;
  readonly source?: string;
  readonly force?: boolean;
}

const HELP = `
The CSV file has a heading line and one measurement a line. Columns, in any order:
  config      model file beside the CSV (config.json); or the model itself in the columns dModel, headDim,
              vocabSize, nLayers, nHeads, nKvHeads, dFf, tieEmbeddings (lists by layer joined by dashes: 8-4-4)
  prompt      tokens of a prompt
  metric      ${CALIBRATION_METRICS.slice(0, 4).join(', ')},
              ${CALIBRATION_METRICS.slice(4).join(', ')}
  value       what was measured, in seconds or tokens a second
  and where they differ from fp16, 0, fp16, 1, 1, 0: weights, sparsity, kv, cards, batch, generate;
  group       rows of one group are left out together (default: rows of one model)

Examples:
  paretoformer calibrate --accelerator nvidia-l40s rows.csv --out my-l40s.yaml
  paretoformer estimate config.json --accelerator ./my-l40s.yaml`;

export function addCalibrate(program: Command): void {
  program
    .command('calibrate')
    .description('fit an accelerator to your own measurements (20 to 200 rows) and write its file')
    .argument('<rows>', 'CSV file of measured rows')
    .requiredOption(
      '--accelerator <name>',
      'where the fit starts: name from the catalogue, or path of a file',
    )
    .option(
      '--out <file>',
      'the new accelerator file; its name is the new accelerator (default: beside the rows)',
    )
    .option('--source <text>', 'where the rows come from: software, version, date')
    .option('--force', 'replace the file where it exists')
    .addHelpText('after', HELP)
    .action((rows: string, _options, command: Command) => {
      calibrateTo(rows, command.optsWithGlobals<CalibrateOptions>());
    });
}

function calibrateTo(rowsFile: string, options: CalibrateOptions): void {
  const file = readAcceleratorFile(options.accelerator);
  const out = options.out ?? resolve(dirname(rowsFile), `${file.name}-calibrated.yaml`);
  if (!/\.ya?ml$/.test(out)) throw new UsageError(`--out ${out}: an accelerator file ends in .yaml`);
  if (existsSync(out) && options.force !== true) {
    throw new UsageError(`${out} is there already; --force replaces it, or name another file with --out`);
  }
  const name = basename(out)
    .replace(/\.ya?ml$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[.-]+/, '');
  const today = new Date().toISOString().slice(0, 10);
  const source = options.source ?? `${basename(rowsFile)}, fitted on ${today}`;
  const result = inFile(rowsFile, () =>
    calibrate(file, readRows(rowsFile), { name: name || 'mine', source }),
  );
  writeResult(out, formatAcceleratorFile(result.file));
  if (options.json === true) printJson(documentOf(out, result));
  else print(textOf(file.name, out, result));
}

/** Errors of rows begin with the file that they are in. */
function inFile<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof HardwareError) || error.message.startsWith(file)) throw error;
    throw new HardwareError(error.code, `${file}: ${error.message}`, { cause: error });
  }
}

function readRows(file: string): CalibrationRow[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
    throw new HardwareError('bad-calibration-rows', why);
  }
  const models = new Map<string, ModelShape>();
  return parseCalibrationRows(text, (config) => {
    const path = resolve(dirname(file), config);
    const shape = models.get(path) ?? readModelFile(path).shape;
    models.set(path, shape);
    return shape;
  });
}

function documentOf(out: string, { file, errorLeftOut, ...result }: Calibration) {
  return {
    file: out,
    name: file.name,
    ...result,
    errorLeftOut: Number.isNaN(errorLeftOut) ? null : errorLeftOut,
  };
}

function textOf(from: string, out: string, result: Calibration): string {
  const { coefficients, nRows, nFolds, errorBefore, errorFitted, errorLeftOut } = result;
  const left = (heading: string) => ({ heading, align: 'left' as const });
  const rows = coefficients.map(({ path, before, after, unit }) => [
    path,
    formatNumber(before),
    formatNumber(after),
    unit === 'ratio' ? '' : unit,
  ]);
  const table = formatTable([left('coefficient'), { heading: 'was' }, { heading: 'is' }, left('')], rows);
  const unseen = Number.isNaN(errorLeftOut)
    ? 'left out: unknown, as all rows are of one group'
    : `left out: ${formatShare(errorLeftOut)} on rows that their fit had not seen (${nFolds} folds of whole groups)`;
  return [
    `${nRows} rows on ${from}: ${plural(coefficients.length, 'coefficient')} fitted`,
    '',
    ...(coefficients.length === 0 ? ['no coefficient that may move has a say in these rows'] : [table]),
    '',
    'mean error',
    `  as it was: ${formatShare(errorBefore)}`,
    `  fitted: ${formatShare(errorFitted)}`,
    `  ${unseen}`,
    '',
    `wrote ${out}; use it as --accelerator ${out.includes('/') ? out : `./${out}`}`,
  ].join('\n');
}
