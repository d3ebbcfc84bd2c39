// YAML of the documentation: whole files are valid, parts of one are valid in a file that has the rest.
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { referenceChecks } from '../../runs/plan/plan.ts';
import { parseSpec, specFromObject } from '../../space/load-spec.ts';
import { blocksIn, ROOT } from './blocks.ts';

const REST = {
  specVersion: 1,
  task: { corpus: 'sotu' },
  space: { dModel: 64, headDim: 16, depth: 2, layers: { nHeads: 4, nKvHeads: [1, 2, 4], dFf: 128 } },
  accelerator: 'nvidia-l4',
};
const BASELINE = { dModel: 64, headDim: 16, depth: 2, layer: { nHeads: 4, nKvHeads: 4, dFf: 128 } };

type Keys = Record<string, unknown>;

/** `rest` with what a part says of the same sections. */
function joined(rest: Keys, part: Keys): Keys {
  const isMap = (value: unknown): value is Keys =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(part).map(([key, value]) => {
    const known = rest[key];
    return [key, isMap(known) && isMap(value) ? joined(known, value) : value] as const;
  });
  return { ...rest, ...Object.fromEntries(entries) };
}

const accelerator = referenceChecks(ROOT).accelerator!;

it.each(blocksIn('yaml'))('$place', ({ place, text }) => {
  if (/^#.*$/.test(text)) return;
  if (text.includes('specVersion')) {
    // Its texts are the reader's; its accelerator must be there.
    expect(parseSpec(text, place, { accelerator }).specVersion).toBe(1);
    return;
  }
  const part = parse(text) as Keys;
  const isRelative = JSON.stringify(part.constraints ?? []).includes('baseline');
  const rest = isRelative ? { ...REST, baseline: BASELINE } : REST;
  expect(specFromObject(joined(rest, part), { defaultName: 'docs', checks: { accelerator } }).name).toBe(
    'docs',
  );
});
