// What a run's costs are computed for.
import type { Accelerator, CostEstimate } from '../../hardware/index.ts';
import type { Candidate } from '../../space/candidate.ts';
import type { Workload } from '../../space/deployment.ts';
import type { MetricUnit } from '../../space/metrics.ts';
import type { Scale } from '../../space/scale.ts';

/** A metric of a program's own, computed from a model and what it costs: an objective, or something to constrain. */
export interface OwnMetric {
  /** A word like `flopsPerByte`: what objectives, constraints and filters call it. */
  readonly name: string;
  /** The direction that is better. */
  readonly better: 'lower' | 'higher';
  /** How values are written; a bare number unless given. */
  readonly unit?: MetricUnit;
  /** What it is, in a few words, for the report. */
  readonly about?: string;
  /**
   * Its value for the model as it is deployed; `cost` is of the model alone, without its draft. It must be finite, and
   * always the same for the same model: it is computed before anything is trained, and again when a run is resumed.
   */
  readonly value: (model: Candidate, cost: CostEstimate) => number;
}

/** How a run's targets are sampled and its drafts prepared, as far as that lets acceptance be expected. */
export interface DraftSetting {
  readonly temperature: number;
  readonly isAligned: boolean;
}

/** One accelerator, one workload, and what else decides what a candidate costs. */
export interface CostSetting {
  readonly accelerator: Accelerator;
  readonly workload: Workload;
  readonly scale?: Scale | undefined;
  /** Metrics beside those of the cost model. */
  readonly own?: readonly OwnMetric[];
  /** Sampling at temperature 1 and drafts as they were trained, when absent. */
  readonly draft?: DraftSetting;
}
