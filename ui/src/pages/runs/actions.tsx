// What is done with many runs at once: deleting, restoring, tagging, comparing, downloading.
import { MLFLOW, post } from "../../api.ts";
import { lacking, type Table, tagged } from "../../logic/columns.ts";
import { count, plural } from "../../logic/format.ts";
import { type Action, ask } from "../../parts/optimistic.tsx";
import { go, href } from "../../route.ts";
import { notify } from "../../state.ts";
import { IN_COMPARISON } from "./charted.ts";
import { Choice } from "./choice.ts";
import { matchingIn } from "./lines.ts";
import type { Chosen } from "./selection.ts";
import type { Runs } from "./table.ts";

const CUT = 500; // characters, after which tables of the server have no more of a text

/** Requests for many runs; whatever became of them, the table then says what is there. */
async function sendEach(runs: string[], reload: () => void, send: (run_id: string) => Promise<unknown>) {
  try {
    for (const run_id of runs) await send(run_id);
  } finally {
    reload();
  }
}

/** The ids of the selected runs, also those that were not loaded. */
export async function selectedIds(choice: Choice, whole: () => Promise<Table>): Promise<string[]> {
  if (!choice.everything) return [...choice.ids];
  const all = await whole();
  return matchingIn(all)
    .map((row) => all.ids[row])
    .filter((id) => choice.has(id));
}

export async function compare(runs: string[]): Promise<void> {
  if (runs.length < 2) {
    notify("Select two runs or more to compare them");
    return;
  }
  if (runs.length > IN_COMPARISON) notify(`The first ${IN_COMPARISON} of ${count(runs.length)} are compared`);
  go(href("compare", { runs: runs.slice(0, IN_COMPARISON).join(",") }));
}

type Perform = (action: Action<Table>) => Promise<void>;

/** Deletes the selected runs, or restores them where deleted runs are shown. */
export async function moveSelected(runs: string[], deleted: boolean, chosen: Chosen, table: Runs, perform: Perform) {
  const [action, opposite] = deleted ? ["Restore", "Delete"] : ["Delete", "Restore"];
  const moving = (action: string) => ({
    message: `${action}d ${plural(runs.length, "run")}`,
    send: () => sendEach(runs, table.reload, (run_id) => post(`${MLFLOW}runs/${action.toLowerCase()}`, { run_id })),
  });
  chosen.setChoice(new Choice());
  // Runs that come back do so with the table: their position in it may have changed.
  const done = perform({
    ...moving(action),
    change: (now) => lacking(now, new Set(runs)),
    undo: { ...moving(opposite), change: (now) => now },
  });
  await done.catch((error) => {
    chosen.setChoice(chosen.choice);
    throw error;
  });
}

async function setTag(runs: string[], key: string, text: string, { latest, reload }: Runs, perform: Perform) {
  const setting = (message: string, values: Map<string, string | undefined>): Action<Table> => ({
    message,
    change: (now) => tagged(now, key, values),
    send: () =>
      sendEach(runs, reload, (run_id) => {
        const value = values.get(run_id);
        return post(`${MLFLOW}runs/${value === undefined ? "delete-tag" : "set-tag"}`, { run_id, key, value });
      }),
  });
  const { columns, rowOf } = latest();
  const before = new Map(runs.map((id) => [id, columns.get(`tags.${key}`)?.texts?.[rowOf.get(id)!]]));
  const isWhole = [...before.values()].every((text) => (text?.length ?? 0) < CUT);
  await perform({
    ...setting("Tagged", new Map(runs.map((id) => [id, text]))),
    ...(isWhole && { undo: setting("Undone", before) }),
  });
}

/** Asks for a tag and sets it on `many` runs, whose ids `runs` finds. */
export const askTag = (many: number, runs: () => Promise<string[]>, table: Runs, perform: Perform) =>
  ask({
    title: `Tag ${plural(many, "run")}`,
    action: "Set the tag",
    save: async (given) => setTag(await runs(), String(given.get("key")), String(given.get("value")), table, perform),
    fields: (
      <>
        <label class="field">
          <span>Key</span>
          <input class="input" name="key" required autofocus />
        </label>
        <label class="field">
          <span>Value</span>
          <input class="input" name="value" />
        </label>
      </>
    ),
  });
