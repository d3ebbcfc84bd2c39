// Numbers with units and plain tables, for people. Everything stored or exported stays in base units.
import { type MetricName, type MetricTable, type MetricUnit, metricOf } from '../space/metrics.ts';

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const DECIMAL_UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

/** Three significant digits, without an exponent where that stays short: `0.0123`, `1.23`, `123`, `12345`. */
export function formatNumber(value: number, digits = 3): string {
  if (value === 0) return '0';
  const magnitude = Math.abs(value);
  if (magnitude < 1e-4 || magnitude >= 1e9) return value.toExponential(digits - 1);
  if (magnitude >= 10 ** digits) return Math.round(value).toString();
  return Number(value.toPrecision(digits)).toString();
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let magnitude = Math.abs(value);
  let at = 0;
  // 999.5 would be rounded to 1000 of the smaller unit.
  while (magnitude >= (base === 1000 ? 999.5 : 1023.5) && at < units.length - 1) {
    magnitude /= base;
    at++;
  }
  const number = at === 0 ? formatNumber(magnitude) : magnitude.toPrecision(magnitude >= 1000 ? 4 : 3);
  return `${value < 0 ? '-' : ''}${number} ${units[at]}`.trimEnd();
}

/** `512 B`, `1.50 GiB`; multiples of 1024. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, BINARY_UNITS);
}

/** `950`, `6.74 G`; multiples of 1000. */
export function formatCount(count: number): string {
  return scaled(count, 1000, DECIMAL_UNITS);
}

/** `12.3 µs`, `4.56 ms`, `7.89 s`. */
export function formatSeconds(seconds: number): string {
  const magnitude = Math.abs(seconds);
  if (magnitude === 0) return '0 s';
  if (magnitude < 1e-6) return `${(seconds * 1e9).toPrecision(3)} ns`;
  if (magnitude < 1e-3) return `${(seconds * 1e6).toPrecision(3)} µs`;
  if (magnitude < 1) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return magnitude < 1000 ? `${seconds.toPrecision(3)} s` : `${Math.round(seconds)} s`;
}

/** `1 layer`, `3 layers`. */
export function plural(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** Waiting time for people: `45 s`, `3 min 20 s`, `2 h 05 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `12.3 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  return `${percent === 0 || percent >= 10 ? percent.toFixed(percent === 0 ? 0 : 1) : formatNumber(percent)} %`;
}

/** `+1.2 %`, `-0.03 %`, `x0.49` beyond a factor of two; `-` where nothing can be said. */
export function formatChange(from: number | undefined, to: number | undefined): string {
  if (from === undefined || to === undefined || from === 0) return '-';
  const ratio = to / from;
  if (ratio >= 2 || ratio <= 0.5) return `x${formatNumber(ratio)}`;
  const percent = 100 * (ratio - 1);
  if (percent === 0) return 'same';
  const digits = Math.abs(percent) >= 0.1 ? percent.toFixed(1) : String(Number(percent.toPrecision(1)));
  return `${percent > 0 ? '+' : ''}${digits} %`;
}

/** A value in the unit of its metric. */
function formatUnit(unit: MetricUnit, value: number): string {
  switch (unit) {
    case 'bitsPerByte':
      return value.toFixed(4);
    case 'seconds':
      return formatSeconds(value);
    case 'bytes':
      return formatBytes(value);
    case 'count':
      return formatCount(value);
    case 'tokensPerSecond':
      return `${formatNumber(value)} tok/s`;
    case 'joules':
      return `${formatNumber(value)} J`;
    case 'dollars':
      return `$${formatNumber(value)}`;
    case 'number':
      return formatNumber(value);
  }
}

/** A metric's value with its unit; `-` where it is unknown. */
export function formatMetric(metrics: MetricTable, name: MetricName, value: number | undefined): string {
  return value === undefined ? '-' : formatUnit(metricOf(metrics, name).unit, value);
}

/** Column heads carry the unit only where the cells do not. */
export function metricHeading(metrics: MetricTable, name: MetricName): string {
  return metricOf(metrics, name).unit === 'bitsPerByte' ? `${name} (bits/byte)` : name;
}

/** `4,2,1,2` or `8 x4` when all are equal. */
export function formatLayers(values: readonly (number | string)[]): string {
  const isUniform = values.length > 1 && values.every((value) => value === values[0]);
  return isUniform ? `${values[0]} x${values.length}` : values.join(',');
}

export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
  /** Cells may be cut where the table is wider than there is room. */
  readonly canShrink?: boolean;
}

const GAP = 2;
/** What is left of a column that was cut. */
const NARROWEST = 8;

/**
 * Lines of a table: columns two blanks apart, numbers to the right, no trailing blanks. Where it is wider than `room`
 * characters, the widest of the columns that can shrink are cut until it fits, or none can give more.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room = Number.POSITIVE_INFINITY,
): string {
  const widths = columns.map((column, at) => widthOf(column, at, rows));
  shrink(columns, widths, room - GAP * (columns.length - 1));
  const cut = (text: string, width: number) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => {
        const text = cut(cell, widths[at]!);
        return columns[at]!.align === 'left' ? text.padEnd(widths[at]!) : text.padStart(widths[at]!);
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  return [line(columns.map(({ heading }) => heading)), ...rows.map(line)].join('\n');
}

function widthOf({ heading }: Column, at: number, rows: readonly (readonly string[])[]): number {
  return rows.reduce((widest, row) => Math.max(widest, (row[at] ?? '').length), heading.length);
}

/** What a column that can shrink may be cut to. */
const floorOf = ({ heading }: Column) => Math.max(NARROWEST, heading.length);

/**
 * Positions of the columns that fit into `room` characters, cut as far as they can be: those named in `spare` are left
 * out one after the other until the others fit.
 */
export function fittingColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room: number,
  spare: readonly string[],
): number[] {
  const least = columns.map((column, at) => {
    const width = widthOf(column, at, rows);
    return column.canShrink === true ? Math.min(width, floorOf(column)) : width;
  });
  let kept = [...columns.keys()];
  const width = () => kept.reduce((sum, at) => sum + least[at]! + GAP, -GAP);
  for (const heading of spare) {
    if (width() <= room) break;
    kept = kept.filter((at) => columns[at]!.heading !== heading);
  }
  return kept;
}

/** Takes from the widest columns that can shrink, one character at a time, until all fit into `room`. */
function shrink(columns: readonly Column[], widths: number[], room: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    let widest = -1;
    for (const [at, column] of columns.entries()) {
      if (column.canShrink !== true || widths[at]! <= floorOf(column)) continue;
      if (widest < 0 || widths[at]! > widths[widest]!) widest = at;
    }
    if (widest < 0) return;
    widths[widest]!--;
    excess--;
  }
}

/** CSV with a heading line, RFC 4180 quoting. */
export function formatCsv(
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cell = (value: string | number) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [headings, ...rows].map((row) => row.map(cell).join(',')).join('\n');
}
