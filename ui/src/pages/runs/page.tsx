// The runs of an experiment: one toolbar, then a table, charts, or both.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, get, MLFLOW, post, session } from "../../api.ts";
import { near } from "../../chart-state.ts";
import type { Table } from "../../logic/columns.ts";
import { define } from "../../logic/definitions.ts";
import { toFilter } from "../../logic/filter.ts";
import { count, plural } from "../../logic/format.ts";
import { parseOrder, sorted } from "../../logic/rows.ts";
import { Button, Empty, exampleCode, Failure, Skeleton, useLoad } from "../../parts/basic.tsx";
import { Cards } from "../../parts/cards.tsx";
import { Columns as ColumnMenu } from "../../parts/columns.tsx";
import { Grid } from "../../parts/grid.tsx";
import { crumbs, experimentCrumb } from "../../parts/header.tsx";
import { Icon } from "../../parts/icon.tsx";
import { lazy } from "../../parts/lazy.tsx";
import { useOptimistic } from "../../parts/optimistic.tsx";
import { Search } from "../../parts/search.tsx";
import { Views } from "../../parts/views.tsx";
import { asked, href, setQuery } from "../../route.ts";
import { narrow, title } from "../../state.ts";
import { askTag, compare, moveSelected, selectedIds } from "./actions.tsx";
import { useCharted } from "./charted.ts";
import { Choice } from "./choice.ts";
import { aggregatesOf, columnActions, orderBy, useColumns } from "./columns.ts";
import { columnOf, type Kind, save } from "./download.ts";
import { Chips } from "./filters.tsx";
import { allRowsOf, matchingIn, useTableLines } from "./lines.ts";
import { useChoice, useSelection } from "./selection.ts";
import { useTable } from "./table.ts";
import { GroupBy, HowMany, MoreMenu, Refresh, SelectionBar, summaryOf, ViewSwitch } from "./toolbar.tsx";

const Brushing = lazy(() => import("../compare.tsx").then((module) => module.Brushing));
const Charts = lazy(() => import("../../parts/charts.tsx").then((module) => module.Charts));

export function Runs({ experiment }: { experiment: string }) {
  const query = asked("q");
  const deleted = asked("deleted") === "1";
  const view = asked("view", "table");
  const info = useLoad(() => loadExperiment(experiment), [experiment]);
  const loaded = useTable({
    experiment,
    text: query,
    deleted,
    aggregates: aggregatesOf(asked("cols"), asked("sort")),
    orderBy: orderBy(parseOrder(asked("sort"))),
  });
  const { error, busy, reload, loadMore } = loaded;
  const [shown, perform] = useOptimistic(loaded.table, loaded.set);
  const table = shown ?? null;
  const chosen = useChoice(query, deleted);
  const { choice } = chosen;
  const name = info.value?.name ?? "";
  useEffect(() => {
    title(name);
    crumbs.value = name ? [experimentCrumb(experiment, name)] : [];
  }, [name]);

  const columns = useColumns(table);
  const [brushed, setBrushed] = useState<number[] | null>(null);
  const inBrushes = view === "parallel" ? brushed : null;
  const { lines, matching, group, toggle } = useTableLines(table, columns, inBrushes);
  const hasCharts = view === "split" || view === "charts";
  const charted = useCharted({ table, lines, all: columns.all, group, choice, hasCharts });

  /** The table with all runs that match, also those that were not loaded. */
  const whole = async (): Promise<Table> => {
    let found = loaded.table!;
    while (found.token) found = await loadMore();
    return found;
  };
  const selected = () => selectedIds(choice, whole);
  const compareSelected = async () => compare(await selected());
  const selection = useSelection(chosen, { table, lines, brushed: inBrushes, toggle, compare: compareSelected });
  const saveSelected = async (kind: Kind) => {
    const all = choice.everything ? await whole() : table!;
    const rows = matchingIn(all).filter((row) => choice.has(all.ids[row]));
    save(kind, name, all, rows, columns.columns);
  };
  /** What the table shows, in its order; and all of it, where not all was loaded. */
  const saveShown = async (kind: Kind) => {
    const all = await whole();
    const own = [...allRowsOf(lines)].filter((row) => row < all.size - all.ancestors);
    const rows = all === loaded.table ? own : sorted(matchingIn(all), columns.order, (id) => columnOf(all, id));
    save(kind, name, all, rows, columns.columns);
  };

  if (info.error) return <NoExperiment error={info.error} retry={info.retry} />;
  const filterError = error instanceof ApiError && error.status === 400 && query ? error : null;
  const writes = session.value?.read_only === false;
  const rows = table && (
    <Rows {...{ table, lines, columns, charted, chosen, selection, toggle }} isSplit={view === "split"} />
  );
  return (
    <div class="fill fixed-height" style={{ position: "relative" }}>
      {busy && table && <div class="progress" />}
      <h1 class="unseen">Runs of {name}</h1>
      {info.value?.deleted && <DeletedExperiment {...{ experiment, writes }} done={info.retry} />}
      <div class="bar">
        <Search
          experiment={experiment}
          value={query}
          error={filterError}
          instant={!!table && !table.token}
          onSearch={(text) => setQuery({ q: text || null }, false)}
        />
        <ViewSwitch view={view} />
        <ColumnMenu
          all={columns.all}
          shown={columns.columns}
          named={columns.isNamed}
          set={columns.show}
          pinned={columns.pinned}
          pin={columnActions(columns).pin}
        />
        <Views experiment={experiment} />
      </div>
      <div class="bar low scrolls">
        {charted.chosen > 0 && table ? (
          <SelectionBar
            chosen={charted.chosen}
            deleted={deleted}
            writes={writes}
            compare={compareSelected}
            tag={() => askTag(charted.chosen, selected, loaded, perform)}
            move={async () => moveSelected(await selected(), deleted, chosen, loaded, perform)}
            save={saveSelected}
            clear={() => chosen.setChoice(new Choice())}
          />
        ) : (
          <>
            <Chips query={query} table={table} />
            <GroupBy all={columns.all} />
            <span class="grow" />
            <span class="nowrap dim total" aria-live="off">
              {table && summaryOf(table)}
            </span>
            <Refresh table={table} reload={reload} />
            {table && <MoreMenu deleted={deleted} save={saveShown} />}
          </>
        )}
      </div>
      <Banners {...{ table, deleted, loadMore }} />
      <div class={`fill ${busy && table ? "stale" : ""}`}>
        {!table ? (
          <Waiting {...{ query, filterError, error, reload }} />
        ) : !table.size ? (
          <Nothing name={name} query={query} deleted={deleted} />
        ) : (
          <Body {...{ view, rows, charted }} message={howManyCharted(table, charted, !!group)}>
            <Brushing all={columns.all} rows={matching} onBrush={setBrushed} />
            {inBrushes?.length === 0 ? (
              <Empty title="No run is in all brushes">Clear one of them, or make it wider.</Empty>
            ) : (
              rows
            )}
          </Body>
        )}
      </div>
    </div>
  );
}

type Charted = ReturnType<typeof useCharted>;

interface RowsProps {
  table: Table;
  lines: ReturnType<typeof useTableLines>["lines"];
  columns: ReturnType<typeof useColumns>;
  charted: Charted;
  chosen: ReturnType<typeof useChoice>;
  selection: ReturnType<typeof useSelection>;
  toggle: ReturnType<typeof useTableLines>["toggle"];
  isSplit: boolean;
}

/** The table itself, or cards in a narrow window. */
function Rows({ table, lines, columns, charted, chosen, selection, toggle, isSplit }: RowsProps) {
  const { columns: list, pinned, widths, order, heat } = columns;
  const { choice, now, setNow } = chosen;
  if (narrow.value) {
    return (
      <Cards
        {...{ table, lines, columns: list, pinned }}
        isSelected={(id) => choice.has(id)}
        onSelect={selection.select}
        onToggle={toggle}
      />
    );
  }
  const beside = isSplit ? near : null; // what is pointed at in a chart is marked here, and the other way
  return (
    <Grid
      {...{ table, lines, pinned, widths, order, now, heat, choice }}
      columns={isSplit ? list.filter((each) => each.kind !== "info" || each.id === "status") : list}
      colours={charted.colours}
      selected={selection.state}
      on={{
        ...columnActions(columns),
        select: selection.select,
        selectAll: selection.selectAll,
        toggle,
        now: setNow,
        hover: beside ? (id) => void (beside.value = id) : undefined,
      }}
      near={beside}
    />
  );
}

interface BodyProps {
  view: string;
  rows: ComponentChildren;
  charted: Charted;
  message: ComponentChildren;
  children: ComponentChildren; // parallel coordinates
}

function Body({ view, rows, charted, message, children }: BodyProps) {
  const { chartLines, keys } = charted;
  if (view === "charts") {
    return (
      <div class="chart-area">
        <Charts lines={chartLines} keys={keys} message={message} />
      </div>
    );
  }
  if (view === "split") {
    return (
      <div class="split">
        <div class="fill">{rows}</div>
        <div class="chart-area">
          <Charts lines={chartLines} keys={keys} message={message} legend={false} />
        </div>
      </div>
    );
  }
  return <>{view === "parallel" ? children : rows}</>;
}

/** Of how many runs the charts are. */
function howManyCharted(table: Table, { chosen, chartLines, chartable }: Charted, isGrouped: boolean) {
  if (chosen) return plural(chartLines.length, "selected run");
  if (chartLines.length === chartable) return plural(chartable, "run");
  if (isGrouped) return `${count(chartLines.length)} of ${plural(chartable, "run")}`;
  return <HowMany total={table.total} />;
}

interface WaitingProps {
  query: string;
  filterError: ApiError | null;
  error: Error | null;
  reload: () => void;
}

function Waiting({ query, filterError, error, reload }: WaitingProps) {
  if (filterError) {
    return (
      <Empty title="The filter cannot be read">
        <code>{query}</code> <Button onClick={() => setQuery({ q: null }, false)}>Clear the search</Button>
      </Empty>
    );
  }
  if (error) return <Failure what="The runs could not be loaded" error={error} retry={reload} />;
  return <Skeleton columns={8} />;
}

interface BannersProps {
  table: Table | null;
  deleted: boolean;
  loadMore: () => Promise<Table>;
}

function Banners({ table, deleted, loadMore }: BannersProps) {
  return (
    <>
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
    </>
  );
}

function DeletedExperiment({ experiment, writes, done }: { experiment: string; writes: boolean; done: () => void }) {
  const restore = () => post(`${MLFLOW}experiments/restore`, { experiment_id: experiment }).then(done);
  return <div class="banner">This experiment is deleted. {writes && <Button onClick={restore}>Restore</Button>}</div>;
}

async function loadExperiment(id: string) {
  const { experiment } = await get(`${MLFLOW}experiments/get`, { experiment_id: id });
  define(experiment.tags);
  return { name: experiment.name as string, deleted: experiment.lifecycle_stage === "deleted" };
}

function NoExperiment({ error, retry }: { error: Error; retry: () => void }) {
  if (!(error instanceof ApiError && error.status === 404)) {
    return <Failure what="The experiment could not be loaded" error={error} retry={retry} />;
  }
  return (
    <div class="note">
      <h1>No such experiment</h1>
      <p class="dim">{error.message}</p>
      <a class="button" href={href("")}>
        All experiments
      </a>
    </div>
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
