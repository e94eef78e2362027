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
import { colour, useCanvas } from "./canvas.ts";

const HEIGHT = 340;
const [TOP, BOTTOM, SIDE] = [44, 20, 56];
const SHADES = 24;

export function Parallel({
  columns,
  rows,
  by,
  onBrush,
}: {
  columns: Column[];
  rows: number[];
  by: Column | undefined;
  onBrush?: (rows: number[] | null) => void;
}) {
  // The address follows at the end of a drag: browsers refuse to change it at each move.
  const written = asked("brush");
  const [brushes, drawBrushes] = useState(() => readBrushes(written));
  useEffect(() => void (written === writeBrushes(brushes) || drawBrushes(readBrushes(written))), [written]);
  const setBrushes = (next: Brushes) => (drawBrushes(next), setQuery({ brush: writeBrushes(next) }));
  const along = asked("along");
  const order = useMemo(() => along.split(",").filter(Boolean).map(decodeURIComponent), [along]);
  const scales = asked("scales");
  const logs = useMemo(
    () => new Map(scales.split(",").map((each) => [decodeURIComponent(each.slice(1)), each[0] === "l"])),
    [scales],
  );
  const drag = useRef<{ axis: number; from: number; moved: boolean } | null>(null);
  const axes = useMemo(() => {
    const found = columns.map((column) => axisOf(column, rows, logs.get(column.id) ?? null));
    const rank = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length);
    return order.length ? [...found].sort((a, b) => rank(a.id) - rank(b.id)) : found;
  }, [columns, rows, logs, order]);
  const inside = useMemo(() => brushed(axes, brushes, rows), [axes, brushes, rows]);
  const shade = useMemo(() => (by ? axisOf(by, rows) : null), [by, rows]);

  const xOf = (i: number, width: number) => SIDE + (axes.length > 1 ? (i * (width - 2 * SIDE)) / (axes.length - 1) : 0);
  const yOf = (part: number) => TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);

  const draw = (context: CanvasRenderingContext2D, width: number) => {
    const [back, dim, line, accent] = ["--bg", "--dim", "--line", "--accent"].map(colour);
    const xs = axes.map((_, i) => xOf(i, width));
    const lines = (chosen: number[], style: string, alpha: number) => {
      context.strokeStyle = style;
      context.globalAlpha = alpha;
      context.beginPath();
      for (const row of chosen) {
        let open = false;
        for (let i = 0; i < axes.length; i++) {
          const part = axes[i].at(row);
          if (part !== part) open = false;
          else if (open) context.lineTo(xs[i], yOf(part));
          else context.moveTo(xs[i], yOf(part)), (open = true);
        }
      }
      context.stroke();
    };
    context.lineWidth = rows.length > 500 ? 0.6 : 1.2;
    if (inside.length < rows.length) lines(rows, line, 0.7);
    // One path a shade: a stroke for each line would cost ten times as much.
    const shades: number[][] = Array.from({ length: SHADES + 1 }, () => []);
    for (const row of inside) {
      const part = shade ? shade.at(row) : 0.4;
      shades[part === part ? Math.round(part * SHADES) : 0].push(row);
    }
    const alpha = inside.length > 1000 ? 0.35 : inside.length > 200 ? 0.6 : 0.85;
    shades.forEach((chosen, i) => {
      if (chosen.length) lines(chosen, viridis(i / SHADES, dark.value), alpha);
    });
    context.globalAlpha = 1;
    context.font = "11px Inter, system-ui, sans-serif";
    axes.forEach((axis, i) => {
      const x = xs[i];
      context.strokeStyle = dim;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, TOP);
      context.lineTo(x, HEIGHT - BOTTOM);
      context.stroke();
      context.textAlign = i === axes.length - 1 ? "right" : "left";
      const shift = i === axes.length - 1 ? -6 : 6;
      for (const [part, label] of axis.ticks) {
        context.lineWidth = 3;
        context.strokeStyle = back;
        const shown = label.length > 14 ? `${label.slice(0, 13)}…` : label;
        context.strokeText(shown, x + shift, yOf(part) + 4);
        context.fillStyle = dim;
        context.fillText(shown, x + shift, yOf(part) + 4);
      }
      const brush = brushes[axis.id];
      if (brush) {
        context.fillStyle = accent;
        context.globalAlpha = 0.25;
        const box = [x - 7, yOf(brush[1]), 14, yOf(brush[0]) - yOf(brush[1])] as const;
        context.fillRect(...box);
        context.globalAlpha = 1;
        context.strokeStyle = accent;
        context.lineWidth = 1.5;
        context.strokeRect(...box);
      }
    });
  };
  const { canvas, width } = useCanvas(HEIGHT, draw, [axes, inside, shade, dark.value, brushes]);

  const near = (event: PointerEvent) => {
    const x = event.clientX - canvas.current!.getBoundingClientRect().left;
    return Math.round(
      Math.max(0, Math.min(axes.length - 1, ((x - SIDE) / (width - 2 * SIDE || 1)) * (axes.length - 1))),
    );
  };
  const part = (event: PointerEvent) => {
    const y = event.clientY - canvas.current!.getBoundingClientRect().top;
    return Math.max(0, Math.min(1, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)));
  };
  // Also when the rows change below the brushes.
  useEffect(() => onBrush?.(inside.length < rows.length || Object.keys(brushes).length ? inside : null), [inside]);
  useEffect(() => () => onBrush?.(null), []);
  const clear = (id: string) => setBrushes(Object.fromEntries(Object.entries(brushes).filter(([each]) => each !== id)));
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

  const nameDown = (event: PointerEvent, axis: number) => {
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    drag.current = { axis, from: 0, moved: false };
  };
  const nameMove = (event: PointerEvent) => {
    const now = drag.current;
    if (!now) return;
    const to = near(event);
    if (shift(now.axis, to)) drag.current = { axis: to, from: 0, moved: true };
  };
  const nameUp = (axis: Axis) => {
    if (drag.current && !drag.current.moved) scale(axis);
    drag.current = null;
  };
  const keys = (event: KeyboardEvent, axis: Axis, i: number) => {
    const [low, high] = brushes[axis.id] ?? [0, 1.1];
    const brush = (a: number) =>
      setBrushes({
        ...brushes,
        [axis.id]: [Math.max(0, Math.min(a, 1 - (high - low))), Math.min(1, Math.max(a + (high - low), high - low))],
      });
    const deeds: Record<string, () => unknown> = {
      ArrowLeft: () => shift(i, i - 1),
      ArrowRight: () => shift(i, i + 1),
      ArrowUp: () => (brushes[axis.id] ? brush(low + 0.1) : setBrushes({ ...brushes, [axis.id]: [0.5, 1] })),
      ArrowDown: () => (brushes[axis.id] ? brush(low - 0.1) : setBrushes({ ...brushes, [axis.id]: [0, 0.5] })),
      Enter: () => scale(axis),
      Delete: () => clear(axis.id),
      Escape: () => clear(axis.id),
    };
    if (!deeds[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    deeds[event.key]();
  };
  const room = Math.max(60, (width - 2 * SIDE) / Math.max(1, axes.length - 1) - 12);
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
        {width > 0 &&
          axes.map((axis, i) => {
            const [first, last] = [i === 0, i === axes.length - 1];
            const chosen = brushes[axis.id] ? ", a range is chosen" : "";
            return (
              <button
                type="button"
                key={axis.id}
                class="axis"
                title="Drag to move, click for a log scale; arrow keys move and choose"
                aria-label={`${axis.label}${axis.log ? " log" : ""}, axis ${i + 1} of ${axes.length}${chosen}`}
                style={{
                  maxWidth: `${room}px`,
                  ...(first
                    ? { left: "8px", alignItems: "flex-start" }
                    : last
                      ? { right: "8px", alignItems: "flex-end" }
                      : { left: `${xOf(i, width)}px`, translate: "-50% 0" }),
                }}
                onPointerDown={(event) => nameDown(event, i)}
                onPointerMove={nameMove}
                onPointerUp={() => nameUp(axis)}
                onKeyDown={(event) => keys(event, axis, i)}
              >
                <b class="clip">{axis.label}</b>
                {axis.log && <span class="dim"> log</span>}
              </button>
            );
          })}
      </div>
      <div class="side wrap dim small">
        {shade && shade.ends[0] !== shade.ends[1] && (
          <span class="side">
            {by!.label} {shade.ends[0]}
            <svg width="96" height="8" aria-hidden="true">
              {Array.from({ length: 24 }, (_, i) => (
                <rect key={i} x={i * 4} width="4" height="8" fill={viridis(i / 23, dark.value)} />
              ))}
            </svg>
            {shade.ends[1]}
          </span>
        )}
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
