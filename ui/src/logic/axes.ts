// Axes of parallel coordinates and scatter plots: where a row's value lies, from 0 to 1. No DOM.
import type { Column } from "./columns.ts";
import { number } from "./format.ts";

export interface Axis {
  id: string;
  label: string;
  at: (row: number) => number; // NaN: it has none
  ticks: [number, string][];
  log: boolean;
}

const MANY = 12; // values of a text axis that are written

/** An axis over the values of some rows. Values over three orders of magnitude lie logarithmically
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
    return { ...common, log: false, ticks, at: (row) => (has && !has[row] ? NaN : place.get(texts![row]!)!) };
  }
  const finite = there.map((row) => numbers[row]).filter(Number.isFinite);
  let [low, high] = [Infinity, -Infinity];
  for (const value of finite) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!finite.length) return { ...common, log: false, ticks: [], at: () => NaN };
  const isLog = low > 0 && (log ?? high / low > 1000);
  const scale = isLog ? Math.log10 : (value: number) => value;
  const [a, b] = [scale(low), scale(high)];
  const at = (row: number) => {
    const value = has && !has[row] ? NaN : numbers[row];
    if (!Number.isFinite(value)) return NaN;
    return b > a ? (scale(value) - a) / (b - a) : 0.5;
  };
  const parts = b > a ? [0, 0.25, 0.5, 0.75, 1] : [0.5];
  const ticks = parts.map((part): [number, string] => {
    const value = a + part * (b - a);
    return [part, number(isLog ? 10 ** value : b > a ? value : low, 3)];
  });
  return { ...common, log: isLog, ticks, at };
}

/** The rows that lie within the brushes of all axes. */
export function brushed(axes: Axis[], brushes: Record<string, [number, number]>, rows: number[]): number[] {
  const active = axes.filter((axis) => brushes[axis.id]);
  return rows.filter((row) =>
    active.every((axis) => {
      const [low, high] = brushes[axis.id];
      const at = axis.at(row);
      return at >= low && at <= high;
    }),
  );
}
