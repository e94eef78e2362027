// The table of runs: rows and columns are drawn only where they are seen, so that its cost does not
// grow with the number of runs. The rows are the pool's.
import { effect, type Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Style } from "../logic/colours.ts";
import type { Column, Table } from "../logic/columns.ts";
import type { Line, Order } from "../logic/rows.ts";
import { density, digits } from "../state.ts";
import { Grip, Head, HeadMenu } from "./grid-head.tsx";
import { NAME, useLayout, widest } from "./grid-layout.ts";
import { type Place, VirtualRows } from "./virtual-rows.ts";

export { Swatch } from "./basic.tsx";

const HEAD = 32;

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

export function Grid(props: GridProps) {
  const { table, lines, columns, widths, now, choice, colours, heat, on } = props;
  const box = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const [pane, body] = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)];
  const pool = useRef<VirtualRows | null>(null);
  const size = useSize(box);
  const [from, setFrom] = useState(0); // the first column that is drawn
  const [menu, setMenu] = useState<{ column: Column; left: number; top: number } | null>(null);
  const rowHeight = useRowHeight();

  const layout = useLayout(columns, widths, props.pinned, size.width, from);
  const { first, pinned, places, frozen, width, seen, before } = layout;
  const twists = useMemo(() => lines.some((line) => line.children > 0), [lines]);

  // What the last scroll said: to ask the element after something was written costs a layout.
  const top = useRef(0);
  const view = () => ({ top: top.current, height: size.height });
  const nameMarked = () => {
    const id = pool.current!.idOf(now);
    if (id) grid.current!.setAttribute("aria-activedescendant", id);
    else grid.current!.removeAttribute("aria-activedescendant");
  };
  useLayoutEffect(() => {
    if (!size.height) return;
    pool.current ??= new VirtualRows(pane.current!, body.current!);
    pool.current.show({ table, lines, pinned, seen, first, rowHeight, now, choice, colours, heat, twists }, view());
    nameMarked();
  }, [table, lines, pinned, seen, first, rowHeight, now, choice, colours, heat, twists, size.height, digits.value]);

  useEffect(() => (props.near ? effect(() => pool.current?.mark(props.near!.value)) : undefined), [props.near, lines]);

  const scrolled = () => {
    if (menu) setMenu(null);
    const { scrollLeft, scrollTop } = box.current!;
    top.current = scrollTop;
    if (!pool.current) return;
    pool.current.scroll(view());
    nameMarked();
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
          <HeadRow {...{ first, frozen, pinned, seen, head }} names={table.names} selected={props.selected} on={on} />
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

interface HeadRowProps extends Pick<GridProps, "selected" | "on"> {
  first: number;
  frozen: number;
  pinned: Place[];
  seen: Place[];
  names: string[];
  head: (place: Place) => ComponentChildren;
}

function HeadRow({ first, frozen, pinned, seen, names, selected, on, head }: HeadRowProps) {
  return (
    <div class="head" role="rowgroup">
      <div role="row" aria-rowindex={1}>
        <div class="frozen" role="presentation" style={{ width: `${frozen}px` }}>
          <div class="th first" role="columnheader" aria-colindex={1} style={{ width: `${first}px` }}>
            <label class="pick">
              <input
                type="checkbox"
                aria-label="Select all that match"
                checked={selected === "all"}
                ref={(input) => void (input && (input.indeterminate = selected === "some"))}
                onChange={on.selectAll}
              />
            </label>
            <span>Run</span>
            <Grip
              width={first}
              resize={(to) => on.resize(NAME, to)}
              fit={() => on.resize(NAME, widest("Run", names) + 60)}
            />
          </div>
          {pinned.map(head)}
        </div>
        <div class="rest" role="presentation" style={{ left: `${frozen}px` }}>
          {seen.map(head)}
        </div>
      </div>
    </div>
  );
}

/** The size of an element, kept up to date; zeros before it is measured. */
function useSize(box: { current: HTMLElement | null }) {
  const [size, setSize] = useState({ width: 0, height: 0 });
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
  return size;
}

function useRowHeight(): number {
  const [height, setHeight] = useState(28);
  useLayoutEffect(() => {
    setHeight(parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row"), 10) || 28);
  }, [density.value]);
  return height;
}
