/** A run that cannot start or go on, through no fault of the program; the message says what to do. */
export class RunError extends Error {
  override readonly name = 'RunError';
}
