// A file appears whole under its name or not at all, through a crash or a loss of power as well.
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Writes `parts` one after the other to a temporary file in the same folder, `PATH.UUID.tmp`, has it on disk, and
 * renames it to `path`. A process that dies on the way leaves only the temporary file.
 * @throws the file system's error, with the temporary file removed.
 */
export function replaceFile(path: string, parts: readonly Uint8Array[]): void {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = openSync(temporary, 'wx');
    try {
      for (const part of parts) writeWhole(file, part);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** One call may write less than it was given. */
function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

/** Makes the rename itself last. Not every file system lets a folder be opened for this. */
function syncFolder(folder: string): void {
  let handle: number | undefined;
  try {
    handle = openSync(folder, 'r');
    fsyncSync(handle);
  } catch {
    // The file is complete either way.
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
