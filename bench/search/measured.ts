// How well the surrogate ranks models that were really trained, from a few of them.
import { existsSync, readFileSync } from 'node:fs';
import { kendallTau } from '../../search/forecasts.ts';
import { fitSurrogate } from '../../search/surrogate.ts';
import { deriveRng } from '../../space/random.ts';

const DATA = new URL('../../../shared/data/', import.meta.url);

interface Row {
  readonly group: string;
  readonly features: readonly number[];
  /** ln perplexity. */
  readonly loss: number;
  readonly parameters: number;
}

function csv(path: string): Record<string, string>[] {
  const [head, ...lines] = readFileSync(new URL(path, DATA), 'utf8').trim().split('\n');
  const names = head!.trim().split(',');
  return lines.map((line) =>
    Object.fromEntries(
      line
        .trim()
        .split(',')
        .map((cell, k) => [names[k]!, cell]),
    ),
  );
}

const numbers = (text: string) => text.split('-').map(Number);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
/** Sums over four parts of the depth. */
const byDepth = (values: readonly number[]) =>
  [0, 1, 2, 3].map((part) => sum(values.filter((_, at) => Math.floor((4 * at) / values.length) === part)));

function hwgptRows(): Row[] {
  return csv('hwgpt/hwgpt_s_1500.csv').map((row) => {
    const [ratios, heads] = [numbers(row.mlp_ratios!), numbers(row.n_heads!)];
    const width = Number(row.embed_dim);
    const depth = Number(row.n_layer);
    return {
      group: row.embed_dim!,
      features: [
        Math.log(width),
        Math.log(depth),
        Number(row.bias),
        Math.log(Number(row.params)),
        Math.log(sum(ratios)),
        Math.log(sum(heads)),
        ...byDepth(ratios),
        ...byDepth(heads),
      ],
      loss: Math.log(Number(row.perplexity)),
      parameters: Number(row.params),
    };
  });
}

function ltsRows(): Row[] {
  return csv('lts/lts_pareto.csv').map((row) => {
    const [inner, heads] = [numbers(row.d_inner!), numbers(row.n_head!)];
    return {
      group: row.group!,
      features: [
        Math.log(Number(row.d_model)),
        Math.log(Number(row.n_layer)),
        Math.log(Number(row.params_nonemb)),
        Math.log(Number(row.params_attn)),
        Math.log(Number(row.params_ffn)),
        ...byDepth(inner).map((value) => Math.log(value + 1)),
        ...byDepth(heads),
      ],
      loss: Math.log(Number(row.valid_ppl)),
      parameters: Number(row.params_nonemb),
    };
  });
}

/** Mean over draws of Kendall's tau on the rows that were not fitted, of the surrogate and of the parameter count. */
function rankingOf(rows: readonly Row[], nFitted: number, nDraws: number) {
  const taus = Array.from({ length: nDraws }, (_, draw) => {
    const rng = deriveRng(draw, rows.length, 'measured');
    const order = rows.map((row) => ({ row, key: rng.uint32() })).sort((a, b) => a.key - b.key);
    const fitted = order.slice(0, nFitted).map(({ row }) => row);
    const held = order.slice(nFitted, nFitted + 300).map(({ row }) => row);
    const surrogate = fitSurrogate(
      fitted.map(({ features, loss }) => ({ features, rung: 0, value: loss })),
      1,
      3,
    )!;
    const losses = held.map((row) => row.loss);
    return {
      surrogate: kendallTau(
        held.map((row) => surrogate.mean(row.features, 0)),
        losses,
      ),
      parameters: kendallTau(
        held.map((row) => -row.parameters),
        losses,
      ),
    };
  });
  const mean = (of: 'surrogate' | 'parameters') => sum(taus.map((tau) => tau[of])) / nDraws;
  return { surrogate: mean('surrogate'), parameters: mean('parameters') };
}

/** Prints a table for each measured data set that is present. */
export function measuredTables(): void {
  if (!existsSync(new URL('lts/lts_pareto.csv', DATA))) {
    console.log('the measured tables are not here');
    return;
  }
  console.log('| table | group | models | fitted to | tau of the surrogate | tau of the parameter count |');
  console.log('|---|---|---|---|---|---|');
  for (const [table, rows, sizes] of [
    ['HW-GPT-S', hwgptRows(), [30, 100]],
    ['LTS', ltsRows(), [15]],
  ] as const) {
    for (const group of new Set(rows.map((row) => row.group))) {
      const members = rows.filter((row) => row.group === group);
      for (const nFitted of sizes) {
        const { surrogate, parameters } = rankingOf(members, nFitted, 10);
        const cells = [table, group, members.length, nFitted, surrogate.toFixed(3), parameters.toFixed(3)];
        console.log(`| ${cells.join(' | ')} |`);
      }
    }
  }
}
