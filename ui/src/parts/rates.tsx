// ROC or precision-recall curves: a line a run, or a line a label of one run, and the area under each.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { near } from "../chart-state.ts";
import { type Kind, nearest, type Rate, ratesOf } from "../logic/classification.ts";
import { type Style, stylesInOrder } from "../logic/colours.ts";
import { count, number, plural } from "../logic/format.ts";
import { runHref } from "../route.ts";
import { announcement, dark } from "../state.ts";
import { Swatch } from "./basic.tsx";
import type { Shown } from "./classification.tsx";

interface Drawn extends Rate {
  id: string;
  run: string;
  name: string;
  style: Style;
  step: number;
}

const WORDS = {
  roc_curve: { x: "False positive rate", y: "True positive rate", area: "AUC" },
  pr_curve: { x: "Recall", y: "Precision", area: "Average precision" },
};

interface Props {
  shown: Shown[];
  step: number;
  kind: Exclude<Kind, "confusion_matrix">;
  title: string;
  asTable: boolean;
  full: boolean;
}

function read(shown: Shown[]): { rates: [Shown, Rate[]][]; error: Error | null } {
  try {
    return { rates: shown.map((each) => [each, ratesOf(each.file)]), error: null };
  } catch (error) {
    return { rates: [], error: error as Error };
  }
}

/** One line a run, of the chosen label; a run alone has a line a label. */
function drawnOf(rates: [Shown, Rate[]][], label: string, isDark: boolean): Drawn[] {
  const styles = stylesInOrder(rates.length === 1 ? rates[0][1].map((each) => each.label) : [], isDark);
  return rates.flatMap(([{ line, item }, curves]) =>
    curves.flatMap((curve) => {
      if (rates.length > 1 && curve.label !== label) return [];
      const alone = rates.length === 1 && curves.length > 1;
      return [
        {
          ...curve,
          id: `${line.id} ${curve.label}`,
          run: line.id,
          name: alone ? curve.label : line.name,
          style: alone ? styles.get(curve.label)! : line.style,
          step: item.step,
        },
      ];
    }),
  );
}

export function Rates({ shown, step, kind, title, asTable, full }: Props) {
  const { rates, error } = useMemo(() => read(shown), [shown.map((each) => each.item.path + each.item.run).join()]);
  const labels = [...new Set(rates.flatMap(([, curves]) => curves.map((each) => each.label)))];
  const [chosen, choose] = useState("");
  const label = labels.includes(chosen) ? chosen : (labels[0] ?? "");
  const isOverlaid = rates.length > 1;
  const styles = shown.map((each) => each.line.style.colour).join();
  const current = rates.map(([, curves], i): [Shown, Rate[]] => [shown[i] ?? rates[i][0], curves]);
  const drawn = useMemo(() => drawnOf(current, label, dark.value), [rates, label, styles, dark.value]);
  if (error) return <p class="status FAILED pad">{error.message}</p>;
  return (
    <>
      {isOverlaid && labels.length > 1 && (
        <label class="side" style={{ padding: "0 12px 4px" }}>
          <span class="dim">Label</span>
          <select class="input" value={label} onChange={(event) => choose(event.currentTarget.value)}>
            {labels.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </label>
      )}
      {asTable ? <Points drawn={drawn} kind={kind} /> : <Plot drawn={drawn} kind={kind} title={title} full={full} />}
      <Areas drawn={drawn} kind={kind} step={step} isOverlaid={isOverlaid} />
    </>
  );
}

const [LEFT, RIGHT, TOP, BOTTOM] = [44, 14, 8, 36];
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const REACH = 28; // pixels around a point

function Plot({
  drawn,
  kind,
  title,
  full,
}: {
  drawn: Drawn[];
  kind: keyof typeof WORDS;
  title: string;
  full: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [cursor, setCursor] = useState<[curve: number, point: number] | null>(null);
  const height = full ? Math.max(280, Math.min(width, innerHeight - 260)) : Math.min(Math.max(width * 0.75, 220), 320);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const [w, h] = [Math.max(width - LEFT - RIGHT, 1), height - TOP - BOTTOM];
  const left = (x: number) => LEFT + x * w;
  const top = (y: number) => TOP + (1 - y) * h;
  const point = (event: PointerEvent) => {
    const area = box.current!.getBoundingClientRect();
    const place: [number, number] = [(event.clientX - area.left - LEFT) / w, 1 - (event.clientY - area.top - TOP) / h];
    show(nearest(drawn, place, [w, h], REACH));
  };
  const show = (found: [number, number] | null) => {
    setCursor(found);
    near.value = found ? drawn[found[0]].run : null;
  };
  const key = (event: KeyboardEvent) => {
    const [curve, at] = cursor ?? [0, 0];
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const change = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move && !change) return;
    event.preventDefault();
    const next = (curve + (change ?? 0) + drawn.length) % drawn.length;
    const { xs } = drawn[next];
    const by = (move ?? 0) * Math.max(1, Math.round(xs.length / 50));
    const found: [number, number] = [next, Math.min(Math.max(at + by, 0), xs.length - 1)];
    show(found);
    announcement.value = said(drawn[next], found[1], kind);
  };
  const focused = cursor ? drawn[cursor[0]].id : drawn.find((each) => each.run === near.value)?.id;
  const dims = focused !== undefined && drawn.length > 1;
  return (
    <div
      ref={box}
      class="rates"
      style={{ height: `${height}px` }}
      tabIndex={0}
      role="img"
      aria-label={summary(title, drawn, kind)}
      onPointerMove={point}
      onPointerLeave={() => show(null)}
      onKeyDown={key}
      onBlur={() => show(null)}
    >
      {width > 0 && (
        <svg width={width} height={height} aria-hidden="true">
          <Axes {...{ left, top, kind, width, height }} />
          {drawn.map((each) => (
            <path
              key={each.id}
              d={each.xs.map((x, i) => `${i ? "L" : "M"}${left(x).toFixed(1)} ${top(each.ys[i]).toFixed(1)}`).join("")}
              fill="none"
              stroke={each.style.colour}
              stroke-width={each.id === focused ? 2.5 : 1.5}
              stroke-dasharray={each.style.dash.join(" ")}
              opacity={dims && each.id !== focused ? 0.3 : 1}
              stroke-linejoin="round"
            />
          ))}
          {cursor && (
            <circle
              cx={left(drawn[cursor[0]].xs[cursor[1]])}
              cy={top(drawn[cursor[0]].ys[cursor[1]])}
              r="4.5"
              fill={drawn[cursor[0]].style.colour}
              stroke="var(--bg)"
              stroke-width="1.5"
            />
          )}
        </svg>
      )}
      {cursor && <Tip each={drawn[cursor[0]]} at={cursor[1]} kind={kind} {...{ left, top, width }} />}
    </div>
  );
}

interface Scales {
  left: (x: number) => number;
  top: (y: number) => number;
  kind: keyof typeof WORDS;
  width: number;
}

function Axes({ left, top, kind, width, height }: Scales & { height: number }) {
  const few = width < 300 ? TICKS.filter((_, i) => i % 5 === 0) : TICKS;
  return (
    <g class="axes">
      {TICKS.map((tick) => (
        <g key={tick}>
          <line x1={left(0)} x2={left(1)} y1={top(tick)} y2={top(tick)} />
          <text x={left(0) - 6} y={top(tick) + 4} text-anchor="end">
            {tick}
          </text>
        </g>
      ))}
      {few.map((tick) => (
        <text key={tick} x={left(tick)} y={top(0) + 15} text-anchor="middle">
          {tick}
        </text>
      ))}
      {kind === "roc_curve" && <line class="chance" x1={left(0)} y1={top(0)} x2={left(1)} y2={top(1)} />}
      <text x={left(0.5)} y={height - 5} text-anchor="middle">
        {WORDS[kind].x}
      </text>
      <text transform={`translate(11 ${top(0.5)}) rotate(-90)`} text-anchor="middle">
        {WORDS[kind].y}
      </text>
    </g>
  );
}

function Tip({ each, at, kind, left, top, width }: Scales & { each: Drawn; at: number }) {
  const [x, y] = [left(each.xs[at]), top(each.ys[at])];
  const side = x > width / 2 ? { right: `${width - x + 12}px` } : { left: `${x + 12}px` };
  const threshold = each.thresholds[at];
  return (
    <div class="tip" style={{ position: "absolute", top: `${Math.max(0, y - 24)}px`, ...side }}>
      <div class="side">
        <Swatch of={each.style} />
        <b class="clip">{each.name}</b>
      </div>
      <ul>
        <li class="near">
          {WORDS[kind].x} <b>{number(each.xs[at], 4)}</b>
        </li>
        <li class="near">
          {WORDS[kind].y} <b>{number(each.ys[at], 4)}</b>
        </li>
        {threshold != null && (
          <li>
            Threshold <b>{number(threshold, 4)}</b>
          </li>
        )}
      </ul>
    </div>
  );
}

const said = (each: Drawn, at: number, kind: keyof typeof WORDS) =>
  `${each.name}: ${WORDS[kind].x} ${number(each.xs[at], 3)}, ${WORDS[kind].y} ${number(each.ys[at], 3)}`;

function summary(title: string, drawn: Drawn[], kind: keyof typeof WORDS): string {
  const areas = drawn.map((each) => `${each.name} ${number(each.area, 4)}`);
  const more = areas.length > 6 ? ` and ${count(areas.length - 6)} more` : "";
  const texts = `${WORDS[kind].area}: ${areas.slice(0, 6).join(", ")}${more}`;
  return `${title}, ${plural(drawn.length, "curve")}. ${texts}. Arrow keys move along the curves.`;
}

/** The legend: the area under each curve, the greatest marked. */
function Areas({
  drawn,
  kind,
  step,
  isOverlaid,
}: {
  drawn: Drawn[];
  kind: keyof typeof WORDS;
  step: number;
  isOverlaid: boolean;
}) {
  const areas = drawn.map((each) => each.area);
  const best = new Set(areas).size > 1 ? Math.max(...areas) : null;
  return (
    <div class="table" tabIndex={0} role="region" aria-label={`${WORDS[kind].area} of each curve`}>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">{isOverlaid ? "Run" : drawn.length > 1 ? "Label" : "Curve"}</th>
            <th scope="col" class="num">
              {WORDS[kind].area}
            </th>
          </tr>
        </thead>
        <tbody>
          {drawn.map((each) => (
            <tr
              key={each.id}
              onPointerEnter={() => (near.value = isOverlaid ? each.run : null)}
              onPointerLeave={() => (near.value = null)}
            >
              <td>
                <span class="side">
                  <Swatch of={each.style} />
                  {isOverlaid ? (
                    <a class="clip" href={runHref(each.run)}>
                      {each.name}
                    </a>
                  ) : (
                    <span class="clip">{drawn.length > 1 ? each.name : each.label || each.name}</span>
                  )}
                  {each.step !== step && <span class="badge">step {count(each.step)}</span>}
                </span>
              </td>
              <td class={`num ${each.area === best ? "best" : ""}`} title={String(each.area)}>
                {number(each.area)}
                {each.area === best && <span class="unseen"> (best)</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const ROWS = 300;

function Points({ drawn, kind }: { drawn: Drawn[]; kind: keyof typeof WORDS }) {
  const rows = drawn.flatMap((each) => each.xs.map((x, i) => [each.name, x, each.ys[i], each.thresholds[i]] as const));
  return (
    <div class="table" tabIndex={0} role="region" aria-label="The points as a table">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Curve</th>
            {[WORDS[kind].x, WORDS[kind].y, "Threshold"].map((name) => (
              <th scope="col" class="num" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS).map(([name, x, y, threshold], i) => (
            <tr key={i}>
              <td>{name}</td>
              <td class="num">{number(x)}</td>
              <td class="num">{number(y)}</td>
              <td class="num">{threshold == null ? "" : number(threshold)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS && (
        <p class="dim">
          The first {ROWS} of {count(rows.length)} points; the JSON has all.
        </p>
      )}
    </div>
  );
}
