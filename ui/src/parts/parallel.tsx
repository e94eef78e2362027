// Parallel coordinates: a line a run over its params and metrics. Drag along an axis to brush it, its
// name to move it, click the name to change between a linear and a logarithmic scale; the arrow keys
// do the same to an axis whose name has the focus.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Axis, axisOf, type Brushes, brushed, readBrushes, writeBrushes } from "../logic/axes.ts";
import { viridis } from "../logic/colours.ts";
import type { Column } from "../logic/columns.ts";
import { count, plural } from "../logic/format.ts";
import { asked, setQuery } from "../route.ts";
import { dark } from "../state.ts";
import { Button } from "./basic.tsx";
import { useCanvas } from "./canvas.ts";
import { axisAt, draw, HEIGHT, partAt, SIDE, xOf } from "./parallel-draw.ts";

interface ParallelProps {
  columns: Column[];
  rows: number[];
  by: Column | undefined; // gives the lines their colours
  onBrush?: (rows: number[] | null) => void;
}

/** The axes in the order and with the scales of the address, and what changes these. */
function useAxes(columns: Column[], rows: number[]) {
  const along = asked("along");
  const order = useMemo(() => along.split(",").filter(Boolean).map(decodeURIComponent), [along]);
  const scales = asked("scales");
  const logs = useMemo(
    () => new Map(scales.split(",").map((each) => [decodeURIComponent(each.slice(1)), each[0] === "l"])),
    [scales],
  );
  const axes = useMemo(() => {
    const found = columns.map((column) => axisOf(column, rows, logs.get(column.id) ?? null));
    const rank = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length);
    return order.length ? [...found].sort((a, b) => rank(a.id) - rank(b.id)) : found;
  }, [columns, rows, logs, order]);
  const shift = (from: number, to: number) => {
    if (to < 0 || to >= axes.length || to === from) return false;
    const ids = axes.map((axis) => axis.id);
    ids.splice(to, 0, ...ids.splice(from, 1));
    setQuery({ along: ids.map(encodeURIComponent).join(",") });
    return true;
  };
  const scale = ({ id, log }: Axis) => {
    const next = [...new Map([...logs]).set(id, !log)].filter(([id]) => id);
    setQuery({ scales: next.map(([id, log]) => (log ? "l" : "n") + encodeURIComponent(id)).join(",") });
  };
  return { axes, shift, scale };
}

type Axes = ReturnType<typeof useAxes>;

/** What is brushed. The address follows at the end of a drag: browsers refuse to change it at each move. */
function useBrushes() {
  const written = asked("brush");
  const [brushes, drawBrushes] = useState(() => readBrushes(written));
  useEffect(() => void (written === writeBrushes(brushes) || drawBrushes(readBrushes(written))), [written]);
  const setBrushes = (next: Brushes) => (drawBrushes(next), setQuery({ brush: writeBrushes(next) }));
  const clear = (id: string) => setBrushes(Object.fromEntries(Object.entries(brushes).filter(([each]) => each !== id)));
  return { brushes, drawBrushes, setBrushes, clear };
}

type Brushing = ReturnType<typeof useBrushes>;

interface Drag {
  axis: number;
  from: number;
  moved: boolean;
}

export function Parallel({ columns, rows, by, onBrush }: ParallelProps) {
  const found = useAxes(columns, rows);
  const { axes } = found;
  const brushing = useBrushes();
  const { brushes, drawBrushes, setBrushes, clear } = brushing;
  const inside = useMemo(() => brushed(axes, brushes, rows), [axes, brushes, rows]);
  const shade = useMemo(() => (by ? axisOf(by, rows) : null), [by, rows]);
  const drawn = [axes, inside, shade, dark.value, brushes];
  const { canvas, width } = useCanvas(
    HEIGHT,
    (context, width) => draw(context, width, { axes, rows, inside, shade, brushes }),
    drawn,
  );
  // Also when the rows change below the brushes.
  useEffect(() => onBrush?.(inside.length < rows.length || Object.keys(brushes).length ? inside : null), [inside]);
  useEffect(() => () => onBrush?.(null), []);

  const drag = useRef<Drag | null>(null);
  const box = () => canvas.current!.getBoundingClientRect();
  const near = (event: PointerEvent) => axisAt(event.clientX - box().left, axes.length, width);
  const part = (event: PointerEvent) => partAt(event.clientY - box().top);
  const down = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId);
    drag.current = { axis: near(event), from: part(event), moved: false };
  };
  const move = (event: PointerEvent) => {
    const now = drag.current;
    if (!now) return;
    const at = part(event);
    if (Math.abs(at - now.from) < 0.01 && !now.moved) return;
    now.moved = true;
    drawBrushes({ ...brushes, [axes[now.axis].id]: [Math.min(now.from, at), Math.max(now.from, at)] });
  };
  const up = () => {
    const now = drag.current;
    drag.current = null;
    if (!now) return;
    if (now.moved) setBrushes(brushes);
    else clear(axes[now.axis].id);
  };
  const over = axes.map((axis) => axis.label).join(", ");
  return (
    <div class="stack">
      <div class="plot-box">
        <canvas
          ref={canvas}
          role="img"
          style={{ height: `${HEIGHT}px`, cursor: "crosshair" }}
          aria-label={`Parallel coordinates of ${plural(rows.length, "run")} over ${over}. The table says the same.`}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
        />
        {width > 0 && <Names {...found} {...{ brushing, width, near, drag }} />}
      </div>
      <div class="side wrap dim small">
        {shade && shade.ends[0] !== shade.ends[1] && <Shades label={by!.label} ends={shade.ends} />}
        {inside.length < rows.length && (
          <span>
            {count(inside.length)} of {plural(rows.length, "run")}
          </span>
        )}
        {Object.keys(brushes).length > 0 && (
          <Button plain onClick={() => setBrushes({})}>
            Clear the brushes
          </Button>
        )}
        <span class="grow" />
        <span class="hide-narrow">
          Drag along an axis to choose; drag its name to move it; click it for a log scale.
        </span>
      </div>
    </div>
  );
}

interface NamesProps extends Axes {
  brushing: Brushing;
  width: number;
  near: (event: PointerEvent) => number; // the axis there
  drag: { current: Drag | null };
}

/** The names of the axes: they are dragged, clicked and have the keyboard's focus. */
function Names({ axes, shift, scale, brushing, width, near, drag }: NamesProps) {
  const down = (event: PointerEvent, axis: number) => {
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    drag.current = { axis, from: 0, moved: false };
  };
  const move = (event: PointerEvent) => {
    const now = drag.current;
    if (!now) return;
    const to = near(event);
    if (shift(now.axis, to)) drag.current = { axis: to, from: 0, moved: true };
  };
  const up = (axis: Axis) => {
    if (drag.current && !drag.current.moved) scale(axis);
    drag.current = null;
  };
  const keys = (event: KeyboardEvent, axis: Axis, i: number) => {
    const action = keysOf(axis, i, { shift, scale }, brushing)[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
  const room = Math.max(60, (width - 2 * SIDE) / Math.max(1, axes.length - 1) - 12);
  const position = (i: number) => {
    if (i === 0) return { left: "8px", alignItems: "flex-start" };
    if (i === axes.length - 1) return { right: "8px", alignItems: "flex-end" };
    return { left: `${xOf(i, axes.length, width)}px`, translate: "-50% 0" };
  };
  return axes.map((axis, i) => {
    const chosen = brushing.brushes[axis.id] ? ", a range is chosen" : "";
    return (
      <button
        type="button"
        key={axis.id}
        class="axis"
        title="Drag to move, click for a log scale; arrow keys move and choose"
        aria-label={`${axis.label}${axis.log ? " log" : ""}, axis ${i + 1} of ${axes.length}${chosen}`}
        style={{ maxWidth: `${room}px`, ...position(i) }}
        onPointerDown={(event) => down(event, i)}
        onPointerMove={move}
        onPointerUp={() => up(axis)}
        onKeyDown={(event) => keys(event, axis, i)}
      >
        <b class="clip">{axis.label}</b>
        {axis.log && <span class="dim"> log</span>}
      </button>
    );
  });
}

/** What the keys do to an axis whose name has the focus. */
function keysOf(
  axis: Axis,
  i: number,
  { shift, scale }: Pick<Axes, "shift" | "scale">,
  { brushes, setBrushes, clear }: Brushing,
): Record<string, () => unknown> {
  const own = brushes[axis.id];
  const [low, high] = own ?? [0, 1.1];
  const set = (brush: [number, number]) => setBrushes({ ...brushes, [axis.id]: brush });
  const moved = (a: number): [number, number] => [
    Math.max(0, Math.min(a, 1 - (high - low))),
    Math.min(1, Math.max(a + (high - low), high - low)),
  ];
  return {
    ArrowLeft: () => shift(i, i - 1),
    ArrowRight: () => shift(i, i + 1),
    ArrowUp: () => set(own ? moved(low + 0.1) : [0.5, 1]),
    ArrowDown: () => set(own ? moved(low - 0.1) : [0, 0.5]),
    Enter: () => scale(axis),
    Delete: () => clear(axis.id),
    Escape: () => clear(axis.id),
  };
}

function Shades({ label, ends }: { label: string; ends: [string, string] }) {
  return (
    <span class="side">
      {label} {ends[0]}
      <svg width="96" height="8" aria-hidden="true">
        {Array.from({ length: 24 }, (_, i) => (
          <rect key={i} x={i * 4} width="4" height="8" fill={viridis(i / 23, dark.value)} />
        ))}
      </svg>
      {ends[1]}
    </span>
  );
}
