// The exact codecs: what a weight becomes when it is stored, and how many bits that takes.
export {
  type CastWeights,
  castWeights,
  decodeWeights,
  type EncodedWeights,
  encodeWeights,
  type WeightShape,
} from './cast-weights.ts';
export { type CodebookOptions, type CodebookTensor, decodeCodebook, encodeCodebook } from './codebook.ts';
export { type DenseTensor, decodeDense, encodeDense, type ValueFormat } from './dense.ts';
export { decodeFloat, encodeFloat, type FloatTensor } from './float-cast.ts';
export { FormatError, type FormatErrorCode } from './format-error.ts';
export { decodeGrouped, encodeGrouped, type GroupedFormat, type GroupedTensor } from './grouped.ts';
export { keepLargest } from './magnitude.ts';
export { decodeMx, encodeMx, type MxOptions, type MxTensor } from './mx.ts';
export { MX_FORMATS, type MxFormat } from './mx-format.ts';
export { MX_SCALE_RULES, type MxScaleRule } from './mx-scale.ts';
export { decodeNvFp4, encodeNvFp4, type NvFp4Tensor } from './nvfp4.ts';
export {
  type EncodedTensor,
  encodedBits,
  expectedDummies,
  expectedStorageBits,
  expectedWeightBits,
  type Storage,
} from './sizes.ts';
export {
  type BitmaskTensor,
  type DeltaCscTensor,
  decodeBitmask,
  decodeDeltaCsc,
  encodeBitmask,
  encodeDeltaCsc,
  type SparseOptions,
} from './sparse.ts';
