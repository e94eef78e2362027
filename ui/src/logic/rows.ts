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
  order
    .map(({ id, descending }) => (descending ? "-" : "") + id.replaceAll("%", "%25").replaceAll(",", "%2C"))
    .join(",");

/** A click sorts by the column, another the other way, a third not at all. */
export function nextOrder(order: Order[], id: string, add: boolean, firstDown: boolean): Order[] {
  const now = order.find((each) => each.id === id);
  const others = add ? order.filter((each) => each.id !== id) : [];
  if (!now) return [...others, { id, descending: firstDown }];
  if (now.descending === firstDown) return [...others, { id, descending: !firstDown }];
  return others;
}

const ranked = new WeakMap<Column, { ranks: Uint32Array; size: number }>();

/** The rank of each row's value among the column's; NaN and then what is missing lie beyond all of
 * them. Made once a column, so that the other direction and a second key cost no comparison. */
function ranksOf(column: Column, length: number) {
  let found = ranked.get(column);
  if (found) return found;
  const { has, numbers, texts } = column;
  const isThere = (row: number) => !has || has[row] === 1;
  const ranks = new Uint32Array(length);
  let size = 0;
  if (numbers) {
    const values = numbers.filter((value, row) => value === value && isThere(row)).sort();
    const places = new Map<number, number>();
    for (const value of values) if (!places.has(value)) places.set(value, size++);
    for (let row = 0; row < length; row++) ranks[row] = isThere(row) ? (places.get(numbers[row]) ?? size) : size + 1;
  } else {
    const values = [...new Set(texts!.filter((_, row) => isThere(row)) as string[])].sort();
    const places = new Map(values.map((value, rank) => [value, rank]));
    size = values.length;
    for (let row = 0; row < length; row++) ranks[row] = isThere(row) ? places.get(texts![row]!)! : size + 1;
  }
  found = { ranks, size };
  ranked.set(column, found);
  return found;
}

/** The rows in an order: NaN and then missing values last in both directions. */
export function sorted(rows: number[], order: Order[], column: (id: string) => Column | undefined): number[] {
  // Counted into their ranks, by the last key first: equal rows keep their places.
  for (const { id, descending } of order.toReversed()) {
    const by = column(id);
    if (!by) continue;
    const { ranks, size } = ranksOf(by, (by.numbers ?? by.texts)!.length);
    const rankOf = (row: number) => (descending && ranks[row] < size ? size - 1 - ranks[row] : ranks[row]);
    const starts = new Uint32Array(size + 3);
    for (const row of rows) starts[rankOf(row) + 1]++;
    for (let rank = 1; rank < starts.length; rank++) starts[rank] += starts[rank - 1];
    const found = new Array<number>(rows.length);
    for (const row of rows) found[starts[rankOf(row)]++] = row;
    rows = found;
  }
  return rows;
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

export const flat = (rows: number[]): Line[] => rows.map((row) => ({ row, depth: 0, children: 0, open: false }));

/** The group of a row by a column. */
export const groupOf = (column: Column, row: number) => text(column, row) ?? "(none)";

/** So many rows at most, in turns: the first of each group, the second of each... */
export function turns(rows: number[], groupOf: (row: number) => string, most: number): number[] {
  const groups = new Map<string, number[]>();
  for (const row of rows) groups.get(groupOf(row))?.push(row) ?? groups.set(groupOf(row), [row]);
  const found: number[] = [];
  for (let turn = 0; found.length < Math.min(most, rows.length); turn++) {
    for (const group of groups.values()) if (turn < group.length && found.length < most) found.push(group[turn]);
  }
  return found;
}

/** The runs in groups by the value of a column; the groups come in the order of their first run. */
export function grouped(rows: number[], column: Column, toggled: Set<string>): Line[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const value = groupOf(column, row);
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

const ranges = new WeakMap<Float64Array, [number, number]>();

/** Where a value lies between the least and the greatest of its column, from 0 to 1. */
export function part(column: Column, value: number): number {
  let range = ranges.get(column.numbers!);
  if (!range) {
    range = [Infinity, -Infinity];
    for (let row = 0; row < column.numbers!.length; row++) {
      const each = column.numbers![row];
      if (!Number.isFinite(each) || (column.has && !column.has[row])) continue;
      if (each < range[0]) range[0] = each;
      if (each > range[1]) range[1] = each;
    }
    ranges.set(column.numbers!, range);
  }
  const [low, high] = range;
  return high > low && Number.isFinite(value) ? (value - low) / (high - low) : 0;
}

/** The rows as a CSV file. */
export function csv(header: string[], lines: (string | undefined)[][]): string {
  const quote = (value: string | undefined) =>
    value === undefined ? "" : /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  return `${[header, ...lines].map((line) => line.map(quote).join(",")).join("\r\n")}\r\n`;
}
