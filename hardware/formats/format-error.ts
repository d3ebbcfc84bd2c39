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
  // A finite sum needs no second look; only a sum that is not finite (or overflowed) does.
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += values[i]! * 0;
  if (sum === 0) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new FormatError('not-finite', `value ${at} is ${values[at]}; only finite numbers can be stored`);
}
