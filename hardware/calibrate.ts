// Fits the coefficients of an accelerator to measured rows: simplex search on their logarithms, mean absolute
// log error, a weak pull towards the values they had. Few coefficients: those that the rows can tell apart.
import type { Accelerator } from './accelerator.ts';
import { type AcceleratorFile, toAccelerator } from './accelerator-schema.ts';
import { estimateCost } from './cost.ts';
import type { CostInput } from './cost-input.ts';
import { HardwareError } from './errors.ts';
import { scoringSeconds } from './forward.ts';
import { minimise } from './nelder-mead.ts';

/** What a measured row reports. */
export const CALIBRATION_METRICS = [
  'decodeSecondsPerToken',
  'steadySecondsPerToken',
  'prefillSeconds',
  'timeToFirstTokenSeconds',
  'requestSeconds',
  'tokensPerSecond',
  'scoringSeconds',
] as const;
export type CalibrationMetric = (typeof CALIBRATION_METRICS)[number];

export interface CalibrationRow {
  readonly input: Omit<CostInput, 'accelerator'>;
  readonly metric: CalibrationMetric;
  readonly measured: number;
  /** Rows of a group are left out together, for instance those of one model. */
  readonly group: string;
  /** Where the row stands, for errors: `line 12`. */
  readonly origin?: string;
}

export interface FittedCoefficient {
  /** Path in the accelerator file. */
  readonly path: string;
  readonly before: number;
  readonly after: number;
  readonly unit: string;
}

export interface Calibration {
  readonly file: AcceleratorFile;
  readonly coefficients: readonly FittedCoefficient[];
  readonly nRows: number;
  /** Mean absolute relative errors: as shipped, after the fit, and on rows that their fit had not seen. */
  readonly errorBefore: number;
  readonly errorFitted: number;
  readonly errorLeftOut: number;
  readonly nFolds: number;
}

export interface CalibrationSettings {
  /** Name of the new accelerator. */
  readonly name: string;
  /** Where the rows come from, for the provenance of the fitted figures; name the software version and the date. */
  readonly source: string;
  readonly maxCoefficients?: number;
  readonly maxEvaluations?: number;
  readonly maxFolds?: number;
}

interface MutableFigure {
  value: number;
  unit: string;
  status: string;
  source: string;
}

const KERNEL_FIGURES = ['computeEfficiency', 'bandwidthEfficiency', 'fixedTime', 'sharpness'] as const;

/** Paths of all figures that a fit may move. Published ones never are. */
function candidatePaths(file: AcceleratorFile): string[] {
  return [
    ...Object.keys(file.kernels).flatMap((name) => KERNEL_FIGURES.map((key) => `kernels.${name}.${key}`)),
    ...Object.entries(file.weightFormats).flatMap(([family, format]) =>
      format.decompression === 'native' ? [] : [`weightFormats.${family}.weightRate`],
    ),
    'attention.bandwidthEfficiency',
    'attention.computeEfficiency',
    'attention.sharedReadRatio',
    'attention.fixedTime',
    'elementwise.fixedTime',
    'elementwise.bandwidthEfficiency',
    'stepTime',
    'sequenceTimePerWeight',
    'prefillInterference',
    ...file.links.flatMap((_, i) => [`links.${i}.alpha`, `links.${i}.bus`]),
  ];
}

function figureAt(file: AcceleratorFile, path: string): MutableFigure {
  let node: unknown = file;
  for (const key of path.split('.')) node = (node as Record<string, unknown>)[key];
  return node as MutableFigure;
}

/** Exponents below 1 would make two costs dearer than their sum. */
const MIN_SHARPNESS = 1;
const MAX_FACTOR = 20;
/** Weight of the pull towards the shipped values, in log error per squared log step. */
const PULL = 0.003;
/** A relative change of predictions, for a 10 % step, below which rows say nothing about a coefficient. */
const MIN_RESPONSE = 5e-4;

function predict(row: CalibrationRow, accelerator: Accelerator): number {
  const input: CostInput = { ...row.input, accelerator };
  return row.metric === 'scoringSeconds' ? scoringSeconds(input) : estimateCost(input)[row.metric];
}

function withValues(
  file: AcceleratorFile,
  paths: readonly string[],
  values: readonly number[],
): AcceleratorFile {
  const copy = structuredClone(file);
  paths.forEach((path, i) => {
    figureAt(copy, path).value = values[i]!;
  });
  return copy;
}

function logErrors(rows: readonly CalibrationRow[], accelerator: Accelerator): number[] {
  return rows.map((row) => Math.log(predict(row, accelerator) / row.measured));
}

function meanRelative(errors: readonly number[]): number {
  return errors.reduce((total, error) => total + Math.abs(Math.expm1(error)), 0) / errors.length;
}

/** The coefficients that the rows respond to most, at most `limit`, in file order. */
function chooseCoefficients(file: AcceleratorFile, rows: readonly CalibrationRow[], limit: number): string[] {
  const base = logErrors(rows, toAccelerator(file));
  const responses = candidatePaths(file).map((path) => {
    const figure = figureAt(file, path);
    if (figure.value === 0) return { path, response: 0 };
    const moved = logErrors(rows, toAccelerator(withValues(file, [path], [figure.value * 1.1])));
    const total = moved.reduce((sum, error, i) => sum + Math.abs(error - base[i]!), 0);
    return { path, response: total / rows.length };
  });
  const chosen = responses
    .filter(({ response }) => response > MIN_RESPONSE)
    .sort((a, b) => b.response - a.response)
    .slice(0, limit)
    .map(({ path }) => path);
  return candidatePaths(file).filter((path) => chosen.includes(path));
}

interface Fit {
  readonly values: readonly number[];
  readonly logs: readonly number[];
}

function fitValues(
  file: AcceleratorFile,
  paths: readonly string[],
  rows: readonly CalibrationRow[],
  startLogs: readonly number[],
  maxEvaluations: number,
): Fit {
  const before = paths.map((path) => figureAt(file, path).value);
  const valuesOf = (logs: readonly number[]) =>
    logs.map((log, i) => {
      const bounded =
        before[i]! * Math.exp(Math.max(-Math.log(MAX_FACTOR), Math.min(Math.log(MAX_FACTOR), log)));
      return paths[i]!.endsWith('.sharpness') ? Math.max(MIN_SHARPNESS, bounded) : bounded;
    });
  const objective = (logs: readonly number[]) => {
    const errors = logErrors(rows, toAccelerator(withValues(file, paths, valuesOf(logs))));
    const pull = logs.reduce((total, log) => total + log * log, 0);
    return errors.reduce((total, error) => total + Math.abs(error), 0) / rows.length + PULL * pull;
  };
  // A second start from the first end gets the simplex out of a corner that it has collapsed into.
  const half = Math.ceil(maxEvaluations / 2);
  const first = minimise(objective, startLogs, { maxEvaluations: half, step: 0.25, tolerance: 1e-7 });
  const second = minimise(objective, first.point, { maxEvaluations: half, step: 0.1, tolerance: 1e-7 });
  return { values: valuesOf(second.point), logs: second.point };
}

/** Groups dealt into at most `maxFolds` folds, in order of appearance. */
function foldsOf(rows: readonly CalibrationRow[], maxFolds: number): number[] {
  const groups = [...new Set(rows.map((row) => row.group))];
  return rows.map((row) => groups.indexOf(row.group) % maxFolds);
}

const MIN_ROWS = 4;

/** Every row must be one that the device can be asked for. */
function checkRows(rows: readonly CalibrationRow[], accelerator: Accelerator): void {
  if (rows.length < MIN_ROWS) {
    const count = `${rows.length} ${rows.length === 1 ? 'row is' : 'rows are'}`;
    throw new HardwareError(
      'bad-calibration-rows',
      `${count} too few to fit; ${MIN_ROWS} at least, 20 or more are better`,
    );
  }
  rows.forEach((row, i) => {
    const fail = (message: string, cause?: unknown): never => {
      throw new HardwareError('bad-calibration-rows', `${row.origin ?? `row ${i + 1}`}: ${message}`, {
        cause,
      });
    };
    if (!(row.measured > 0 && Number.isFinite(row.measured))) {
      fail(`a measured value must be above 0, not ${row.measured}`);
    }
    let predicted = Number.NaN;
    try {
      predicted = predict(row, accelerator);
    } catch (error) {
      if (!(error instanceof HardwareError)) throw error;
      fail(error.message, error);
    }
    if (!(predicted > 0)) fail(`${row.metric} is 0 for this workload: nothing to fit`);
  });
}

/**
 * Fits `file` to measured rows and says how well the fit does on rows it has not seen (whole groups left out).
 * @throws HardwareError for too few or impossible rows.
 */
export function calibrate(
  file: AcceleratorFile,
  rows: readonly CalibrationRow[],
  settings: CalibrationSettings,
): Calibration {
  checkRows(rows, toAccelerator(file));
  const limit = settings.maxCoefficients ?? Math.max(1, Math.min(10, Math.floor(rows.length / 5)));
  const maxEvaluations = settings.maxEvaluations ?? 1000;
  const paths = chooseCoefficients(file, rows, limit);
  const fit = fitValues(
    file,
    paths,
    rows,
    paths.map(() => 0),
    maxEvaluations,
  );
  const fold = foldsOf(rows, settings.maxFolds ?? 10);
  const nFolds = Math.max(...fold) + 1;
  const leftOut: number[] = [];
  for (let k = 0; nFolds > 1 && k < nFolds; k += 1) {
    const seen = rows.filter((_, i) => fold[i] !== k);
    // Each fold starts from the shipped values, so that no left-out row has had a say.
    const part = fitValues(
      file,
      paths,
      seen,
      paths.map(() => 0),
      maxEvaluations,
    );
    const accelerator = toAccelerator(withValues(file, paths, part.values));
    leftOut.push(
      ...logErrors(
        rows.filter((_, i) => fold[i] === k),
        accelerator,
      ),
    );
  }
  const errorLeftOut = leftOut.length === 0 ? Number.NaN : meanRelative(leftOut);
  const fitted = withValues(file, paths, fit.values);
  return {
    file: withProvenance(file, fitted, paths, settings, rows, errorLeftOut),
    coefficients: paths.map((path, i) => ({
      path,
      before: figureAt(file, path).value,
      after: fit.values[i]!,
      unit: figureAt(file, path).unit,
    })),
    nRows: rows.length,
    errorBefore: meanRelative(logErrors(rows, toAccelerator(file))),
    errorFitted: meanRelative(logErrors(rows, toAccelerator(fitted))),
    errorLeftOut,
    nFolds,
  };
}

const FIGURE_OF_METRIC: Readonly<Record<CalibrationMetric, 'decode' | 'prefill' | 'throughput'>> = {
  decodeSecondsPerToken: 'decode',
  steadySecondsPerToken: 'decode',
  prefillSeconds: 'prefill',
  timeToFirstTokenSeconds: 'prefill',
  scoringSeconds: 'prefill',
  requestSeconds: 'throughput',
  tokensPerSecond: 'throughput',
};

function withProvenance(
  original: AcceleratorFile,
  fitted: AcceleratorFile,
  paths: readonly string[],
  settings: CalibrationSettings,
  rows: readonly CalibrationRow[],
  errorLeftOut: number,
): AcceleratorFile {
  const copy = structuredClone(fitted);
  copy.name = settings.name;
  copy.note = `${original.note} Calibrated from ${original.name}.`.trim();
  copy.sources.calibration = `fitted to ${rows.length} rows: ${settings.source}`;
  copy.sources.leftOut = `rows left out of the fit to ${rows.length} rows: ${settings.source}`;
  for (const path of paths) {
    const figure = figureAt(copy, path);
    figure.value = Number(figure.value.toPrecision(5));
    figure.status = 'fitted';
    figure.source = 'calibration';
  }
  const figures = [...new Set(rows.map((row) => FIGURE_OF_METRIC[row.metric]))];
  copy.validation = Number.isNaN(errorLeftOut)
    ? []
    : figures.map((figure) => ({
        figure,
        meanError: Number(errorLeftOut.toPrecision(3)),
        rows: rows.length,
        maxBatch: Math.max(...rows.map((row) => row.input.workload.batch)),
        source: 'leftOut',
      }));
  return copy;
}
