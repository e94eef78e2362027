// Parallel coordinates above the table of runs: what is brushed there is what the table shows.
import "../shared.ts"; // see there
import { useMemo } from "preact/hooks";
import { byImportance } from "../logic/better.ts";
import { type Column, isSystemTag } from "../logic/columns.ts";
import { asked, setQuery } from "../route.ts";
import { Button, Menu } from "./basic.tsx";
import { Parallel } from "./parallel.tsx";

const PARAMS = 7; // axes, unless some are chosen
const CATEGORIES = 30; // values of a param that still make an axis

const names = (text: string) => text.split(",").filter(Boolean).map(decodeURIComponent);

/** Columns that can be axes: numbers, and texts of few values. */
const usable = (all: Column[]) =>
  all.filter((column) => {
    if (column.kind === "tags" && isSystemTag(column.key)) return false;
    if (column.kind === "info") return column.id === "duration";
    return column.numbers || new Set(column.texts).size <= CATEGORIES;
  });

const isVaried = ({ texts, has }: Column) => new Set(texts!.filter((_, row) => !has || has[row])).size > 1;

export function Brushing({
  all,
  rows,
  onBrush,
}: {
  all: Column[];
  rows: number[];
  onBrush: (rows: number[] | null) => void;
}) {
  const choices = useMemo(() => usable(all), [all]);
  const metrics = byImportance(choices.filter((column) => column.kind === "metrics"));
  const by = metrics.find((column) => column.id === asked("by")) ?? metrics[0];
  const chosen = asked("axes");
  const axes = useMemo(() => {
    if (chosen) return names(chosen).flatMap((id) => choices.find((column) => column.id === id) ?? []);
    // Also a param that only some runs have differs, but one value makes no axis.
    const params = choices.filter((column) => column.kind === "params" && isVaried(column)).slice(0, PARAMS);
    return by ? [...params, by] : params;
  }, [choices, chosen, by]);
  const toggle = (column: Column) => {
    const next = axes.includes(column) ? axes.filter((each) => each !== column) : [...axes, column];
    setQuery({ axes: next.map((each) => encodeURIComponent(each.id)).join(",") });
  };
  return (
    <section class="brushing" aria-label="Parallel coordinates">
      <div class="side wrap">
        <Menu
          label="Axes"
          text={
            <>
              Axes <span class="badge">{axes.length}</span>
            </>
          }
          left
        >
          {() => (
            <>
              {choices.map((column) => (
                <label class="item" key={column.id}>
                  <input type="checkbox" checked={axes.includes(column)} onChange={() => toggle(column)} />
                  <span class="grow clip">{column.label}</span>
                  <span class="dim small">{column.kind === "info" ? "" : column.kind.replace(/s$/, "")}</span>
                </label>
              ))}
              {chosen && (
                <Button plain onClick={() => setQuery({ axes: null })}>
                  Usual
                </Button>
              )}
            </>
          )}
        </Menu>
        {by && (
          <label class="side">
            <span class="dim">Colour</span>
            <select class="input" value={by.id} onChange={(event) => setQuery({ by: event.currentTarget.value })}>
              {metrics.map((column) => (
                <option key={column.id} value={column.id}>
                  {column.label}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {axes.length > 1 ? (
        <Parallel columns={axes} rows={rows} by={by} onBrush={onBrush} />
      ) : (
        <p class="dim">Parallel coordinates want two axes at least: params that differ, metrics.</p>
      )}
    </section>
  );
}
