// The list of experiments: a row each, or folders by the slashes of their names.
import { folders } from "../../logic/folders.ts";
import { ago, count, plural, timestamp } from "../../logic/format.ts";
import { Item, Menu } from "../../parts/basic.tsx";
import { Icon } from "../../parts/icon.tsx";
import { asked, experimentHref, setQuery } from "../../route.ts";
import type { Actions } from "./actions.tsx";
import type { Experiment } from "./load.ts";

export interface ListProps {
  shown: Experiment[];
  order: string;
  isTree: boolean;
  deleted: boolean;
  writes: boolean;
  busy: boolean;
  actions: Actions;
}

type Folder = Extract<ReturnType<typeof folders<Experiment>>[number], { kind: "folder" }>;

export function List({ shown, order, isTree, busy, ...rest }: ListProps) {
  const closed = new Set(asked("closed").split(",").filter(Boolean).map(decodeURIComponent));
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
  return (
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
              <FolderRow key={`${line.path} folder`} line={line} toggle={toggle} />
            ) : (
              <Row
                key={line.of.id}
                each={line.of}
                text={isTree ? line.text : ""}
                indent={isTree ? line.depth : null}
                {...rest}
              />
            ),
          )}
        </tbody>
      </table>
    </div>
  );
}

function FolderRow({ line, toggle }: { line: Folder; toggle: (path: string) => void }) {
  return (
    <tr class="folder">
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
  );
}

interface RowProps extends Pick<ListProps, "deleted" | "writes" | "actions"> {
  each: Experiment;
  text: string; // of its name what its folders do not say; empty in a flat list
  indent: number | null;
}

function Row({ each, text, indent, deleted, writes, actions }: RowProps) {
  return (
    <tr>
      <td style={{ maxWidth: "min(480px, 46vw)", paddingLeft: indent === null ? undefined : `${indent * 20 + 20}px` }}>
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
                <Item icon="restore" onClick={() => (close(), actions.restore(each))}>
                  Restore
                </Item>
              ) : (
                <>
                  <Item icon="edit" onClick={() => (close(), actions.rename(each))}>
                    Rename…
                  </Item>
                  <Item icon="file" onClick={() => (close(), actions.describe(each))}>
                    Describe…
                  </Item>
                  <Item icon="trash" class="bad" onClick={() => (close(), actions.remove(each))}>
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
