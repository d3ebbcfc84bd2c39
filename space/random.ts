// Seeded random numbers. A generator is derived from (run seed, number, purpose), never from arrival order,
// so a run does not depend on how many workers it had or how often it was interrupted.
import { createHash } from 'node:crypto';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

export interface Rng {
  /** A uniform 32-bit unsigned integer. */
  uint32(): number;
  /** A uniform integer in [0, n). `n` is at least 1. */
  below(n: number): number;
  /** A uniform double in [0, 1). */
  uniform(): number;
  /** True with probability numerator/denominator, in integers. */
  chance(numerator: number, denominator: number): boolean;
  /** A uniform member. @throws on an empty list. */
  pick<T>(items: readonly T[]): T;
  /** A standard normal double. */
  normal(): number;
}

/** A generator that depends on nothing but its arguments. */
export function deriveRng(seed: number, number: number, purpose: string): Rng {
  const digest = createHash('sha256').update(`${seed}/${number}/${purpose}`).digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.readInt32LE(at)));
  const uint32 = () => generator.next() >>> 0;
  const below = (n: number) => {
    const limit = 2 ** 32 - (2 ** 32 % n);
    let draw = uint32();
    while (draw >= limit) draw = uint32();
    return draw % n;
  };
  const uniform = () => (uint32() >>> 5) * 2 ** -27 + (uint32() >>> 6) * 2 ** -53;
  return {
    uint32,
    below,
    uniform,
    chance: (numerator, denominator) => below(denominator) < numerator,
    pick: (items) => {
      if (items.length === 0) throw new RangeError('pick from an empty list');
      return items[below(items.length)]!;
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}
