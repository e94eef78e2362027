// A version of a registered model: where it is from, how it was judged, what it takes and gives, its files.
import { useEffect } from "preact/hooks";
import { get, MLFLOW, session } from "../../api.ts";
import { byImportance } from "../../logic/better.ts";
import { LIGHT, styles } from "../../logic/colours.ts";
import { ago, timestamp } from "../../logic/format.ts";
import { registeredOf } from "../../logic/registered.ts";
import type { Version } from "../../logic/registry.ts";
import { Button, Item, Menu, Skeleton, useLoad } from "../../parts/basic.tsx";
import { crumbs } from "../../parts/header.tsx";
import { Icon } from "../../parts/icon.tsx";
import { Soon } from "../../parts/lazy.tsx";
import { useOptimistic } from "../../parts/optimistic.tsx";
import { asked, experimentHref, href, modelHref, runHref } from "../../route.ts";
import { copy, dark, title } from "../../state.ts";
import { actionsOnVersion } from "./actions.tsx";
import { type LoadedVersion, loadVersion } from "./load.ts";
import { Aliases, Artifacts, Description, Metrics, NotThere, Params, Tags } from "./parts.tsx";
import { Signature } from "./signature.tsx";

type Actions = ReturnType<typeof actionsOnVersion>;

export function ModelVersion({ name, number }: { name: string; number: string }) {
  const { value: loaded, error, retry, set } = useLoad(() => loadVersion(name, number), [name, number]);
  const [value, perform] = useOptimistic(loaded, set);
  useEffect(() => {
    title(`${name} v${number}`);
    crumbs.value = [
      { text: "Models", address: href("models") },
      { text: name, address: modelHref(name) },
      { text: `Version ${number}`, address: modelHref(name, number) },
    ];
  }, [name, number]);
  if (error) return <NotThere what="version" name={name} error={error} retry={retry} />;
  if (!value) return <Skeleton columns={4} />;
  const { version, run, files } = value;
  const writes = session.value?.read_only === false;
  const actions = actionsOnVersion(version, perform);
  const all = [...(run?.table.columns.values() ?? [])];
  const metrics = byImportance(all.filter((each) => each.id.startsWith("metrics.")));
  const params = all.filter((each) => each.kind === "params");
  const colour = styles([version.run], dark.value).get(version.run)?.colour ?? LIGHT[0];
  return (
    <div class="page" style={{ gap: "28px" }}>
      <Head {...{ value, writes, actions }} />
      {files && <Signature key={files.owner + files.root} files={files} />}
      {run && (
        <div class="two">
          <Metrics table={run.table} metrics={metrics} id={version.run} colour={colour} />
          <Params params={params} name={run.name} />
        </div>
      )}
      <section class="part" id="artifacts" aria-label="Files">
        {files ? (
          <Soon now={!!asked("file")}>
            <Artifacts run={files.owner} root={files.root} uri={version.source} />
          </Soon>
        ) : (
          <>
            <h2>Files</h2>
            <p class="dim">
              The files are at <code>{version.source}</code>, which is not among the files of a run or of a logged model
              of this store.
            </p>
          </>
        )}
      </section>
      <Description note={version.note} writes={writes} describe={actions.describe} />
      <Tags tags={version.tags} writes={writes} ask={actions.askTag} remove={actions.removeTag} />
    </div>
  );
}

function Head({ value, writes, actions }: { value: LoadedVersion; writes: boolean; actions: Actions }) {
  const { version } = value;
  const { name, version: number, aliases } = version;
  const uri = `models:/${name}/${number}`;
  const addAlias = async () => {
    const { registered_model } = await get(`${MLFLOW}registered-models/get`, { name });
    actions.askAlias(registeredOf(registered_model).aliases);
  };
  return (
    <div class="stack" style={{ gap: "6px" }}>
      <div class="side wrap">
        <h1 class="clip">
          {name} <span class="dim">version {number}</span>
        </h1>
        {version.stage && <span class="badge">{version.stage}</span>}
        <span class="grow" />
        <Button icon="copy" aria-label={`Copy ${uri}`} onClick={() => copy(uri, "URI copied")}>
          <span class="mono hide-narrow">{uri}</span>
        </Button>
        {writes && (
          <Menu label="Actions of the version" icon="more">
            {(close) => (
              <>
                <Item icon="bookmark" onClick={() => (close(), void addAlias())}>
                  Add an alias…
                </Item>
                <Item icon="file" onClick={() => (close(), actions.describe())}>
                  Describe…
                </Item>
                <Item icon="tag" onClick={() => (close(), actions.askTag())}>
                  Add a tag…
                </Item>
                <Item icon="right" onClick={() => (close(), actions.askStage())}>
                  Move to a stage…
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
      <div class="side wrap" role="group" aria-label="Aliases">
        <Aliases names={aliases} remove={writes ? actions.removeAlias : undefined} />
        {writes && (
          <Button icon="plus" plain onClick={() => void addAlias()}>
            Alias
          </Button>
        )}
      </div>
      <Facts version={version} run={value.run} />
      {version.status && (
        <p class="status STALE">
          <Icon name="warning" /> {version.status}
        </p>
      )}
    </div>
  );
}

function Facts({ version, run }: { version: Version; run: LoadedVersion["run"] }) {
  return (
    <div class="facts">
      <span>
        Registered <b title={timestamp(version.created)}>{ago(version.created)}</b>
      </span>
      {version.user && (
        <span>
          By <b>{version.user}</b>
        </span>
      )}
      {version.run && (
        <span>
          From run {run ? <a href={runHref(version.run)}>{run.name}</a> : <b class="mono">{version.run}</b>}
          {run && (
            <>
              {" "}
              in <a href={experimentHref(run.experiment)}>its experiment</a>
            </>
          )}
        </span>
      )}
      <span class="clip">
        Source <b class="mono">{version.source}</b>
      </span>
    </div>
  );
}
