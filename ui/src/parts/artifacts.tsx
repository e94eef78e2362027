// The files of a run: a tree, and a preview that runs nothing.
import "../main.tsx"; // all that is not loaded on demand becomes one file: see build.mjs
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { artifactUrl, get, MLFLOW, send } from "../api.ts";
import { count, number, size } from "../logic/format.ts";
import { kindOf, parseTable, severity, type Preview } from "../logic/files.ts";
import { asked, setQuery } from "../route.ts";
import { Button, Failure, Icon, Skeleton, useLoad } from "./basic.tsx";
import { lazy } from "./lazy.tsx";

const Markdown = lazy(() => import("./markdown.tsx").then((module) => module.Markdown));

interface File {
  path: string;
  is_dir: boolean;
  file_size?: number;
}

const list = async (run: string, path: string): Promise<File[]> => {
  const { files = [] } = await get(`${MLFLOW}artifacts/list`, { run_id: run, ...(path && { path }) });
  return files.sort((a: File, b: File) => Number(b.is_dir) - Number(a.is_dir) || (a.path < b.path ? -1 : 1));
};

const last = (path: string) => path.slice(path.lastIndexOf("/") + 1);

export function Artifacts({ run, uri }: { run: string; uri: string }) {
  const { value, error, retry } = useLoad(() => list(run, ""), [run]);
  const [chosen, setChosen] = useState<File | null>(null);
  const wanted = asked("file");
  useEffect(() => {
    // The address names the file; the first is shown without.
    if (!value?.length) return;
    const found = value.find((each) => each.path === wanted) ?? (wanted ? { path: wanted, is_dir: false } : value.find((each) => !each.is_dir));
    setChosen(found ?? null);
  }, [value, wanted]);
  return (
    <>
      <header class="side" style={{ minHeight: "32px" }}>
        <h2>Artifacts</h2>
        <span class="grow" />
        {value && value.length > 0 && <span class="dim small clip hide-narrow mono">{uri}</span>}
      </header>
      {error ? <Failure what="The artifacts could not be listed" error={error} retry={retry} />
        : !value ? <Skeleton rows={3} columns={2} />
        : !value.length ? <p class="dim">No artifacts. <code>runlog.log_artifact("model.bin")</code> puts one here.</p>
        : (
          <div class="files">
            <div class="tree"><Level run={run} files={value} chosen={chosen?.path ?? ""} depth={0} /></div>
            <div class="view">{chosen ? <View key={chosen.path} run={run} file={chosen} /> : <p class="dim" style={{ padding: "12px" }}>Choose a file to see it.</p>}</div>
          </div>
        )}
    </>
  );
}

function Level({ run, files, chosen, depth }: { run: string; files: File[]; chosen: string; depth: number }) {
  return (
    <ul>
      {files.map((file) => file.is_dir
        ? <Folder key={file.path} run={run} file={file} chosen={chosen} depth={depth} />
        : (
          <li key={file.path}>
            <button type="button" class="item" aria-current={chosen === file.path ? "true" : undefined} aria-selected={undefined}
              style={{ paddingLeft: `${8 + depth * 16}px`, background: chosen === file.path ? "var(--accent-soft)" : "" }}
              onClick={() => setQuery({ file: file.path })}>
              <span class="dim"><Icon name="file" /></span>
              <span class="grow clip" title={file.path}>{last(file.path)}</span>
              <span class="dim small nowrap">{file.file_size === undefined ? "" : size(file.file_size)}</span>
            </button>
          </li>
        ))}
    </ul>
  );
}

function Folder({ run, file, chosen, depth }: { run: string; file: File; chosen: string; depth: number }) {
  const [open, setOpen] = useState(chosen.startsWith(`${file.path}/`));
  const { value, error } = useLoad(() => (open ? list(run, file.path) : Promise.resolve(null)), [open]);
  return (
    <li>
      <div class="side" style={{ gap: 0 }}>
        <button type="button" class="item grow" aria-expanded={open} style={{ paddingLeft: `${8 + depth * 16}px` }} onClick={() => setOpen(!open)}>
          <span class="dim"><Icon name={open ? "down" : "right"} size={14} /></span>
          <Icon name="folder" />
          <span class="grow clip" title={file.path}>{last(file.path)}</span>
        </button>
        <a class="button plain icon" href={artifactUrl(run, file.path)} download={`${last(file.path)}.zip`} aria-label={`Download ${file.path} as a zip`} title="Download as a zip"><Icon name="download" /></a>
      </div>
      {error && <p class="status FAILED">{error.message}</p>}
      {open && value && <Level run={run} files={value} chosen={chosen} depth={depth + 1} />}
      {open && value?.length === 0 && <p class="dim" style={{ paddingLeft: `${32 + depth * 16}px` }}>empty</p>}
    </li>
  );
}

function View({ run, file }: { run: string; file: File }) {
  const kind = kindOf(file.path);
  return (
    <>
      <header>
        <b class="clip grow" title={file.path}>{file.path}</b>
        {file.file_size !== undefined && <span class="dim small">{size(file.file_size)}</span>}
        <a class="button" href={artifactUrl(run, file.path)} download={last(file.path)}><Icon name="download" /> Download</a>
      </header>
      <div class="content" tabIndex={0} role="region" aria-label={`Preview of ${file.path}`}>
        <Content run={run} file={file} kind={kind} />
      </div>
    </>
  );
}

function Content({ run, file, kind }: { run: string; file: File; kind: Preview }) {
  const address = artifactUrl(run, file.path, true);
  switch (kind) {
    case "image":
      return <Picture address={address} name={file.path} />;
    case "audio":
      return <audio controls src={address} style={{ width: "calc(100% - 24px)", margin: "12px" }} />;
    case "video":
      return <video controls src={address} style={{ maxWidth: "100%" }} />;
    case "html":
      // Its own origin is none: it can neither read this page nor reach the server.
      return <iframe src={address} sandbox="allow-scripts" title={`Preview of ${file.path}`} />;
    default:
      return <Text run={run} file={file} kind={kind} />;
  }
}

function Picture({ address, name }: { address: string; name: string }) {
  const [broken, setBroken] = useState(false);
  if (broken) return <p class="dim" style={{ padding: "12px" }}>This picture cannot be shown.</p>;
  return <img src={address} alt={name} loading="lazy" onError={() => setBroken(true)} />;
}

const FIRST = 200_000; // bytes of a text that are fetched at once

interface Piece {
  bytes: Uint8Array;
  total: number;
}

async function piece(run: string, path: string, from: number): Promise<Piece> {
  const answer = await send(artifactUrl(run, path), { headers: { Range: `bytes=${from}-${from + FIRST - 1}` } });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const total = Number(/\/(\d+)$/.exec(answer.headers.get("content-range") ?? "")?.[1] ?? bytes.length);
  return { bytes, total };
}

function Text({ run, file, kind }: { run: string; file: File; kind: Preview }) {
  const { value, error, retry, set } = useLoad<Piece>(
    () => (file.file_size === 0 ? Promise.resolve({ bytes: new Uint8Array(), total: 0 }) : piece(run, file.path, 0)),
    [run, file.path],
  );
  const [source, setSource] = useState(false);
  const text = useMemo(() => value && new TextDecoder().decode(value.bytes), [value]);
  if (error) return <Failure what="The file could not be read" error={error} retry={retry} />;
  if (!value || text === undefined) return <Skeleton rows={6} columns={1} />;
  const rest = value.total - value.bytes.length;
  const more = async () => {
    const next = await piece(run, file.path, value.bytes.length);
    const bytes = new Uint8Array(value.bytes.length + next.bytes.length);
    bytes.set(value.bytes);
    bytes.set(next.bytes, value.bytes.length);
    set({ bytes, total: next.total });
  };
  const foot = rest > 0 && (
    <p class="side" style={{ padding: "8px 12px" }}>
      <span class="dim">The first {size(value.bytes.length)} of {size(value.total)}.</span> <Button onClick={more}>More</Button>
    </p>
  );
  if (!value.total) return <p class="dim" style={{ padding: "12px" }}>The file is empty.</p>;
  if (value.bytes.subarray(0, 4000).includes(0)) return <Hex bytes={value.bytes} />;
  const rich = kind === "markdown" || kind === "table" || (kind === "json" && rest <= 0);
  return (
    <>
      {rich && (
        <div class="side" style={{ padding: "6px 12px 0", justifyContent: "flex-end" }}>
          <Button plain aria-pressed={source} onClick={() => setSource(!source)}>Source</Button>
        </div>
      )}
      {source || !rich ? <Lines text={text} />
        : kind === "markdown" ? <div style={{ padding: "4px 16px 16px" }}><Markdown text={text} /></div>
        : kind === "json" ? <Json text={text} />
        : <Sheet text={text} separator={/\.tsv$/i.test(file.path) ? "\t" : ","} whole={rest <= 0} />}
      {foot}
    </>
  );
}

const LINE = 18;

/** A text by lines, drawn only where it is seen. */
function Lines({ text }: { text: string }) {
  const lines = useMemo(() => text.replace(/\n$/, "").split(/\r\n|\n|\r/), [text]);
  const [find, setFind] = useState("");
  const [top, setTop] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const hits = useMemo(
    () => (find ? lines.flatMap((line, i) => (line.toLowerCase().includes(find.toLowerCase()) ? [i] : [])) : []),
    [find, lines],
  );
  const [at, setAt] = useState(0);
  const show = (hit: number) => {
    setAt(hit);
    if (box.current && hits[hit] !== undefined) box.current.scrollTop = hits[hit] * LINE - 80;
  };
  useEffect(() => show(0), [find]);
  const from = Math.max(0, Math.floor(top / LINE) - 10);
  const shown = lines.slice(from, from + 60);
  return (
    <div class="fill">
      <div class="side" style={{ padding: "6px 12px" }}>
        <input class="input" type="search" placeholder="Find in the text" aria-label="Find in the text" value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && hits.length && show((at + 1) % hits.length)} />
        <span class="dim">{find ? `${hits.length ? at + 1 : 0} of ${count(hits.length)}` : `${count(lines.length)} lines`}</span>
      </div>
      <div class="log scroll" ref={box} tabIndex={0} role="region" aria-label="Text" style={{ height: "440px", overflow: "auto" }} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        <div style={{ display: "block", height: `${lines.length * LINE}px`, position: "relative" }}>
          <div style={{ display: "block", position: "absolute", top: `${from * LINE}px`, height: "auto", left: 0 }}>
            {shown.map((line, i) => (
              <div key={i} class={`${severity(line)} ${hits[at] === from + i ? "hit" : ""}`}><i>{from + i + 1}</i>{line.slice(0, 2000)}</div>
            ))}
          </div>
        </div>
      </div>
    </div>
  );
}

function Hex({ bytes }: { bytes: Uint8Array }) {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, 1024); at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return <pre tabIndex={0} aria-label="The first bytes">{rows.join("\n")}</pre>;
}

const ROWS = 1000;

function Sheet({ text, separator, whole }: { text: string; separator: string; whole: boolean }) {
  const { header, rows } = useMemo(() => parseTable(text, separator, ROWS + 1), [text]);
  const [order, setOrder] = useState<[number, boolean] | null>(null);
  const shown = useMemo(() => {
    const some = rows.slice(0, ROWS);
    if (!order) return some;
    const [column, down] = order;
    const value = (row: string[]) => (row[column]?.trim() && !Number.isNaN(Number(row[column])) ? Number(row[column]) : row[column]);
    return [...some].sort((a, b) => ((value(a) ?? "") < (value(b) ?? "") ? -1 : 1) * (down ? -1 : 1));
  }, [rows, order]);
  return (
    <div style={{ padding: "0 12px 12px" }}>
      <table class="plain">
        <thead>
          <tr>
            {header.map((name, i) => (
              <th scope="col" key={i} aria-sort={order?.[0] === i ? (order[1] ? "descending" : "ascending") : "none"}>
                <button type="button" onClick={() => setOrder([i, order?.[0] === i && !order[1]])}>{name || `column ${i + 1}`}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{shown.slice(0, 200).map((row, i) => <tr key={i}>{header.map((_, j) => <td key={j} class={Number.isFinite(Number(row[j])) && row[j]?.trim() ? "num" : ""}>{row[j]}</td>)}</tr>)}</tbody>
      </table>
      {(rows.length > 200 || !whole) && <p class="dim">The first {number(Math.min(200, rows.length))} rows{order ? ` of ${number(Math.min(rows.length, ROWS))}, sorted` : ""}.</p>}
    </div>
  );
}

function Json({ text }: { text: string }) {
  const parsed = useMemo(() => {
    try {
      return { value: JSON.parse(text) as unknown };
    } catch {
      return null;
    }
  }, [text]);
  if (!parsed) return <Lines text={text} />;
  return <div class="mono" style={{ padding: "4px 12px 12px" }}><Node name="" value={parsed.value} open /></div>;
}

function Node({ name, value, open = false }: { name: string; value: unknown; open?: boolean }) {
  const label = name && <span class="dim">{name}: </span>;
  if (value === null || typeof value !== "object") return <div style={{ overflowWrap: "anywhere" }}>{label}{JSON.stringify(value)}</div>;
  const entries = Object.entries(value);
  return (
    <details open={open || entries.length < 4}>
      <summary>{label}{Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`}</summary>
      <div style={{ paddingLeft: "16px" }}>
        {entries.slice(0, 500).map(([key, each]) => <Node key={key} name={key} value={each} />)}
        {entries.length > 500 && <div class="dim">and {count(entries.length - 500)} more</div>}
      </div>
    </details>
  );
}
