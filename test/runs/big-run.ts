// A database with a run of very many candidates, written straight into its tables: real genomes with real costs, losses
// from a formula.

import { planCosts } from '../../runs/plan/cost-plan.ts';
import { openForWriting } from '../../runs/store/database.ts';
import type { StoredObjective } from '../../runs/store/records.ts';
import { prepareWrites } from '../../runs/store/writes.ts';
import { frontOf } from '../../search/front.ts';
import { canonicalJson, hashOf } from '../../space/candidate.ts';
import { specHash } from '../../space/load-spec.ts';
import { deriveRng } from '../../space/random.ts';
import { analyticLoss } from './fake.ts';
import { demoSpec } from './report/demo.ts';

const GENERATION = 500;
/** One in three climbs. */
const ETA = 3;
const RUN_ID = '20260101-000000-bigg';

/** Writes a finished run of `nCandidates` and returns its id. */
export function writeBigRun(path: string, nCandidates: number): string {
  const spec = { ...demoSpec({ candidates: nCandidates, name: 'big' }) };
  const { problem } = planCosts(spec, '/');
  const database = openForWriting(path);
  const write = prepareWrites(database);
  const objectives: StoredObjective[] = [
    { metric: 'loss', ideal: 0, reference: 4.4 },
    { metric: 'decodeLatency', ideal: 0.0005, reference: 0.01 },
    { metric: 'memory', ideal: 1e7, reference: 2e9 },
  ];
  database.transaction(() => {
    const at = Date.UTC(2026, 0, 1);
    write.insertRun.run({
      id: RUN_ID,
      name: spec.name,
      at,
      specJson: canonicalJson(spec),
      specSha256: specHash(spec),
      corpusSha256: 'c'.repeat(64),
      objectivesJson: canonicalJson(objectives),
      versionsJson: canonicalJson({ paretoformer: '0.1.0' }),
      specFolder: '/',
    });
    write.insertEvent.run({ runId: RUN_ID, at, kind: 'started', detailJson: null });
    const trained = new Set<string>();
    const points: { candidate: number; evaluation: number; objectives: number[]; violations: number[] }[] =
      [];
    const topRung = spec.training.rungs.length - 1;
    let evaluation = 0;
    const known = new Set<string>();
    for (let number = 0, draw = 0; number < nCandidates; draw++) {
      const candidate = problem.sample(deriveRng(1, draw, 'big run'));
      const key = problem.key(candidate);
      const costs = problem.costs(candidate).deployed;
      if (known.has(key) || problem.facts(candidate).violations.some((violation) => violation > 0)) continue;
      known.add(key);
      const architectureHash = hashOf(candidate.architecture);
      write.insertCandidate.run({
        runId: RUN_ID,
        number,
        key,
        architectureHash,
        architectureJson: canonicalJson(candidate.architecture),
        deploymentJson: canonicalJson(candidate.deployment),
        origin: number % 2 === 0 ? 'mutation' : 'crossover',
        parentsJson: canonicalJson(number < 2 ? [] : [number - 1, number - 2]),
        deployedCostsJson: canonicalJson(costs),
        trainedCostsJson: canonicalJson(problem.trainedCosts(candidate)),
      });
      for (let rung = 0; rung <= topRung && number % ETA ** rung === 0; rung++) {
        const loss = analyticLoss({ architecture: candidate.architecture, rung });
        if (!trained.has(`${architectureHash}/${rung}`)) {
          trained.add(`${architectureHash}/${rung}`);
          const fields = {
            steps: 100,
            tokens: 102_400,
            trainSeconds: 12,
            compileSeconds: 1,
            wallSeconds: 13,
          };
          write.insertTraining.run({
            runId: RUN_ID,
            architectureHash,
            rung,
            attempt: 1,
            state: 'ok',
            reason: null,
            loss,
            ...fields,
            checkpoint: null,
            donorHash: null,
            inheritedLoss: null,
            at,
          });
        }
        write.insertEvaluation.run({
          runId: RUN_ID,
          number: evaluation,
          candidate: number,
          rung,
          state: 'ok',
          reason: null,
          architectureHash,
          attempt: 1,
          deploymentHash: null,
          measurement: null,
          speculationJson: null,
          violations: '[0,0,0]',
          feasible: 1,
          at,
        });
        for (const [metric, value] of Object.entries({ ...costs, loss }))
          write.insertObjectiveValue.run(RUN_ID, evaluation, metric, value);
        if (rung === topRung) {
          const values = [loss, costs.decodeLatency!, costs.memory!];
          points.push({ candidate: number, evaluation, objectives: values, violations: [] });
        }
        evaluation++;
      }
      number++;
    }
    const nGenerations = Math.ceil(evaluation / GENERATION);
    for (let generation = 1; generation <= nGenerations; generation++) {
      const nTold = Math.min(evaluation, generation * GENERATION);
      const hypervolume = 0.8 * (1 - Math.exp(-generation / nGenerations));
      write.insertFront.run({ runId: RUN_ID, generation, nTold, rung: topRung, hypervolume, at });
    }
    for (const member of frontOf(points)) {
      write.insertFrontMember.run(RUN_ID, nGenerations, member.candidate, member.evaluation);
    }
    write.insertEvent.run({ runId: RUN_ID, at: at + 1, kind: 'finished', detailJson: null });
  })();
  database.close();
  return RUN_ID;
}
