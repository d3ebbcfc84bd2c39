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

/** @throws FormatError at the first NaN or infinity. */
export function checkFinite(values: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i += 1) {
    if ((bits[i]! & 0x7f800000) !== 0x7f800000) continue;
    throw new FormatError('not-finite', `value ${i} is ${values[i]}; only finite numbers can be stored`);
  }
}
