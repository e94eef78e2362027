// The table of runs: rows and columns are drawn only where they are seen, so that its cost does not
// grow with the number of runs. Rows are reused by their place, which keeps scrolling cheap.
import { Component } from "preact";
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ago, duration, number, plural, timestamp } from "../logic/format.ts";
import type { Column, Table } from "../logic/columns.ts";
import { type Line, type Order, summary } from "../logic/rows.ts";
import { runHref } from "../route.ts";
import { density } from "../state.ts";
import { Icon, Status } from "./basic.tsx";
import type { Style } from "../logic/colours.ts";

export const FIRST = 290; // width of the column with the names
const HEAD = 32;
const BEYOND = 6; // rows above and below what is seen

export interface GridProps {
  table: Table;
  lines: Line[];
  columns: Column[];
  widths: Record<string, number>;
  order: Order[];
  selected: { has: (id: string) => boolean; all: boolean; some: boolean };
  now: number; // the line with the keyboard's mark
  colours: Map<string, Style> | null;
  heat: string;
  onSort: (column: Column, add: boolean) => void;
  onSelect: (line: number, event: { shiftKey: boolean }) => void;
  onSelectAll: () => void;
  onToggle: (line: Line) => void;
  onResize: (id: string, width: number | null) => void;
  onMove: (id: string, before: string) => void;
  onNow: (line: number) => void;
  onHover?: (id: string | null) => void;
}

const isRight = (column: Column) => !!column.numbers && column.id !== "start_time";

export function widthOf(column: Column, given: Record<string, number>): number {
  const wanted = given[column.id];
  if (wanted) return wanted;
  if (column.id === "status") return 104;
  if (column.id === "start_time") return 108;
  if (column.id === "run_id") return 270;
  const head = column.label.length * 7 + 34;
  return Math.min(Math.max(head, column.numbers ? 102 : 120), 220);
}

/** How wide a column must be for all that it says. */
function fit(column: Column): number {
  let longest = column.label.length + 4;
  const size = column.texts?.length ?? column.numbers!.length;
  for (let row = 0; row < size; row++) {
    const text = column.texts ? (column.texts[row] ?? "") : number(column.numbers![row]);
    if (text.length > longest) longest = text.length;
  }
  return Math.min(Math.max(longest * 7.2 + 20, 64), 600);
}

export function Grid(props: GridProps) {
  const { lines, columns, widths } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, width: 1200, height: 800 });
  const [drop, setDrop] = useState("");
  const rowHeight = useRowHeight();

  useLayoutEffect(() => {
    const element = box.current!;
    let asked = 0;
    const measure = () => {
      asked = 0;
      setView({
        top: element.scrollTop,
        left: element.scrollLeft,
        width: element.clientWidth,
        height: element.clientHeight,
      });
    };
    const later = () => (asked ||= requestAnimationFrame(measure));
    measure();
    const observer = new ResizeObserver(later);
    observer.observe(element);
    element.addEventListener("scroll", later, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", later);
      cancelAnimationFrame(asked);
    };
  }, []);

  useLayoutEffect(() => {
    if (props.now < 0) return;
    const element = box.current!;
    const top = props.now * rowHeight;
    const room = element.clientHeight - HEAD;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + room) element.scrollTop = top + rowHeight - room;
  }, [props.now]);

  const first = Math.min(FIRST, Math.max(160, view.width * 0.45));
  const { places, width } = useMemo(() => {
    let width = first;
    const places = columns.map((column, index) => {
      const place = { column, left: width, width: widthOf(column, widths), index };
      width += place.width;
      return place;
    });
    return { places, width };
  }, [columns, widths, first]);
  const from = Math.max(0, Math.floor(view.top / rowHeight) - BEYOND);
  const to = Math.min(lines.length, Math.ceil((view.top + view.height) / rowHeight) + BEYOND);
  // As many as can be seen at once: a row keeps its element until it is out of sight.
  const pool = Math.ceil(view.height / rowHeight) + 2 * BEYOND + 2;
  const isSeen = ({ left, width }: Place) => left + width > view.left && left < view.left + view.width;
  const firstSeen = places.findIndex(isSeen);
  const lastSeen = places.findLastIndex(isSeen);
  const seen = useMemo(
    () => (firstSeen < 0 ? [] : places.slice(firstSeen, lastSeen + 1)),
    [places, firstSeen, lastSeen],
  );
  const live = useRef(props);
  live.current = props;

  const head = (
    <div class="head" role="rowgroup" style={{ width: `${width}px` }}>
      <div role="row" aria-rowindex={1} style={{ display: "flex", height: "100%" }}>
        <div class="first" role="columnheader" aria-colindex={1} style={{ width: `${first}px` }}>
          <label class="pick">
            <input
              type="checkbox"
              aria-label="Select all that match"
              checked={props.selected.all}
              ref={(input) => {
                if (input) input.indeterminate = !props.selected.all && props.selected.some;
              }}
              onChange={props.onSelectAll}
            />
          </label>
          <span>Run</span>
        </div>
        {seen.map(({ column, left, width, index }) => {
          const by = props.order.find((each) => each.id === column.id);
          return (
            <div
              key={column.id}
              role="columnheader"
              aria-colindex={index + 2}
              aria-sort={by ? (by.descending ? "descending" : "ascending") : "none"}
              class={`th ${isRight(column) ? "num" : ""} ${drop === column.id ? "drop" : ""}`}
              style={{ left: `${left}px`, width: `${width}px` }}
              draggable
              onDragStart={(event) => event.dataTransfer!.setData("text/plain", column.id)}
              onDragOver={(event) => (event.preventDefault(), setDrop(column.id))}
              onDragLeave={() => setDrop("")}
              onDrop={(event) => {
                event.preventDefault();
                setDrop("");
                props.onMove(event.dataTransfer!.getData("text/plain"), column.id);
              }}
            >
              <button type="button" title={titleOf(column)} onClick={(event) => props.onSort(column, event.shiftKey)}>
                <span class="clip">{column.label}</span>
                {by && <Icon name={by.descending ? "sortDown" : "sortUp"} size={12} />}
              </button>
              <Grip width={width} resize={(to) => props.onResize(column.id, to)} fit={() => props.onResize(column.id, fit(column))} />
            </div>
          );
        })}
      </div>
    </div>
  );

  const body = [];
  for (let at = from; at < to; at++) {
    body.push(
      <Row
        key={at % pool}
        live={live}
        table={props.table}
        line={lines[at]}
        at={at}
        top={HEAD + at * rowHeight}
        first={first}
        width={width}
        seen={seen}
        selected={lines[at].row >= 0 && props.selected.has(props.table.ids[lines[at].row])}
        marked={props.now === at}
        style={props.colours?.get(props.table.ids[lines[at].row])}
        heat={props.heat}
        twists={lines[0].children > 0}
      />,
    );
  }
  return (
    <div
      class="grid"
      role="treegrid"
      ref={box}
      tabIndex={0}
      aria-label="Runs"
      aria-rowcount={lines.length + 1}
      aria-colcount={columns.length + 1}
      aria-multiselectable="true"
    >
      <div class="canvas" role="presentation" style={{ width: `${width}px`, height: `${HEAD + lines.length * rowHeight}px`, minWidth: "100%" }}>
        {head}
        <div role="rowgroup">{body}</div>
      </div>
    </div>
  );
}

function useRowHeight(): number {
  const [height, setHeight] = useState(28);
  useLayoutEffect(() => {
    setHeight(parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row")) || 28);
  }, [density.value]);
  return height;
}

function titleOf(column: Column): string {
  const note = column.differs ? "" : " (the same in all runs)";
  return (column.kind === "info" ? column.label : column.id) + note;
}

function Grip({ width, resize, fit }: { width: number; resize: (to: number) => void; fit: () => void }) {
  const drag = (event: PointerEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const start = event.clientX;
    const target = event.currentTarget as HTMLElement;
    target.setPointerCapture(event.pointerId);
    const move = (event: PointerEvent) => resize(Math.max(48, Math.round(width + event.clientX - start)));
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", () => target.removeEventListener("pointermove", move), { once: true });
  };
  return <span class="grip" aria-hidden="true" onPointerDown={drag} onDblClick={fit} draggable onDragStart={(event) => (event.preventDefault(), event.stopPropagation())} />;
}

interface Place {
  column: Column;
  left: number;
  width: number;
  index: number;
}

interface RowProps {
  live: { current: GridProps };
  table: Table;
  line: Line;
  at: number;
  top: number;
  first: number;
  width: number;
  seen: Place[];
  selected: boolean;
  marked: boolean;
  style: Style | undefined;
  heat: string;
  twists: boolean;
}

/** A line, drawn again only when something of it is another: scrolling draws those that are new. */
class Row extends Component<RowProps> {
  shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== now[name]);
  }

  render(props: RowProps) {
    const place = { top: `${props.top}px`, width: `${props.width}px` };
    return props.line.group ? <GroupRow {...props} place={place} /> : <RunRow {...props} place={place} />;
  }
}

type Placed = RowProps & { place: Record<string, string> };

function RunRow(props: Placed) {
  const { table, line, at, seen, live, selected, style, place } = props;
  const { row } = line;
  const id = table.ids[row];
  const above = row >= table.size - table.ancestors;
  return (
    <div
      role="row"
      class={`line ${props.marked ? "now" : ""} ${above ? "above" : ""}`}
      aria-rowindex={at + 2}
      aria-selected={selected}
      aria-level={line.depth + 1}
      aria-expanded={line.children ? line.open : undefined}
      style={place}
      onClick={(event) => clicked(event, props)}
      onPointerEnter={() => live.current.onHover?.(id)}
      onPointerLeave={() => live.current.onHover?.(null)}
    >
      <div class="first" role="gridcell" aria-colindex={1} style={{ width: `${props.first}px` }}>
        <label class="pick">
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={`Select ${table.names[row]}`}
            checked={selected}
            onClick={(event) => (event.stopPropagation(), live.current.onSelect(at, event))}
          />
        </label>
        {line.depth > 0 && <span style={{ width: `${line.depth * 16}px`, flex: "none" }} />}
        {line.children > 0 ? <Twist {...props} /> : props.twists && <span style={{ width: "24px", flex: "none" }} />}
        {style && <Swatch of={style} />}
        <a class="name clip" href={runHref(id)} tabIndex={-1} title={table.names[row]}>{table.names[row] || id}</a>
        {line.children > 0 && <span class="badge" style={{ marginLeft: "6px" }}>{line.children}</span>}
      </div>
      {seen.map(({ column, left, width, index }) => (
        <Cell key={column.id} table={table} column={column} row={row} left={left} width={width} index={index} heat={props.heat === column.id} />
      ))}
    </div>
  );
}

export function Swatch({ of }: { of: Style }) {
  return (
    <svg width="14" height="8" style={{ marginRight: "6px" }} aria-hidden="true">
      <line x1="0" x2="14" y1="4" y2="4" stroke={of.colour} stroke-width="3" stroke-dasharray={of.dash.join(" ")} />
    </svg>
  );
}

function Twist({ line, live, table }: RowProps) {
  const name = line.group ? line.group.value : table.names[line.row];
  return (
    <button
      type="button"
      class="twist"
      tabIndex={-1}
      aria-label={`${line.open ? "Close" : "Open"} ${name}`}
      onClick={(event) => (event.stopPropagation(), live.current.onToggle(line))}
    >
      <Icon name={line.open ? "down" : "right"} size={14} />
    </button>
  );
}

function clicked(event: MouseEvent, props: RowProps) {
  if ((event.target as Element).closest("a, input, button, label")) return;
  if (event.shiftKey || event.ctrlKey || event.metaKey) props.live.current.onSelect(props.at, event);
  else props.live.current.onNow(props.at);
}

function GroupRow(props: Placed) {
  const { line, at, seen } = props;
  const group = line.group!;
  return (
    <div class="line group" role="row" aria-rowindex={at + 2} aria-expanded={line.open} style={props.place} onClick={() => props.live.current.onToggle(line)}>
      <div class="first" role="gridcell" aria-colindex={1} style={{ width: `${props.first}px`, paddingLeft: "8px" }}>
        <Twist {...props} />
        <span class="clip">{group.value}</span>
        <span class="badge" style={{ marginLeft: "6px" }}>{plural(group.rows.length, "run")}</span>
      </div>
      {seen.map(({ column, left, width, index }) => {
        const found = column.numbers && column.kind !== "info" ? summary(column, group.rows) : null;
        return (
          <div key={column.id} role="gridcell" aria-colindex={index + 2} class={`cell ${isRight(column) ? "num" : ""}`}
            style={{ left: `${left}px`, width: `${width}px` }}
            title={found ? `mean of ${found.count}; ${number(found.least)} to ${number(found.greatest)}` : undefined}>
            {found && number(found.mean)}
          </div>
        );
      })}
    </div>
  );
}

interface CellProps {
  table: Table;
  column: Column;
  row: number;
  left: number;
  width: number;
  index: number;
  heat: boolean;
}

function Cell({ table, column, row, left, width, index, heat }: CellProps) {
  const place = { left: `${left}px`, width: `${width}px` };
  const { has, numbers, texts } = column;
  const common = { role: "gridcell" as const, "aria-colindex": index + 2, style: place };
  if (column.id === "status") {
    return <div {...common} class="cell"><Status status={table.statusOf[row]} silentFor={0} /></div>;
  }
  if (column.id === "start_time") {
    return <div {...common} class="cell dim" title={timestamp(table.start[row])}>{ago(table.start[row])}</div>;
  }
  if (has && !has[row]) return <div {...common} class={`cell missing ${numbers ? "num" : ""}`}>–</div>;
  if (texts) {
    const text = texts[row];
    const mono = column.id === "run_id" ? "mono" : "";
    return <div {...common} class={`cell ${numbers ? "num" : ""} ${mono}`} title={text}>{text}</div>;
  }
  const value = numbers![row];
  if (column.id === "duration") {
    const running = table.statusOf[row] === "RUNNING";
    const ms = running ? Date.now() - table.start[row] : value;
    return <div {...common} class="cell num">{duration(ms)}</div>;
  }
  return (
    <div {...common} class="cell num" title={String(value)}>
      {heat && <i class="heat" style={{ transform: `scaleX(${part(column, value)})` }} />}
      {number(value)}
    </div>
  );
}

const ranges = new WeakMap<Float64Array, [number, number]>();

/** Where a value lies between the least and the greatest of its column. */
function part(column: Column, value: number): number {
  let range = ranges.get(column.numbers!);
  if (!range) {
    range = [Infinity, -Infinity];
    column.numbers!.forEach((each, row) => {
      if (!Number.isFinite(each) || (column.has && !column.has[row])) return;
      range![0] = Math.min(range![0], each);
      range![1] = Math.max(range![1], each);
    });
    ranges.set(column.numbers!, range);
  }
  const [low, high] = range;
  return high > low && Number.isFinite(value) ? (value - low) / (high - low) : 0;
}
