// Runs as a CSV or JSON file.
import { type Column, infoColumns, type Table } from "../../logic/columns.ts";
import { csv, text as textOf } from "../../logic/rows.ts";
import { download } from "../../state.ts";

export type Kind = "csv" | "json";

export const columnOf = (table: Table, id: string) =>
  table.columns.get(id) ?? infoColumns(table).find((column) => column.id === id);

function cellOf(column: Column, row: number) {
  if (column.has && !column.has[row]) return undefined;
  const found = column.texts ? column.texts[row] : column.numbers![row];
  return typeof found === "number" && !Number.isFinite(found) ? String(found) : found;
}

/** Saves these rows of a table with the columns that are shown; `name` is the experiment's. */
export function save(kind: Kind, name: string, table: Table, rows: number[], shown: Column[]): void {
  const columns = shown
    .map((column) => columnOf(table, column.id) ?? column)
    .filter((column) => column.id !== "run_id");
  const file = `${name.replace(/[^\w.-]+/g, "-") || "runs"}.${kind}`;
  if (kind === "csv") {
    const header = ["run_id", "run_name", ...columns.map((column) => column.id)];
    const lines = rows.map((row) => [table.ids[row], table.names[row], ...columns.map((each) => textOf(each, row))]);
    download(file, csv(header, lines), "text/csv");
    return;
  }
  const found = rows.map((row) => ({
    run_id: table.ids[row],
    run_name: table.names[row],
    ...Object.fromEntries(columns.map((column) => [column.id, cellOf(column, row)])),
  }));
  download(file, JSON.stringify(found, null, 1), "application/json");
}
