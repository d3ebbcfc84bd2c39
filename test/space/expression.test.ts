import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { constraintLimit, constraintViolation, parseConstraint } from '../../space/constraint.ts';
import {
  type Expression,
  ExpressionError,
  evaluateExpression,
  parseExpression,
} from '../../space/expression.ts';
import { METRICS } from '../../space/metrics.ts';

const vocabulary = {
  names: { ...METRICS, depth: { unit: 'count' } as const },
  references: ['baseline', 'best'],
};

const parse = (text: string) => parseExpression(text, vocabulary);

function holds(text: string, values: Record<string, number>, references: Record<string, number> = {}) {
  return evaluateExpression(
    parse(text),
    (name) => values[name],
    (reference, name) => references[`${reference}.${name}`],
  );
}

describe('one comparison', () => {
  test.each([
    ['memory <= 16 GiB', 'memory', '<=', 16 * 2 ** 30],
    ['memory<16GB', 'memory', '<', 16e9],
    ['memory < 8e3 MiB', 'memory', '<', 8000 * 2 ** 20],
    ['memory > 12 B', 'memory', '>', 12],
    ['parameters <= 7.2 B', 'parameters', '<=', 7.2e9],
    ['parameters <= 640 K', 'parameters', '<=', 640e3],
    ['decodeLatency <= 20 ms', 'decodeLatency', '<=', 0.02],
    ['prefillLatency ≤ 1.5 s', 'prefillLatency', '<=', 1.5],
    ['decodeLatency < 800 us', 'decodeLatency', '<', 800e-6],
    ['throughput >= 100 tok/s', 'throughput', '>=', 100],
    ['throughput >= 100', 'throughput', '>=', 100],
    ['energy < .5 mJ', 'energy', '<', 0.0005],
    ['loss <= 2', 'loss', '<=', 2],
    ['depth = 4', 'depth', '==', 4],
  ])('%s', (text, name, operator, value) => {
    const { bound, ...rest } = parse(text) as Extract<Expression, { kind: 'comparison' }>;
    expect(rest).toEqual({ kind: 'comparison', name, operator });
    expect(bound.kind === 'absolute' && bound.value).toBeCloseTo(value, 12);
  });

  test.each(['loss < 1.1 * best', 'loss < best*1.1'])('%s', (text) => {
    expect(parse(text)).toEqual({
      kind: 'comparison',
      name: 'loss',
      operator: '<',
      bound: { kind: 'relative', factor: 1.1, reference: 'best' },
    });
  });

  test('a reference alone counts once', () => {
    expect(parse('memory < baseline')).toMatchObject({ bound: { factor: 1, reference: 'baseline' } });
  });
});

describe('what is wrong, and where', () => {
  test.each([
    ['', 0, 'expected a metric, found the end'],
    ['memory', 6, 'expected one of <= < >= > == !=, found the end'],
    ['memory <= ', 9, 'expected a number, found the end'],
    ['memory <= lots', 10, 'expected a number or baseline or best, found "lots"'],
    ['memory <= bst', 10, 'expected a number or baseline or best, found "bst" (did you mean "best"?)'],
    ['memry <= 1 GB', 0, 'unknown metric "memry" (did you mean "memory"?)'],
    ['memory <= 1 Gib', 12, '"Gib" is not a unit of memory (did you mean "GiB"?)'],
    ['loss <= 2 ms', 10, '"ms" is not a unit of loss; its units are bpb'],
    ['memory <= 1 GB loss', 15, 'unexpected "loss"'],
    ['(loss < 2', 9, 'expected ")", found the end'],
    ['loss < 2)', 8, 'unexpected ")"'],
    ['loss < -2', 7, 'unexpected "-"'],
    ['loss < 2 & depth > 1', 9, 'unexpected "&"'],
    ['loss < 1e999', 7, 'number too large: 1e999'],
    ['constructor < 1', 0, 'unknown metric "constructor"'],
    [`${'('.repeat(60)}loss < 1`, 50, 'nested deeper than 50'],
  ])('%s', (text, offset, message) => {
    const error = (() => {
      try {
        return parse(text);
      } catch (caught) {
        return caught as ExpressionError;
      }
    })() as ExpressionError;
    expect(error).toBeInstanceOf(ExpressionError);
    expect(error.message).toContain(message);
    expect(error.offset).toBe(offset);
  });

  test('a seconds bound needs a unit', () => {
    expect(() => parse('decodeLatency < 20')).toThrow('needs a unit');
  });
});

describe('and, or, not', () => {
  test('binding: not, then and, then or', () => {
    expect(holds('loss < 1 and depth > 9 or depth > 2', { loss: 5, depth: 3 })).toBe(true);
    expect(holds('loss < 1 and (depth > 9 or depth > 2)', { loss: 5, depth: 3 })).toBe(false);
    expect(holds('not loss < 1 and depth > 2', { loss: 5, depth: 3 })).toBe(true);
    expect(holds('not (loss > 1 and depth > 2)', { loss: 5, depth: 3 })).toBe(false);
    expect(holds('memory < 8 GiB AND loss < 1.1 * best', { memory: 1, loss: 2 }, { 'best.loss': 1.9 })).toBe(
      true,
    );
  });

  test('an unknown value leaves open only what depends on it', () => {
    expect(holds('loss < 1', {})).toBeUndefined();
    expect(holds('not loss < 1', {})).toBeUndefined();
    expect(holds('loss < 1 or depth > 2', { depth: 3 })).toBe(true);
    expect(holds('loss < 1 and depth > 2', { depth: 1 })).toBe(false);
    expect(holds('loss < 1 and depth > 2', { depth: 3 })).toBeUndefined();
    expect(holds('loss < 2 * best', { loss: 1 })).toBeUndefined();
  });

  test('agrees with JavaScript on random conditions', () => {
    interface Condition {
      readonly text: string;
      readonly truth: (loss: number, depth: number) => boolean;
    }
    const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
      '<': (a, b) => a < b,
      '<=': (a, b) => a <= b,
      '>': (a, b) => a > b,
      '>=': (a, b) => a >= b,
      '==': (a, b) => a === b,
      '!=': (a, b) => a !== b,
    };
    const operators = fc.constantFrom(...Object.keys(comparisons));
    const leaf = fc.tuple(fc.boolean(), operators, fc.nat({ max: 4 })).map(
      ([isLoss, operator, limit]): Condition => ({
        text: `${isLoss ? 'loss' : 'depth'} ${operator} ${limit}`,
        truth: (loss, depth) => comparisons[operator]!(isLoss ? loss : depth, limit),
      }),
    );
    const { tree } = fc.letrec<{ tree: Condition }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({
          text: `(${a.text}) and (${b.text})`,
          truth: (loss: number, depth: number) => a.truth(loss, depth) && b.truth(loss, depth),
        })),
        fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => ({
          text: `(${a.text}) or (${b.text})`,
          truth: (loss: number, depth: number) => a.truth(loss, depth) || b.truth(loss, depth),
        })),
        tie('tree').map((inner) => ({
          text: `not (${inner.text})`,
          truth: (loss: number, depth: number) => !inner.truth(loss, depth),
        })),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.nat({ max: 4 }), fc.nat({ max: 4 }), ({ text, truth }, loss, depth) => {
        expect(holds(text, { loss, depth })).toBe(truth(loss, depth));
      }),
    );
  });

  test('any text gives an expression or an ExpressionError', () => {
    const word = fc.constantFrom(
      'loss',
      'memory',
      'and',
      'or',
      'not',
      '(',
      ')',
      '<',
      '<=',
      '*',
      '1',
      '2.5',
      'GiB',
      'best',
      '%',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(' ')),
        ),
        (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(ExpressionError);
            expect((error as ExpressionError).offset).toBeLessThanOrEqual(text.length);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('constraints', () => {
  test('violation is the share beyond the limit, 0 where met', () => {
    const upper = parseConstraint('memory <= 16 GiB');
    expect(constraintLimit(upper, undefined)).toBe(2 ** 34);
    expect(constraintViolation(upper, 2 ** 34, 2 ** 34)).toBe(0);
    expect(constraintViolation(upper, 2 ** 34 * 1.25, 2 ** 34)).toBe(0.25);
    const lower = parseConstraint('throughput >= 100 tok/s');
    expect(constraintViolation(lower, 90, 100)).toBeCloseTo(0.1, 12);
    expect(constraintViolation(lower, 110, 100)).toBe(0);
  });

  test('a strict limit that is just reached is missed, by the smallest amount', () => {
    const violation = constraintViolation(parseConstraint('loss < 2'), 2, 2);
    expect(violation).toBeGreaterThan(0);
    expect(violation).toBeLessThan(1e-12);
  });

  test('a relative limit waits for the baseline', () => {
    const relative = parseConstraint('  loss  <= 1.02 *  baseline ');
    expect(relative.text).toBe('loss <= 1.02 * baseline');
    expect(constraintLimit(relative, undefined)).toBeUndefined();
    expect(constraintLimit(relative, { memory: 5 })).toBeUndefined();
    expect(constraintLimit(relative, { loss: 2 })).toBe(2.04);
  });

  test('one comparison alone, no equality, no reference but the baseline', () => {
    expect(() => parseConstraint('loss < 2 and memory < 1 GB')).toThrow('one comparison a constraint');
    expect(() => parseConstraint('loss == 2')).toThrow('needs one of <= < >= >');
    expect(() => parseConstraint('loss < 2 * best')).toThrow('expected a number or baseline, found "best"');
  });
});
