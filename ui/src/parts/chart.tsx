// One metric as a chart: uPlot with our zoom, cursor, marks for what is no number, and a table.
import uPlot from "uplot";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Wanted, useLines } from "../lines.ts";
import { count, duration, number, plural, timestamp } from "../logic/format.ts";
import { central, join, type Series, smooth, xsOf } from "../logic/series.ts";
import { csv } from "../logic/rows.ts";
import { dark, download, say, copy } from "../state.ts";
import { Button, Item, Menu } from "./basic.tsx";
import { colour } from "./canvas.ts";
import { type ChartSettings, fullScreen, hidden, type Line, near, setZoom, settings, underPointer, useSeen } from "./charts.tsx";

interface Props {
  metric: string;
  lines: Line[];
  ids: string[];
  points: number;
  pinned: boolean;
  onPin: () => void;
}

const sync = uPlot.sync("runlog");
const xText = (value: number, axis: ChartSettings["axis"]) =>
  axis === "step" ? `step ${count(value)}` : axis === "time" ? timestamp(value * 1000) : duration(value * 1000);

export function Chart({ metric, lines, ids, points, pinned, onPin }: Props) {
  const [box, seen] = useSeen();
  const [everSeen, setEverSeen] = useState(false);
  const [asTable, setAsTable] = useState(false);
  useEffect(() => void (seen && setEverSeen(true)), [seen]);
  const now = settings();
  const key = JSON.stringify(now);
  const full = fullScreen.value === metric;
  const wanted: Wanted | null = everSeen ? want(metric, ids, full ? Math.max(points, 400) : points, now) : null;
  const { lines: found, busy, error, retry } = useLines(wanted);
  const drawn = useMemo(
    () => found.filter((each) => !hidden.value.has(each.run)),
    [found, hidden.value],
  );
  const data = useMemo(() => prepare(drawn, now), [drawn, key]);
  const nans = drawn.reduce((sum, each) => sum + each.nans, 0);
  const firstNan = Math.min(...drawn.flatMap((each) => each.nanStep ?? []));
  const thinned = drawn.some((each) => each.thinned);
  return (
    <figure
      class={`chart ${full ? "full" : ""}`}
      ref={box as any}
      aria-label={summary(metric, drawn)}
      onPointerEnter={() => (underPointer.value = metric)}
    >
      <header>
        <h3 class="clip" title={metric}>{metric}</h3>
        <Button icon="pin" label={pinned ? `Unpin ${metric}` : `Pin ${metric}`} plain aria-pressed={pinned} onClick={onPin} />
        <Button icon="full" label={`${full ? "Close" : "Full screen"} ${metric}`} keys="f" plain onClick={() => (fullScreen.value = full ? "" : metric)} />
        <Menu label={`More of ${metric}`} icon="more" plain>
          {(close) => (
            <>
              <Item icon="table" onClick={() => (close(), setAsTable(!asTable))}>{asTable ? "Show as chart" : "Show as table"}</Item>
              <Item icon="download" onClick={() => (close(), save(metric, drawn, lines))}>Download as CSV</Item>
              <Item icon="download" onClick={() => (close(), picture(metric, box.current))}>Download as PNG</Item>
              <Item icon="copy" onClick={() => (close(), copy(location.href, "Link copied"))}>Copy the link</Item>
            </>
          )}
        </Menu>
      </header>
      {error ? (
        <div class="plot side" role="alert">
          <span class="status FAILED">{error.message}</span> <Button onClick={retry}>Try again</Button>
        </div>
      ) : asTable ? (
        <Points drawn={drawn} lines={lines} />
      ) : (
        <div class={`plot ${busy && drawn.length ? "dimmed" : ""}`}>
          {everSeen && data && <Plot metric={metric} data={data} drawn={drawn} lines={lines} now={now} full={full} />}
          {!busy && !drawn.length && <p class="dim">No points</p>}
        </div>
      )}
      {(nans > 0 || (full && thinned)) && (
        <footer>
          {nans > 0 && <span>{count(nans)} NaN from step {count(firstNan)}</span>}
          {full && thinned && <span class="dim">the least and greatest of each stretch; zoom in for every point</span>}
        </footer>
      )}
    </figure>
  );
}

function want(key: string, runs: string[], points: number, now: ChartSettings): Wanted {
  // Relative times differ by run: the whole series is asked for, and zoomed here.
  const zoom = now.axis === "relative" ? null : now.zoom;
  const unit = now.axis === "time" ? 1000 : 1;
  return {
    key, runs, points,
    axis: now.axis === "step" ? "step" : "time",
    start: zoom && zoom[0] * unit,
    end: zoom && zoom[1] * unit,
  };
}

function summary(metric: string, drawn: Series[]): string {
  if (!drawn.length) return `${metric}: no points`;
  const lasts = drawn.map((each) => each.values.at(-1)!).filter(Number.isFinite);
  return `${metric} of ${plural(drawn.length, "run")}, last values from ${number(Math.min(...lasts))} to ${number(Math.max(...lasts))}`;
}

interface Data {
  table: uPlot.AlignedData;
  raw: boolean; // whether the first half are the raw lines behind smoothed ones
  y: [number, number] | null;
}

function prepare(drawn: Series[], now: ChartSettings): Data | null {
  if (!drawn.length) return null;
  const raw = drawn.map((each) => ({ xs: xsOf(each, now.axis), ys: each.values }));
  const smoothed = now.smoothing > 0 ? raw.map(({ xs, ys }) => ({ xs, ys: smooth(xs, ys, now.smoothing) })) : [];
  const { xs, columns } = join([...raw, ...smoothed]);
  const values = now.central ? drawn.flatMap((each) => [...each.values].filter(Number.isFinite)) : [];
  if (now.logX && xs[0] <= 0) {
    // A logarithmic axis has no zero: what is at or below it is left out.
    const first = xs.findIndex((x) => x > 0);
    if (first > 0) {
      return { table: [xs.subarray(first), ...columns.map((each) => each.slice(first))] as any, raw: !!smoothed.length, y: central(values) };
    }
  }
  return { table: [xs, ...columns] as any, raw: !!smoothed.length, y: central(values) };
}

interface PlotProps {
  metric: string;
  data: Data;
  drawn: Series[];
  lines: Line[];
  now: ChartSettings;
  full: boolean;
}

function Plot(props: PlotProps) {
  const { data, drawn, lines, now } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const fresh = useRef(false); // made with the data that it has
  const latest = useRef(props);
  latest.current = props;
  const [tip, setTip] = useState<Tip | null>(null);
  const shape = [now.axis, now.logX, now.logY, data.raw, dark.value, drawn.map((each) => each.run).join()].join();

  useEffect(() => {
    const byId = new Map(lines.map((line) => [line.id, line]));
    const [grid, text] = [colour("--line"), colour("--dim")];
    const half = data.raw ? drawn.length : 0;
    const many = drawn.length > 12;
    const series: uPlot.Series[] = [{}];
    for (let i = 0; i < drawn.length + half; i++) {
      const style = byId.get(drawn[i % drawn.length].run)?.style ?? { colour: text, dash: [] };
      const faint = i < half;
      series.push({
        stroke: style.colour,
        dash: faint || many ? undefined : style.dash,
        width: faint || many ? 1 : 1.5,
        alpha: faint ? 0.22 : many ? 0.7 : 1,
        spanGaps: true,
        points: { show: drawn[i % drawn.length].values.length < 2, size: 5 },
      });
    }
    const y = () => latest.current;
    const made = new uPlot(
      {
        width: box.current!.clientWidth || 340,
        height: box.current!.clientHeight || 200,
        legend: { show: false },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: now.axis === "time", distr: now.logX ? 3 : 1, range: xRange(() => y().now) },
          y: { distr: now.logY ? 3 : 1, range: yRange(() => y().data.y, now.logY) },
        },
        axes: [
          { stroke: text, grid: { show: false }, ticks: { stroke: grid, size: 4 }, size: 28, font: "11px Inter, system-ui, sans-serif",
            values: now.axis === "time" ? undefined : (_, splits) => splits.map((each) => each === null ? "" : now.axis === "step" ? short(each) : duration(each * 1000)) },
          { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, size: 46, gap: 4, font: "11px Inter, system-ui, sans-serif",
            values: (_, splits) => splits.map((each) => (each === null ? "" : short(each))) },
        ],
        cursor: {
          sync: { key: "runlog", scales: ["x", null] },
          drag: { x: true, y: false, setScale: false },
          focus: { prox: 24 },
          points: { show: false },
          bind: { dblclick: () => () => (setZoom(null), null) },
        },
        focus: { alpha: many ? 0.15 : 0.3 },
        series,
        hooks: {
          setSelect: [
            (self) => {
              if (self.select.width < 6) return;
              const at = (x: number) => self.posToVal(x, "x");
              setZoom([at(self.select.left), at(self.select.left + self.select.width)]);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          setCursor: [(self) => setTip(tipAt(self, latest.current))],
          draw: [(self) => markInfinities(self, latest.current)],
        },
      },
      data.table,
      box.current!,
    );
    plot.current = made;
    fresh.current = true;
    sync.sub(made);
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      if (width && height) made.setSize({ width, height });
    });
    observer.observe(box.current!);
    const leave = () => setTip(null);
    made.over.addEventListener("pointerleave", leave);
    return () => {
      observer.disconnect();
      sync.unsub(made);
      made.destroy();
    };
  }, [shape]);

  useEffect(() => {
    if (!fresh.current) plot.current?.setData(data.table);
    fresh.current = false;
  }, [data, now.zoom?.join()]);

  // The run under the pointer, here or in the table, stands out in every chart.
  const focused = near.value;
  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    const at = drawn.findIndex((each) => each.run === focused);
    if (focused && at < 0) return;
    made.setSeries(focused ? at + 1 + (data.raw ? drawn.length : 0) : null, { focus: true }, false);
  }, [focused]);

  return (
    <>
      <div ref={box} style={{ position: "absolute", inset: "0 8px 6px 4px" }} />
      {tip && <Tooltip tip={tip} />}
    </>
  );
}

/** A number of an axis: 20k, 1.5M. */
function short(value: number): string {
  const size = Math.abs(value);
  for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (size >= 10 * unit || (size >= unit && unit > 1e3)) return `${number(value / unit, 4)}${letter}`;
  }
  return number(value, 4);
}

const xRange = (now: () => ChartSettings): uPlot.Range.Function => (_, low, high) => {
  const { zoom } = now();
  if (zoom) return zoom;
  return low !== null && low === high ? [low - 1, high + 1] : [low, high];
};

const yRange = (wanted: () => [number, number] | null, log: boolean): uPlot.Range.Function => (self, low, high) => {
  if (low == null) return [log ? 0.1 : 0, 1];
  const [a, b] = wanted() ?? [low, high];
  if (log) return uPlot.rangeLog(Math.max(a, Number.MIN_VALUE), b, 10, false);
  void self;
  const room = (b - a || Math.abs(a) || 1) * 0.06;
  return [a - room, b + room];
};

/** Infinities and NaNs as triangles at the edge of the plot. */
function markInfinities(self: uPlot, { drawn, lines, now }: PlotProps): void {
  const { ctx, bbox } = self;
  const size = 4 * devicePixelRatio;
  for (const each of drawn) {
    if (each.values.every(Number.isFinite) && each.nanStep === null) continue;
    ctx.fillStyle = lines.find((line) => line.id === each.run)?.style.colour ?? "red";
    const xs = xsOf(each, now.axis);
    const triangle = (x: number, up: boolean) => {
      const at = self.valToPos(x, "x", true);
      if (at < bbox.left || at > bbox.left + bbox.width) return;
      const y = up ? bbox.top : bbox.top + bbox.height;
      ctx.beginPath();
      ctx.moveTo(at, y);
      ctx.lineTo(at - size, y + (up ? size : -size) * 1.6);
      ctx.lineTo(at + size, y + (up ? size : -size) * 1.6);
      ctx.fill();
    };
    each.values.forEach((value, i) => Number.isFinite(value) || triangle(xs[i], value > 0));
    if (each.nanStep !== null && now.axis === "step") triangle(each.nanStep, false);
  }
}

interface Tip {
  at: string;
  x: number;
  y: number;
  rows: { id: string; name: string; colour: string; value: number; near: boolean }[];
  more: number;
}

const SHOWN = 10;

function tipAt(self: uPlot, { drawn, lines, now, data }: PlotProps): Tip | null {
  const { left = -1, top = -1, idx, event } = self.cursor as uPlot.Cursor & { idx: number | null };
  // Only the chart under the pointer has a tooltip; the others have the line.
  if (left < 0 || idx == null || !event) return null;
  const xs = self.data[0];
  const byId = new Map(lines.map((line) => [line.id, line]));
  const half = data.raw ? drawn.length : 0;
  const reach = (xs[xs.length - 1] - xs[0]) / 40;
  const rows = drawn.flatMap((each, i) => {
    const column = self.data[i + 1 + half] as (number | null | undefined)[];
    const found = closest(column, xs as ArrayLike<number>, idx, reach);
    const line = byId.get(each.run);
    return found === null || !line ? [] : [{ id: each.run, name: line.name, colour: line.style.colour, value: found, near: false }];
  });
  rows.sort((a, b) => b.value - a.value);
  let best: (typeof rows)[number] | null = null;
  let distance = Infinity;
  for (const row of rows) {
    const away = Math.abs(self.valToPos(row.value, "y") - top);
    if (away < distance) [best, distance] = [row, away];
  }
  if (best && distance < 40) best.near = true;
  near.value = best?.near ? best.id : null;
  const from = Math.max(0, Math.min(rows.indexOf(best!) - SHOWN / 2, rows.length - SHOWN));
  const area = self.over.getBoundingClientRect();
  return {
    at: xText(xs[idx], now.axis),
    x: area.left + left,
    y: area.top + top,
    rows: rows.slice(from, from + SHOWN),
    more: Math.max(0, rows.length - SHOWN),
  };
}

/** The value nearest to a place, of a column that has values at some places only. */
function closest(column: (number | null | undefined)[], xs: ArrayLike<number>, at: number, reach: number): number | null {
  for (let away = 0; away < xs.length; away++) {
    const [a, b] = [at - away, at + away];
    const tooFar = (i: number) => i < 0 || i >= xs.length || Math.abs(xs[i] - xs[at]) > reach;
    if (!tooFar(a) && column[a] != null) return column[a]!;
    if (!tooFar(b) && column[b] != null) return column[b]!;
    if (tooFar(a) && tooFar(b)) return null;
  }
  return null;
}

function Tooltip({ tip }: { tip: Tip }) {
  const right = tip.x > innerWidth - 300;
  const low = tip.y > innerHeight - 260;
  const place = {
    [right ? "right" : "left"]: `${right ? innerWidth - tip.x + 14 : tip.x + 14}px`,
    [low ? "bottom" : "top"]: `${low ? innerHeight - tip.y + 10 : tip.y + 10}px`,
  };
  return (
    <div class="tip" style={place}>
      <div class="at">{tip.at}</div>
      <ul>
        {tip.rows.map((row) => (
          <li key={row.id} class={row.near ? "near" : ""}>
            <span class="swatch" style={{ background: row.colour }} />
            <span class="clip">{row.name}</span>
            <b>{number(row.value)}</b>
          </li>
        ))}
      </ul>
      {tip.more > 0 && <div class="at">and {count(tip.more)} more</div>}
    </div>
  );
}

function Points({ drawn, lines }: { drawn: Series[]; lines: Line[] }) {
  const names = new Map(lines.map((line) => [line.id, line.name]));
  const rows = drawn.flatMap((each) => [...each.steps].map((step, i) => [names.get(each.run)!, step, each.values[i], each.times[i]] as const));
  return (
    <div class="table" tabIndex={0} role="region" aria-label="The points as a table">
      <table class="plain">
        <thead><tr><th scope="col">Run</th><th scope="col" class="num">Step</th><th scope="col" class="num">Value</th><th scope="col">Time</th></tr></thead>
        <tbody>
          {rows.slice(0, 500).map(([name, step, value, time], i) => (
            <tr key={i}><td>{name}</td><td class="num">{count(step)}</td><td class="num">{number(value)}</td><td class="dim">{timestamp(time)}</td></tr>
          ))}
        </tbody>
      </table>
      {rows.length > 500 && <p class="dim">The first 500 of {count(rows.length)} points; the CSV has all that the chart has.</p>}
    </div>
  );
}

function save(metric: string, drawn: Series[], lines: Line[]): void {
  const names = new Map(lines.map((line) => [line.id, line.name]));
  const rows = drawn.flatMap((each) =>
    [...each.steps].map((step, i) => [each.run, names.get(each.run), String(step), String(each.times[i]), String(each.values[i])]),
  );
  download(`${metric.replace(/\W+/g, "-")}.csv`, csv(["run_id", "run", "step", "timestamp", "value"], rows), "text/csv");
}

function picture(metric: string, box: HTMLElement | null): void {
  const source = box?.querySelector("canvas");
  if (!source) return say("There is nothing to draw yet", { bad: true });
  const canvas = document.createElement("canvas");
  const head = 28 * devicePixelRatio;
  canvas.width = source.width;
  canvas.height = source.height + head;
  const context = canvas.getContext("2d")!;
  context.fillStyle = colour("--bg");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = colour("--text");
  context.font = `600 ${13 * devicePixelRatio}px system-ui, sans-serif`;
  context.fillText(metric, 12 * devicePixelRatio, 19 * devicePixelRatio);
  context.drawImage(source, 0, head);
  const link = document.createElement("a");
  link.download = `${metric.replace(/\W+/g, "-")}.png`;
  link.href = canvas.toDataURL("image/png");
  link.click();
}
