// Two columns of runs against each other, coloured by a third.
import { useMemo, useState } from "preact/hooks";
import { axisOf } from "../logic/axes.ts";
import { viridis } from "../logic/colours.ts";
import type { Column, Table } from "../logic/columns.ts";
import { plural } from "../logic/format.ts";
import { text } from "../logic/rows.ts";
import { go, runHref } from "../route.ts";
import { dark } from "../state.ts";
import { colour, useCanvas } from "./canvas.ts";

const HEIGHT = 340;
const [LEFT, RIGHT, TOP, BOTTOM] = [62, 16, 14, 40];

export function Scatter({
  table,
  rows,
  x,
  y,
  by,
}: {
  table: Table;
  rows: number[];
  x: Column;
  y: Column;
  by?: Column;
}) {
  const [over, setOver] = useState(-1);
  const [ax, ay, shade] = useMemo(
    () => [axisOf(x, rows), axisOf(y, rows), by ? axisOf(by, rows) : null],
    [x, y, by, rows],
  );
  const place = (row: number, width: number): [number, number] => [
    LEFT + ax.at(row) * (width - LEFT - RIGHT),
    TOP + (1 - ay.at(row)) * (HEIGHT - TOP - BOTTOM),
  ];
  const draw = (context: CanvasRenderingContext2D, width: number) => {
    const [text, dim, line] = ["--text", "--dim", "--line"].map(colour);
    context.font = "11px Inter, system-ui, sans-serif";
    context.strokeStyle = line;
    for (const [part, label] of ay.ticks) {
      const at = TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(width - RIGHT, at);
      context.stroke();
      context.fillStyle = dim;
      context.textAlign = "right";
      context.fillText(label.slice(0, 9), LEFT - 8, at + 4);
    }
    for (const [part, label] of ax.ticks) {
      context.textAlign = part === 1 ? "right" : part === 0 ? "left" : "center";
      context.fillText(label.slice(0, 12), LEFT + part * (width - LEFT - RIGHT), HEIGHT - BOTTOM + 16);
    }
    context.fillStyle = text;
    context.textAlign = "center";
    context.font = "600 12px Inter, system-ui, sans-serif";
    context.fillText(x.label + (ax.log ? " (log)" : ""), LEFT + (width - LEFT - RIGHT) / 2, HEIGHT - 6);
    context.save();
    context.translate(12, TOP + (HEIGHT - TOP - BOTTOM) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(y.label + (ay.log ? " (log)" : ""), 0, 0);
    context.restore();
    for (const row of rows) {
      const [px, py] = place(row, width);
      if (px !== px || py !== py) continue;
      const part = shade?.at(row) ?? 0.35;
      context.fillStyle = viridis(part === part ? part : 0, dark.value);
      context.globalAlpha = row === over ? 1 : rows.length > 500 ? 0.5 : 0.85;
      context.beginPath();
      context.arc(px, py, row === over ? 7 : rows.length > 500 ? 3 : 5, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
  };
  const { canvas, width } = useCanvas(HEIGHT, draw, [ax, ay, shade, over, dark.value]);
  const nearest = (event: PointerEvent | MouseEvent) => {
    const area = canvas.current!.getBoundingClientRect();
    const [mx, my] = [event.clientX - area.left, event.clientY - area.top];
    let [best, distance] = [-1, 14];
    for (const row of rows) {
      const [px, py] = place(row, width);
      const away = Math.hypot(px - mx, py - my);
      if (away < distance) [best, distance] = [row, away];
    }
    return best;
  };
  const [tipX, tipY] = over >= 0 ? place(over, width) : [0, 0];
  const shown = [x, y, ...(by && by !== x && by !== y ? [by] : [])];
  return (
    <div class="plot-box">
      <canvas
        ref={canvas}
        role="img"
        style={{ height: `${HEIGHT}px`, cursor: over >= 0 ? "pointer" : "default" }}
        aria-label={`${y.label} against ${x.label} of ${plural(rows.length, "run")}. The table says the same.`}
        onPointerMove={(event) => setOver(nearest(event))}
        onPointerLeave={() => setOver(-1)}
        onClick={(event) => nearest(event) >= 0 && go(runHref(table.ids[nearest(event)]))}
      />
      {over >= 0 && (
        <div
          class="tip"
          style={{
            position: "absolute",
            left: `${Math.min(tipX + 12, Math.max(0, width - 200))}px`,
            top: `${tipY + 12}px`,
          }}
        >
          <b>{table.names[over]}</b>
          <ul>
            {shown.map((column) => (
              <li key={column.id} class="near">
                <span class="dim clip">{column.label}</span>
                <b>{text(column, over)}</b>
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
