// The front of the closed-form GPT-S space by dynamic programming over its layers.
import { type LayerOption, layerwiseFront } from '../../../search/layerwise.ts';
import type { Genes } from './genes.ts';
import { canonicalHwgpt, N_LAYERS_MAX, replay } from './hwgpt.ts';

const TARGETS = ['perplexity', 'lat_ms_a100', 'mem_mb_bf16_a100'] as const;

/** What a layer's choice of feed-forward ratio and heads adds; the ratios' sum is the state, as terms depend on it. */
function optionsOf(width: number, layer: number): LayerOption[] {
  const options: LayerOption[] = [];
  for (let ratio = 0; ratio < 3; ratio++) {
    for (let heads = 0; heads < 3; heads++) {
      const centred = ratio - 1;
      const adds = TARGETS.map((target) => {
        const w = replay.weights[target]![width]!.slice(4 + 4 * layer, 8 + 4 * layer);
        return w[0]! * centred + w[1]! * centred ** 2 + (heads === 1 ? w[2]! : 0) + (heads === 2 ? w[3]! : 0);
      });
      options.push({ adds, state: ratio + 2 });
    }
  }
  return options;
}

/** Members whose objectives come within `gridWidth` times the number of layers of every member of the front. */
export function hwgptFront(gridWidth: number, widths: readonly number[] = [0, 1, 2]): { genes: Genes }[] {
  const found: { genes: Genes }[] = [];
  for (const width of widths) {
    for (let extra = 0; extra < 3; extra++) {
      const layers = Array.from({ length: 10 + extra }, (_, layer) => optionsOf(width, layer));
      const front = layerwiseFront({ layers, gridWidth: TARGETS.map(() => gridWidth) });
      for (const { choices } of front) {
        for (const bias of [0, 1]) {
          const padded = Array.from({ length: N_LAYERS_MAX }, (_, layer) => choices[layer] ?? 0);
          const ratios = padded.map((choice) => Math.floor(choice / 3));
          const heads = padded.map((choice) => choice % 3);
          found.push({ genes: canonicalHwgpt([width, extra, bias, ...ratios, ...heads]) });
        }
      }
    }
  }
  return found;
}
