// One run: what it measured and was given first, then charts, files and everything else.
import { isSystemTag } from "../../logic/columns.ts";
import "../../shared.ts"; // see there
import { useEffect, useMemo } from "preact/hooks";
import { ApiError, session } from "../../api.ts";
import { useKeys } from "../../keys.ts";
import { byImportance } from "../../logic/better.ts";
import { styles } from "../../logic/colours.ts";
import { panels } from "../../logic/series.ts";
import { beside } from "../../order.ts";
import { Artifacts } from "../../parts/artifacts.tsx";
import { Button, Failure, Skeleton } from "../../parts/basic.tsx";
import { crumbs, experimentCrumb } from "../../parts/header.tsx";
import { Icon } from "../../parts/icon.tsx";
import { lazy, Soon } from "../../parts/lazy.tsx";
import { useOptimistic } from "../../parts/optimistic.tsx";
import { asked, go, href, isOfflinePage, place, runHref } from "../../route.ts";
import { dark, notify, title } from "../../state.ts";
import { type Actions, actionsOn, NOTE } from "./actions.tsx";
import { Children, Inputs, Params, Registered, System, Tags } from "./details.tsx";
import { Head } from "./head.tsx";
import { type Loaded, neighbour, useRun } from "./load.ts";
import { Metrics } from "./metrics.tsx";

const Charts = lazy(() => import("../../parts/charts.tsx").then((module) => module.Charts));
const Classification = lazy(() => import("../../parts/classification.tsx").then((module) => module.Classification));
const RunModels = lazy(() => import("../models/page.tsx").then((module) => module.RunModels));
const Markdown = lazy(() => import("../../parts/markdown.tsx").then((module) => module.Markdown));

const SHOWN_ELSEWHERE = [NOTE, "mlflow.runName", "mlflow.parentRunId", "mlflow.log-model.history", "runlog.curves"];

// Pages of models and comparisons have parts of this one, which would be files of their own otherwise.
export { Artifacts, Pictures } from "../../parts/artifacts.tsx";
export { Params, Tags } from "./details.tsx";
export { Metrics } from "./metrics.tsx";

export function Run({ id }: { id: string }) {
  useMemo(Charts.fetch, []);
  const { value: loaded, error, retry, set } = useRun(id);
  const [value, perform] = useOptimistic(loaded, set);
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
  const step = async (by: -1 | 1) => {
    if (!value || isOfflinePage) return;
    const seen = beside(id, by);
    const next = seen === undefined ? await neighbour(value.table, value.experiment, by) : seen;
    // What the charts show stays; a file may not be there.
    if (next) go(runHref(next, { ...Object.fromEntries(place.value.query), file: null }));
    else notify(by > 0 ? "This is the last run" : "This is the first run");
  };
  useKeys({ "[": () => void step(-1), "]": () => void step(1) });

  if (error) return <NoRun error={error} retry={retry} />;
  if (!value) return <Skeleton columns={4} />;
  const writes = session.value?.read_only === false;
  const actions = actionsOn(id, value, perform);
  return (
    <>
      {value.table.deleted[0] && (
        <div class="banner">
          <Icon name="trash" /> This run is deleted. {writes && <Button onClick={actions.move}>Restore</Button>}
        </div>
      )}
      <Head {...{ id, value, writes, actions, step }} />
      <Parts {...{ id, value, writes, actions }} />
    </>
  );
}

function NoRun({ error, retry }: { error: Error; retry: () => void }) {
  if (!(error instanceof ApiError && [400, 404].includes(error.status))) {
    return <Failure what="The run could not be loaded" error={error} retry={retry} />;
  }
  return (
    <div class="note">
      <h1>No such run</h1>
      <p class="dim">{error.message}</p>
      <a class="button" href={href("")}>
        All experiments
      </a>
    </div>
  );
}

interface PartsProps {
  id: string;
  value: Loaded;
  writes: boolean;
  actions: Actions;
}

function Parts({ id, value, writes, actions }: PartsProps) {
  const { table, tags } = value;
  const name = table.names[0];
  const all = [...table.columns.values()];
  const metrics = byImportance(all.filter((each) => each.id.startsWith("metrics.")));
  const params = all.filter((each) => each.kind === "params");
  const note = tags.find(([key]) => key === NOTE)?.[1];
  const own = tags.filter(([key]) => !isSystemTag(key));
  const system = tags.filter(([key]) => isSystemTag(key) && !SHOWN_ELSEWHERE.includes(key));
  const keys = metrics.map((each) => each.key);
  const hasCurves = !isOfflinePage && tags.some(([key]) => key === "runlog.curves");
  const history = tags.find(([key]) => key === "mlflow.log-model.history")?.[1] ?? "";
  const hasModels = !isOfflinePage && (value.made.length > 0 || !!history);
  const style = styles([id], dark.value).get(id)!;
  return (
    <>
      <Anchors
        parts={[
          ["overview", "Overview", true],
          ["charts", "Charts", keys.length > 0],
          ["classification", "Classification", hasCurves],
          ["models", "Models", hasModels],
          ["artifacts", "Artifacts", !isOfflinePage],
          ["description", "Description", !!note || writes],
          ["tags", "Tags", true],
          ["inputs", "Inputs", value.inputs.length > 0],
          ["system", "System", true],
        ]}
      />
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
        {hasCurves && (
          <section class="part" id="classification" aria-label="Classification">
            <h2>Classification</h2>
            <Soon now={!!asked("full")}>
              <Classification lines={[{ id, name, style }]} />
            </Soon>
          </section>
        )}
        {hasModels && (
          <section class="part" id="models" aria-label="Models">
            <h2>Models</h2>
            <Soon>
              <RunModels {...{ run: id, writes, history }} {...value} ids={value.made} uri={value.artifactUri} />
            </Soon>
          </section>
        )}
        {!isOfflinePage && (
          <section class="part" id="artifacts" aria-label="Artifacts">
            <Soon now={!!asked("file")}>
              <Artifacts run={id} uri={value.artifactUri} />
              {!hasModels && <Registered run={id} />}
            </Soon>
          </section>
        )}
        {(note || writes) && <Description {...{ note, writes }} describe={actions.describe} />}
        <Tags tags={own} writes={writes} ask={actions.askTag} remove={actions.removeTag} />
        {!isOfflinePage && <Children id={id} experiment={value.experiment} of={value.children} />}
        {value.inputs.length > 0 && <Inputs inputs={value.inputs} />}
        <System id={id} value={value} tags={system} />
      </div>
    </>
  );
}

function Anchors({ parts }: { parts: [part: string, label: string, isThere: boolean][] }) {
  const jump = (event: MouseEvent, part: string) => {
    event.preventDefault();
    document.getElementById(part)?.scrollIntoView({ behavior: "instant" });
  };
  return (
    <nav class="anchors" aria-label="Parts of the page">
      {parts
        .filter(([, , isThere]) => isThere)
        .map(([part, label]) => (
          <a key={part} href={`#${part}`} onClick={(event) => jump(event, part)}>
            {label}
          </a>
        ))}
    </nav>
  );
}

function Description({ note, writes, describe }: { note?: string; writes: boolean; describe: () => void }) {
  return (
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
  );
}

/** About as high as the charts of some metrics will be: what is below does not jump when they come. */
const roomFor = (keys: string[]) =>
  70 + 270 * Math.ceil(panels(keys, true).length / Math.max(1, Math.floor(innerWidth / 412)));
