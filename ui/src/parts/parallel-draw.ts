// Parallel coordinates on a canvas: the lines of the runs, the axes, what is brushed on them.
import type { Axis, Brushes } from "../logic/axes.ts";
import { viridis } from "../logic/colours.ts";
import { dark } from "../state.ts";
import { colour } from "./canvas.ts";

export const HEIGHT = 340;
export const SIDE = 56;
const [TOP, BOTTOM] = [44, 20];
const SHADES = 24;

export interface Drawing {
  axes: Axis[];
  rows: number[];
  inside: number[]; // the brushes
  shade: Axis | null; // whose values give the lines their colours
  brushes: Brushes;
}

export const xOf = (i: number, axes: number, width: number) =>
  SIDE + (axes > 1 ? (i * (width - 2 * SIDE)) / (axes - 1) : 0);
const yOf = (part: number) => TOP + (1 - part) * (HEIGHT - TOP - BOTTOM);

/** The axis at an x, and the part of an axis, from 0 to 1, at a y. */
export const axisAt = (x: number, axes: number, width: number) =>
  Math.round(Math.max(0, Math.min(axes - 1, ((x - SIDE) / (width - 2 * SIDE || 1)) * (axes - 1))));
export const partAt = (y: number) => Math.max(0, Math.min(1, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)));

export function draw(context: CanvasRenderingContext2D, width: number, drawing: Drawing): void {
  const { axes, rows, inside, shade, brushes } = drawing;
  const xs = axes.map((_, i) => xOf(i, axes.length, width));
  context.lineWidth = rows.length > 500 ? 0.6 : 1.2;
  if (inside.length < rows.length) drawLines(context, axes, xs, rows, colour("--line"), 0.7);
  // One path a shade: a stroke for each line would cost ten times as much.
  const shades: number[][] = Array.from({ length: SHADES + 1 }, () => []);
  for (const row of inside) {
    const part = shade ? shade.at(row) : 0.4;
    shades[part === part ? Math.round(part * SHADES) : 0].push(row);
  }
  const alpha = inside.length > 1000 ? 0.35 : inside.length > 200 ? 0.6 : 0.85;
  shades.forEach((chosen, i) => {
    if (chosen.length) drawLines(context, axes, xs, chosen, viridis(i / SHADES, dark.value), alpha);
  });
  context.globalAlpha = 1;
  context.font = "11px Inter, system-ui, sans-serif";
  axes.forEach((axis, i) => {
    drawAxis(context, axis, xs[i], i === axes.length - 1);
    const brush = brushes[axis.id];
    if (brush) drawBrush(context, xs[i], brush);
  });
}

function drawLines(
  context: CanvasRenderingContext2D,
  axes: Axis[],
  xs: number[],
  rows: number[],
  style: string,
  alpha: number,
): void {
  context.strokeStyle = style;
  context.globalAlpha = alpha;
  context.beginPath();
  for (const row of rows) {
    let open = false;
    for (let i = 0; i < axes.length; i++) {
      const part = axes[i].at(row);
      if (part !== part) open = false;
      else if (open) context.lineTo(xs[i], yOf(part));
      else context.moveTo(xs[i], yOf(part)), (open = true);
    }
  }
  context.stroke();
}

function drawAxis(context: CanvasRenderingContext2D, axis: Axis, x: number, isLast: boolean): void {
  const [back, dim] = ["--bg", "--dim"].map(colour);
  context.strokeStyle = dim;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, TOP);
  context.lineTo(x, HEIGHT - BOTTOM);
  context.stroke();
  context.textAlign = isLast ? "right" : "left";
  const shift = isLast ? -6 : 6;
  for (const [part, label] of axis.ticks) {
    context.lineWidth = 3;
    context.strokeStyle = back;
    const shown = label.length > 14 ? `${label.slice(0, 13)}…` : label;
    context.strokeText(shown, x + shift, yOf(part) + 4);
    context.fillStyle = dim;
    context.fillText(shown, x + shift, yOf(part) + 4);
  }
}

function drawBrush(context: CanvasRenderingContext2D, x: number, [low, high]: [number, number]): void {
  const accent = colour("--accent");
  const box = [x - 7, yOf(high), 14, yOf(low) - yOf(high)] as const;
  context.fillStyle = accent;
  context.globalAlpha = 0.25;
  context.fillRect(...box);
  context.globalAlpha = 1;
  context.strokeStyle = accent;
  context.lineWidth = 1.5;
  context.strokeRect(...box);
}
