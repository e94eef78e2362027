// The runs of the table that was seen last, in its order: what "next" means on a run's page.
const NAME = "runlog.order";

export function storeOrder(ids: string[]): void {
  try {
    sessionStorage.setItem(NAME, ids.join());
  } catch {
    // Then the usual order counts.
  }
}

/** The run before (-1) or behind another one there; null: there is none; undefined: neither is that one. */
export function beside(id: string, by: -1 | 1): string | null | undefined {
  let ids: string[] = [];
  try {
    ids = sessionStorage.getItem(NAME)?.split(",") ?? [];
  } catch {
    // Storage is switched off.
  }
  const at = ids.indexOf(id);
  return at < 0 ? undefined : (ids[at + by] ?? null);
}
