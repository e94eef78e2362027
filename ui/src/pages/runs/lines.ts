// The lines of the table of runs: sorted, as a tree, as groups, or those within the brushes.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Table } from "../../logic/columns.ts";
import { flat, grouped, type Line, sorted, tree } from "../../logic/rows.ts";
import { storeOrder } from "../../order.ts";
import { asked } from "../../route.ts";
import type { Columns } from "./columns.ts";

/** The rows of the runs that match; ancestors shown above them come behind. */
export const matchingIn = (table: Table) => [...Array(table.size - table.ancestors).keys()];

/** The rows that lines show, those of closed groups as well. */
export const allRowsOf = (lines: Line[]) => new Set(lines.flatMap((line) => line.group?.rows ?? [line.row]));

/** `brushed`: the rows within the brushes of parallel coordinates; null without brushes. */
export function useTableLines(table: Table | null, { byId, order }: Columns, brushed: number[] | null) {
  const [toggled, setToggled] = useState<Set<string>>(new Set());
  const group = byId.get(asked("group"));
  const isFlat = asked("flat") === "1" || order.length > 0;
  const matching = useMemo(() => (table ? matchingIn(table) : []), [table]);
  const lines = useMemo(() => {
    if (!table) return [];
    const isList = isFlat || group || brushed;
    const shown = brushed ?? (isList ? matching : [...Array(table.size).keys()]);
    const rows = sorted(
      shown.filter((row) => row < table.size),
      order,
      (id) => byId.get(id),
    );
    if (group) return grouped(rows, group, toggled);
    return isList ? flat(rows) : tree(table, rows, toggled);
  }, [table, order, isFlat, group, toggled, brushed]);

  const seen = useRef<string[]>([]);
  seen.current = useMemo(() => [...allRowsOf(lines)].map((row) => table!.ids[row]), [lines]);
  useEffect(() => () => storeOrder(seen.current), []);

  const toggle = (line: Line) => {
    const id = line.group ? `group ${line.group.value}` : table!.ids[line.row];
    const next = new Set(toggled);
    next.delete(id) || next.add(id);
    setToggled(next);
  };
  return { lines, matching, group, toggle };
}
