// The table of runs: rows and columns are drawn only where they are seen, so that its cost does not
// grow with the number of runs. The head is here, the rows are the pool's.
import { effect, type Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Style } from "../logic/colours.ts";
import type { Column, Table } from "../logic/columns.ts";
import { number } from "../logic/format.ts";
import type { Line, Order } from "../logic/rows.ts";
import { density, digits } from "../state.ts";
import { Button, Item } from "./basic.tsx";
import { Icon } from "./icon.tsx";

export { Swatch } from "./basic.tsx";

import { isRight, type Place, Pool } from "./pool.ts";

export const FIRST = 290; // width of the column with the names
const HEAD = 32;
export const NAME = "run_name"; // of that column, among the widths

export type Heat = "bar" | "tint";

export interface GridProps {
  table: Table;
  lines: Line[];
  columns: Column[];
  pinned: Set<string>;
  widths: Record<string, number>;
  order: Order[];
  choice: { has: (id: string) => boolean };
  selected: "all" | "some" | "none";
  now: number; // the line with the keyboard's mark
  colours: Map<string, Style> | null;
  heat: Map<string, Heat>;
  near: Signal<string | null> | null; // the run or group under the pointer in a chart
  on: {
    sort: (column: Column, add: boolean, descending?: boolean) => void;
    select: (line: number, event: { shiftKey: boolean }) => void;
    selectAll: () => void;
    toggle: (line: Line) => void;
    resize: (id: string, width: number | null) => void;
    move: (id: string, by: string | number) => void; // before a column, or so many places
    pin: (id: string) => void;
    hide: (id: string) => void;
    heat: (id: string, kind: Heat | null) => void;
    now: (line: number) => void;
    hover?: (id: string | null) => void;
  };
}

export function widthOf(column: Column, given: Record<string, number>): number {
  const wanted = given[column.id];
  if (wanted) return wanted;
  if (column.id === "status") return 104;
  if (column.id === "start_time") return 108;
  if (column.id === "run_id") return 270;
  const head = column.label.length * 7 + 50;
  return Math.min(Math.max(head, column.numbers ? 102 : 120), 220);
}

/** How wide something must be for its longest texts. */
function widest(label: string, texts: Iterable<string>): number {
  const context = document.createElement("canvas").getContext("2d")!;
  context.font = getComputedStyle(document.body).font;
  let found = context.measureText(label).width + 34;
  for (const text of texts) found = Math.max(found, context.measureText(text).width);
  return Math.ceil(Math.min(Math.max(found + 20, 64), 600));
}

const textsOf = (column: Column): string[] =>
  column.id === "status"
    ? []
    : column.texts
      ? [...new Set(column.texts.filter((each) => each !== undefined))]
      : Array.from(column.numbers!, (value) => number(value));

/** Where the columns stand, from `left` on. */
function placed(
  columns: Column[],
  widths: Record<string, number>,
  left: number,
  indexOf: (column: Column) => number,
): Place[] {
  return columns.map((column) => {
    const place = { column, left, width: widthOf(column, widths), index: indexOf(column) };
    left += place.width;
    return place;
  });
}

/** How many columns are seen at once at most. */
function mostSeen(places: Place[], width: number): number {
  let [most, from] = [0, 0];
  places.forEach(({ left, width: own }, at) => {
    while (from < at && places[from].left + places[from].width < left + own - width) from++;
    most = Math.max(most, at - from + 1);
  });
  return Math.min(most + 1, places.length);
}

export function Grid(props: GridProps) {
  const { table, lines, columns, widths, now, choice, colours, heat, on } = props;
  const box = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const [pane, body] = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)];
  const pool = useRef<Pool | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 }); // not measured yet;
  const [from, setFrom] = useState(0); // the first column that is drawn
  const [menu, setMenu] = useState<{ column: Column; left: number; top: number } | null>(null);
  const rowHeight = useRowHeight();

  const first = Math.min(widths[NAME] ?? FIRST, Math.max(160, size.width * 0.45));
  const { pinned, places, frozen, width } = useMemo(() => {
    const isPinned = (column: Column) => props.pinned.has(column.id);
    // Pinned columns stand first; of a narrow window they take no more than leaves room for others.
    let room = size.width * 0.7 - first;
    const kept = columns.filter((column) => isPinned(column) && (room -= widthOf(column, widths)) > 0);
    const order = [...kept, ...columns.filter((column) => !kept.includes(column))];
    const indexes = new Map(order.map((column, index) => [column, index]));
    const indexOf = (column: Column) => indexes.get(column)!;
    const pinned = placed(kept, widths, first, indexOf);
    const frozen = pinned.reduce((sum, place) => sum + place.width, first);
    const places = placed(order.slice(kept.length), widths, 0, indexOf);
    const width = places.reduce((sum, place) => sum + place.width, frozen);
    return { pinned, places, frozen, width };
  }, [columns, widths, first, props.pinned, size.width]);
  const many = useMemo(() => mostSeen(places, size.width - frozen), [places, size.width, frozen]);
  const start = Math.max(0, Math.min(from, places.length - many));
  const seen = useMemo(() => (size.width ? places.slice(start, start + many) : []), [places, start, many]);
  const before = seen[0]?.left ?? 0;
  const twists = useMemo(() => lines.some((line) => line.children > 0), [lines]);

  // What the last scroll said: to ask the element after something was written costs a layout.
  const top = useRef(0);
  const view = () => ({ top: top.current, height: size.height });
  const tellMarked = () => {
    const id = pool.current!.idOf(now);
    if (id) grid.current!.setAttribute("aria-activedescendant", id);
    else grid.current!.removeAttribute("aria-activedescendant");
  };
  useLayoutEffect(() => {
    if (!size.height) return;
    pool.current ??= new Pool(pane.current!, body.current!);
    pool.current.show({ table, lines, pinned, seen, first, rowHeight, now, choice, colours, heat, twists }, view());
    tellMarked();
  }, [table, lines, pinned, seen, first, rowHeight, now, choice, colours, heat, twists, size.height, digits.value]);

  useEffect(() => (props.near ? effect(() => pool.current?.mark(props.near!.value)) : undefined), [props.near, lines]);

  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => {
      const { clientWidth: width, clientHeight: height } = element;
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const scrolled = () => {
    if (menu) setMenu(null);
    const { scrollLeft, scrollTop } = box.current!;
    top.current = scrollTop;
    if (!pool.current) return;
    pool.current.scroll(view());
    tellMarked();
    const at = places.findIndex((place) => place.left + place.width > scrollLeft);
    setFrom(Math.max(0, at));
  };

  useLayoutEffect(() => {
    if (props.now < 0) return;
    const element = box.current!;
    const top = props.now * rowHeight;
    const room = element.clientHeight - HEAD;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + room) element.scrollTop = top + rowHeight - room;
  }, [props.now]);

  const clicked = (event: MouseEvent) => {
    const at = pool.current!.lineOf(event.target);
    if (at < 0) return;
    const target = event.target as Element;
    if (target instanceof HTMLInputElement) return on.select(at, event);
    if (target.closest(".twist") || (lines[at].group && !target.closest(".pick"))) return on.toggle(lines[at]);
    if (target.closest("a, label")) return; // which do what they do
    if (event.shiftKey || event.ctrlKey || event.metaKey) on.select(at, event);
    else on.now(at);
  };
  const pointed = (event: PointerEvent) => {
    const at = pool.current!.lineOf(event.target);
    pool.current!.hover(at);
    const target = event.target as HTMLElement;
    if (at >= 0 && !target.title) target.title = pool.current!.titleOf(target);
    on.hover?.(at < 0 ? null : (lines[at].group?.value ?? table.ids[lines[at].row]));
  };
  const head = (place: Place) => (
    <Head
      key={place.column.id}
      {...place}
      order={props.order}
      on={on}
      open={(button) => {
        const at = button.getBoundingClientRect();
        setMenu({ column: place.column, left: Math.min(at.left, innerWidth - 232), top: at.bottom + 2 });
      }}
    />
  );
  return (
    <>
      <div
        class="grid"
        ref={box}
        onScroll={scrolled}
        onClick={clicked}
        onPointerOver={pointed}
        onPointerLeave={() => (pool.current?.hover(-1), on.hover?.(null))}
      >
        <div
          class="canvas"
          role="treegrid"
          ref={grid}
          tabIndex={0}
          aria-label="Runs"
          aria-rowcount={lines.length + 1}
          aria-colcount={columns.length + 1}
          aria-multiselectable="true"
          style={{ width: `${width}px`, height: `${HEAD + lines.length * rowHeight}px` }}
        >
          <div class="head" role="rowgroup">
            <div role="row" aria-rowindex={1}>
              <div class="frozen" role="presentation" style={{ width: `${frozen}px` }}>
                <div class="th first" role="columnheader" aria-colindex={1} style={{ width: `${first}px` }}>
                  <label class="pick">
                    <input
                      type="checkbox"
                      aria-label="Select all that match"
                      checked={props.selected === "all"}
                      ref={(input) => void (input && (input.indeterminate = props.selected === "some"))}
                      onChange={on.selectAll}
                    />
                  </label>
                  <span>Run</span>
                  <Grip
                    width={first}
                    resize={(to) => on.resize(NAME, to)}
                    fit={() => on.resize(NAME, widest("Run", table.names) + 60)}
                  />
                </div>
                {pinned.map(head)}
              </div>
              <div class="rest" role="presentation" style={{ left: `${frozen}px` }}>
                {seen.map(head)}
              </div>
            </div>
          </div>
          <div class="frozen rows" role="rowgroup" ref={pane} style={{ width: `${frozen}px` }} />
        </div>
        <div
          class="rest rows"
          ref={body}
          style={{
            left: `${frozen + before}px`,
            width: `${width - frozen - before}px`,
            height: `${lines.length * rowHeight}px`,
          }}
        />
      </div>
      {menu && <HeadMenu {...menu} {...props} close={() => setMenu(null)} />}
    </>
  );
}

function useRowHeight(): number {
  const [height, setHeight] = useState(28);
  useLayoutEffect(() => {
    setHeight(parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row"), 10) || 28);
  }, [density.value]);
  return height;
}

function titleOf(column: Column): string {
  const note = column.differs ? "" : " (the same in all runs)";
  return (column.kind === "info" ? column.label : column.id) + note;
}

function Head({
  column,
  left,
  width,
  index,
  order,
  on,
  open,
}: Place & Pick<GridProps, "order" | "on"> & { open: (button: Element) => void }) {
  const [drop, setDrop] = useState(false);
  const by = order.find((each) => each.id === column.id);
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      aria-sort={by ? (by.descending ? "descending" : "ascending") : "none"}
      class={`th ${isRight(column) ? "num" : ""} ${drop ? "drop" : ""}`}
      style={{ left: `${left}px`, width: `${width}px` }}
      draggable
      onDragStart={(event) => event.dataTransfer!.setData("text/plain", column.id)}
      onDragOver={(event) => (event.preventDefault(), setDrop(true))}
      onDragLeave={() => setDrop(false)}
      onDrop={(event) => {
        event.preventDefault();
        setDrop(false);
        on.move(event.dataTransfer!.getData("text/plain"), column.id);
      }}
    >
      <button type="button" class="sort" title={titleOf(column)} onClick={(event) => on.sort(column, event.shiftKey)}>
        <span class="clip">{column.label}</span>
        {by && <Icon name={by.descending ? "sortDown" : "sortUp"} size={12} />}
      </button>
      <button
        type="button"
        class="more"
        aria-label={`Column ${column.label}`}
        aria-haspopup="dialog"
        onClick={(event) => open(event.currentTarget)}
      >
        <Icon name="down" size={12} />
      </button>
      <Grip
        width={width}
        resize={(to) => on.resize(column.id, to)}
        fit={() => on.resize(column.id, widest(column.label, textsOf(column)))}
      />
    </div>
  );
}

/** What can be done with a column: all that dragging and double clicks do, too. */
function HeadMenu({
  column,
  left,
  top,
  pinned,
  widths,
  heat,
  order,
  on,
  close,
}: GridProps & { column: Column; left: number; top: number; close: () => void }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    panel.current!.querySelector("button")!.focus();
    const outside = (event: Event) => panel.current?.contains(event.target as Node) || close();
    addEventListener("pointerdown", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      if (!document.activeElement || document.activeElement === document.body) before?.focus();
    };
  }, [column.id]);
  const { id } = column;
  const numeric = column.numbers && column.kind !== "info";
  const width = widthOf(column, widths);
  const by = order.find((each) => each.id === id);
  const does = (deed: () => void) => () => (close(), deed());
  const warmth = (kind: Heat, label: string) => (
    <Item
      icon={heat.get(id) === kind ? "check" : "chart"}
      onClick={does(() => on.heat(id, heat.get(id) === kind ? null : kind))}
    >
      {label}
    </Item>
  );
  return (
    <div
      class="panel over"
      role="dialog"
      aria-label={`Column ${column.label}`}
      ref={panel}
      style={{ left: `${left}px`, top: `${top}px` }}
      onKeyDown={(event) => event.key === "Escape" && (event.stopPropagation(), close())}
    >
      <Item icon={by && !by.descending ? "check" : "sortUp"} onClick={does(() => on.sort(column, false, false))}>
        Sort ascending
      </Item>
      <Item icon={by?.descending ? "check" : "sortDown"} onClick={does(() => on.sort(column, false, true))}>
        Sort descending
      </Item>
      <hr />
      <Item icon={pinned.has(id) ? "check" : "pin"} onClick={does(() => on.pin(id))}>
        {pinned.has(id) ? "Pinned" : "Pin"}
      </Item>
      <Item icon="close" onClick={does(() => on.hide(id))}>
        Hide
      </Item>
      {numeric && warmth("bar", "Bars")}
      {numeric && warmth("tint", "Heat")}
      <hr />
      <div class="side">
        <span class="grow dim small" style={{ paddingLeft: "8px" }}>
          Move
        </span>
        <Button plain label="Move left" onClick={() => on.move(id, -1)}>
          ←
        </Button>
        <Button plain label="Move right" onClick={() => on.move(id, 1)}>
          →
        </Button>
      </div>
      <div class="side">
        <span class="grow dim small" style={{ paddingLeft: "8px" }}>
          Width
        </span>
        <Button plain label="Narrower" onClick={() => on.resize(id, Math.max(48, width - 24))}>
          −
        </Button>
        <Button plain label="Wider" onClick={() => on.resize(id, width + 24)}>
          +
        </Button>
        <Button plain onClick={does(() => on.resize(id, widest(column.label, textsOf(column))))}>
          Fit
        </Button>
      </div>
    </div>
  );
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
  return (
    <span
      class="grip"
      aria-hidden="true"
      onPointerDown={drag}
      onDblClick={fit}
      draggable
      onDragStart={(event) => (event.preventDefault(), event.stopPropagation())}
    />
  );
}
