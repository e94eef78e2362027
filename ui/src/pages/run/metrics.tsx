// The metrics of a run as a table: last, least and greatest values, and the course of each.
import { useState } from "preact/hooks";
import { pointsFor, useLines } from "../../lines.ts";
import { better } from "../../logic/better.ts";
import type { Column, Table } from "../../logic/columns.ts";
import { count, number } from "../../logic/format.ts";
import { csv } from "../../logic/rows.ts";
import { Button, Empty } from "../../parts/basic.tsx";
import { Sparkline } from "../../parts/sparkline.tsx";
import { download } from "../../state.ts";

const FEW = 12; // metrics, whose courses are drawn from the series of the charts below: one request
const SPARK_POINTS = 48; // of each of many

export function Metrics({
  table,
  metrics,
  id,
  colour,
}: {
  table: Table;
  metrics: Column[];
  id: string;
  colour: string;
}) {
  const [find, setFind] = useState("");
  const of = (aggregate: string, key: string) => table.columns.get(`${aggregate}(metrics.${key})`)?.numbers?.[0] ?? NaN;
  const shown = metrics.filter((each) => each.key.toLowerCase().includes(find.toLowerCase()));
  const save = () =>
    download(
      `${table.names[0]}-metrics.csv`,
      csv(
        ["metric", "last", "min", "min_step", "max", "max_step", "count"],
        metrics.map((each) => [
          each.key,
          String(each.numbers![0]),
          ...["min", "min_step", "max", "max_step", "count"].map((name) => String(of(name, each.key))),
        ]),
      ),
      "text/csv",
    );
  return (
    <section class="part" aria-label="Metrics">
      <header>
        <h2>Metrics</h2>
        <span class="dim">{count(metrics.length)}</span>
        <span class="grow" />
        {metrics.length > 12 && (
          <input
            class="input"
            type="search"
            placeholder="Find"
            aria-label="Find metrics of the table"
            style={{ width: "120px" }}
            onInput={(event) => setFind(event.currentTarget.value)}
          />
        )}
        {metrics.length > 0 && <Button icon="download" label="Download the metrics as CSV" plain onClick={save} />}
      </header>
      {metrics.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of metrics">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Metric</th>
                <th scope="col" class="num">
                  Last
                </th>
                <th scope="col" class="num">
                  Min
                </th>
                <th scope="col" class="num">
                  Max
                </th>
                <th scope="col" class="num hide-narrow">
                  Best at
                </th>
                <th scope="col" class="hide-narrow">
                  <span class="unseen">Course</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((each) => {
                const wanted = better(each.key);
                const [low, high] = [of("min", each.key), of("max", each.key)];
                return (
                  <tr key={each.id}>
                    <th scope="row" style={{ fontSize: "13px", fontWeight: 500, color: "var(--text)" }}>
                      {each.key}
                    </th>
                    <td class="num" title={String(each.numbers![0])}>
                      {number(each.numbers![0])}
                    </td>
                    <td class={`num ${wanted < 0 ? "" : "dim"}`} title={`${low} at step ${of("min_step", each.key)}`}>
                      {number(low)}
                    </td>
                    <td class={`num ${wanted > 0 ? "" : "dim"}`} title={`${high} at step ${of("max_step", each.key)}`}>
                      {number(high)}
                    </td>
                    <td class="num dim hide-narrow">
                      {wanted && of("count", each.key) > 1
                        ? `step ${count(of(wanted < 0 ? "min_step" : "max_step", each.key))}`
                        : ""}
                    </td>
                    <td class="hide-narrow" style={{ width: "112px", paddingRight: 0 }}>
                      {of("count", each.key) > 1 && (
                        <Spark
                          run={id}
                          metric={each.key}
                          colour={colour}
                          points={metrics.length > FEW ? SPARK_POINTS : pointsFor(1)}
                        />
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      ) : (
        <Empty title="No metrics">Nothing was measured in this run yet.</Empty>
      )}
    </section>
  );
}

function Spark({ run, metric, colour, points }: { run: string; metric: string; colour: string; points: number }) {
  const { lines } = useLines({ runs: [run], keys: [metric], points, axis: "step", start: null, end: null });
  return lines[0] ? <Sparkline xs={lines[0].steps} ys={lines[0].values} colour={colour} /> : null;
}
