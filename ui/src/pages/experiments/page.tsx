// All experiments: what goes on in each.
import { useEffect } from "preact/hooks";
import { session } from "../../api.ts";
import { useKeys } from "../../keys.ts";
import { count } from "../../logic/format.ts";
import { Button, Empty, exampleCode, Failure, Skeleton, useLoad } from "../../parts/basic.tsx";
import { useOptimistic } from "../../parts/optimistic.tsx";
import { asked, href, setQuery } from "../../route.ts";
import { title } from "../../state.ts";
import { actions, create } from "./actions.tsx";
import { List } from "./list.tsx";
import { type Experiment, load, matches, ORDERS } from "./load.ts";

export function Experiments() {
  const [text, order, deleted] = [asked("q"), asked("sort", "last"), asked("deleted") === "1"];
  const { value: loaded, error, busy, retry, set } = useLoad((signal) => load(deleted, signal), [deleted]);
  const [value, perform] = useOptimistic(loaded, set);
  const isTree = asked("tree") === "1";
  useEffect(() => title("Experiments"), []);
  useKeys({ "/": () => document.getElementById("find")?.focus() });
  const writes = session.value?.read_only === false;
  const shown = (value ?? []).filter((each) => matches(each, text)).sort(ORDERS[order] ?? ORDERS.last);
  return (
    <div class="page">
      <Toolbar {...{ value, text, isTree, deleted, writes }} />
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
        <List {...{ shown, order, isTree, deleted, writes, busy }} actions={actions(perform, retry)} />
      )}
    </div>
  );
}

interface ToolbarProps {
  value: Experiment[] | null | undefined;
  text: string;
  isTree: boolean;
  deleted: boolean;
  writes: boolean;
}

function Toolbar({ value, text, isTree, deleted, writes }: ToolbarProps) {
  return (
    <div class="side wrap">
      <h1>Experiments</h1>
      {value && <span class="dim">{count(value.length)}</span>}
      <span class="grow" />
      <a class="button only-narrow" href={href("models")}>
        Models
      </a>
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
  );
}
