// Runs a session without copies of what it computes.
import type { InferenceSession } from 'onnxruntime-node';
import { outputName, SEQUENCE_OUTPUT } from './onnx.ts';
import type { Buffer, Feeds } from './program.ts';
import { runtimeCall } from './runtime-call.ts';

/** What onnxruntime-node 1.30 says of a sequence. */
const NOT_CONVERTED = 'Non tensor type is temporarily not supported.';

/**
 * Computes the outputs named in `fetches` into the buffers given there.
 *
 * NOTE: once all is computed, onnxruntime-node 1.30 copies every output into a new array, output by output, though it was
 * written where the caller wanted it: 7 % of a training step at 12 M parameters, and as much garbage as the model has
 * gradients. It ends with an error at the first output that it has no array for. So every model has one in front.
 */
export async function runInPlace(session: InferenceSession, feeds: Feeds, fetches: Feeds): Promise<void> {
  const named: Record<string, Buffer | null> = { [SEQUENCE_OUTPUT]: null };
  for (const [name, buffer] of Object.entries(fetches)) named[outputName(name)] = buffer;
  try {
    await runtimeCall(() => session.run(feeds, named));
  } catch (error) {
    if ((error as Error).message !== NOT_CONVERTED) throw error;
  }
}
