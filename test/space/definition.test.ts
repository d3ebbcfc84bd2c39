import { readFileSync } from 'node:fs';
import { expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import { specTypes } from '../../scripts/spec-types.ts';
import type { SpaceDefinition } from '../../space/definition.ts';
import { specFromObject } from '../../space/load-spec.ts';
import { SpecError } from '../../space/spec-error.ts';
import type { specSchema } from '../../space/spec-schema.ts';

type Schema = z.input<typeof specSchema>;
type ReadOnly<T> = T extends object ? { readonly [K in keyof T]: ReadOnly<T[K]> } : T;
/** The same keys, at any depth, as the generated type has them: none undefined by itself. */
type Exact<T> = T extends readonly (infer Item)[]
  ? readonly Exact<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Exact<Exclude<T[K], undefined>> }
    : T;

const DEFINITION: SpaceDefinition = {
  specVersion: 1,
  task: { corpus: 'moby-dick', tokenizer: { bpe: { vocabSize: 512 } } },
  space: {
    dModel: [64, 128],
    headDim: 16,
    depth: { min: 2, max: 4 },
    layers: { nHeads: [2, 4], nKvHeads: [1, 2], dFf: { min: 128, max: 256, step: 64 } },
  },
  deployment: { weightFormat: { choices: ['fp16', 'mxfp4-e2m1'], perLayer: true } },
  accelerator: 'nvidia-a100-80gb',
};

test('the committed type is the generated one (npm run schema)', () => {
  expect(readFileSync(new URL('../../space/definition.ts', import.meta.url), 'utf8')).toBe(specTypes());
});

test('the type says what the schema accepts, and the schema takes what the type says', () => {
  expectTypeOf<SpaceDefinition>().toExtend<ReadOnly<Schema>>();
  expectTypeOf<Exact<Omit<Schema, 'objectives'>>>().toExtend<Omit<SpaceDefinition, 'objectives'>>();
  // @ts-expect-error: a format that there is not
  const wrong: SpaceDefinition = { ...DEFINITION, deployment: { weightFormat: 'mxfp5' } };
  expect(wrong).toBeDefined();
});

test('an object is read like the file that would hold it', () => {
  const spec = specFromObject(DEFINITION, { defaultName: 'from-code' });
  expect(spec).toMatchObject({ name: 'from-code', seed: 1, space: { depth: [2, 3, 4], dModel: [64, 128] } });
});

test('its mistakes are reported like those of the file, by key instead of by line', () => {
  const messages = (change: object) => {
    try {
      specFromObject({ ...DEFINITION, ...change }, { defaultName: 'x' });
    } catch (error) {
      if (error instanceof SpecError) return error.message.split('\n');
      throw error;
    }
    return [];
  };
  const { layers } = DEFINITION.space;
  expect(messages({ space: { ...DEFINITION.space, layers: { ...layers, nKvHead: 2 } } })).toEqual([
    'space.layers.nKvHead: unknown key "nKvHead" (did you mean "nKvHeads"?)',
  ]);
  expect(messages({ constraints: ['memry < 1 GiB'], seed: 1.5 })).toEqual([
    'seed: expected a whole number, found 1.5',
  ]);
  expect(messages({ constraints: ['memry < 1 GiB'] })).toEqual([
    'constraints.0: unknown metric "memry" (did you mean "memory"?)',
  ]);
  expect(messages({ task: undefined })).toEqual(['task: missing']);
  for (const nothing of [null, undefined, 'text', 3, []]) {
    expect(() => specFromObject(nothing, { defaultName: 'x' })).toThrow(SpecError);
  }
});
