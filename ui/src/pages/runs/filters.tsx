// Filters that are clicked: by status, by time, by tag.
import type { ComponentChildren } from "preact";
import { isSystemTag, type Table } from "../../logic/columns.ts";
import { and, literal, quoted, toFilter, without } from "../../logic/filter.ts";
import { Item, Menu, Status } from "../../parts/basic.tsx";
import { Icon } from "../../parts/icon.tsx";
import { setQuery } from "../../route.ts";

const SPANS: [string, number][] = [
  ["Last hour", 3600e3],
  ["Last day", 86_400e3],
  ["Last week", 7 * 86_400e3],
];
const STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED"];
const MANY = { tags: 6, values: 8 }; // that the menu of tags shows

const search = (text: string) => setQuery({ q: text }, false);

function toggled(query: string, condition: string): string {
  const filter = toFilter(query);
  return filter.includes(condition) ? without(filter, condition) : and(query, condition);
}

export function Chips({ query, table }: { query: string; table: Table | null }) {
  const filter = toFilter(query);
  const statuses = STATUSES.filter((each) => table?.statuses[each] || filter.includes(`status = '${each}'`));
  const showStatuses = statuses.length > 1 || filter.includes("status =");
  return (
    <>
      {showStatuses &&
        statuses.map((status) => {
          const condition = `status = '${status}'`;
          return (
            <button
              type="button"
              key={status}
              class="chip"
              aria-pressed={filter.includes(condition)}
              onClick={() => search(toggled(query, condition))}
            >
              <Status status={status} />
            </button>
          );
        })}
      <ByTime query={query} filter={filter} />
      {table && <ByTag query={query} filter={filter} table={table} />}
    </>
  );
}

const opening = (text: ComponentChildren) => (
  <>
    {text} <Icon name="down" size={12} />
  </>
);

function ByTime({ query, filter }: { query: string; filter: string }) {
  const time = /start_time > \d+/.exec(filter)?.[0];
  const rest = time ? without(filter, time) : query;
  return (
    <Menu label="By time" text={opening(time ? "Time ✓" : "Time")} plain left>
      {(close) => (
        <>
          {SPANS.map(([label, span]) => (
            <Item key={label} onClick={() => (close(), search(and(rest, `start_time > ${Date.now() - span}`)))}>
              {label}
            </Item>
          ))}
          {time && (
            <Item icon="close" onClick={() => (close(), search(rest))}>
              Any time
            </Item>
          )}
        </>
      )}
    </Menu>
  );
}

function ByTag({ query, filter, table }: { query: string; filter: string; table: Table }) {
  const tags = [...table.columns.values()]
    .filter((each) => each.kind === "tags" && !isSystemTag(each.key) && each.differs)
    .slice(0, MANY.tags);
  if (!tags.length) return null;
  return (
    <Menu label="By tag" text={opening("Tags")} plain left>
      {(close) =>
        tags.map((column) => {
          const values = [...new Set(column.texts!.filter((each) => each !== undefined))].slice(0, MANY.values);
          return (
            <div key={column.id}>
              <h2>{column.key}</h2>
              {values.map((value) => {
                const condition = `tags.${quoted(column.key)} = ${literal(value)}`;
                return (
                  <Item
                    key={value}
                    icon={filter.includes(condition) ? "check" : undefined}
                    onClick={() => (close(), search(toggled(query, condition)))}
                  >
                    {value}
                  </Item>
                );
              })}
            </div>
          );
        })
      }
    </Menu>
  );
}
