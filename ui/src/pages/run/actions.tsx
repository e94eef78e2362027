// What is done with a run: renaming, describing, tagging, deleting, restoring.
import { MLFLOW, post } from "../../api.ts";
import { type Action, ask } from "../../parts/optimistic.tsx";
import type { Loaded } from "./load.ts";

export const NOTE = "mlflow.note.content";

/** A tag of a run; without a text it goes. */
const tagging = (run_id: string, key: string, text: string | undefined, message: string): Action<Loaded> => ({
  message,
  change: (now) => {
    const at = now.tags.findIndex(([each]) => each === key);
    const tags = now.tags.toSpliced(
      at < 0 ? now.tags.length : at,
      at < 0 ? 0 : 1,
      ...(text === undefined ? [] : [[key, text] as [string, string]]),
    );
    return { ...now, tags };
  },
  send: () => post(`${MLFLOW}runs/${text === undefined ? "delete-tag" : "set-tag"}`, { run_id, key, value: text }),
});

const deletion = (run_id: string, gone: boolean): Action<Loaded> => ({
  message: gone ? "Deleted" : "Restored",
  change: (now) => ({ ...now, table: { ...now.table, deleted: [gone] } }),
  send: () => post(`${MLFLOW}runs/${gone ? "delete" : "restore"}`, { run_id }),
});

const naming = (run_id: string, message: string, name: string): Action<Loaded> => ({
  message,
  change: (now) => ({ ...now, table: { ...now.table, names: [name] } }),
  send: () => post(`${MLFLOW}runs/update`, { run_id, run_name: name }),
});

export type Actions = ReturnType<typeof actionsOn>;

/** The actions on a run that is shown; each is done at once, and undone where the server refuses it. */
export function actionsOn(id: string, value: Loaded, perform: (action: Action<Loaded>) => Promise<void>) {
  const name = value.table.names[0];
  const deleted = value.table.deleted[0];
  const tag = (key: string) => value.tags.find(([each]) => each === key)?.[1];
  const setTag = (key: string, text: string | undefined, message: string) =>
    perform({ ...tagging(id, key, text, message), undo: tagging(id, key, tag(key), "Undone") });
  return {
    removeTag: (key: string) => void setTag(key, undefined, `Removed ${key}`),
    move: () => perform({ ...deletion(id, !deleted), undo: deletion(id, deleted) }),
    rename: () =>
      ask({
        title: `Rename ${name}`,
        action: "Rename",
        save: (given) =>
          perform({
            ...naming(id, "Renamed", String(given.get("name"))),
            undo: naming(id, "Named as before", name),
          }),
        fields: (
          <label class="field">
            <span>Name</span>
            <input class="input" name="name" required autofocus defaultValue={name} />
          </label>
        ),
      }),
    describe: () =>
      ask({
        title: `Describe ${name}`,
        action: "Save",
        save: (given) => setTag(NOTE, String(given.get("note")), "Saved"),
        fields: (
          <label class="field">
            <span>Note, in Markdown</span>
            <textarea class="input" name="note" rows={10} autofocus defaultValue={tag(NOTE)} />
          </label>
        ),
      }),
    askTag: (key = "", text = "") =>
      ask({
        title: key ? `Change ${key}` : "Add a tag",
        action: "Save",
        save: (given) => setTag(String(given.get("key")), String(given.get("value")), "Saved"),
        fields: (
          <>
            <label class="field">
              <span>Key</span>
              <input class="input" name="key" required autofocus={!key} readOnly={!!key} defaultValue={key} />
            </label>
            <label class="field">
              <span>Value</span>
              <input class="input" name="value" autofocus={!!key} defaultValue={text} />
            </label>
          </>
        ),
      }),
  };
}
