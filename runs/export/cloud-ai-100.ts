// What Qualcomm's compiler for the Cloud AI 100 asks for beside a model. Names of inputs, flags and files as in
// quic/efficient-transformers (QEfficient/base/modeling_qeff.py), which exports the ONNX graph that is compiled.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Accelerator } from '../../hardware/index.ts';
import type { Architecture } from '../../space/architecture.ts';
import { type Deployment, isSparse, type Workload, weightFormatsOf } from '../../space/deployment.ts';
import { mustHold } from './failed-check.ts';

/** Whether the files are of use. */
export const isCloudAi100 = ({ name, title }: Accelerator): boolean =>
  /\bai[ -]?100\b/i.test(`${name} ${title}`);

export interface CloudAi100Input {
  readonly architecture: Architecture;
  readonly deployment: Deployment;
  readonly workload: Workload;
  readonly accelerator: Accelerator;
  /** Where the plain Llama model lies, seen from the files. */
  readonly model: string;
}

const CORES_PER_DEVICE = 16;
/** The one weight format that the compiler offers beside half precision. */
const isMxFp6 = (format: string): boolean => format.startsWith('mxfp6');

/** Shapes are compiled: prompts in chunks, then one token at a time. */
function shapesOf({ architecture, workload, accelerator }: CloudAi100Input) {
  const { batch, promptTokens, generatedTokens } = workload;
  const contextLength = Math.min(architecture.contextLength, promptTokens + generatedTokens);
  const chunk = accelerator.staticShapes?.prefillChunkTokens ?? 128;
  return { batch, contextLength, prefillLength: Math.min(chunk, promptTokens, contextLength) };
}

function specializations(input: CloudAi100Input) {
  const { batch, contextLength, prefillLength } = shapesOf(input);
  const shape = (length: number) => ({
    batch_size: String(batch),
    seq_len: String(length),
    ctx_len: String(contextLength),
  });
  return { specializations: [shape(prefillLength), shape(1)] };
}

/** Precision of every cache tensor, going in and coming out. */
function cacheTensors({ architecture, deployment }: CloudAi100Input): [name: string, precision: string][] {
  const precision = deployment.kvCacheFormat === 'mxint8' ? 'mxint8' : 'float16';
  return ['', '_RetainedState'].flatMap((suffix) =>
    architecture.layers.flatMap((_, layer) =>
      ['past_key', 'past_value'].map((name): [string, string] => [`${name}.${layer}${suffix}`, precision]),
    ),
  );
}

/** One partition over all devices: tensor slicing. */
const partitions = (nDevices: number) => ({
  connections: [{ devices: Array.from({ length: nDevices }, (_, i) => i), type: 'p2p' }],
  partitions: [
    {
      name: 'Partition0',
      devices: Array.from({ length: nDevices }, (_, deviceId) => ({ deviceId, numCores: CORES_PER_DEVICE })),
    },
  ],
});

/** Formats of the matrices, in words, and what the compiler makes of them. */
function storageNote({ deployment }: CloudAi100Input): string {
  const formats = weightFormatsOf(deployment.layers);
  const others = formats.filter((format) => format !== 'fp16' && !isMxFp6(format));
  const notes = [
    ...(others.length > 0
      ? [
          `The run prices ${others.join(', ')}; the compiler offers half precision and MXFP6 for all matrices.`,
        ]
      : []),
    ...(formats.length > 1 && formats.some(isMxFp6) ? ['-mxfp6-matmul holds for all matrices at once.'] : []),
    ...(isSparse(deployment)
      ? ['The run prices sparse storage; the compiler stores zeros like other weights.']
      : []),
  ];
  return notes.map((note) => `# ${note}\n`).join('');
}

function compileScript(input: CloudAi100Input, nDevices: number): string {
  const { deployment, model } = input;
  const { batch, contextLength, prefillLength } = shapesOf(input);
  const usesMxFp6 = weightFormatsOf(deployment.layers).some(isMxFp6);
  const flags = [
    '-aic-hw',
    '-aic-hw-version=ai100',
    '-m="$ONNX"',
    ...(nDevices > 1 ? [`-mdp-load-partition-config=mdp_ts_${nDevices}.json`] : []),
    '-retained-state',
    '-convert-to-fp16',
    ...(usesMxFp6 ? ['-mxfp6-matmul'] : []),
    `-aic-num-cores=${CORES_PER_DEVICE}`,
    '-network-specialization-config=specializations.json',
    '-custom-IO-list-file=custom_io.yaml',
    '-aic-binary-dir=qpc',
  ];
  return `#!/bin/sh
# Compiles the plain Llama model in ${model} for ${nDevices} ${nDevices === 1 ? 'device' : 'devices'} of ${CORES_PER_DEVICE} cores. Needs Qualcomm's Cloud AI SDK and
# the Python package of quic/efficient-transformers. Run it in this folder.
${storageNote(input)}set -e
ONNX=$(python3 -c '
from QEfficient import QEFFAutoModelForCausalLM
print(QEFFAutoModelForCausalLM.from_pretrained("${model}").export())
' | tail -n 1)
test -f "$ONNX"
rm -rf qpc
/opt/qti-aic/exec/qaic-compile ${flags.join(' \\\n  ')}

# The same in Python, which then also generates text:
#   model = QEFFAutoModelForCausalLM.from_pretrained("${model}")
#   model.compile(prefill_seq_len=${prefillLength}, ctx_len=${contextLength}, batch_size=${batch}, num_devices=${nDevices}, num_cores=${CORES_PER_DEVICE},
#                 mxfp6_matmul=${usesMxFp6 ? 'True' : 'False'}, mxint8_kv_cache=${deployment.kvCacheFormat === 'mxint8' ? 'True' : 'False'})
`;
}

/** Writes the files and reads back those that programs read. */
export function writeCloudAi100(folder: string, input: CloudAi100Input): void {
  mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(folder, name);
  const nDevices = input.deployment.nCards * input.accelerator.devicesPerCard;
  const shapes = specializations(input);
  writeFileSync(path('specializations.json'), `${JSON.stringify(shapes, undefined, 4)}\n`);
  const tensors = cacheTensors(input);
  const entries = tensors.map(([name, precision]) => ` - IOName: ${name}\n   Precision: ${precision}\n\n`);
  writeFileSync(path('custom_io.yaml'), entries.join(''));
  if (nDevices > 1)
    writeFileSync(path(`mdp_ts_${nDevices}.json`), `${JSON.stringify(partitions(nDevices), undefined, 4)}\n`);
  writeFileSync(path('compile.sh'), compileScript(input, nDevices), { mode: 0o755 });
  const found = parse(readFileSync(path('custom_io.yaml'), 'utf8')) as {
    IOName: string;
    Precision: string;
  }[];
  const isEqual = found.map(({ IOName, Precision }) => `${IOName},${Precision}`).join() === tensors.join();
  mustHold(isEqual, 'custom_io.yaml', 'it does not read back as it was written');
  const read: unknown = JSON.parse(readFileSync(path('specializations.json'), 'utf8'));
  mustHold(
    JSON.stringify(read) === JSON.stringify(shapes),
    'specializations.json',
    'it does not read back as it was written',
  );
}
