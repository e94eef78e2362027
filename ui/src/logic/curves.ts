// What a chart draws: lines of runs, smoothed or not, or the bands of groups of runs. No DOM.
import { type Style, stylesInOrder } from "./colours.ts";
import {
  type Axis,
  band,
  central,
  gaussian,
  join,
  nanPlace,
  type Points,
  pointsOf,
  type Series,
  smooth,
} from "./series.ts";

/** A run as charts show it. Runs of the same `group` are drawn as one band. */
export interface Line {
  id: string;
  name: string;
  style: Style;
  group?: string;
}

export interface Curve extends Points {
  id: string; // of the run, or the group
  name: string;
  colour: string;
  dash: number[];
  nan?: number; // where the first NaN is
  kind: "line" | "raw" | "edge"; // raw: behind a smoothed line; edge: of a band, above its mean
}

export interface Shown {
  axis: Axis;
  logX: boolean;
  smoothing: number;
  smoother: "ema" | "gaussian";
  central: boolean;
}

export interface Drawing {
  curves: Curve[];
  xs: Float64Array;
  columns: (number | null | undefined)[][]; // of each curve
  y: [number, number] | null; // what most values lie in
}

const TRAINING_DASH = [5, 4];

/** The styles of the groups that runs are drawn as bands of; null where each is a line. */
export function bandsOf(lines: Line[], dark: boolean): Map<string, Style> | null {
  if (!lines.some((line) => line.group !== undefined)) return null;
  return stylesInOrder([...new Set(lines.map((line) => line.group!))].sort(), dark);
}

/** Curves of some series. Of several keys the last is the plain line, the others are dashed. */
export function drawing(series: Series[], lines: Line[], keys: string[], now: Shown, dark: boolean): Drawing | null {
  const byId = new Map(lines.map((line) => [line.id, line]));
  const other = new Map(
    now.axis.startsWith("metric:")
      ? series.filter((each) => each.key === now.axis.slice(7)).map((each) => [each.run, each])
      : [],
  );
  const wanted = series.filter((each) => keys.includes(each.key) && byId.has(each.run));
  if (!wanted.length) return null;
  const smoothed = (points: Points): Points =>
    now.smoothing
      ? { xs: points.xs, ys: (now.smoother === "gaussian" ? gaussian : smooth)(points.xs, points.ys, now.smoothing) }
      : points;
  const positive = ({ xs, ys }: Points): Points => {
    // A logarithmic axis has no zero: what is at or below it is left out.
    const first = now.logX ? xs.findIndex((x) => x > 0) : 0;
    return first > 0 ? { xs: xs.subarray(first), ys: ys.subarray(first) } : { xs, ys };
  };
  const raw = wanted.map((each) => {
    const line = byId.get(each.run)!;
    const more = keys.length > 1 ? ` · ${each.key}` : "";
    const dash = each.key === keys[keys.length - 1] ? line.style.dash : TRAINING_DASH;
    const x = other.get(each.run);
    const nan = nanPlace(each, now.axis, x);
    return { line, key: each.key, name: line.name + more, dash, nan, points: positive(pointsOf(each, now.axis, x)) };
  });
  const curves: Curve[] = [];
  const bands = bandsOf(lines, dark);
  if (bands) {
    const groups = new Map<string, typeof raw>();
    for (const each of raw) {
      const name = each.line.group! + (keys.length > 1 ? ` · ${each.key}` : "");
      groups.get(name)?.push(each) ?? groups.set(name, [each]);
    }
    for (const [name, members] of groups) {
      const { xs, mean, low, high } = band(members.map((each) => smoothed(each.points)));
      const id = members[0].line.group!;
      const { colour, dash } = bands.get(id)!;
      const common = { id, name: `${name}, mean of ${members.length}`, colour, xs };
      const own = members[0].key === keys[keys.length - 1] ? dash : TRAINING_DASH;
      curves.push({ ...common, dash: [], kind: "edge", ys: high }, { ...common, dash: [], kind: "edge", ys: low });
      curves.push({ ...common, dash: own, kind: "line", ys: mean });
    }
  } else {
    const all = raw.map(({ line, name, dash, nan, points }) => ({
      id: line.id,
      name,
      colour: line.style.colour,
      dash,
      nan,
      ...points,
    }));
    if (now.smoothing) curves.push(...all.map((each): Curve => ({ ...each, dash: [], kind: "raw" })));
    curves.push(...all.map((each): Curve => ({ ...each, ...smoothed(each), kind: "line" })));
  }
  const values = now.central ? raw.flatMap((each) => [...each.points.ys].filter(Number.isFinite)) : [];
  return { curves, ...join(curves), y: central(values) };
}
