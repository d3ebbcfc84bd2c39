// The memory of a search's own process.
import { setFlagsFromString } from 'node:v8';

/**
 * Lets the heap grow by half between full collections, as `node --heap-growing-percent=50` does: a guided search looks
 * at thousands of genomes for each that it asks, and by default V8 lets what is left of them pile up to half a gigabyte.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=50');
}
