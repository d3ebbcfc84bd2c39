// The JSON Schema of the YAML file, for editors, and the keys that it allows at each place.
import { z } from 'zod';
import { METRIC_NAMES } from './metrics.ts';
import { specSchema } from './spec-schema.ts';

interface SchemaNode {
  title?: string;
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
  maximum?: number;
  enum?: readonly string[];
}

/** The schema in draft 7, which YAML language servers read. */
export function specJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(specSchema, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      // zod writes the bound of exact integers in doubles; nobody needs it.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  }) as Record<string, unknown>;
  const objectives = nodesAt(schema as SchemaNode, ['objectives'])[0]!;
  objectives.items = { ...objectives.items, title: 'metric', enum: METRIC_NAMES };
  return { ...schema, title: 'Paretoformer run specification' };
}

/** The keys that a map at `path` may have, in the order of the schema. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const nodes = nodesAt(specJsonSchema() as SchemaNode, path);
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}

/** Every key of the file as a dotted path, list indices left out. */
export function allKeyPaths(): readonly string[] {
  const collect = (node: SchemaNode, prefix: string): string[] =>
    variants(node).flatMap((variant) => [
      ...Object.entries(variant.properties ?? {}).flatMap(([key, child]) => [
        `${prefix}${key}`,
        ...collect(child, `${prefix}${key}.`),
      ]),
      ...(variant.items ? collect(variant.items, prefix) : []),
    ]);
  return [...new Set(collect(specJsonSchema() as SchemaNode, ''))];
}

const variants = (node: SchemaNode): SchemaNode[] => [node, ...(node.anyOf ?? []).flatMap(variants)];

function nodesAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode[] {
  let nodes = variants(root);
  for (const key of path) {
    const children = nodes.flatMap((node) =>
      typeof key === 'number' ? (node.items ?? []) : (node.properties?.[String(key)] ?? []),
    );
    nodes = children.flatMap(variants);
  }
  return nodes;
}
