import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { expect, it } from 'vitest';
import * as formats from '../../../hardware/formats/index.ts';

const page = readFileSync(new URL('../../../docs/formats.md', import.meta.url), 'utf8');
const lines = Array.from(page.matchAll(/```js\n([\s\S]*?)```/g), (match) => match[1]!)
  .join('')
  .split('\n')
  .filter((line) => line !== '');

it('says in docs/formats.md what the code does', () => {
  let checked = 0;
  const check = (source: string, actual: unknown, expected: unknown) => {
    checked += 1;
    expect([source, actual]).toEqual([source, expected]);
  };
  const body = lines.map((line) => {
    const [source, expected] = line.split(' // => ');
    return expected === undefined ? line : `check(${JSON.stringify(line)}, ${source}, (${expected}));`;
  });
  const names = ['check', ...Object.keys(formats)].join(', ');
  runInThisContext(`(${names}) => {\n${body.join('\n')}\n}`)(check, ...Object.values(formats));
  expect(checked).toBe(lines.filter((line) => line.includes(' // => ')).length);
  expect(checked).toBeGreaterThan(60);
});
