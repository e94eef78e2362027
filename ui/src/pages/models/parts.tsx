// What the pages of a model and of a version have in common.
import { ApiError } from "../../api.ts";
import { Button, Failure } from "../../parts/basic.tsx";
import { lazy, Soon } from "../../parts/lazy.tsx";
import { href, modelHref } from "../../route.ts";

const Markdown = lazy(() => import("../../parts/markdown.tsx").then((module) => module.Markdown));
const ofRun = () => import("../run/page.tsx");
/** Parts of the page of a run. */
export const Tags = lazy(() => ofRun().then((module) => module.Tags));
export const Metrics = lazy(() => ofRun().then((module) => module.Metrics));
export const Params = lazy(() => ofRun().then((module) => module.Params));
export const Artifacts = lazy(() => ofRun().then((module) => module.Artifacts));

export function Description({ note, writes, describe }: { note: string; writes: boolean; describe: () => void }) {
  if (!note && !writes) return null;
  return (
    <section class="part" id="description" aria-label="Description">
      <header>
        <h2>Description</h2>
        {writes && <Button icon="edit" label="Edit the description" plain onClick={describe} />}
      </header>
      {note ? (
        <Soon>
          <Markdown text={note} />
        </Soon>
      ) : (
        <p class="dim">None yet.</p>
      )}
    </section>
  );
}

/** A model or a version that is not there, or could not be loaded. */
export function NotThere({
  what,
  name,
  error,
  retry,
}: {
  what: string;
  name: string;
  error: Error;
  retry: () => void;
}) {
  if (!(error instanceof ApiError && [400, 404].includes(error.status)))
    return <Failure what={`The ${what} could not be loaded`} error={error} retry={retry} />;
  return (
    <div class="note">
      <h1>No such {what}</h1>
      <p class="dim">{error.message}</p>
      <div class="side wrap">
        {what === "version" && (
          <a class="button" href={modelHref(name)}>
            All versions of {name}
          </a>
        )}
        <a class="button" href={href("models")}>
          All models
        </a>
      </div>
    </div>
  );
}

export function Aliases({ names, remove }: { names: string[]; remove?: (alias: string) => void }) {
  return (
    <>
      {names.map((alias) => (
        <span class="badge alias" key={alias}>
          @{alias}
          {remove && <Button icon="close" label={`Remove the alias ${alias}`} plain onClick={() => remove(alias)} />}
        </span>
      ))}
    </>
  );
}
