// The runs of an experiment: one toolbar, then a table, charts, or both.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError, get, MLFLOW, post, session } from "../api.ts";
import { useKeys } from "../keys.ts";
import { failing, paused, updated } from "../live.ts";
import { better, telling } from "../logic/better.ts";
import { styles } from "../logic/colours.ts";
import { type Column, infoColumns, lacking, type Table, tagged } from "../logic/columns.ts";
import { and, field, literal, quoted, toFilter, without } from "../logic/filter.ts";
import { ago, count, plural } from "../logic/format.ts";
import {
  csv,
  flat,
  grouped,
  groupOf,
  type Line,
  nextOrder,
  type Order,
  parseOrder,
  sorted,
  text as textOf,
  tree,
  turns,
  writeOrder,
} from "../logic/rows.ts";
import { keepOrder } from "../order.ts";
import { Button, Empty, exampleCode, Failure, Item, Menu, Skeleton, Status, useLoad } from "../parts/basic.tsx";
import { Cards } from "../parts/cards.tsx";
import { Columns } from "../parts/columns.tsx";
import { ask, type Deed, useDeeds } from "../parts/deeds.tsx";
import { Grid, type Heat } from "../parts/grid.tsx";
import { crumbs, experimentCrumb } from "../parts/header.tsx";
import { Icon } from "../parts/icon.tsx";
import { lazy } from "../parts/lazy.tsx";
import { Search } from "../parts/search.tsx";
import { Views } from "../parts/views.tsx";
import { asked, go, href, runHref, setQuery } from "../route.ts";
import { dark, download, narrow, say, title } from "../state.ts";
import { near } from "../together.ts";
import { Choice } from "./choice.ts";
import { useTable } from "./table.ts";

const Brushing = lazy(() => import("./compare.tsx").then((module) => module.Brushing));
const Charts = lazy(() => import("../parts/charts.tsx").then((module) => module.Charts));

const IN_CHARTS = "20"; // runs, unless some are selected
const IN_COMPARISON = 100;
const USUALLY_SHOWN = 60; // columns
const CUT = 500; // characters, after which tables of the server have no more of a text

/** The columns that the address names, else those that say something. */
export function chosenColumns(all: Column[], named: string): Column[] {
  const byId = new Map(all.map((column) => [column.id, column]));
  if (named) return named.split(",").flatMap((id) => byId.get(decodeURIComponent(id)) ?? []);
  const info = ["status", "start_time", "duration"].map((id) => byId.get(id)!);
  const user = byId.get("user_id")!;
  const metrics = telling(all.filter((column) => column.kind === "metrics" && column.id.startsWith("metrics.")));
  const params = all.filter((column) => column.kind === "params" && column.differs);
  return [...info, ...(user.differs ? [user] : []), ...metrics, ...params].slice(0, USUALLY_SHOWN);
}

const ids = (text: string) => text.split(",").filter(Boolean).map(decodeURIComponent);

/** "metrics.loss~tint,params.lr~bar": how columns show their numbers besides writing them. */
const heatOf = (text: string): Map<string, Heat> =>
  new Map(
    text
      .split(",")
      .filter(Boolean)
      .map((each) => {
        const [id, kind] = each.split("~");
        return [decodeURIComponent(id), kind === "tint" ? "tint" : "bar"];
      }),
  );

/** Which aggregates the shown columns, the order and the group need. */
function aggregatesOf(...named: string[]): string[] {
  const found = new Set(["last"]);
  for (const id of named.flatMap(ids)) {
    const match = /^-?(\w+)\(metrics\./.exec(id);
    if (match) found.add(match[1]);
  }
  return [...found];
}

/** An order in the server's language. */
function orderBy(order: Order[]): string[] {
  return order.map(({ id, descending }) => {
    const match = /^(?:(\w+)\()?(metrics|params|tags)\.(.*?)\)?$/s.exec(id);
    const name = match ? `${match[2]}.${quoted(match[1] ? match[3] : id.slice(match[2].length + 1))}` : id;
    return `${match?.[1] ? `${match[1]}(${name})` : name} ${descending ? "DESC" : "ASC"}`;
  });
}

export function Runs({ experiment }: { experiment: string }) {
  const query = asked("q");
  const named = asked("cols");
  const order = parseOrder(asked("sort"));
  const deleted = asked("deleted") === "1";
  const view = asked("view", "table");
  const info = useLoad((signal) => loadExperiment(experiment, signal), [experiment]);
  const {
    table: loaded,
    error,
    busy,
    set,
    latest,
    reload,
    loadMore,
  } = useTable({
    experiment,
    text: query,
    deleted,
    aggregates: aggregatesOf(named, asked("sort")),
    orderBy: orderBy(order),
  });
  const [shownTable, perform] = useDeeds(loaded, set);
  const table = shownTable ?? null;
  const [choice, setChoice] = useState(new Choice());
  const [toggled, setToggled] = useState<Set<string>>(new Set());
  const [now, setNow] = useState(-1);
  const lastPick = useRef(-1);
  const together = view === "split" ? near : null; // what is pointed at in one is marked in the other
  const name = info.value?.name ?? "";
  useEffect(() => {
    title(name);
    crumbs.value = name ? [experimentCrumb(experiment, name)] : [];
  }, [name]);
  useEffect(() => (setChoice(new Choice()), setNow(-1)), [query, deleted]);

  const all = useMemo(() => (table ? [...infoColumns(table), ...table.columns.values()] : []), [table]);
  const byId = useMemo(() => new Map(all.map((column) => [column.id, column])), [all]);
  const columns = useMemo(() => (table ? chosenColumns(all, named) : []), [all, named]);
  const group = byId.get(asked("group"));
  const isFlat = asked("flat") === "1" || order.length > 0;
  const [brushed, setBrushed] = useState<number[] | null>(null);
  const inBrushes = view === "parallel" ? brushed : null;
  const matching = useMemo(() => (table ? [...Array(table.size - table.ancestors).keys()] : []), [table]);
  const lines = useMemo(() => {
    if (!table) return [];
    const isList = isFlat || group || inBrushes;
    const shown = inBrushes ?? (isList ? matching : [...Array(table.size).keys()]);
    const rows = sorted(
      shown.filter((row) => row < table.size),
      order,
      (id) => byId.get(id),
    );
    if (group) return grouped(rows, group, toggled);
    return isList ? flat(rows) : tree(table, rows, toggled);
  }, [table, asked("sort"), isFlat, group, toggled, inBrushes]);

  const widths = useMemo(() => {
    const pairs = asked("w")
      .split(",")
      .filter(Boolean)
      .map((each) => each.split("~"));
    return Object.fromEntries(pairs.map(([id, width]) => [decodeURIComponent(id), Number(width)]));
  }, [asked("w")]);

  const pinned = useMemo(() => new Set(ids(asked("fix"))), [asked("fix")]);
  const heat = useMemo(() => heatOf(asked("heat")), [asked("heat")]);

  const seen = useRef<string[]>([]);
  seen.current = useMemo(() => [...allRowsOf(lines)].map((row) => table!.ids[row]), [lines]);
  useEffect(() => () => keepOrder(seen.current), []);

  const chosen = table ? choice.count(table.total) : 0;
  const hasCharts = view === "split" || view === "charts";
  const chartable = useMemo(() => {
    if (!table || !hasCharts) return [];
    const unique = [...allRowsOf(lines)];
    const some = choice.count(table.total) > 0;
    const wanted = some ? unique.filter((row) => choice.has(table.ids[row])) : unique;
    // Parents without metrics of their own have no line.
    const metrics = all.filter((column) => column.kind === "metrics");
    return wanted.filter((row) => metrics.some(({ has }) => !has || has[row]));
  }, [table, view, lines, choice]);
  const most = chosen || group ? IN_COMPARISON : Number(asked("n", IN_CHARTS));
  const charted = useMemo(
    () => (group ? turns(chartable, (row) => groupOf(group, row), most) : chartable.slice(0, most)),
    [chartable, group, most],
  );
  const colours = useMemo(
    () =>
      !hasCharts || !table
        ? null
        : styles(
            charted.map((row) => table.ids[row]),
            dark.value,
          ),
    [charted, view, dark.value],
  );

  /** The table with all runs that match, also those that were not loaded. */
  const whole = async (): Promise<Table> => {
    let found = loaded!;
    while (found.token) found = await loadMore();
    return found;
  };
  const matchingIn = (all: Table) => [...Array(all.size - all.ancestors).keys()];
  const selectedIds = async (): Promise<string[]> => {
    if (!choice.everything) return [...choice.ids];
    const all = await whole();
    return matchingIn(all)
      .map((row) => all.ids[row])
      .filter((id) => choice.has(id));
  };
  const saveSelected = async (kind: "csv" | "json") => {
    const all = choice.everything ? await whole() : table!;
    save(
      kind,
      name,
      all,
      matchingIn(all).filter((row) => choice.has(all.ids[row])),
      columns,
    );
  };
  /** What the table shows, in its order; and all of it, where not all was loaded. */
  const saveShown = async (kind: "csv" | "json") => {
    const all = await whole();
    const rows = all === loaded ? rowsOf(lines, table!) : sorted(matchingIn(all), order, (id) => columnOf(all, id));
    save(kind, name, all, rows, columns);
  };

  /** Requests for many runs; whatever became of them, the table then says what is there. */
  const each = async (runs: string[], send: (run_id: string) => Promise<unknown>) => {
    try {
      for (const run_id of runs) await send(run_id);
    } finally {
      reload();
    }
  };
  const change = async () => {
    const runs = await selectedIds();
    const [deed, opposite] = deleted ? ["Restore", "Delete"] : ["Delete", "Restore"];
    const told = (deed: string) => ({
      said: `${deed}d ${plural(runs.length, "run")}`,
      send: () => each(runs, (run_id) => post(`${MLFLOW}runs/${deed.toLowerCase()}`, { run_id })),
    });
    setChoice(new Choice());
    // Runs that come back do so with the table: their place in it may have changed.
    const done = perform({
      ...told(deed),
      change: (now) => lacking(now, new Set(runs)),
      undo: { ...told(opposite), change: (now) => now },
    });
    await done.catch((error) => {
      setChoice(choice);
      throw error;
    });
  };
  const tag = async (key: string, text: string) => {
    const runs = await selectedIds();
    const setting = (said: string, values: Map<string, string | undefined>): Deed<Table> => ({
      said,
      change: (now) => tagged(now, key, values),
      send: () =>
        each(runs, (run_id) => {
          const value = values.get(run_id);
          return post(`${MLFLOW}runs/${value === undefined ? "delete-tag" : "set-tag"}`, { run_id, key, value });
        }),
    });
    const { columns, rowOf } = latest();
    const before = new Map(runs.map((id) => [id, columns.get(`tags.${key}`)?.texts?.[rowOf.get(id)!]]));
    const isWhole = [...before.values()].every((text) => (text?.length ?? 0) < CUT);
    await perform({
      ...setting("Tagged", new Map(runs.map((id) => [id, text]))),
      ...(isWhole && { undo: setting("Undone", before) }),
    });
  };
  const askTag = () =>
    ask({
      title: `Tag ${plural(chosen, "run")}`,
      action: "Set the tag",
      save: (given) => tag(String(given.get("key")), String(given.get("value"))),
      fields: (
        <>
          <label class="field">
            <span>Key</span>
            <input class="input" name="key" required autofocus />
          </label>
          <label class="field">
            <span>Value</span>
            <input class="input" name="value" />
          </label>
        </>
      ),
    });

  const pick = (at: number, event: { shiftKey: boolean }) => {
    const line = lines[at];
    if (!line || line.row < 0) return;
    const on = !choice.has(table!.ids[line.row]);
    const [from, to] =
      event.shiftKey && lastPick.current >= 0 ? [lastPick.current, at].sort((a, b) => a - b) : [at, at];
    const picked = lines
      .slice(from, to + 1)
      .filter((each) => each.row >= 0)
      .map((each) => table!.ids[each.row]);
    lastPick.current = at;
    setChoice(choice.with(picked, on));
  };
  const isAll = inBrushes?.length
    ? inBrushes.every((row) => choice.has(table!.ids[row]))
    : choice.everything && !choice.ids.size;
  const selectAll = () => {
    // In brushes these are the runs that one sees; else all that match, also those not loaded.
    if (isAll) setChoice(new Choice());
    else if (inBrushes)
      setChoice(
        new Choice().with(
          inBrushes.map((row) => table!.ids[row]),
          true,
        ),
      );
    else setChoice(new Choice(true));
  };
  const compare = async () => {
    const chosen = await selectedIds();
    if (chosen.length < 2) return say("Select two runs or more to compare them");
    if (chosen.length > IN_COMPARISON) say(`The first ${IN_COMPARISON} of ${count(chosen.length)} are compared`);
    go(href("compare", { runs: chosen.slice(0, IN_COMPARISON).join(",") }));
  };
  const step = (by: number) => {
    if (!lines.length) return;
    setNow(Math.max(0, Math.min(lines.length - 1, now + by)));
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    x: () => now >= 0 && pick(now, { shiftKey: false }),
    Enter: () => {
      const line = lines[now];
      if (line?.row >= 0) go(runHref(table!.ids[line.row]));
      else if (line) toggle(line);
    },
    ArrowRight: () => lines[now]?.children && !lines[now].open && toggle(lines[now]),
    ArrowLeft: () => lines[now]?.open && toggle(lines[now]),
    c: () => void compare(),
    ...(choice.count(table?.total ?? 0) > 0 && { Escape: () => setChoice(new Choice()) }),
  });

  const toggle = (line: Line) => {
    const id = line.group ? `group ${line.group.value}` : table!.ids[line.row];
    const next = new Set(toggled);
    next.delete(id) || next.add(id);
    setToggled(next);
  };
  const setColumns = (list: Column[] | null) =>
    setQuery({ cols: list?.map((each) => encodeURIComponent(each.id)).join(",") });
  const move = (id: string, by: string | number) => {
    const moved = byId.get(id);
    if (!moved || id === by) return;
    const rest = columns.filter((each) => each.id !== id);
    const to = typeof by === "number" ? columns.indexOf(moved) + by : rest.findIndex((each) => each.id === by);
    rest.splice(Math.max(0, to), 0, moved);
    setColumns(rest);
  };
  const pin = (id: string) => {
    const next = pinned.has(id) ? [...pinned].filter((each) => each !== id) : [...pinned, id];
    setQuery({ fix: next.map(encodeURIComponent).join(",") });
  };
  const warm = (id: string, kind: Heat | null) => {
    const next = new Map(heat);
    if (kind) next.set(id, kind);
    else next.delete(id);
    setQuery({ heat: [...next].map(([id, kind]) => `${encodeURIComponent(id)}~${kind}`).join(",") });
  };
  const resize = (id: string, width: number | null) => {
    const next = { ...widths, [id]: width };
    setQuery({
      w: Object.entries(next)
        .flatMap(([id, width]) => (width ? [`${encodeURIComponent(id)}~${width}`] : []))
        .join(","),
    });
  };
  const sort = (column: Column, add: boolean, descending?: boolean) => {
    if (descending !== undefined) return setQuery({ sort: writeOrder([{ id: column.id, descending }]) });
    const firstDown = !!column.numbers && better(column.key) >= 0;
    setQuery({ sort: writeOrder(nextOrder(order, column.id, add, firstDown)) });
  };

  if (info.error) {
    return info.error instanceof ApiError && info.error.status === 404 ? (
      <div class="note">
        <h1>No such experiment</h1>
        <p class="dim">{info.error.message}</p>
        <a class="button" href={href("")}>
          All experiments
        </a>
      </div>
    ) : (
      <Failure what="The experiment could not be loaded" error={info.error} retry={info.retry} />
    );
  }
  const filterError = error instanceof ApiError && error.status === 400 && query ? error : null;
  const writes = session.value?.read_only === false;
  const keys = [
    ...new Set(
      all
        .filter((each) => each.kind === "metrics" && charted.some((row) => !each.has || each.has[row]))
        .map((each) => each.key),
    ),
  ];
  const chartLines = table
    ? charted.map((row) => ({
        id: table.ids[row],
        name: table.names[row],
        style: colours!.get(table.ids[row])!,
        ...(group && { group: groupOf(group, row) }),
      }))
    : [];
  const said = !table ? (
    ""
  ) : chosen ? (
    plural(charted.length, "selected run")
  ) : charted.length === chartable.length ? (
    plural(charted.length, "run")
  ) : group ? (
    `${count(charted.length)} of ${plural(chartable.length, "run")}`
  ) : (
    <HowMany total={table.total} />
  );

  const grid =
    table &&
    (narrow.value ? (
      <Cards
        table={table}
        lines={lines}
        columns={columns}
        pinned={pinned}
        isSelected={(id) => choice.has(id)}
        onSelect={pick}
        onToggle={toggle}
      />
    ) : (
      <Grid
        table={table}
        lines={lines}
        columns={view === "split" ? columns.filter((each) => each.kind !== "info" || each.id === "status") : columns}
        pinned={pinned}
        widths={widths}
        order={order}
        now={now}
        colours={colours}
        heat={heat}
        choice={choice}
        selected={isAll ? "all" : chosen > 0 ? "some" : "none"}
        on={{
          sort,
          select: pick,
          toggle,
          resize,
          move,
          pin,
          heat: warm,
          now: setNow,
          hide: (id) => setColumns(columns.filter((each) => each.id !== id)),
          selectAll,
          hover: together ? (id) => void (near.value = id) : undefined,
        }}
        near={together}
      />
    ));
  const body = !table ? (
    filterError ? (
      <Empty title="The filter cannot be read">
        <code>{query}</code> <Button onClick={() => setQuery({ q: null }, false)}>Clear the search</Button>
      </Empty>
    ) : error ? (
      <Failure what="The runs could not be loaded" error={error} retry={reload} />
    ) : (
      <Skeleton columns={8} />
    )
  ) : !table.size ? (
    <Nothing name={name} query={query} deleted={deleted} />
  ) : view === "charts" ? (
    <div class="chart-area">
      <Charts lines={chartLines} keys={keys} said={said} />
    </div>
  ) : view === "split" ? (
    <div class="split">
      <div class="fill">{grid}</div>
      <div class="chart-area">
        <Charts lines={chartLines} keys={keys} said={said} legend={false} />
      </div>
    </div>
  ) : view === "parallel" ? (
    <>
      <Brushing all={all} rows={matching} onBrush={setBrushed} />
      {inBrushes?.length === 0 ? (
        <Empty title="No run is in all brushes">Clear one of them, or make it wider.</Empty>
      ) : (
        grid
      )}
    </>
  ) : (
    grid
  );

  return (
    <div class="fill fixed-height" style={{ position: "relative" }}>
      {busy && table && <div class="progress" />}
      <h1 class="unseen">Runs of {name}</h1>
      {info.value?.deleted && (
        <div class="banner">
          This experiment is deleted.{" "}
          {writes && <Button onClick={() => restore(experiment, info.retry)}>Restore</Button>}
        </div>
      )}
      <div class="bar">
        <Search
          experiment={experiment}
          value={query}
          error={filterError}
          instant={!!table && !table.token}
          onSearch={(text) => setQuery({ q: text || null }, false)}
        />
        <div class="segments" role="group" aria-label="View">
          {(
            [
              ["table", "Table"],
              ["split", "Table and charts"],
              ["charts", "Charts"],
              ["parallel", "Parallel coordinates"],
            ] as const
          ).map(([each, label]) => (
            <Button
              key={each}
              icon={each === "charts" ? "chart" : each}
              label={label}
              class={each === "split" || each === "parallel" ? "hide-narrow" : ""}
              aria-pressed={view === each}
              onClick={() => setQuery({ view: each === "table" ? null : each }, false)}
            />
          ))}
        </div>
        <Columns all={all} shown={columns} named={!!named} set={setColumns} pinned={pinned} pin={pin} />
        <Views experiment={experiment} />
      </div>
      <div class="bar low scrolls">
        {chosen > 0 && table ? (
          <>
            <b class="nowrap">{count(chosen)} selected</b>
            <Button icon="compare" onClick={compare}>
              Compare
            </Button>
            {writes && !deleted && (
              <Button icon="tag" onClick={askTag}>
                Tag…
              </Button>
            )}
            {writes && (
              <Button icon={deleted ? "restore" : "trash"} onClick={change}>
                {deleted ? "Restore" : "Delete"}
              </Button>
            )}
            <Button icon="download" onClick={() => saveSelected("csv")}>
              CSV
            </Button>
            <Button icon="download" onClick={() => saveSelected("json")}>
              JSON
            </Button>
            <Button plain icon="close" onClick={() => setChoice(new Choice())}>
              Clear
            </Button>
          </>
        ) : (
          <>
            <Chips query={query} table={table} />
            <GroupBy all={all} />
            <span class="grow" />
            <span class="nowrap dim total" aria-live="off">
              {table && said_(table)}
            </span>
            <Refresh table={table} reload={reload} />
            {table && (
              <Menu label="Download and more" icon="more" plain>
                {(close) => (
                  <>
                    <Item icon="download" onClick={() => (close(), saveShown("csv"))}>
                      Download as CSV
                    </Item>
                    <Item icon="download" onClick={() => (close(), saveShown("json"))}>
                      Download as JSON
                    </Item>
                    <hr />
                    <Item icon="trash" onClick={() => (close(), setQuery({ deleted: deleted ? null : "1" }, false))}>
                      {deleted ? "Show active runs" : "Show deleted runs"}
                    </Item>
                  </>
                )}
              </Menu>
            )}
          </>
        )}
      </div>
      {deleted && (
        <div class="banner">
          <Icon name="trash" /> Deleted runs.{" "}
          <Button onClick={() => setQuery({ deleted: null })}>Show active runs</Button>
        </div>
      )}
      {table?.token && (
        <div class="banner">
          The first {count(table.size - table.ancestors)} of {count(table.total)} runs.{" "}
          <span>Sorting and filters look at all.</span> <Button onClick={() => void loadMore()}>Load more</Button>
        </div>
      )}
      <div class={`fill ${busy && table ? "stale" : ""}`}>{body}</div>
    </div>
  );
}

async function loadExperiment(id: string, signal: AbortSignal) {
  void signal;
  const { experiment } = await get(`${MLFLOW}experiments/get`, { experiment_id: id });
  return { name: experiment.name as string, deleted: experiment.lifecycle_stage === "deleted" };
}

async function restore(experiment: string, done: () => void) {
  await post(`${MLFLOW}experiments/restore`, { experiment_id: experiment });
  done();
}

/** The rows that lines show, those of closed groups as well. */
const allRowsOf = (lines: Line[]) => new Set(lines.flatMap((line) => line.group?.rows ?? [line.row]));

/** Those of them that match themselves. */
const rowsOf = (lines: Line[], table: Table) =>
  [...allRowsOf(lines)].filter((row) => row < table.size - table.ancestors);

function said_(table: Table): string {
  const { RUNNING = 0, FAILED = 0 } = table.statuses;
  return [plural(table.total, "run"), RUNNING && `${count(RUNNING)} running`, FAILED && `${count(FAILED)} failed`]
    .filter(Boolean)
    .join(", ");
}

const columnOf = (table: Table, id: string) =>
  table.columns.get(id) ?? infoColumns(table).find((column) => column.id === id);

function save(kind: "csv" | "json", name: string, table: Table, rows: number[], shown: Column[]): void {
  const columns = shown.map((column) => columnOf(table, column.id) ?? column);
  const file = `${name.replace(/[^\w.-]+/g, "-") || "runs"}.${kind}`;
  const others = columns.filter((column) => column.id !== "run_id");
  if (kind === "csv") {
    const header = ["run_id", "run_name", ...others.map((column) => column.id)];
    const lines = rows.map((row) => [table.ids[row], table.names[row], ...others.map((column) => textOf(column, row))]);
    download(file, csv(header, lines), "text/csv");
    return;
  }
  const value = (column: Column, row: number) => {
    if (column.has && !column.has[row]) return undefined;
    const found = column.texts ? column.texts[row] : column.numbers![row];
    return typeof found === "number" && !Number.isFinite(found) ? String(found) : found;
  };
  const found = rows.map((row) => ({
    run_id: table.ids[row],
    run_name: table.names[row],
    ...Object.fromEntries(others.map((column) => [column.id, value(column, row)])),
  }));
  download(file, JSON.stringify(found, null, 1), "application/json");
}

function HowMany({ total }: { total: number }) {
  return (
    <label class="side">
      first
      <select
        class="input"
        aria-label="Runs in charts"
        value={asked("n", IN_CHARTS)}
        onChange={(event) =>
          setQuery({ n: event.currentTarget.value === IN_CHARTS ? null : event.currentTarget.value })
        }
      >
        {["10", IN_CHARTS, "60", "100"].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      of {plural(total, "run")}
    </label>
  );
}

const SPANS: [string, number][] = [
  ["Last hour", 3600e3],
  ["Last day", 86_400e3],
  ["Last week", 7 * 86_400e3],
];

function Chips({ query, table }: { query: string; table: Table | null }) {
  const filter = toFilter(query);
  const chip = (condition: string, label: preact.ComponentChildren) => {
    const on = filter.includes(condition);
    return (
      <button
        type="button"
        key={condition}
        class="chip"
        aria-pressed={on}
        onClick={() => setQuery({ q: on ? without(filter, condition) : and(query, condition) }, false)}
      >
        {label}
      </button>
    );
  };
  const statuses = ["RUNNING", "FINISHED", "FAILED", "KILLED"].filter(
    (each) => table?.statuses[each] || filter.includes(`status = '${each}'`),
  );
  const time = /start_time > \d+/.exec(filter)?.[0];
  const tags = table
    ? [...table.columns.values()]
        .filter((each) => each.kind === "tags" && !each.key.startsWith("mlflow.") && each.differs)
        .slice(0, 6)
    : [];
  return (
    <>
      {statuses.length > 1 || filter.includes("status =")
        ? statuses.map((status) => chip(`status = '${status}'`, <Status status={status} />))
        : null}
      <Menu
        label="By time"
        text={
          <>
            {time ? "Time ✓" : "Time"} <Icon name="down" size={12} />
          </>
        }
        plain
        left
      >
        {(close) => (
          <>
            {SPANS.map(([label, span]) => (
              <Item
                key={label}
                onClick={() => (
                  close(),
                  setQuery({ q: and(time ? without(filter, time) : query, `start_time > ${Date.now() - span}`) }, false)
                )}
              >
                {label}
              </Item>
            ))}
            {time && (
              <Item icon="close" onClick={() => (close(), setQuery({ q: without(filter, time) }, false))}>
                Any time
              </Item>
            )}
          </>
        )}
      </Menu>
      {tags.length > 0 && (
        <Menu
          label="By tag"
          text={
            <>
              Tags <Icon name="down" size={12} />
            </>
          }
          plain
          left
        >
          {(close) =>
            tags.map((column) => {
              const values = [...new Set(column.texts!.filter((each) => each !== undefined))].slice(0, 8);
              return (
                <div key={column.id}>
                  <h2>{column.key}</h2>
                  {values.map((value) => {
                    const condition = `tags.${quoted(column.key)} = ${literal(value!)}`;
                    const on = filter.includes(condition);
                    return (
                      <Item
                        key={value}
                        icon={on ? "check" : undefined}
                        onClick={() => (
                          close(), setQuery({ q: on ? without(filter, condition) : and(query, condition) }, false)
                        )}
                      >
                        {value}
                      </Item>
                    );
                  })}
                </div>
              );
            })
          }
        </Menu>
      )}
    </>
  );
}

function GroupBy({ all }: { all: Column[] }) {
  const now = asked("group");
  const choices = all.filter(
    (column) =>
      (column.kind === "params" || (column.kind === "tags" && !column.key.startsWith("mlflow."))) && column.differs,
  );
  const nested = all.some((column) => column.id === "tags.mlflow.parentRunId");
  return (
    <>
      {choices.length > 0 && (
        <Menu
          label="Group by"
          text={
            <>
              {now ? `By ${field(now).key}` : "Group"} <Icon name="down" size={12} />
            </>
          }
          plain
          left
        >
          {(close) => (
            <>
              {now && (
                <Item icon="close" onClick={() => (close(), setQuery({ group: null }))}>
                  No groups
                </Item>
              )}
              {choices.slice(0, 40).map((column) => (
                <Item
                  key={column.id}
                  icon={now === column.id ? "check" : undefined}
                  onClick={() => (close(), setQuery({ group: column.id }))}
                >
                  <span class="grow clip">{column.key}</span>
                  <span class="dim small">{column.kind.replace(/s$/, "")}</span>
                </Item>
              ))}
            </>
          )}
        </Menu>
      )}
      {nested && !now && (
        <Button
          plain
          aria-pressed={asked("flat") === "1"}
          title="Show runs within runs in one list"
          onClick={() => setQuery({ flat: asked("flat") === "1" ? null : "1" })}
        >
          Flat
        </Button>
      )}
    </>
  );
}

function Refresh({ table, reload }: { table: Table | null; reload: () => void }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 5000);
    return () => clearInterval(timer);
  }, []);
  if (!table) return null;
  const off = paused.value || failing.value;
  const text = paused.value ? "paused" : failing.value ? "no answer" : `updated ${ago(Math.max(updated.value, 1))}`;
  return (
    <span class="side nowrap dim hide-narrow">
      <span class={`live-dot ${off ? "off" : ""}`} /> {text}
      <Button
        icon={paused.value ? "play" : "pause"}
        label={paused.value ? "Go on with updates" : "Pause updates"}
        plain
        onClick={() => (paused.value = !paused.value)}
      />
      <Button icon="restore" label="Reload" plain onClick={reload} />
    </span>
  );
}

function Nothing({ name, query, deleted }: { name: string; query: string; deleted: boolean }) {
  if (query) {
    return (
      <Empty title="No run matches">
        <code>{toFilter(query)}</code> <Button onClick={() => setQuery({ q: null }, false)}>Clear the search</Button>
      </Empty>
    );
  }
  if (deleted) return <Empty title="Nothing is deleted">Deleted runs of this experiment would be here.</Empty>;
  return (
    <Empty title="No runs yet" code={exampleCode(name)}>
      Log a first run to this experiment:
    </Empty>
  );
}
