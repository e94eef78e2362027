// Parallel coordinates: a line a run over its params and metrics. Drag along an axis to brush it, its
// name to move it, click the name to change between a linear and a logarithmic scale.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Column } from "../logic/columns.ts";
import { axisOf, brushed } from "../logic/axes.ts";
import { viridis } from "../logic/colours.ts";
import { count, plural } from "../logic/format.ts";
import { dark } from "../state.ts";
import { Button } from "./basic.tsx";
import { colour, useCanvas } from "./canvas.ts";

const HEIGHT = 340;
const [TOP, BOTTOM, SIDE] = [44, 20, 56];
const SHADES = 24;

export function Parallel({ columns, rows, by, onBrush }: { columns: Column[]; rows: number[]; by: Column | undefined; onBrush?: (rows: number[] | null) => void }) {
  const [brushes, setBrushes] = useState<Record<string, [number, number]>>({});
  const [order, setOrder] = useState<string[]>([]);
  const [logs, setLogs] = useState<Record<string, boolean>>({});
  const drag = useRef<{ axis: number; from: number; moved: boolean; name: boolean } | null>(null);
  const axes = useMemo(() => {
    const found = columns.map((column) => axisOf(column, rows, logs[column.id] ?? null));
    const rank = (id: string) => (order.includes(id) ? order.indexOf(id) : order.length);
    return order.length ? [...found].sort((a, b) => rank(a.id) - rank(b.id)) : found;
  }, [columns, rows, logs, order]);
  const inside = useMemo(() => brushed(axes, brushes, rows), [axes, brushes, rows]);
  const shade = useMemo(() => (by ? axisOf(by, rows) : null), [by, rows]);

  const xOf = (i: number, width: number) => SIDE + (axes.length > 1 ? (i * (width - 2 * SIDE)) / (axes.length - 1) : 0);
  const yOf = (part: number) => TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);

  const draw = (context: CanvasRenderingContext2D, width: number) => {
    const [text, dim, line, accent] = ["--text", "--dim", "--line", "--accent"].map(colour);
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
          else (context.moveTo(xs[i], yOf(part)), (open = true));
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
    shades.forEach((chosen, i) => chosen.length && lines(chosen, viridis(i / SHADES, dark.value), alpha));
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
        context.strokeStyle = colour("--bg");
        const shown = label.length > 14 ? `${label.slice(0, 13)}…` : label;
        context.strokeText(shown, x + shift, yOf(part) + 4);
        context.fillStyle = dim;
        context.fillText(shown, x + shift, yOf(part) + 4);
      }
      context.textAlign = i === 0 ? "left" : i === axes.length - 1 ? "right" : "center";
      context.fillStyle = text;
      context.font = "600 12px Inter, system-ui, sans-serif";
      const room = Math.max(8, Math.floor((width - 2 * SIDE) / axes.length / 7));
      const name = axis.label.length > room ? `${axis.label.slice(0, room - 1)}…` : axis.label;
      context.fillText(name, i === 0 ? x - SIDE + 12 : i === axes.length - 1 ? x + SIDE - 12 : x, 20);
      context.font = "11px Inter, system-ui, sans-serif";
      if (axis.log) {
        context.fillStyle = dim;
        context.fillText("log", i === 0 ? x - SIDE + 12 : i === axes.length - 1 ? x + SIDE - 12 : x, 34);
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
    return Math.round(Math.max(0, Math.min(axes.length - 1, ((x - SIDE) / (width - 2 * SIDE || 1)) * (axes.length - 1))));
  };
  const part = (event: PointerEvent) => {
    const y = event.clientY - canvas.current!.getBoundingClientRect().top;
    return Math.max(0, Math.min(1, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)));
  };
  // Also when the rows change below the brushes.
  useEffect(() => onBrush?.(inside.length < rows.length || Object.keys(brushes).length ? inside : null), [inside]);
  useEffect(() => () => onBrush?.(null), []);
  const down = (event: PointerEvent) => {
    const y = event.clientY - canvas.current!.getBoundingClientRect().top;
    canvas.current!.setPointerCapture(event.pointerId);
    drag.current = { axis: near(event), from: part(event), moved: false, name: y < TOP - 4 };
  };
  const move = (event: PointerEvent) => {
    const now = drag.current;
    if (!now) return;
    if (now.name) {
      const to = near(event);
      if (to === now.axis) return;
      const ids = axes.map((axis) => axis.id);
      ids.splice(to, 0, ...ids.splice(now.axis, 1));
      drag.current = { ...now, axis: to, moved: true };
      return setOrder(ids);
    }
    const at = part(event);
    if (Math.abs(at - now.from) < 0.01 && !now.moved) return;
    now.moved = true;
    setBrushes({ ...brushes, [axes[now.axis].id]: [Math.min(now.from, at), Math.max(now.from, at)] });
  };
  const up = () => {
    const now = drag.current;
    drag.current = null;
    if (!now) return;
    const { id, log } = axes[now.axis];
    if (now.name && !now.moved) return setLogs({ ...logs, [id]: !log });
    if (now.name) return;
    const next = { ...brushes };
    if (!now.moved) delete next[id];
    setBrushes(next);
  };
  const range = shade?.ticks;
  return (
    <div class="stack">
      <div class="plot-box">
        <canvas ref={canvas} role="img" style={{ height: `${HEIGHT}px`, cursor: "crosshair" }}
          aria-label={`Parallel coordinates of ${plural(rows.length, "run")} over ${axes.map((axis) => axis.label).join(", ")}. The table says the same.`}
          onPointerDown={down} onPointerMove={move} onPointerUp={up} />
      </div>
      <div class="side wrap dim small">
        {range && range.length > 1 && (
          <span class="side">
            {by!.label} {range[0][1]}
            <svg width="96" height="8" aria-hidden="true">
              {Array.from({ length: 24 }, (_, i) => <rect key={i} x={i * 4} width="4" height="8" fill={viridis(i / 23, dark.value)} />)}
            </svg>
            {range.at(-1)![1]}
          </span>
        )}
        {inside.length < rows.length && <span>{count(inside.length)} of {plural(rows.length, "run")}</span>}
        {Object.keys(brushes).length > 0 && <Button plain onClick={() => setBrushes({})}>Clear the brushes</Button>}
        <span class="grow" />
        <span class="hide-narrow">Drag along an axis to choose; drag its name to move it; click it for a log scale.</span>
      </div>
    </div>
  );
}
