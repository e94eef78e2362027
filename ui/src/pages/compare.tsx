// Runs side by side: what differs between them, their charts, and what matters for a metric.
import "../shared.ts"; // see there
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, MLFLOW, OURS, post } from "../api.ts";
import { near, outside } from "../chart-state.ts";
import { follow, following } from "../lines.ts";
import { useLive } from "../live.ts";
import { better, byImportance } from "../logic/better.ts";
import { type Style, styles } from "../logic/colours.ts";
import { type Column, decode, infoColumns, isSystemTag, merge, statusOf, type Table } from "../logic/columns.ts";
import type { Line } from "../logic/curves.ts";
import { define } from "../logic/definitions.ts";
import { literal } from "../logic/filter.ts";
import { count, number, plural } from "../logic/format.ts";
import { csv, groupOf, text as textOf } from "../logic/rows.ts";
import { rankCorrelation } from "../logic/series.ts";
import { Button, Empty, Failure, Skeleton, Status, Swatch, useLoad } from "../parts/basic.tsx";
import { crumbs, experimentCrumb } from "../parts/header.tsx";
import { Icon } from "../parts/icon.tsx";
import { lazy, Soon } from "../parts/lazy.tsx";
import { Parallel } from "../parts/parallel.tsx";
import { Scatter } from "../parts/scatter.tsx";
import { asked, href, isOfflinePage, offlinePageHref, runHref, setQuery } from "../route.ts";
import { dark, download, title } from "../state.ts";

const Charts = lazy(() => import("../parts/charts.tsx").then((module) => module.Charts));
const Classification = lazy(() => import("../parts/classification.tsx").then((module) => module.Classification));
const Pictures = lazy(() => import("./run/page.tsx").then((module) => module.Pictures));

export { Brushing } from "../parts/brushing.tsx"; // they share the parallel coordinates: one file

const MOST = 100;
const AXES = 10;
const AGGREGATES = ["last", "min", "max"];

const load = (ids: string[], signal: AbortSignal): Promise<Table> =>
  post(`${OURS}runs/chosen`, { run_ids: ids, aggregates: AGGREGATES }, signal).then(decode);

const EXPERIMENTS = 10; // whose definitions of metrics are read

/** Takes the definitions of the experiments' metrics; answers the name of the first. */
async function readExperiments(ids: string[]): Promise<string> {
  const read = async (id: string) => (await get(`${MLFLOW}experiments/get`, { experiment_id: id })).experiment;
  const found = await Promise.all(ids.slice(0, EXPERIMENTS).map(read));
  define(found.flatMap((each) => each.tags ?? []));
  return found[0]?.name ?? "";
}

export function Compare() {
  const named = asked("runs").split(",").filter(Boolean);
  const ids = [...new Set(named)].slice(0, MOST);
  const { value: table, error, retry, set } = useLoad((signal) => load(ids, signal), [ids.join()]);
  const now = useRef(table);
  now.current = table;
  const poll = useCallback(async () => {
    const before = now.current!;
    const answer = await post(`${OURS}runs/changes`, {
      experiment_ids: [...new Set(before.experiments)],
      cursor: before.cursor,
      filter: `run_id IN (${ids.map(literal).join(", ")})`,
      aggregates: AGGREGATES,
      ...following(new Set(before.ids.filter((_, row) => before.statusOf[row] === "RUNNING"))),
    });
    const more = decode(answer.table);
    follow(answer.series ?? []);
    set((now) => (more.size ? merge(now, more, false) : { ...now, cursor: more.cursor }));
    return more.size > 0;
  }, [ids.join()]);
  useLive(!!table?.statusOf.includes("RUNNING") && !isOfflinePage, true, poll);
  const colours = useMemo(() => styles(ids, dark.value), [ids.join(), dark.value]);
  const experiments = [...new Set(table?.experiments ?? [])];
  const experiment = !isOfflinePage && experiments.length === 1 ? experiments[0] : "";
  const { value: name } = useLoad(
    async () => (isOfflinePage ? "" : readExperiments(experiments)),
    [experiments.join()],
  );
  useEffect(() => {
    title("Compare runs");
    crumbs.value = [
      ...(experiment ? [experimentCrumb(experiment, name || "Experiment")] : []),
      { text: `Compare ${plural(ids.length, "run")}`, address: href("compare", { runs: ids.join(",") }) },
    ];
  }, [experiment, name, ids.join()]);
  if (ids.length < 2)
    return (
      <Empty first title="Nothing to compare">
        Select two runs or more in an experiment, then press Compare or <kbd>c</kbd>.
      </Empty>
    );
  if (error) return <Failure what="The runs could not be loaded" error={error} retry={retry} />;
  if (!table) return <Skeleton columns={ids.length + 1} />;
  const all = [...table.columns.values()];
  const columns = [
    ...byImportance(all.filter((each) => each.kind === "metrics")),
    ...all.filter((each) => each.kind !== "metrics"),
  ];
  const metrics = columns.filter((each) => each.id.startsWith("metrics."));
  const keys = metrics.map((each) => each.key);
  const groups = columns.filter((each) => each.kind === "params" || (each.kind === "tags" && !isSystemTag(each.key)));
  const group = groups.find((each) => each.id === asked("group"));
  const lines = table.ids.map((id, row) => ({
    id,
    name: table.names[row],
    style: colours.get(id)!,
    ...(group && { group: groupOf(group, row) }),
  }));
  const remove = (id: string) => setQuery({ runs: ids.filter((each) => each !== id).join(",") });
  return (
    <div class="page" style={{ gap: "28px" }}>
      <section class="part" aria-label="Runs">
        <header class="wrap">
          <h1>Compare {plural(table.size, "run")}</h1>
          <span class="grow" />
          {!isOfflinePage && (
            <a class="button" href={offlinePageHref(ids)} download>
              <Icon name="download" /> One HTML file
            </a>
          )}
        </header>
        {named.length > MOST && (
          <p class="dim">
            The first {MOST} of {count(named.length)} runs.
          </p>
        )}
        <div class="side wrap">
          {table.ids.map((id, row) => (
            <span class="chip" key={id}>
              <Swatch of={colours.get(id)!} />
              <a href={runHref(id)}>{table.names[row]}</a>
              {ids.length > 2 && !isOfflinePage && (
                <button
                  type="button"
                  class="twist-plain"
                  aria-label={`Leave ${table.names[row]} out`}
                  onClick={() => remove(id)}
                >
                  <Icon name="close" size={12} />
                </button>
              )}
            </span>
          ))}
        </div>
      </section>
      <Matrix table={table} columns={columns} colours={colours} />
      {keys.length > 0 && (
        <section class="part" aria-label="Charts">
          <header class="wrap">
            <h2>Charts</h2>
            <span class="grow" />
            {groups.length > 0 && (
              <Choose
                label="Group"
                value={group?.id ?? ""}
                none="Each run alone"
                columns={groups}
                set={(id) => setQuery({ group: id })}
              />
            )}
          </header>
          <Charts lines={lines} keys={keys} legend={lines.length > 8} />
        </section>
      )}
      {!isOfflinePage && <Classified table={table} lines={lines} />}
      <Relations table={table} columns={columns} metrics={metrics} />
      {!isOfflinePage && <Shots lines={lines} />}
    </div>
  );
}

/** The best row of a metric by its last values, where one knows what is better. */
function best(column: Column, rows: number): number {
  const wanted = better(column.key);
  if (!wanted || rows < 2) return -1;
  let found = -1;
  for (let row = 0; row < rows; row++) {
    const value = column.numbers![row];
    if ((column.has && !column.has[row]) || value !== value) continue;
    if (found < 0 || wanted * (value - column.numbers![found]) > 0) found = row;
  }
  return found;
}

const GROUPS: [string, (column: Column) => boolean][] = [
  ["Metrics", (column) => column.kind === "metrics"],
  ["Params", (column) => column.kind === "params"],
  ["Tags", (column) => column.kind === "tags" && !isSystemTag(column.key)],
];

/** Of the least and the greatest value of a metric only the better one is shown. */
function isInformative(column: Column): boolean {
  if (column.kind !== "metrics" || column.id.startsWith("metrics.")) return true;
  return better(column.key) === (column.id.startsWith("min(") ? -1 : 1);
}

function Matrix({ table, columns, colours }: { table: Table; columns: Column[]; colours: Map<string, Style> }) {
  const all = asked("all") === "1";
  const shown = columns.filter((column) => (all || column.differs) && isInformative(column));
  const same = columns.filter((column) => !column.differs && GROUPS.some(([, test]) => test(column))).length;
  const save = () => {
    const rows = [...infoColumns(table), ...columns].map((column) => [
      column.id,
      ...table.ids.map((_, row) => textOf(column, row)),
    ]);
    download("comparison.csv", csv(["", ...table.names], rows), "text/csv");
  };
  const pointed = (event: PointerEvent) => {
    const cell = (event.target as Element).closest<HTMLTableCellElement>("td, th");
    near.value = (cell && table.ids[cell.cellIndex - 1]) ?? null;
  };
  return (
    <section class="part" aria-label="Params and metrics">
      <header>
        <h2>Params and metrics</h2>
        <span class="grow" />
        <label class="check">
          <input type="checkbox" checked={!all} onChange={() => setQuery({ all: all ? null : "1" })} /> Differences only
        </label>
        <Button icon="download" onClick={save}>
          CSV
        </Button>
      </header>
      <div
        class="scroll edge"
        tabIndex={0}
        role="region"
        aria-label="Table of params and metrics"
        style={{ maxHeight: "70vh" }}
      >
        <table class="plain matrix" onPointerOver={pointed} onPointerLeave={() => (near.value = null)}>
          <Marked ids={table.ids} />
          <thead>
            <tr>
              <th scope="col">
                <span class="unseen">Key</span>
              </th>
              {table.ids.map((id, row) => (
                <th scope="col" key={id} class="num run">
                  <a
                    class="clip"
                    href={runHref(id)}
                    title={`${table.names[row]} ${id}`}
                    style={{ display: "block", color: "var(--text)" }}
                  >
                    {table.names[row]}
                  </a>
                  <span class="side" style={{ justifyContent: "flex-end" }}>
                    <Swatch of={colours.get(id)!} />
                  </span>
                </th>
              ))}
            </tr>
            <tr>
              <th scope="row">Status</th>
              {table.ids.map((id, row) => (
                <td key={id} class="num">
                  <Status status={statusOf(table, row)} />
                </td>
              ))}
            </tr>
          </thead>
          {GROUPS.map(([label, test]) => {
            const some = shown.filter(test);
            return (
              some.length > 0 && (
                <tbody key={label}>
                  <tr>
                    <th scope="rowgroup" colSpan={1} class="group">
                      {label}
                    </th>
                    {table.ids.map((id) => (
                      <td key={id} />
                    ))}
                  </tr>
                  {some.map((column) => {
                    const first = column.kind === "metrics" ? best(column, table.size) : -1;
                    return (
                      <tr key={column.id} class={column.differs ? "" : "same"}>
                        <th scope="row">{column.label}</th>
                        {table.ids.map((id, row) => {
                          const text = textOf(column, row);
                          const shownText =
                            text === undefined ? "–" : column.texts ? text : number(column.numbers![row]);
                          return (
                            <td key={id} class={`num ${row === first ? "best" : ""}`} title={text}>
                              {shownText}
                              {row === first && <span class="unseen"> (best)</span>}
                            </td>
                          );
                        })}
                      </tr>
                    );
                  })}
                </tbody>
              )
            );
          })}
        </table>
      </div>
      {!all && same > 0 && <p class="dim">{plural(same, "row")} the same in all runs not shown.</p>}
    </section>
  );
}

/** Confusion matrices and curves of the runs that have any. */
function Classified({ table, lines }: { table: Table; lines: Line[] }) {
  const tag = table.columns.get("tags.runlog.curves");
  const some = tag ? lines.filter((_, row) => !tag.has || tag.has[row]) : [];
  if (!some.length) return null;
  return (
    <section class="part" id="classification" aria-label="Classification">
      <h2>Classification</h2>
      <Soon now={!!asked("full")}>
        <Classification lines={some} />
      </Soon>
    </section>
  );
}

/** Pictures are looked for when somebody wants to see them: that takes a request a folder of each run. */
function Shots({ lines }: { lines: Line[] }) {
  const open = asked("pictures") === "1";
  return (
    <section class="part" aria-label="Pictures">
      <header>
        <h2>Pictures</h2>
        <span class="grow" />
        <Button aria-pressed={open} onClick={() => setQuery({ pictures: open ? null : "1" })}>
          Side by side
        </Button>
      </header>
      {open ? (
        <Pictures lines={lines} />
      ) : (
        <p class="dim">Those that the runs logged, step by step beside each other.</p>
      )}
    </section>
  );
}

function Choose({
  label,
  value,
  columns,
  none,
  set,
}: {
  label: string;
  value: string;
  none?: string;
  columns: Column[];
  set: (id: string) => void;
}) {
  return (
    <label class="side">
      <span class="dim">{label}</span>
      <select
        class="input"
        value={value}
        style={{ maxWidth: "180px" }}
        onChange={(event) => set(event.currentTarget.value)}
      >
        {none && <option value="">{none}</option>}
        {columns.map((each) => (
          <option key={each.id} value={each.id}>
            {each.label}
          </option>
        ))}
      </select>
    </label>
  );
}

function Relations({ table, columns, metrics }: { table: Table; columns: Column[]; metrics: Column[] }) {
  const params = columns.filter((each) => each.kind === "params" && each.differs);
  const plain = metrics.filter((each) => each.differs);
  const byId = new Map(columns.map((each) => [each.id, each]));
  const target = byId.get(asked("target")) ?? plain[0];
  const [all, setAll] = useState(false);
  const rows = useMemo(() => [...Array(table.size).keys()], [table]);
  const axes = useMemo(() => (target ? [...params.slice(0, AXES - 1), target] : []), [table, target]);
  if (!target || !params.length || table.size < 3) return null;
  const choices = [...plain, ...params];
  const x = byId.get(asked("sx")) ?? params[0];
  const by = byId.get(asked("sc")) ?? target;
  const ranked = params
    .map((column) => ({ column, value: column.numbers ? rankCorrelation(present(column), present(target)) : null }))
    .filter((each) => each.value !== null)
    .sort((a, b) => Math.abs(b.value!) - Math.abs(a.value!));
  return (
    <>
      <section class="part" aria-label="Parallel coordinates">
        <header class="wrap">
          <h2>Parallel coordinates</h2>
          <span class="grow" />
          <Choose label="Colour by" value={target.id} columns={plain} set={(id) => setQuery({ target: id })} />
        </header>
        <Parallel columns={axes} rows={rows} by={target} onBrush={(inside) => showAlone(table, inside)} />
      </section>
      <div class="two">
        <section class="part" aria-label="Scatter plot">
          <header class="wrap">
            <h2>Scatter</h2>
            <span class="grow" />
            <Choose label="x" value={x.id} columns={choices} set={(id) => setQuery({ sx: id })} />
            <Choose label="y" value={target.id} columns={plain} set={(id) => setQuery({ target: id })} />
            <Choose label="Colour" value={by.id} columns={choices} set={(id) => setQuery({ sc: id })} />
          </header>
          <Scatter table={table} rows={rows} x={x} y={target} by={by} />
        </section>
        {ranked.length > 0 && (
          <section class="part" aria-label="Importance of params">
            <header>
              <h2>Params and {target.label}</h2>
            </header>
            <p class="dim">Rank correlation over {plural(table.size, "run")}: 1 rises with it, −1 falls.</p>
            <div class="bars">
              {ranked.slice(0, all ? undefined : 12).map(({ column, value }) => (
                <>
                  <span class="clip" key={column.id}>
                    {column.label}
                  </span>
                  <span class="track" aria-hidden="true">
                    <i
                      style={{
                        left: value! < 0 ? `${50 + value! * 50}%` : "50%",
                        width: `${Math.abs(value!) * 50}%`,
                        background: value! < 0 ? "var(--warn)" : "var(--accent)",
                      }}
                    />
                  </span>
                  <span style={{ textAlign: "right" }}>{number(value!, 2)}</span>
                </>
              ))}
            </div>
            {ranked.length > 12 && !all && <Button onClick={() => setAll(true)}>All {ranked.length}</Button>}
          </section>
        )}
      </div>
    </>
  );
}

/** The column of the run that is pointed at, in a chart or here. */
function Marked({ ids }: { ids: string[] }) {
  return (
    <colgroup>
      <col />
      {ids.map((id) => (
        <col key={id} class={near.value === id ? "near" : ""} />
      ))}
    </colgroup>
  );
}

let showing = 0;
const SETTLED = 150; // ms: charts are not drawn at each step of a brush

/** What the brushes choose is what the charts show. */
function showAlone({ ids }: Table, rows: number[] | null): void {
  clearTimeout(showing);
  showing = window.setTimeout(() => {
    const inside = new Set(rows);
    const away = rows ? ids.filter((_, row) => !inside.has(row)) : [];
    if (away.length || outside.value.size) outside.value = new Set(away);
  }, SETTLED);
}

const present = ({ has, numbers }: Column) => numbers!.map((value, row) => (has && !has[row] ? NaN : value));
