// Selecting runs in the table: by box, by key, a range, all that match.
import { useEffect, useRef, useState } from "preact/hooks";
import { useKeys } from "../../keys.ts";
import type { Table } from "../../logic/columns.ts";
import type { Line } from "../../logic/rows.ts";
import { go, runHref } from "../../route.ts";
import { Choice } from "./choice.ts";

interface Shown {
  table: Table | null;
  lines: Line[];
  brushed: number[] | null;
  toggle: (line: Line) => void;
  compare: () => Promise<void>;
}

/** `reset` is what a selection does not outlive, the search for example. */
export function useChoice(...reset: unknown[]) {
  const [choice, setChoice] = useState(new Choice());
  const [now, setNow] = useState(-1); // the line with the keyboard's mark
  useEffect(() => {
    setChoice(new Choice());
    setNow(-1);
  }, reset);
  return { choice, setChoice, now, setNow };
}

export type Chosen = ReturnType<typeof useChoice>;

export function useSelection({ choice, setChoice, now, setNow }: Chosen, shown: Shown) {
  const { table, lines, brushed, toggle, compare } = shown;
  const lastPick = useRef(-1);
  const idsOf = (rows: number[]) => rows.map((row) => table!.ids[row]);

  const select = (at: number, event: { shiftKey: boolean }) => {
    const line = lines[at];
    if (!line || line.row < 0) return;
    const on = !choice.has(table!.ids[line.row]);
    const [from, to] =
      event.shiftKey && lastPick.current >= 0 ? [lastPick.current, at].sort((a, b) => a - b) : [at, at];
    const picked = lines.slice(from, to + 1).flatMap(({ row }) => (row >= 0 ? [row] : []));
    lastPick.current = at;
    setChoice(choice.with(idsOf(picked), on));
  };
  const isAll = brushed?.length ? idsOf(brushed).every((id) => choice.has(id)) : choice.everything && !choice.ids.size;
  const selectAll = () => {
    // In brushes these are the runs that one sees; else all that match, also those not loaded.
    if (isAll) setChoice(new Choice());
    else setChoice(brushed ? new Choice().with(idsOf(brushed), true) : new Choice(true));
  };
  const step = (by: number) => {
    if (lines.length) setNow(Math.max(0, Math.min(lines.length - 1, now + by)));
  };
  const open = () => {
    const line = lines[now];
    if (line?.row >= 0) go(runHref(table!.ids[line.row]));
    else if (line) toggle(line);
  };
  const chosen = table ? choice.count(table.total) : 0;
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    x: () => now >= 0 && select(now, { shiftKey: false }),
    Enter: open,
    ArrowRight: () => lines[now]?.children && !lines[now].open && toggle(lines[now]),
    ArrowLeft: () => lines[now]?.open && toggle(lines[now]),
    c: () => void compare(),
    ...(chosen > 0 && { Escape: () => setChoice(new Choice()) }),
  });
  const state: "all" | "some" | "none" = isAll ? "all" : chosen > 0 ? "some" : "none";
  return { select, selectAll, state };
}
