// What the page of a run shows: one answer of the server, and what it says later of a run that goes on.
import { useCallback, useRef } from "preact/hooks";
import { get, OURS, post } from "../../api.ts";
import { follow, following } from "../../lines.ts";
import { useLive } from "../../live.ts";
import { decode, merge, type Table } from "../../logic/columns.ts";
import { define } from "../../logic/definitions.ts";
import { literal } from "../../logic/filter.ts";
import { useLoad } from "../../parts/basic.tsx";
import { isOfflinePage } from "../../route.ts";

export interface Loaded {
  table: Table; // of this run alone
  children: Table;
  tags: [string, string][]; // in full, where the table cuts
  inputs: any[];
  models: string[]; // ids of logged models that it read or made
  made: string[]; // those that it made
  artifactUri: string;
  experiment: string;
  experimentName: string;
  parent: { id: string; name: string } | null;
}

async function load(id: string): Promise<Loaded> {
  const { run, experiment, parent, table, children } = await get(`${OURS}runs/overview`, { run_id: id });
  define(experiment.tags);
  const tags: [string, string][] = (run.data.tags ?? []).map((tag: any) => [tag.key, tag.value]);
  return {
    table: decode(table),
    children: decode(children),
    tags,
    inputs: run.inputs?.dataset_inputs ?? [],
    made: (run.outputs?.model_outputs ?? []).map((each: any) => each.model_id),
    models: [...(run.inputs?.model_inputs ?? []), ...(run.outputs?.model_outputs ?? [])].map(
      (each: any) => each.model_id,
    ),
    artifactUri: run.info.artifact_uri,
    experiment: run.info.experiment_id,
    experimentName: experiment.name,
    parent: parent && { id: parent.run_id, name: parent.run_name },
  };
}

/** The run, kept up to date while it goes on. */
export function useRun(id: string) {
  const { value, error, retry, set } = useLoad(() => load(id), [id]);
  const now = useRef(value);
  now.current = value;
  const poll = useCallback(async () => {
    const before = now.current!;
    const answer = await post(`${OURS}runs/changes`, {
      experiment_ids: [before.experiment],
      cursor: before.table.cursor,
      filter: `run_id = ${literal(id)}`,
      aggregates: ["last", "min", "max", "count", "last_step", "min_step", "max_step"],
      ...following(new Set([id])),
    });
    const more = decode(answer.table);
    follow(answer.series ?? []);
    set(({ table, ...now }) => ({ ...now, table: more.size ? merge(table, more) : { ...table, cursor: more.cursor } }));
    return more.size > 0;
  }, [id]);
  useLive(value?.table.statusOf[0] === "RUNNING" && !isOfflinePage, true, poll);
  return { value, error, retry, set };
}

/** The run before (-1) or behind a run in the usual order of its experiment: newest first. */
export async function neighbour(table: Table, experiment: string, by: -1 | 1): Promise<string | undefined> {
  const [id, start] = [literal(table.ids[0]), table.start[0]];
  const [time, beyond, order] =
    by > 0
      ? [`start_time < ${start}`, `BETWEEN ${id} AND 'g'`, "DESC"]
      : [`start_time > ${start}`, `BETWEEN '' AND ${id}`, "ASC"];
  const { runs } = await post(`${OURS}runs/table`, {
    experiment_ids: [experiment],
    aggregates: [],
    max_results: 1,
    filter: `${time} OR (start_time = ${start} AND run_id ${beyond} AND run_id != ${id})`,
    order_by: [`start_time ${order}`, `run_id ${by > 0 ? "ASC" : "DESC"}`],
  });
  return runs.run_id[0];
}
