// The same picture of several runs side by side, by step.
import { useState } from "preact/hooks";
import { artifactUrl, type File, list } from "../api.ts";
import type { Line } from "../logic/curves.ts";
import { kindOf, stepOf } from "../logic/files.ts";
import { count, plural } from "../logic/format.ts";
import { runHref } from "../route.ts";
import { Failure, Skeleton, Swatch, useLoad } from "./basic.tsx";

const RUNS = 24;
const FOLDERS = 12; // of a run that are looked into

/** The pictures of a run by family, at most two folders deep. */
async function pictures(run: string): Promise<string[]> {
  const found: File[] = await list(run, "");
  for (const folder of found.filter((each) => each.is_dir).slice(0, FOLDERS))
    found.push(...(await list(run, folder.path)));
  return found.filter((each) => !each.is_dir && kindOf(each.path) === "image").map((each) => each.path);
}

export function Pictures({ lines }: { lines: Line[] }) {
  const runs = lines.slice(0, RUNS);
  const { value, error, retry } = useLoad(
    () => Promise.all(runs.map((line) => pictures(line.id))),
    [runs.map((line) => line.id).join()],
  );
  const [chosen, choose] = useState("");
  const [step, setStep] = useState(Infinity);
  if (error) return <Failure what="The pictures could not be listed" error={error} retry={retry} />;
  if (!value) return <Skeleton rows={3} />;
  const families = [...new Set(value.flat().map((path) => stepOf(path).family))].sort();
  if (!families.length) return <p class="dim">These runs have no pictures among their artifacts.</p>;
  const family = families.includes(chosen) ? chosen : families[0];
  const of = value.map(
    (paths) => new Map(paths.filter((path) => stepOf(path).family === family).map((path) => [stepOf(path).step, path])),
  );
  const steps = [...new Set(of.flatMap((each) => [...each.keys()]))].sort((a, b) => a - b);
  const at =
    step === Infinity
      ? steps.length - 1
      : Math.max(
          0,
          steps.findLastIndex((each) => each <= step),
        );
  return (
    <>
      <div class="side wrap">
        <select
          class="input"
          aria-label="Picture"
          value={family}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {families.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </select>
        {steps.length > 1 && (
          <label class="side">
            <input
              type="range"
              min="0"
              max={steps.length - 1}
              step="1"
              value={at}
              aria-label="Step of the pictures"
              aria-valuetext={`step ${steps[at]}`}
              style={{ width: "220px" }}
              onInput={(event) => setStep(steps[Number(event.currentTarget.value)])}
            />
            <span class="dim nowrap">
              step {steps[at]} · {count(at + 1)} of {count(steps.length)}
            </span>
          </label>
        )}
        {lines.length > RUNS && <span class="dim">of the first {plural(RUNS, "run")}</span>}
      </div>
      <div class="shots">
        {runs.map((line, i) => {
          const path = of[i].get(steps[at]);
          return (
            <figure key={line.id}>
              {path ? (
                <img src={artifactUrl(line.id, path, true)} alt={`${path} of ${line.name}`} loading="lazy" />
              ) : (
                <div class="dim none-there">no such picture</div>
              )}
              <figcaption class="side">
                <Swatch of={line.style} />
                <a class="clip" href={runHref(line.id)}>
                  {line.name}
                </a>
              </figcaption>
            </figure>
          );
        })}
      </div>
    </>
  );
}
