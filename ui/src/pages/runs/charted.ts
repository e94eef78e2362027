// Which runs the charts beside the table show, and how their lines look.
import { useMemo } from "preact/hooks";
import { styles } from "../../logic/colours.ts";
import type { Column, Table } from "../../logic/columns.ts";
import { groupOf, type Line, turns } from "../../logic/rows.ts";
import { asked } from "../../route.ts";
import { dark } from "../../state.ts";
import type { Choice } from "./choice.ts";
import { allRowsOf } from "./lines.ts";

export const IN_CHARTS = "20"; // runs, unless some are selected
export const IN_COMPARISON = 100;

interface Shown {
  table: Table | null;
  lines: Line[];
  all: Column[];
  group: Column | undefined;
  choice: Choice;
  hasCharts: boolean;
}

const has = (column: Column, row: number) => !column.has || column.has[row];

export function useCharted({ table, lines, all, group, choice, hasCharts }: Shown) {
  const chosen = table ? choice.count(table.total) : 0;
  const chartable = useMemo(() => {
    if (!table || !hasCharts) return [];
    const unique = [...allRowsOf(lines)];
    const wanted = chosen > 0 ? unique.filter((row) => choice.has(table.ids[row])) : unique;
    // Parents without metrics of their own have no line.
    const metrics = all.filter((column) => column.kind === "metrics");
    return wanted.filter((row) => metrics.some((column) => has(column, row)));
  }, [table, hasCharts, lines, choice]);
  const most = chosen || group ? IN_COMPARISON : Number(asked("n", IN_CHARTS));
  const charted = useMemo(
    () => (group ? turns(chartable, (row) => groupOf(group, row), most) : chartable.slice(0, most)),
    [chartable, group, most],
  );
  const colours = useMemo(() => {
    if (!hasCharts || !table) return null;
    const ids = charted.map((row) => table.ids[row]);
    return styles(ids, dark.value);
  }, [charted, hasCharts, dark.value]);
  const drawn = all.filter((each) => each.kind === "metrics" && charted.some((row) => has(each, row)));
  const keys = [...new Set(drawn.map((each) => each.key))];
  const chartLines = charted.map((row) => ({
    id: table!.ids[row],
    name: table!.names[row],
    style: colours!.get(table!.ids[row])!,
    ...(group && { group: groupOf(group, row) }),
  }));
  return { chartLines, keys, colours, chartable: chartable.length, chosen };
}
