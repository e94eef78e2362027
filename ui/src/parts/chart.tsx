// One chart: uPlot with our zoom, cursor, marks for what is no number, a table, and pictures of it.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { fullScreen, hidden, near, setFullScreen } from "../chart-state.ts";
import { useLines, type Wanted } from "../lines.ts";
import { type Drawing, drawing, type Line } from "../logic/curves.ts";
import { count, duration, number, plural, timestamp } from "../logic/format.ts";
import { csv } from "../logic/rows.ts";
import type { Panel, Series } from "../logic/series.ts";
import { svg } from "../logic/svg.ts";
import { isOfflinePage } from "../route.ts";
import { copy, dark, download, notify, save } from "../state.ts";
import { Button, Item, Menu } from "./basic.tsx";
import { colour } from "./canvas.ts";
import { type ChartSettings, settings, setZoom, underPointer, useSeen } from "./charts.tsx";

interface Props {
  panel: Panel;
  axis: ChartSettings["axis"];
  lines: Line[];
  ids: string[];
  points: number;
  pinned: boolean;
  onPin: () => void;
}

/** Charts over the same x axis have one cursor. */
const syncOf = ({ axis }: ChartSettings) => uPlot.sync(axis);
const FONT = "11px Inter, system-ui, sans-serif";
const xText = (value: number, axis: ChartSettings["axis"]) =>
  axis === "step"
    ? `step ${count(value)}`
    : axis === "time"
      ? timestamp(value * 1000)
      : axis === "relative"
        ? duration(value * 1000)
        : `${axis.slice(7)} ${number(value)}`;

export function Chart({ panel, axis, lines, ids, points, pinned, onPin }: Props) {
  const { title, keys } = panel;
  const [box, seen] = useSeen();
  const [asTable, setAsTable] = useState(false);
  const plot = useRef<uPlot | null>(null);
  const now = settings(axis);
  const full = fullScreen.value === title;
  const wanted: Wanted | null = seen ? want(keys, ids, full ? Math.max(points, 400) : points, now) : null;
  const { lines: found, busy, error, retry } = useLines(wanted);
  const shown = useMemo(() => lines.filter((line) => !hidden.value.has(line.id)), [lines, hidden.value]);
  const drawn = useMemo(
    () => found.filter((each) => keys.includes(each.key) && !hidden.value.has(each.run)),
    [found, hidden.value],
  );
  const form = JSON.stringify({ ...now, zoom: null }); // a stretch of x is drawn from the same curves
  const data = useMemo(() => drawing(found, shown, keys, now, dark.value), [found, shown, form, dark.value]);
  const nans = drawn.reduce((sum, each) => sum + each.nans, 0);
  const firstNan = Math.min(...drawn.flatMap((each) => each.nanStep ?? []));
  const thinned = drawn.some((each) => each.thinned);
  const picture = () => {
    if (plot.current && data) return svg(pictureOf(plot.current, title, data));
    notify("There is nothing drawn yet", { bad: true });
    return null;
  };
  const file = (kind: string) => `${title.replace(/\W+/g, "-")}.${kind}`;
  const act = (close: () => void, action: (text: string) => unknown) => () => {
    const text = picture();
    close();
    if (text) void action(text);
  };
  return (
    <figure
      class={`chart ${full ? "full" : ""}`}
      ref={box as any}
      aria-label={summary(title, drawn)}
      onPointerEnter={() => (underPointer.value = title)}
    >
      <header>
        <h3 class="clip" title={keys.join(", ")}>
          {title}
        </h3>
        <Button
          icon="pin"
          label={pinned ? `Unpin ${title}` : `Pin ${title}`}
          plain
          aria-pressed={pinned}
          onClick={onPin}
        />
        <Button
          icon="full"
          label={`${full ? "Close" : "Full screen"} ${title}`}
          keys="f"
          plain
          onClick={() => setFullScreen(full ? "" : title)}
        />
        <Menu label={`More of ${title}`} icon="more" plain>
          {(close) => (
            <>
              <Item icon="table" onClick={() => (close(), setAsTable(!asTable))}>
                {asTable ? "Show as chart" : "Show as table"}
              </Item>
              <hr />
              <Item icon="copy" onClick={act(close, copyPng)}>
                Copy as PNG
              </Item>
              <Item icon="copy" onClick={act(close, copySvg)}>
                Copy as SVG
              </Item>
              <Item icon="copy" onClick={() => (close(), copy(table(drawn, lines), "CSV copied"))}>
                Copy as CSV
              </Item>
              {!isOfflinePage && (
                <Item icon="copy" onClick={() => (close(), copy(location.href, "Link copied"))}>
                  Copy the link
                </Item>
              )}
              <hr />
              <Item icon="download" onClick={act(close, async (text) => save(file("png"), await png(text)))}>
                Download as PNG
              </Item>
              <Item icon="download" onClick={act(close, (text) => download(file("svg"), text, "image/svg+xml"))}>
                Download as SVG
              </Item>
              <Item icon="download" onClick={() => (close(), download(file("csv"), table(drawn, lines), "text/csv"))}>
                Download as CSV
              </Item>
            </>
          )}
        </Menu>
      </header>
      {error ? (
        <div class="plot side" role="alert">
          <span class="status FAILED">{error.message}</span> <Button onClick={retry}>Try again</Button>
        </div>
      ) : asTable ? (
        <Points drawn={drawn} lines={lines} many={keys.length > 1} />
      ) : (
        <div class={`plot ${busy && drawn.length ? "dimmed" : ""}`}>
          {seen && data && <Plot plot={plot} data={data} drawn={drawn} now={now} />}
          {busy && !drawn.length && <div class="bone" />}
          {!busy && !drawn.length && <p class="dim none">No points</p>}
          {!busy && drawn.length > 0 && !data?.xs.length && <p class="dim none">No point has a place on this x axis</p>}
        </div>
      )}
      {(nans > 0 || (full && thinned)) && (
        <footer>
          {nans > 0 && (
            <span>
              {count(nans)} NaN from step {count(firstNan)}
            </span>
          )}
          {full && thinned && <span class="dim">the least and greatest of each stretch; zoom in for every point</span>}
        </footer>
      )}
    </figure>
  );
}

function want(keys: string[], runs: string[], points: number, now: ChartSettings): Wanted {
  // Relative times and other metrics differ by run: whole series are asked for, and zoomed here.
  const zoom = now.axis === "step" || now.axis === "time" ? now.zoom : null;
  const unit = now.axis === "time" ? 1000 : 1;
  const x = now.axis.startsWith("metric:") ? [now.axis.slice(7)] : [];
  return {
    keys: [...new Set([...keys, ...x])],
    runs,
    points,
    axis: now.axis === "time" || now.axis === "relative" ? "time" : "step",
    start: zoom && zoom[0] * unit,
    end: zoom && zoom[1] * unit,
  };
}

function summary(title: string, drawn: Series[]): string {
  if (!drawn.length) return `${title}: no points`;
  const lasts = drawn.map((each) => each.values.at(-1)!).filter(Number.isFinite);
  const runs = plural(new Set(drawn.map((each) => each.run)).size, "run");
  return `${title} of ${runs}, last values from ${number(Math.min(...lasts))} to ${number(Math.max(...lasts))}`;
}

interface PlotProps {
  plot: { current: uPlot | null };
  data: Drawing;
  drawn: Series[];
  now: ChartSettings;
}

const RAW_ALPHA = 0.22;

function Plot(props: PlotProps) {
  const { plot, data, now } = props;
  const { curves } = data;
  const box = useRef<HTMLDivElement>(null);
  const fresh = useRef(false); // made with the data that it has
  const latest = useRef(props);
  latest.current = props;
  const [tip, setTip] = useState<Tip | null>(null);
  const shape = [
    now.axis,
    now.logX,
    now.logY,
    dark.value,
    ...curves.map((each) => each.kind + each.name + each.colour),
  ].join();
  const aligned = () => [latest.current.data.xs, ...latest.current.data.columns] as unknown as uPlot.AlignedData;

  useEffect(() => {
    const [grid, text] = [colour("--line"), colour("--dim")];
    const many = curves.length > 12;
    const series: uPlot.Series[] = curves.map(({ kind, colour, dash, ys }) => ({
      stroke: kind === "edge" ? undefined : colour,
      dash: kind === "raw" || (many && dash.length > 2) ? undefined : dash,
      width: kind === "raw" || many ? 1 : 1.5,
      alpha: kind === "raw" ? RAW_ALPHA : many ? 0.75 : 1,
      spanGaps: true,
      points: { show: kind === "line" && ys.length < 2, size: 5 },
    }));
    const bands = curves.flatMap(({ kind }, i): uPlot.Band[] =>
      kind === "edge" && curves[i + 1].kind === "edge"
        ? [{ series: [i + 1, i + 2], fill: translucent(curves[i].colour) }]
        : [],
    );
    const made = new uPlot(
      {
        width: box.current!.clientWidth || 340,
        height: box.current!.clientHeight || 200,
        legend: { show: false },
        padding: [8, 8, 0, 0],
        scales: {
          x: { time: now.axis === "time", distr: now.logX ? 3 : 1, range: xRange(() => latest.current.now) },
          y: { distr: now.logY ? 3 : 1, range: yRange(() => latest.current.data.y, now.logY) },
        },
        axes: [
          {
            stroke: text,
            grid: { show: false },
            ticks: { stroke: grid, size: 4 },
            size: 28,
            font: FONT,
            values:
              now.axis === "time"
                ? undefined
                : (_, splits) =>
                    splits.map((each) =>
                      each === null ? "" : now.axis === "relative" ? duration(each * 1000) : short(each),
                    ),
          },
          {
            stroke: text,
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            size: 46,
            gap: 4,
            font: FONT,
            values: (_, splits) => splits.map((each) => (each === null ? "" : short(each))),
          },
        ],
        cursor: {
          sync: { key: now.axis, scales: ["x", null] },
          drag: { x: true, y: false, setScale: false },
          focus: { prox: 24 },
          points: { show: false },
          bind: { dblclick: () => () => (setZoom(null), null) },
        },
        focus: { alpha: many ? 0.15 : 0.3 },
        bands,
        series: [{}, ...series],
        hooks: {
          setSelect: [
            (self) => {
              if (self.select.width < 6) return;
              const at = (x: number) => self.posToVal(x, "x");
              setZoom([at(self.select.left), at(self.select.left + self.select.width)], now.axis);
              self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            },
          ],
          setCursor: [(self) => setTip(tipAt(self, latest.current))],
          draw: [(self) => markInfinities(self, latest.current)],
        },
      },
      aligned(),
      box.current!,
    );
    plot.current = made;
    fresh.current = true;
    syncOf(now).sub(made);
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      const isNew = Math.round(width) !== made.width || Math.round(height) !== made.height;
      if (width && height && isNew) made.setSize({ width: Math.round(width), height: Math.round(height) });
    });
    observer.observe(box.current!);
    const leave = () => (setTip(null), (near.value = null));
    made.over.addEventListener("pointerleave", leave);
    return () => {
      observer.disconnect();
      syncOf(now).unsub(made);
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    if (!fresh.current) plot.current?.setData(aligned());
    fresh.current = false;
  }, [data, now.zoom?.join()]);

  // The run under the pointer, here or in the table, stands out in every chart.
  const focused = near.value;
  const wasFocused = useRef(focused);
  useEffect(() => {
    if (!focused && !wasFocused.current) return;
    wasFocused.current = focused;
    const at = curves.findIndex((each) => each.id === focused && each.kind === "line");
    if (focused && at < 0) return;
    plot.current?.setSeries(focused ? at + 1 : null, { focus: true }, false);
  }, [focused]);

  return (
    <>
      <div ref={box} style={{ position: "absolute", inset: "0 8px 6px 4px" }} />
      {tip && <Tooltip tip={tip} />}
    </>
  );
}

/** A colour of the palette, or of the style sheet, seen through. */
const translucent = (colour: string) => `${colour}26`;

/** A number of an axis: 20k, 1.5M. */
function short(value: number): string {
  const size = Math.abs(value);
  for (const [unit, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (size >= 10 * unit || (size >= unit && unit > 1e3)) return `${number(value / unit, 4)}${letter}`;
  }
  return number(value, 4);
}

const xRange =
  (now: () => ChartSettings): uPlot.Range.Function =>
  (_, low, high) => {
    const { zoom } = now();
    if (zoom) return zoom;
    return low !== null && low === high ? [low - 1, high + 1] : [low, high];
  };

const yRange =
  (wanted: () => [number, number] | null, log: boolean): uPlot.Range.Function =>
  (self, low, high) => {
    if (low == null) return [log ? 0.1 : 0, 1];
    const [a, b] = wanted() ?? [low, high];
    if (log) return uPlot.rangeLog(Math.max(a, Number.MIN_VALUE), b, 10, false);
    void self;
    const room = (b - a || Math.abs(a) || 1) * 0.06;
    return [a - room, b + room];
  };

/** Infinities and NaNs as triangles at the edge of the plot. */
function markInfinities(self: uPlot, { data }: PlotProps): void {
  const { ctx, bbox } = self;
  const size = 4 * devicePixelRatio;
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
  for (const { kind, colour, nan, xs, ys } of data.curves) {
    if (kind !== "line") continue;
    ctx.fillStyle = colour;
    for (let i = 0; i < ys.length; i++) if (!Number.isFinite(ys[i])) triangle(xs[i], ys[i] > 0);
    if (nan !== undefined) triangle(nan, false);
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

function tipAt(self: uPlot, { now, data }: PlotProps): Tip | null {
  const { left = -1, top = -1, idx, event } = self.cursor as uPlot.Cursor & { idx: number | null };
  // Only the chart under the pointer has a tooltip; the others have the line.
  if (left < 0 || idx == null || !event) return null;
  const xs = self.data[0];
  const reach = (xs[xs.length - 1] - xs[0]) / 40;
  const rows = data.curves.flatMap(({ id, name, colour, kind }, i) => {
    if (kind !== "line") return [];
    const found = closest(self.data[i + 1] as (number | null | undefined)[], xs as ArrayLike<number>, idx, reach);
    return found === null ? [] : [{ id, name, colour, value: found, near: false }];
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
function closest(
  column: (number | null | undefined)[],
  xs: ArrayLike<number>,
  at: number,
  reach: number,
): number | null {
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
          <li key={row.name} class={row.near ? "near" : ""}>
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

function Points({ drawn, lines, many }: { drawn: Series[]; lines: Line[]; many: boolean }) {
  const names = new Map(lines.map((line) => [line.id, line.name]));
  const rows = drawn.flatMap((each) =>
    [...each.steps].map((step, i) => [names.get(each.run)!, each.key, step, each.values[i], each.times[i]] as const),
  );
  return (
    <div class="table" tabIndex={0} role="region" aria-label="The points as a table">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Run</th>
            {many && <th scope="col">Metric</th>}
            <th scope="col" class="num">
              Step
            </th>
            <th scope="col" class="num">
              Value
            </th>
            <th scope="col">Time</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, 500).map(([name, key, step, value, time], i) => (
            <tr key={i}>
              <td>{name}</td>
              {many && <td>{key}</td>}
              <td class="num">{count(step)}</td>
              <td class="num">{number(value)}</td>
              <td class="dim">{timestamp(time)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > 500 && (
        <p class="dim">The first 500 of {count(rows.length)} points; the CSV has all that the chart has.</p>
      )}
    </div>
  );
}

function table(drawn: Series[], lines: Line[]): string {
  const names = new Map(lines.map((line) => [line.id, line.name]));
  const rows = drawn.flatMap((each) =>
    [...each.steps].map((step, i) => [
      each.run,
      names.get(each.run),
      each.key,
      String(step),
      String(each.times[i]),
      String(each.values[i]),
    ]),
  );
  return csv(["run_id", "run", "metric", "step", "timestamp", "value"], rows);
}

/** What a plot shows now, for a picture of it. */
function pictureOf(self: uPlot, title: string, { curves, xs, columns }: Drawing) {
  const [width, height] = [self.over.clientWidth, self.over.clientHeight];
  const place = (i: number) =>
    columns[i].flatMap((y, k): [number, number][] =>
      y == null ? [] : [[self.valToPos(xs[k], "x"), self.valToPos(y, "y")]],
    );
  const ticks = (axis: number, scale: string) => {
    const { _splits = [], _values = [] } = self.axes[axis] as unknown as { _splits: number[]; _values: string[] };
    return _splits.map((value, i): [number, string] => [
      self.valToPos(value, scale),
      String(_values[i] ?? "").replace("\n", " "),
    ]);
  };
  return {
    title,
    width,
    height,
    lines: curves.flatMap(({ kind, name, colour, dash }, i) =>
      kind === "edge"
        ? []
        : [
            {
              name,
              colour,
              dash,
              alpha: kind === "raw" ? RAW_ALPHA : 1,
              width: kind === "raw" ? 1 : 1.5,
              points: place(i),
              listed: kind === "line",
            },
          ],
    ),
    bands: curves.flatMap(({ kind, colour }, i) =>
      kind === "edge" && curves[i + 1].kind === "edge"
        ? [{ colour, points: [...place(i), ...place(i + 1).reverse()] }]
        : [],
    ),
    xTicks: ticks(0, "x").filter(([x]) => x >= 0 && x <= width),
    yTicks: ticks(1, "y").filter(([y, label]) => label && y >= 0 && y <= height),
    colours: { background: colour("--bg"), text: colour("--text"), dim: colour("--dim"), line: colour("--line") },
  };
}

/** The picture of an SVG document, with twice as many points as it says. */
function png(text: string): Promise<Blob> {
  return new Promise((done, failed) => {
    const image = new Image();
    image.onerror = () => failed(new Error("The browser cannot draw this chart as a picture."));
    image.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.width * 2, image.height * 2];
      canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((found) => (found ? done(found) : image.onerror!("")), "image/png");
    };
    image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  });
}

/** As a picture, where the browser can; and as a text, which editors of text and pictures take. */
async function copySvg(text: string): Promise<void> {
  const kinds = ["text/plain", "image/svg+xml"].filter(
    (kind) => kind === "text/plain" || ClipboardItem.supports?.(kind),
  );
  await navigator.clipboard.write([
    new ClipboardItem(Object.fromEntries(kinds.map((type) => [type, new Blob([text], { type })]))),
  ]);
  notify("Picture copied");
}

async function copyPng(text: string): Promise<void> {
  // A promise within the item: Safari wants the clipboard asked for before the picture is ready.
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png(text) })]);
  notify("Picture copied");
}
