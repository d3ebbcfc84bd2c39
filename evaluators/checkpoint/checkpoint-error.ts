/** A checkpoint that cannot be written, read or trusted. The message is one line and names the file. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`checkpoint ${path}: ${problem}`, options);
    this.path = path;
  }
}
