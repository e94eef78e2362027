// What `runlog.define_metric` says of the metrics of the experiment that is shown: tags of the experiment.
import { signal } from "@preact/signals";

export interface Definition {
  goal?: string; // min or max
  step_metric?: string;
}

const PREFIX = "runlog.metric.";

/** By name; another map whenever an experiment says something else. */
export const definitions = signal<ReadonlyMap<string, Definition>>(new Map());

/** Takes the definitions from the tags of experiments. */
export function define(tags: { key: string; value: string }[] = []): void {
  const found = new Map<string, Definition>();
  for (const { key, value } of tags) {
    if (!key.startsWith(PREFIX)) continue;
    try {
      const { name, ...definition } = JSON.parse(value);
      if (typeof name === "string") found.set(name, definition);
    } catch {
      // Somebody's own tag.
    }
  }
  const same = (a: ReadonlyMap<string, Definition>) => JSON.stringify([...a]) === JSON.stringify([...found]);
  if (!same(definitions.value)) definitions.value = found;
}

/** By the metric's name, else by the longest beginning with a *. */
export function definitionOf(metric: string): Definition {
  const all = definitions.value;
  const exact = all.get(metric);
  if (exact || !all.size) return exact ?? {};
  let best = "";
  for (const name of all.keys())
    if (name.endsWith("*") && name.length > best.length && metric.startsWith(name.slice(0, -1))) best = name;
  return all.get(best) ?? {};
}
