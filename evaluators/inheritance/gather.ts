// Rows and columns of row-major matrices, taken from where they were or new.

/** Stands where an index of the source would: a row or column that the source does not have. */
export const NEW = -1;

/** Gives the numbers of new rows and columns, one after the other. */
export type Fill = () => number;

export const zeros: Fill = () => 0;

/** `source` (rows, width) with its rows in the order of `from`. */
export function gatherRows(
  source: Float32Array,
  width: number,
  from: readonly number[],
  fill: Fill,
): Float32Array {
  const result = new Float32Array(from.length * width);
  for (const [row, at] of from.entries()) {
    if (at !== NEW) result.set(source.subarray(at * width, (at + 1) * width), row * width);
    else for (let column = 0; column < width; column++) result[row * width + column] = fill();
  }
  return result;
}

/** `source` (rows, width) with its columns in the order of `from`. */
export function gatherColumns(
  source: Float32Array,
  width: number,
  from: readonly number[],
  fill: Fill,
): Float32Array {
  const nRows = source.length / width;
  const result = new Float32Array(nRows * from.length);
  for (let row = 0; row < nRows; row++) {
    for (const [column, at] of from.entries()) {
      result[row * from.length + column] = at === NEW ? fill() : source[row * width + at]!;
    }
  }
  return result;
}

/** The sum of squares of each row of `source` (rows, width). */
export function rowEnergies(source: Float32Array, width: number): Float64Array {
  const energies = new Float64Array(source.length / width);
  for (let at = 0; at < source.length; at++) energies[Math.floor(at / width)]! += source[at]! ** 2;
  return energies;
}

/** The sum of squares of each column of `source` (rows, width). */
export function columnEnergies(source: Float32Array, width: number): Float64Array {
  const energies = new Float64Array(width);
  for (let at = 0; at < source.length; at++) energies[at % width]! += source[at]! ** 2;
  return energies;
}

/** The indices of the `count` largest numbers, upwards; of equal ones the first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  const order = Array.from(values, (value, at) => ({ value, at }));
  order.sort((a, b) => b.value - a.value || a.at - b.at);
  return order
    .slice(0, count)
    .map(({ at }) => at)
    .sort((a, b) => a - b);
}

/** The first `count` whole numbers. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
