// The pages of the model registry: all registered models, one of them, one of its
// versions; and a logged model.
import "../../shared.ts"; // see there
import { ModelList } from "./list.tsx";
import { Logged } from "./logged.tsx";
import { Model } from "./model.tsx";
import { ModelVersion } from "./version.tsx";

export { RunModels } from "./run-models.tsx"; // on the page of a run: it shares most of this

export function Models({ page, id }: { page: string; id: string }) {
  if (page === "models") return <ModelList />;
  if (page === "model") return <Model key={id} name={id} />;
  if (page === "logged") return <Logged key={id} id={id} />;
  const at = id.lastIndexOf("/");
  return <ModelVersion key={id} name={id.slice(0, at)} number={id.slice(at + 1)} />;
}
