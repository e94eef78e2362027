// Registered models by their names: for the list of them, and where a name is typed.
import { get, MLFLOW } from "../../api.ts";
import { literal } from "../../logic/filter.ts";
import { type Registered, registeredOf } from "../../logic/registered.ts";

const PAGE = 100;
const COUNTED = 2_000; // versions that are looked at to count them by model

export interface Listing {
  models: Registered[];
  token: string;
}

/** Models by what their names contain. */
export async function listModels(text: string, order: string, token = ""): Promise<Listing> {
  const filter = text ? `name ILIKE ${literal(`%${text}%`)}` : "";
  const query = new URLSearchParams({ max_results: String(PAGE), order_by: order });
  if (filter) query.set("filter", filter);
  if (token) query.set("page_token", token);
  const answer = await get(`${MLFLOW}registered-models/search?${query}`);
  return { models: (answer.registered_models ?? []).map(registeredOf), token: answer.next_page_token ?? "" };
}

/** How many versions each model has; null where there are too many to count here. */
export async function countVersions(): Promise<Map<string, number> | null> {
  const answer = await get(`${MLFLOW}model-versions/search`, { max_results: String(COUNTED) });
  if (answer.next_page_token) return null;
  const found = new Map<string, number>();
  for (const { name } of answer.model_versions ?? []) found.set(name, (found.get(name) ?? 0) + 1);
  return found;
}
