// Axes of parallel coordinates and scatter plots: where a row's value lies, from 0 to 1. No DOM.
import type { Column } from "./columns.ts";
import { number } from "./format.ts";

export interface Axis {
  id: string;
  label: string;
  at: (row: number) => number; // NaN: it has none
  ticks: [number, string][];
  ends: [string, string]; // the least and the greatest value
  log: boolean;
}

const MANY = 12; // values of a text axis that are written

/** Whether values that spread over orders of magnitude crowd at the low end of a linear axis. */
function isCrowded(values: number[], low: number, high: number): boolean {
  if (!(low > 0) || high / low < 30) return false;
  const median = Float64Array.from(values).sort()[Math.floor((values.length - 1) / 2)];
  return (median - low) / (high - low) < 0.2;
}

/** Round values within a range, some four of them. */
export function roundValues(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * unit).find((each) => each >= rough * 0.999)!;
  const found: number[] = [];
  // + 0: not -0
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(i * step + 0);
  return found;
}

/** Powers of ten within a range, or 1, 2 and 5 times these where there are few. */
function powers(low: number, high: number): number[] {
  const found: number[] = [];
  const decades = Math.log10(high / low);
  const every = Math.ceil(decades / 6);
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power += every) {
    for (const digit of decades < 2 ? [1, 2, 5] : [1]) found.push(digit * 10 ** power);
  }
  return found.filter((value) => value >= low * 0.999999 && value <= high * 1.000001);
}

/** An axis over the values of some rows. Values that would crowd at its low end lie logarithmically
 * unless `log` says otherwise; texts lie evenly, in their order. */
export function axisOf(column: Column, rows: number[], log: boolean | null = null): Axis {
  const { has, numbers, texts } = column;
  const common = { id: column.id, label: column.label };
  const there = rows.filter((row) => !has || has[row]);
  if (!numbers) {
    const values = [...new Set(there.map((row) => texts![row]!))].sort();
    const place = new Map(values.map((value, i) => [value, values.length > 1 ? i / (values.length - 1) : 0.5]));
    const every = Math.ceil(values.length / MANY);
    const ticks = values.filter((_, i) => i % every === 0).map((value): [number, string] => [place.get(value)!, value]);
    return {
      ...common,
      log: false,
      ticks,
      ends: [values[0] ?? "", values.at(-1) ?? ""],
      at: (row) => (has && !has[row] ? NaN : place.get(texts![row]!)!),
    };
  }
  const finite = there.map((row) => numbers[row]).filter(Number.isFinite);
  let [low, high] = [Infinity, -Infinity];
  for (const value of finite) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!finite.length) return { ...common, log: false, ticks: [], ends: ["", ""], at: () => NaN };
  const isLog = low > 0 && (log ?? isCrowded(finite, low, high));
  const scale = isLog ? Math.log10 : (value: number) => value;
  const [a, b] = [scale(low), scale(high)];
  const at = (row: number) => {
    const value = has && !has[row] ? NaN : numbers[row];
    if (!Number.isFinite(value)) return NaN;
    return b > a ? (scale(value) - a) / (b - a) : 0.5;
  };
  const values = b <= a ? [low] : isLog ? powers(low, high) : roundValues(low, high);
  const ticks = values.map((value): [number, string] => [
    b > a ? (scale(value) - a) / (b - a) : 0.5,
    number(+value.toPrecision(12), 4),
  ]);
  return { ...common, log: isLog, ticks, ends: [number(low, 4), number(high, 4)], at };
}

export type Brushes = Record<string, [number, number]>; // of 0 to 1, by axis

/** "params.lr~0.2~0.75,metrics.loss~0~0.1" and back. */
export const writeBrushes = (brushes: Brushes) =>
  Object.entries(brushes)
    .map(([id, ends]) => [encodeURIComponent(id), ...ends.map((end) => +end.toFixed(3))].join("~"))
    .join(",");

export function readBrushes(text: string): Brushes {
  const found = [...text.matchAll(/([^,]+)~([\d.]+)~([\d.]+)(?=,|$)/g)];
  return Object.fromEntries(found.map(([, id, low, high]) => [decodeURIComponent(id), [Number(low), Number(high)]]));
}

/** The rows that lie within the brushes of all axes. */
export function brushed(axes: Axis[], brushes: Brushes, rows: number[]): number[] {
  const active = axes.filter((axis) => brushes[axis.id]);
  return rows.filter((row) =>
    active.every((axis) => {
      const [low, high] = brushes[axis.id];
      const at = axis.at(row);
      return at >= low && at <= high;
    }),
  );
}
