// A roofline as SVG: operations over arithmetic intensity, decode and prefill, under the device's roofs.
import type { Accelerator } from './accelerator.ts';
import { estimateCost } from './cost.ts';
import type { CostInput } from './cost-input.ts';

interface Point {
  readonly operation: string;
  readonly phase: 'decode' | 'prefill';
  /** FLOPs a byte moved. */
  readonly intensity: number;
  readonly flopsPerSecond: number;
  readonly share: number;
}

const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 76;
const RIGHT = 24;
const TOP = 44;
const BOTTOM = 52;
const PHASE_COLOURS = { decode: '#1f6fb2', prefill: '#c2571a' } as const;

function pointsOf(input: CostInput): Point[] {
  const { breakdown } = estimateCost(input);
  const nDevices = input.deployment.nCards * input.accelerator.devicesPerCard;
  const groups = new Map<
    string,
    { operation: string; phase: Point['phase']; flops: number; bytes: number; seconds: number }
  >();
  for (const row of breakdown) {
    for (const phase of ['decode', 'prefill'] as const) {
      const macs = phase === 'decode' ? row.decodeMacs : row.prefillMacs;
      const bytes = phase === 'decode' ? row.decodeBytes : row.prefillBytes;
      const seconds = phase === 'decode' ? row.decodeSeconds : row.prefillSeconds;
      if (macs === 0 || bytes === 0) continue;
      const key = `${phase} ${row.operation}`;
      const group = groups.get(key) ?? { operation: row.operation, phase, flops: 0, bytes: 0, seconds: 0 };
      group.flops += (2 * macs) / nDevices;
      group.bytes += bytes;
      group.seconds += seconds;
      groups.set(key, group);
    }
  }
  const totals = { decode: 0, prefill: 0 };
  for (const { phase, seconds } of groups.values()) totals[phase] += seconds;
  return [...groups.values()].map(({ operation, phase, flops, bytes, seconds }) => ({
    operation,
    phase,
    intensity: flops / bytes,
    flopsPerSecond: flops / seconds,
    share: seconds / totals[phase],
  }));
}

function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

interface Label {
  readonly point: Point;
  readonly at: number;
  /** Height of the circle, and of the text that names it. */
  readonly y: number;
  readonly textY: number;
}

const LABEL_HEIGHT = 12;

/** Names beside the circles, moved apart downwards where they would overlap. */
function placeLabels(
  points: readonly Point[],
  x: (value: number) => number,
  y: (value: number) => number,
): Label[] {
  let lowest = Number.NEGATIVE_INFINITY;
  return [...points]
    .sort((a, b) => b.flopsPerSecond - a.flopsPerSecond || (a.operation < b.operation ? -1 : 1))
    .map((point) => {
      const height = y(point.flopsPerSecond);
      lowest = Math.max(height, lowest + LABEL_HEIGHT);
      return { point, at: x(point.intensity), y: height, textY: lowest };
    });
}

/** A position along a logarithmic axis. */
function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  const span = Math.log(high / low);
  return (value) => from + ((to - from) * Math.log(value / low)) / span;
}

function decades(low: number, high: number): number[] {
  const all: number[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); 10 ** power <= high * 1.0001; power += 1)
    all.push(10 ** power);
  return all;
}

function roofs(accelerator: Accelerator): { name: string; flopsPerSecond: number }[] {
  const byPeak = new Map<number, string[]>();
  for (const [name, flops] of Object.entries(accelerator.peakFlopsPerSecond)) {
    byPeak.set(flops, [...(byPeak.get(flops) ?? []), name]);
  }
  return [...byPeak].map(([flopsPerSecond, names]) => ({ name: names.join(', '), flopsPerSecond }));
}

function circle({ phase, operation, share }: Point, at: number, down: number): string {
  const title = escapeText(`${phase} ${operation}: ${(share * 100).toFixed(1)} % of the time`);
  const radius = (3 + 12 * Math.sqrt(share)).toFixed(1);
  const place = `cx="${at.toFixed(1)}" cy="${down.toFixed(1)}" r="${radius}"`;
  return `<circle ${place} fill="${PHASE_COLOURS[phase]}" fill-opacity="0.6"><title>${title}</title></circle>`;
}

/**
 * The roofline of one device of `input.accelerator` with the model's operations on it: a circle's area is its share
 * of the time of its phase. A self-contained SVG document.
 */
export function rooflineSvg(input: CostInput): string {
  const { accelerator } = input;
  const points = pointsOf(input);
  const bandwidth = accelerator.bandwidthBytesPerSecond;
  const ceilings = roofs(accelerator);
  const topFlops = Math.max(...ceilings.map((roof) => roof.flopsPerSecond));
  const intensities = [...points.map((point) => point.intensity), topFlops / bandwidth];
  const lowX = 10 ** Math.floor(Math.log10(Math.min(...intensities) * 0.8));
  const highX = 10 ** Math.ceil(Math.log10(Math.max(...intensities) * 2));
  const lowY =
    10 ** Math.floor(Math.log10(Math.min(lowX * bandwidth, ...points.map((p) => p.flopsPerSecond))));
  const highY = 10 ** Math.ceil(Math.log10(topFlops * 1.5));
  const x = logScale(lowX, highX, LEFT, WIDTH - RIGHT);
  const y = logScale(lowY, highY, HEIGHT - BOTTOM, TOP);
  const line = (x1: number, y1: number, x2: number, y2: number, style: string) =>
    `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`;
  const text = (at: number, down: number, content: string, more = '') =>
    `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${escapeText(content)}</text>`;
  const grid = 'stroke="#ddd" stroke-width="1"';
  const roof = 'stroke="#333" stroke-width="1.5"';
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 20, `Roofline of ${accelerator.title}, one device`, 'font-size="14"'),
    ...decades(lowX, highX).flatMap((value) => [
      line(x(value), TOP, x(value), HEIGHT - BOTTOM, grid),
      text(x(value), HEIGHT - BOTTOM + 16, String(Number(value.toPrecision(1))), 'text-anchor="middle"'),
    ]),
    ...decades(lowY, highY).flatMap((value) => [
      line(LEFT, y(value), WIDTH - RIGHT, y(value), grid),
      text(LEFT - 6, y(value) + 4, `${Number((value / 1e12).toPrecision(1))}`, 'text-anchor="end"'),
    ]),
    text((LEFT + WIDTH) / 2, HEIGHT - 12, 'arithmetic intensity, FLOPs a byte', 'text-anchor="middle"'),
    text(14, HEIGHT / 2, 'TFLOPS', `transform="rotate(-90 14 ${HEIGHT / 2})" text-anchor="middle"`),
    ...ceilings.flatMap(({ name, flopsPerSecond }) => [
      line(
        x(Math.max(lowX, flopsPerSecond / bandwidth)),
        y(flopsPerSecond),
        WIDTH - RIGHT,
        y(flopsPerSecond),
        roof,
      ),
      text(WIDTH - RIGHT, y(flopsPerSecond) - 4, name, 'text-anchor="end"'),
    ]),
    line(x(lowX), y(lowX * bandwidth), x(topFlops / bandwidth), y(topFlops), roof),
    ...points.map((point) => circle(point, x(point.intensity), y(point.flopsPerSecond))),
    ...(['decode', 'prefill'] as const).flatMap((phase) => {
      const side = phase === 'decode' ? 1 : -1;
      const style = `fill="${PHASE_COLOURS[phase]}" text-anchor="${side > 0 ? 'start' : 'end'}"`;
      const ofPhase = points.filter((point) => point.phase === phase);
      return placeLabels(ofPhase, x, y).flatMap((label) => [
        line(label.at, label.y, label.at + side * 30, label.textY, `stroke="${PHASE_COLOURS[phase]}"`),
        text(label.at + side * 33, label.textY + 4, label.point.operation, style),
      ]);
    }),
    ...Object.entries(PHASE_COLOURS).map(([phase, colour], i) =>
      text(WIDTH - RIGHT - 130 + 70 * i, 20, phase, `fill="${colour}" font-size="13"`),
    ),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}
