import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAccelerator, uniformDeployment } from '../../../hardware/index.ts';
import { isCloudAi100, writeCloudAi100 } from '../../../runs/export/cloud-ai-100.ts';
import { architectureOf } from '../../evaluators/interchange/models.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'paretoformer-qaic-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const architecture = architectureOf({ contextLength: 2048 });
const workload = { batch: 4, promptTokens: 1024, generatedTokens: 256 };

function write(accelerator: string, choice: Parameters<typeof uniformDeployment>[1]): void {
  writeCloudAi100(folder, {
    architecture,
    deployment: uniformDeployment(2, choice),
    workload,
    accelerator: loadAccelerator(accelerator),
    model: '../uniform',
  });
}

describe('files for the Cloud AI 100 compiler', () => {
  it('state shapes, cache tensors and devices', () => {
    write('qualcomm-ai100-ultra', { weightFormat: 'mxfp6-e2m3', kvCacheFormat: 'mxint8', nCards: 1 });
    expect(readdirSync(folder)).toEqual([
      'compile.sh',
      'custom_io.yaml',
      'mdp_ts_4.json',
      'specializations.json',
    ]);
    const chunk = loadAccelerator('qualcomm-ai100-ultra').staticShapes!.prefillChunkTokens;
    expect(JSON.parse(read('specializations.json'))).toEqual({
      specializations: [
        { batch_size: '4', seq_len: String(chunk), ctx_len: '1280' },
        { batch_size: '4', seq_len: '1', ctx_len: '1280' },
      ],
    });
    expect(read('custom_io.yaml').split('\n\n')[0]).toBe(' - IOName: past_key.0\n   Precision: mxint8');
    expect(read('custom_io.yaml').match(/IOName: \S+/g)).toEqual(
      ['', '_RetainedState'].flatMap((suffix) =>
        [0, 1].flatMap((i) => [`IOName: past_key.${i}${suffix}`, `IOName: past_value.${i}${suffix}`]),
      ),
    );
    expect(JSON.parse(read('mdp_ts_4.json'))).toMatchObject({
      connections: [{ devices: [0, 1, 2, 3], type: 'p2p' }],
      partitions: [{ name: 'Partition0', devices: [{ deviceId: 0, numCores: 16 }, {}, {}, {}] }],
    });
    const script = read('compile.sh');
    expect(script).toContain('-mdp-load-partition-config=mdp_ts_4.json');
    expect(script).toContain('-mxfp6-matmul');
    expect(script).toContain('from_pretrained("../uniform")');
    expect(script).toContain('mxint8_kv_cache=True');
    expect(script).not.toContain('# The run prices');
  });

  it('say what the compiler does not offer, and stay on one device where there is one', () => {
    write('qualcomm-ai100-standard', { weightFormat: 'mxfp4-e2m1', sparsity: 0.5 });
    expect(readdirSync(folder)).not.toContain('mdp_ts_1.json');
    const script = read('compile.sh');
    expect(script).toContain('# The run prices mxfp4-e2m1; the compiler offers half precision and MXFP6');
    expect(script).toContain(
      '# The run prices sparse storage; the compiler stores zeros like other weights.',
    );
    expect(script).not.toContain('-mxfp6-matmul');
    expect(script).not.toContain('mdp');
    expect(read('custom_io.yaml')).toContain('Precision: float16');
  });

  it('never compile a longer context than the model has', () => {
    writeCloudAi100(folder, {
      architecture: { ...architecture, contextLength: 64 },
      deployment: uniformDeployment(2),
      workload,
      accelerator: loadAccelerator('qualcomm-ai100-ultra'),
      model: '..',
    });
    const { specializations } = JSON.parse(read('specializations.json'));
    expect(specializations.map(({ seq_len, ctx_len }: Record<string, string>) => [seq_len, ctx_len])).toEqual(
      [
        ['64', '64'],
        ['1', '64'],
      ],
    );
  });

  it('are for that accelerator alone', () => {
    const names = [
      'qualcomm-ai100-standard',
      'qualcomm-ai100-pro',
      'qualcomm-ai100-ultra',
      'nvidia-a100-80gb',
      'intel-xeon-6980p',
    ];
    expect(names.map((name) => isCloudAi100(loadAccelerator(name)))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
