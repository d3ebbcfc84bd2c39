// The weights as the deployment stores them: every matrix in its format, sparse ones in the smallest storage.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../../evaluators/checkpoint/safetensors.ts';
import { compressFile, type TensorChoice } from '../../evaluators/compression/file/compress-file.ts';
import {
  type CastMatrix,
  MATRICES_KEY,
  readStretch,
} from '../../evaluators/compression/file/stored-matrix.ts';
import { openTensorFile, type TensorFile } from '../../evaluators/compression/file/tensor-file.ts';
import { matrixSpecs, storageOf } from '../../evaluators/compression/matrices.ts';
import type { DeployedWeights } from '../../evaluators/compression/measure-deployments.ts';
import { type LlamaTensor, llamaName, toLlamaTensors } from '../../evaluators/interchange/llama-tensors.ts';
import { decodeFloat, encodeFloat } from '../../hardware/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import { mustHold } from './failed-check.ts';

const FILE = 'compressed.safetensors';

/** Matrices as they are, for the codecs; gains in the half precision that deployments keep them in. */
function sourceTensor({ shape, data }: LlamaTensor): StoredTensor {
  if (shape.length > 1) return { dtype: 'F32', shape, data };
  return { dtype: 'F16', shape, data: encodeFloat(data, 'fp16').packed };
}

/** Outputs of a matrix, all parts one after the other, in the layout (out, in). */
function readMatrix(file: TensorFile, name: string, matrix: CastMatrix): Float32Array {
  const values = new Float32Array(matrix.inputs * matrix.outputs);
  let from = 0;
  for (const { outputs } of matrix.parts) {
    values.set(readStretch(file, name, matrix, { from, to: from + outputs }), from * matrix.inputs);
    from += outputs;
  }
  return values;
}

/** Writes the file; it decodes to the very weights that were measured. Returns the bytes of its tensors. */
export function writeCompressed(
  folder: string,
  architecture: Architecture,
  { deployment, stored, decoded }: DeployedWeights,
): number {
  const plain = join(folder, 'plain.safetensors.tmp');
  const target = join(folder, FILE);
  const tensors = toLlamaTensors(architecture, stored);
  writeSafetensors(plain, {
    tensors: new Map(tensors.map((tensor) => [tensor.name, sourceTensor(tensor)])),
    metadata: new Map([['format', 'pt']]),
  });
  const specs = new Map(matrixSpecs(architecture).map((spec) => [llamaName(spec.name), spec]));
  const reports = compressFile(plain, target, {
    choose: ({ name }): TensorChoice => {
      const spec = specs.get(name)!;
      if (spec.kind === 'gain') return { kind: 'copy' };
      const { weightFormat: format, sparsity } = storageOf(spec, deployment);
      return { kind: 'cast', format, sparsity };
    },
  });
  rmSync(plain);
  checkCompressed(target, toLlamaTensors(architecture, decoded));
  return reports.reduce((sum, { bytesAfter }) => sum + bytesAfter, 0);
}

function checkCompressed(path: string, expected: readonly LlamaTensor[]): void {
  const { tensors: copies } = readSafetensors(path);
  const file = openTensorFile(path);
  try {
    const matrices = JSON.parse(file.metadata.get(MATRICES_KEY)!) as Record<string, CastMatrix>;
    for (const { name, data } of expected) {
      const matrix = matrices[name];
      const found = matrix === undefined ? halves(copies.get(name)!) : readMatrix(file, name, matrix);
      const isEqual = found.length === data.length && found.every((value, i) => value === data[i]);
      mustHold(isEqual, FILE, `${name} does not decode to the weights that were measured`);
    }
  } finally {
    file.close();
  }
}

function halves({ data }: StoredTensor): Float32Array {
  const { buffer, byteOffset, byteLength } = data;
  const packed = new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return decodeFloat({ format: 'fp16', length: packed.length, packed });
}
