// Compiles the rooms to dist/ and puts the files that are read at run time beside them.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

process.chdir(join(import.meta.dirname, '..'));
rmSync('dist', { recursive: true, force: true });
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
cpSync('hardware/accelerators', 'dist/hardware/accelerators', { recursive: true });
cpSync('runs/report/page', 'dist/runs/report/page', {
  recursive: true,
  filter: (file) => !/\.d\.ts$|\.json$/.test(file),
});
cpSync('runs/export/python', 'dist/runs/export/python', { recursive: true });
chmodSync('dist/runs/cli/main.js', 0o755);
