/** What a codec refuses: a wrong shape, an option out of range, values it cannot store, or a damaged tensor. */
export type FormatErrorCode = 'shape' | 'option' | 'not-finite' | 'corrupt';

/** Thrown by the codecs before anything is written. `code` says what kind of refusal it is. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** @throws FormatError when `values` does not hold `rows` x `cols` numbers. */
export function checkShape(length: number, rows: number, cols: number): void {
  if (!Number.isInteger(rows) || !Number.isInteger(cols) || rows < 0 || cols < 0 || rows * cols !== length) {
    throw new FormatError('shape', `${length} values do not fill ${rows} rows x ${cols} columns`);
  }
}

/** @throws FormatError unless `value` is a whole number from `low` to `high`. */
export function checkWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new FormatError('option', `${name} must be a whole number from ${low} to ${high}, got ${value}`);
  }
}

/** @throws FormatError unless `values` is a Float32Array: the codecs read its bits, and other arrays have other bits. */
export function checkFloats(values: unknown): asserts values is Float32Array {
  if (values instanceof Float32Array) return;
  throw new FormatError('option', 'values must be a Float32Array');
}

/** More values than any array here can have. */
const MOST_VALUES = 2 ** 32;

/** @throws FormatError unless a matrix of `rows` x `cols` can be held. */
export function checkMatrix(rows: number, cols: number): void {
  const isWhole = Number.isInteger(rows) && Number.isInteger(cols) && rows >= 0 && cols >= 0;
  if (isWhole && rows * cols <= MOST_VALUES) return;
  throw new FormatError('shape', `no matrix has ${rows} rows x ${cols} columns`);
}

/** @throws FormatError for another kind of array, or at the first NaN or infinity. */
export function checkFinite(values: Float32Array): void {
  checkFloats(values);
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i += 1) {
    if ((bits[i]! & 0x7f800000) !== 0x7f800000) continue;
    throw new FormatError('not-finite', `value ${i} is ${values[i]}; only finite numbers can be stored`);
  }
}
