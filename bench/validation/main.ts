// Prints what the cost model is worth: measured rows, the article's claims, HW-GPT-Bench. The tables of
// docs/hardware-model.md come from here.
import { articleCases } from '../hardware/article.ts';
import { HWGPT_DEVICES, hwgptFit } from '../hardware/hwgpt-rows.ts';
import {
  meetsTargets,
  type ValidationResult,
  validate,
  validationSets,
} from '../hardware/validation-sets.ts';

const percent = (ratio: number): string => `${(ratio * 100).toFixed(1)} %`;

function targetOf(result: ValidationResult): string {
  return [
    ...(result.targetMean === undefined ? [] : [`mean ${percent(result.targetMean)}`]),
    ...(result.targetMedian === undefined ? [] : [`median ${percent(result.targetMedian)}`]),
    ...(result.targetRank === undefined ? [] : [`rank ${result.targetRank}`]),
  ].join(', ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function measuredTable(): string {
  const rows = validationSets().map((set) => {
    const result = validate(set);
    return [
      result.name,
      String(result.rows.length),
      result.seen,
      percent(result.mean),
      percent(result.median),
      percent(result.worst),
      result.rank.toFixed(3),
      percent(result.idealMean),
      targetOf(result),
      meetsTargets(result) ? 'met' : 'missed',
    ];
  });
  const head = [
    'rows',
    'n',
    'known to the fit',
    'mean',
    'median',
    'worst',
    'rank',
    'ideal roofline',
    'target',
    '',
  ];
  return table(head, rows);
}

function hwgptTable(): string {
  const rows = HWGPT_DEVICES.map((device) => {
    const fit = hwgptFit(device);
    return [
      device,
      String(fit.nTrained),
      String(fit.nTested),
      percent(fit.meanErrorBefore),
      percent(fit.meanError),
      Object.entries(fit.rankByWidth)
        .map(([width, rank]) => `${width}: ${rank.toFixed(3)}`)
        .join(', '),
    ];
  });
  return table(['device', 'fitted', 'tested', 'as shipped', 'calibrated', 'rank correlation by width'], rows);
}

function articleTable(): string {
  const rows = articleCases().map((it) => [
    it.claim,
    it.claimed[0] === it.claimed[1] ? String(it.claimed[0]) : it.claimed.join(' to '),
    it.found.toFixed(2),
    it.naiveProduct === undefined ? '' : it.naiveProduct.toFixed(1),
    it.given,
    it.isReached ? 'yes' : 'no',
    it.why,
  ]);
  return table(['claim', 'claimed', 'found', 'naive product', 'assumption', 'reached', 'why'], rows);
}

console.log(`Measured rows\n\n${measuredTable()}\n`);
console.log(`HW-GPT-Bench, small space, one forward pass of 8 x 1,024 tokens\n\n${hwgptTable()}\n`);
console.log(`The article's claims\n\n${articleTable()}`);
