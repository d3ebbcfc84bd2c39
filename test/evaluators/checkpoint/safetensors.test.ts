import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { CheckpointError } from '../../../evaluators/checkpoint/checkpoint-error.ts';
import {
  decodeSafetensors,
  float32Tensor,
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  writeSafetensors,
} from '../../../evaluators/checkpoint/safetensors.ts';
import { DTYPE_BYTES, type Dtype } from '../../../evaluators/checkpoint/safetensors-header.ts';

const folder = mkdtempSync(join(tmpdir(), 'paretoformer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'model.safetensors');

const tensor = fc
  .tuple(
    fc.constantFrom(...(Object.keys(DTYPE_BYTES) as Dtype[])),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  )
  .chain(([dtype, shape]) => {
    const length = DTYPE_BYTES[dtype] * shape.reduce((product, size) => product * size, 1);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((data) => ({ dtype, shape, data }));
  });
const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '1', 'a"b\\', '{', 'x:'),
);
const content = fc.record({
  tensors: fc
    .uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 6 })
    .map((all) => new Map(all)),
  metadata: fc
    .uniqueArray(fc.tuple(name, name), { selector: ([key]) => key, maxLength: 3 })
    .map((all) => new Map(all)),
});

const plain = ({ tensors, metadata }: Safetensors) => ({
  tensors: new Map(
    [...tensors]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, { dtype, shape, data }]) => {
        const bytes = [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
        return [key, { dtype, shape, bytes }];
      }),
  ),
  metadata: new Map([...metadata].sort(([a], [b]) => (a < b ? -1 : 1))),
});

function encode(file: Safetensors): Buffer {
  writeSafetensors(path, file);
  return readFileSync(path);
}

/** A file with this header, as it stands, and this many bytes of data. */
function fileWith(header: unknown, dataBytes = 0): Buffer {
  const isRaw = typeof header === 'string' || header instanceof Uint8Array;
  const text = Buffer.from(isRaw ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
}

const f32 = (...values: number[]): StoredTensor => {
  return { dtype: 'F32', shape: [values.length], data: Float32Array.from(values) };
};

test('what is written is read', () => {
  fc.assert(
    fc.property(content, (file) => {
      fc.pre(!file.tensors.has('__metadata__'));
      writeSafetensors(path, file);
      expect(plain(readSafetensors(path))).toEqual(plain(file));
    }),
    { numRuns: 150 },
  );
  expect(readdirSync(folder)).toEqual(['model.safetensors']);
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

test('a file of the Python package is read, tensor by tensor', () => {
  const fixture = new URL('../../fixtures/evaluators/python.safetensors', import.meta.url).pathname;
  const file = readSafetensors(fixture);
  expect(file.metadata).toEqual(
    new Map([
      ['step', '12'],
      ['note', 'naïve "quoted"'],
    ]),
  );
  expect([...float32Tensor(file, 'w.weight', [2, 3])]).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25]);
  expect([...float32Tensor(file, 'scalar', [])]).toEqual([3.25]);
  expect(float32Tensor(file, 'empty', [0, 4]).length).toBe(0);
  const bytesOf = (key: string) => Buffer.from(file.tensors.get(key)!.data as Uint8Array);
  expect(bytesOf('ids').readBigInt64LE(8)).toBe(2n ** 40n);
  expect(bytesOf('i32').readInt32LE(4)).toBe(-7);
  expect(bytesOf('half').toString('hex')).toBe('003800c0');
  expect(file.tensors.get('half')).toMatchObject({ dtype: 'F16', shape: [2] });
  expect([...bytesOf('bytes')]).toEqual([0, 1, 2]);
});

test('the same content gives the same bytes, whatever the order', () => {
  const tensors: [string, StoredTensor][] = [
    ['b', f32(1)],
    ['a', f32(2, 3)],
    ['u', { dtype: 'U8', shape: [], data: Uint8Array.of(1) }],
  ];
  const metadata: [string, string][] = [
    ['x', '1'],
    ['w', '2'],
  ];
  const forwards = encode({ tensors: new Map(tensors), metadata: new Map(metadata) });
  const backwards = encode({
    tensors: new Map(tensors.toReversed()),
    metadata: new Map(metadata.toReversed()),
  });
  expect(forwards.equals(backwards)).toBe(true);
  expect(forwards.readBigUInt64LE(0) % 8n).toBe(0n);
});

test('float32 tensors are views where they can be, copies where they cannot', () => {
  const bytes = encode({
    tensors: new Map([
      ['w', f32(1.5, -2)],
      ['b', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ]),
    metadata: new Map(),
  });
  const aligned = new Uint8Array(bytes);
  const view = float32Tensor(decodeSafetensors(aligned, path), 'w', [2]);
  expect([...view]).toEqual([1.5, -2]);
  expect(view.buffer).toBe(aligned.buffer);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  expect([...float32Tensor(decodeSafetensors(shifted.subarray(1), path), 'w', [2])]).toEqual([1.5, -2]);
  const file = decodeSafetensors(aligned, path);
  expect(() => float32Tensor(file, 'v', [2])).toThrow(`checkpoint ${path}: tensor "v" is missing`);
  expect(() => float32Tensor(file, 'w', [2, 1])).toThrow('tensor "w" is F32[2], not F32[2,1]');
  expect(() => float32Tensor(file, 'b', [3])).toThrow('tensor "b" is U8[3], not F32[3]');
});

test('a file cut off anywhere is refused', () => {
  const whole = encode({
    tensors: new Map([
      ['w', f32(1, 2, 3)],
      ['none', f32()],
      ['b', { dtype: 'U8', shape: [2], data: Uint8Array.of(1, 2) }],
    ]),
    metadata: new Map([['step', '3']]),
  });
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeSafetensors(whole.subarray(0, length), path), `cut at ${length}`).toThrow(
      CheckpointError,
    );
  }
  expect(() => decodeSafetensors(Buffer.concat([whole, Buffer.from([0])]), path)).toThrow('belong to none');
});

test('any change of the first bytes is an error or a valid file, never a crash', () => {
  const whole = encode({ tensors: new Map([['w', f32(1, 2)]]), metadata: new Map([['a', 'b']]) });
  fc.assert(
    fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const changed = Uint8Array.from(whole);
      changed[at] = byte;
      try {
        decodeSafetensors(changed, path);
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }),
    { numRuns: 500 },
  );
});

const good = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
test.each<[string, Buffer, string]>([
  ['no header', Buffer.from('hello'), '5 bytes are no safetensors file'],
  ['an absurd header', Buffer.alloc(16, 0xff), 'not a safetensors file'],
  ['text', fileWith('hello'), 'not JSON'],
  ['a list', fileWith([]), 'not a JSON object'],
  ['bad UTF-8', fileWith(Buffer.from('{"\x80":1}', 'latin1')), 'not JSON'],
  ['a gap', fileWith({ w: { ...good, data_offsets: [4, 8] } }, 8), '4 bytes before tensor "w"'],
  ['an overlap', fileWith({ w: good, v: { dtype: 'U8', shape: [4], data_offsets: [2, 6] } }, 6), 'overlaps'],
  ['two on one place', fileWith({ w: good, v: good }, 4), 'overlaps'],
  ['past the end', fileWith({ w: good }, 3), 'cut off'],
  ['bytes left over', fileWith({ w: good }, 5), '1 bytes after the last tensor'],
  ['a wrong size', fileWith({ w: { ...good, shape: [2] } }, 4), 'needs 8 bytes'],
  ['a strange type', fileWith({ w: { ...good, dtype: 'F31' } }, 4), '"F31", which is none of'],
  ['an inherited type', fileWith({ w: { ...good, dtype: 'toString' } }, 4), 'which is none of'],
  ['no type', fileWith({ w: { shape: [1], data_offsets: [0, 4] } }, 4), 'which is none of'],
  ['a negative size', fileWith({ w: { ...good, shape: [-1] } }, 4), 'impossible shape [-1]'],
  ['a broken size', fileWith({ w: { ...good, shape: [0.5] } }, 4), 'impossible shape'],
  ['a huge shape', fileWith({ w: { ...good, shape: [2 ** 40, 2 ** 40] } }, 4), 'impossible shape'],
  ['a backward range', fileWith({ w: { ...good, shape: [0], data_offsets: [4, 0] } }, 4), 'needs 0 bytes'],
  ['strange offsets', fileWith({ w: { ...good, data_offsets: [0] } }, 4), 'impossible data_offsets'],
  ['no object', fileWith({ w: 1 }), 'tensor "w" is not described'],
  ['null', fileWith({ w: null }), 'tensor "w" is not described'],
  ['metadata that is no object', fileWith({ __metadata__: 'x' }), '__metadata__ is not an object'],
  ['metadata that is no string', fileWith({ __metadata__: { a: 1 } }), '"a" is not a string'],
  [
    'a name twice',
    fileWith(`{"w":${JSON.stringify(good)},"\\u0077":${JSON.stringify(good)}}`, 4),
    '"w" twice',
  ],
  [
    'a field twice',
    fileWith('{"w":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    '"dtype" twice',
  ],
])('%s is refused', (_, bytes, problem) => {
  expect(() => decodeSafetensors(bytes, 'x.st')).toThrow(CheckpointError);
  expect(() => decodeSafetensors(bytes, 'x.st')).toThrow(problem);
  expect(() => decodeSafetensors(bytes, 'x.st')).toThrow('checkpoint x.st: ');
});

test('a writer’s mistakes are refused before anything is written', () => {
  const before = encode({ tensors: new Map([['w', f32(1)]]), metadata: new Map() });
  const write = (key: string, bad: StoredTensor) => () =>
    writeSafetensors(path, { tensors: new Map([[key, bad]]), metadata: new Map() });
  expect(write('w', { ...f32(1), shape: [2] })).toThrow('tensor "w" is F32[2] and has 4 bytes');
  expect(write('w', { ...f32(1), shape: [1.5] })).toThrow('impossible shape');
  expect(write('__metadata__', f32(1))).toThrow('cannot be called');
  expect(readFileSync(path).equals(before)).toBe(true);
});

test('a write that fails leaves the old file and no temporary one', () => {
  const file = { tensors: new Map([['w', f32(1)]]), metadata: new Map<string, string>() };
  const missing = join(folder, 'nowhere', 'm.safetensors');
  expect(() => writeSafetensors(missing, file)).toThrow(CheckpointError);
  expect(() => writeSafetensors(missing, file)).toThrow(`checkpoint ${missing}: cannot be written`);
  // A folder cannot be replaced by a file: the rename fails, after the data was written.
  const taken = mkdtempSync(join(folder, 'taken-'));
  expect(() => writeSafetensors(taken, file)).toThrow(CheckpointError);
  expect(readdirSync(folder).filter((entry) => entry.endsWith('.tmp'))).toEqual([]);
  rmSync(taken, { recursive: true });
});

test('reading says what is wrong with the file itself', () => {
  const missing = join(folder, 'missing.safetensors');
  expect(() => readSafetensors(missing)).toThrow(`checkpoint ${missing}: no such file`);
  expect(() => readSafetensors(folder)).toThrow('cannot be read');
  const cycle = join(folder, 'cycle');
  symlinkSync('cycle', cycle);
  expect(() => readSafetensors(cycle)).toThrow(CheckpointError);
  const empty = join(folder, 'empty');
  writeFileSync(empty, '');
  expect(() => readSafetensors(empty)).toThrow('0 bytes are no safetensors file');
});
