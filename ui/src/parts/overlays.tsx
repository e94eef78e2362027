// What lies over the pages: help, settings, the palette, the log-in.
import { useEffect, useState } from "preact/hooks";
import { get, loginWanted, MLFLOW, OURS, post, session } from "../api.ts";
import { literal } from "../logic/filter.ts";
import { experimentHref, go, href, modelHref, place, runHref, setQuery } from "../route.ts";
import { density, digits, overlay, theme, utc } from "../state.ts";
import { Button, Dialog } from "./basic.tsx";
import { crumbs } from "./header.tsx";
import { Icon } from "./icon.tsx";

const KEYS: [string, string][] = [
  ["/", "Search"],
  ["Ctrl K", "Go to an experiment, run, model, metric or action"],
  ["j  k", "Next, previous run"],
  ["x", "Select the run"],
  ["Enter", "Open the run"],
  ["c", "Compare what is selected"],
  ["[  ]", "Previous, next run, on a run's page"],
  ["s", "Smoothing on and off"],
  ["l", "Logarithmic y axis"],
  ["f", "Full screen of the chart under the pointer"],
  ["g e", "Go to the experiments"],
  ["g r", "Go to the experiment's runs"],
  ["g m", "Go to the registered models"],
  ["Esc", "Back, or close"],
  ["?", "This help"],
];

const close = () => (overlay.value = null);

function Help() {
  return (
    <Dialog title="Keys and help" onClose={close}>
      <div class="body">
        <table class="plain">
          <thead class="unseen">
            <tr>
              <th>Key</th>
              <th>What it does</th>
            </tr>
          </thead>
          <tbody>
            {KEYS.map(([keys, what]) => (
              <tr key={keys}>
                <td class="nowrap">
                  {keys.split("  ").map((key) => (
                    <>
                      <kbd key={key}>{key}</kbd>{" "}
                    </>
                  ))}
                </td>
                <td>{what}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p class="dim">
          Plain words in the search look for names. Filters are MLflow's and more:{" "}
          <code>metrics.loss &lt; 0.1 AND params.model = 'tree'</code>. The API is described at{" "}
          <a href={href("openapi.json")} target="_blank" rel="noreferrer">
            /openapi.json
          </a>
          .
        </p>
        {session.value && <p class="dim small">runlog {session.value.version}</p>}
      </div>
    </Dialog>
  );
}

function Choice(props: {
  name: string;
  label: string;
  value: string;
  options: [string, string][];
  set: (value: string) => void;
}) {
  return (
    <fieldset class="field" style={{ border: 0, padding: 0, margin: 0 }}>
      <legend class="dim small">{props.label}</legend>
      <div class="side wrap">
        {props.options.map(([value, label]) => (
          <label class="check" key={value}>
            <input type="radio" name={props.name} checked={props.value === value} onChange={() => props.set(value)} />
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Settings() {
  return (
    <Dialog title="Settings" onClose={close}>
      <div class="body">
        <Choice
          name="theme"
          label="Theme"
          value={theme.value}
          set={(value) => (theme.value = value)}
          options={[
            ["system", "As the system"],
            ["light", "Light"],
            ["dark", "Dark"],
          ]}
        />
        <Choice
          name="density"
          label="Rows"
          value={density.value}
          set={(value) => (density.value = value)}
          options={[
            ["normal", "Normal"],
            ["compact", "Compact"],
          ]}
        />
        <Choice
          name="utc"
          label="Times"
          value={utc.value}
          set={(value) => (utc.value = value)}
          options={[
            ["0", "Local"],
            ["1", "UTC"],
          ]}
        />
        <Choice
          name="digits"
          label="Digits of numbers"
          value={digits.value}
          set={(value) => (digits.value = value)}
          options={[
            ["3", "3"],
            ["5", "5"],
            ["8", "8"],
            ["0", "All"],
          ]}
        />
      </div>
    </Dialog>
  );
}

interface Target {
  icon: string;
  text: string;
  more?: string;
  open: () => void;
}

/** The charts of the metrics of the experiment that the page is about. */
async function charts(text: string): Promise<Target[]> {
  const { page, id } = place.value;
  const above = crumbs.value
    .find((each) => each.experiment)
    ?.address.split("/")
    .pop();
  const experiment = page === "runs" ? id : page === "experiments" ? undefined : above;
  if (!experiment) return [];
  const { completions = [] } = await post(`${OURS}completions`, {
    experiment_ids: [experiment],
    kind: "metrics",
    text,
  });
  return completions.slice(0, 6).map((each: any) => ({
    icon: "chart",
    text: each.text,
    more: "metric",
    open: () => {
      const shown = { view: "charts", full: each.text };
      if (page === "runs") setQuery(shown, false);
      else go(experimentHref(experiment, shown));
    },
  }));
}

async function models(like: string): Promise<Target[]> {
  const query = { filter: `name ILIKE ${literal(like)}`, max_results: "6" };
  const { registered_models = [] } = await get(`${MLFLOW}registered-models/search`, query);
  return registered_models.map((each: any) => ({
    icon: "bookmark",
    text: each.name,
    more: "model",
    open: () => go(modelHref(each.name)),
  }));
}

/** Experiments and runs by name, metrics, and what can be done. */
async function targets(text: string): Promise<Target[]> {
  const like = `%${text}%`;
  const filter = text ? `name ILIKE ${literal(like)}` : "";
  const { experiments = [] } = await post(`${MLFLOW}experiments/search`, { filter, max_results: text ? 20 : 8 });
  const found: Target[] = experiments.map((each: any) => ({
    icon: "table",
    text: each.name,
    more: "experiment",
    open: () => go(experimentHref(each.experiment_id)),
  }));
  if (text) {
    const all = await post(`${MLFLOW}experiments/search`, { max_results: 1000 });
    const ids = (all.experiments ?? []).map((each: any) => each.experiment_id);
    const wanted = /^[0-9a-f]{6,32}$/.test(text)
      ? `run_id LIKE ${literal(`${text}%`)} OR run_name ILIKE ${literal(like)}`
      : `run_name ILIKE ${literal(like)}`;
    const { runs = [] } = ids.length
      ? await post(`${MLFLOW}runs/search`, { experiment_ids: ids, filter: wanted, max_results: 12 })
      : {};
    for (const run of runs) {
      found.push({
        icon: "chart",
        text: run.info.run_name,
        more: run.info.run_id.slice(0, 8),
        open: () => go(runHref(run.info.run_id)),
      });
    }
  }
  if (text) found.push(...(await models(like)), ...(await charts(text)));
  const actions: Target[] = [
    { icon: "table", text: "All experiments", open: () => go(href("")) },
    { icon: "bookmark", text: "Registered models", open: () => go(href("models")) },
    { icon: "sun", text: "Light theme", open: () => (theme.value = "light") },
    { icon: "sun", text: "Dark theme", open: () => (theme.value = "dark") },
    { icon: "help", text: "Keys and help", open: () => setTimeout(() => (overlay.value = "help")) },
  ];
  const lower = text.toLowerCase();
  return [...found, ...actions.filter((each) => each.text.toLowerCase().includes(lower))];
}

function Palette() {
  const [text, setText] = useState("");
  const [list, setList] = useState<Target[]>([]);
  const [at, setAt] = useState(0);
  useEffect(() => {
    let current = true;
    const timer = setTimeout(
      () =>
        targets(text.trim()).then(
          (found) => current && (setList(found), setAt(0)),
          () => {},
        ),
      text ? 120 : 0,
    );
    return () => ((current = false), clearTimeout(timer));
  }, [text]);
  const open = (target?: Target) => {
    close();
    target?.open();
  };
  const key = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) setAt((at + move + list.length) % Math.max(list.length, 1));
    else if (event.key === "Enter") open(list[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" class="palette" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="Experiment, run, model, metric or action"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={list[at] ? `palette-${at}` : undefined}
        placeholder="Experiment, run, model, metric or action…"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={key}
        autofocus
      />
      <ul id="palette-list" role="listbox" aria-label="Results">
        {list.map((target, i) => (
          <li
            key={i}
            id={`palette-${i}`}
            role="option"
            class="item"
            aria-selected={i === at}
            onPointerMove={() => setAt(i)}
            onClick={() => open(target)}
          >
            <span class="dim">
              <Icon name={target.icon} />
            </span>
            <span class="grow clip">{target.text}</span>
            {target.more && <span class="dim small">{target.more}</span>}
          </li>
        ))}
        {!list.length && (
          <li class="item dim" role="option" aria-selected="false">
            Nothing by that name
          </li>
        )}
      </ul>
    </Dialog>
  );
}

/** Logging in over the page: what was on it stays, and the request that was refused is repeated. */
function LogIn({ done }: { done: () => void }) {
  const [error, setError] = useState("");
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target as HTMLFormElement));
    const wanted = given.token ? { token: given.token } : { username: given.username, password: given.password };
    try {
      await post("login", wanted);
      session.value = await get(`${OURS}session`);
      done();
    } catch (error) {
      setError((error as Error).message);
    }
  };
  return (
    <Dialog title="Log in" stays onClose={() => {}}>
      <form onSubmit={submit}>
        <p class="dim">This server wants to know who you are.</p>
        <label class="field">
          <span>User</span>
          <input class="input" name="username" autocomplete="username" autofocus />
        </label>
        <label class="field">
          <span>Password</span>
          <input class="input" name="password" type="password" autocomplete="current-password" />
        </label>
        <details>
          <summary class="dim">Or with a token</summary>
          <label class="field">
            <span>Token</span>
            <input class="input" name="token" type="password" autocomplete="off" />
          </label>
        </details>
        {error && (
          <p class="status FAILED" role="alert">
            {error}
          </p>
        )}
        <div class="ends">
          <Button type="submit" main>
            Log in
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function Overlays() {
  if (loginWanted.value) return <LogIn done={loginWanted.value} />;
  switch (overlay.value) {
    case "help":
      return <Help />;
    case "settings":
      return <Settings />;
    case "palette":
      return <Palette />;
    default:
      return null;
  }
}
