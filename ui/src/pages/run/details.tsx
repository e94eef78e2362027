// Parts of the page of a run that are lists: params, tags, children, inputs, what the system noted.
import { useState } from "preact/hooks";
import { get, MLFLOW } from "../../api.ts";
import { type Column, statusOf, type Table } from "../../logic/columns.ts";
import { literal } from "../../logic/filter.ts";
import { count, number, plural } from "../../logic/format.ts";
import { Button, Empty, Status, useLoad } from "../../parts/basic.tsx";
import { experimentHref, href, isOfflinePage, loggedHref, modelHref, runHref } from "../../route.ts";
import { download } from "../../state.ts";
import type { Loaded } from "./load.ts";

export function Params({ params, name }: { params: Column[]; name: string }) {
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

interface TagsProps {
  tags: [string, string][];
  writes: boolean;
  ask: (key?: string, text?: string) => void;
  remove: (key: string) => void;
}

export function Tags({ tags, writes, ask, remove }: TagsProps) {
  return (
    <section class="part" id="tags" aria-label="Tags">
      <header>
        <h2>Tags</h2>
        {writes && <Button icon="plus" label="Add a tag" plain onClick={() => ask()} />}
      </header>
      {tags.length ? (
        <dl class="pairs">
          {tags.map(([key, text]) => (
            <>
              <dt key={key}>{key}</dt>
              <dd>{text}</dd>
              <dd class="side">
                {writes && <Button icon="edit" label={`Change ${key}`} plain onClick={() => ask(key, text)} />}
                {writes && <Button icon="close" label={`Remove ${key}`} plain onClick={() => remove(key)} />}
              </dd>
            </>
          ))}
        </dl>
      ) : (
        <p class="dim">No tags.</p>
      )}
    </section>
  );
}

export function Children({ id, experiment, of: value }: { id: string; experiment: string; of: Table }) {
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

/** The versions of registered models that came of a run which names no models itself. */
export function Registered({ run }: { run: string }) {
  const query = { filter: `run_id = ${literal(run)}`, max_results: "100" };
  const { value } = useLoad(() => get(`${MLFLOW}model-versions/search`, query), [run]);
  const versions: any[] = value?.model_versions ?? [];
  if (!versions.length) return null;
  return (
    <p class="side wrap" style={{ marginTop: "8px" }}>
      <span class="dim">Registered as</span>
      {versions.map(({ name, version }) => (
        <a key={`${name} ${version}`} class="nowrap" href={modelHref(name, version)}>
          {name} v{version}
        </a>
      ))}
    </p>
  );
}

export function Inputs({ inputs }: { inputs: any[] }) {
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

/** What the run's program and the tracker noted by themselves. */
export function System({ id, value, tags }: { id: string; value: Loaded; tags: [string, string][] }) {
  return (
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
            <dd class="mono">{isOfflinePage ? model : <a href={loggedHref(value.experiment, model)}>{model}</a>}</dd>
            <dd />
          </>
        ))}
        {tags.map(([key, text]) => (
          <>
            <dt key={key}>{key.replace(/^mlflow\./, "")}</dt>
            <dd>{text}</dd>
            <dd />
          </>
        ))}
      </dl>
    </section>
  );
}
