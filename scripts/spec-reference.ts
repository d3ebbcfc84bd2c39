// The tables of docs/search-space.md, from the schema that validates the file. They stand between comments that name
// what they list; the prose around them is written by hand.

import { specJsonSchema } from '../space/json-schema.ts';
import { METRICS } from '../space/metrics.ts';
import { WEIGHT_FORMATS } from '../space/number-formats.ts';
import { unitNames } from '../space/units.ts';

type Plain = string | number | boolean;

/** What the generators read of a JSON Schema. */
export interface SchemaNode {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly default?: Plain | readonly Plain[] | Readonly<Record<string, never>>;
  readonly const?: Plain;
  readonly enum?: readonly Plain[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

const BLOCK = /(<!-- generated: (.+?) -->\n)[\s\S]*?(\n<!-- \/generated -->)/g;

/** The page with every generated block brought up to date. @throws on a block that nothing is known of */
export function withReference(page: string): string {
  const blocks = referenceBlocks(page);
  return page.replace(BLOCK, (_, start: string, name: string, end: string) => {
    const text = blocks.get(name);
    if (text === undefined) throw new Error(`nothing generates "${name}"`);
    return `${start}\n${text}\n${end}`;
  });
}

/** What can be generated for a page, by name: the keys of the file, of each of its sections, formats, metrics, units. */
export function referenceBlocks(page: string): ReadonlyMap<string, string> {
  const root = specJsonSchema() as SchemaNode;
  const sections = Object.entries(root.properties!).filter(([, node]) => node.properties !== undefined);
  const links = new Map(sections.map(([name]) => [name, anchorOf(page, name)]));
  return new Map([
    ['keys', keyTable(root, links)],
    ...sections.map(([name, node]) => [`keys of ${name}`, keyTable(node)] as const),
    ['weight formats', words(WEIGHT_FORMATS)],
    ['metrics', metricTable()],
    ['units', unitLines()],
  ]);
}

/** The anchor of a section's heading, as GitHub makes it. @throws where the page has no such heading */
function anchorOf(page: string, section: string): string {
  const heading = new RegExp(`^## (\`${section}\`.*)$`, 'm').exec(page)?.[1];
  if (heading === undefined) throw new Error(`the page has no heading for "${section}"`);
  return heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number} -]/gu, '')
    .replaceAll(' ', '-');
}

/** One line a key; maps inside are opened, except sections, which have a table of their own: they are linked. */
function keyTable(map: SchemaNode, links: ReadonlyMap<string, string> = new Map()): string {
  const lines = ['| key | value | default | meaning |', '|---|---|---|---|'];
  const add = (node: SchemaNode, prefix: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const isRequired = node.required?.includes(name) === true;
      const isSection = links.has(name);
      const key = isSection ? `[\`${name}\`](#${links.get(name)})` : `\`${prefix}${name}\``;
      lines.push(keyLine(key, child, isRequired, isSection));
      if (!isSection) add(child, `${prefix}${name}.`);
    }
  };
  add(map, '');
  return lines.join('\n');
}

function keyLine(key: string, node: SchemaNode, isRequired: boolean, isSection: boolean): string {
  const [meaning] = (node.description ?? '').split('; by default ');
  const value = isSection ? 'keys' : describeValue(node);
  const without = isSection && typeof node.default === 'object' ? 'those of its keys' : defaultText(node);
  return `| ${[key, value, isRequired ? 'required' : (without ?? 'none'), meaning].join(' | ')} |`;
}

/** What holds where a key is left out: in the words of its description, or the value itself. */
export function defaultText(node: SchemaNode): string | undefined {
  const value = node.default;
  const words = node.description?.split('; by default ')[1];
  if (words !== undefined) return words;

  if (typeof value === 'object') {
    if (!Array.isArray(value)) return undefined;
    return value.length === 0 ? 'none' : `\`[${value.join(', ')}]\``;
  }
  return value === undefined ? undefined : `\`${typeof value === 'number' ? plain(value) : value}\``;
}

/** What may stand behind a key, in words. */
export function describeValue(node: SchemaNode): string {
  if (node.title !== undefined) return node.title;
  if (node.const !== undefined) return `\`${node.const}\``;
  if (node.enum !== undefined) return node.enum.map((word) => `\`${word}\``).join(', ');
  if (node.anyOf !== undefined) return alternatives(node.anyOf);
  switch (node.type) {
    case 'integer':
      return `whole number${range(node)}`;
    case 'number':
      return `number${range(node)}`;
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'array':
      return `list: ${node.items!.properties === undefined ? describeValue(node.items!) : keysOf(node.items!)}`;
    case 'object':
      return 'keys';
    default:
      throw new Error(`a value of type ${node.type} has no words`);
  }
}

/** A value, a list of it or a long form is what the page calls choices. */
function alternatives(nodes: readonly SchemaNode[]): string {
  const [first, second, long, byPart] = nodes;
  if (second?.type === 'array' && nodes.length <= 4) {
    const forms = long?.properties?.choices === undefined ? '' : ', per layer';
    return `choices${forms}${byPart === undefined ? '' : ' and part'}: ${describeValue(first!)}`;
  }
  if (second?.properties?.feedForward !== undefined) return `by part: ${describeValue(first!)}`;
  return nodes
    .map((node) => (node.properties === undefined ? describeValue(node) : written(node)))
    .join(' or ');
}

function keysOf({ properties }: SchemaNode): string {
  return `\`{${Object.keys(properties!).join(', ')}}\``;
}

/** `{bpe: {vocabSize: whole number from 257 to 65536}}`. */
function written({ properties }: SchemaNode): string {
  const parts = Object.entries(properties!).map(
    ([name, child]) => `${name}: ${child.properties === undefined ? describeValue(child) : written(child)}`,
  );
  return `{${parts.join(', ')}}`;
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: SchemaNode): string {
  const low =
    minimum !== undefined
      ? ` from ${plain(minimum)}`
      : exclusiveMinimum !== undefined
        ? ` above ${plain(exclusiveMinimum)}`
        : '';
  const high =
    maximum !== undefined
      ? ` to ${plain(maximum)}`
      : exclusiveMaximum !== undefined
        ? `, below ${plain(exclusiveMaximum)}`
        : '';
  return low + high;
}

/** `65536`, `10^6`: as people write it into the file. */
function plain(value: number): string {
  const exponent = Math.log10(value);
  return value !== 0 && Number.isInteger(exponent) && (exponent >= 6 || exponent <= -5)
    ? `1e${exponent}`
    : String(value);
}

function words(list: readonly string[]): string {
  return list.map((word) => `\`${word}\``).join(', ');
}

function metricTable(): string {
  const units = {
    bitsPerByte: 'bits per byte',
    seconds: 's',
    bytes: 'bytes',
    count: 'count',
    tokensPerSecond: 'tok/s',
    joules: 'J',
    dollars: 'USD',
  };
  const lines = Object.entries(METRICS).map(
    ([name, { unit, better, about }]) => `| \`${name}\` | ${units[unit]} | ${better} | ${about} |`,
  );
  return ['| metric | unit | better | meaning |', '|---|---|---|---|', ...lines].join('\n');
}

function unitLines(): string {
  const quantities = {
    bytes: 'bytes',
    seconds: 'time',
    joules: 'energy',
    tokensPerSecond: 'throughput',
  } as const;
  const lines = Object.entries(quantities).map(
    ([quantity, name]) => `- ${name}: ${words(unitNames(quantity as keyof typeof quantities))}`,
  );
  return [...lines, `- counts: ${words(unitNames('count'))} (\`parameters <= 7.2 B\`)`].join('\n');
}
