// Charts of metrics: one a metric, grouped by prefix, with zoom, cursor and settings in common.
import "../shared.ts"; // see there
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { fullScreen, hidden, isOff, near, setFullScreen, switchOff } from "../chart-state.ts";
import { useKeys } from "../keys.ts";
import { pointsFor } from "../lines.ts";
import type { Style } from "../logic/colours.ts";
import { bandsOf, type Line, type Shown } from "../logic/curves.ts";
import { definitionOf } from "../logic/definitions.ts";
import { plural } from "../logic/format.ts";
import { type Axis, byPrefix, type Panel, panels } from "../logic/series.ts";
import { asked, place, setQuery } from "../route.ts";
import { dark } from "../state.ts";
import { Button, Menu } from "./basic.tsx";
import { Chart } from "./chart.tsx";

export type { Line } from "../logic/curves.ts";

export const underPointer = signal("");

export interface ChartSettings extends Shown {
  logY: boolean;
  zoom: [number, number] | null;
}

const chosenAxis = () => asked("x", "step") as Axis;

/** The x axis of a chart: what the address says, else what its metric is defined over. */
function axisOf(panel: Panel, keys: Set<string>): Axis {
  const { step_metric: defined = "" } = asked("x") ? {} : definitionOf(panel.keys[panel.keys.length - 1]);
  return keys.has(defined) && !panel.keys.includes(defined) ? `metric:${defined}` : chosenAxis();
}

export function settings(axis: Axis = chosenAxis()): ChartSettings {
  const [low, high, of = chosenAxis()] = asked("zoom").split("~");
  const zoom = of === axis ? [low, high].map(Number) : [];
  return {
    axis,
    logX: asked("logx") === "1",
    logY: asked("log") === "1",
    smoothing: Math.min(Number(asked("smooth")) || 0, 0.999),
    smoother: asked("smoother") === "gaussian" ? "gaussian" : "ema",
    central: asked("outliers") === "0",
    zoom: zoom.length === 2 && zoom.every(Number.isFinite) ? [zoom[0], zoom[1]] : null,
  };
}

/** Charts over the same x axis show the same stretch of it. */
export const setZoom = (zoom: [number, number] | null, axis = chosenAxis()) =>
  setQuery({
    zoom: zoom && [...zoom.map((each) => +each.toPrecision(12)), ...(axis === chosenAxis() ? [] : [axis])].join("~"),
  });

function Settings({ keys, canOverlay }: { keys: string[]; canOverlay: boolean }) {
  const now = settings();
  const overlay = asked("overlay") === "1";
  const isDefined = keys.some((key) => keys.includes(definitionOf(key).step_metric ?? ""));
  const toggle = (name: string, on: boolean) => setQuery({ [name]: on ? null : "1" });
  return (
    <div class="side wrap">
      <label class="side">
        <span class="dim">x</span>
        <select
          class="input"
          aria-label="x axis"
          value={asked("x") || (isDefined ? "" : "step")}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            setQuery({ x: chosen === "step" && !isDefined ? null : chosen, zoom: null });
          }}
        >
          {isDefined && <option value="">As defined</option>}
          <option value="step">Step</option>
          <option value="time">Wall time</option>
          <option value="relative">Relative time</option>
          <optgroup label="Another metric">
            {keys.map((key) => (
              <option key={key} value={`metric:${key}`}>
                {key}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      <div class="segments">
        <Button aria-pressed={now.logX} title="Logarithmic x axis" onClick={() => toggle("logx", now.logX)}>
          log x
        </Button>
        <Button aria-pressed={now.logY} title="Logarithmic y axis (l)" onClick={() => toggle("log", now.logY)}>
          log y
        </Button>
      </div>
      <label class="side">
        <span class="dim">Smoothing</span>
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          aria-label="Smoothing"
          value={now.smoothing}
          onInput={(event) =>
            setQuery({ smooth: event.currentTarget.value === "0" ? null : event.currentTarget.value })
          }
        />
        <span style={{ width: "30px" }}>{now.smoothing || "off"}</span>
      </label>
      {now.smoothing > 0 && (
        <select
          class="input"
          aria-label="Kind of smoothing"
          value={now.smoother}
          onChange={(event) =>
            setQuery({ smoother: event.currentTarget.value === "ema" ? null : event.currentTarget.value })
          }
        >
          <option value="ema">Exponential</option>
          <option value="gaussian">Gaussian</option>
        </select>
      )}
      {canOverlay && (
        <Button
          aria-pressed={overlay}
          title="Training and validation in one chart"
          onClick={() => toggle("overlay", overlay)}
        >
          Train + val
        </Button>
      )}
      <Button
        aria-pressed={now.central}
        title="Scale y from the 1st to the 99th percentile"
        onClick={() => setQuery({ outliers: now.central ? null : "0" })}
      >
        Ignore outliers
      </Button>
      {asked("zoom") && (
        <Button icon="restore" onClick={() => setZoom(null)}>
          Reset zoom
        </Button>
      )}
    </div>
  );
}

interface Listed {
  id: string; // as the curves' ids: of a run or a group
  runs: string[];
  name: string;
  style: Style;
}

/** What the legend names: the runs, or their groups where they are drawn as bands. */
function listed(lines: Line[]): Listed[] {
  const groups = bandsOf(lines, dark.value);
  if (!groups) return lines.map((line) => ({ ...line, runs: [line.id] }));
  return [...groups].map(([id, style]) => {
    const runs = lines.filter((line) => line.group === id).map((line) => line.id);
    return { id, runs, name: `${id} · ${plural(runs.length, "run")}`, style };
  });
}

function Legend({ items }: { items: Listed[] }) {
  const shown = (item: Listed) => item.runs.some((run) => !hidden.value.has(run));
  const click = (item: Listed, alone: boolean) => {
    const others = items.filter((each) => each !== item).flatMap((each) => each.runs);
    const isOn = item.runs.some((run) => !isOff(run));
    if (alone) return switchOff(isOn && others.every(isOff) ? [] : others);
    switchOff([...others.filter(isOff), ...(isOn ? item.runs : [])]);
  };
  return (
    <div class="legend" role="group" aria-label="Runs of the charts: click hides one, Alt and click shows it alone">
      {items.map((item) => (
        <button
          type="button"
          key={item.id}
          aria-pressed={shown(item)}
          title="Click hides, Alt and click shows alone"
          onClick={(event) => click(item, event.altKey)}
          onPointerEnter={() => (near.value = item.id)}
          onPointerLeave={() => (near.value = null)}
        >
          <svg class="swatch" width="14" height="8" style={{ height: "8px" }} aria-hidden="true">
            <line
              x1="0"
              x2="14"
              y1="4"
              y2="4"
              stroke={item.style.colour}
              stroke-width="3"
              stroke-dasharray={item.style.dash.join(" ")}
            />
          </svg>
          <span class="clip">{item.name}</span>
        </button>
      ))}
    </div>
  );
}

/** All metrics of some runs. `message` is what these runs are, for the heading. */
export function Charts({
  lines: given,
  keys,
  message,
  legend = true,
}: {
  lines: Line[];
  keys: string[];
  message?: ComponentChildren;
  legend?: boolean;
}) {
  const [find, setFind] = useState("");
  const pinned = asked("pin").split(",").filter(Boolean).map(decodeURIComponent);
  useKeys({
    s: () => setQuery({ smooth: settings().smoothing ? null : "0.9" }),
    l: () => setQuery({ log: settings().logY ? null : "1" }),
    f: () => setFullScreen(fullScreen.value ? "" : underPointer.value),
    ...(fullScreen.value && { Escape: () => setFullScreen("") }),
  });
  const overlay = asked("overlay") === "1";
  const canOverlay = useMemo(() => panels(keys, true).length < keys.length, [keys.join()]);
  const groups = useMemo(() => {
    const shown = panels(keys, overlay).filter((panel) =>
      [panel.title, ...panel.keys].some((text) => text.toLowerCase().includes(find.toLowerCase())),
    );
    const first = pinned.flatMap((title) => shown.find((panel) => panel.title === title) ?? []);
    const rest = byPrefix(shown.filter((panel) => !first.includes(panel)));
    return first.length ? [["Pinned", first] as (typeof rest)[number], ...rest] : rest;
  }, [keys.join(), find, pinned.join(), overlay]);
  const pin = (key: string) => {
    const next = pinned.includes(key) ? pinned.filter((each) => each !== key) : [...pinned, key];
    setQuery({ pin: next.map(encodeURIComponent).join(",") });
  };
  // The same object while nothing about it changes: charts are drawn anew for another.
  const lines = useMemo(() => given, [JSON.stringify(given)]);
  const ids = lines.map((line) => line.id);
  const items = listed(lines);
  const axes = new Set(keys);
  const points = pointsFor(lines.length);
  void place.value;
  return (
    <>
      <div class="side wrap">
        <input
          class="input"
          type="search"
          placeholder="Find metrics"
          aria-label="Find metrics"
          style={{ width: "150px" }}
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
        <span class="hide-narrow">
          <Settings keys={keys} canOverlay={canOverlay} />
        </span>
        <Menu label="Chart settings" icon="settings" class="only-narrow">
          {() => <Settings keys={keys} canOverlay={canOverlay} />}
        </Menu>
        <span class="grow" />
        {message && <span class="dim nowrap">{message}</span>}
      </div>
      {items.length > 1 && (legend || items.length < lines.length) && <Legend items={items} />}
      {groups.map(([prefix, group]) => (
        <section class="chart-group" key={prefix} aria-label={prefix || "Other charts"}>
          <h2 class={prefix ? "dim" : "unseen"} style={{ fontSize: "13px" }}>
            {prefix || "Other charts"}
          </h2>
          <div class="charts">
            {group.map((panel) => (
              <Chart
                key={panel.keys.join()}
                panel={panel}
                axis={axisOf(panel, axes)}
                lines={lines}
                ids={ids}
                points={points}
                pinned={pinned.includes(panel.title)}
                onPin={() => pin(panel.title)}
              />
            ))}
          </div>
        </section>
      ))}
      {!groups.length && <p class="dim">No metric has that in its name.</p>}
    </>
  );
}

/** Whether an element has been on the screen, or near it. */
export function useSeen() {
  const ref = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry.isIntersecting) return;
        setSeen(true);
        observer.disconnect();
      },
      { rootMargin: "200px" },
    );
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return [ref, seen] as const;
}
