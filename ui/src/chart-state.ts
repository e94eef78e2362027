// What charts, their legend and tables have in common: the run that is pointed at, those that are left
// out, the chart that fills the screen.
import { computed, signal } from "@preact/signals";
import { asked, setQuery } from "./route.ts";

/** The run, or the group, whose line is near the pointer, or whose row of a table is. */
export const near = signal<string | null>(null);
/** Runs beyond the brushes of parallel coordinates. */
export const outside = signal<ReadonlySet<string>>(new Set());

// The address would be long with whole ids; that two runs of a page begin alike is most unlikely.
const short = (run: string) => run.slice(0, 8);
const off = computed(() => asked("off"));
const starts = computed(() => new Set(off.value.split(",")));

/** Whether the legend has switched a run off. */
export const isOff = (run: string) => starts.value.has(short(run));
export const switchOff = (runs: string[]) => setQuery({ off: runs.map(short).join(",") });

/** Which runs charts do not show; another object whenever these are others. */
export const hidden = computed(() => {
  const [out, away] = [starts.value, outside.value];
  return { has: (run: string) => out.has(short(run)) || away.has(run) };
});

export const fullScreen = computed(() => asked("full"));
export const setFullScreen = (chart: string) => setQuery({ full: chart });
