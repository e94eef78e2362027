// Versions of registered models, logged models, and what the file MLmodel says of a model. No DOM.
import { type Pairs, pairs } from "./registered.ts";
import { parseYaml } from "./yaml.ts";

export interface Version {
  name: string;
  version: string;
  created: number;
  updated: number;
  user: string;
  stage: string;
  note: string;
  source: string;
  run: string;
  model: string; // id of a logged model
  status: string; // empty where it is ready
  tags: Pairs;
  aliases: string[];
}

export const versionOf = (raw: any): Version => ({
  name: raw.name,
  version: String(raw.version),
  created: Number(raw.creation_timestamp ?? 0),
  updated: Number(raw.last_updated_timestamp ?? raw.creation_timestamp ?? 0),
  user: raw.user_id ?? "",
  stage: raw.current_stage === "None" ? "" : (raw.current_stage ?? ""),
  note: raw.description ?? "",
  source: raw.source ?? "",
  run: raw.run_id ?? "",
  model: raw.model_id || (/^models:\/(m-[\w-]+)/.exec(raw.source ?? "")?.[1] ?? ""),
  status: (raw.status ?? "READY") === "READY" ? "" : raw.status_message || raw.status,
  tags: pairs(raw.tags),
  aliases: [...(raw.aliases ?? [])].sort(),
});

/** Where the files of a version are, for the pages: below a path of a run's files, or those of a logged model. */
export interface Files {
  owner: string; // id of a run, or of a logged model
  root: string;
}

/** `runUri` is where the files of the version's run are; `uri` where those of the version are, as far as known. */
export function filesOf(version: Version, runUri: string, uri: string): Files | null {
  if (version.model) return { owner: version.model, root: "" };
  for (const source of [version.source, uri]) {
    const [, run, path = ""] = /^runs:\/+([0-9a-f]{32})\/?(.*)$/.exec(source) ?? [];
    if (run) return { owner: run, root: path.replace(/\/+$/, "") };
    const home = runUri.replace(/\/+$/, "");
    if (version.run && home && source.startsWith(`${home}/`))
      return { owner: version.run, root: source.slice(home.length + 1).replace(/\/+$/, "") };
  }
  return null;
}

export interface Field {
  name: string;
  type: string;
  more: string; // required, optional, or a default
}

export interface MlModel {
  flavors: string[];
  inputs: Field[];
  outputs: Field[];
  params: Field[];
  example: string; // path of the input example, empty without
  size: number;
  mlflow: string; // the version that wrote it
  created: string;
}

/** A column's or a tensor's type in words. */
export function typeText(spec: any): string {
  if (spec === null || typeof spec !== "object") return String(spec ?? "");
  const tensor = spec["tensor-spec"];
  if (tensor) return `${tensor.dtype} (${(tensor.shape ?? []).join(", ")})`;
  if (spec.type === "array") return `array of ${typeText(spec.items)}`;
  if (spec.type === "map") return `map of ${typeText(spec.values)}`;
  if (spec.properties) {
    const fields = Object.entries(spec.properties).map(([name, each]) => `${name}: ${typeText(each)}`);
    return `object {${fields.join(", ")}}`;
  }
  return String(spec.type ?? "");
}

function fieldsOf(text: unknown): Field[] {
  const specs = typeof text === "string" ? JSON.parse(text) : text;
  if (!Array.isArray(specs)) return [];
  return specs.map((spec, i) => {
    const hasDefault = spec && typeof spec === "object" && "default" in spec;
    const more = hasDefault
      ? `default ${JSON.stringify(spec.default)}`
      : spec?.required === false
        ? "optional"
        : "required";
    const shape = Array.isArray(spec?.shape) ? ` (${spec.shape.join(", ")})` : "";
    return {
      name: spec?.name === undefined ? (specs.length > 1 ? String(i) : "–") : String(spec.name),
      type: typeText(spec) + shape,
      more,
    };
  });
}

/** What a MLmodel file says. Throws where it cannot be read. */
export function mlModelOf(text: string): MlModel {
  const found = parseYaml(text) as any;
  if (!found?.flavors) throw new Error("This is not a MLmodel file.");
  const { inputs = null, outputs = null, params = null } = found.signature ?? {};
  return {
    flavors: Object.keys(found.flavors).sort(
      (a, b) => Number(a === "python_function") - Number(b === "python_function"),
    ),
    inputs: fieldsOf(inputs),
    outputs: fieldsOf(outputs),
    params: fieldsOf(params),
    example: String(found.saved_input_example_info?.artifact_path ?? ""),
    size: Number(found.model_size_bytes ?? 0),
    mlflow: String(found.mlflow_version ?? ""),
    created: String(found.utc_time_created ?? ""),
  };
}

/** An input example as a table: {columns, data}, {dataframe_split: ...}, or a list of records; null for others. */
export function exampleTable(example: any): { header: string[]; rows: string[][] } | null {
  const split = example?.dataframe_split ?? example;
  const text = (value: unknown) => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  if (Array.isArray(split?.columns) && Array.isArray(split?.data))
    return { header: split.columns.map(String), rows: split.data.map((row: unknown[]) => row.map(text)) };
  const records = example?.dataframe_records ?? example;
  if (
    Array.isArray(records) &&
    records.length &&
    records.every((each) => each && typeof each === "object" && !Array.isArray(each))
  ) {
    const header = [...new Set(records.flatMap((each) => Object.keys(each)))];
    return { header, rows: records.map((each) => header.map((name) => text(each[name]))) };
  }
  return null;
}

export interface LoggedModel {
  name: string;
  id: string; // of a logged model; empty for one of MLflow before 3
  path: string; // below the run's files, where it has no id
  flavors: string[];
  created: number;
  state: string; // empty where it is ready
}

/** The models of a run: those logged by themselves, then those that only its history of models names. */
export function loggedOf(models: any[], history: string): LoggedModel[] {
  const found = models.map(({ info }): LoggedModel => {
    const status = String(info.status ?? "");
    return {
      name: info.name ?? info.model_id,
      id: info.model_id,
      path: "",
      flavors: info.model_type ? [info.model_type] : [],
      created: Number(info.creation_timestamp_ms ?? 0),
      state: status === "LOGGED_MODEL_READY" ? "" : status.replace(/^LOGGED_MODEL_/, "").toLowerCase(),
    };
  });
  let entries: any[] = [];
  try {
    entries = JSON.parse(history || "[]");
  } catch {
    // Cut, or somebody's own text.
  }
  const byPath = new Map<string, LoggedModel>();
  for (const entry of Array.isArray(entries) ? entries : []) {
    const flavors = Object.keys(entry.flavors ?? {}).filter((each) => each !== "python_function");
    const known = found.find((each) => each.id && each.id === entry.model_id);
    if (known) {
      if (flavors.length) known.flavors = flavors;
      continue;
    }
    const path = String(entry.artifact_path ?? "");
    if (!path || /^[a-z-]+:/.test(path)) continue;
    const created = Date.parse(`${String(entry.utc_time_created ?? "").replace(" ", "T")}Z`) || 0;
    byPath.set(path, { name: path, id: "", path, flavors, created, state: "" });
  }
  return [...found, ...byPath.values()];
}

/** Whether a version was registered from a model of the run. */
export const isOf = (version: Version, model: LoggedModel, run: string) =>
  model.id
    ? version.model === model.id
    : filesOf(version, "", "")?.root === model.path || version.source.endsWith(`/${run}/artifacts/${model.path}`);
