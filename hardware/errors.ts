// One error type for everything a caller can get wrong when asking for a cost.

export type HardwareErrorCode =
  | 'unknown-accelerator'
  | 'bad-accelerator-file'
  | 'unsupported-format'
  | 'bad-architecture'
  | 'bad-deployment'
  | 'bad-workload'
  | 'bad-model-config'
  | 'bad-calibration-rows';

/** What was asked makes no sense or is not known; the message says what to do. */
export class HardwareError extends Error {
  override readonly name = 'HardwareError';
  readonly code: HardwareErrorCode;
  constructor(code: HardwareErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
