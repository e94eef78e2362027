// The runs of an experiment that match, kept up to date. What the page of runs is about.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { OURS, post } from "../../api.ts";
import { follow, following } from "../../lines.ts";
import { useLive } from "../../live.ts";
import { decode, merge, narrowed, type Table } from "../../logic/columns.ts";
import { isFilter, toFilter } from "../../logic/filter.ts";
import { plural } from "../../logic/format.ts";
import { announcement } from "../../state.ts";

export interface Asked {
  experiment: string;
  text: string; // as it was typed; a filter where it is sent
  deleted: boolean;
  aggregates: string[];
  orderBy: string[]; // only matters where not all runs are loaded
}

const PAGE = 10_000;

function request(asked: Asked) {
  return {
    experiment_ids: [asked.experiment],
    filter: asked.text,
    run_view_type: asked.deleted ? "DELETED_ONLY" : "ACTIVE_ONLY",
    aggregates: asked.aggregates,
  };
}

export function useTable(given: Asked) {
  const [state, setState] = useState<{ table: Table | null; filter: string; error: Error | null; busy: boolean }>({
    table: null,
    filter: "",
    error: null,
    busy: true,
  });
  // Where all runs are here, those with words in their names are found without the server.
  const words = given.text.trim();
  const isHere = !!words && !isFilter(words) && !!state.table && !state.table.token && !state.filter;
  const asked = { ...given, text: isHere ? "" : toFilter(given.text) };
  const shown = useMemo(
    () => (isHere ? narrowed(state.table!, words.split(/\s+/)) : state.table),
    [state.table, isHere && words],
  );
  const now = useRef<Table | null>(null);
  const [tries, setTries] = useState(0);
  now.current = state.table;
  const partial = !!state.table?.token;
  const name = JSON.stringify([asked, partial ? asked.orderBy : []]);
  const wanted = { ...request(asked), order_by: asked.orderBy, max_results: PAGE };

  useEffect(() => {
    const control = new AbortController();
    setState((before) => ({ ...before, busy: true }));
    const body = { ...wanted, order_by: partial ? asked.orderBy : [] };
    post(`${OURS}runs/table`, body, control.signal).then(
      (answer) => {
        const table = decode(answer);
        announcement.value = `${plural(table.total, "run")} found`;
        setState({ table, filter: asked.text, error: null, busy: false });
      },
      (error) => error.name === "AbortError" || setState((before) => ({ ...before, error, busy: false })),
    );
    return () => control.abort();
  }, [name, tries]);

  const poll = useCallback(async () => {
    const table = now.current;
    if (!table) return false;
    const running = new Set(table.ids.filter((_, row) => table.statusOf[row] === "RUNNING"));
    const answer = await post(`${OURS}runs/changes`, {
      ...request(asked),
      cursor: table.cursor,
      ...following(running),
    });
    const more = decode(answer.table);
    follow(answer.series ?? []);
    if (now.current !== table) return true; // another table came meanwhile
    const loaded = table.size - table.ancestors;
    const fresh = more.ids.filter((id) => !table.rowOf.has(id)).length;
    if (!table.token && loaded + fresh !== more.total)
      setTries((before) => before + 1); // some were deleted
    else if (more.size) setState((before) => ({ ...before, table: merge(table, more) }));
    else {
      table.cursor = more.cursor;
      if (more.total !== table.total)
        setState((before) => ({ ...before, table: { ...table, total: more.total, statuses: more.statuses } }));
    }
    return more.size > 0;
  }, [name]);
  useEffect(() => {
    if (isHere) announcement.value = `${plural(shown!.total, "run")} found`;
  }, [shown]);
  useLive(!!state.table && !asked.deleted, (state.table?.statuses.RUNNING ?? 0) > 0, poll);

  const loadMore = async (): Promise<Table> => {
    const table = now.current!;
    const more = decode(await post(`${OURS}runs/table`, { ...wanted, page_token: table.token }));
    now.current = merge(table, { ...more, cursor: table.cursor }, false);
    setState((before) => ({ ...before, table: now.current, error: null, busy: false }));
    return now.current;
  };
  const set = (change: (table: Table) => Table) =>
    setState((before) => (before.table ? { ...before, table: change(before.table) } : before));
  return {
    ...state,
    table: shown,
    set,
    latest: () => now.current!,
    reload: () => setTries((before) => before + 1),
    loadMore,
  };
}

export type Runs = ReturnType<typeof useTable>;
