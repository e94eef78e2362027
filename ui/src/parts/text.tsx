// A text of any length: its lines, drawn where they are seen and read where one scrolls to.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type ApiError, artifactUrl, send } from "../api.ts";
import { severity } from "../logic/files.ts";
import { count, size } from "../logic/format.ts";
import { coloured, longer, plain, type Stretch, shownLines, stretch } from "../logic/text.ts";
import { Button } from "./basic.tsx";

export const FIRST = 199_000; // bytes that are read at once: 200 kB with the head of the answer
const SEARCHED = 4_000_000; // and for what has not been read yet
const FOLLOWED = 1500; // ms
const LINE = 18;
const CUT = 2000; // characters of a line

export interface Piece {
  bytes: Uint8Array;
  total: number;
}

/** Some bytes of a file; behind its end there are none. */
export async function piece(run: string, path: string, from: number, length = FIRST): Promise<Piece> {
  try {
    const answer = await send(artifactUrl(run, path), { headers: { Range: `bytes=${from}-${from + length - 1}` } });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return { bytes, total: Number(/\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1] ?? bytes.length) };
  } catch (error) {
    if ((error as ApiError).status === 416) return { bytes: new Uint8Array(), total: from };
    throw error;
  }
}

export function Text({ run, path, start }: { run: string; path: string; start: Piece }) {
  const [read, setRead] = useState<Stretch>(() => stretch(start.bytes, 0, start.total));
  const [find, setFind] = useState("");
  const [at, setAt] = useState(0);
  const [top, setTop] = useState(0);
  const [busy, setBusy] = useState(false);
  const [followed, setFollowed] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => shownLines(read), [read]);
  const wanted = find.toLowerCase();
  const hits = useMemo(
    () => (wanted ? lines.flatMap((line, i) => (plain(line).toLowerCase().includes(wanted) ? [i] : [])) : []),
    [wanted, lines],
  );
  const left = read.total - read.to;
  const scrollTo = (line: number) => box.current && (box.current.scrollTop = line * LINE - 80);
  const show = (hit: number) => {
    setAt(hit);
    if (hits[hit] !== undefined) scrollTo(hits[hit]);
  };
  useEffect(() => show(0), [find]);

  const once = async (action: () => Promise<void>) => {
    if (busy) return;
    setBusy(true);
    await action().finally(() => setBusy(false));
  };
  const more = () =>
    once(async () => {
      const { bytes, total } = await piece(run, path, read.to);
      setRead(longer(read, bytes, Math.max(total, read.total)));
    });
  const jump = (from: number) =>
    once(async () => {
      const begin = Math.max(0, from);
      const { bytes, total } = await piece(run, path, begin);
      setRead(stretch(bytes, begin, Math.max(total, begin + bytes.length)));
      requestAnimationFrame(() => box.current && (box.current.scrollTop = begin ? 1e9 : 0));
    });
  /** Looks for the text in what has not been read, and goes to where it is. */
  const searchOn = () =>
    once(async () => {
      for (let from = read.to; from < read.total && box.current; from += SEARCHED) {
        const { bytes } = await piece(run, path, from, SEARCHED + 1000);
        const place = new TextDecoder("latin1")
          .decode(bytes)
          .toLowerCase()
          .indexOf(unescape(encodeURIComponent(wanted)));
        if (place < 0) continue;
        const begin = Math.max(0, from + place - 20_000);
        const found = await piece(run, path, begin);
        const next = stretch(found.bytes, begin, found.total);
        setRead(next);
        const line = shownLines(next).findIndex((each) => plain(each).toLowerCase().includes(wanted));
        requestAnimationFrame(() => scrollTo(line));
        return;
      }
    });
  useEffect(() => {
    if (!followed) return;
    const timer = setInterval(() => {
      if (document.hidden) return;
      void once(async () => {
        const { bytes, total } = await piece(run, path, read.to);
        if (bytes.length) setRead(longer(read, bytes, Math.max(total, read.to + bytes.length)));
      });
    }, FOLLOWED);
    return () => clearInterval(timer);
  }, [followed, read, busy]);
  useEffect(() => {
    if (followed && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [followed, read]);

  const scrolled = (event: Event) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget as HTMLElement;
    setTop(scrollTop);
    if (left > 0 && scrollTop + clientHeight > scrollHeight - 1000) void more();
  };
  const from = Math.max(0, Math.floor(top / LINE) - 10);
  const state = find
    ? `${hits.length ? at + 1 : 0} of ${count(hits.length)}`
    : left > 0 || read.from > 0
      ? `${size(read.from)} to ${size(read.to)} of ${size(read.total)}`
      : `${count(lines.length)} lines`;
  return (
    <div class="text">
      <div class="side wrap">
        <input
          class="input"
          type="search"
          placeholder="Find in the text"
          aria-label="Find in the text"
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
          onKeyDown={(event) =>
            event.key === "Enter" && hits.length && show((at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length)
          }
        />
        <span class="dim" role="status">
          {state}
        </span>
        {find && left > 0 && (
          <Button onClick={searchOn} disabled={busy}>
            Search the other {size(left)}
          </Button>
        )}
        <span class="grow" />
        {(read.from > 0 || left > 0) && (
          <Button plain onClick={() => jump(0)}>
            Start
          </Button>
        )}
        {(read.from > 0 || left > 0) && (
          <Button plain onClick={() => jump(read.total - FIRST)}>
            End
          </Button>
        )}
        <Button
          aria-pressed={followed}
          title="Show what is written to the file from now on (tail -f)"
          onClick={() => void (followed ? setFollowed(false) : jump(read.total - FIRST).then(() => setFollowed(true)))}
        >
          Follow
        </Button>
      </div>
      <div class="log scroll" ref={box} tabIndex={0} role="region" aria-label="Text" onScroll={scrolled}>
        <div style={{ display: "block", height: `${lines.length * LINE}px`, position: "relative" }}>
          <div style={{ display: "block", position: "absolute", top: `${from * LINE}px`, height: "auto", left: 0 }}>
            {lines.slice(from, from + 60).map((line, i) => (
              <div key={i} class={`${severity(plain(line))} ${hits[at] === from + i ? "hit" : ""}`}>
                <i>{read.first === null ? "" : read.first + from + i}</i>
                {coloured(line.slice(0, CUT)).map(({ text, colour, bold }, k) => (
                  <span key={k} class={`${colour === null ? "" : `ansi-${colour % 8}`} ${bold ? "bold" : ""}`}>
                    {text}
                  </span>
                ))}
                {line.length > CUT && <span class="dim">… {count(line.length - CUT)} more characters</span>}
              </div>
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}
