// The baseline to beat: the same device as an ideal roofline, every peak reached and nothing takes fixed time.
import type { Accelerator, FormatSupport } from '../../hardware/accelerator.ts';
import type { WeightFamily } from '../../hardware/weight-bits.ts';

/** `accelerator` without any coefficient. */
export function idealOf(accelerator: Accelerator): Accelerator {
  const weightFormats = Object.fromEntries(
    Object.entries(accelerator.weightFormats).map(([family, { kernel }]): [string, FormatSupport] => [
      family,
      {
        kernel: { ...kernel, computeEfficiency: 1, bandwidthEfficiency: 1, fixedSeconds: 0, sharpness: 64 },
        isCalibrated: false,
        decompression: { kind: 'native' },
      },
    ]),
  ) as Record<WeightFamily, FormatSupport>;
  return {
    ...accelerator,
    weightFormats,
    attention: { bandwidthEfficiency: 1, computeEfficiency: 1, sharedReadRatio: 1e6, fixedSeconds: 0 },
    elementwise: { fixedSeconds: 0, bandwidthEfficiency: 1 },
    stepSeconds: 0,
    sequenceSecondsPerWeight: 0,
    links: accelerator.links.map((link) => ({ ...link, alphaSeconds: 0, busBytesPerSecond: 1e15 })),
  };
}
