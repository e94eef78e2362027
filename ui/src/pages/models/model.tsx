// A registered model: its versions, with the runs that they are from, its description and tags.
import { useEffect, useState } from "preact/hooks";
import { session } from "../../api.ts";
import { byImportance } from "../../logic/better.ts";
import type { Column, Table } from "../../logic/columns.ts";
import { ago, count, number, plural, timestamp } from "../../logic/format.ts";
import type { Version } from "../../logic/registry.ts";
import { Button, Empty, Item, Menu, Skeleton, useLoad } from "../../parts/basic.tsx";
import { crumbs } from "../../parts/header.tsx";
import { useOptimistic } from "../../parts/optimistic.tsx";
import { href, modelHref, runHref } from "../../route.ts";
import { copy, title } from "../../state.ts";
import { actionsOnModel } from "./actions.tsx";
import { type LoadedModel, loadModel } from "./load.ts";
import { Aliases, Description, NotThere, Tags } from "./parts.tsx";

const METRICS = 3; // columns
const SHOWN = 100; // versions, unless all are asked for

export function Model({ name }: { name: string }) {
  const { value: loaded, error, retry, set } = useLoad(() => loadModel(name), [name]);
  const [value, perform] = useOptimistic(loaded, set);
  useEffect(() => {
    title(name);
    crumbs.value = [
      { text: "Models", address: href("models") },
      { text: name, address: modelHref(name) },
    ];
  }, [name]);
  if (error) return <NotThere what="model" name={name} error={error} retry={retry} />;
  if (!value) return <Skeleton columns={4} />;
  const { model } = value;
  const writes = session.value?.read_only === false;
  const actions = actionsOnModel(model, perform);
  return (
    <div class="page" style={{ gap: "28px" }}>
      <div class="stack" style={{ gap: "6px" }}>
        <div class="side wrap">
          <h1 class="clip">{name}</h1>
          <span class="grow" />
          {writes && (
            <Menu label="Actions of the model" icon="more">
              {(close) => (
                <>
                  <Item icon="edit" onClick={() => (close(), actions.rename())}>
                    Rename…
                  </Item>
                  <Item icon="file" onClick={() => (close(), actions.describe())}>
                    Describe…
                  </Item>
                  <Item icon="tag" onClick={() => (close(), actions.askTag())}>
                    Add a tag…
                  </Item>
                  <hr />
                  <Item icon="trash" class="bad" onClick={() => (close(), actions.remove())}>
                    Delete…
                  </Item>
                </>
              )}
            </Menu>
          )}
        </div>
        <div class="facts">
          <span>
            Created <b title={timestamp(model.created)}>{ago(model.created)}</b>
          </span>
          <span>
            Changed <b title={timestamp(model.updated)}>{ago(model.updated)}</b>
          </span>
        </div>
      </div>
      <Versions value={value} />
      <Description note={model.note} writes={writes} describe={actions.describe} />
      <Tags tags={model.tags} writes={writes} ask={actions.askTag} remove={actions.removeTag} />
    </div>
  );
}

function Versions({ value }: { value: LoadedModel }) {
  const { model, versions, runs } = value;
  const measured = [...(runs?.columns.values() ?? [])].filter((each) => each.kind === "metrics");
  const metrics = byImportance(measured).slice(0, METRICS);
  const [all, setAll] = useState(false);
  const shown = all ? versions : versions.slice(0, SHOWN);
  const compared = [...new Set(versions.map((each) => each.run).filter((id) => runs?.rowOf.has(id)))];
  const hasStages = versions.some((each) => each.stage);
  const code = `runlog.pyfunc.load_model("models:/${model.name}/${versions[0]?.version}")`;
  return (
    <section class="part" id="versions" aria-label="Versions">
      <header>
        <h2>Versions</h2>
        <span class="dim">{count(versions.length)}</span>
        <span class="grow" />
        {compared.length > 1 && (
          <a class="button" href={href("compare", { runs: compared.slice(0, 100).join(",") })}>
            Compare {plural(compared.length, "run")}
          </a>
        )}
        {versions.length > 0 && (
          <Button icon="copy" title={code} onClick={() => copy(code, "Code copied")}>
            Code to load
          </Button>
        )}
      </header>
      {versions.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of versions">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Aliases</th>
                {hasStages && <th scope="col">Stage</th>}
                <th scope="col">Run</th>
                {metrics.map((each) => (
                  <th scope="col" class="num" key={each.id}>
                    {each.key}
                  </th>
                ))}
                <th scope="col" class="hide-narrow apart">
                  By
                </th>
                <th scope="col">Registered</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each) => (
                <Row key={each.version} of={each} {...{ runs, metrics, hasStages }} row={runs?.rowOf.get(each.run)} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty title="No versions">Register a model on the page of its run to make the first one.</Empty>
      )}
      {shown.length < versions.length && (
        <Button onClick={() => setAll(true)}>Show all {count(versions.length)}</Button>
      )}
    </section>
  );
}

interface RowProps {
  of: Version;
  runs: Table | null;
  row: number | undefined;
  metrics: Column[];
  hasStages: boolean;
}

function Row({ of, runs, row, metrics, hasStages }: RowProps) {
  const { name, version, aliases, stage, run, user, created, status, note } = of;
  return (
    <tr>
      <td>
        <a class="nowrap" href={modelHref(name, version)} style={{ fontWeight: 500 }}>
          Version {version}
        </a>
        {status && <span class="status STALE small"> {status}</span>}
        {note && (
          <div class="clip dim small" style={{ maxWidth: "320px" }}>
            {note.split("\n")[0].replace(/[*_`#]/g, "")}
          </div>
        )}
      </td>
      <td>
        <div class="side wrap">
          <Aliases names={aliases} />
        </div>
      </td>
      {hasStages && <td>{stage}</td>}
      <td>
        {row !== undefined ? (
          <a class="nowrap" href={runHref(run)}>
            {runs!.names[row]}
          </a>
        ) : (
          <span class="dim mono">{run.slice(0, 8)}</span>
        )}
      </td>
      {metrics.map((each) => (
        <td class="num" key={each.id}>
          {row !== undefined && (!each.has || each.has[row]) ? number(each.numbers![row]) : ""}
        </td>
      ))}
      <td class="hide-narrow apart">{user}</td>
      <td class="nowrap dim" title={timestamp(created)}>
        {ago(created)}
      </td>
    </tr>
  );
}
