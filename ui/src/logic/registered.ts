// Registered models, as the server answers them. No DOM.
export type Pairs = [key: string, value: string][];

export interface Registered {
  name: string;
  created: number;
  updated: number;
  note: string;
  tags: Pairs;
  aliases: [alias: string, version: string][];
  latest: string; // the greatest number among the latest versions of the stages; empty: there is none
}

export const pairs = (tags: any[] = []): Pairs => tags.map((tag) => [tag.key, tag.value ?? ""]);

export function registeredOf(raw: any): Registered {
  const numbers = (raw.latest_versions ?? []).map((each: any) => Number(each.version));
  return {
    name: raw.name,
    created: Number(raw.creation_timestamp ?? 0),
    updated: Number(raw.last_updated_timestamp ?? raw.creation_timestamp ?? 0),
    note: raw.description ?? "",
    tags: pairs(raw.tags),
    aliases: (raw.aliases ?? []).map((each: any) => [each.alias, String(each.version)]),
    latest: numbers.length ? String(Math.max(...numbers)) : "",
  };
}
