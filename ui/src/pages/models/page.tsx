// The pages of the model registry: a registered model, one of its versions; and a
// logged model. The list of all is part of the start.
import "../../shared.ts"; // see there
import { Logged } from "./logged.tsx";
import { Model } from "./model.tsx";
import { ModelVersion } from "./version.tsx";

export { RunModels } from "./run-models.tsx"; // on the page of a run: it shares most of this

export function Models({ page, id }: { page: string; id: string }) {
  if (page === "model") return <Model key={id} name={id} />;
  if (page === "logged") return <Logged key={id} id={id} />;
  const at = id.lastIndexOf("/");
  return <ModelVersion key={id} name={id.slice(0, at)} number={id.slice(at + 1)} />;
}
