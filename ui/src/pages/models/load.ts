// What the pages of registered models show: answers of the server.
import { artifactUrl, get, MLFLOW, OURS, post, send } from "../../api.ts";
import { decode, type Table } from "../../logic/columns.ts";
import { literal } from "../../logic/filter.ts";
import { type Registered, registeredOf } from "../../logic/registered.ts";
import {
  exampleTable,
  type Files,
  filesOf,
  type MlModel,
  mlModelOf,
  type Version,
  versionOf,
} from "../../logic/registry.ts";

/** The runs that versions are from, as a table; null where one is not in this store. */
async function runsOf(versions: Version[]): Promise<Table | null> {
  const ids = [...new Set(versions.map((each) => each.run).filter(Boolean))].slice(0, 100);
  if (!ids.length) return null;
  return post(`${OURS}runs/chosen`, { run_ids: ids, aggregates: ["last"] }).then(decode, () => null);
}

export interface LoadedModel {
  model: Registered;
  versions: Version[];
  runs: Table | null;
}

export async function loadModel(name: string): Promise<LoadedModel> {
  const [{ registered_model }, answer] = await Promise.all([
    get(`${MLFLOW}registered-models/get`, { name }),
    get(`${MLFLOW}model-versions/search`, {
      filter: `name = ${literal(name)}`,
      max_results: "1000",
      order_by: "version_number DESC",
    }),
  ]);
  const versions: Version[] = (answer.model_versions ?? []).map(versionOf);
  versions.sort((a, b) => Number(b.version) - Number(a.version));
  return { model: registeredOf(registered_model), versions, runs: await runsOf(versions) };
}

export interface LoadedVersion {
  version: Version;
  run: { table: Table; name: string; experiment: string; uri: string } | null;
  files: Files | null;
}

const nothing = () => null;

export async function loadVersion(name: string, number: string): Promise<LoadedVersion> {
  const { model_version } = await get(`${MLFLOW}model-versions/get`, { name, version: number });
  const version = versionOf(model_version);
  const run = version.run ? await get(`${OURS}runs/overview`, { run_id: version.run }).then(runOf, nothing) : null;
  const files = filesOf(version, run?.uri ?? "", "");
  if (files) return { version, run, files };
  // A copy of another version, for one.
  const { artifact_uri = "" } = await get(`${MLFLOW}model-versions/get-download-uri`, { name, version: number }).catch(
    () => ({}),
  );
  return { version, run, files: filesOf(version, run?.uri ?? "", artifact_uri) };
}

const runOf = ({ run, table }: any) => ({
  table: decode(table),
  name: run.info.run_name as string,
  experiment: run.info.experiment_id as string,
  uri: run.info.artifact_uri as string,
});

export interface Described {
  about: MlModel;
  example: { header: string[]; rows: string[][] } | string | null;
}

const EXAMPLE = 200_000; // bytes of an input example that are shown

/** What the file MLmodel says, with the input example if it is small. */
export async function describe({ owner, root }: Files, withExample = true): Promise<Described> {
  const below = (name: string) => artifactUrl(owner, root ? `${root}/${name}` : name);
  const about = mlModelOf(await (await send(below("MLmodel"))).text());
  const text =
    withExample && about.example
      ? await send(below(about.example), { headers: { Range: `bytes=0-${EXAMPLE}` } }).then(
          (answer) => answer.text(),
          nothing,
        )
      : null;
  if (text === null || text.length > EXAMPLE) return { about, example: null };
  try {
    return { about, example: exampleTable(JSON.parse(text)) ?? text };
  } catch {
    return { about, example: text };
  }
}
