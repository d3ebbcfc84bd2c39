// The page's own functions, out of the script that a report carries, for tests that need no browser.
import { runInThisContext } from 'node:vm';
import { pageAssets } from '../../../runs/report/assets.ts';

interface PageFunctions {
  readonly formatUnit: (unit: string, value: number) => string;
  readonly formatNumber: (value: number) => string;
  readonly formatDuration: (seconds: number) => string;
  readonly formatShare: (share: number) => string;
  readonly axisUnit: (unit: string, values: readonly number[]) => { factor: number; suffix: string };
  readonly pickByWeights: (
    members: readonly { readonly normalised: readonly number[] }[],
    weights: readonly number[],
  ) => number;
}

/** The definitions alone: the last module, which starts the page, is cut off. */
export function pageFunctions(): PageFunctions {
  const { script } = pageAssets();
  const body = script.slice(
    script.indexOf('(() => {') + '(() => {'.length,
    script.indexOf('// Starts the page'),
  );
  const names = ['formatUnit', 'formatNumber', 'formatDuration', 'formatShare', 'axisUnit', 'pickByWeights'];
  return runInThisContext(`(() => {${body}\nreturn { ${names.join(', ')} };})()`) as PageFunctions;
}
