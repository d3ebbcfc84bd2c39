// A search described in code: the keys of the YAML file as an object, with metrics of one's own among the objectives.
import { dirname, resolve } from 'node:path';
import type { SpaceDefinition } from '../../space/definition.ts';
import { didYouMean } from '../../space/did-you-mean.ts';
import { specFromObject } from '../../space/load-spec.ts';
import { type BuiltInMetric, METRIC_NAMES, type Metric } from '../../space/metrics.ts';
import type { RunSpec } from '../../space/spec.ts';
import { SpecError, type SpecIssue } from '../../space/spec-error.ts';
import { SHAPE_NAMES } from '../candidates/front-query.ts';
import type { OwnMetric } from '../plan/cost-setting.ts';
import { readSpec, referenceChecks } from '../plan/plan.ts';

/** A search that is complete and valid: what `run` takes. */
export interface Space {
  readonly spec: RunSpec;
  /** What relative paths of the spec start from. */
  readonly folder: string;
  /** Metrics of one's own, with their functions. */
  readonly metrics: readonly OwnMetric[];
}

/** The keys of the YAML file. An objective may also be a metric of one's own. */
export interface Definition extends Omit<SpaceDefinition, 'specVersion' | 'objectives'> {
  readonly specVersion?: 1;
  /** 1 to 5 metrics; each is made as low (or as high) as can be. By default `['loss', 'decodeLatency']`. */
  readonly objectives?: readonly (BuiltInMetric | OwnMetric)[];
}

/** Types a metric of one's own, as `defineSpace` takes it. */
export function defineMetric(metric: OwnMetric): OwnMetric {
  return metric;
}

export interface DefinitionSettings {
  /** What relative paths of corpus and accelerator start from; by default the working directory. */
  readonly folder?: string;
  /** Metrics that constraints and filters may name, beside those among the objectives. */
  readonly metrics?: readonly OwnMetric[];
}

/**
 * Checks a definition and fills in every default, as the file would be read.
 * @throws {@link SpecError} with every mistake, one a line: `space.layers.nKvHead: unknown key (did you mean ...?)`
 */
export function defineSpace(definition: Definition, settings: DefinitionSettings = {}): Space {
  const folder = resolve(settings.folder ?? '.');
  const { objectives, ...keys } = definition;
  const metrics = distinct([...objectivesOf(objectives), ...(settings.metrics ?? [])]);
  refuseBadMetrics(metrics);
  const data = {
    specVersion: 1,
    ...keys,
    ...(objectives === undefined ? {} : { objectives: objectives.map(nameOf) }),
  };
  const spec = specFromObject(data, {
    defaultName: 'search',
    checks: referenceChecks(folder),
    ...(metrics.length === 0 ? {} : { metrics: Object.fromEntries(metrics.map(describe)) }),
  });
  return { spec, folder, metrics };
}

/** Reads a YAML file; paths in it are relative to its folder. @throws {@link SpecError} with lines and columns */
export function readSpace(file: string): Space {
  const folder = dirname(resolve(file));
  return { spec: readSpec(file, folder), folder, metrics: [] };
}

function objectivesOf(objectives: Definition['objectives'] = []): OwnMetric[] {
  return objectives.filter((objective) => typeof objective === 'object' && objective !== null);
}

function nameOf(objective: BuiltInMetric | OwnMetric): unknown {
  return typeof objective === 'object' && objective !== null ? objective.name : objective;
}

const distinct = <T>(list: readonly T[]): T[] => [...new Set(list)];

function describe({ name, unit = 'number', better, about = '' }: OwnMetric): [string, Metric] {
  return [name, { unit, better, trained: false, about }];
}

/** Words that mean something else in a condition. */
const TAKEN: readonly string[] = [...METRIC_NAMES, ...SHAPE_NAMES, 'best', 'baseline', 'and', 'or', 'not'];

/** @throws {@link SpecError} */
function refuseBadMetrics(metrics: readonly OwnMetric[]): void {
  const names = metrics.map(({ name }) => name);
  const issues = metrics.flatMap((metric, at): SpecIssue[] => {
    const { name, better, value } = metric;
    const path = `metrics.${String(name)}`;
    if (typeof name !== 'string' || !/^[A-Za-z]\w{0,63}$/.test(name)) {
      return [{ path, message: 'a name is a letter, then letters, digits and underscores: bytesPerFlop' }];
    }
    if (TAKEN.includes(name))
      return [{ path, message: `"${name}" has a meaning already: take another name` }];
    if (names.indexOf(name) !== at) return [{ path, message: `two metrics are called "${name}"` }];
    if (better !== 'lower' && better !== 'higher') {
      const hint = didYouMean(String(better), ['lower', 'higher']);
      return [
        { path: `${path}.better`, message: `expected lower or higher, found "${String(better)}"${hint}` },
      ];
    }
    if (typeof value !== 'function') {
      return [{ path: `${path}.value`, message: 'expected a function of a model and its cost estimate' }];
    }
    return [];
  });
  if (issues.length > 0) throw new SpecError(issues);
}
