// The results as Markdown.
import { readFileSync } from 'node:fs';
import { WEIGHT_FORMATS } from '../../space/number-formats.ts';
import type { Measurement } from './measurement.ts';

const signed = (x: number) => `${x < 0 ? '-' : '+'}${Math.abs(x).toFixed(4)}`;

const row = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

function header(cells: readonly string[]): void {
  console.log('');
  row(cells);
  console.log(`|${'---|'.repeat(cells.length)}`);
}

/** Prints every table that the results at `path` can fill. */
export function printTables(path: string): void {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const results = new Map(
    lines
      .map((line) => JSON.parse(line) as Measurement)
      .map((measurement) => [measurement.name, measurement]),
  );
  const whole = results.get('direct fp32')!;
  const change = ({ bitsPerByte }: Measurement) => signed(bitsPerByte - whole.bitsPerByte);
  const keeps = ({ bitsPerByte }: Measurement) => `${(100 * (whole.bitsPerByte / bitsPerByte)).toFixed(2)} %`;

  header(['format', 'bits a weight', 'expected', 'noise, dB', 'bits per byte', 'change', 'keeps']);
  for (const name of [...WEIGHT_FORMATS.map((format) => `direct ${format}`), 'direct codebook-3x1']) {
    const result = results.get(name);
    if (result === undefined) continue;
    const { blockBits, expectedBlockBits, blockWeights, meanDecibels, bitsPerByte } = result;
    row([
      `\`${name.slice('direct '.length)}\``,
      (blockBits / blockWeights).toFixed(3),
      name.endsWith('3x1') ? '' : (expectedBlockBits / blockWeights).toFixed(3),
      name.endsWith('3x1') ? '' : meanDecibels === null ? 'none' : meanDecibels.toFixed(1),
      bitsPerByte.toFixed(4),
      change(result),
      keeps(result),
    ]);
  }

  header(['method', '0.5', '0.6', '0.7', '0.8', '0.9']);
  const methods = ['magnitude', 'magnitude by output', 'wanda', 'sparsegpt', 'owl+wanda', 'owl+sparsegpt'];
  for (const method of methods) {
    const cells = [0.5, 0.6, 0.7, 0.8, 0.9].map((sparsity) => results.get(`prune ${method} ${sparsity}`));
    row([method, ...cells.map((cell) => cell?.bitsPerByte.toFixed(3) ?? '')]);
  }

  header(['sparsity', 'method', 'stored as', 'bits a weight', 'expected', 'dummies']);
  for (const sparsity of [0.5, 0.6, 0.7, 0.8, 0.9]) {
    for (const method of ['magnitude', 'magnitude by output', 'sparsegpt']) {
      const result = results.get(`prune ${method} ${sparsity}`);
      if (result === undefined) continue;
      const { storages, blockBits, expectedBlockBits, blockWeights, dummies } = result;
      row([
        String(sparsity),
        method,
        storages.map((text) => text.replaceAll(/[{}"]/g, '').replace('kind:', '')).join('; '),
        (blockBits / blockWeights).toFixed(3),
        (expectedBlockBits / blockWeights).toFixed(3),
        String(dummies),
      ]);
    }
  }

  header(['deployment', 'bits a weight', 'bits per byte', 'change', 'keeps', 'casting, share of time']);
  for (const [name, result] of results) {
    if (!/^(head|cache|part|joint|recover)/.test(name)) continue;
    row([
      name,
      (result.blockBits / result.blockWeights).toFixed(3),
      result.bitsPerByte.toFixed(4),
      change(result),
      keeps(result),
      result.castShare === undefined ? '' : `${(100 * result.castShare).toFixed(0)} %`,
    ]);
  }
}
