// A line chart as SVG: means with their intervals.
import type { Curve } from './small-budget.ts';

const [WIDTH, HEIGHT, LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT] = [640, 360, 50, 20, 440, 290];
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const LOW = 40;

const xOf = (evaluation: number, n: number) => LEFT + (PLOT_WIDTH * evaluation) / n;
const yOf = (share: number) =>
  TOP + (PLOT_HEIGHT * (100 - Math.min(100, Math.max(LOW, share)))) / (100 - LOW);

function curveMarks(curve: Curve, k: number): string {
  const n = curve.mean.length;
  const colour = COLOURS[k % COLOURS.length];
  const line = curve.mean.map((share, at) => `${xOf(at + 1, n).toFixed(1)},${yOf(share).toFixed(1)}`);
  const edge = (sign: number) =>
    curve.mean.map(
      (share, at) => `${xOf(at + 1, n).toFixed(1)},${yOf(share + sign * curve.halfWidth[at]!).toFixed(1)}`,
    );
  const y = TOP + 14 + 18 * k;
  return [
    `<polygon points="${[...edge(1), ...edge(-1).reverse()].join(' ')}" fill="${colour}" fill-opacity="0.15"/>`,
    `<polyline points="${line.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
    `<text x="${LEFT + PLOT_WIDTH + 10}" y="${y}" fill="${colour}">${curve.label}</text>`,
  ].join('\n');
}

/** Share of the best hypervolume over evaluations. */
export function chartOf(title: string, curves: readonly Curve[]): string {
  const n = curves[0]!.mean.length;
  const rules = [40, 60, 80, 100].map(
    (share) =>
      `<line x1="${LEFT}" x2="${LEFT + PLOT_WIDTH}" y1="${yOf(share)}" y2="${yOf(share)}" stroke="#ddd"/>` +
      `<text x="${LEFT - 8}" y="${yOf(share) + 4}" text-anchor="end">${share}</text>`,
  );
  const ticks = [0, n / 4, n / 2, (3 * n) / 4, n].map(
    (tick) => `<text x="${xOf(tick, n)}" y="${TOP + PLOT_HEIGHT + 18}" text-anchor="middle">${tick}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${LEFT}" y="14" font-weight="bold">${title}</text>`,
    ...rules,
    ...ticks,
    ...curves.map(curveMarks),
    `<text x="${LEFT + PLOT_WIDTH / 2}" y="${HEIGHT - 8}" text-anchor="middle">evaluations</text>`,
    '</svg>',
    '',
  ].join('\n');
}
