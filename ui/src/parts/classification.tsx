// Confusion matrices, ROC and precision-recall curves of runs: a panel a key, one slider of steps for all.
import "../shared.ts"; // see there
import { useMemo, useState } from "preact/hooks";
import { artifactUrl, list, send } from "../api.ts";
import { fullScreen, setFullScreen } from "../chart-state.ts";
import { useKeys } from "../keys.ts";
import { at, type Item, itemOf, type Panel, panelsOf, stepsOf } from "../logic/classification.ts";
import type { Line } from "../logic/curves.ts";
import { count, plural } from "../logic/format.ts";
import { asked, setQuery } from "../route.ts";
import { Button, Failure, ItemLink, Menu, Item as MenuItem, Skeleton, useLoad } from "./basic.tsx";
import { Matrices } from "./matrices.tsx";
import { Rates } from "./rates.tsx";

/** The tag of runs that have such files. */
export const TAG = "runlog.curves";
const RUNS = 24;

/** What a panel draws of a run. */
export interface Shown {
  line: Line;
  item: Item;
  file: any;
}

const files = new Map<string, Promise<any>>();

function read(item: Item): Promise<any> {
  const address = artifactUrl(item.run, item.path);
  const known = files.get(address);
  if (known) return known;
  if (files.size > 200) files.clear();
  const found = send(address).then((answer) => answer.json());
  found.catch(() => files.delete(address));
  files.set(address, found);
  return found;
}

export function Classification({ lines }: { lines: Line[] }) {
  const runs = lines.slice(0, RUNS);
  const ids = runs.map((line) => line.id).join();
  const load = async () => {
    const found = await Promise.all(
      runs.map(async ({ id }) => (await list(id, "curves")).map(({ path }) => [id, path])),
    );
    return found.flat().flatMap(([id, path]) => itemOf(id, path) ?? []);
  };
  const { value, error, retry } = useLoad(load, [ids]);
  const panels = useMemo(() => panelsOf(value ?? []), [value]);
  const steps = useMemo(() => stepsOf(value ?? []), [value]);
  const isFull = panels.some((panel) => panel.title === fullScreen.value);
  useKeys(isFull ? { Escape: () => setFullScreen(""), f: () => setFullScreen("") } : {});
  if (error) return <Failure what="The curves could not be listed" error={error} retry={retry} />;
  if (!value) return <Skeleton rows={3} columns={2} />;
  if (!panels.length) return <p class="dim">The files of the curves are no longer there.</p>;
  const wanted = asked("cstep") ? Number(asked("cstep")) : Infinity;
  const position = Math.max(
    0,
    steps.findLastIndex((step) => step <= wanted),
  );
  const step = steps[position];
  return (
    <>
      {(steps.length > 1 || lines.length > RUNS) && (
        <div class="side wrap">
          {steps.length > 1 && <StepSlider steps={steps} position={position} />}
          {lines.length > RUNS && <span class="dim">of the first {plural(RUNS, "run")}</span>}
        </div>
      )}
      <div class="charts">
        {panels.map((panel) => (
          <Card key={panel.title} panel={panel} runs={runs} step={step} />
        ))}
      </div>
    </>
  );
}

function StepSlider({ steps, position }: { steps: number[]; position: number }) {
  return (
    <label class="side">
      <span class="dim">Step</span>
      <input
        type="range"
        min="0"
        max={steps.length - 1}
        step="1"
        value={position}
        aria-label="Step of the curves"
        aria-valuetext={`step ${steps[position]}`}
        style={{ width: "220px" }}
        onInput={(event) => {
          const chosen = Number(event.currentTarget.value);
          setQuery({ cstep: chosen === steps.length - 1 ? null : String(steps[chosen]) });
        }}
      />
      <span class="dim nowrap">
        {count(steps[position])} · {count(position + 1)} of {count(steps.length)}
      </span>
    </label>
  );
}

function Card({ panel, runs, step }: { panel: Panel; runs: Line[]; step: number }) {
  const { title, kind } = panel;
  const [asTable, setAsTable] = useState(false);
  const wanted = runs.flatMap((line) => {
    const item = at(panel.items.get(line.id) ?? [], step);
    return item ? [{ line, item }] : [];
  });
  const newest = Math.max(...wanted.map(({ item }) => item.step)); // what other runs lag behind
  const load = () =>
    Promise.all(wanted.map(async ({ line, item }): Promise<Shown> => ({ line, item, file: await read(item) })));
  const { value, error, busy, retry } = useLoad(load, [wanted.map(({ item }) => `${item.run} ${item.path}`).join()]);
  const full = fullScreen.value === title;
  // Names and colours of the runs are those of now, the files may be of the step before.
  const lineOf = new Map(runs.map((line) => [line.id, line]));
  const shown = (value ?? []).map((each) => ({ ...each, line: lineOf.get(each.item.run) ?? each.line }));
  const isWide = kind === "confusion_matrix" && shown.length > 1;
  return (
    <figure class={`chart classification ${full ? "full" : ""} ${isWide ? "wide" : ""}`} aria-label={title}>
      <header>
        <h3 class="clip" title={title}>
          {title}
        </h3>
        <Button
          icon="full"
          label={`${full ? "Close" : "Full screen"} ${title}`}
          plain
          onClick={() => setFullScreen(full ? "" : title)}
        />
        <Menu label={`More of ${title}`} icon="more" plain>
          {(close) => (
            <>
              <MenuItem icon="table" onClick={() => (close(), setAsTable(!asTable))}>
                {asTable ? "Show as chart" : "Show as table"}
              </MenuItem>
              {shown.slice(0, 12).map(({ line, item }) => (
                <ItemLink
                  key={line.id}
                  icon="download"
                  href={artifactUrl(item.run, item.path)}
                  download={item.path.slice("curves/".length)}
                  onClick={close}
                >
                  Download {shown.length > 1 ? `the JSON of ${line.name}` : "as JSON"}
                </ItemLink>
              ))}
            </>
          )}
        </Menu>
      </header>
      {error ? (
        <div class="side" style={{ padding: "12px" }} role="alert">
          <span class="status FAILED">{error.message}</span> <Button onClick={retry}>Try again</Button>
        </div>
      ) : !wanted.length ? (
        <p class="dim" style={{ padding: "12px" }}>
          Nothing at this step or before.
        </p>
      ) : !shown.length ? (
        <div class="plot">
          <div class="bone" />
        </div>
      ) : (
        <div class={busy ? "stale" : ""}>
          {kind === "confusion_matrix" ? (
            <Matrices shown={shown} step={newest} asTable={asTable} full={full} />
          ) : (
            <Rates shown={shown} step={newest} kind={kind} title={title} asTable={asTable} full={full} />
          )}
        </div>
      )}
    </figure>
  );
}
