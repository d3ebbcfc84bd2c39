// What is asked of an export.
import type { ExportDtype } from './model-folder.ts';
import type { WeightsOptions } from './source.ts';

/** What may be left out of a folder. */
export const EXPORT_FORMATS = ['hf', 'onnx', 'compressed'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportRequest extends WeightsOptions {
  readonly out: string;
  /** Replaces an earlier export. */
  readonly force: boolean;
  readonly formats: readonly ExportFormat[];
  /** Adds a plain Llama model where layers are unlike. */
  readonly uniform: boolean;
  readonly dtype: ExportDtype;
  /** Weights before pruning and casting. */
  readonly asTrained: boolean;
}
