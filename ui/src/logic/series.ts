// Lines of charts: smoothing, x axes, scales, and joining series to one table. No DOM.
import { rank } from "./better.ts";
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
  nanStep: number | null; // of the first
  nanTime: number | null;
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
  nanTime: each.nan_timestamp ?? null,
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
    nanTime: series.nanTime ?? more.nanTime,
  };
}

/** A line as the path of an SVG, with the least and the greatest value of each two pixels. */
export function course(xs: ArrayLike<number>, ys: ArrayLike<number>, width: number, height: number): string {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < ys.length; i++) {
    if (Number.isFinite(ys[i])) [low, high] = [Math.min(low, ys[i]), Math.max(high, ys[i])];
  }
  const [first, range] = [xs[0], xs[xs.length - 1] - xs[0] || 1];
  const place = (y: number) => (height - 3 - ((y - low) / (high - low || 1)) * (height - 6)).toFixed(1);
  const points: string[] = [];
  for (let i = 0; i < ys.length; ) {
    const at = Math.round(((xs[i] - first) / range) * (width / 2 - 2));
    let [least, greatest, isRising] = [NaN, NaN, true];
    for (; i < ys.length && Math.round(((xs[i] - first) / range) * (width / 2 - 2)) === at; i++) {
      if (!Number.isFinite(ys[i])) continue;
      if (!(ys[i] >= least)) [least, isRising] = [ys[i], false];
      if (!(ys[i] <= greatest)) [greatest, isRising] = [ys[i], true];
    }
    if (least !== least) continue;
    const both = least === greatest ? [least] : isRising ? [least, greatest] : [greatest, least];
    for (const y of both) points.push(`${2 * at + 2} ${place(y)}`);
  }
  return points.length ? `M${points.join("L")}` : "";
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

/** Gaussian mean by the distance of points. A weight means about as much smoothing as for `smooth`. */
export function gaussian(xs: ArrayLike<number>, ys: ArrayLike<number>, weight: number): Float64Array {
  const sigma = ((xs[xs.length - 1] - xs[0]) / 1000) * (1 / (1 - Math.min(weight, 0.999)));
  if (!(weight > 0) || !sigma) return Float64Array.from(ys);
  const found = new Float64Array(ys.length);
  let first = 0;
  for (let i = 0; i < ys.length; i++) {
    while (xs[i] - xs[first] > 3 * sigma) first++;
    let [sum, norm] = [0, 0];
    for (let j = first; j < ys.length && xs[j] - xs[i] <= 3 * sigma; j++) {
      if (!Number.isFinite(ys[j])) continue;
      const share = Math.exp(-0.5 * ((xs[j] - xs[i]) / sigma) ** 2);
      sum += share * ys[j];
      norm += share;
    }
    found[i] = Number.isFinite(ys[i]) ? sum / norm : ys[i];
  }
  return found;
}

/** x of a chart: steps, seconds since 1970 or since the first point, or the values of a metric. */
export type Axis = "step" | "time" | "relative" | `metric:${string}`;

export interface Points {
  xs: Float64Array;
  ys: Float64Array;
}

/** The points of a series by an axis. `other` is the same run's series of the axis' metric. */
export function pointsOf(series: Series, axis: Axis, other?: Series): Points {
  if (axis === "step") return { xs: series.steps, ys: series.values };
  if (axis.startsWith("metric:"))
    return other ? against(series, other) : { xs: new Float64Array(), ys: new Float64Array() };
  const start = axis === "relative" ? series.times[0] : 0;
  return { xs: series.times.map((time) => (time - start) / 1000), ys: series.values };
}

/** Where the first NaN of a series is by an axis; undefined: nowhere. */
export function nanPlace(series: Series, axis: Axis, other?: Series): number | undefined {
  if (series.nanStep === null || series.nanTime === null) return undefined;
  if (axis === "step") return series.nanStep;
  if (!axis.startsWith("metric:"))
    return (series.nanTime - (axis === "relative" ? (series.times[0] ?? series.nanTime) : 0)) / 1000;
  const x = other ? at({ xs: other.steps, ys: other.values }, series.nanStep, 0)[0] : NaN;
  return x === x ? x : undefined;
}

/** What a line is at x, between its points; NaN where it has none. `from` is where to look first. */
function at({ xs, ys }: Points, x: number, from: number): [number, number] {
  let i = from;
  while (i < xs.length && xs[i] < x) i++;
  if (i < xs.length && xs[i] === x) return [ys[i], i];
  if (!i || i === xs.length) return [NaN, i];
  return [ys[i - 1] + ((ys[i] - ys[i - 1]) * (x - xs[i - 1])) / (xs[i] - xs[i - 1]), i];
}

/** The values of a series over those of another at the same steps, by the latter. */
function against(series: Series, other: Series): Points {
  const pairs: [number, number][] = [];
  const line = { xs: other.steps, ys: other.values };
  let place = 0;
  series.steps.forEach((step, i) => {
    let x: number;
    [x, place] = at(line, step, place);
    if (Number.isFinite(x)) pairs.push([x, series.values[i]]);
  });
  pairs.sort((a, b) => a[0] - b[0]);
  const unique = pairs.filter(([x], i) => i === pairs.length - 1 || pairs[i + 1][0] !== x);
  return { xs: Float64Array.from(unique, ([x]) => x), ys: Float64Array.from(unique, ([, y]) => y) };
}

/** Mean, least and greatest value of several lines, at up to `most` x of theirs. */
export function band(
  lines: Points[],
  most = 300,
): { xs: Float64Array; mean: Float64Array; low: Float64Array; high: Float64Array } {
  const all = Float64Array.from(new Set(lines.flatMap(({ xs }) => [...xs]))).sort();
  const every = Math.max(1, all.length / most);
  const xs =
    all.length > most
      ? Float64Array.from({ length: most }, (_, i) => all[Math.min(Math.round(i * every), all.length - 1)])
      : all;
  const [mean, low, high] = [0, 1, 2].map(() => new Float64Array(xs.length));
  const places = lines.map(() => 0);
  xs.forEach((x, i) => {
    let [sum, count, least, greatest] = [0, 0, Infinity, -Infinity];
    lines.forEach((line, k) => {
      let y: number;
      [y, places[k]] = at(line, x, places[k]);
      if (!Number.isFinite(y)) return;
      sum += y;
      count++;
      least = Math.min(least, y);
      greatest = Math.max(greatest, y);
    });
    [mean[i], low[i], high[i]] = count ? [sum / count, least, greatest] : [NaN, NaN, NaN];
  });
  return { xs, mean, low, high };
}

/** A chart of one metric, or of what training and validation call the same. */
export interface Panel {
  title: string;
  keys: string[];
}

const PART = "(train|training|val|valid|validation|dev|eval|test)";
const BEFORE = new RegExp(`^${PART}[/_.\\-: ](.+)$`, "i");
const AFTER = new RegExp(`^(.+)[/_.\\-: ]${PART}$`, "i");

/** What a key measures without the part of the data that it was measured on. */
export const measured = (key: string): string => BEFORE.exec(key)?.[2] ?? AFTER.exec(key)?.[1] ?? key;

/** A chart a key; with `overlay` those that measure the same together, training first. */
export function panels(keys: string[], overlay: boolean): Panel[] {
  if (!overlay) return keys.map((key) => ({ title: key, keys: [key] }));
  const found = new Map<string, string[]>();
  for (const key of keys) found.get(measured(key))?.push(key) ?? found.set(measured(key), [key]);
  return [...found].map(([title, some]) =>
    some.length > 1
      ? { title, keys: some.sort((a, b) => Number(/train/i.test(b)) - Number(/train/i.test(a))) }
      : { title: some[0], keys: some },
  );
}

function isRising(xs: ArrayLike<number>): boolean {
  for (let i = 1; i < xs.length; i++) if (!(xs[i] > xs[i - 1])) return false;
  return true;
}

/** Several lines as one table over all their x: what a line has no point for is undefined. */
export function join(lines: { xs: ArrayLike<number>; ys: ArrayLike<number> }[]) {
  if (lines.length === 1 && isRising(lines[0].xs)) {
    const [{ xs, ys }] = lines;
    return { xs: Float64Array.from(xs), columns: [Array.from(ys, (y) => (Number.isFinite(y) ? y : null))] };
  }
  const all = new Set<number>();
  for (const { xs } of lines) for (let i = 0; i < xs.length; i++) all.add(xs[i]);
  const xs = Float64Array.from(all).sort();
  const at = new Map<number, number>();
  xs.forEach((x, i) => {
    at.set(x, i);
  });
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

/** Charts by what stands before the first slash of their titles; those that no other shares it with
 * are together. What a run is judged by comes first. */
export function byPrefix(charts: Panel[]): [string, Panel[]][] {
  const groups = new Map<string, Panel[]>();
  for (const chart of charts) {
    const at = chart.title.indexOf("/");
    const prefix = at > 0 ? chart.title.slice(0, at) : "";
    groups.get(prefix)?.push(chart) ?? groups.set(prefix, [chart]);
  }
  const alone = [...groups].flatMap(([prefix, some]) => (some.length > 1 && prefix ? [] : some));
  alone.sort((a, b) => rank(a.title) - rank(b.title));
  const rest = [...groups].filter(([prefix, some]) => some.length > 1 && prefix).sort(([a], [b]) => (a < b ? -1 : 1));
  const all: [string, Panel[]][] = alone.length ? [["", alone], ...rest] : rest;
  const best = ([, some]: [string, Panel[]]) => Math.min(...some.map((panel) => rank(panel.title)));
  return all.sort((a, b) => best(a) - best(b));
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
