// The model as ONNX graphs that share one file of weights; loaded by ONNX Runtime and compared before they count.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LanguageModel } from '../../evaluators/generation/language-model.ts';
import {
  checkDecoder,
  type DecoderCheck,
  type TokenBatch,
} from '../../evaluators/interchange/decoder-check.ts';
import { decoderGraph } from '../../evaluators/interchange/decoder-graph.ts';
import { encodeOnnx, encodeWeights, layOutWeights } from '../../evaluators/interchange/onnx-file.ts';
import { mustHold } from './failed-check.ts';

const WEIGHTS = 'weights.onnx_data';

/** Logits of the graphs may differ from the model's own by rounding alone. */
export const LOGIT_TOLERANCE = 1e-4;

/** Writes `prefill.onnx`, `decode.onnx` and their weights; returns how far logits are from the model's own on `text`. */
export async function writeOnnx(
  folder: string,
  model: LanguageModel,
  text: TokenBatch,
): Promise<DecoderCheck> {
  mkdirSync(folder, { recursive: true });
  const graphs = {
    prefill: decoderGraph(model.architecture, 'prefill'),
    decode: decoderGraph(model.architecture, 'decode'),
  };
  const layout = layOutWeights(graphs.prefill.weights);
  writeFileSync(join(folder, WEIGHTS), encodeWeights(layout, model.weights));
  const files = { prefill: join(folder, 'prefill.onnx'), decode: join(folder, 'decode.onnx') };
  for (const pass of ['prefill', 'decode'] as const)
    writeFileSync(files[pass], encodeOnnx(graphs[pass], WEIGHTS, layout));
  const found = await checkDecoder(model, text, files);
  for (const pass of ['prefill', 'decode'] as const) {
    const problem = `its logits differ from the model's by ${found[pass]}`;
    mustHold(found[pass] <= LOGIT_TOLERANCE, `${pass}.onnx`, problem);
  }
  return found;
}
