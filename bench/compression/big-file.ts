// Peak memory and speed of compressing a file of 7B-class matrices, made up on the spot.
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { chooseTensor } from '../../evaluators/compression/file/choose-tensors.ts';
import { compressFile } from '../../evaluators/compression/file/compress-file.ts';
import { TensorFileWriter } from '../../evaluators/compression/file/tensor-file.ts';
import { encodeFloat } from '../../hardware/formats/index.ts';
import type { WeightFormat } from '../../space/number-formats.ts';
import { deriveRng } from '../../space/random.ts';

/** (out, in) of the matrices of one layer of Llama-2 7B. */
const SHAPES: Readonly<Record<string, readonly [number, number]>> = {
  q_proj: [4096, 4096],
  k_proj: [4096, 4096],
  v_proj: [4096, 4096],
  o_proj: [4096, 4096],
  gate_proj: [11008, 4096],
  up_proj: [11008, 4096],
  down_proj: [4096, 11008],
};

function makeUp(source: string, nLayers: number): void {
  const rng = deriveRng(1, 1, 'made-up weights');
  const values = Float32Array.from({ length: 2 ** 20 + 7 }, () => 0.02 * rng.normal());
  const stretch = encodeFloat(values, 'bf16').packed as Uint16Array;
  const bytes = new Uint8Array(stretch.buffer);
  const writer = new TensorFileWriter(source);
  try {
    const add = (name: string, shape: readonly [number, number]) => {
      const wanted = 2 * shape[0] * shape[1];
      const pieces = Array.from({ length: Math.ceil(wanted / bytes.length) }, (_, i) =>
        bytes.subarray(0, Math.min(bytes.length, wanted - i * bytes.length)),
      );
      writer.add(name, 'BF16', shape, pieces);
    };
    add('model.embed_tokens.weight', [32_000, 4096]);
    for (let layer = 0; layer < nLayers; layer++) {
      for (const [name, shape] of Object.entries(SHAPES)) add(`model.layers.${layer}.${name}.weight`, shape);
    }
    add('lm_head.weight', [32_000, 4096]);
    writer.assemble(new Map());
    writer.publish();
  } finally {
    writer.discard();
  }
}

/** Compresses a made-up file of `nLayers` layers in `folder` and prints what it took. */
export function compressBigFile(
  folder: string,
  nLayers: number,
  format: WeightFormat,
  sparsity: number,
): void {
  const source = join(folder, `made-up-${nLayers}.safetensors`);
  const target = join(folder, 'small.safetensors');
  if (!existsSync(source)) makeUp(source, nLayers);
  const start = performance.now();
  const cpu = process.cpuUsage();
  compressFile(source, target, { choose: (entry) => chooseTensor({ format, sparsity }, entry) });
  const { user, system } = process.cpuUsage(cpu);
  const figures = {
    format,
    sparsity,
    gigabytesBefore: statSync(source).size / 1e9,
    gigabytesAfter: statSync(target).size / 1e9,
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: (user + system) / 1e6,
    peakResidentGigabytes: process.resourceUsage().maxRSS / 1e6,
  };
  console.log(JSON.stringify(figures));
  rmSync(target);
}
