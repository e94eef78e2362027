// Creating, renaming, describing, deleting and restoring experiments.
import { MLFLOW, post } from "../../api.ts";
import { type Action, ask } from "../../parts/optimistic.tsx";
import { experimentHref, go } from "../../route.ts";
import { type Experiment, NOTE } from "./load.ts";

const altered = (of: Experiment, change: Partial<Experiment>) => (now: Experiment[]) =>
  now.map((each) => (each.id === of.id ? { ...each, ...change } : each));

const naming = (of: Experiment, message: string, name: string): Action<Experiment[]> => ({
  message,
  change: altered(of, { name }),
  send: () => post(`${MLFLOW}experiments/update`, { experiment_id: of.id, new_name: name }),
});

const noting = (of: Experiment, message: string, note: string): Action<Experiment[]> => ({
  message,
  change: altered(of, { note }),
  send: () => post(`${MLFLOW}experiments/set-experiment-tag`, { experiment_id: of.id, key: NOTE, value: note }),
});

/** An experiment leaves the list, or comes into it: what is deleted has a list of its own. */
const moving = (
  of: Experiment,
  action: "delete" | "restore",
  out: boolean,
  done: () => void,
): Action<Experiment[]> => ({
  message: `${action === "delete" ? "Deleted" : "Restored"} ${of.name}`,
  change: (now) => [...now.filter((each) => each.id !== of.id), ...(out ? [] : [of])],
  send: () => post(`${MLFLOW}experiments/${action}`, { experiment_id: of.id }).then(done),
});

export type Actions = ReturnType<typeof actions>;

/** `reload` loads the list again after an experiment has left it or come back. */
export const actions = (perform: (action: Action<Experiment[]>) => Promise<void>, reload: () => void) => ({
  remove: (of: Experiment) =>
    perform({ ...moving(of, "delete", true, reload), undo: moving(of, "restore", false, reload) }),
  restore: (of: Experiment) =>
    perform({ ...moving(of, "restore", true, reload), undo: moving(of, "delete", false, reload) }),
  describe: (of: Experiment) =>
    ask({
      title: `Describe ${of.name}`,
      action: "Save",
      save: (given) =>
        perform({ ...noting(of, "Saved", String(given.get("note"))), undo: noting(of, "Undone", of.note) }),
      fields: (
        <label class="field">
          <span>Note, in Markdown</span>
          <textarea class="input" name="note" rows={8} autofocus defaultValue={of.note} />
        </label>
      ),
    }),
  rename: (of: Experiment) =>
    ask({
      title: `Rename ${of.name}`,
      action: "Rename",
      fields: nameField(of.name),
      save: (given) =>
        perform({ ...naming(of, "Renamed", String(given.get("name"))), undo: naming(of, "Named as before", of.name) }),
    }),
});

const nameField = (name = "") => (
  <label class="field">
    <span>Name</span>
    <input class="input" name="name" required autofocus defaultValue={name} />
  </label>
);

/** The page of a new experiment needs its id: this one waits. */
export const create = () =>
  ask({
    title: "New experiment",
    action: "Create",
    waits: true,
    fields: nameField(),
    save: async (given) =>
      go(experimentHref((await post(`${MLFLOW}experiments/create`, { name: given.get("name") })).experiment_id)),
  });
