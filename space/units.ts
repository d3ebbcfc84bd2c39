// Units that a user may write behind a number, and the quantity that each belongs to.
import type { MetricUnit } from './metrics.ts';

const SECONDS = { us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600 };
const BYTES = {
  B: 1,
  KB: 1e3,
  kB: 1e3,
  KiB: 2 ** 10,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
  TB: 1e12,
  TiB: 2 ** 40,
};

/** Factor of each unit to the base unit of its quantity. */
const UNITS: Record<MetricUnit, Readonly<Record<string, number>>> = {
  bitsPerByte: { bpb: 1 },
  seconds: SECONDS,
  bytes: BYTES,
  count: { K: 1e3, M: 1e6, B: 1e9, T: 1e12 },
  tokensPerSecond: { 'tok/s': 1 },
  joules: { uJ: 1e-6, mJ: 1e-3, J: 1, kJ: 1e3 },
  dollars: { USD: 1 },
  number: {},
};

/** Quantities whose bare number would be ambiguous: `memory <= 16` says nothing. */
const NEEDS_UNIT: ReadonlySet<MetricUnit> = new Set<MetricUnit>(['seconds', 'bytes', 'joules']);

/** The units of a quantity as a user writes them. */
export function unitNames(quantity: MetricUnit): readonly string[] {
  return Object.keys(UNITS[quantity]);
}

/** Whether a number of this quantity must have a unit. */
export function needsUnit(quantity: MetricUnit): boolean {
  return NEEDS_UNIT.has(quantity);
}

/** Base units in one `unit`, or `undefined` where the unit does not belong to the quantity. */
export function unitFactor(quantity: MetricUnit, unit: string): number | undefined {
  return Object.hasOwn(UNITS[quantity], unit) ? UNITS[quantity][unit] : undefined;
}
