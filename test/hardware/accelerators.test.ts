import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  HardwareError,
  listAccelerators,
  loadAccelerator,
  parseAcceleratorFile,
} from '../../hardware/index.ts';

const CATALOGUE = fileURLToPath(new URL('../../hardware/accelerators/', import.meta.url));
const text = (name: string): string => readFileSync(join(CATALOGUE, `${name}.yaml`), 'utf8');
const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(HardwareError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('the catalogue', () => {
  it('holds the devices of the plan, each loadable and named like its file', () => {
    const names = listAccelerators();
    for (const name of [
      'qualcomm-ai100-standard',
      'qualcomm-ai100-pro',
      'qualcomm-ai100-ultra',
      'cerebras-cs2',
      'nvidia-a100-40gb',
      'nvidia-a100-80gb',
      'nvidia-h100-sxm',
      'nvidia-h100-pcie',
      'nvidia-h200',
      'nvidia-b200',
      'nvidia-l4',
      'nvidia-l40s',
      'nvidia-t4',
      'amd-mi300x',
      'google-tpu-v5e',
      'intel-xeon-6980p',
      'apple-m2-ultra',
    ]) {
      expect(names).toContain(name);
    }
    for (const name of names) expect(loadAccelerator(name).name).toBe(name);
  });

  it('states unit, status and source of every figure', () => {
    for (const name of listAccelerators()) {
      const { provenance } = loadAccelerator(name);
      expect(provenance.length).toBeGreaterThan(30);
      for (const row of provenance) expect(row.source, `${name} ${row.path}`).toBeTruthy();
    }
  });

  it('gives four devices to the Ultra card and reads its figures per device', () => {
    const ultra = loadAccelerator('qualcomm-ai100-ultra');
    expect(ultra.devicesPerCard).toBe(4);
    expect(ultra.memoryBytes).toBe(32e9);
    expect(ultra.bandwidthBytesPerSecond).toBe(137e9);
    expect(ultra.peakFlopsPerSecond.fp16).toBe(72.5e12);
  });

  it('multiplies in MX only on Blackwell', () => {
    for (const name of listAccelerators()) {
      const { weightFormats } = loadAccelerator(name);
      const isNative = weightFormats.mxfp6.decompression.kind === 'native';
      expect(isNative, name).toBe(name === 'nvidia-b200');
    }
  });
});

describe('names and files that are wrong', () => {
  it('suggests the nearest name and lists the known ones', () => {
    const message = messageOf(() => loadAccelerator('nvidia-a100-80bg'));
    expect(message).toContain('did you mean "nvidia-a100-80gb"?');
    expect(message).toContain('qualcomm-ai100-ultra');
  });

  it('says which file is not there', () => {
    expect(messageOf(() => loadAccelerator('./nowhere.yaml'))).toBe('no accelerator file ./nowhere.yaml');
  });

  it('reads a user file by path', () => {
    const folder = mkdtempSync(join(tmpdir(), 'accelerator-'));
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, text('nvidia-l4').replace('name: nvidia-l4', 'name: my-l4'));
    expect(loadAccelerator(file).name).toBe('my-l4');
  });

  it('never fills in a missing figure', () => {
    const without = text('nvidia-l4').replace(/^stepTime:.*\n/m, '');
    expect(messageOf(() => parseAcceleratorFile(without, 'mine.yaml'))).toMatch(
      /^mine\.yaml:\d+:\d+ stepTime: /,
    );
    const noSource = text('nvidia-l4').replace(/(bandwidth: \{[^}]*), source: spec\}/, '$1}');
    expect(messageOf(() => parseAcceleratorFile(noSource, 'mine.yaml'))).toContain('card.bandwidth.source');
    for (const line of text('nvidia-l4')
      .split('\n')
      .filter((it) => /^ {2}(?!int8)\w+: \{value/.test(it))) {
      expect(() => parseAcceleratorFile(text('nvidia-l4').replace(`${line}\n`, ''), 'x.yaml'), line).toThrow(
        HardwareError,
      );
    }
  });

  it('refuses names that point nowhere, wrong units and unknown keys', () => {
    const dangling = text('nvidia-l4').replace('source: spec}', 'source: spce}');
    expect(messageOf(() => parseAcceleratorFile(dangling, 'm.yaml'))).toContain('no source "spce"');
    const kernel = text('nvidia-l4').replace('int8: {kernel: narrow-weights', 'int8: {kernel: wide');
    expect(messageOf(() => parseAcceleratorFile(kernel, 'm.yaml'))).toContain('no kernel "wide"');
    const unit = text('nvidia-l4').replace('unit: GB/s', 'unit: W');
    expect(messageOf(() => parseAcceleratorFile(unit, 'm.yaml'))).toContain('card.bandwidth.unit');
    const extra = `${text('nvidia-l4')}colour: blue\n`;
    expect(messageOf(() => parseAcceleratorFile(extra, 'm.yaml'))).toContain('colour');
    expect(messageOf(() => parseAcceleratorFile('a: [', 'm.yaml'))).toMatch(/^m\.yaml:1:/);
  });
});
