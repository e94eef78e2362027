// A logged model: the run that made it, what was measured of it, what it takes and gives, its files.
import { useEffect } from "preact/hooks";
import { call, get, MLFLOW, session } from "../../api.ts";
import { literal } from "../../logic/filter.ts";
import { ago, count, number, timestamp } from "../../logic/format.ts";
import { pairs } from "../../logic/registered.ts";
import { loggedOf, versionOf } from "../../logic/registry.ts";
import { Button, Skeleton, useLoad } from "../../parts/basic.tsx";
import { crumbs, experimentCrumb } from "../../parts/header.tsx";
import { Soon } from "../../parts/lazy.tsx";
import { type Action, useOptimistic } from "../../parts/optimistic.tsx";
import { asked, loggedHref, runHref } from "../../route.ts";
import { copy, title } from "../../state.ts";
import { askTag, tagged } from "./actions.tsx";
import { Artifacts, NotThere, Tags } from "./parts.tsx";
import { askToRegister, Versions } from "./run-models.tsx";
import { Signature } from "./signature.tsx";

type Loaded = Awaited<ReturnType<typeof load>>;
const path = (id: string) => `${MLFLOW}logged-models/${encodeURIComponent(id)}`;
const nothing = (): any => ({});

async function load(id: string) {
  const { info, data = {} } = (await get(path(id))).model;
  const run: string = info.source_run_id ?? "";
  const [{ experiment }, { model_versions = [] }, { run: source = null }] = await Promise.all([
    get(`${MLFLOW}experiments/get`, { experiment_id: info.experiment_id }),
    get(`${MLFLOW}model-versions/search`, { filter: `model_id = ${literal(id)}` }).catch(nothing),
    run ? get(`${MLFLOW}runs/get`, { run_id: run }).catch(nothing) : nothing(),
  ]);
  return {
    model: loggedOf([{ info }], "")[0],
    uri: String(info.artifact_uri ?? ""),
    tags: pairs(info.tags),
    params: pairs(data.params),
    metrics: (data.metrics ?? []) as any[],
    versions: model_versions.map(versionOf),
    run: source && { id: run, name: String(source.info.run_name) },
    experiment: { id: String(experiment.experiment_id), name: String(experiment.name) },
  };
}

const tagging = (id: string, key: string, value: string | undefined, message: string): Action<Loaded> => ({
  message,
  change: (now) => ({ ...now, tags: tagged(now.tags, key, value) }),
  send: () =>
    value === undefined
      ? call("DELETE", `${path(id)}/tags/${encodeURIComponent(key)}`, {})
      : call("PATCH", `${path(id)}/tags`, { tags: [{ key, value }] }),
});

export function Logged({ id }: { id: string }) {
  const { value: loaded, error, retry, set } = useLoad(() => load(id), [id]);
  const [value, perform] = useOptimistic(loaded, set);
  const name = value?.model.name ?? "";
  useEffect(() => {
    title(name);
    if (!value) return;
    const { run, experiment } = value;
    crumbs.value = [
      experimentCrumb(experiment.id, experiment.name),
      ...(run ? [{ text: run.name, address: runHref(run.id) }] : []),
      { text: name, address: loggedHref(experiment.id, id) },
    ];
  }, [value]);
  if (error) return <NotThere what="logged model" name="" error={error} retry={retry} />;
  if (!value) return <Skeleton columns={4} />;
  const { model, tags, params, metrics } = value;
  const writes = session.value?.read_only === false;
  const setTag = (key: string, text: string | undefined, message: string) => {
    const undo = tagging(id, key, tags.find(([each]) => each === key)?.[1], "Undone");
    return perform({ ...tagging(id, key, text, message), undo });
  };
  const own = tags.filter(([key]) => !key.startsWith("mlflow."));
  const register = () => askToRegister(model, value.run?.id ?? "", value.uri, retry);
  return (
    <div class="page" style={{ gap: "28px" }}>
      <Head {...{ id, value }} register={writes ? register : null} />
      <Signature files={{ owner: id, root: "" }} />
      {metrics.length + params.length > 0 && (
        <div class="two">
          {metrics.length > 0 && <Measured metrics={metrics} />}
          {params.length > 0 && <Given params={params} />}
        </div>
      )}
      <section class="part" id="artifacts" aria-label="Files">
        <Soon now={!!asked("file")}>
          <Artifacts run={id} uri={value.uri} />
        </Soon>
      </section>
      <Tags
        tags={own}
        writes={writes}
        ask={(key, text) => askTag((named, given) => setTag(named, given, "Saved"), key, text)}
        remove={(key) => void setTag(key, undefined, `Removed ${key}`)}
      />
    </div>
  );
}

function Head({ id, value, register }: { id: string; value: Loaded; register: (() => void) | null }) {
  const { model, run, versions } = value;
  const uri = `models:/${id}`;
  return (
    <div class="stack" style={{ gap: "6px" }}>
      <div class="side wrap">
        <h1 class="clip">{model.name}</h1>
        {model.state && <span class="badge">{model.state}</span>}
        <span class="grow" />
        <Button icon="copy" aria-label={`Copy ${uri}`} onClick={() => copy(uri, "URI copied")}>
          <span class="mono hide-narrow">{uri}</span>
        </Button>
        {register && (
          <Button main onClick={register}>
            Register
          </Button>
        )}
      </div>
      <div class="facts">
        <span>
          Logged <b title={timestamp(model.created)}>{ago(model.created)}</b>
        </span>
        {run && (
          <span>
            By run <a href={runHref(run.id)}>{run.name}</a>
          </span>
        )}
        {versions.length > 0 && (
          <span class="side wrap">
            Registered as <Versions of={versions} />
          </span>
        )}
      </div>
    </div>
  );
}

const MOST = 200; // rows

function Measured({ metrics }: { metrics: any[] }) {
  return (
    <section class="part" aria-label="Metrics">
      <header>
        <h2>Metrics</h2>
        <span class="dim">{count(metrics.length)}</span>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of metrics" style={{ maxHeight: "420px" }}>
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Data set</th>
              <th scope="col" class="num">
                Step
              </th>
              <th scope="col" class="num">
                Value
              </th>
            </tr>
          </thead>
          <tbody>
            {metrics.slice(0, MOST).map((each, i) => (
              <tr key={i}>
                <td>{each.key}</td>
                <td class="dim">{each.dataset_name}</td>
                <td class="num">{count(Number(each.step ?? 0))}</td>
                <td class="num" title={String(each.value)}>
                  {number(Number(each.value))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Given({ params }: { params: [string, string][] }) {
  return (
    <section class="part" aria-label="Params">
      <header>
        <h2>Params</h2>
        <span class="dim">{count(params.length)}</span>
      </header>
      <dl class="pairs">
        {params.map(([key, text]) => (
          <>
            <dt key={key}>{key}</dt>
            <dd>{text}</dd>
            <dd />
          </>
        ))}
      </dl>
    </section>
  );
}
