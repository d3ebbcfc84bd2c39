// What accelerators are compared by.
import type { Accelerator } from '../../hardware/index.ts';
import { formatCount } from '../format.ts';

/** Figures of one card. */
export function cardOf(accelerator: Accelerator) {
  const n = accelerator.devicesPerCard;
  const peak = accelerator.peakFlopsPerSecond;
  return {
    memoryBytes: n * accelerator.memoryBytes,
    bandwidthBytesPerSecond: n * accelerator.bandwidthBytesPerSecond,
    halfPeakFlopsPerSecond: n * (peak.fp16 ?? peak.bf16 ?? 0),
    loadWatts: n * accelerator.power.loadWatts,
  };
}

/** An accelerator in a line. */
export function summaryOf(accelerator: Accelerator) {
  const { name, title, devicesPerCard, maxCards, price, validation } = accelerator;
  const errors = Object.fromEntries(validation.map(({ figure, errorRatio }) => [figure, errorRatio]));
  return { name, title, devicesPerCard, maxCards, ...cardOf(accelerator), price, expectedError: errors };
}

/** Decimal units, as data sheets have them. */
export const rate = (bytesPerSecond: number): string => `${formatCount(bytesPerSecond)}B/s`;
