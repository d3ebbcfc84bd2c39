// Where the time of a model goes, summed up for people.
import type { BreakdownRow } from '../../hardware/index.ts';
import { formatBytes, formatCount, formatSeconds, formatShare, formatTable } from '../format.ts';

/** A part of a model with its share of the costs. */
export interface CostPart {
  readonly name: string;
  readonly decodeSeconds: number;
  readonly prefillSeconds: number;
  readonly decodeMacs: number;
  readonly decodeBytes: number;
  readonly weightBytes: number;
}

/** One part for each value of `nameOf`, in the order in which they come. */
export function sumParts(rows: readonly BreakdownRow[], nameOf: (row: BreakdownRow) => string): CostPart[] {
  const parts = new Map<string, CostPart>();
  for (const row of rows) {
    const name = nameOf(row);
    const sum = parts.get(name);
    parts.set(name, {
      name,
      decodeSeconds: (sum?.decodeSeconds ?? 0) + row.decodeSeconds,
      prefillSeconds: (sum?.prefillSeconds ?? 0) + row.prefillSeconds,
      decodeMacs: (sum?.decodeMacs ?? 0) + row.decodeMacs,
      decodeBytes: (sum?.decodeBytes ?? 0) + row.decodeBytes,
      weightBytes: (sum?.weightBytes ?? 0) + row.weightBytes,
    });
  }
  return [...parts.values()];
}

/** Times, traffic and arithmetic of each part that costs anything; `heading` names the first column. */
export function breakdownTable(parts: readonly CostPart[], heading: string): string {
  const total = parts.reduce((sum, { decodeSeconds }) => sum + decodeSeconds, 0);
  const columns = [
    { heading, align: 'left' as const },
    ...['decode', 'share', 'prefill', 'MACs', 'moved', 'stored'].map((name) => ({ heading: name })),
  ];
  const isCost = ({ decodeSeconds, prefillSeconds, weightBytes }: CostPart) =>
    decodeSeconds + prefillSeconds + weightBytes > 0;
  const rows = parts
    .filter(isCost)
    .map((part) => [
      part.name,
      formatSeconds(part.decodeSeconds),
      formatShare(total === 0 ? 0 : part.decodeSeconds / total),
      formatSeconds(part.prefillSeconds),
      formatCount(part.decodeMacs),
      formatBytes(part.decodeBytes),
      formatBytes(part.weightBytes),
    ]);
  return formatTable(columns, rows);
}
