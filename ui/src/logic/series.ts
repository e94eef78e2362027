// Lines of charts: smoothing, x axes, scales, and joining series to one table. No DOM.
import { doubles, integers } from "./columns.ts";

export interface Series {
  run: string;
  key: string;
  steps: Float64Array;
  times: Float64Array;
  values: Float64Array;
  total: number;
  thinned: boolean;
  nans: number;
  nanStep: number | null;
}

export const decodeSeries = (each: any): Series => ({
  run: each.run_id,
  key: each.key,
  steps: integers(each.steps),
  times: integers(each.timestamps),
  values: doubles(each.values),
  total: each.count,
  thinned: each.thinned,
  nans: each.nans,
  nanStep: each.nan_step ?? null,
});

/** `series` with the points of `more` behind it. */
export function append(series: Series, more: Series): Series {
  const join = (a: Float64Array, b: Float64Array) => {
    const found = new Float64Array(a.length + b.length);
    found.set(a);
    found.set(b, a.length);
    return found;
  };
  return {
    ...series,
    steps: join(series.steps, more.steps),
    times: join(series.times, more.times),
    values: join(series.values, more.values),
    total: more.total,
    thinned: series.thinned || more.thinned,
    nans: series.nans + more.nans,
    nanStep: series.nanStep ?? more.nanStep,
  };
}

/** Exponential moving average by the distance of points, without the bias of its beginning. */
export function smooth(xs: ArrayLike<number>, ys: ArrayLike<number>, weight: number): Float64Array {
  const found = new Float64Array(ys.length);
  if (!(weight > 0)) return Float64Array.from(ys);
  // The weight is per thousandth of the range, so that it means the same whatever the number of
  // points and wherever they lie.
  const range = xs[xs.length - 1] - xs[0] || 1;
  const rate = Math.log(weight);
  let [sum, norm, last] = [0, 0, xs[0]];
  for (let i = 0; i < ys.length; i++) {
    const y = ys[i];
    if (!Number.isFinite(y)) {
      found[i] = y;
      continue;
    }
    const keep = Math.exp(rate * Math.max(((xs[i] - last) / range) * 1000, 0.05));
    sum = keep * sum + (1 - keep) * y;
    norm = keep * norm + (1 - keep);
    found[i] = sum / norm;
    last = xs[i];
  }
  return found;
}

export type Axis = "step" | "time" | "relative";

export function xsOf(series: Series, axis: Axis): Float64Array {
  if (axis === "step") return series.steps;
  const start = axis === "relative" ? series.times[0] : 0;
  return series.times.map((time) => (time - start) / 1000);
}

/** Several lines as one table over all their x: what a line has no point for is undefined. */
export function join(lines: { xs: ArrayLike<number>; ys: ArrayLike<number> }[]) {
  const all = new Set<number>();
  for (const { xs } of lines) for (let i = 0; i < xs.length; i++) all.add(xs[i]);
  const xs = Float64Array.from(all).sort();
  const at = new Map<number, number>();
  xs.forEach((x, i) => at.set(x, i));
  const columns = lines.map(({ xs: own, ys }) => {
    const column: (number | null | undefined)[] = new Array(xs.length);
    for (let i = 0; i < own.length; i++) {
      const y = ys[i];
      column[at.get(own[i])!] = Number.isFinite(y) ? y : null;
    }
    return column;
  });
  return { xs, columns };
}

/** The range that most values lie in, from the 1st to the 99th percentile. */
export function central(values: number[]): [number, number] | null {
  if (values.length < 20) return null;
  const order = Float64Array.from(values).sort();
  const at = (part: number) => order[Math.round(part * (order.length - 1))];
  return [at(0.01), at(0.99)];
}

/** Metrics by what stands before their first slash; those without come first. */
export function byPrefix(keys: string[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const key of keys) {
    const at = key.indexOf("/");
    const prefix = at > 0 ? key.slice(0, at) : "";
    groups.get(prefix)?.push(key) ?? groups.set(prefix, [key]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Spearman's rank correlation of two columns, over the rows where both are numbers. */
export function rankCorrelation(xs: ArrayLike<number>, ys: ArrayLike<number>): number | null {
  const rows: number[] = [];
  for (let i = 0; i < xs.length; i++) {
    if (Number.isFinite(xs[i]) && Number.isFinite(ys[i])) rows.push(i);
  }
  if (rows.length < 3) return null;
  const [a, b] = [ranks(rows.map((i) => xs[i])), ranks(rows.map((i) => ys[i]))];
  const mean = (rows.length - 1) / 2;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < rows.length; i++) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) ** 2;
    bb += (b[i] - mean) ** 2;
  }
  return aa && bb ? ab / Math.sqrt(aa * bb) : null;
}

function ranks(values: number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Array<number>(values.length);
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && values[order[end]] === values[order[i]]) end++;
    for (let j = i; j < end; j++) found[order[j]] = (i + end - 1) / 2;
    i = end;
  }
  return found;
}
