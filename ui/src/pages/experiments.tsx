// All experiments: what goes on in each, and making, renaming, deleting them.
import { useEffect } from "preact/hooks";
import { MLFLOW, OURS, post, session } from "../api.ts";
import { useKeys } from "../keys.ts";
import { folders } from "../logic/folders.ts";
import { ago, count, plural, timestamp } from "../logic/format.ts";
import { Button, Empty, exampleCode, Failure, Item, Menu, Skeleton, useLoad } from "../parts/basic.tsx";
import { ask, type Deed, useDeeds } from "../parts/deeds.tsx";
import { Icon } from "../parts/icon.tsx";
import { asked, experimentHref, go, setQuery } from "../route.ts";
import { title } from "../state.ts";

interface Experiment {
  id: string;
  name: string;
  note: string;
  tags: [string, string][];
  statuses: Record<string, number>;
  runs: number;
  last: number; // activity, else when it was made
}

const NOTE = "mlflow.note.content";

async function load(deleted: boolean, signal: AbortSignal): Promise<Experiment[]> {
  const found: any[] = [];
  for (let token: string | undefined; ; ) {
    const page = await post(
      `${MLFLOW}experiments/search`,
      { max_results: 5000, view_type: deleted ? "DELETED_ONLY" : "ACTIVE_ONLY", page_token: token },
      signal,
    );
    found.push(...(page.experiments ?? []));
    token = page.next_page_token;
    if (!token) break;
  }
  if (!found.length) return [];
  const ids = found.map((each) => each.experiment_id);
  const { experiments } = await post(`${OURS}experiments/activity`, { experiment_ids: ids }, signal);
  return found.map((each, i) => {
    const { statuses, last_time } = experiments[i];
    const tags = (each.tags ?? []).map((tag: any) => [tag.key, tag.value]);
    return {
      id: each.experiment_id,
      name: each.name,
      note: tags.find(([key]: string[]) => key === NOTE)?.[1] ?? "",
      tags: tags.filter(([key]: string[]) => !key.startsWith("mlflow.")),
      statuses,
      runs: (Object.values(statuses) as number[]).reduce((sum, each) => sum + each, 0),
      last: last_time ?? each.last_update_time ?? each.creation_time ?? 0,
    };
  });
}

const ORDERS: Record<string, (a: Experiment, b: Experiment) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  runs: (a, b) => b.runs - a.runs,
  last: (a, b) => b.last - a.last,
};

function matches(experiment: Experiment, text: string): boolean {
  const lower = `${experiment.name} ${experiment.note} ${experiment.tags.flat().join(" ")}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}

export function Experiments() {
  const [text, order, deleted] = [asked("q"), asked("sort", "last"), asked("deleted") === "1"];
  const { value: loaded, error, busy, retry, set } = useLoad((signal) => load(deleted, signal), [deleted]);
  const [value, perform] = useDeeds(loaded, set);
  const closed = new Set(asked("closed").split(",").filter(Boolean).map(decodeURIComponent));
  const isTree = asked("tree") === "1";
  useEffect(() => title("Experiments"), []);
  useKeys({ "/": () => document.getElementById("find")?.focus() });
  const writes = session.value?.read_only === false;

  /** An experiment leaves the list, or comes into it: what is deleted has a list of its own. */
  const moving = (of: Experiment, deed: "delete" | "restore", out: boolean): Deed<Experiment[]> => ({
    said: `${deed === "delete" ? "Deleted" : "Restored"} ${of.name}`,
    change: (now) => [...now.filter((each) => each.id !== of.id), ...(out ? [] : [of])],
    send: () => post(`${MLFLOW}experiments/${deed}`, { experiment_id: of.id }).then(retry),
  });
  const remove = (of: Experiment) => perform({ ...moving(of, "delete", true), undo: moving(of, "restore", false) });
  const restore = (of: Experiment) => perform({ ...moving(of, "restore", true), undo: moving(of, "delete", false) });
  const describe = (of: Experiment) =>
    ask({
      title: `Describe ${of.name}`,
      action: "Save",
      save: (given) =>
        perform({ ...noting(of, "Saved", String(given.get("note"))), undo: noting(of, "Undone", of.note) }),
      fields: (
        <label class="field">
          <span>Note, in Markdown</span>
          <textarea class="input" name="note" rows={8} autofocus defaultValue={of.note} />
        </label>
      ),
    });
  const rename = (of: Experiment) =>
    ask({
      title: `Rename ${of.name}`,
      action: "Rename",
      fields: nameField(of.name),
      save: (given) =>
        perform({ ...naming(of, "Renamed", String(given.get("name"))), undo: naming(of, "Named as before", of.name) }),
    });
  const shown = (value ?? []).filter((each) => matches(each, text)).sort(ORDERS[order] ?? ORDERS.last);
  const lines = isTree
    ? folders(shown, (each) => each.name, closed)
    : shown.map((of) => ({ kind: "leaf" as const, depth: 0, text: of.name, of }));
  const toggle = (path: string) => {
    const next = new Set(closed);
    next.delete(path) || next.add(path);
    setQuery({ closed: [...next].map(encodeURIComponent).join(",") });
  };
  const sort = (key: string, label: string, more = "") => (
    <th scope="col" class={more} aria-sort={order === key ? (key === "name" ? "ascending" : "descending") : "none"}>
      <button type="button" onClick={() => setQuery({ sort: key === "last" ? null : key })}>
        {label}
        {order === key && <Icon name={key === "name" ? "sortUp" : "sortDown"} size={12} />}
      </button>
    </th>
  );
  const row = (each: Experiment, text: string, depth: number) => (
    <tr key={each.id}>
      <td style={{ maxWidth: "min(480px, 46vw)", paddingLeft: isTree ? `${depth * 20 + 20}px` : undefined }}>
        <div class="clip">
          <a href={experimentHref(each.id)}>
            {text ? <b style={{ fontWeight: 500 }}>{text}</b> : <Path name={each.name} />}
          </a>
        </div>
        {each.note && <div class="clip dim small">{each.note.split("\n")[0].replace(/[*_`#]/g, "")}</div>}
      </td>
      <td class="nowrap">
        <Activity of={each} />
      </td>
      <td class="nowrap dim hide-narrow" title={each.last ? timestamp(each.last) : ""}>
        {each.last ? ago(each.last) : ""}
      </td>
      <td class="hide-narrow">
        <div class="side wrap">
          {each.tags.slice(0, 4).map(([key, value]) => (
            <span class="badge" key={key}>
              {key} {value}
            </span>
          ))}
        </div>
      </td>
      <td>
        {writes && (
          <Menu label={`Actions of ${each.name}`} icon="more" plain>
            {(close) =>
              deleted ? (
                <Item icon="restore" onClick={() => (close(), restore(each))}>
                  Restore
                </Item>
              ) : (
                <>
                  <Item icon="edit" onClick={() => (close(), rename(each))}>
                    Rename…
                  </Item>
                  <Item icon="file" onClick={() => (close(), describe(each))}>
                    Describe…
                  </Item>
                  <Item icon="trash" class="bad" onClick={() => (close(), remove(each))}>
                    Delete
                  </Item>
                </>
              )
            }
          </Menu>
        )}
      </td>
    </tr>
  );
  return (
    <div class="page">
      <div class="side wrap">
        <h1>Experiments</h1>
        {value && <span class="dim">{count(value.length)}</span>}
        <span class="grow" />
        <input
          id="find"
          class="input"
          type="search"
          placeholder="Find by name, tag or note"
          aria-label="Find experiments"
          value={text}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
        {value?.some((each) => each.name.includes("/")) && (
          <Button
            aria-pressed={isTree}
            icon="folder"
            title="Names with slashes as folders"
            onClick={() => setQuery({ tree: isTree ? null : "1" })}
          >
            Folders
          </Button>
        )}
        <Button aria-pressed={deleted} icon="trash" onClick={() => setQuery({ deleted: deleted ? null : "1" })}>
          Deleted
        </Button>
        {writes && (
          <Button main icon="plus" onClick={create}>
            New
          </Button>
        )}
      </div>
      {error ? (
        <Failure what="The experiments could not be loaded" error={error} retry={retry} />
      ) : !value ? (
        <Skeleton columns={4} />
      ) : !value.length ? (
        <Empty
          title={deleted ? "Nothing is deleted" : "No experiments yet"}
          code={deleted ? undefined : exampleCode("my-experiment")}
        >
          {deleted
            ? "Deleted experiments stay here until they are collected."
            : "An experiment is made by the first run that names it:"}
        </Empty>
      ) : !shown.length ? (
        <Empty title="No experiment matches">
          Nothing has “{text}” in its name, note or tags. <Button onClick={() => setQuery({ q: null })}>Clear</Button>
        </Empty>
      ) : (
        <div class={`scroll ${busy ? "stale" : ""}`} tabIndex={0} role="region" aria-label="Experiments">
          <table class="plain">
            <thead>
              <tr>
                {sort("name", "Name")}
                {sort("runs", "Runs")}
                {sort("last", "Last activity", "hide-narrow")}
                <th scope="col" class="hide-narrow">
                  Tags
                </th>
                <th scope="col" style={{ width: "44px" }}>
                  <span class="unseen">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {lines.map((line) =>
                line.kind === "folder" ? (
                  <tr key={`${line.path} folder`} class="folder">
                    <td>
                      <button
                        type="button"
                        class="link"
                        aria-expanded={line.open}
                        style={{ paddingLeft: `${line.depth * 20}px` }}
                        onClick={() => toggle(line.path)}
                      >
                        <Icon name={line.open ? "down" : "right"} size={14} />
                        <Icon name="folder" size={14} /> <b class="clip">{line.text.slice(0, -1)}</b>{" "}
                        <span class="badge">{line.inside.length}</span>
                      </button>
                    </td>
                    <td class="nowrap">
                      <Activity of={summed(line.inside)} />
                    </td>
                    <td class="nowrap dim hide-narrow">{ago(Math.max(...line.inside.map((each) => each.last)))}</td>
                    <td class="hide-narrow" />
                    <td />
                  </tr>
                ) : (
                  row(line.of, isTree ? line.text : "", line.depth)
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

/** A name with its path dimmed: team/project. */
function Path({ name }: { name: string }) {
  const at = name.lastIndexOf("/") + 1;
  return (
    <>
      <span class="dim">{name.slice(0, at)}</span>
      <b style={{ fontWeight: 500 }}>{name.slice(at)}</b>
    </>
  );
}

const summed = (some: Experiment[]): Pick<Experiment, "statuses" | "runs"> => {
  const statuses: Record<string, number> = {};
  for (const each of some)
    for (const [status, many] of Object.entries(each.statuses)) statuses[status] = (statuses[status] ?? 0) + many;
  return { statuses, runs: some.reduce((sum, each) => sum + each.runs, 0) };
};

function Activity({ of }: { of: Pick<Experiment, "statuses" | "runs"> }) {
  const { RUNNING = 0, FAILED = 0 } = of.statuses;
  if (!of.runs) return <span class="dim">no runs</span>;
  return (
    <span>
      {plural(of.runs, "run")}
      {RUNNING > 0 && <span class="status RUNNING">, {count(RUNNING)} running</span>}
      {FAILED > 0 && <span class="status FAILED">, {count(FAILED)} failed</span>}
    </span>
  );
}

const altered = (of: Experiment, change: Partial<Experiment>) => (now: Experiment[]) =>
  now.map((each) => (each.id === of.id ? { ...each, ...change } : each));

const naming = (of: Experiment, said: string, name: string): Deed<Experiment[]> => ({
  said,
  change: altered(of, { name }),
  send: () => post(`${MLFLOW}experiments/update`, { experiment_id: of.id, new_name: name }),
});

const noting = (of: Experiment, said: string, note: string): Deed<Experiment[]> => ({
  said,
  change: altered(of, { note }),
  send: () => post(`${MLFLOW}experiments/set-experiment-tag`, { experiment_id: of.id, key: NOTE, value: note }),
});

const nameField = (name = "") => (
  <label class="field">
    <span>Name</span>
    <input class="input" name="name" required autofocus defaultValue={name} />
  </label>
);

/** The page of a new experiment needs its id: this one waits. */
const create = () =>
  ask({
    title: "New experiment",
    action: "Create",
    waits: true,
    fields: nameField(),
    save: async (given) =>
      go(experimentHref((await post(`${MLFLOW}experiments/create`, { name: given.get("name") })).experiment_id)),
  });
