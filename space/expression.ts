// Readable conditions on metrics: `memory <= 16 GiB`, `loss < 1.1 * best and not (depth > 6)`.
// One parser for the constraints of the YAML file and for filters on the command line.
//
//   expression = term {'or' term}          term = factor {'and' factor}
//   factor     = 'not' factor | '(' expression ')' | comparison
//   comparison = NAME OPERATOR (NUMBER [UNIT] | [NUMBER '*'] REFERENCE ['*' NUMBER])
import { didYouMean } from './did-you-mean.ts';
import type { MetricUnit } from './metrics.ts';
import { needsUnit, unitFactor, unitNames } from './units.ts';

export type Operator = '<=' | '<' | '>=' | '>' | '==' | '!=';

/** What a quantity is compared with: a number in its base unit, or a multiple of a reference's own value. */
export type Bound =
  | { readonly kind: 'absolute'; readonly value: number }
  | { readonly kind: 'relative'; readonly factor: number; readonly reference: string };

export interface Comparison {
  readonly kind: 'comparison';
  readonly name: string;
  readonly operator: Operator;
  readonly bound: Bound;
}

export type Expression =
  | Comparison
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly operand: Expression };

/** The names that an expression may use, with the quantity of each, and the references it may compare with. */
export interface Vocabulary {
  readonly names: Readonly<Record<string, { readonly unit: MetricUnit }>>;
  readonly references: readonly string[];
}

/** An expression that cannot be understood; `offset` counts characters from its start. */
export class ExpressionError extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.name = 'ExpressionError';
    this.offset = offset;
  }
}

interface Token {
  readonly kind: 'word' | 'number' | 'operator' | 'star' | 'open' | 'close' | 'end';
  readonly text: string;
  readonly offset: number;
}

const TOKEN =
  /\s*(?:(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|(?<word>[A-Za-zµ$][\w./-]*)|(?<operator><=|>=|==|!=|<|>|=|≤|≥)|(?<star>\*)|(?<open>\()|(?<close>\)))/uy;
const LONGEST = 2000;
const DEEPEST = 50;
const SPELLINGS: Readonly<Record<string, Operator>> = { '=': '==', '≤': '<=', '≥': '>=' };
const OPERATORS = 'one of <= < >= > == !=';

function tokenize(text: string): Token[] {
  if (text.length > LONGEST) throw new ExpressionError(`longer than ${LONGEST} characters`, 0);
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      const offset = from + (text.slice(from).length - text.slice(from).trimStart().length);
      throw new ExpressionError(`unexpected "${String.fromCodePoint(text.codePointAt(offset)!)}"`, offset);
    }
    const [kind, value] = Object.entries(match.groups!).find(([, group]) => group !== undefined)!;
    tokens.push({ kind: kind as Token['kind'], text: value!, offset: TOKEN.lastIndex - value!.length });
  }
  tokens.push({ kind: 'end', text: '', offset: end });
  return tokens;
}

const shown = (token: Token) => (token.kind === 'end' ? 'the end' : `"${token.text}"`);

/**
 * Parses a condition.
 * @throws {ExpressionError} with the place of the first thing that is wrong.
 */
export function parseExpression(text: string, vocabulary: Vocabulary): Expression {
  const tokens = tokenize(text);
  let at = 0;
  let depth = 0;
  const peek = () => tokens[at]!;
  const next = () => tokens[at++]!;
  const isWord = (word: string) => peek().kind === 'word' && peek().text.toLowerCase() === word;

  const disjunction = (): Expression => {
    let left = conjunction();
    while (isWord('or')) {
      next();
      left = { kind: 'or', left, right: conjunction() };
    }
    return left;
  };
  const conjunction = (): Expression => {
    let left = factor();
    while (isWord('and')) {
      next();
      left = { kind: 'and', left, right: factor() };
    }
    return left;
  };
  const factor = (): Expression => {
    if (++depth > DEEPEST) throw new ExpressionError(`nested deeper than ${DEEPEST}`, peek().offset);
    let result: Expression;
    if (isWord('not')) {
      next();
      result = { kind: 'not', operand: factor() };
    } else if (peek().kind === 'open') {
      next();
      result = disjunction();
      const close = next();
      if (close.kind !== 'close')
        throw new ExpressionError(`expected ")", found ${shown(close)}`, close.offset);
    } else {
      result = parseComparison(next, peek, vocabulary);
    }
    depth--;
    return result;
  };

  const expression = disjunction();
  const rest = peek();
  if (rest.kind !== 'end') throw new ExpressionError(`unexpected ${shown(rest)}`, rest.offset);
  return expression;
}

function parseComparison(next: () => Token, peek: () => Token, vocabulary: Vocabulary): Comparison {
  const name = next();
  const names = Object.keys(vocabulary.names);
  if (name.kind !== 'word') throw new ExpressionError(`expected a metric, found ${shown(name)}`, name.offset);
  if (!Object.hasOwn(vocabulary.names, name.text)) {
    const hint = didYouMean(name.text, names) || `; known are ${names.join(', ')}`;
    throw new ExpressionError(`unknown metric "${name.text}"${hint}`, name.offset);
  }
  const operator = next();
  if (operator.kind !== 'operator') {
    throw new ExpressionError(`expected ${OPERATORS}, found ${shown(operator)}`, operator.offset);
  }
  return {
    kind: 'comparison',
    name: name.text,
    operator: SPELLINGS[operator.text] ?? (operator.text as Operator),
    bound: parseBound(next, peek, vocabulary, name.text),
  };
}

function parseBound(next: () => Token, peek: () => Token, vocabulary: Vocabulary, name: string): Bound {
  const first = next();
  if (first.kind === 'word') {
    const reference = asReference(first, vocabulary);
    if (peek().kind !== 'star') return { kind: 'relative', factor: 1, reference };
    next();
    const factor = next();
    if (factor.kind !== 'number')
      throw new ExpressionError(`expected a number, found ${shown(factor)}`, factor.offset);
    return { kind: 'relative', factor: asNumber(factor), reference };
  }
  if (first.kind !== 'number')
    throw new ExpressionError(`expected a number, found ${shown(first)}`, first.offset);
  if (peek().kind === 'star') {
    next();
    return { kind: 'relative', factor: asNumber(first), reference: asReference(next(), vocabulary) };
  }
  const unit = peek().kind === 'word' && !/^(and|or|not)$/i.test(peek().text) ? next() : undefined;
  return { kind: 'absolute', value: asNumber(first) * factorOf(unit, first, vocabulary, name) };
}

function factorOf(unit: Token | undefined, number: Token, vocabulary: Vocabulary, name: string): number {
  const quantity = vocabulary.names[name]!.unit;
  const units = unitNames(quantity);
  if (unit === undefined) {
    if (!needsUnit(quantity)) return 1;
    const message = `${name} is a quantity in ${quantity}: "${number.text}" needs a unit (${units.join(', ')})`;
    throw new ExpressionError(message, number.offset);
  }
  const factor = unitFactor(quantity, unit.text);
  if (factor !== undefined) return factor;
  const hint = didYouMean(unit.text, units) || `; its units are ${units.join(', ')}`;
  throw new ExpressionError(`"${unit.text}" is not a unit of ${name}${hint}`, unit.offset);
}

function asNumber(token: Token): number {
  const value = Number(token.text);
  if (!Number.isFinite(value)) throw new ExpressionError(`number too large: ${token.text}`, token.offset);
  return value;
}

function asReference(token: Token, { references }: Vocabulary): string {
  if (token.kind === 'word' && references.includes(token.text)) return token.text;
  const hint = token.kind === 'word' ? didYouMean(token.text, references) : '';
  const expected = ['a number', ...references].join(' or ');
  throw new ExpressionError(`expected ${expected}, found ${shown(token)}${hint}`, token.offset);
}

/**
 * Whether a condition holds. `undefined` where an unknown value keeps that open: `and`, `or` and `not` follow
 * three-valued logic, as in SQL.
 */
export function evaluateExpression(
  expression: Expression,
  lookUp: (name: string) => number | undefined,
  referenceOf: (reference: string, name: string) => number | undefined,
): boolean | undefined {
  switch (expression.kind) {
    case 'comparison': {
      const value = lookUp(expression.name);
      const limit = boundValue(expression.bound, (reference) => referenceOf(reference, expression.name));
      return value === undefined || limit === undefined
        ? undefined
        : compare(value, expression.operator, limit);
    }
    case 'not': {
      const operand = evaluateExpression(expression.operand, lookUp, referenceOf);
      return operand === undefined ? undefined : !operand;
    }
    case 'and':
    case 'or': {
      const decisive = expression.kind === 'or';
      const left = evaluateExpression(expression.left, lookUp, referenceOf);
      if (left === decisive) return decisive;
      const right = evaluateExpression(expression.right, lookUp, referenceOf);
      if (right === decisive) return decisive;
      return left === undefined || right === undefined ? undefined : !decisive;
    }
  }
}

/** The number that a bound stands for, or `undefined` where its reference is unknown. */
export function boundValue(
  bound: Bound,
  referenceOf: (reference: string) => number | undefined,
): number | undefined {
  if (bound.kind === 'absolute') return bound.value;
  const value = referenceOf(bound.reference);
  return value === undefined ? undefined : bound.factor * value;
}

/** Whether `value operator limit` holds. */
export function compare(value: number, operator: Operator, limit: number): boolean {
  switch (operator) {
    case '<=':
      return value <= limit;
    case '<':
      return value < limit;
    case '>=':
      return value >= limit;
    case '>':
      return value > limit;
    case '==':
      return value === limit;
    case '!=':
      return value !== limit;
  }
}
