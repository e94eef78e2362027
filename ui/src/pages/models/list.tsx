// All registered models, by name or by their last change.
import { useEffect, useState } from "preact/hooks";
import { MLFLOW, post, session } from "../../api.ts";
import { useKeys } from "../../keys.ts";
import { ago, count, plural, timestamp } from "../../logic/format.ts";
import type { Registered } from "../../logic/registered.ts";
import { Button, Empty, Failure, Skeleton, useLoad } from "../../parts/basic.tsx";
import { crumbs } from "../../parts/header.tsx";
import { Icon } from "../../parts/icon.tsx";
import { ask } from "../../parts/optimistic.tsx";
import { asked, go, href, modelHref, setQuery } from "../../route.ts";
import { title } from "../../state.ts";
import { countVersions, type Listing, listModels } from "./listing.ts";

const ORDERS: Record<string, string> = { name: "name ASC", last: "last_updated_timestamp DESC" };
const CODE = `import runlog
runlog.register_model("runs:/RUN_ID/model", "my-model")`;
const TYPING = 150; // ms after a key before the server is asked

const createModel = () =>
  ask({
    title: "New registered model",
    action: "Create",
    waits: true,
    fields: (
      <label class="field">
        <span>Name</span>
        <input class="input" name="name" required autofocus />
      </label>
    ),
    save: async (given) => {
      const name = String(given.get("name"));
      await post(`${MLFLOW}registered-models/create`, { name });
      go(modelHref(name));
    },
  });

export function ModelList() {
  const [text, order] = [asked("q"), asked("sort", "name")];
  const [more, setMore] = useState<Listing[]>([]);
  const { value, error, busy, retry } = useLoad(
    async (signal) => {
      await new Promise((done) => setTimeout(done, text ? TYPING : 0));
      signal.throwIfAborted();
      const found = await listModels(text.trim(), ORDERS[order] ?? ORDERS.name);
      setMore([]);
      return found;
    },
    [text, order],
  );
  const { value: counts } = useLoad(countVersions, []);
  useEffect(() => {
    title("Models");
    crumbs.value = [{ text: "Models", address: href("models") }];
  }, []);
  useKeys({ "/": () => document.getElementById("find")?.focus() });
  const token = (more.at(-1) ?? value)?.token ?? "";
  const models = [value, ...more].flatMap((each) => each?.models ?? []);
  const next = async () => {
    const found = await listModels(text.trim(), ORDERS[order] ?? ORDERS.name, token);
    setMore((before) => [...before, found]);
  };
  return (
    <div class="page">
      <div class="side wrap">
        <h1>Models</h1>
        {value && (
          <span class="dim">
            {count(models.length)}
            {token && "+"}
          </span>
        )}
        <span class="grow" />
        <input
          id="find"
          class="input"
          type="search"
          placeholder="Find by name"
          aria-label="Find models"
          defaultValue={text}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
        {session.value?.read_only === false && (
          <Button main icon="plus" onClick={createModel}>
            New
          </Button>
        )}
      </div>
      {error ? (
        <Failure what="The models could not be loaded" error={error} retry={retry} />
      ) : !value ? (
        <Skeleton columns={4} />
      ) : models.length ? (
        <Table {...{ models, order, busy }} counts={counts ?? null} />
      ) : text ? (
        <Empty title="No model matches">
          No registered model has “{text}” in its name. <Button onClick={() => setQuery({ q: null })}>Clear</Button>
        </Empty>
      ) : (
        <Empty title="No registered models yet" code={CODE}>
          Register a model on the page of its run, or in Python:
        </Empty>
      )}
      {token && (
        <div>
          <Button onClick={() => void next()}>Load more</Button>
        </div>
      )}
    </div>
  );
}

interface TableProps {
  models: Registered[];
  order: string;
  busy: boolean;
  counts: Map<string, number> | null;
}

function Table({ models, order, busy, counts }: TableProps) {
  const sort = (key: string, label: string, more = "") => (
    <th scope="col" class={more} aria-sort={order === key ? (key === "name" ? "ascending" : "descending") : "none"}>
      <button type="button" onClick={() => setQuery({ sort: key === "name" ? null : key })}>
        {label}
        {order === key && <Icon name={key === "name" ? "sortUp" : "sortDown"} size={12} />}
      </button>
    </th>
  );
  return (
    <div class={`scroll ${busy ? "stale" : ""}`} tabIndex={0} role="region" aria-label="Registered models">
      <table class="plain">
        <thead>
          <tr>
            {sort("name", "Name")}
            <th scope="col">Latest</th>
            <th scope="col">Aliases</th>
            <th scope="col" class="hide-narrow">
              Tags
            </th>
            {sort("last", "Changed", "hide-narrow")}
          </tr>
        </thead>
        <tbody>
          {models.map((model) => (
            <Row key={model.name} model={model} versions={counts ? (counts.get(model.name) ?? 0) : null} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ model, versions }: { model: Registered; versions: number | null }) {
  const { name, latest, aliases, tags, note, updated } = model;
  return (
    <tr>
      <td style={{ maxWidth: "min(480px, 46vw)" }}>
        <div class="clip">
          <a href={modelHref(name)} style={{ fontWeight: 500 }}>
            {name}
          </a>
        </div>
        {note && <div class="clip dim small">{note.split("\n")[0].replace(/[*_`#]/g, "")}</div>}
      </td>
      <td class="nowrap">
        {latest ? <a href={modelHref(name, latest)}>v{latest}</a> : <span class="dim">none</span>}
        {versions ? <span class="dim small hide-narrow"> · {plural(versions, "version")}</span> : null}
      </td>
      <td>
        <div class="side wrap">
          {aliases.slice(0, 6).map(([alias, version]) => (
            <a key={alias} class="badge alias" href={modelHref(name, version)} title={`Version ${version}`}>
              @{alias}
            </a>
          ))}
          {aliases.length > 6 && <span class="dim small">and {count(aliases.length - 6)} more</span>}
        </div>
      </td>
      <td class="hide-narrow">
        <div class="side wrap">
          {tags.slice(0, 4).map(([key, value]) => (
            <span class="badge" key={key}>
              {key} {value}
            </span>
          ))}
        </div>
      </td>
      <td class="nowrap dim hide-narrow" title={timestamp(updated)}>
        {ago(updated)}
      </td>
    </tr>
  );
}
