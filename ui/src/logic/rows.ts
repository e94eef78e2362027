// Which rows a table shows, in which order: sorting, trees, groups. No DOM.
import type { Column, Table } from "./columns.ts";
import { PARENT } from "./columns.ts";

export interface Order {
  id: string;
  descending: boolean;
}

/** "-metrics.loss,params.lr" and back; ids have their commas escaped. */
export function parseOrder(text: string): Order[] {
  return text
    .split(",")
    .filter(Boolean)
    .map((each) => ({
      id: decodeURIComponent(each.replace(/^-/, "")),
      descending: each.startsWith("-"),
    }));
}

export const writeOrder = (order: Order[]) =>
  order.map(({ id, descending }) => (descending ? "-" : "") + id.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");

/** A click sorts by the column, another the other way, a third not at all. */
export function nextOrder(order: Order[], id: string, add: boolean, firstDown: boolean): Order[] {
  const now = order.find((each) => each.id === id);
  const others = add ? order.filter((each) => each.id !== id) : [];
  if (!now) return [...others, { id, descending: firstDown }];
  if (now.descending === firstDown) return [...others, { id, descending: !firstDown }];
  return others;
}

/** How two rows compare by a column: missing last, NaN before it, whatever the direction. */
function comparer(column: Column, descending: boolean): (a: number, b: number) => number {
  const { has, numbers, texts } = column;
  const sign = descending ? -1 : 1;
  const rank = (row: number) =>
    has && !has[row] ? 2 : numbers ? (numbers[row] === numbers[row] ? 0 : 1) : 0;
  return (a, b) => {
    const [x, y] = [rank(a), rank(b)];
    if (x !== y || x) return x - y;
    if (numbers) return sign * (numbers[a] - numbers[b] || 0);
    const [s, t] = [texts![a]!, texts![b]!];
    return s < t ? -sign : s > t ? sign : 0;
  };
}

export function sorted(rows: number[], order: Order[], column: (id: string) => Column | undefined) {
  const by = order.flatMap(({ id, descending }) => {
    const found = column(id);
    return found ? [comparer(found, descending)] : [];
  });
  if (!by.length) return rows;
  return [...rows].sort((a, b) => {
    for (const compare of by) {
      const found = compare(a, b);
      if (found) return found;
    }
    return a - b;
  });
}

/** A line of the table: a run, or the head of a group of runs. */
export interface Line {
  row: number; // -1: a group's head
  depth: number;
  children: number; // of a parent or a group
  open: boolean;
  group?: Group;
}

export interface Group {
  value: string;
  rows: number[];
}

const FEW_CHILDREN = 100;

/** The runs as a tree by their parents. `toggled` are those whose state is not the usual one. */
export function tree(table: Table, rows: number[], toggled: Set<string>): Line[] {
  const parents = table.columns.get(PARENT);
  const below = new Map<number, number[]>();
  const tops: number[] = [];
  const shown = new Set(rows);
  for (const row of rows) {
    const parent = parents?.texts?.[row];
    const at = parent === undefined ? undefined : table.rowOf.get(parent);
    if (at === undefined || !shown.has(at) || at === row) tops.push(row);
    else below.get(at)?.push(row) ?? below.set(at, [row]);
  }
  const lines: Line[] = [];
  const seen = new Set<number>(); // parents that are each other's end here
  const add = (row: number, depth: number) => {
    if (seen.has(row)) return;
    seen.add(row);
    const children = below.get(row) ?? [];
    const usual = children.length < FEW_CHILDREN;
    const open = children.length > 0 && usual !== toggled.has(table.ids[row]);
    lines.push({ row, depth, children: children.length, open });
    if (open) for (const child of children) add(child, depth + 1);
  };
  for (const row of tops) add(row, 0);
  return lines;
}

export const flat = (rows: number[]): Line[] =>
  rows.map((row) => ({ row, depth: 0, children: 0, open: false }));

/** The runs in groups by the value of a column; the groups come in the order of their first run. */
export function grouped(rows: number[], column: Column, toggled: Set<string>): Line[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const value = text(column, row) ?? "(none)";
    const group = groups.get(value);
    if (group) group.rows.push(row);
    else groups.set(value, { value, rows: [row] });
  }
  return [...groups.values()].flatMap((group) => {
    const open = toggled.has(`group ${group.value}`);
    const head: Line = { row: -1, depth: 0, children: group.rows.length, open, group };
    const inside = group.rows.map((row) => ({ row, depth: 1, children: 0, open: false }));
    return open ? [head, ...inside] : [head];
  });
}

/** What a column says of a row as text; undefined: nothing. */
export function text(column: Column, row: number): string | undefined {
  if (column.has && !column.has[row]) return undefined;
  if (column.texts) return column.texts[row];
  return String(column.numbers![row]);
}

/** Mean, least and greatest number of some rows; null where none has one. */
export function summary(column: Column, rows: number[]) {
  let [sum, least, greatest, count] = [0, Infinity, -Infinity, 0];
  for (const row of rows) {
    if (column.has && !column.has[row]) continue;
    const value = column.numbers![row];
    if (value !== value) continue;
    sum += value;
    count++;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return count ? { mean: sum / count, least, greatest, count } : null;
}

/** The rows as a CSV file. */
export function csv(header: string[], lines: (string | undefined)[][]): string {
  const quote = (value: string | undefined) =>
    value === undefined ? "" : /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  return [header, ...lines].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n";
}
