// What is done with registered models and their versions. Each action is shown at once; deleting waits.
import { call, MLFLOW, post } from "../../api.ts";
import type { Registered } from "../../logic/registered.ts";
import type { Version } from "../../logic/registry.ts";
import { type Action, ask } from "../../parts/optimistic.tsx";
import { go, href, modelHref } from "../../route.ts";
import type { LoadedModel, LoadedVersion } from "./load.ts";

const MODELS = `${MLFLOW}registered-models/`;
const VERSIONS = `${MLFLOW}model-versions/`;
const STAGES = ["None", "Staging", "Production", "Archived"];

const field = (label: string, name: string, value = "", more: object = {}) => (
  <label class="field">
    <span>{label}</span>
    <input class="input" name={name} required autofocus defaultValue={value} {...more} />
  </label>
);

const note = (text: string) => (
  <label class="field">
    <span>Description, in Markdown</span>
    <textarea class="input" name="note" rows={8} autofocus defaultValue={text} />
  </label>
);

type Pairs = [string, string][];
export const tagged = (tags: Pairs, key: string, value: string | undefined): Pairs => [
  ...tags.filter(([each]) => each !== key),
  ...(value === undefined ? [] : [[key, value] as [string, string]]),
];

/** Tags of a model or a version: `target` names it, `set` changes what is shown. */
function tagging<T>(
  address: string,
  target: object,
  tags: Pairs,
  set: (now: T, tags: Pairs) => T,
  of: (now: T) => Pairs,
) {
  const action = (key: string, value: string | undefined, message: string): Action<T> => ({
    message,
    change: (now) => set(now, tagged(of(now), key, value)),
    send: () =>
      value === undefined
        ? call("DELETE", `${address}delete-tag`, { ...target, key })
        : post(`${address}set-tag`, { ...target, key, value }),
  });
  return (key: string, value: string | undefined, message: string): Action<T> => ({
    ...action(key, value, message),
    undo: action(key, tags.find(([each]) => each === key)?.[1], "Undone"),
  });
}

export function askTag(save: (key: string, value: string) => Promise<unknown>, key = "", text = ""): void {
  ask({
    title: key ? `Change ${key}` : "Add a tag",
    action: "Save",
    save: (given) => save(String(given.get("key")), String(given.get("value"))),
    fields: (
      <>
        {field("Key", "key", key, { readOnly: !!key, autofocus: !key })}
        {field("Value", "value", text, { required: false, autofocus: !!key })}
      </>
    ),
  });
}

export function actionsOnModel(model: Registered, perform: (action: Action<LoadedModel>) => Promise<void>) {
  const { name } = model;
  const changed = (change: Partial<Registered>) => (now: LoadedModel) => ({
    ...now,
    model: { ...now.model, ...change },
  });
  const describing = (text: string, message: string): Action<LoadedModel> => ({
    message,
    change: changed({ note: text }),
    send: () => call("PATCH", `${MODELS}update`, { name, description: text }),
  });
  const tag = tagging<LoadedModel>(
    MODELS,
    { name },
    model.tags,
    (now, tags) => ({ ...now, model: { ...now.model, tags } }),
    (now) => now.model.tags,
  );
  return {
    askTag: (key?: string, text?: string) => askTag((named, value) => perform(tag(named, value, "Saved")), key, text),
    removeTag: (key: string) => void perform(tag(key, undefined, `Removed ${key}`)),
    describe: () =>
      ask({
        title: `Describe ${name}`,
        action: "Save",
        fields: note(model.note),
        save: (given) =>
          perform({ ...describing(String(given.get("note")), "Saved"), undo: describing(model.note, "Undone") }),
      }),
    rename: () =>
      ask({
        title: `Rename ${name}`,
        action: "Rename",
        waits: true,
        fields: field("Name", "name", name),
        save: async (given) => {
          const next = String(given.get("name"));
          if (next !== name) await post(`${MODELS}rename`, { name, new_name: next });
          go(modelHref(next), true);
        },
      }),
    remove: () =>
      ask({
        title: `Delete ${name}?`,
        action: "Delete",
        waits: true,
        fields: <p>The model, its versions, their tags and aliases are deleted for good. The files stay.</p>,
        save: async () => {
          await call("DELETE", `${MODELS}delete`, { name });
          go(href("models"), true);
        },
      }),
  };
}

export function actionsOnVersion(version: Version, perform: (action: Action<LoadedVersion>) => Promise<void>) {
  const { name, version: number, aliases, stage } = version;
  const target = { name, version: number };
  const changed = (change: (now: Version) => Partial<Version>) => (now: LoadedVersion) => ({
    ...now,
    version: { ...now.version, ...change(now.version) },
  });
  const describing = (text: string, message: string): Action<LoadedVersion> => ({
    message,
    change: changed(() => ({ note: text })),
    send: () => call("PATCH", `${VERSIONS}update`, { ...target, description: text }),
  });
  const naming = (alias: string, isSet: boolean, message: string): Action<LoadedVersion> => ({
    message,
    change: changed((now) => ({
      aliases: [...now.aliases.filter((each) => each !== alias), ...(isSet ? [alias] : [])].sort(),
    })),
    send: () =>
      isSet ? post(`${MODELS}alias`, { ...target, alias }) : call("DELETE", `${MODELS}alias`, { name, alias }),
  });
  const staging = (to: string, message: string, archive = false): Action<LoadedVersion> => ({
    message,
    change: changed(() => ({ stage: to === "None" ? "" : to })),
    send: () => post(`${VERSIONS}transition-stage`, { ...target, stage: to, archive_existing_versions: archive }),
  });
  const tag = tagging<LoadedVersion>(
    VERSIONS,
    target,
    version.tags,
    (now, tags) => ({ ...now, version: { ...now.version, tags } }),
    (now) => now.version.tags,
  );
  return {
    askTag: (key?: string, text?: string) => askTag((named, value) => perform(tag(named, value, "Saved")), key, text),
    removeTag: (key: string) => void perform(tag(key, undefined, `Removed ${key}`)),
    removeAlias: (alias: string) =>
      void perform({ ...naming(alias, false, `Removed @${alias}`), undo: naming(alias, true, "Undone") }),
    askAlias: (taken: [alias: string, version: string][]) =>
      ask({
        title: `Add an alias to version ${number}`,
        action: "Add",
        save: (given) => perform(naming(String(given.get("alias")).replace(/^@/, ""), true, "Saved")),
        fields: (
          <>
            {field("Alias, such as champion", "alias", "", { list: "aliases" })}
            <datalist id="aliases">
              {taken
                .filter(([alias]) => !aliases.includes(alias))
                .map(([alias, of]) => (
                  <option key={alias} value={alias}>
                    now of version {of}
                  </option>
                ))}
            </datalist>
            <p class="dim small">An alias names one version: if another one has it, it moves here.</p>
          </>
        ),
      }),
    describe: () =>
      ask({
        title: `Describe version ${number}`,
        action: "Save",
        fields: note(version.note),
        save: (given) =>
          perform({ ...describing(String(given.get("note")), "Saved"), undo: describing(version.note, "Undone") }),
      }),
    askStage: () =>
      ask({
        title: `Stage of version ${number}`,
        action: "Move",
        save: (given) => {
          const to = String(given.get("stage"));
          const archive = given.get("archive") === "on" && (to === "Staging" || to === "Production");
          // That others were archived cannot be undone here.
          const undo = archive ? undefined : staging(stage || "None", "Undone");
          return perform({ ...staging(to, `Moved to ${to}`, archive), undo });
        },
        fields: (
          <>
            <label class="field">
              <span>Stage</span>
              <select class="input" name="stage" autofocus>
                {STAGES.map((each) => (
                  <option key={each} value={each} selected={each === (stage || "None")}>
                    {each}
                  </option>
                ))}
              </select>
            </label>
            <label class="check">
              <input type="checkbox" name="archive" /> Archive other versions in this stage
            </label>
          </>
        ),
      }),
    remove: () =>
      ask({
        title: `Delete version ${number} of ${name}?`,
        action: "Delete",
        waits: true,
        fields: <p>The version, its tags and aliases are deleted for good. Its files stay.</p>,
        save: async () => {
          await call("DELETE", `${VERSIONS}delete`, target);
          go(modelHref(name), true);
        },
      }),
  };
}
