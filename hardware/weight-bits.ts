// Stored size of one weight matrix before any weights exist: what the codecs in formats/ will take.
import type { WeightFormat } from '../space/number-formats.ts';
import { type ExpectedShape, expectedWeightBits } from './formats/sizes.ts';

/** A matrix `y = x W`: `rows` is the reduction axis (inputs), `cols` the outputs. */
export type MatrixShape = ExpectedShape;

/** Formats that share kernels and decompression on a device. */
export type WeightFamily =
  | 'fp32'
  | 'fp16'
  | 'bf16'
  | 'fp8'
  | 'int8'
  | 'int4'
  | 'mxfp8'
  | 'mxfp6'
  | 'mxfp4'
  | 'mxint8'
  | 'nvfp4'
  | 'codebook';

const FAMILIES: Readonly<Record<WeightFormat, WeightFamily>> = {
  fp32: 'fp32',
  fp16: 'fp16',
  bf16: 'bf16',
  fp8: 'fp8',
  int8: 'int8',
  'int4-g32': 'int4',
  'int4-g128': 'int4',
  'mxfp8-e5m2': 'mxfp8',
  'mxfp8-e4m3': 'mxfp8',
  'mxfp6-e3m2': 'mxfp6',
  'mxfp6-e2m3': 'mxfp6',
  'mxfp4-e2m1': 'mxfp4',
  mxint8: 'mxint8',
  nvfp4: 'nvfp4',
  'codebook-4x1': 'codebook',
  'codebook-8x2': 'codebook',
  'codebook-8x4': 'codebook',
};

/** The kernel family of a format. */
export function familyOf(format: WeightFormat): WeightFamily {
  return FAMILIES[format];
}

/**
 * Bits of a stored matrix in the smallest of its layouts (dense, bitmask, delta CSC). Dense sizes are exact; sparse
 * ones are expectations over zeros that fall independently with probability `sparsity`.
 */
export function weightBits(format: WeightFormat, shape: MatrixShape, sparsity = 0): number {
  return shape.rows === 0 || shape.cols === 0 ? 0 : expectedWeightBits(format, shape, sparsity);
}

/** Bytes of a stored matrix: see {@link weightBits}. */
export function weightMatrixBytes(format: WeightFormat, shape: MatrixShape, sparsity = 0): number {
  return weightBits(format, shape, sparsity) / 8;
}
