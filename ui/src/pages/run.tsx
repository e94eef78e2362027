// One run: what it measured and was given first, then charts, files and everything else.
import "../main.tsx"; // all that is not loaded on demand becomes one file: see build.mjs
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, MLFLOW, OURS, post, session } from "../api.ts";
import { useKeys } from "../keys.ts";
import { follow, following, pointsFor, useLines } from "../lines.ts";
import { useLive } from "../live.ts";
import { better, telling } from "../logic/better.ts";
import { styles } from "../logic/colours.ts";
import { type Column, decode, merge, statusOf, type Table } from "../logic/columns.ts";
import { literal } from "../logic/filter.ts";
import { ago, count, duration, number, plural, timestamp } from "../logic/format.ts";
import { csv } from "../logic/rows.ts";
import { panels } from "../logic/series.ts";
import { beside } from "../order.ts";
import { Artifacts } from "../parts/artifacts.tsx";
import { Button, Empty, Failure, Item, ItemLink, Menu, Skeleton, Status, useLoad } from "../parts/basic.tsx";
import { ask, type Deed, useDeeds } from "../parts/deeds.tsx";
import { crumbs, experimentCrumb } from "../parts/header.tsx";
import { Icon } from "../parts/icon.tsx";
import { lazy, Soon } from "../parts/lazy.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { asked, experimentHref, go, href, kept, keptHref, place, runHref } from "../route.ts";
import { copy, dark, download, say, title } from "../state.ts";

const Charts = lazy(() => import("../parts/charts.tsx").then((module) => module.Charts), true);
const Markdown = lazy(() => import("../parts/markdown.tsx").then((module) => module.Markdown));

const NOTE = "mlflow.note.content";
const PARENT_TAG = "mlflow.parentRunId";

export { Pictures } from "../parts/artifacts.tsx"; // which would be a file of its own otherwise

interface Loaded {
  table: Table; // of this run alone
  children: Table;
  tags: [string, string][]; // in full, where the table cuts
  inputs: any[];
  models: string[];
  artifactUri: string;
  experiment: string;
  experimentName: string;
  parent: { id: string; name: string } | null;
}

async function load(id: string): Promise<Loaded> {
  const { run, experiment, parent, table, children } = await get(`${OURS}runs/overview`, { run_id: id });
  const tags: [string, string][] = (run.data.tags ?? []).map((tag: any) => [tag.key, tag.value]);
  return {
    table: decode(table),
    children: decode(children),
    tags,
    inputs: run.inputs?.dataset_inputs ?? [],
    models: [...(run.inputs?.model_inputs ?? []), ...(run.outputs?.model_outputs ?? [])].map(
      (each: any) => each.model_id,
    ),
    artifactUri: run.info.artifact_uri,
    experiment: run.info.experiment_id,
    experimentName: experiment.name,
    parent: parent && { id: parent.run_id, name: parent.run_name },
  };
}

export function Run({ id }: { id: string }) {
  const { value: loaded, error, retry, set } = useLoad(() => load(id), [id]);
  const [value, perform] = useDeeds(loaded, set);
  const now = useRef(loaded);
  now.current = loaded;
  const name = value?.table.names[0] ?? "";
  useEffect(() => {
    title(name);
    if (value) {
      crumbs.value = [
        experimentCrumb(value.experiment, value.experimentName),
        ...(value.parent ? [{ text: value.parent.name, address: runHref(value.parent.id) }] : []),
        { text: name, address: runHref(id) },
      ];
    }
  }, [value]);
  const running = value?.table.statusOf[0] === "RUNNING";
  const poll = useCallback(async () => {
    const before = now.current!;
    const answer = await post(`${OURS}runs/changes`, {
      experiment_ids: [before.experiment],
      cursor: before.table.cursor,
      filter: `run_id = ${literal(id)}`,
      aggregates: ["last", "min", "max", "count", "last_step", "min_step", "max_step"],
      ...following(new Set([id])),
    });
    const more = decode(answer.table);
    follow(answer.series ?? []);
    set(({ table, ...now }) => ({ ...now, table: more.size ? merge(table, more) : { ...table, cursor: more.cursor } }));
    return more.size > 0;
  }, [id]);
  useLive(!!running && !kept, true, poll);
  const step = async (by: -1 | 1) => {
    if (!value || kept) return;
    const seen = beside(id, by);
    const next = seen === undefined ? await neighbour(value.table, value.experiment, by) : seen;
    // What the charts show stays; a file may not be there.
    if (next) go(runHref(next, { ...Object.fromEntries(place.value.query), file: null }));
    else say(by > 0 ? "This is the last run" : "This is the first run");
  };
  useKeys({ "[": () => void step(-1), "]": () => void step(1) });

  if (error) {
    return error instanceof ApiError && [400, 404].includes(error.status) ? (
      <div class="note">
        <h1>No such run</h1>
        <p class="dim">{error.message}</p>
        <a class="button" href={href("")}>
          All experiments
        </a>
      </div>
    ) : (
      <Failure what="The run could not be loaded" error={error} retry={retry} />
    );
  }
  if (!value) return <Skeleton columns={4} />;
  const { table } = value;
  const writes = session.value?.read_only === false;
  const all = [...table.columns.values()];
  const metrics = telling(all.filter((each) => each.id.startsWith("metrics.")));
  const params = all.filter((each) => each.kind === "params");
  const note = value.tags.find(([key]) => key === NOTE)?.[1];
  const tags = value.tags.filter(([key]) => !key.startsWith("mlflow."));
  const system = value.tags.filter(
    ([key]) =>
      key.startsWith("mlflow.") && ![NOTE, "mlflow.runName", PARENT_TAG, "mlflow.log-model.history"].includes(key),
  );
  const keys = metrics.map((each) => each.key);
  const style = styles([id], dark.value).get(id)!;
  const deleted = table.deleted[0];
  const deletion = (gone: boolean): Deed<Loaded> => ({
    said: gone ? "Deleted" : "Restored",
    change: (now) => ({ ...now, table: { ...now.table, deleted: [gone] } }),
    send: () => post(`${MLFLOW}runs/${gone ? "delete" : "restore"}`, { run_id: id }),
  });
  const change = () => perform({ ...deletion(!deleted), undo: deletion(deleted) });
  const naming = (said: string, name: string): Deed<Loaded> => ({
    said,
    change: (now) => ({ ...now, table: { ...now.table, names: [name] } }),
    send: () => post(`${MLFLOW}runs/update`, { run_id: id, run_name: name }),
  });
  const rename = () =>
    ask({
      title: `Rename ${name}`,
      action: "Rename",
      save: (given) =>
        perform({ ...naming("Renamed", String(given.get("name"))), undo: naming("Named as before", name) }),
      fields: (
        <label class="field">
          <span>Name</span>
          <input class="input" name="name" required autofocus defaultValue={name} />
        </label>
      ),
    });
  const describe = () =>
    ask({
      title: `Describe ${name}`,
      action: "Save",
      save: (given) => setTag(NOTE, String(given.get("note")), "Saved"),
      fields: (
        <label class="field">
          <span>Note, in Markdown</span>
          <textarea class="input" name="note" rows={10} autofocus defaultValue={note} />
        </label>
      ),
    });
  const askTag = (key = "", text = "") =>
    ask({
      title: key ? `Change ${key}` : "Add a tag",
      action: "Save",
      save: (given) => setTag(String(given.get("key")), String(given.get("value")), "Saved"),
      fields: (
        <>
          <label class="field">
            <span>Key</span>
            <input class="input" name="key" required autofocus={!key} readOnly={!!key} defaultValue={key} />
          </label>
          <label class="field">
            <span>Value</span>
            <input class="input" name="value" autofocus={!!key} defaultValue={text} />
          </label>
        </>
      ),
    });
  const setTag = (key: string, text: string | undefined, said: string) =>
    perform({
      ...tagging(id, key, text, said),
      undo: tagging(id, key, value.tags.find(([each]) => each === key)?.[1], "Undone"),
    });
  const parts: [string, string, boolean][] = [
    ["overview", "Overview", true],
    ["charts", "Charts", keys.length > 0],
    ["artifacts", "Artifacts", !kept],
    ["description", "Description", !!note || writes],
    ["tags", "Tags", true],
    ["inputs", "Inputs", value.inputs.length > 0],
    ["system", "System", true],
  ];
  const jump = (event: MouseEvent, part: string) => {
    event.preventDefault();
    document.getElementById(part)?.scrollIntoView({ behavior: "instant" });
  };
  return (
    <>
      {deleted && (
        <div class="banner">
          <Icon name="trash" /> This run is deleted. {writes && <Button onClick={change}>Restore</Button>}
        </div>
      )}
      <div class="page" style={{ paddingBottom: "8px", gap: "6px" }}>
        <div class="side wrap">
          <h1 class="clip">{name}</h1>
          <Status status={statusOf(table, 0)} />
          <span class="grow" />
          {!kept && (
            <Button icon="left" label="Previous run" keys="[" plain class="hide-narrow" onClick={() => step(-1)} />
          )}
          {!kept && <Button icon="right" label="Next run" keys="]" plain class="hide-narrow" onClick={() => step(1)} />}
          <Button
            icon="copy"
            aria-label={`Copy the run id ${id.slice(0, 8)}`}
            onClick={() => copy(id, "Run id copied")}
          >
            <span class="mono hide-narrow">{id.slice(0, 8)}</span>
          </Button>
          {!kept && (
            <Menu label="Actions of the run" icon="more">
              {(close) => (
                <>
                  <ItemLink icon="download" href={keptHref([id])} download onClick={close}>
                    Download as one HTML file
                  </ItemLink>
                  <Item icon="left" class="only-narrow" onClick={() => (close(), step(-1))}>
                    Previous run
                  </Item>
                  <Item icon="right" class="only-narrow" onClick={() => (close(), step(1))}>
                    Next run
                  </Item>
                  {writes && <hr />}
                  {writes && (
                    <Item icon="edit" onClick={() => (close(), rename())}>
                      Rename…
                    </Item>
                  )}
                  {writes && (
                    <Item icon="file" onClick={() => (close(), describe())}>
                      Describe…
                    </Item>
                  )}
                  {writes && (
                    <Item icon="tag" onClick={() => (close(), askTag())}>
                      Add a tag…
                    </Item>
                  )}
                  {writes && <hr />}
                  {writes && (
                    <Item
                      icon={deleted ? "restore" : "trash"}
                      class={deleted ? "" : "bad"}
                      onClick={() => (close(), change())}
                    >
                      {deleted ? "Restore" : "Delete"}
                    </Item>
                  )}
                </>
              )}
            </Menu>
          )}
        </div>
        <div class="facts">
          <span>
            Started <b title={timestamp(table.start[0])}>{ago(table.start[0])}</b>
          </span>
          <span>
            Took <b>{duration((running ? Date.now() : table.end[0]) - table.start[0]) || "–"}</b>
          </span>
          {table.users[0] && (
            <span>
              By <b>{table.users[0]}</b>
            </span>
          )}
          {system
            .filter(([key]) => key === "mlflow.source.name")
            .map(([key, source]) => (
              <span key={key}>
                From <b>{source}</b>
              </span>
            ))}
          {value.parent && (
            <span>
              Within <a href={runHref(value.parent.id)}>{value.parent.name}</a>
            </span>
          )}
        </div>
      </div>
      <nav class="anchors" aria-label="Parts of the page">
        {parts
          .filter(([, , there]) => there)
          .map(([part, label]) => (
            <a key={part} href={`#${part}`} onClick={(event) => jump(event, part)}>
              {label}
            </a>
          ))}
      </nav>
      <div class="page" style={{ gap: "28px" }}>
        <div class="two" id="overview">
          <Metrics table={table} metrics={metrics} id={id} colour={style.colour} />
          <Params params={params} name={name} />
        </div>
        {keys.length > 0 && (
          <section class="part" id="charts" aria-label="Charts" style={{ minHeight: `${roomFor(keys)}px` }}>
            <h2>Charts</h2>
            <Charts lines={[{ id, name, style }]} keys={keys} />
          </section>
        )}
        {!kept && (
          <section class="part" id="artifacts" aria-label="Artifacts">
            <Soon now={!!asked("file")}>
              <Artifacts run={id} uri={value.artifactUri} />
            </Soon>
          </section>
        )}
        {(note || writes) && (
          <section class="part" id="description" aria-label="Description">
            <header>
              <h2>Description</h2>
              {writes && <Button icon="edit" label="Edit the description" plain onClick={describe} />}
            </header>
            {note ? (
              <Soon>
                <Markdown text={note} />
              </Soon>
            ) : (
              <p class="dim">None yet.</p>
            )}
          </section>
        )}
        <section class="part" id="tags" aria-label="Tags">
          <header>
            <h2>Tags</h2>
            {writes && <Button icon="plus" label="Add a tag" plain onClick={() => askTag()} />}
          </header>
          {tags.length ? (
            <dl class="pairs">
              {tags.map(([key, text]) => (
                <>
                  <dt key={key}>{key}</dt>
                  <dd>{text}</dd>
                  <dd class="side">
                    {writes && <Button icon="edit" label={`Change ${key}`} plain onClick={() => askTag(key, text)} />}
                    {writes && (
                      <Button
                        icon="close"
                        label={`Remove ${key}`}
                        plain
                        onClick={() => setTag(key, undefined, `Removed ${key}`)}
                      />
                    )}
                  </dd>
                </>
              ))}
            </dl>
          ) : (
            <p class="dim">No tags.</p>
          )}
        </section>
        {!kept && <Children id={id} experiment={value.experiment} of={value.children} />}
        {value.inputs.length > 0 && <Inputs inputs={value.inputs} />}
        <section class="part" id="system" aria-label="System">
          <h2>System</h2>
          <dl class="pairs">
            <dt>Run id</dt>
            <dd class="mono">{id}</dd>
            <dd />
            <dt>Artifacts</dt>
            <dd class="mono">{value.artifactUri}</dd>
            <dd />
            {value.models.map((model) => (
              <>
                <dt key={model}>Model</dt>
                <dd class="mono">{model}</dd>
                <dd />
              </>
            ))}
            {system.map(([key, text]) => (
              <>
                <dt key={key}>{key.replace(/^mlflow\./, "")}</dt>
                <dd>{text}</dd>
                <dd />
              </>
            ))}
          </dl>
        </section>
      </div>
    </>
  );
}

/** About as high as the charts of some metrics will be: what is below does not jump when they come. */
const roomFor = (keys: string[]) =>
  70 + 270 * Math.ceil(panels(keys, true).length / Math.max(1, Math.floor(innerWidth / 412)));

/** A tag of a run; without a text it goes. */
const tagging = (run_id: string, key: string, text: string | undefined, said: string): Deed<Loaded> => ({
  said,
  change: (now) => {
    const at = now.tags.findIndex(([each]) => each === key);
    const tags = now.tags.toSpliced(
      at < 0 ? now.tags.length : at,
      at < 0 ? 0 : 1,
      ...(text === undefined ? [] : [[key, text] as [string, string]]),
    );
    return { ...now, tags };
  },
  send: () => post(`${MLFLOW}runs/${text === undefined ? "delete-tag" : "set-tag"}`, { run_id, key, value: text }),
});

/** The run before (-1) or behind a run in the usual order of its experiment: newest first. */
async function neighbour(table: Table, experiment: string, by: -1 | 1): Promise<string | undefined> {
  const [id, start] = [literal(table.ids[0]), table.start[0]];
  const [time, beyond, order] =
    by > 0
      ? [`start_time < ${start}`, `BETWEEN ${id} AND 'g'`, "DESC"]
      : [`start_time > ${start}`, `BETWEEN '' AND ${id}`, "ASC"];
  const { runs } = await post(`${OURS}runs/table`, {
    experiment_ids: [experiment],
    aggregates: [],
    max_results: 1,
    filter: `${time} OR (start_time = ${start} AND run_id ${beyond} AND run_id != ${id})`,
    order_by: [`start_time ${order}`, `run_id ${by > 0 ? "ASC" : "DESC"}`],
  });
  return runs.run_id[0];
}

const FEW = 12; // metrics, whose courses are drawn from the series of the charts below: one request
const SPARK_POINTS = 48; // of each of many

function Metrics({ table, metrics, id, colour }: { table: Table; metrics: Column[]; id: string; colour: string }) {
  const [find, setFind] = useState("");
  const of = (aggregate: string, key: string) => table.columns.get(`${aggregate}(metrics.${key})`)?.numbers?.[0] ?? NaN;
  const shown = metrics.filter((each) => each.key.toLowerCase().includes(find.toLowerCase()));
  const save = () =>
    download(
      `${table.names[0]}-metrics.csv`,
      csv(
        ["metric", "last", "min", "min_step", "max", "max_step", "count"],
        metrics.map((each) => [
          each.key,
          String(each.numbers![0]),
          ...["min", "min_step", "max", "max_step", "count"].map((name) => String(of(name, each.key))),
        ]),
      ),
      "text/csv",
    );
  return (
    <section class="part" aria-label="Metrics">
      <header>
        <h2>Metrics</h2>
        <span class="dim">{count(metrics.length)}</span>
        <span class="grow" />
        {metrics.length > 12 && (
          <input
            class="input"
            type="search"
            placeholder="Find"
            aria-label="Find metrics of the table"
            style={{ width: "120px" }}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
        )}
        {metrics.length > 0 && <Button icon="download" label="Download the metrics as CSV" plain onClick={save} />}
      </header>
      {metrics.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of metrics">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Metric</th>
                <th scope="col" class="num">
                  Last
                </th>
                <th scope="col" class="num">
                  Min
                </th>
                <th scope="col" class="num">
                  Max
                </th>
                <th scope="col" class="num hide-narrow">
                  Best at
                </th>
                <th scope="col" class="hide-narrow">
                  <span class="unseen">Course</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each) => {
                const wanted = better(each.key);
                const [low, high] = [of("min", each.key), of("max", each.key)];
                return (
                  <tr key={each.id}>
                    <th scope="row" style={{ fontSize: "13px", fontWeight: 500, color: "var(--text)" }}>
                      {each.key}
                    </th>
                    <td class="num" title={String(each.numbers![0])}>
                      {number(each.numbers![0])}
                    </td>
                    <td class={`num ${wanted < 0 ? "" : "dim"}`} title={`${low} at step ${of("min_step", each.key)}`}>
                      {number(low)}
                    </td>
                    <td class={`num ${wanted > 0 ? "" : "dim"}`} title={`${high} at step ${of("max_step", each.key)}`}>
                      {number(high)}
                    </td>
                    <td class="num dim hide-narrow">
                      {wanted && of("count", each.key) > 1
                        ? `step ${count(of(wanted < 0 ? "min_step" : "max_step", each.key))}`
                        : ""}
                    </td>
                    <td class="hide-narrow" style={{ width: "112px", paddingRight: 0 }}>
                      {of("count", each.key) > 1 && (
                        <Spark
                          run={id}
                          metric={each.key}
                          colour={colour}
                          points={metrics.length > FEW ? SPARK_POINTS : pointsFor(1)}
                        />
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty title="No metrics">Nothing was measured in this run yet.</Empty>
      )}
    </section>
  );
}

function Spark({ run, metric, colour, points }: { run: string; metric: string; colour: string; points: number }) {
  const { lines } = useLines({ runs: [run], keys: [metric], points, axis: "step", start: null, end: null });
  return lines[0] ? <Sparkline xs={lines[0].steps} ys={lines[0].values} colour={colour} /> : null;
}

function Params({ params, name }: { params: Column[]; name: string }) {
  const [find, setFind] = useState("");
  const shown = params.filter((each) => `${each.key} ${each.texts![0]}`.toLowerCase().includes(find.toLowerCase()));
  return (
    <section class="part" aria-label="Params">
      <header>
        <h2>Params</h2>
        <span class="dim">{count(params.length)}</span>
        <span class="grow" />
        {params.length > 12 && (
          <input
            class="input"
            type="search"
            placeholder="Find"
            aria-label="Find params"
            style={{ width: "120px" }}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
        )}
        {params.length > 0 && (
          <Button
            icon="download"
            label="Download the params as JSON"
            plain
            onClick={() =>
              download(
                `${name}-params.json`,
                JSON.stringify(Object.fromEntries(params.map((each) => [each.key, each.texts![0]])), null, 1),
                "application/json",
              )
            }
          />
        )}
      </header>
      {params.length ? (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Param</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((each) => (
              <tr key={each.id}>
                <th
                  scope="row"
                  style={{
                    fontSize: "13px",
                    fontWeight: 500,
                    color: "var(--text)",
                    width: "40%",
                    overflowWrap: "anywhere",
                  }}
                >
                  {each.key}
                </th>
                <td style={{ overflowWrap: "anywhere" }}>{each.texts![0]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <Empty title="No params">This run was given none.</Empty>
      )}
    </section>
  );
}

function Children({ id, experiment, of: value }: { id: string; experiment: string; of: Table }) {
  if (!value.total) return null;
  const rows = [...Array(value.size - value.ancestors).keys()];
  const metrics = [...value.columns.values()].filter((each) => each.kind === "metrics").slice(0, 4);
  return (
    <section class="part" id="children" aria-label="Children">
      <header>
        <h2>Children</h2>
        <span class="dim">{plural(value.total, "run")}</span>
        <span class="grow" />
        <a
          class="button"
          href={experimentHref(experiment, { q: `tags.mlflow.parentRunId = ${literal(id)}`, flat: "1" })}
        >
          Show in the table
        </a>
        {value.total > 1 && (
          <a class="button" href={href("compare", { runs: value.ids.slice(0, Math.min(rows.length, 100)).join(",") })}>
            Compare
          </a>
        )}
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of children" style={{ maxHeight: "420px" }}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Status</th>
              {metrics.map((each) => (
                <th scope="col" class="num" key={each.id}>
                  {each.key}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={value.ids[row]}>
                <td>
                  <a href={runHref(value.ids[row])}>{value.names[row]}</a>
                </td>
                <td>
                  <Status status={statusOf(value, row)} />
                </td>
                {metrics.map((each) => (
                  <td class="num" key={each.id}>
                    {!each.has || each.has[row] ? number(each.numbers![row]) : ""}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Inputs({ inputs }: { inputs: any[] }) {
  return (
    <section class="part" id="inputs" aria-label="Inputs">
      <h2>Inputs</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of inputs">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Data set</th>
              <th scope="col">Context</th>
              <th scope="col">Digest</th>
              <th scope="col">Source</th>
            </tr>
          </thead>
          <tbody>
            {inputs.map(({ dataset, tags = [] }: any, i: number) => (
              <tr key={i}>
                <td>{dataset.name}</td>
                <td>{tags.find((tag: any) => tag.key === "mlflow.data.context")?.value ?? ""}</td>
                <td class="mono">{dataset.digest}</td>
                <td class="clip" style={{ maxWidth: "420px" }} title={dataset.source}>
                  {dataset.source_type} <span class="dim mono">{dataset.source}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
