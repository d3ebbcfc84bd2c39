// A model file for the cost model: an architecture in YAML or JSON, a candidate as `show --json` prints it, or a
// Hugging Face config.json.
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { modelFromHuggingFace } from '../../hardware/hugging-face.ts';
import { HardwareError } from '../../hardware/index.ts';
import type { ModelShape } from '../../hardware/model-shape.ts';
import type { Deployment } from '../../space/deployment.ts';
import { KV_CACHE_FORMATS, WEIGHT_FORMATS } from '../../space/number-formats.ts';

const size = z.number().int().min(1);
const layer = z.strictObject({
  nHeads: size.or(z.literal(0)),
  nKvHeads: size.or(z.literal(0)),
  dFf: size.or(z.literal(0)),
});

const architecture = z
  .strictObject({
    dModel: size,
    headDim: size,
    vocabSize: size,
    contextLength: size.default(2048),
    tieEmbeddings: z.boolean().default(true),
    ropeTheta: z.number().positive().default(10_000),
    layers: z.array(layer).min(1).optional(),
    layer: layer.optional(),
    depth: size.max(10_000).optional(),
  })
  .transform(({ layers, layer: repeated, depth, ...shape }, context) => {
    if (layers !== undefined && repeated === undefined && depth === undefined) return { ...shape, layers };
    if (layers === undefined && repeated !== undefined && depth !== undefined) {
      return { ...shape, layers: Array.from({ length: depth }, () => repeated) };
    }
    context.addIssue('give either layers, or layer and depth');
    return z.NEVER;
  });

const storage = z.strictObject({
  weightFormat: z.enum(WEIGHT_FORMATS),
  sparsity: z.number().min(0).lt(1),
});
/** A target's own; what drafts for it is not part of what is priced. */
const deployment = z.strictObject({
  layers: z.array(z.strictObject({ attention: storage, feedForward: storage })).min(1),
  embedding: storage,
  kvCacheFormat: z.enum(KV_CACHE_FORMATS),
  nCards: size,
  draft: z.looseObject({}).optional(),
});

const candidate = z.object({ architecture, deployment, deployedArchitecture: architecture.optional() });

/** A model, with its deployment where the file has one. */
export interface ModelFile {
  readonly kind: 'architecture' | 'candidate' | 'hugging-face';
  readonly shape: ModelShape;
  readonly deployment?: Deployment;
  /** The file names a draft, which is left out. */
  readonly hasDraft?: true;
}

/** @throws HardwareError that names the file and what is wrong with it. */
export function readModelFile(file: string): ModelFile {
  const fail = (message: string): never => {
    throw new HardwareError('bad-model-config', `${file}: ${message}`);
  };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail(code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`);
  }
  const document = parseDocument(text, { uniqueKeys: true, version: '1.2' });
  if (document.errors[0] !== undefined) return fail(document.errors[0].message.split('\n')[0]!);
  const data: unknown = document.toJS({ maxAliasCount: 100 });
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return fail('not a model: expected an object');
  const parse = <T>(schema: z.ZodType<T>): T => {
    const result = schema.safeParse(data);
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    return fail(`${issue.path.map(String).join('.')}${issue.path.length > 0 ? ': ' : ''}${issue.message}`);
  };
  if ('specVersion' in data)
    return fail(`a search space, not a model; 'paretoformer check ${file}' prices its members`);
  if ('architecture' in data) {
    const found = parse(candidate);
    const { draft, ...deployment } = found.deployment;
    return {
      kind: 'candidate',
      shape: found.deployedArchitecture ?? found.architecture,
      deployment,
      ...(draft === undefined ? {} : { hasDraft: true }),
    };
  }
  if ('dModel' in data) return { kind: 'architecture', shape: parse(architecture) };
  try {
    return { kind: 'hugging-face', shape: modelFromHuggingFace(data) };
  } catch (error) {
    if (error instanceof HardwareError) return fail(error.message);
    throw error;
  }
}
