// `--retrain` in runs whose weights come from more than one training: from donors, teachers, targets. What is trained
// anew must be what the run had, or refused.
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointFolderOf } from '../../../runs/plan/train.ts';
import { RunReader } from '../../../runs/store/queries.ts';
import { hashOf } from '../../../space/candidate.ts';
import { commandLine, tinyProject } from '../cli/command-line.ts';

type Project = ReturnType<typeof tinyProject>;

async function finished(
  { file, db, folder }: Project,
  change: (yaml: string) => string,
  name = 'changed.yaml',
) {
  const changed = join(folder, name);
  writeFileSync(changed, change(readFileSync(file, 'utf8')));
  const { exitCode, stderr } = await commandLine('run', changed, '--db', db, '--quiet', '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  const reader = new RunReader(db);
  const runId = reader.resolve('latest');
  const run = {
    checkpoints: checkpointFolderOf(db, runId),
    candidates: reader.candidates(runId),
    evaluations: reader.evaluations(runId).filter(({ state }) => state === 'ok'),
  };
  reader.close();
  return run;
}

const trainingOf = (rungs: string, more: string) => (yaml: string) =>
  yaml.replace('training: { rungs: [6, 16],', `training: { rungs: ${rungs}, ${more},`);

/** Bytes of the exported weights, by file. */
async function exported({ db, folder }: Project, candidate: number, ...options: string[]) {
  const out = join(folder, 'exported');
  const argv = [
    'export',
    'latest',
    String(candidate),
    '--out',
    out,
    '--formats',
    'hf',
    '--force',
    ...options,
  ];
  const { exitCode, stderr } = await commandLine(...argv, '--db', db);
  expect([exitCode, stderr.replaceAll(/training anew: .*\n/g, '')]).toEqual([0, '']);
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.safetensors'),
  );
  return new Map(files.map((path) => [path, readFileSync(join(out, path)).toString('base64')]));
}

describe('retraining', { timeout: 60_000 }, () => {
  it('gives the weights of heirs, of what was trained anew after them, and of their drafts', async () => {
    const project = tinyProject(`compression: { schedule: gradual, recoverySteps: 4 }
draft:
  model: { dModel: 4, headDim: 4, depth: 1, nHeads: 1, nKvHeads: 1, dFf: 8 }
  alignmentSteps: 3
`);
    const { checkpoints, candidates, evaluations } = await finished(project, (yaml) =>
      trainingOf(
        '[6, 12, 24]',
        'inheritance: true',
      )(yaml)
        .replace('weightFormat: [fp16, mxfp4-e2m1]', 'weightFormat: [fp16, mxfp4-e2m1], sparsity: [0, 0.5]')
        .replace('dModel: [8, 16]', 'dModel: [16, 32]')
        .replace('candidates: 7', 'algorithm: nsga2, eta: 2, candidates: 16'),
    );
    const topOf = (number: number) =>
      evaluations.filter(({ candidate }) => candidate === number).toSorted((a, b) => b.rung - a.rung)[0];
    const heirs = evaluations.filter(({ donorHash }) => donorHash !== undefined);
    const heir = heirs.find(({ candidate }) => topOf(candidate)?.donorHash !== undefined);
    const freshened = heirs.find(({ candidate }) => topOf(candidate)?.rung === 2);
    const paired = candidates.find(({ number, deployment }) => {
      const { speculation } = topOf(number) ?? {};
      return (
        deployment.draft?.kind === 'model' && speculation?.source !== 'expected' && speculation?.draftLength
      );
    });
    const chosen = [heir?.candidate, freshened?.candidate, paired?.number];
    expect(chosen).not.toContain(undefined);
    for (const number of new Set(chosen as number[])) {
      const before = await exported(project, number);
      if (number === paired!.number) expect([...before.keys()].join()).toContain('draft/');
      const kept = `${checkpoints}.kept`;
      renameSync(checkpoints, kept);
      expect(await exported(project, number, '--retrain')).toEqual(before);
      rmSync(checkpoints, { recursive: true });
      renameSync(kept, checkpoints);
    }

    // Below the highest rung a draft is expected to pay, and may never have been trained.
    const expecting = candidates.find(({ number, deployment }) => {
      const { speculation } = topOf(number) ?? {};
      return (
        deployment.draft?.kind === 'model' && speculation?.source === 'expected' && speculation.draftLength
      );
    })!;
    const { draft } = expecting.deployment;
    const itsWeights = `${hashOf(draft?.kind === 'model' ? draft.architecture : {})}-rung2.safetensors`;
    rmSync(join(checkpoints, itsWeights), { force: true });
    expect([...(await exported(project, expecting.number)).keys()]).toEqual(['model.safetensors']);
    const named = ['latest', String(expecting.number), '--db', project.db];
    const written = await commandLine('generate', ...named, '--prompt', 'the', '--tokens', '4');
    expect([written.exitCode, written.stderr]).toEqual([0, expect.stringContaining('--draft own --retrain')]);
    const offered = await commandLine('pair', ...named, '--lengths', '1');
    expect([offered.exitCode, offered.stderr]).toEqual([
      0,
      expect.stringMatching(/left out, as their weights are not there: own draft \(4 wide/),
    ]);
    const own = await commandLine('pair', ...named, '--lengths', '1', '--draft', 'own');
    expect([own.exitCode, own.stderr]).toEqual([1, expect.stringContaining('--retrain trains them')]);
  });

  it('of students asks for their teacher, the same one, and nothing else asks for it', async () => {
    const project = tinyProject();
    const { db, folder } = project;
    const { checkpoints } = await finished(project, (yaml) => yaml);
    const teacher = join(folder, 'teacher.safetensors');
    const [first, other] = readdirSync(checkpoints).filter((name) => name.endsWith('rung1.safetensors'));
    renameSync(join(checkpoints, first!), teacher);
    const run = await finished(
      project,
      trainingOf('[6, 16]', 'teacher: { checkpoint: teacher.safetensors }'),
    );
    const { candidate } = run.evaluations.find(({ rung }) => rung === 1)!;
    const before = await exported(project, candidate);
    expect(await exported(project, candidate, '--retrain')).toEqual(before);

    const argv = ['generate', 'latest', String(candidate), '--prompt', 'the', '--tokens', '4', '--db', db];
    renameSync(join(checkpoints, other!), teacher);
    expect(await exported(project, candidate)).toEqual(before);
    expect(await commandLine(...argv)).toMatchObject({ exitCode: 0 });
    for (const name of readdirSync(run.checkpoints)) rmSync(join(run.checkpoints, name));
    for (const command of [argv, ['pair', 'latest', String(candidate), '--db', db]]) {
      const { exitCode, stderr } = await commandLine(...command, '--retrain');
      expect([exitCode, stderr]).toEqual([
        1,
        expect.stringContaining("the teacher's checkpoint is not the one"),
      ]);
    }
    rmSync(teacher);
    const gone = await commandLine(...argv, '--retrain');
    expect([gone.exitCode, gone.stderr]).toEqual([1, expect.stringContaining('teacher.safetensors')]);
  });
});
