/** An engine that does not work here; the message is one line and says what is missing. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}
