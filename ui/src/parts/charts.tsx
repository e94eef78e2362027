// Charts of metrics: one a metric, grouped by prefix, with zoom, cursor and settings in common.
import "../main.tsx"; // all that is not loaded on demand becomes one file: see build.mjs
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Style } from "../logic/colours.ts";
import { byPrefix } from "../logic/series.ts";
import { asked, place, setQuery } from "../route.ts";
import { useKeys } from "../keys.ts";
import { Button, Menu } from "./basic.tsx";
import { Chart } from "./chart.tsx";
import { pointsFor } from "../lines.ts";

export interface Line {
  id: string;
  name: string;
  style: Style;
}

/** The run whose line is near the pointer, or whose row of a table is. */
export const near = signal<string | null>(null);
/** Runs that the legend has switched off. */
export const hidden = signal<Set<string>>(new Set());
export const fullScreen = signal("");
export const underPointer = signal("");

export interface ChartSettings {
  axis: "step" | "time" | "relative";
  logX: boolean;
  logY: boolean;
  smoothing: number;
  central: boolean;
  zoom: [number, number] | null;
}

export function settings(): ChartSettings {
  const zoom = asked("zoom").split("~").map(Number);
  return {
    axis: asked("x", "step") as ChartSettings["axis"],
    logX: asked("logx") === "1",
    logY: asked("log") === "1",
    smoothing: Number(asked("smooth")) || 0,
    central: asked("outliers") === "0",
    zoom: zoom.length === 2 && zoom.every(Number.isFinite) ? [zoom[0], zoom[1]] : null,
  };
}

export const setZoom = (zoom: [number, number] | null) =>
  setQuery({ zoom: zoom && zoom.map((each) => String(+each.toPrecision(12))).join("~") });

function Settings() {
  const now = settings();
  const toggle = (name: string, on: boolean) => setQuery({ [name]: on ? null : "1" });
  return (
    <div class="side wrap">
      <label class="side">
        <span class="dim">x</span>
        <select class="input" aria-label="x axis" value={now.axis} onChange={(event) => setQuery({ x: event.currentTarget.value === "step" ? null : event.currentTarget.value, zoom: null })}>
          <option value="step">Step</option>
          <option value="time">Wall time</option>
          <option value="relative">Relative time</option>
        </select>
      </label>
      <div class="segments">
        <Button aria-pressed={now.logX} title="Logarithmic x axis" onClick={() => toggle("logx", now.logX)}>log x</Button>
        <Button aria-pressed={now.logY} title="Logarithmic y axis (l)" onClick={() => toggle("log", now.logY)}>log y</Button>
      </div>
      <label class="side">
        <span class="dim">Smoothing</span>
        <input type="range" min="0" max="0.99" step="0.01" aria-label="Smoothing" value={now.smoothing}
          onInput={(event) => setQuery({ smooth: event.currentTarget.value === "0" ? null : event.currentTarget.value })} />
        <span style={{ width: "30px" }}>{now.smoothing || "off"}</span>
      </label>
      <Button aria-pressed={now.central} title="Scale y from the 1st to the 99th percentile"
        onClick={() => setQuery({ outliers: now.central ? null : "0" })}>Ignore outliers</Button>
      {now.zoom && <Button icon="restore" onClick={() => setZoom(null)}>Reset zoom</Button>}
    </div>
  );
}

export function Legend({ lines }: { lines: Line[] }) {
  const click = (id: string, alone: boolean) => {
    const next = new Set(hidden.value);
    if (alone) {
      const others = lines.filter((each) => each.id !== id).map((each) => each.id);
      const isAlone = !next.has(id) && others.every((each) => next.has(each));
      hidden.value = new Set(isAlone ? [] : others);
      return;
    }
    next.delete(id) || next.add(id);
    hidden.value = next;
  };
  return (
    <div class="legend" role="group" aria-label="Runs of the charts: click hides one, Alt and click shows it alone">
      {lines.map((line) => (
        <button type="button" key={line.id} aria-pressed={!hidden.value.has(line.id)}
          onClick={(event) => click(line.id, event.altKey)}
          onPointerEnter={() => (near.value = line.id)} onPointerLeave={() => (near.value = null)}>
          <svg class="swatch" width="14" height="8" style={{ height: "8px" }} aria-hidden="true">
            <line x1="0" x2="14" y1="4" y2="4" stroke={line.style.colour} stroke-width="3" stroke-dasharray={line.style.dash.join(" ")} />
          </svg>
          <span class="clip">{line.name}</span>
        </button>
      ))}
    </div>
  );
}

/** All metrics of some runs. `said` is what these runs are, for the heading. */
export function Charts({ lines, keys, said, legend = true }: { lines: Line[]; keys: string[]; said?: ComponentChildren; legend?: boolean }) {
  const [find, setFind] = useState("");
  const pinned = asked("pin").split(",").filter(Boolean).map(decodeURIComponent);
  useKeys({
    s: () => setQuery({ smooth: settings().smoothing ? null : "0.9" }),
    l: () => setQuery({ log: settings().logY ? null : "1" }),
    f: () => (fullScreen.value = fullScreen.value ? "" : underPointer.value),
    ...(fullScreen.value && { Escape: () => (fullScreen.value = "") }),
  });
  const groups = useMemo(() => {
    const shown = keys.filter((key) => key.toLowerCase().includes(find.toLowerCase()));
    const rest = shown.filter((key) => !pinned.includes(key));
    const first = pinned.filter((key) => shown.includes(key));
    return [...(first.length ? [["Pinned", first] as [string, string[]]] : []), ...byPrefix(rest)];
  }, [keys.join(), find, pinned.join()]);
  const pin = (key: string) => {
    const next = pinned.includes(key) ? pinned.filter((each) => each !== key) : [...pinned, key];
    setQuery({ pin: next.map(encodeURIComponent).join(",") });
  };
  const ids = lines.map((line) => line.id);
  const points = pointsFor(lines.length);
  void place.value;
  return (
    <>
      <div class="side wrap">
        <input class="input" type="search" placeholder="Find metrics" aria-label="Find metrics" style={{ width: "150px" }}
          value={find} onInput={(event) => setFind(event.currentTarget.value)} />
        <span class="hide-narrow"><Settings /></span>
        <Menu label="Chart settings" icon="settings" class="only-narrow">{() => <Settings />}</Menu>
        <span class="grow" />
        {said && <span class="dim nowrap">{said}</span>}
      </div>
      {legend && lines.length > 1 && <Legend lines={lines} />}
      {groups.map(([prefix, group]) => (
        <section class="chart-group" key={prefix} aria-label={prefix || "Other charts"}>
          {prefix && <h2 class="dim" style={{ fontSize: "13px" }}>{prefix}</h2>}
          <div class="charts">
            {group.map((metric) => (
              <Chart key={metric} metric={metric} lines={lines} ids={ids} points={points} pinned={pinned.includes(metric)} onPin={() => pin(metric)} />
            ))}
          </div>
        </section>
      ))}
      {!groups.length && <p class="dim">No metric has that in its name.</p>}
    </>
  );
}

/** Whether an element is on the screen, or soon. */
export function useSeen() {
  const ref = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => setSeen(entry.isIntersecting), { rootMargin: "200px" });
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, []);
  return [ref, seen] as const;
}
