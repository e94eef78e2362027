// The top of the page of a run: its name, its state, what can be done with it, the facts of it.
import { statusOf } from "../../logic/columns.ts";
import { ago, duration, timestamp } from "../../logic/format.ts";
import { Button, Item, ItemLink, Menu, Status } from "../../parts/basic.tsx";
import { isOfflinePage, offlinePageHref, runHref } from "../../route.ts";
import { copy } from "../../state.ts";
import type { Actions } from "./actions.tsx";
import type { Loaded } from "./load.ts";

interface HeadProps {
  id: string;
  value: Loaded;
  writes: boolean;
  actions: Actions;
  step: (by: -1 | 1) => Promise<void>;
}

export function Head({ id, value, writes, actions, step }: HeadProps) {
  const { table } = value;
  return (
    <div class="page" style={{ paddingBottom: "8px", gap: "6px" }}>
      <div class="side wrap">
        <h1 class="clip">{table.names[0]}</h1>
        <Status status={statusOf(table, 0)} />
        <span class="grow" />
        {!isOfflinePage && (
          <Button icon="left" label="Previous run" keys="[" plain class="hide-narrow" onClick={() => step(-1)} />
        )}
        {!isOfflinePage && (
          <Button icon="right" label="Next run" keys="]" plain class="hide-narrow" onClick={() => step(1)} />
        )}
        <Button icon="copy" aria-label={`Copy the run id ${id.slice(0, 8)}`} onClick={() => copy(id, "Run id copied")}>
          <span class="mono hide-narrow">{id.slice(0, 8)}</span>
        </Button>
        {!isOfflinePage && <ActionMenu {...{ id, writes, actions, step }} deleted={table.deleted[0]} />}
      </div>
      <Facts value={value} />
    </div>
  );
}

function ActionMenu({ id, writes, actions, step, deleted }: Omit<HeadProps, "value"> & { deleted: boolean }) {
  return (
    <Menu label="Actions of the run" icon="more">
      {(close) => (
        <>
          <ItemLink icon="download" href={offlinePageHref([id])} download onClick={close}>
            Download as one HTML file
          </ItemLink>
          <Item icon="left" class="only-narrow" onClick={() => (close(), step(-1))}>
            Previous run
          </Item>
          <Item icon="right" class="only-narrow" onClick={() => (close(), step(1))}>
            Next run
          </Item>
          {writes && (
            <>
              <hr />
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
              <Item
                icon={deleted ? "restore" : "trash"}
                class={deleted ? "" : "bad"}
                onClick={() => (close(), actions.move())}
              >
                {deleted ? "Restore" : "Delete"}
              </Item>
            </>
          )}
        </>
      )}
    </Menu>
  );
}

function Facts({ value }: { value: Loaded }) {
  const { table, tags, parent } = value;
  const [start, end] = [table.start[0], table.statusOf[0] === "RUNNING" ? Date.now() : table.end[0]];
  const source = tags.find(([key]) => key === "mlflow.source.name")?.[1];
  return (
    <div class="facts">
      <span>
        Started <b title={timestamp(start)}>{ago(start)}</b>
      </span>
      <span>
        Took <b>{duration(end - start) || "–"}</b>
      </span>
      {table.users[0] && (
        <span>
          By <b>{table.users[0]}</b>
        </span>
      )}
      {source !== undefined && (
        <span>
          From <b>{source}</b>
        </span>
      )}
      {parent && (
        <span>
          Within <a href={runHref(parent.id)}>{parent.name}</a>
        </span>
      )}
    </div>
  );
}
