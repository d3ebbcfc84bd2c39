import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freshFolder, MANIFEST } from '../../../runs/export/fresh-folder.ts';

let parent: string;
let target: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'paretoformer-fresh-'));
  target = join(parent, 'model');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const put = (text: string) => async (folder: string) => {
  mkdirSync(join(folder, 'inner'));
  writeFileSync(join(folder, 'inner', 'file'), text);
  writeFileSync(join(folder, MANIFEST), '{}');
  return text;
};
const content = () => readFileSync(join(target, 'inner', 'file'), 'utf8');

it('appears whole, in folders that are made for it, and over an empty one', async () => {
  target = join(parent, 'a', 'b');
  expect(await freshFolder(target, false, put('one'))).toBe('one');
  expect(content()).toBe('one');
  expect(readdirSync(dirname(target))).toEqual(['b']);
  target = join(parent, 'empty');
  mkdirSync(target);
  await freshFolder(target, false, put('two'));
  expect(content()).toBe('two');
});

it('leaves nothing where filling it fails', async () => {
  const fail = async (folder: string) => {
    writeFileSync(join(folder, 'half'), '');
    throw new Error('half way');
  };
  await expect(freshFolder(target, false, fail)).rejects.toThrow('half way');
  expect(readdirSync(parent)).toEqual([]);
  await freshFolder(target, false, put('old'));
  await expect(freshFolder(target, true, fail)).rejects.toThrow('half way');
  expect(content()).toBe('old');
  expect(readdirSync(parent)).toEqual(['model']);
});

it('replaces an earlier export when told to, and never anything else', async () => {
  await freshFolder(target, false, put('old'));
  await expect(freshFolder(target, false, put('new'))).rejects.toThrow(
    `${target} holds an export already; --force replaces it`,
  );
  await freshFolder(target, true, put('new'));
  expect(content()).toBe('new');
  expect(readdirSync(parent)).toEqual(['model']);
  rmSync(join(target, MANIFEST));
  await expect(freshFolder(target, true, put('newer'))).rejects.toThrow(
    'holds other files and no earlier export',
  );
  expect(content()).toBe('new');
  const file = join(parent, 'file');
  writeFileSync(file, '');
  await expect(freshFolder(file, true, put('x'))).rejects.toThrow('is a file');
});

it('says so where it cannot be made', async () => {
  const file = join(parent, 'file');
  writeFileSync(file, '');
  await expect(freshFolder(join(file, 'inside'), false, put('x'))).rejects.toThrow(
    'cannot be made (ENOTDIR)',
  );
  expect(existsSync(join(file, 'inside'))).toBe(false);
});

it('does not take a folder that came up meanwhile', async () => {
  const race = async (folder: string) => {
    mkdirSync(target);
    writeFileSync(join(target, 'theirs'), '');
    return put('ours')(folder);
  };
  await expect(freshFolder(target, false, race)).rejects.toThrow('holds other files');
  expect(readdirSync(target)).toEqual(['theirs']);
});
