// The columns of the table of runs: which are shown, in which order and how. All of it stands in the address.
import { useMemo } from "preact/hooks";
import { better, byImportance } from "../../logic/better.ts";
import { type Column, infoColumns, type Table } from "../../logic/columns.ts";
import { definitions } from "../../logic/definitions.ts";
import { quoted } from "../../logic/filter.ts";
import { nextOrder, type Order, parseOrder, writeOrder } from "../../logic/rows.ts";
import type { Heat } from "../../parts/grid.tsx";
import { asked, setQuery } from "../../route.ts";

const USUALLY_SHOWN = 60; // columns

const listOf = (text: string) => text.split(",").filter(Boolean);
const pairsOf = (text: string) => listOf(text).map((each) => each.split("~"));
const ids = (text: string) => listOf(text).map(decodeURIComponent);

/** The columns that the address names, else those that say something. */
function chosenColumns(all: Column[], named: string): Column[] {
  const byId = new Map(all.map((column) => [column.id, column]));
  if (named) return named.split(",").flatMap((id) => byId.get(decodeURIComponent(id)) ?? []);
  const info = ["status", "start_time", "duration"].map((id) => byId.get(id)!);
  const user = byId.get("user_id")!;
  const metrics = byImportance(all.filter((column) => column.kind === "metrics" && column.id.startsWith("metrics.")));
  const params = all.filter((column) => column.kind === "params" && column.differs);
  return [...info, ...(user.differs ? [user] : []), ...metrics, ...params].slice(0, USUALLY_SHOWN);
}

/** "metrics.loss~tint,params.lr~bar": how columns show their numbers besides writing them. */
const heatOf = (text: string): Map<string, Heat> =>
  new Map(pairsOf(text).map(([id, kind]) => [decodeURIComponent(id), kind === "tint" ? "tint" : "bar"]));

const widthsOf = (text: string) =>
  Object.fromEntries(pairsOf(text).map(([id, width]) => [decodeURIComponent(id), Number(width)]));

/** The aggregates that the shown columns and the order need. */
export function aggregatesOf(...named: string[]): string[] {
  const found = new Set(["last"]);
  for (const id of named.flatMap(ids)) {
    const match = /^-?(\w+)\(metrics\./.exec(id);
    if (match) found.add(match[1]);
  }
  return [...found];
}

/** An order in the server's language. */
export function orderBy(order: Order[]): string[] {
  return order.map(({ id, descending }) => {
    const match = /^(?:(\w+)\()?(metrics|params|tags)\.(.*?)\)?$/s.exec(id);
    const name = match ? `${match[2]}.${quoted(match[1] ? match[3] : id.slice(match[2].length + 1))}` : id;
    return `${match?.[1] ? `${match[1]}(${name})` : name} ${descending ? "DESC" : "ASC"}`;
  });
}

export function useColumns(table: Table | null) {
  const named = asked("cols");
  const sorting = asked("sort");
  const all = useMemo(() => (table ? [...infoColumns(table), ...table.columns.values()] : []), [table]);
  const byId = useMemo(() => new Map(all.map((column) => [column.id, column])), [all]);
  const columns = useMemo(() => (table ? chosenColumns(all, named) : []), [all, named, definitions.value]);
  const widths = useMemo(() => widthsOf(asked("w")), [asked("w")]);
  const pinned = useMemo(() => new Set(ids(asked("fix"))), [asked("fix")]);
  const heat = useMemo(() => heatOf(asked("heat")), [asked("heat")]);
  const order = useMemo(() => parseOrder(sorting), [sorting]);
  const show = (list: Column[] | null) =>
    setQuery({ cols: list?.map((each) => encodeURIComponent(each.id)).join(",") });
  return { all, byId, columns, isNamed: !!named, widths, pinned, heat, order, show };
}

export type Columns = ReturnType<typeof useColumns>;

/** What the head of the table can do with its columns. */
export function columnActions({ byId, columns, widths, pinned, heat, order, show }: Columns) {
  return {
    hide: (id: string) => show(columns.filter((each) => each.id !== id)),
    move: (id: string, by: string | number) => {
      const moved = byId.get(id);
      if (!moved || id === by) return;
      const rest = columns.filter((each) => each.id !== id);
      const to = typeof by === "number" ? columns.indexOf(moved) + by : rest.findIndex((each) => each.id === by);
      rest.splice(Math.max(0, to), 0, moved);
      show(rest);
    },
    pin: (id: string) => {
      const next = pinned.has(id) ? [...pinned].filter((each) => each !== id) : [...pinned, id];
      setQuery({ fix: next.map(encodeURIComponent).join(",") });
    },
    heat: (id: string, kind: Heat | null) => {
      const next = new Map(heat);
      if (kind) next.set(id, kind);
      else next.delete(id);
      setQuery({ heat: [...next].map(([id, kind]) => `${encodeURIComponent(id)}~${kind}`).join(",") });
    },
    resize: (id: string, width: number | null) => {
      const next = Object.entries({ ...widths, [id]: width });
      setQuery({ w: next.flatMap(([id, width]) => (width ? [`${encodeURIComponent(id)}~${width}`] : [])).join(",") });
    },
    sort: (column: Column, add: boolean, descending?: boolean) => {
      if (descending !== undefined) return setQuery({ sort: writeOrder([{ id: column.id, descending }]) });
      const firstDown = !!column.numbers && better(column.key) >= 0;
      setQuery({ sort: writeOrder(nextOrder(order, column.id, add, firstDown)) });
    },
  };
}
