// Where we are: every state of a page that matters stands in its address.
import { signal } from "@preact/signals";
import { OURS } from "./api.ts";
import { fromMlflow } from "./logic/links.ts";

export type Page = "experiments" | "runs" | "run" | "compare" | "models" | "model" | "version" | "logged" | "missing";
export interface Place {
  page: Page;
  id: string;
  query: URLSearchParams;
}

// The document's <base> leads to the root of the application.
const root = new URL(document.baseURI).pathname;
/** Whether this page is a file, saved with its data. It may have no address of its own then: its state stays here. */
export const isOfflinePage = document.baseURI.startsWith("offline:");
let inside = "";

export function parse(path: string, search: string): Place {
  const [kind = "", id = "", ...rest] = path.replace(/^\/|\/$/g, "").split("/");
  const query = new URLSearchParams(search);
  const place = (page: Page, id = ""): Place => ({ page, id: decodeURIComponent(id), query });
  if (kind === "models" && !rest.length) return place(id ? "model" : "models", id);
  if (kind === "models" && rest.length === 2 && rest[0] === "versions") return place("version", `${id}/${rest[1]}`);
  if (kind === "experiments" && rest.length === 2 && rest[0] === "models") return place("logged", rest[1]);
  if (rest.length) return place("missing");
  if ((kind === "" || kind === "experiments") && !id) return place("experiments");
  if (kind === "experiments") return place("runs", id);
  if (kind === "runs" && id) return place("run", id);
  if (kind === "compare" && !id) return place("compare");
  return place("missing");
}

function read(): Place {
  const { pathname, search } = isOfflinePage ? new URL(inside, document.baseURI) : location;
  return parse(pathname.slice(root.length), search);
}
const printed = isOfflinePage ? null : fromMlflow(location.hash);
if (printed !== null) history.replaceState(null, "", root + printed);
export const place = signal(read());

addEventListener("popstate", () => (place.value = read()));

export type Query = Record<string, string | null | undefined>;

/** The address of a path below the root, with a query. */
export function href(path: string, query: Query = {}): string {
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) wanted.set(name, value);
  const text = wanted.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%7E", "~");
  return root + path + (text ? `?${text}` : "");
}

export const experimentHref = (id: string, query: Query = {}) => href(`experiments/${id}`, query);
export const runHref = (id: string, query: Query = {}) => href(`runs/${id}`, query);

export const loggedHref = (experiment: string, id: string) => href(`experiments/${experiment}/models/${id}`);
export const modelHref = (name: string, version?: string) =>
  href(`models/${encodeURIComponent(name)}${version ? `/versions/${version}` : ""}`);

/** Where the server answers runs as one HTML file. */
export const offlinePageHref = (ids: string[]) =>
  `${root}${OURS}runs/page?${new URLSearchParams(ids.map((id) => ["run_ids", id]))}`;

export function go(address: string, replace = false): void {
  if (isOfflinePage) inside = address;
  else history[replace ? "replaceState" : "pushState"](null, "", address);
  place.value = read();
}

/** Changes some of the query; what is null or empty goes. */
export function setQuery(changes: Query, replace = true): void {
  const query = Object.fromEntries(place.value.query);
  const { pathname } = isOfflinePage ? new URL(inside, document.baseURI) : location;
  go(href(pathname.slice(root.length), { ...query, ...changes }), replace);
}

/** A field of the query, as a function: pages read it while they render. */
export const asked = (name: string, otherwise = "") => place.value.query.get(name) ?? otherwise;

/** Links within the application change the address without a load. */
export function followLinks(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
  if (!link || event.defaultPrevented || event.button || link.target || link.download) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(root)) return;
  if (url.hash || parse(url.pathname.slice(root.length), "").page === "missing") return;
  event.preventDefault();
  go(url.pathname + url.search);
  scrollTo(0, 0);
}
