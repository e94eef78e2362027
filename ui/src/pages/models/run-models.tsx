// The models of a run, on its page: those that it logged, the versions that came of them, and "Register".
import { useState } from "preact/hooks";
import { ApiError, get, MLFLOW, post } from "../../api.ts";
import { literal } from "../../logic/filter.ts";
import { ago, timestamp } from "../../logic/format.ts";
import { isOf, type LoggedModel, loggedOf, type Version, versionOf } from "../../logic/registry.ts";
import { Button, Failure, Skeleton, useLoad } from "../../parts/basic.tsx";
import { ask } from "../../parts/optimistic.tsx";
import { loggedHref, modelHref, setQuery } from "../../route.ts";
import { notify } from "../../state.ts";
import { listModels } from "./listing.ts";
import { describe } from "./load.ts";

interface Props {
  run: string;
  experiment: string;
  uri: string; // where the files of the run are
  ids: string[]; // of logged models that the run made
  history: string;
  writes: boolean;
}

const LOOKED_AT = 12; // models whose flavours only their files say

const addFlavors = (model: LoggedModel) =>
  describe({ owner: model.id, root: "" }, false).then(
    ({ about }) =>
      void (model.flavors = about.flavors.filter((each) => each !== "python_function" || about.flavors.length === 1)),
    () => {}, // its files may not be there yet
  );

async function load({ run, experiment, ids, history }: Props) {
  const filter = `source_run_id = ${literal(run)}`;
  const [logged, registered] = await Promise.all([
    ids.length
      ? post(`${MLFLOW}logged-models/search`, { experiment_ids: [experiment], filter, max_results: 200 })
      : { models: [] },
    get(`${MLFLOW}model-versions/search`, { filter: `run_id = ${literal(run)}`, max_results: "1000" }),
  ]);
  const versions: Version[] = (registered.model_versions ?? []).map(versionOf);
  versions.sort((a, b) => Number(a.version) - Number(b.version));
  const models = loggedOf(logged.models ?? [], history);
  await Promise.all(
    models
      .filter((each) => !each.flavors.length)
      .slice(0, LOOKED_AT)
      .map(addFlavors),
  );
  return { models: models.sort((a, b) => a.created - b.created), versions };
}

/** The next version of a registered model, which is made if there is none of that name. */
async function register(name: string, model: LoggedModel, run: string, uri: string): Promise<Version> {
  await post(`${MLFLOW}registered-models/create`, { name }).catch((error) => {
    if (!(error instanceof ApiError && error.code === "RESOURCE_ALREADY_EXISTS")) throw error;
  });
  const source = model.id ? `models:/${model.id}` : `${uri.replace(/\/+$/, "")}/${model.path}`;
  const body = { name, source, ...(run && { run_id: run }), ...(model.id && { model_id: model.id }) };
  return versionOf((await post(`${MLFLOW}model-versions/create`, body)).model_version);
}

/** Asks for a name; `uri` is where the files of the run are, for models that have no id. */
export const askToRegister = (model: LoggedModel, run: string, uri: string, done: () => void) =>
  ask({
    title: `Register ${model.name}`,
    action: "Register",
    waits: true,
    fields: <Name />,
    save: async (given) => {
      const made = await register(String(given.get("name")).trim(), model, run, uri);
      notify(`Registered as version ${made.version} of ${made.name}`);
      done();
    },
  });

export function RunModels(props: Props) {
  const { run, experiment, writes } = props;
  const [tries, setTries] = useState(0);
  const { value, error, retry } = useLoad(() => load(props), [run, tries]);
  if (error) return <Failure what="The models could not be loaded" error={error} retry={retry} />;
  if (!value) return <Skeleton rows={2} columns={3} />;
  const known = new Set<Version>();
  const rows = value.models.map((model) => {
    const versions = value.versions.filter((each) => isOf(each, model, run));
    for (const each of versions) known.add(each);
    return { model, versions };
  });
  const others = value.versions.filter((each) => !known.has(each));
  const askName = (model: LoggedModel) => askToRegister(model, run, props.uri, () => setTries((before) => before + 1));
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of models">
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">Flavours</th>
              <th scope="col" class="hide-narrow">
                Logged
              </th>
              <th scope="col">Registered as</th>
              <th scope="col">
                <span class="unseen">Register</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ model, versions }) => (
              <Row
                key={model.id || model.path}
                {...{ model, versions, experiment }}
                ask={writes ? () => askName(model) : null}
              />
            ))}
          </tbody>
        </table>
      </div>
      {others.length > 0 && (
        <p class="side wrap">
          <span class="dim">Also registered from this run:</span> <Versions of={others} />
        </p>
      )}
    </>
  );
}

interface RowProps {
  model: LoggedModel;
  versions: Version[];
  experiment: string;
  ask: (() => void) | null;
}

function Row({ model, versions, experiment, ask }: RowProps) {
  const show = () => {
    setQuery({ file: `${model.path}/MLmodel` });
    document.getElementById("artifacts")?.scrollIntoView({ behavior: "instant" });
  };
  return (
    <tr>
      <td>
        {model.path ? (
          <button type="button" class="link" title="Show its files" onClick={show}>
            <span style={{ color: "var(--accent)" }}>{model.name}</span>
          </button>
        ) : (
          <a href={loggedHref(experiment, model.id)}>{model.name}</a>
        )}
        {model.state && <span class="badge">{model.state}</span>}
      </td>
      <td>{model.flavors.join(", ")}</td>
      <td class="nowrap dim hide-narrow" title={timestamp(model.created)}>
        {model.created ? ago(model.created) : ""}
      </td>
      <td>
        <span class="side wrap">
          <Versions of={versions} />
        </span>
      </td>
      <td style={{ textAlign: "right" }}>
        {ask && (
          <Button onClick={ask} aria-label={`Register ${model.name}`}>
            Register
          </Button>
        )}
      </td>
    </tr>
  );
}

export const Versions = ({ of }: { of: Version[] }) => (
  <>
    {of.map((each) => (
      <a key={`${each.name} ${each.version}`} href={modelHref(each.name, each.version)} class="nowrap">
        {each.name} v{each.version}
      </a>
    ))}
  </>
);

/** A name, completed from those that are registered. */
function Name() {
  const [text, setText] = useState("");
  const { value } = useLoad(() => listModels(text.trim(), "name ASC"), [text]);
  return (
    <label class="field">
      <span>Name of the registered model: a new one, or one that gets another version</span>
      <input
        class="input"
        name="name"
        required
        autofocus
        autocomplete="off"
        list="registered"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <datalist id="registered">
        {(value?.models ?? []).slice(0, 50).map((each) => (
          <option key={each.name} value={each.name} />
        ))}
      </datalist>
    </label>
  );
}
