// Runs on a phone: name, status and two metrics each, the pinned ones first.
import { useState } from "preact/hooks";
import { type Column, statusOf, type Table } from "../logic/columns.ts";
import { ago, duration, number, plural } from "../logic/format.ts";
import type { Line } from "../logic/rows.ts";
import { runHref } from "../route.ts";
import { Status } from "./basic.tsx";
import { Icon } from "./icon.tsx";

const CARD = 68;
const DRAWN = 24;

interface Cards {
  table: Table;
  lines: Line[];
  columns: Column[];
  pinned: Set<string>;
  isSelected: (id: string) => boolean;
  onSelect: (line: number, event: { shiftKey: boolean }) => void;
  onToggle: (line: Line) => void;
}

export function Cards({ table, lines, columns, pinned, isSelected, onSelect, onToggle }: Cards) {
  const [top, setTop] = useState(0);
  const from = Math.max(0, Math.floor(top / CARD) - 4);
  const metrics = columns.filter((column) => column.kind !== "info" && (column.numbers || pinned.has(column.id)));
  const wanted = [
    ...metrics.filter((column) => pinned.has(column.id)),
    ...metrics.filter((column) => column.kind === "metrics" && !pinned.has(column.id)),
  ];
  return (
    <div
      class="scroll cards"
      tabIndex={0}
      role="region"
      aria-label="Runs"
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <ul style={{ height: `${lines.length * CARD}px`, position: "relative" }}>
        {lines.slice(from, from + DRAWN).map((line, i) => {
          const at = from + i;
          const place = { top: `${at * CARD}px`, height: `${CARD}px` };
          if (line.group)
            return (
              <li key={`group ${line.group.value}`} class="card group" style={place}>
                <button type="button" class="link" aria-expanded={line.open} onClick={() => onToggle(line)}>
                  <Icon name={line.open ? "down" : "right"} size={14} /> <b class="clip">{line.group.value}</b>{" "}
                  <span class="badge">{plural(line.children, "run")}</span>
                </button>
              </li>
            );
          const { row } = line;
          const id = table.ids[row];
          const two = wanted.filter((column) => !column.has || column.has[row]).slice(0, 2);
          return (
            <li key={id} class={`card ${isSelected(id) ? "on" : ""}`} style={place}>
              <label class="pick" style={{ marginLeft: `${line.depth * 16}px` }}>
                <input
                  type="checkbox"
                  aria-label={`Select ${table.names[row]}`}
                  checked={isSelected(id)}
                  onClick={(event) => onSelect(at, event)}
                />
              </label>
              <a href={runHref(id)}>
                <span class="side">
                  <b class="clip grow">{table.names[row]}</b>
                  <Status status={statusOf(table, row)} />
                </span>
                <span class="metrics">
                  {two.map((column) => (
                    <span class="clip" key={column.id}>
                      {column.label} <b>{column.texts ? column.texts[row] : number(column.numbers![row])}</b>
                    </span>
                  ))}
                  {!two.length && (
                    <span>
                      {ago(table.start[row])}
                      {table.end[row] > 0 && `, ${duration(table.end[row] - table.start[row])}`}
                    </span>
                  )}
                </span>
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
