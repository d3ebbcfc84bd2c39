// Which tensors of a file are cast, told by their names.
import type { WeightFormat } from '../../../space/number-formats.ts';
import type { TensorEntry } from '../../checkpoint/safetensors-header.ts';
import { FIRST, SECOND } from '../../training/step.ts';
import type { TensorChoice } from './compress-file.ts';

export interface TensorRules {
  readonly format: WeightFormat;
  readonly sparsity: number;
  /** Format of embeddings and output heads, which are never pruned. They are copied when absent. */
  readonly headFormat?: WeightFormat;
}

const EMBEDDING = /(^|[._])(embed\w*|wte|wpe)([._]|$)/;
const HEAD = /^output[.]|(^|[._])(lm_)?head([._]|$)/;
const CASTABLE: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16']);

/** Matrices are cast, all else is copied; the moments of a training checkpoint are left out. */
export function chooseTensor(
  { format, sparsity, headFormat }: TensorRules,
  entry: TensorEntry,
): TensorChoice {
  const { name, dtype, shape } = entry;
  if (name.startsWith(FIRST) || name.startsWith(SECOND)) return { kind: 'drop' };
  if (shape.length !== 2 || !CASTABLE.has(dtype)) return { kind: 'copy' };
  const isEmbedding = EMBEDDING.test(name);
  if (!isEmbedding && !HEAD.test(name)) return { kind: 'cast', format, sparsity };
  if (headFormat === undefined) return { kind: 'copy' };
  const head = { kind: 'cast', format: headFormat, sparsity: 0 } as const;
  // A table of rows of one token each, whatever way round the matrices are.
  return isEmbedding ? { ...head, layout: 'out-in' } : head;
}
