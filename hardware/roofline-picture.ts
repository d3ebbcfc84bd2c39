// A roofline as SVG: operations over arithmetic intensity, decode and prefill, under the device's roofs.
import { weightFormatsOf } from '../space/deployment.ts';
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

/** An operation with its circle's centre, and where its name stands. */
interface Label {
  readonly point: Point;
  readonly at: number;
  readonly down: number;
  readonly textAt: number;
  readonly textDown: number;
  readonly anchor: 'start' | 'end';
}

const LABEL_HEIGHT = 12;
const LABEL_WIDTH = 150;
/** Circles nearer than this share one column of names. */
const CLUSTER_REACH = 55;
const LABEL_GAP = 26;

interface Placed {
  readonly point: Point;
  readonly at: number;
  readonly down: number;
}

/** Circles that lie near each other, directly or through others. */
function clustersOf(placed: readonly Placed[]): Placed[][] {
  let clusters: Placed[][] = [];
  for (const circle of placed) {
    const isNear = (other: Placed) =>
      Math.abs(other.at - circle.at) < CLUSTER_REACH && Math.abs(other.down - circle.down) < CLUSTER_REACH;
    const near = clusters.filter((cluster) => cluster.some(isNear));
    clusters = [...clusters.filter((cluster) => !near.includes(cluster)), [...near.flat(), circle]];
  }
  return clusters;
}

/** Names in a column right of each cluster, or left and below it at the edge: the roofs are above and to the left. */
function placeLabels(placed: readonly Placed[]): Label[] {
  return clustersOf(placed).flatMap((cluster) => {
    const right = Math.max(...cluster.map(({ at }) => at)) + LABEL_GAP;
    const isRight = right + LABEL_WIDTH < WIDTH - RIGHT;
    const textAt = isRight ? right : Math.min(...cluster.map(({ at }) => at)) - 8;
    const heights = cluster.map(({ down }) => down);
    const top = isRight ? Math.min(...heights) : Math.max(...heights) + LABEL_HEIGHT;
    const lowest = HEIGHT - BOTTOM - 8 - LABEL_HEIGHT * (cluster.length - 1);
    return [...cluster]
      .sort((a, b) => a.down - b.down || b.at - a.at || (a.point.operation < b.point.operation ? -1 : 1))
      .map((circle, i) => ({
        ...circle,
        textAt,
        textDown: Math.max(TOP + 8, Math.min(top, lowest)) + LABEL_HEIGHT * i,
        anchor: isRight ? 'start' : 'end',
      }));
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

const line = (x1: number, y1: number, x2: number, y2: number, style: string) =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${style}/>`;
const text = (at: number, down: number, content: string, more = '') =>
  `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${more}>${escapeText(content)}</text>`;

/** A white rim keeps names readable over lines. */
const RIM = 'paint-order="stroke" stroke="#fff" stroke-width="3" stroke-linejoin="round"';

type Scale = (value: number) => number;

interface Axes {
  readonly x: Scale;
  readonly y: Scale;
  readonly lowX: number;
  readonly highX: number;
  readonly lowY: number;
  readonly highY: number;
}

function axesFor(points: readonly Point[], bandwidth: number, topFlops: number): Axes {
  const intensities = [...points.map((point) => point.intensity), topFlops / bandwidth];
  const lowX = 10 ** Math.floor(Math.log10(Math.min(...intensities) * 0.8));
  const highX = 10 ** Math.ceil(Math.log10(Math.max(...intensities) * 2));
  const rates = points.map((point) => point.flopsPerSecond);
  const lowY = 10 ** Math.floor(Math.log10(Math.min(lowX * bandwidth, ...rates)));
  const highY = 10 ** Math.ceil(Math.log10(topFlops * 1.5));
  return {
    x: logScale(lowX, highX, LEFT, WIDTH - RIGHT),
    y: logScale(lowY, highY, HEIGHT - BOTTOM, TOP),
    lowX,
    highX,
    lowY,
    highY,
  };
}

function gridParts({ x, y, lowX, highX, lowY, highY }: Axes): string[] {
  const grid = 'stroke="#ddd" stroke-width="1"';
  return [
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
  ];
}

function roofParts(accelerator: Accelerator, { x, y, lowX }: Axes): string[] {
  const bandwidth = accelerator.bandwidthBytesPerSecond;
  const ceilings = roofs(accelerator);
  const topFlops = Math.max(...ceilings.map((roof) => roof.flopsPerSecond));
  const roof = 'stroke="#333" stroke-width="1.5"';
  const [x0, y0] = [x(lowX), y(lowX * bandwidth)];
  const [x1, y1] = [x(topFlops / bandwidth), y(topFlops)];
  const angle = (Math.atan2(y1 - y0, x1 - x0) * 180) / Math.PI;
  const [atX, atY] = [x0 + 0.4 * (x1 - x0), y0 + 0.4 * (y1 - y0) - 7];
  return [
    ...ceilings.flatMap(({ name, flopsPerSecond }) => [
      line(
        x(Math.max(lowX, flopsPerSecond / bandwidth)),
        y(flopsPerSecond),
        WIDTH - RIGHT,
        y(flopsPerSecond),
        roof,
      ),
      text(
        WIDTH - RIGHT,
        y(flopsPerSecond) - 4,
        `${name}: ${Number((flopsPerSecond / 1e12).toPrecision(4))} TFLOPS`,
        `text-anchor="end" ${RIM}`,
      ),
    ]),
    line(x0, y0, x1, y1, roof),
    text(
      atX,
      atY,
      `${Number((bandwidth / 1e9).toPrecision(4))} GB/s`,
      `transform="rotate(${angle.toFixed(1)} ${atX.toFixed(1)} ${atY.toFixed(1)})" text-anchor="middle" ${RIM}`,
    ),
  ];
}

function labelParts({ point, at, down, textAt, textDown, anchor }: Label): string[] {
  const colour = PHASE_COLOURS[point.phase];
  const gap = anchor === 'start' ? -3 : 3;
  return [
    line(at, down, textAt + gap, textDown, `stroke="${colour}" stroke-width="0.7"`),
    text(
      textAt,
      textDown + 4,
      `${point.operation} ${(point.share * 100).toFixed(point.share < 0.1 ? 1 : 0)} %`,
      `fill="${colour}" text-anchor="${anchor}" ${RIM}`,
    ),
  ];
}

/** What the picture is of, in a line. */
function subtitleOf({ architecture, deployment, workload }: CostInput): string {
  const formats = weightFormatsOf(deployment.layers);
  const { batch, promptTokens, generatedTokens } = workload;
  return (
    `${architecture.layers.length} layers, weights ${formats.join(', ')}; batch ${batch}, ` +
    `${promptTokens} tokens in, ${generatedTokens} out; circle: share of the time of its phase`
  );
}

/**
 * The roofline of one device of `input.accelerator` with the model's operations on it: a circle's area is its share
 * of the time of its phase. A self-contained SVG document.
 */
export function rooflineSvg(input: CostInput): string {
  const { accelerator } = input;
  const points = pointsOf(input);
  const topFlops = Math.max(...roofs(accelerator).map((roof) => roof.flopsPerSecond));
  const axes = axesFor(points, accelerator.bandwidthBytesPerSecond, topFlops);
  const placed = points.map((point) => ({
    point,
    at: axes.x(point.intensity),
    down: axes.y(point.flopsPerSecond),
  }));
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(LEFT, 18, `Roofline of ${accelerator.title}, one device`, 'font-size="14"'),
    text(LEFT, 34, subtitleOf(input), 'fill="#555"'),
    ...gridParts(axes),
    ...roofParts(accelerator, axes),
    ...placed.map(({ point, at, down }) => circle(point, at, down)),
    ...placeLabels(placed).flatMap(labelParts),
    ...Object.entries(PHASE_COLOURS).map(([phase, colour], i) =>
      text(WIDTH - RIGHT - 110 + 60 * i, 18, phase, `fill="${colour}" font-size="13"`),
    ),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}
