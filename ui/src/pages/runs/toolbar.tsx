// What stands above the table of runs: views, groups, how fresh it is, what the selected runs are for.
import { useEffect, useState } from "preact/hooks";
import { failing, paused, updated } from "../../live.ts";
import { type Column, isSystemTag, type Table } from "../../logic/columns.ts";
import { field } from "../../logic/filter.ts";
import { ago, count, plural } from "../../logic/format.ts";
import { Button, Item, Menu } from "../../parts/basic.tsx";
import { Icon } from "../../parts/icon.tsx";
import { asked, setQuery } from "../../route.ts";
import { IN_CHARTS } from "./charted.ts";
import type { Kind } from "./download.ts";

const VIEWS = [
  ["table", "Table"],
  ["split", "Table and charts"],
  ["charts", "Charts"],
  ["parallel", "Parallel coordinates"],
] as const;

export function ViewSwitch({ view }: { view: string }) {
  return (
    <div class="segments" role="group" aria-label="View">
      {VIEWS.map(([each, label]) => (
        <Button
          key={each}
          icon={each === "charts" ? "chart" : each}
          label={label}
          class={each === "split" || each === "parallel" ? "hide-narrow" : ""}
          aria-pressed={view === each}
          onClick={() => setQuery({ view: each === "table" ? null : each }, false)}
        />
      ))}
    </div>
  );
}

interface Selected {
  chosen: number;
  deleted: boolean;
  writes: boolean;
  compare: () => Promise<void>;
  tag: () => void;
  move: () => Promise<void>; // to the trash or back
  save: (kind: Kind) => Promise<void>;
  clear: () => void;
}

export function SelectionBar({ chosen, deleted, writes, compare, tag, move, save, clear }: Selected) {
  return (
    <>
      <b class="nowrap">{count(chosen)} selected</b>
      <Button icon="compare" onClick={compare}>
        Compare
      </Button>
      {writes && !deleted && (
        <Button icon="tag" onClick={tag}>
          Tag…
        </Button>
      )}
      {writes && (
        <Button icon={deleted ? "restore" : "trash"} onClick={move}>
          {deleted ? "Restore" : "Delete"}
        </Button>
      )}
      <Button icon="download" onClick={() => save("csv")}>
        CSV
      </Button>
      <Button icon="download" onClick={() => save("json")}>
        JSON
      </Button>
      <Button plain icon="close" onClick={clear}>
        Clear
      </Button>
    </>
  );
}

export function MoreMenu({ deleted, save }: { deleted: boolean; save: (kind: Kind) => Promise<void> }) {
  return (
    <Menu label="Download and more" icon="more" plain>
      {(close) => (
        <>
          <Item icon="download" onClick={() => (close(), save("csv"))}>
            Download as CSV
          </Item>
          <Item icon="download" onClick={() => (close(), save("json"))}>
            Download as JSON
          </Item>
          <hr />
          <Item icon="trash" onClick={() => (close(), setQuery({ deleted: deleted ? null : "1" }, false))}>
            {deleted ? "Show active runs" : "Show deleted runs"}
          </Item>
        </>
      )}
    </Menu>
  );
}

export function summaryOf(table: Table): string {
  const { RUNNING = 0, FAILED = 0 } = table.statuses;
  return [plural(table.total, "run"), RUNNING && `${count(RUNNING)} running`, FAILED && `${count(FAILED)} failed`]
    .filter(Boolean)
    .join(", ");
}

export function HowMany({ total }: { total: number }) {
  return (
    <label class="side">
      first
      <select
        class="input"
        aria-label="Runs in charts"
        value={asked("n", IN_CHARTS)}
        onChange={({ currentTarget: { value } }) => setQuery({ n: value === IN_CHARTS ? null : value })}
      >
        {["10", IN_CHARTS, "60", "100"].map((each) => (
          <option key={each}>{each}</option>
        ))}
      </select>
      of {plural(total, "run")}
    </label>
  );
}

export function GroupBy({ all }: { all: Column[] }) {
  const now = asked("group");
  const choices = all.filter(
    (column) => (column.kind === "params" || (column.kind === "tags" && !isSystemTag(column.key))) && column.differs,
  );
  const nested = all.some((column) => column.id === "tags.mlflow.parentRunId");
  return (
    <>
      {choices.length > 0 && (
        <Menu
          label="Group by"
          text={
            <>
              {now ? `By ${field(now).key}` : "Group"} <Icon name="down" size={12} />
            </>
          }
          plain
          left
        >
          {(close) => (
            <>
              {now && (
                <Item icon="close" onClick={() => (close(), setQuery({ group: null }))}>
                  No groups
                </Item>
              )}
              {choices.slice(0, 40).map((column) => (
                <Item
                  key={column.id}
                  icon={now === column.id ? "check" : undefined}
                  onClick={() => (close(), setQuery({ group: column.id }))}
                >
                  <span class="grow clip">{column.key}</span>
                  <span class="dim small">{column.kind.replace(/s$/, "")}</span>
                </Item>
              ))}
            </>
          )}
        </Menu>
      )}
      {nested && !now && (
        <Button
          plain
          aria-pressed={asked("flat") === "1"}
          title="Show runs within runs in one list"
          onClick={() => setQuery({ flat: asked("flat") === "1" ? null : "1" })}
        >
          Flat
        </Button>
      )}
    </>
  );
}

export function Refresh({ table, reload }: { table: Table | null; reload: () => void }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((before) => before + 1), 5000);
    return () => clearInterval(timer);
  }, []);
  if (!table) return null;
  const off = paused.value || failing.value;
  const text = paused.value ? "paused" : failing.value ? "no answer" : `updated ${ago(Math.max(updated.value, 1))}`;
  return (
    <span class="side nowrap dim hide-narrow">
      <span class={`live-dot ${off ? "off" : ""}`} /> {text}
      <Button
        icon={paused.value ? "play" : "pause"}
        label={paused.value ? "Go on with updates" : "Pause updates"}
        plain
        onClick={() => (paused.value = !paused.value)}
      />
      <Button icon="restore" label="Reload" plain onClick={reload} />
    </span>
  );
}
