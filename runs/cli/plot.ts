// A front as a picture of characters: two objectives, the knee and the ends by name.

export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  /** Shown beside the point where there is room; empty for none. */
  readonly label: string;
  readonly isKnee: boolean;
}

export interface PlotOptions {
  readonly xName: string;
  readonly yName: string;
  readonly formatX: (value: number) => string;
  readonly formatY: (value: number) => string;
  /** Columns of the whole picture. */
  readonly width: number;
  /** Lines that points may lie on. */
  readonly height: number;
}

const POINT = '●';
const KNEE = '◆';

/** Lines of a picture; small values lie left and low. Empty without points. */
export function plot(points: readonly PlotPoint[], options: PlotOptions): string {
  if (points.length === 0) return '';
  const { xName, yName, formatX, formatY, width, height } = options;
  const [left, right] = extent(points.map(({ x }) => x));
  const [low, high] = extent(points.map(({ y }) => y));
  const [highText, lowText] = [formatY(high), formatY(low)];
  const gutter = Math.max(highText.length, lowText.length);
  const columns = Math.max(16, width - gutter - 2);
  const canvas = Array.from({ length: height }, () => Array.from({ length: columns }, () => ' '));
  const placed = points.map((point) => ({
    ...point,
    column: position(point.x, left, right, columns),
    line: height - 1 - position(point.y, low, high, height),
  }));
  for (const { column, line, isKnee } of placed) {
    if (canvas[line]![column] !== KNEE) canvas[line]![column] = isKnee ? KNEE : POINT;
  }
  for (const { label, column, line } of placed) if (label !== '') write(canvas[line]!, column, label);
  const rows = canvas.map((cells, line) => {
    const text = line === 0 ? highText : line === height - 1 ? lowText : '';
    return `${text.padStart(gutter)} ${text === '' ? '│' : '┤'}${cells.join('')}`.trimEnd();
  });
  const leftText = formatX(left);
  const rightText = formatX(right);
  const room = columns - leftText.length - rightText.length;
  const middle = xName.length + 2 <= room ? centred(xName, room) : ' '.repeat(Math.max(0, room));
  // Two ends that would run together say less than one.
  const ends = room > 0 ? `${leftText}${middle}${rightText}` : leftText;
  const indent = ' '.repeat(gutter + 2);
  return [
    `${' '.repeat(gutter + 1)}${yName}`,
    ...rows,
    `${' '.repeat(gutter + 1)}└${'─'.repeat(columns)}`,
    `${indent}${ends}`,
  ].join('\n');
}

function extent(values: readonly number[]): [number, number] {
  return [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
}

function position(value: number, low: number, high: number, n: number): number {
  return high === low ? Math.floor(n / 2) : Math.round(((value - low) / (high - low)) * (n - 1));
}

/** Writes a label to the right of a point, or to its left, where nothing is in the way. */
function write(cells: string[], column: number, label: string): void {
  const text = Array.from(label);
  for (const from of [column + 2, column - 1 - text.length]) {
    const isFree = from >= 0 && from + text.length <= cells.length;
    // One blank stays on either side.
    const around = cells.slice(
      Math.max(0, from - (from > column ? 0 : 1)),
      from + text.length + (from > column ? 1 : 0),
    );
    if (!isFree || around.some((cell) => cell !== ' ')) continue;
    for (const [at, character] of text.entries()) cells[from + at] = character;
    return;
  }
}

function centred(text: string, width: number): string {
  const before = Math.floor((width - text.length) / 2);
  return `${' '.repeat(before)}${text}${' '.repeat(width - text.length - before)}`;
}
