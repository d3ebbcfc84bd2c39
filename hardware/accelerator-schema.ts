// The accelerator file: zod schema, and its translation to SI units per device with the provenance kept.
import { z } from 'zod';
import { KV_CACHE_FORMATS } from '../space/number-formats.ts';
import {
  type Accelerator,
  COMPUTE_FORMATS,
  type Decompression,
  FIGURE_STATUSES,
  type FormatSupport,
  type Kernel,
  type Provenance,
} from './accelerator.ts';
import type { WeightFamily } from './weight-bits.ts';

const UNITS = {
  count: { count: 1 },
  tokens: { tokens: 1 },
  ratio: { ratio: 1 },
  bytes: { GB: 1e9, GiB: 2 ** 30, MB: 1e6 },
  bytesPerSecond: { 'GB/s': 1e9, 'TB/s': 1e12, 'PB/s': 1e15 },
  flopsPerSecond: { TFLOPS: 1e12, PFLOPS: 1e15 },
  seconds: { us: 1e-6, ms: 1e-3, s: 1 },
  weightsPerSecond: { 'Gweights/s': 1e9, 'Tweights/s': 1e12 },
  secondsPerWeight: { 'ps/weight': 1e-12 },
  watts: { W: 1 },
  dollarsPerHour: { 'USD/h': 1 },
} as const satisfies Record<string, Readonly<Record<string, number>>>;

const source = z.string().min(1);

/** A figure of one dimension: value in a unit of that dimension, status, and a key of `sources`. */
function figure(dimension: keyof typeof UNITS) {
  const units = Object.keys(UNITS[dimension]) as [string, ...string[]];
  return z.strictObject({
    value: z.number().nonnegative().finite(),
    unit: units.length === 1 ? z.enum(units).default(units[0]) : z.enum(units),
    status: z.enum(FIGURE_STATUSES),
    source,
  });
}

const kernelSchema = z.strictObject({
  computesIn: z.enum(COMPUTE_FORMATS),
  computeEfficiency: figure('ratio'),
  bandwidthEfficiency: figure('ratio'),
  fixedTime: figure('seconds'),
  sharpness: figure('ratio'),
});

const formatSchema = z.discriminatedUnion('decompression', [
  z.strictObject({ kernel: z.string(), decompression: z.literal('native') }),
  z.strictObject({
    kernel: z.string(),
    decompression: z.enum(['overlap', 'additive']),
    weightRate: figure('weightsPerSecond'),
  }),
]);

const FAMILIES = [
  'fp32',
  'fp16',
  'bf16',
  'fp8',
  'int8',
  'int4',
  'mxfp8',
  'mxfp6',
  'mxfp4',
  'mxint8',
  'nvfp4',
  'codebook',
] as const satisfies readonly WeightFamily[];

const formatsSchema = z.strictObject(
  Object.fromEntries(FAMILIES.map((family) => [family, formatSchema])) as Record<
    WeightFamily,
    typeof formatSchema
  >,
);

/** The file as written. Every figure is stated: there are no defaults. */
export const acceleratorFileSchema = z.strictObject({
  specVersion: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'lower-case letters, digits, dots and dashes'),
  title: z.string().min(1),
  note: z.string().default(''),
  sources: z.record(z.string(), z.string().min(1)),
  card: z.strictObject({
    devices: figure('count'),
    maxCards: figure('count'),
    memory: figure('bytes'),
    bandwidth: figure('bytesPerSecond'),
    idlePower: figure('watts'),
    loadPower: figure('watts'),
    price: z
      .union([
        z.literal('unknown'),
        figure('dollarsPerHour').extend({ date: z.string().regex(/^\d{4}-\d{2}(-\d{2})?$/, 'YYYY-MM') }),
      ])
      .describe('of one card; "unknown" where there is none'),
  }),
  peaks: z.partialRecord(z.enum(COMPUTE_FORMATS), figure('flopsPerSecond')),
  memory: z.strictObject({ usableRatio: figure('ratio'), reserve: figure('bytes') }),
  kernels: z.record(z.string(), kernelSchema),
  weightFormats: formatsSchema,
  kvCacheFormats: z.array(z.enum(KV_CACHE_FORMATS)).min(1),
  attention: z.strictObject({
    bandwidthEfficiency: figure('ratio'),
    computeEfficiency: figure('ratio'),
    sharedReadRatio: figure('ratio'),
    fixedTime: figure('seconds'),
  }),
  elementwise: z.strictObject({ fixedTime: figure('seconds'), bandwidthEfficiency: figure('ratio') }),
  stepTime: figure('seconds'),
  sequenceTimePerWeight: figure('secondsPerWeight'),
  prefillInterference: figure('ratio'),
  sparse: z.strictObject({
    skipsZeros: z.boolean(),
    zeroWeightCost: figure('ratio'),
    bandwidthRatio: figure('ratio'),
  }),
  links: z.array(
    z.strictObject({ devices: z.int().min(2), alpha: figure('seconds'), bus: figure('bytesPerSecond') }),
  ),
  staticShapes: z.union([z.literal(false), z.strictObject({ prefillChunk: figure('tokens') })]),
  /** Share of the peak that training reaches; false where the device only infers. */
  training: z.union([
    z.literal(false),
    z.strictObject({ computesIn: z.enum(COMPUTE_FORMATS), utilisation: figure('ratio') }),
  ]),
  validation: z.array(
    z.strictObject({
      figure: z.enum(['decode', 'prefill', 'throughput']),
      meanError: z.number().nonnegative(),
      rows: z.int().positive(),
      maxBatch: z.int().positive().optional().describe('largest batch of the rows, where they stop early'),
      source,
    }),
  ),
});
export type AcceleratorFile = z.infer<typeof acceleratorFileSchema>;

interface RawFigure {
  readonly value: number;
  readonly unit: string;
  readonly status: Provenance['status'];
  readonly source: string;
}

function isFigure(value: unknown): value is RawFigure {
  return typeof value === 'object' && value !== null && 'value' in value && 'status' in value;
}

const UNIT_FACTORS = new Map<string, number>(
  Object.values(UNITS).flatMap((units) => Object.entries(units) as [string, number][]),
);

function si(raw: RawFigure): number {
  return raw.value * UNIT_FACTORS.get(raw.unit)!;
}

function collectProvenance(file: AcceleratorFile): Provenance[] {
  const rows: Provenance[] = [];
  const visit = (path: string, value: unknown) => {
    if (isFigure(value)) {
      rows.push({
        path,
        value: value.value,
        unit: value.unit,
        status: value.status,
        source: file.sources[value.source]!,
      });
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value)) visit(path ? `${path}.${key}` : key, child);
    }
  };
  visit('', file);
  return rows;
}

/** Names in the file that point nowhere: sources, kernels, peaks. Empty when all is well. */
export function danglingNames(file: AcceleratorFile): { path: string; message: string }[] {
  const problems: { path: string; message: string }[] = [];
  const visit = (path: string, value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    const named = (value as { source?: unknown }).source;
    if (typeof named === 'string' && path !== 'sources' && file.sources[named] === undefined) {
      problems.push({ path: `${path}.source`, message: `no source "${named}" in sources` });
    }
    for (const [key, child] of Object.entries(value)) visit(path ? `${path}.${key}` : key, child);
  };
  visit('', file);
  for (const [name, kernel] of Object.entries(file.kernels)) {
    if (file.peaks[kernel.computesIn] === undefined) {
      problems.push({ path: `kernels.${name}.computesIn`, message: `no peak for ${kernel.computesIn}` });
    }
  }
  if (file.training !== false && file.peaks[file.training.computesIn] === undefined) {
    problems.push({ path: 'training.computesIn', message: `no peak for ${file.training.computesIn}` });
  }
  for (const [family, format] of Object.entries(file.weightFormats)) {
    if (file.kernels[format.kernel] === undefined) {
      problems.push({ path: `weightFormats.${family}.kernel`, message: `no kernel "${format.kernel}"` });
    }
  }
  return problems;
}

function toKernel(file: AcceleratorFile, name: string, devices: number): Kernel {
  const kernel = file.kernels[name]!;
  return {
    peakFlopsPerSecond: si(file.peaks[kernel.computesIn]!) / devices,
    computeEfficiency: si(kernel.computeEfficiency),
    bandwidthEfficiency: si(kernel.bandwidthEfficiency),
    fixedSeconds: si(kernel.fixedTime),
    sharpness: si(kernel.sharpness),
  };
}

function toFormats(file: AcceleratorFile, devices: number): Record<WeightFamily, FormatSupport> {
  const entries = FAMILIES.map((family): [WeightFamily, FormatSupport] => {
    const format = file.weightFormats[family];
    const decompression: Decompression =
      format.decompression === 'native'
        ? { kind: 'native' }
        : { kind: format.decompression, weightsPerSecond: si(format.weightRate) / devices };
    const { computesIn: _, ...kernelFigures } = file.kernels[format.kernel]!;
    const figures = [...Object.values(kernelFigures), ...('weightRate' in format ? [format.weightRate] : [])];
    const isCalibrated = figures.every(({ status }) => status !== 'assumed');
    return [family, { kernel: toKernel(file, format.kernel, devices), isCalibrated, decompression }];
  });
  return Object.fromEntries(entries) as Record<WeightFamily, FormatSupport>;
}

/** The file in SI units per device. Its names must already resolve: see {@link danglingNames}. */
export function toAccelerator(file: AcceleratorFile): Accelerator {
  const { card } = file;
  const devices = si(card.devices);
  const peaks = Object.entries(file.peaks).map(([format, peak]) => [format, si(peak) / devices]);
  return {
    name: file.name,
    title: file.title,
    note: file.note,
    devicesPerCard: devices,
    maxCards: si(card.maxCards),
    memoryBytes: si(card.memory) / devices,
    bandwidthBytesPerSecond: si(card.bandwidth) / devices,
    usableMemoryRatio: si(file.memory.usableRatio),
    reserveBytes: si(file.memory.reserve),
    peakFlopsPerSecond: Object.fromEntries(peaks),
    weightFormats: toFormats(file, devices),
    kvCacheFormats: file.kvCacheFormats,
    attention: {
      bandwidthEfficiency: si(file.attention.bandwidthEfficiency),
      computeEfficiency: si(file.attention.computeEfficiency),
      sharedReadRatio: si(file.attention.sharedReadRatio),
      fixedSeconds: si(file.attention.fixedTime),
    },
    elementwise: {
      fixedSeconds: si(file.elementwise.fixedTime),
      bandwidthEfficiency: si(file.elementwise.bandwidthEfficiency),
    },
    stepSeconds: si(file.stepTime),
    sequenceSecondsPerWeight: si(file.sequenceTimePerWeight),
    prefillInterference: si(file.prefillInterference),
    sparse: {
      skipsZeros: file.sparse.skipsZeros,
      zeroWeightCost: si(file.sparse.zeroWeightCost),
      bandwidthRatio: si(file.sparse.bandwidthRatio),
    },
    links: file.links
      .map((link) => ({
        devices: link.devices,
        alphaSeconds: si(link.alpha),
        busBytesPerSecond: si(link.bus),
      }))
      .sort((a, b) => a.devices - b.devices),
    staticShapes:
      file.staticShapes === false ? undefined : { prefillChunkTokens: si(file.staticShapes.prefillChunk) },
    training:
      file.training === false
        ? undefined
        : {
            peakFlopsPerSecond: si(file.peaks[file.training.computesIn]!) / devices,
            utilisation: si(file.training.utilisation),
          },
    power: { idleWatts: si(card.idlePower) / devices, loadWatts: si(card.loadPower) / devices },
    price:
      card.price === 'unknown'
        ? undefined
        : {
            dollarsPerHour: card.price.value,
            date: card.price.date,
            source: file.sources[card.price.source]!,
          },
    validation: file.validation.map((record) => ({
      figure: record.figure,
      errorRatio: record.meanError,
      rows: record.rows,
      ...(record.maxBatch === undefined ? {} : { maxBatch: record.maxBatch }),
      source: file.sources[record.source]!,
    })),
    provenance: collectProvenance(file),
  };
}
