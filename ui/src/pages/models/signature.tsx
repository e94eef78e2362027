// What a model takes and gives, with an example of it: from the file MLmodel.
import { size } from "../../logic/format.ts";
import type { Field, Files } from "../../logic/registry.ts";
import { Failure, Skeleton, useLoad } from "../../parts/basic.tsx";
import { describe } from "./load.ts";

export function Signature({ files }: { files: Files }) {
  const { value, error, retry } = useLoad(() => describe(files), [files.owner, files.root]);
  if (error) return <Failure what="The model's description, MLmodel, could not be read" error={error} retry={retry} />;
  if (!value) return <Skeleton rows={4} columns={3} />;
  const { about, example } = value;
  const written = [
    about.flavors.join(", "),
    about.size > 0 && size(about.size),
    about.mlflow && `MLmodel of MLflow ${about.mlflow}`,
  ].filter(Boolean);
  return (
    <section class="part" id="signature" aria-label="Signature">
      <header class="wrap">
        <h2>Signature</h2>
        <span class="dim">{written.join(" · ")}</span>
      </header>
      {about.inputs.length + about.outputs.length + about.params.length === 0 ? (
        <p class="dim">
          It was logged without a signature: <code>log_model(..., signature=infer_signature(x, y))</code> adds one.
        </p>
      ) : (
        <div class="two">
          <Fields title="Inputs" fields={about.inputs} />
          <Fields title="Outputs" fields={about.outputs} />
          <Fields title="Params" fields={about.params} />
        </div>
      )}
      {example !== null && <Example of={example} />}
    </section>
  );
}

const SHOWN = 50; // fields, or rows of an example

function Fields({ title, fields }: { title: string; fields: Field[] }) {
  if (!fields.length) return null;
  return (
    <div>
      <table class="plain">
        <caption class="unseen">{title}</caption>
        <thead>
          <tr>
            <th scope="col">{title}</th>
            <th scope="col">Type</th>
            <th scope="col">
              <span class="unseen">Needed</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {fields.slice(0, SHOWN).map((field, i) => (
            <tr key={i}>
              <td style={{ overflowWrap: "anywhere" }}>{field.name}</td>
              <td class="mono" style={{ overflowWrap: "anywhere" }}>
                {field.type}
              </td>
              <td class="dim small">{field.more === "required" ? "" : field.more}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {fields.length > SHOWN && (
        <p class="dim small">
          The first {SHOWN} of {fields.length}; the file MLmodel has all.
        </p>
      )}
    </div>
  );
}

function Example({ of }: { of: { header: string[]; rows: string[][] } | string }) {
  return (
    <div class="stack">
      <h3>Input example</h3>
      {typeof of === "string" ? (
        <pre class="example" tabIndex={0} aria-label="Input example">
          {of.slice(0, 4000)}
        </pre>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Input example">
          <table class="plain" style={{ width: "auto" }}>
            <thead>
              <tr>
                {of.header.slice(0, SHOWN).map((name, i) => (
                  <th scope="col" key={i} class="nowrap">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {of.rows.slice(0, 5).map((row, i) => (
                <tr key={i}>
                  {row.slice(0, SHOWN).map((text, j) => (
                    <td key={j} class="nowrap clip" style={{ maxWidth: "240px" }} title={text}>
                      {text}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
