// Which columns the table has: by group, with a search, and the usual choices.
import { useState } from "preact/hooks";
import type { Column } from "../logic/columns.ts";
import { Button, Menu } from "./basic.tsx";

const GROUPS: [Column["kind"], string][] = [
  ["info", "Run"],
  ["metrics", "Metrics"],
  ["params", "Params"],
  ["tags", "Tags"],
];
const AGGREGATES = ["last", "min", "max"]; // offered for each metric
const MOST = 300; // lines in the list

/** The columns of a metric that could be shown: its last value, its least and its greatest. */
const offered = (all: Column[]): Column[] =>
  all.flatMap((column) => {
    if (column.kind !== "metrics") return [column];
    if (!column.id.startsWith("metrics.")) return [];
    return AGGREGATES.map((each) =>
      each === "last" ? column : { ...column, id: `${each}(metrics.${column.key})`, label: `${each} ${column.key}` },
    );
  });

export function Columns(props: {
  all: Column[];
  shown: Column[];
  named: boolean;
  set: (list: Column[] | null) => void;
  pinned: Set<string>;
  pin: (id: string) => void;
}) {
  const [find, setFind] = useState("");
  const { all, shown, set, pinned } = props;
  const ids = new Set(shown.map((each) => each.id));
  const list = offered(all).filter((each) => each.label.toLowerCase().includes(find.toLowerCase()));
  const toggle = (column: Column) =>
    set(ids.has(column.id) ? shown.filter((each) => each.id !== column.id) : [...shown, column]);
  const only = (test: (column: Column) => boolean) =>
    set(all.filter((each) => (each.kind === "info" ? ids.has(each.id) : each.kind !== "tags" && test(each))));
  return (
    <Menu label="Columns" icon="columns">
      {() => (
        <>
          <input
            class="input"
            type="search"
            placeholder="Find columns"
            aria-label="Find columns"
            style={{ width: "100%" }}
            value={find}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
          <div class="side wrap" style={{ padding: "6px 0" }}>
            <Button onClick={() => only((each) => each.differs)}>Only differing</Button>
            <Button onClick={() => only((each) => each.everywhere)}>Only in all runs</Button>
            {props.named && (
              <Button plain onClick={() => set(null)}>
                Usual
              </Button>
            )}
          </div>
          {GROUPS.map(([kind, title]) => {
            const some = list.filter((each) => each.kind === kind);
            return (
              some.length > 0 && (
                <div key={kind} role="group" aria-label={title}>
                  <h2>{title}</h2>
                  {some.slice(0, MOST).map((each) => (
                    <div class="side" key={each.id}>
                      <label class="item">
                        <input type="checkbox" checked={ids.has(each.id)} onChange={() => toggle(each)} />
                        <span class="grow clip">{each.label}</span>
                        {!each.differs && <span class="dim small">same</span>}
                      </label>
                      {ids.has(each.id) && (
                        <Button
                          plain
                          icon="pin"
                          label={`Pin ${each.label}`}
                          aria-pressed={pinned.has(each.id)}
                          onClick={() => props.pin(each.id)}
                        />
                      )}
                    </div>
                  ))}
                </div>
              )
            );
          })}
        </>
      )}
    </Menu>
  );
}
