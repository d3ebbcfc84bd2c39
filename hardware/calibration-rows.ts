// Measured rows from CSV text, for `calibrate`.
import type { Layer } from '../space/architecture.ts';
import { didYouMean } from '../space/did-you-mean.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../space/number-formats.ts';
import { CALIBRATION_METRICS, type CalibrationRow } from './calibrate.ts';
import { uniformDeployment } from './deployments.ts';
import { HardwareError } from './errors.ts';
import type { ModelShape } from './model-shape.ts';

const MODEL_COLUMNS = [
  'dModel',
  'headDim',
  'vocabSize',
  'nLayers',
  'nHeads',
  'nKvHeads',
  'dFf',
  'tieEmbeddings',
];
const COLUMNS = [
  'config',
  ...MODEL_COLUMNS,
  'weights',
  'sparsity',
  'kv',
  'cards',
  'batch',
  'prompt',
  'generate',
  'metric',
  'value',
  'group',
];

/** What a row may leave out. */
const DEFAULTS: Readonly<Record<string, string>> = {
  weights: 'fp16',
  sparsity: '0',
  kv: 'fp16',
  cards: '1',
  batch: '1',
  generate: '0',
  tieEmbeddings: 'false',
};

type Cells = (column: string) => string;

function fail(line: number, message: string): never {
  throw new HardwareError('bad-calibration-rows', `line ${line}: ${message}`);
}

/** Cells of one line; double quotes keep commas. */
function splitLine(line: string): string[] {
  // A comma in front makes every cell begin alike, an empty first one too.
  return [...`,${line}`.matchAll(/,(?:\s*"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/g)].map((match) =>
    (match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"')).trim(),
  );
}

function numberIn(line: number, cells: Cells, column: string): number {
  const text = cells(column);
  const value = Number(text);
  if (text === '' || !Number.isFinite(value))
    fail(line, `${column} must be a number, not ${JSON.stringify(text)}`);
  return value;
}

/** One number a layer, joined by dashes; a single number stands for all layers. */
function listIn(line: number, cells: Cells, column: string, nLayers: number): number[] {
  const values = cells(column).split('-').map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 0)) {
    fail(line, `${column} must be whole numbers joined by dashes, not ${JSON.stringify(cells(column))}`);
  }
  if (values.length === 1) return Array.from({ length: nLayers }, () => values[0]!);
  if (values.length !== nLayers) fail(line, `${column} has ${values.length} numbers for ${nLayers} layers`);
  return values;
}

function inlineModel(line: number, cells: Cells): ModelShape {
  const nLayers = numberIn(line, cells, 'nLayers');
  if (!Number.isInteger(nLayers) || nLayers < 1)
    fail(line, `nLayers must be a whole number from 1, not ${nLayers}`);
  const nHeads = listIn(line, cells, 'nHeads', nLayers);
  const nKvHeads = cells('nKvHeads') === '' ? nHeads : listIn(line, cells, 'nKvHeads', nLayers);
  const dFf = listIn(line, cells, 'dFf', nLayers);
  return {
    dModel: numberIn(line, cells, 'dModel'),
    headDim: numberIn(line, cells, 'headDim'),
    vocabSize: numberIn(line, cells, 'vocabSize'),
    contextLength: numberIn(line, cells, 'prompt') + numberIn(line, cells, 'generate'),
    tieEmbeddings: cells('tieEmbeddings') === 'true',
    ropeTheta: 10_000,
    layers: nHeads.map((heads, i): Layer => ({ nHeads: heads, nKvHeads: nKvHeads[i]!, dFf: dFf[i]! })),
  };
}

function configModel(line: number, config: string, readModel: (config: string) => ModelShape): ModelShape {
  try {
    return readModel(config);
  } catch (error) {
    if (error instanceof HardwareError) return fail(line, error.message);
    throw error;
  }
}

function oneOf<T extends string>(line: number, cells: Cells, column: string, known: readonly T[]): T {
  const text = cells(column);
  const found = known.find((name) => name === text);
  if (found !== undefined) return found;
  const hint = didYouMean(text, known);
  return fail(line, `unknown ${column} ${JSON.stringify(text)}${hint}; known: ${known.join(', ')}`);
}

/**
 * Rows of a CSV text with a header. A model is a `config` (handed to `readModel`) or given inline by
 * dModel, headDim, vocabSize, nLayers, nHeads, nKvHeads, dFf, where lists by layer are joined by dashes; further
 * columns are weights, sparsity, kv, cards, batch, prompt, generate, metric, value and group.
 * @throws HardwareError naming the line and column that is wrong.
 */
export function parseCalibrationRows(
  text: string,
  readModel: (config: string) => ModelShape,
): CalibrationRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = splitLine(lines[0] ?? '');
  const unknown = header.find((name) => !COLUMNS.includes(name));
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, COLUMNS);
    fail(1, `unknown column ${JSON.stringify(unknown)}${hint}; known: ${COLUMNS.join(', ')}`);
  }
  const missing = ['prompt', 'metric', 'value'].find((name) => !header.includes(name));
  if (missing !== undefined) fail(1, `no column ${missing}`);
  return lines.slice(1).flatMap((content, i) => {
    if (content.trim() === '' || content.startsWith('#')) return [];
    const line = i + 2;
    const values = splitLine(content);
    if (values.length !== header.length) fail(line, `${values.length} cells for ${header.length} columns`);
    const cells: Cells = (column) => values[header.indexOf(column)] || DEFAULTS[column] || '';
    const config = cells('config');
    const architecture = config === '' ? inlineModel(line, cells) : configModel(line, config, readModel);
    const choice = {
      weightFormat: oneOf(line, cells, 'weights', WEIGHT_FORMATS),
      kvCacheFormat: oneOf(line, cells, 'kv', KV_CACHE_FORMATS),
      sparsity: numberIn(line, cells, 'sparsity'),
      nCards: numberIn(line, cells, 'cards'),
    };
    const measured = numberIn(line, cells, 'value');
    if (measured <= 0) fail(line, `value must be above 0, not ${measured}`);
    return [
      {
        input: {
          architecture,
          deployment: uniformDeployment(architecture.layers.length, choice),
          workload: {
            batch: numberIn(line, cells, 'batch'),
            promptTokens: numberIn(line, cells, 'prompt'),
            generatedTokens: numberIn(line, cells, 'generate'),
          },
        },
        metric: oneOf(line, cells, 'metric', CALIBRATION_METRICS),
        measured,
        origin: `line ${line}`,
        // Without a group of their own, rows of one model are left out together.
        group: cells('group') || config || MODEL_COLUMNS.map(cells).join('/'),
      },
    ];
  });
}
