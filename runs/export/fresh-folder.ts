// A folder appears whole under its name or not at all.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { RunError } from '../run-error.ts';

/** The file by which an earlier export is told from any other folder. */
export const MANIFEST = 'paretoformer.json';

/**
 * @throws {@link RunError} unless a folder may be put at `path`: nothing is there, an empty folder, or, with `force`, an
 * earlier export. Anything else is never removed.
 */
export function checkTarget(path: string, force: boolean): void {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) throw new RunError(`${path} is a file; name a folder with --out`);
  const entries = readdirSync(path);
  if (entries.length === 0) return;
  if (!entries.includes(MANIFEST))
    throw new RunError(`${path} holds other files and no earlier export; name a new folder with --out`);
  if (!force)
    throw new RunError(`${path} holds an export already; --force replaces it, or name another folder`);
}

/**
 * Lets `fill` write into a temporary folder beside `path`, then gives that its name; where `fill` fails, nothing is
 * left and what was there stays. `signal` ends it before the last step.
 * @throws what `fill` throws, {@link RunError} where the folder cannot be made.
 */
export async function freshFolder<T>(
  path: string,
  force: boolean,
  fill: (folder: string) => Promise<T>,
): Promise<T> {
  const target = resolve(path);
  checkTarget(target, force);
  const temporary = join(dirname(target), `.${basename(target)}.${randomUUID()}.tmp`);
  try {
    mkdirSync(temporary, { recursive: true });
  } catch (error) {
    throw new RunError(`${path} cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const result = await fill(temporary);
    checkTarget(target, force);
    replaceFolder(target, temporary);
    return result;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** What was there goes only when the new folder has its name. */
function replaceFolder(target: string, temporary: string): void {
  const old = `${temporary}.old`;
  const existed = existsSync(target);
  if (existed) renameSync(target, old);
  try {
    renameSync(temporary, target);
  } catch (error) {
    if (existed) renameSync(old, target);
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
}
