import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startRun } from '../../../runs/loop/execute.ts';
import { planRun, readSpec } from '../../../runs/plan/plan.ts';
import { checkpointFolderOf, createTrainer } from '../../../runs/plan/train.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { commandLine, tinyProject } from '../cli/command-line.ts';
import { fakeRun, fakeRunnable, newDatabase } from '../harness.ts';

const project = tinyProject();
let runId: string;
let folder: string;

beforeAll(async () => {
  const specFolder = dirname(project.file);
  const plan = planRun(readSpec(project.file, specFolder), specFolder);
  const outcome = await startRun(plan, {
    databasePath: project.db,
    maxThreads: 2,
    createEvaluator: (id) => createTrainer(plan, 2, checkpointFolderOf(project.db, id)),
    emit: () => {},
    signal: new AbortController().signal,
  });
  runId = outcome.runId;
  folder = checkpointFolderOf(project.db, runId);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
}, 60_000);

const prune = async (...argv: string[]) => commandLine('prune', ...argv, '--db', project.db);

/** Checkpoints of the architectures on the front, at the rung that they were compared at. */
function frontFiles(): string[] {
  const reader = new RunReader(project.db);
  const front = reader.front(runId)!;
  reader.close();
  const names = front.members.map(
    ({ candidate }) => `${candidate.architectureHash}-rung${front.rung}.safetensors`,
  );
  return [...new Set(names)].toSorted();
}

describe('prune', () => {
  it('says what it would free, and frees nothing unasked', async () => {
    const before = readdirSync(folder);
    const { exitCode, stdout } = await prune('latest');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^run \S+: \d+ checkpoints? of \S+ \S+ can go, the front keeps \d+ .*; to free them: paretoformer prune latest --delete --db /,
    );
    expect(readdirSync(folder)).toEqual(before);
  });

  it('keeps the weights of the front, and what is not its own; says how much it freed', async () => {
    const planned = JSON.parse((await prune('latest', '--json')).stdout);
    const done = JSON.parse((await prune('latest', '--delete', '--json')).stdout);
    expect(done).toEqual({ ...planned, isDeleted: true });
    expect(done.removed.files).toBeGreaterThan(0);
    expect(done.removed.bytes).toBeGreaterThan(1000);
    expect(readdirSync(folder).toSorted()).toEqual([...frontFiles(), 'notes.txt'].toSorted());
    expect((await prune('latest', '--delete')).stdout).toContain('nothing to free');
  });

  it('leaves what is on the front ready to be exported', async () => {
    const [name] = frontFiles();
    const reader = new RunReader(project.db);
    const { members } = reader.front(runId)!;
    reader.close();
    const member = members.find(({ candidate }) => name!.startsWith(candidate.architectureHash))!;
    const out = join(dirname(project.db), 'exported');
    const result = await commandLine(
      'export',
      runId,
      String(member.candidate.number),
      '--out',
      out,
      '--formats',
      'hf',
      '--db',
      project.db,
    );
    expect([result.exitCode, result.stderr.includes('trained anew')]).toEqual([0, false]);
    expect(existsSync(out)).toBe(true);
  });

  it('never touches a run that could go on', async () => {
    const db = newDatabase();
    const runnable = fakeRunnable();
    const run = fakeRun(db, 2, undefined, (event, stop) => {
      if (event.kind === 'evaluated') stop();
    });
    const { kind, runId: id } = await startRun(runnable, run.options);
    expect(kind).toBe('interrupted');
    mkdirSync(checkpointFolderOf(db, id), { recursive: true });
    const file = join(checkpointFolderOf(db, id), '0123456789ab-rung0.safetensors');
    writeFileSync(file, 'weights');
    const { exitCode, stderr } = await commandLine('prune', 'latest', '--delete', '--db', db);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /run \S+ is interrupted: it still needs its weights; 'paretoformer resume \S+ --db \S+' finishes it/,
    );
    expect(readdirSync(dirname(file))).toEqual([basename(file)]);
  });

  it('has nothing to do where no weights were kept', async () => {
    const db = newDatabase();
    await startRun(fakeRunnable(), fakeRun(db).options);
    expect(await commandLine('prune', 'latest', '--delete', '--db', db)).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('nothing to free; the front keeps 0 checkpoints of 0 B'),
    });
  });
});
