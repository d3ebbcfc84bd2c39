import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countMembers } from '../../space/count.ts';
import { allMembers } from '../../space/enumerate.ts';
import { candidateKey, containsCandidate } from '../../space/genome.ts';
import { spaces, spelledCandidates } from './small-spaces.ts';

test('lists the members that spelling every choice finds, each once, in the same order every time', () => {
  fc.assert(
    fc.property(spaces(2, 2), (space) => {
      fc.pre(countMembers(space) <= 500n);
      const listed = [...allMembers(space)].map(candidateKey);
      const spelled = [...spelledCandidates(space)].filter((each) => containsCandidate(space, each));
      expect(listed.length).toBe(Number(countMembers(space)));
      expect(new Set(listed)).toEqual(new Set(spelled.map(candidateKey)));
      expect([...allMembers(space)].map(candidateKey)).toEqual(listed);
    }),
    { numRuns: 40 },
  );
});

test('begins at once, however large the space is', () => {
  fc.assert(
    fc.property(spaces(4, 9), (space) => {
      const first = allMembers(space).next().value!;
      expect(containsCandidate(space, first)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
