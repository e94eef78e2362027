// Confusion matrices: a table of counts, a picture where there are many labels; one a run.
import { useMemo, useState } from "preact/hooks";
import { confusions, type Matrix, matrixOf, shares } from "../logic/classification.ts";
import { count, number } from "../logic/format.ts";
import { asked, runHref, setQuery } from "../route.ts";
import { dark } from "../state.ts";
import { Button, Swatch } from "./basic.tsx";
import { colour, useCanvas } from "./canvas.ts";
import type { Shown } from "./classification.tsx";

const IN_TABLES = 500; // cells of all runs, beyond which they are drawn
const STRONGEST = 46; // percent of the accent that text can still be read on

export function Matrices({
  shown,
  step,
  asTable,
  full,
}: {
  shown: Shown[];
  step: number;
  asTable: boolean;
  full: boolean;
}) {
  const asShares = asked("cm") === "share";
  const found = shown.map((each) => {
    try {
      return matrixOf(each.file);
    } catch (error) {
      return error as Error;
    }
  });
  const cells = found.reduce((sum, each) => sum + (each instanceof Error ? 0 : each.labels.length ** 2), 0);
  return (
    <div class={`matrices ${full ? "full" : ""}`}>
      <div class="segments">
        <Button aria-pressed={!asShares} onClick={() => setQuery({ cm: null })}>
          Counts
        </Button>
        <Button
          aria-pressed={asShares}
          title="Each count as a share of its row: of what truly has the label"
          onClick={() => setQuery({ cm: "share" })}
        >
          Share of row
        </Button>
      </div>
      {shown.map(({ line, item }, i) => {
        const matrix = found[i];
        return (
          <div class="stack" key={line.id} style={{ gap: "4px" }}>
            {(shown.length > 1 || item.step !== step) && (
              <span class="side">
                {shown.length > 1 && <Swatch of={line.style} />}
                {shown.length > 1 && (
                  <a class="clip" href={runHref(line.id)}>
                    {line.name}
                  </a>
                )}
                {item.step !== step && <span class="badge">step {count(item.step)}</span>}
              </span>
            )}
            {matrix instanceof Error ? (
              <p class="status FAILED">{matrix.message}</p>
            ) : (
              <One name={line.name} matrix={matrix} asShares={asShares} isDrawn={cells > IN_TABLES && !asTable} />
            )}
          </div>
        );
      })}
    </div>
  );
}

function One({
  name,
  matrix,
  asShares,
  isDrawn,
}: {
  name: string;
  matrix: Matrix;
  asShares: boolean;
  isDrawn: boolean;
}) {
  const values = useMemo(() => (asShares ? shares(matrix.cells) : matrix.cells), [matrix, asShares]);
  return (
    <>
      {isDrawn ? (
        <Drawing {...{ name, matrix, values, asShares }} />
      ) : (
        <Cells {...{ name, matrix, values, asShares }} />
      )}
      <p class="dim small">
        {number((100 * matrix.right) / (matrix.total || 1), 4)} % of{" "}
        {Number.isInteger(matrix.total) ? count(matrix.total) : number(matrix.total)} on the diagonal
      </p>
      {isDrawn && <Confused matrix={matrix} />}
    </>
  );
}

interface CellsProps {
  name: string;
  matrix: Matrix;
  values: number[][];
  asShares: boolean;
}

const written = (value: number, asShares: boolean) => (asShares ? number(value, 2) : number(value));

function Cells({ name, matrix, values, asShares }: CellsProps) {
  const { labels, most } = matrix;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Confusion matrix of ${name}`}>
      <table class="confusion">
        <thead>
          <tr>
            <th scope="col" class="dim">
              true ↓ predicted →
            </th>
            {labels.map((label, i) => (
              <th scope="col" key={i} title={label}>
                <span class="clip">{label}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, i) => (
            <tr key={i}>
              <th scope="row" title={label}>
                <span class="clip">{label}</span>
              </th>
              {values[i].map((value, j) => {
                const part = (STRONGEST * value) / (asShares ? 1 : most || 1);
                return (
                  <td
                    key={j}
                    class={i === j ? "right" : ""}
                    title={`${number(matrix.cells[i][j])} × true ${label}, predicted ${labels[j]}`}
                    style={{ background: `color-mix(in oklab, var(--accent) ${part.toFixed(1)}%, var(--bg))` }}
                  >
                    {written(value, asShares)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MARGIN = 20;

function Drawing({ name, matrix, values, asShares }: CellsProps) {
  const { labels, most } = matrix;
  const [over, setOver] = useState<[number, number] | null>(null);
  const side = 320;
  const draw = (context: CanvasRenderingContext2D, width: number) => {
    const size = Math.min(width, side) - MARGIN;
    const cell = size / labels.length;
    context.clearRect(0, 0, width, side);
    context.fillStyle = colour("--panel");
    context.fillRect(MARGIN, 0, size, size);
    context.fillStyle = colour("--accent");
    values.forEach((row, i) => {
      row.forEach((value, j) => {
        if (!value) return;
        context.globalAlpha = Math.max(0.06, value / (asShares ? 1 : most || 1));
        context.fillRect(MARGIN + j * cell, i * cell, Math.max(cell, 1), Math.max(cell, 1));
      });
    });
    context.globalAlpha = 1;
    context.fillStyle = colour("--dim");
    context.font = "11px Inter, system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("Predicted", MARGIN + size / 2, size + 14);
    context.translate(12, size / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("True", 0, 0);
  };
  const { canvas, width } = useCanvas(side, draw, [values, asShares, dark.value]);
  const size = Math.min(width, side) - MARGIN;
  const point = (event: PointerEvent) => {
    const area = canvas.current!.getBoundingClientRect();
    const place = [event.clientY - area.top, event.clientX - area.left - MARGIN].map((each) =>
      Math.floor((each / size) * labels.length),
    );
    setOver(place.every((each) => each >= 0 && each < labels.length) ? (place as [number, number]) : null);
  };
  const [row, column] = over ?? [0, 0];
  const tip = {
    left: `${MARGIN + ((column + 1) / labels.length) * size + 8}px`,
    top: `${(row / labels.length) * size}px`,
  };
  return (
    <div style={{ position: "relative" }}>
      <canvas
        ref={canvas}
        role="img"
        style={{ width: "100%", height: `${side}px`, display: "block" }}
        aria-label={`Confusion matrix of ${name}, ${labels.length} labels. The list below has what is confused most.`}
        onPointerMove={point}
        onPointerLeave={() => setOver(null)}
      />
      {over && (
        <div class="tip" style={{ position: "absolute", ...tip }}>
          <ul>
            <li class="near">
              True <b>{labels[row]}</b>
            </li>
            <li class="near">
              Predicted <b>{labels[column]}</b>
            </li>
            <li>
              {asShares ? "Share" : "Count"} <b>{written(values[row][column], asShares)}</b>
            </li>
          </ul>
        </div>
      )}
    </div>
  );
}

function Confused({ matrix }: { matrix: Matrix }) {
  const pairs = confusions(matrix, 5);
  if (!pairs.length) return null;
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Confused most often">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">True</th>
            <th scope="col">Predicted</th>
            <th scope="col" class="num">
              Often
            </th>
          </tr>
        </thead>
        <tbody>
          {pairs.map(([truly, taken, often]) => (
            <tr key={`${truly}\n${taken}`}>
              <td>{truly}</td>
              <td>{taken}</td>
              <td class="num">{number(often)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
