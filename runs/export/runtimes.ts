// Which programs load which form of a model: what was run, and what was read in their documentation and source.

export interface Runtime {
  readonly name: string;
  /** Of a model whose layers are unlike: the folder itself. */
  readonly perLayer: string;
  /** Of a plain Llama model: the folder itself where layers are alike, else `uniform/`. */
  readonly plain: string;
}

export const RUNTIMES: readonly Runtime[] = [
  {
    name: 'transformers',
    perLayer: 'yes, with `trust_remote_code=True` (tested with 4.57 and 5.24)',
    plain: 'yes, as `LlamaForCausalLM` (tested with 4.57 and 5.24)',
  },
  {
    name: 'ONNX Runtime',
    perLayer: 'yes, `onnx/` (run at every export)',
    plain: 'yes, `onnx/` (run at every export)',
  },
  {
    name: 'other ONNX runtimes',
    perLayer: 'standard operators of set 17 alone; not tested',
    plain: 'standard operators of set 17 alone; not tested',
  },
  {
    name: 'vLLM',
    perLayer: 'no: its DeciLM class reads per-layer kv heads, but one number of query heads for all layers',
    plain: 'lists `LlamaForCausalLM`; not tested',
  },
  {
    name: 'llama.cpp',
    perLayer: 'no: its DeciLM converter reads per-layer kv heads, but not these tokenizers',
    plain:
      'its converter takes Llama weights, but knows tokenizers by a hash and stops at a new one: enter it there as `gpt-2`; not tested',
  },
  {
    name: 'Qualcomm efficient-transformers',
    perLayer: 'no: it has no per-layer kv heads',
    plain: 'takes Llama models; not tested',
  },
];
