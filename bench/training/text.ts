// How the benches of training write what they measured.
import { availableParallelism, cpus } from 'node:os';
import { SHAPES, type Shape } from './shapes.ts';

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

export const milliseconds = (seconds: number): string => `${(1000 * seconds).toFixed(1)} ms`;

export const machine = (): string =>
  `${cpus()[0]!.model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`;

export const tableRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export const tableHead = (headings: readonly string[]): string =>
  `${tableRow(headings)}\n|${'---|'.repeat(headings.length)}`;

/** The shapes of a list of their numbers. @throws Error */
export function shapesOf(text: string): { readonly index: number; readonly shape: Shape }[] {
  return text.split(',').map((part) => {
    const shape = SHAPES[Number(part)];
    if (shape === undefined || part.trim() === '') {
      throw new Error(`--shapes are numbers from 0 to ${SHAPES.length - 1}, not "${part}"`);
    }
    return { index: Number(part), shape };
  });
}
