// Where the columns of the table of runs stand: their widths, which are pinned, which are seen.
import { useMemo } from "preact/hooks";
import type { Column } from "../logic/columns.ts";
import { number } from "../logic/format.ts";
import type { Place } from "./virtual-rows.ts";

const FIRST = 290; // width of the column with the names
export const NAME = "run_name"; // of that column, among the widths

export function widthOf(column: Column, given: Record<string, number>): number {
  const wanted = given[column.id];
  if (wanted) return wanted;
  if (column.id === "status") return 104;
  if (column.id === "start_time") return 108;
  if (column.id === "run_id") return 270;
  const head = column.label.length * 7 + 50;
  return Math.min(Math.max(head, column.numbers ? 102 : 120), 220);
}

/** How wide something must be for its longest texts. */
export function widest(label: string, texts: Iterable<string>): number {
  const context = document.createElement("canvas").getContext("2d")!;
  context.font = getComputedStyle(document.body).font;
  let found = context.measureText(label).width + 34;
  for (const text of texts) found = Math.max(found, context.measureText(text).width);
  return Math.ceil(Math.min(Math.max(found + 20, 64), 600));
}

export const textsOf = (column: Column): string[] =>
  column.id === "status"
    ? []
    : column.texts
      ? [...new Set(column.texts.filter((each) => each !== undefined))]
      : Array.from(column.numbers!, (value) => number(value));

/** Where the columns stand, from `left` on. */
function placed(
  columns: Column[],
  widths: Record<string, number>,
  left: number,
  indexOf: (column: Column) => number,
): Place[] {
  return columns.map((column) => {
    const place = { column, left, width: widthOf(column, widths), index: indexOf(column) };
    left += place.width;
    return place;
  });
}

/** How many columns are seen at once at most. */
function mostSeen(places: Place[], width: number): number {
  let [most, from] = [0, 0];
  places.forEach(({ left, width: own }, at) => {
    while (from < at && places[from].left + places[from].width < left + own - width) from++;
    most = Math.max(most, at - from + 1);
  });
  return Math.min(most + 1, places.length);
}

/** The layout in a window of `room` pixels that shows the columns from number `from` on. */
export function useLayout(
  columns: Column[],
  widths: Record<string, number>,
  wanted: Set<string>, // to be pinned
  room: number,
  from: number,
) {
  const first = Math.min(widths[NAME] ?? FIRST, Math.max(160, room * 0.45));
  const { pinned, places, frozen, width } = useMemo(() => {
    // Pinned columns stand first; of a narrow window they take no more than leaves room for others.
    let left = room * 0.7 - first;
    const kept = columns.filter((column) => wanted.has(column.id) && (left -= widthOf(column, widths)) > 0);
    const order = [...kept, ...columns.filter((column) => !kept.includes(column))];
    const indexes = new Map(order.map((column, index) => [column, index]));
    const indexOf = (column: Column) => indexes.get(column)!;
    const pinned = placed(kept, widths, first, indexOf);
    const frozen = pinned.reduce((sum, place) => sum + place.width, first);
    const places = placed(order.slice(kept.length), widths, 0, indexOf);
    const width = places.reduce((sum, place) => sum + place.width, frozen);
    return { pinned, places, frozen, width };
  }, [columns, widths, first, wanted, room]);
  const many = useMemo(() => mostSeen(places, room - frozen), [places, room, frozen]);
  const start = Math.max(0, Math.min(from, places.length - many));
  const seen = useMemo(() => (room ? places.slice(start, start + many) : []), [places, start, many]);
  return { first, pinned, places, frozen, width, seen, before: seen[0]?.left ?? 0 };
}
