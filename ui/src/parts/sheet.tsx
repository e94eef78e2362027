// Rows of a file as a table, drawn where they are seen; sorted by a click.
import { useMemo, useRef, useState } from "preact/hooks";
import { count } from "../logic/format.ts";

export interface Rows {
  header: string[];
  rows: string[][];
  total: number | null; // null: more than were read, nobody knows how many
}

const HEIGHT = 28;
const COLUMNS = 200;
const isNumber = (text: string | undefined) => text !== undefined && text.trim() !== "" && !Number.isNaN(Number(text));

/** Numbers by their value, then texts; what is missing last. */
function sorted(rows: string[][], column: number, down: boolean): string[][] {
  const sign = down ? -1 : 1;
  const rank = (text: string | undefined) => (isNumber(text) ? 0 : text ? 1 : 2);
  return [...rows].sort((one, other) => {
    const [a, b] = [one[column], other[column]];
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    return sign * (rank(a) ? (a ?? "").localeCompare(b ?? "") : Number(a) - Number(b));
  });
}

export function Sheet({ header, rows, total }: Rows) {
  const [order, setOrder] = useState<[number, boolean] | null>(null);
  const [top, setTop] = useState(0);
  const body = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => (order ? sorted(rows, ...order) : rows), [rows, order]);
  const numeric = useMemo(
    () => header.map((_, i) => rows.slice(0, 50).every((row) => !row[i] || isNumber(row[i]))),
    [rows],
  );
  const from = Math.max(0, Math.floor(top / HEIGHT) - 8);
  const some = shown.slice(from, from + 40);
  const columns = header.slice(0, COLUMNS);
  const after = Math.max(0, shown.length - from - some.length);
  return (
    <>
      <div
        class="sheet"
        ref={body}
        tabIndex={0}
        role="region"
        aria-label="Rows"
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      >
        <table class="plain" aria-rowcount={rows.length + 1}>
          <thead>
            <tr aria-rowindex={1}>
              {columns.map((name, i) => (
                <th
                  scope="col"
                  key={i}
                  class={numeric[i] ? "num" : ""}
                  aria-sort={order?.[0] === i ? (order[1] ? "descending" : "ascending") : "none"}
                >
                  <button type="button" onClick={() => setOrder([i, order?.[0] === i && !order[1]])}>
                    {name || `column ${i + 1}`}
                    {order?.[0] === i ? (order[1] ? " ↓" : " ↑") : ""}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {from > 0 && <tr aria-hidden="true" style={{ height: `${from * HEIGHT}px` }} />}
            {some.map((row, i) => (
              <tr key={from + i} aria-rowindex={from + i + 2}>
                {columns.map((_, j) => (
                  <td key={j} class={numeric[j] ? "num" : ""} title={row[j]?.length > 40 ? row[j] : undefined}>
                    {row[j]}
                  </td>
                ))}
              </tr>
            ))}
            {after > 0 && <tr aria-hidden="true" style={{ height: `${after * HEIGHT}px` }} />}
          </tbody>
        </table>
      </div>
      <p class="dim small note-below">
        {total === null
          ? `The first ${count(rows.length)} rows`
          : total > rows.length
            ? `The first ${count(rows.length)} of ${count(total)} rows`
            : `${count(total)} rows`}
        {header.length > COLUMNS && `, the first ${COLUMNS} of ${count(header.length)} columns`}
      </p>
    </>
  );
}
