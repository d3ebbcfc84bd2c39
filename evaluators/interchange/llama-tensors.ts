// Weights under the names and in the shapes of Hugging Face's Llama: matrices (out, in) where here they are (in, out).
// Rotary positions use the same half-split layout on both sides, so rows of q and k keep their order.
import type { Architecture } from '../../space/architecture.ts';
import { parameterSpecs, type Weights } from '../model/parameters.ts';

/** One tensor of a Llama checkpoint, row-major. */
export interface LlamaTensor {
  /** Its name here. */
  readonly parameter: string;
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

const OUTER: Readonly<Record<string, string>> = {
  embedding: 'model.embed_tokens.weight',
  norm: 'model.norm.weight',
  head: 'lm_head.weight',
};

const INNER: Readonly<Record<string, string>> = {
  'attention.norm': 'input_layernorm',
  'attention.q': 'self_attn.q_proj',
  'attention.k': 'self_attn.k_proj',
  'attention.v': 'self_attn.v_proj',
  'attention.o': 'self_attn.o_proj',
  'feedForward.norm': 'post_attention_layernorm',
  'feedForward.gate': 'mlp.gate_proj',
  'feedForward.up': 'mlp.up_proj',
  'feedForward.down': 'mlp.down_proj',
};

/** The Llama name of a parameter: `layers.3.attention.q` is `model.layers.3.self_attn.q_proj.weight`. */
export function llamaName(parameter: string): string {
  const outer = OUTER[parameter];
  if (outer !== undefined) return outer;
  const [, layer, part] = /^layers\.(\d+)\.(.+)$/.exec(parameter)!;
  return `model.layers.${layer}.${INNER[part!]!}.weight`;
}

/** (cols, rows) of a row-major (rows, cols) matrix. */
function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) turned[col * rows + row] = values[row * cols + col]!;
  return turned;
}

/** All tensors of a model. The embedding, (V, D), and gains lie alike on both sides and are not copied. */
export function toLlamaTensors(architecture: Architecture, weights: Weights): LlamaTensor[] {
  return parameterSpecs(architecture).map(({ name: parameter, shape }) => {
    const name = llamaName(parameter);
    const data = weights[parameter]!;
    const [rows, cols] = shape;
    if (cols === undefined || parameter === 'embedding') return { parameter, name, shape, data };
    return { parameter, name, shape: [cols, rows!], data: transposed(data, rows!, cols) };
  });
}
