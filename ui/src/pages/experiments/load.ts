// All experiments, and which of them the page lists in which order.

import { MLFLOW, OURS, post } from "../../api.ts";
import { isSystemTag } from "../../logic/columns.ts";

export interface Experiment {
  id: string;
  name: string;
  note: string;
  tags: [string, string][];
  statuses: Record<string, number>;
  runs: number;
  last: number; // activity, else when it was made
}

export const NOTE = "mlflow.note.content";

export async function load(deleted: boolean, signal: AbortSignal): Promise<Experiment[]> {
  const found: any[] = [];
  for (let token: string | undefined; ; ) {
    const page = await post(
      `${MLFLOW}experiments/search`,
      { max_results: 5000, view_type: deleted ? "DELETED_ONLY" : "ACTIVE_ONLY", page_token: token },
      signal,
    );
    found.push(...(page.experiments ?? []));
    token = page.next_page_token;
    if (!token) break;
  }
  if (!found.length) return [];
  const ids = found.map((each) => each.experiment_id);
  const { experiments } = await post(`${OURS}experiments/activity`, { experiment_ids: ids }, signal);
  return found.map((each, i) => {
    const { statuses, last_time } = experiments[i];
    const tags = (each.tags ?? []).map((tag: any) => [tag.key, tag.value]);
    return {
      id: each.experiment_id,
      name: each.name,
      note: tags.find(([key]: string[]) => key === NOTE)?.[1] ?? "",
      tags: tags.filter(([key]: string[]) => !isSystemTag(key)),
      statuses,
      runs: (Object.values(statuses) as number[]).reduce((sum, each) => sum + each, 0),
      last: last_time ?? each.last_update_time ?? each.creation_time ?? 0,
    };
  });
}

export const ORDERS: Record<string, (a: Experiment, b: Experiment) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  runs: (a, b) => b.runs - a.runs,
  last: (a, b) => b.last - a.last,
};

export function matches(experiment: Experiment, text: string): boolean {
  const lower = `${experiment.name} ${experiment.note} ${experiment.tags.flat().join(" ")}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => lower.includes(word));
}
