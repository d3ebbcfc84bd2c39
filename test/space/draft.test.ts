// Drafts as genes: what is canonical for which target, how many there are, and that variation reaches all of them.
import { describe, expect, test } from 'vitest';
import { type Candidate, hashOf } from '../../space/candidate.ts';
import { compileSpace } from '../../space/compiled-space.ts';
import { countMembers } from '../../space/count.ts';
import { crossCandidates } from '../../space/cross.ts';
import { allDrafts, countDrafts, type Draft, type DraftChoices } from '../../space/draft.ts';
import { largestCandidate, middleCandidate, smallestCandidate } from '../../space/extremes.ts';
import { containsCandidate, genesOf } from '../../space/genome.ts';
import { parseSpec } from '../../space/load-spec.ts';
import { mutateCandidate } from '../../space/mutate.ts';
import { deriveRng } from '../../space/random.ts';
import { deploymentsOf, draftedDeployments } from '../../space/redeploy.ts';
import { repairGenes } from '../../space/repair.ts';
import { sampleCandidate } from '../../space/sample.ts';

const YAML = `
specVersion: 1
task: { corpus: sotu }
space:
  dModel: 64
  headDim: 16
  depth: [1, 2, 3]
  layers: { nHeads: 4, nKvHeads: 2, dFf: 128 }
draft:
  model: { dModel: [16, 32], headDim: 8, depth: [1, 2], nHeads: [1, 2], nKvHeads: [1, 2], dFf: 32, weightFormat: [mxfp6-e2m3, fp16] }
  self: true
  lookup: true
  length: [best, 2]
  confidence: [0.1, 0]
accelerator: qualcomm-ai100-ultra
`;
const SPEC = parseSpec(YAML, 'drafts.yaml');
const SPACE = compileSpace(SPEC);
const CHOICES = SPACE.draft as DraftChoices;
// 2 widths x 2 depths x (1 + 2) heads with key-value heads x 2 formats, with 4 rules each.
const N_MODELS = 2 * 2 * 3 * 2 * 4;

/** The member of a depth, with a draft that need not fit it. */
function member(depth: number, draft?: Draft): Candidate {
  const layer = { nHeads: 4, nKvHeads: 2, dFf: 128 };
  const stored = { weightFormat: 'fp16', sparsity: 0 } as const;
  const blocks = Array.from({ length: depth }, () => ({ ...layer, attention: stored, feedForward: stored }));
  return repairGenes(SPACE, { ...genesOf(smallestCandidate(SPACE)), blocks, draft });
}

test('the YAML section, sorted', () => {
  expect(SPEC.draft).toEqual({
    choices: {
      model: {
        dModel: [16, 32],
        headDim: [8],
        tieEmbeddings: [true],
        depth: [1, 2],
        nHeads: [1, 2],
        nKvHeads: [1, 2],
        dFf: [32],
        weightFormat: ['fp16', 'mxfp6-e2m3'],
      },
      self: true,
      lookup: true,
      draftLength: [2, 'best'],
      confidence: [0, 0.1],
    },
    temperature: 1,
    topP: 1,
    alignmentSteps: 0,
  });
  expect(parseSpec(YAML.replace(/draft:[\s\S]*(?=accelerator)/, ''), 'none.yaml').draft).toBeUndefined();
});

test('how many there are, none among them', () => {
  expect(countDrafts(CHOICES, 1)).toBe(BigInt(1 + 2 + N_MODELS));
  expect(countDrafts(CHOICES, 3)).toBe(BigInt(1 + 2 + 2 * 4 + N_MODELS));
  expect(countDrafts(undefined, 3)).toBe(1n);
  expect(countMembers(SPACE)).toBe(BigInt(3 * (1 + 2 + N_MODELS) + 4 + 8));
});

test('all of them are listed once', () => {
  for (const depth of [1, 2, 3]) {
    const listed = allDrafts(CHOICES, depth, SPACE).map((draft) => JSON.stringify(draft) ?? 'none');
    expect(BigInt(new Set(listed).size)).toBe(countDrafts(CHOICES, depth));
    expect(listed).toHaveLength(new Set(listed).size);
  }
});

describe('every draft of a space', () => {
  const all = () => {
    const found = new Set<string>();
    const see = (candidate: Candidate) => {
      expect(containsCandidate(SPACE, candidate)).toBe(true);
      found.add(JSON.stringify(candidate));
    };
    return { found, see };
  };

  test('is drawn', () => {
    const { found, see } = all();
    for (let number = 0; number < 14_000; number++) see(sampleCandidate(SPACE, deriveRng(1, number, 'draw')));
    expect(BigInt(found.size)).toBe(countMembers(SPACE));
  });

  test('is reached by mutation from a member without one', () => {
    const { found, see } = all();
    let current = smallestCandidate(SPACE);
    for (let number = 0; number < 14_000; number++) {
      current = mutateCandidate(SPACE, current, deriveRng(2, number, 'walk'));
      see(current);
    }
    expect(BigInt(found.size)).toBe(countMembers(SPACE));
  });
});

test('kinds are as likely as none, so that none is always tried', () => {
  const kinds = Array.from({ length: 4000 }, (_, number) => {
    const { architecture, deployment } = sampleCandidate(SPACE, deriveRng(3, number, 'kinds'));
    return architecture.layers.length === 1 ? 'shallow' : (deployment.draft?.kind ?? 'none');
  });
  const deep = kinds.filter((kind) => kind !== 'shallow');
  for (const kind of ['none', 'model', 'self', 'lookup']) {
    const share = deep.filter((each) => each === kind).length / deep.length;
    expect(share, kind).toBeGreaterThan(0.21);
    expect(share, kind).toBeLessThan(0.29);
  }
});

describe('canonical form', () => {
  const rule = { draftLength: 'best', confidence: 0 } as const;
  test('a self-draft has fewer layers than its target, and a target of one layer has none', () => {
    const draft = { kind: 'self', nLayers: 7, ...rule } as const;
    expect(member(3, draft).deployment.draft).toEqual({ ...draft, nLayers: 2 });
    expect(member(1, draft).deployment).not.toHaveProperty('draft');
    const foreign = { ...member(2), deployment: { ...member(2).deployment, draft } };
    expect(containsCandidate(SPACE, foreign)).toBe(false);
  });

  test('look-up is always sure; lengths and confidences go to their nearest choice', () => {
    expect(member(2, { kind: 'lookup', draftLength: 8, confidence: 0.1 }).deployment.draft).toEqual({
      kind: 'lookup',
      draftLength: 2,
      confidence: 0,
    });
    const self = { kind: 'self', nLayers: 1, draftLength: 1, confidence: 0.3 } as const;
    expect(member(2, self).deployment.draft).toEqual({ ...self, draftLength: 2, confidence: 0.1 });
  });

  test('a draft model takes vocabulary and context of the space, and its nearest shape', () => {
    const { architecture } = middleCandidate(SPACE);
    const draft = { kind: 'model', architecture, weightFormat: 'int8', ...rule } as const;
    const repaired = member(2, draft).deployment.draft;
    expect(repaired).toMatchObject({ kind: 'model', weightFormat: 'fp16' });
    expect(repaired).toMatchObject({
      architecture: { dModel: 32, headDim: 8, vocabSize: 256, contextLength: 128, ropeTheta: 10_000 },
    });
    const { layers } = (repaired as Extract<Draft, { kind: 'model' }>).architecture;
    expect(layers).toEqual([
      { nHeads: 2, nKvHeads: 2, dFf: 32 },
      { nHeads: 2, nKvHeads: 2, dFf: 32 },
    ]);
  });

  test('a kind that is not allowed is none', () => {
    const only = { ...SPACE, draft: { ...CHOICES, lookup: false, self: false } };
    const drafted = member(3, { kind: 'lookup', ...rule });
    expect(repairGenes(only, genesOf(drafted)).deployment).not.toHaveProperty('draft');
    const { draft: _, ...without } = SPACE;
    expect(repairGenes(without, genesOf(drafted)).deployment).not.toHaveProperty('draft');
  });
});

test('a child has the draft of either parent; the extremes of a space have none', () => {
  const [a, b] = [member(3, { kind: 'lookup', draftLength: 2, confidence: 0 }), member(3)];
  const drafts = Array.from(
    { length: 200 },
    (_, number) => crossCandidates(SPACE, a, b, deriveRng(4, number, 'cross')).deployment.draft?.kind,
  );
  const share = drafts.filter((kind) => kind === 'lookup').length / drafts.length;
  expect(share).toBeGreaterThan(0.35);
  expect(share).toBeLessThan(0.65);
  for (const extreme of [smallestCandidate, middleCandidate, largestCandidate])
    expect(extreme(SPACE).deployment).not.toHaveProperty('draft');
});

test('other deployments of an architecture draft nothing; drafts are listed apart, canonical and once', () => {
  const drafted = member(3, { kind: 'lookup', draftLength: 2, confidence: 0 });
  const alone = deploymentsOf(SPACE, drafted, 50, deriveRng(5, 0, 'deployments'));
  for (const { deployment } of alone) expect(deployment).not.toHaveProperty('draft');
  const known = [16, 32].map((dModel) => ({ ...middleCandidate(SPACE).architecture, dModel }));
  const all = draftedDeployments(SPACE, drafted, known);
  for (const each of all) expect(containsCandidate(SPACE, each)).toBe(true);
  const kinds = all.map(({ deployment: { draft } }) => draft!.kind);
  expect(kinds).toEqual(['lookup', 'self', 'self', 'model', 'model', 'model', 'model']);
  expect(new Set(all.map(hashOf)).size).toBe(all.length);
  const { draft: _, ...without } = SPACE;
  expect(draftedDeployments(without, drafted, known)).toEqual([]);
});
