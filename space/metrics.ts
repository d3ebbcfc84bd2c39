// The quantities a search may minimise, maximise or constrain: one table, one spelling, one unit each.

export type MetricUnit =
  | 'bitsPerByte'
  | 'seconds'
  | 'bytes'
  | 'count'
  | 'tokensPerSecond'
  | 'joules'
  | 'dollars'
  /** A bare number, for metrics that a program brings along. */
  | 'number';

export interface Metric {
  readonly unit: MetricUnit;
  /** The direction that is better. */
  readonly better: 'lower' | 'higher';
  /** True where only training tells the value; the others are exact and known before training. */
  readonly trained: boolean;
  readonly about: string;
}

export const METRICS = {
  loss: {
    unit: 'bitsPerByte',
    better: 'lower',
    trained: true,
    about: 'validation loss of the deployed model',
  },
  decodeLatency: { unit: 'seconds', better: 'lower', trained: false, about: 'one decode step' },
  prefillLatency: {
    unit: 'seconds',
    better: 'lower',
    trained: false,
    about: 'time to the first token, unloaded',
  },
  requestLatency: { unit: 'seconds', better: 'lower', trained: false, about: 'one whole request' },
  throughput: {
    unit: 'tokensPerSecond',
    better: 'higher',
    trained: false,
    about: 'generated tokens a second, whole batch',
  },
  memory: {
    unit: 'bytes',
    better: 'lower',
    trained: false,
    about: 'weights, KV cache and activations, all cards',
  },
  weightBytes: { unit: 'bytes', better: 'lower', trained: false, about: 'stored weights' },
  kvCacheBytes: {
    unit: 'bytes',
    better: 'lower',
    trained: false,
    about: "KV cache at the workload's context and batch",
  },
  parameters: { unit: 'count', better: 'lower', trained: false, about: 'parameters of the deployed model' },
  macs: { unit: 'count', better: 'lower', trained: false, about: 'multiply-accumulates of one decode step' },
  energy: { unit: 'joules', better: 'lower', trained: false, about: 'energy a generated token' },
  price: { unit: 'dollars', better: 'lower', trained: false, about: 'price of a million generated tokens' },
} as const satisfies Record<string, Metric>;

export type BuiltInMetric = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as BuiltInMetric[];

/** A built-in metric, or one that a run brings along. */
export type MetricName = BuiltInMetric | (string & Record<never, never>);

/** Every metric of a run by its name. */
export type MetricTable = Readonly<Record<string, Metric>>;

/** The metrics of a run: the built-in ones, then its own. */
export function metricTable(spec: { readonly metrics?: MetricTable }): MetricTable {
  return spec.metrics === undefined ? METRICS : { ...METRICS, ...spec.metrics };
}

/** What a name stands for. @throws RangeError where the table lacks it */
export function metricOf(metrics: MetricTable, name: MetricName): Metric {
  const metric = metrics[name];
  if (metric === undefined) throw new RangeError(`no metric is called "${name}"`);
  return metric;
}

/** Values by metric; one that is unknown (not trained yet, no price known) is absent, never NaN. */
export type MetricValues = Partial<Readonly<Record<MetricName, number>>>;
