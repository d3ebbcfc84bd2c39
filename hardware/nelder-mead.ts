// Nelder and Mead's simplex search with the adaptive coefficients of Gao and Han (2012): small dimensions, no
// derivatives, deterministic.

export interface SimplexSettings {
  readonly maxEvaluations: number;
  /** First step along each axis. */
  readonly step: number;
  /** Stop when the values of the simplex differ by less than this. */
  readonly tolerance: number;
}

export interface Minimum {
  readonly point: readonly number[];
  readonly value: number;
  readonly evaluations: number;
}

interface Vertex {
  point: number[];
  value: number;
}

/** A local minimum of `objective` near `start`. Non-finite values count as infinitely bad. */
export function minimise(
  objective: (point: readonly number[]) => number,
  start: readonly number[],
  settings: SimplexSettings,
): Minimum {
  const n = start.length;
  let evaluations = 0;
  const vertex = (point: number[]): Vertex => {
    evaluations += 1;
    const value = objective(point);
    return { point, value: Number.isNaN(value) ? Number.POSITIVE_INFINITY : value };
  };
  if (n === 0) return { point: [], value: vertex([]).value, evaluations };
  const expand = 1 + 2 / n;
  const contract = 0.75 - 1 / (2 * n);
  const shrink = 1 - 1 / n || 0.5;
  const simplex = [
    vertex([...start]),
    ...start.map((_, axis) => vertex(start.map((x, i) => (i === axis ? x + settings.step : x)))),
  ];
  const byValue = (a: Vertex, b: Vertex) => a.value - b.value;
  simplex.sort(byValue);
  while (evaluations < settings.maxEvaluations) {
    const best = simplex[0]!;
    const worst = simplex[n]!;
    if (worst.value - best.value < settings.tolerance) break;
    const centre = start.map((_, i) => {
      let total = 0;
      for (let j = 0; j < n; j += 1) total += simplex[j]!.point[i]!;
      return total / n;
    });
    const towards = (factor: number) => vertex(centre.map((x, i) => x + factor * (x - worst.point[i]!)));
    const reflected = towards(1);
    let replacement: Vertex | undefined = reflected;
    if (reflected.value < best.value) {
      const expanded = towards(expand);
      if (expanded.value < reflected.value) replacement = expanded;
    } else if (reflected.value >= simplex[n - 1]!.value) {
      const contracted = towards(reflected.value < worst.value ? contract : -contract);
      replacement = contracted.value < Math.min(reflected.value, worst.value) ? contracted : undefined;
    }
    if (replacement === undefined) {
      for (let j = 1; j <= n; j += 1) {
        const from = simplex[j]!.point;
        simplex[j] = vertex(best.point.map((x, i) => x + shrink * (from[i]! - x)));
      }
    } else {
      simplex[n] = replacement;
    }
    simplex.sort(byValue);
  }
  return { point: simplex[0]!.point, value: simplex[0]!.value, evaluations };
}
