// The series of charts: asked for by all charts of a moment in one request, cache, and followed.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { OURS, post } from "./api.ts";
import { append, decodeSeries, type Series } from "./logic/series.ts";

export interface Wanted {
  runs: string[];
  keys: string[];
  points: number;
  axis: "step" | "time";
  start: number | null;
  end: number | null;
}

const cache = new Map<string, Series | null>(); // null: the run has no such metric
const CACHED_MOST = 4000;
export const version = signal(0); // grows when points were appended

const frame = ({ points, axis, start, end }: Wanted) => `${points} ${axis} ${start} ${end}`;
const nameOf = (wanted: Wanted, run: string, key: string) => `${run}\n${key}\n${frame(wanted)}`;
const has = (wanted: Wanted, run: string) => wanted.keys.every((key) => cache.has(nameOf(wanted, run, key)));

/** The points of each series of a chart: as many as one sees, fewer where there are many runs. */
export const pointsFor = (runs: number) => Math.min(1000, Math.max(48, Math.round(4500 / Math.max(runs, 1) / 16) * 16));

interface Waiting {
  wanted: Wanted;
  done: () => void;
  failed: (error: Error) => void;
}
let waiting: Waiting[] = [];
const coming = new Map<string, Promise<void>>(); // what was asked for and is not there yet

/** The requests that bring what a chart misses; null: some of it was not asked for. */
function onTheirWay(wanted: Wanted): Promise<void>[] | null {
  const names = wanted.runs.flatMap((run) => wanted.keys.map((key) => nameOf(wanted, run, key)));
  const missing = names.filter((name) => !cache.has(name)).map((name) => coming.get(name));
  return missing.every((each) => !!each) ? [...new Set(missing)] : null;
}

/** What waits for the same runs and range goes together, with all its keys. */
async function ask(): Promise<void> {
  const groups = new Map<string, Waiting[]>();
  for (const each of waiting) {
    const requests = onTheirWay(each.wanted);
    if (requests) {
      Promise.all(requests).then(each.done, each.failed);
      continue;
    }
    const name = `${frame(each.wanted)} ${each.wanted.runs.join()}`;
    groups.get(name)?.push(each) ?? groups.set(name, [each]);
  }
  waiting = [];
  await Promise.all([...groups.values()].map(askFor));
}

async function askFor(group: Waiting[]): Promise<void> {
  const [{ wanted }] = group;
  const missing = wanted.runs.filter((run) => group.some((each) => !has(each.wanted, run)));
  const keys = [...new Set(group.flatMap((each) => each.wanted.keys))];
  const names = missing.flatMap((run) => keys.map((key) => nameOf(wanted, run, key)));
  const request = bring(wanted, missing, keys);
  for (const name of names) coming.set(name, request);
  try {
    await request;
    for (const each of group) each.done();
  } catch (error) {
    for (const each of group) each.failed(error as Error);
  } finally {
    for (const name of names) coming.delete(name);
  }
}

async function bring(wanted: Wanted, runs: string[], keys: string[]): Promise<void> {
  const { points, axis, start, end } = wanted;
  const answer = await post(`${OURS}metrics/series`, {
    run_ids: runs,
    keys,
    points,
    axis,
    ...(start !== null && { start: Math.floor(start), end: Math.ceil(end!) }),
  });
  if (cache.size > CACHED_MOST) cache.clear();
  for (const run of runs) for (const key of keys) cache.set(nameOf(wanted, run, key), null);
  for (const each of answer.series ?? []) {
    const series = decodeSeries(each);
    cache.set(nameOf(wanted, series.run, series.key), series);
  }
}

const found = (wanted: Wanted): Series[] =>
  wanted.runs.flatMap((run) => wanted.keys.flatMap((key) => cache.get(nameOf(wanted, run, key)) ?? []));

/** The series of a chart. What was there stays while others come. */
export function useLines(wanted: Wanted | null) {
  const [state, setState] = useState<{ lines: Series[]; busy: boolean; error: Error | null }>({
    lines: [],
    busy: true,
    error: null,
  });
  const [tries, setTries] = useState(0);
  const name = wanted && `${wanted.keys.join("\n")} ${frame(wanted)} ${wanted.runs.join()}`;
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    const show = () => current && setState({ lines: found(wanted), busy: false, error: null });
    if (wanted.runs.every((run) => has(wanted, run))) {
      show();
    } else {
      setState((now) => (now.busy && !now.error ? now : { ...now, busy: true, error: null }));
      const failed = (error: Error) => current && setState((now) => ({ ...now, busy: false, error }));
      if (!waiting.length) setTimeout(ask, 20);
      waiting.push({ wanted, done: show, failed });
    }
    return () => void (current = false);
  }, [name, tries, version.value]);
  return { ...state, retry: () => setTries((before) => before + 1) };
}

/** What the shown series of these runs end with: to be asked for with the changes. */
export function following(runs: Set<string>) {
  const after = new Map<string, { run: string; key: string; step: number }>();
  for (const [name, series] of cache) {
    if (!series || !runs.has(series.run) || !name.endsWith("null null")) continue;
    const step = series.steps.at(-1) ?? -1;
    after.set(`${series.run}\n${series.key}`, { run: series.run, key: series.key, step });
  }
  const all = [...after.values()].slice(0, 2000);
  return {
    run_ids: all.map((each) => each.run),
    keys: all.map((each) => each.key),
    after_steps: all.map((each) => each.step),
  };
}

/** Appends the points that came with changes. */
export function follow(answer: any[]): void {
  for (const each of answer) {
    const more = decodeSeries(each);
    for (const [name, series] of cache) {
      if (!series || series.run !== more.run || series.key !== more.key) continue;
      if (!name.endsWith("null null") || series.values.length > 4000) cache.delete(name);
      else cache.set(name, append(series, more));
    }
  }
  if (answer.length) version.value++;
}
