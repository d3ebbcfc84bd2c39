// Why speculation pays for a candidate or does not, in words: of its own draft, or of the best that is known for it.
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import type { Draft } from '../../space/draft.ts';
import { draftedDeployments } from '../../space/redeploy.ts';
import type { RunSpec } from '../../space/spec.ts';
import { describeDraft } from '../describe.ts';
import { storedHash } from '../loop/measurements.ts';
import { createPairForecast } from '../loop/pair-forecast.ts';
import { acceptanceOf } from '../loop/pairing.ts';
import { draftHash } from '../loop/pairs.ts';
import type { CostSetting } from '../plan/cost-setting.ts';
import {
  type Acceptance,
  expectedAcceptance,
  explainVerdict,
  judgePair,
  pairInput,
  servedDraft,
} from '../plan/speculation.ts';
import type { RunReader } from '../store/queries.ts';
import type { CandidateRecord, PairRecord, PairVerdict, SpeculationRecord } from '../store/records.ts';

/** What speculation is to one candidate. */
export interface Outlook {
  /** The draft in words; `none` where nothing drafts. */
  readonly draft: string;
  readonly sentence: string;
  readonly speculation?: SpeculationRecord;
}

export interface Outlooks {
  /** Of a candidate with the record of its highest rung; undefined in runs without drafts. */
  of(candidate: CandidateRecord, record: SpeculationRecord | undefined): Outlook | undefined;
}

const SOURCES: Readonly<Record<SpeculationRecord['source'], string>> = {
  expected: 'expected from sizes, not measured',
  measured: 'measured',
  aligned: 'measured after alignment',
};

/** `pays 1.47x: ...`, with what was expected and what it was before alignment. */
export function speculationSentence(record: SpeculationRecord): string {
  const { source, acceptance, expectedAcceptance, plainAcceptance } = record;
  const before = plainAcceptance === undefined ? '' : `, ${plainAcceptance.toFixed(2)} before`;
  const expected = source === 'expected' ? '' : `; expected ${expectedAcceptance.toFixed(2)}`;
  return `${explainVerdict(record, acceptance)} (acceptance ${SOURCES[source]}${before}${expected})`;
}

interface Option {
  readonly draft: Draft;
  readonly verdict: PairVerdict;
  readonly acceptance: number;
  readonly isMeasured: boolean;
}

/** Outlooks of a run's candidates, from what it measured. */
export function createOutlooks(
  reader: RunReader,
  runId: string,
  spec: RunSpec,
  setting: CostSetting | undefined,
): Outlooks {
  const { draft: asked } = spec;
  if (asked === undefined) return { of: () => undefined };
  const space = compileSpace(spec);
  const temperature = asked.temperature;
  const isAligned = asked.alignmentSteps > 0;
  const topRung = spec.training.rungs.length - 1;
  const architectures = new Map(
    reader.candidates(runId).map((each) => [each.architectureHash, each.architecture]),
  );
  const losses = new Map(
    reader
      .trainings(runId)
      .flatMap(({ architectureHash, rung, loss }) =>
        rung === topRung && loss !== undefined ? [[architectureHash, loss] as const] : [],
      ),
  );
  const pairs = reader.pairs(runId).filter(({ state }) => state === 'ok');
  const keyOf = ({
    architectureHash,
    draftHash: draft,
  }: Pick<PairRecord, 'architectureHash' | 'draftHash'>) => `${architectureHash}/${draft}`;
  /** Of a target and a draft, however the target is stored; the best one, aligned where that was better. */
  const measured = new Map<string, PairRecord[]>();
  for (const pair of pairs) measured.set(keyOf(pair), [...(measured.get(keyOf(pair)) ?? []), pair]);

  const forecast = createPairForecast({ temperature, isAligned });
  for (const plain of pairs.filter(({ alignmentSteps }) => alignmentSteps === 0)) {
    const target = architectures.get(plain.architectureHash);
    const targetLoss = losses.get(plain.architectureHash);
    if (target === undefined || targetLoss === undefined) continue;
    const { draft } = plain;
    const draftLoss = draft.kind === 'model' ? losses.get(hashOf(draft.architecture)) : undefined;
    const aligned = measured
      .get(keyOf(plain))!
      .find((each) => each.alignmentSteps > 0 && each.deploymentHash === plain.deploymentHash);
    forecast.learn({
      target,
      targetLoss,
      pair: {
        draft,
        acceptance: acceptanceOf(plain),
        rounds: plain.lengths!,
        ...(draftLoss === undefined ? {} : { draftLoss }),
        ...(aligned === undefined ? {} : { alignedAcceptance: acceptanceOf(aligned) }),
      },
    });
  }

  const known = (
    candidate: Candidate,
    draft: Draft,
  ): Acceptance & { acceptance: number; isMeasured: boolean } => {
    const own = measured.get(`${hashOf(candidate.architecture)}/${draftHash(draft)}`) ?? [];
    const stored = storedHash(candidate.deployment);
    // Another way of storing the target changes acceptance little.
    const [best] = own.toSorted(
      (a, b) =>
        Number(b.deploymentHash === stored) - Number(a.deploymentHash === stored) ||
        acceptanceOf(b) - acceptanceOf(a),
    );
    if (best !== undefined)
      return { rounds: best.lengths!, acceptance: acceptanceOf(best), isMeasured: true };
    const served = servedDraft(draft, topRung, candidate.deployment);
    const targetLoss = losses.get(hashOf(candidate.architecture));
    const foretold = targetLoss === undefined ? undefined : forecast.foretell(candidate, draft, targetLoss);
    const usable = foretold ?? expectedAcceptance(candidate.architecture, served, temperature, isAligned);
    const acceptance =
      typeof usable.rounds === 'number'
        ? usable.rounds
        : acceptanceOf({ lengths: usable.rounds as PairRecord['lengths'] & {} });
    return { ...usable, acceptance, isMeasured: false };
  };

  const optionsFor = (candidate: Candidate, price: CostSetting): Option[] =>
    draftedDeployments(space, candidate, forecast.models()).map((drafted) => {
      const draft = drafted.deployment.draft!;
      const { acceptance, isMeasured, ...found } = known(drafted, draft);
      const served = servedDraft(draft, topRung, drafted.deployment);
      const verdict = judgePair(pairInput(drafted, served, price), found, draft.draftLength);
      return { draft, verdict, acceptance, isMeasured };
    });

  const aloneSentence = (candidate: Candidate): string => {
    const options = setting === undefined ? [] : optionsFor(candidate, setting);
    if (options.length === 0) return 'decodes alone; no draft is known';
    const best = options.reduce((a, b) => (b.verdict.speedup > a.verdict.speedup ? b : a));
    const how = best.isMeasured ? 'measured' : 'foretold';
    return (
      `decodes alone; of ${options.length} known drafts the best, ${describeDraft(best.draft)}, ` +
      `${explainVerdict(best.verdict, best.acceptance)} (${how})`
    );
  };

  return {
    of(candidate, record) {
      const { draft } = candidate.deployment;
      if (draft === undefined) return { draft: 'none', sentence: aloneSentence(candidate) };
      const named = describeDraft(draft);
      if (record === undefined) return { draft: named, sentence: 'was not judged' };
      return { draft: named, sentence: speculationSentence(record), speculation: record };
    },
  };
}
