// The files of a run: a tree, and a preview that runs nothing.
import "../shared.ts"; // see there
import { useEffect, useMemo, useState } from "preact/hooks";
import { artifactUrl, type File, list } from "../api.ts";
import { kindOf, type Preview, parseTable, stepOf } from "../logic/files.ts";
import { count, size } from "../logic/format.ts";
import { asked, setQuery } from "../route.ts";
import { Button, Failure, Skeleton, useLoad } from "./basic.tsx";
import { Icon } from "./icon.tsx";
import { lazy } from "./lazy.tsx";
import { Sheet } from "./sheet.tsx";
import { FIRST, piece, Text } from "./text.tsx";

const Markdown = lazy(() => import("./markdown.tsx").then((module) => module.Markdown));

export { Pictures } from "./pictures.tsx";

const last = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The files of a run, or of a logged model; those below a folder where `root` names one. */
export function Artifacts({ run, uri, root = "" }: { run: string; uri: string; root?: string }) {
  const { value, error, retry } = useLoad(() => list(run, root), [run, root]);
  const [chosen, setChosen] = useState<File | null>(null);
  const wanted = asked("file");
  useEffect(() => {
    // The address names the file; the first is shown without.
    if (!value?.length) return;
    const found =
      value.find((each) => each.path === wanted) ??
      (wanted ? { path: wanted, is_dir: false } : value.find((each) => !each.is_dir));
    setChosen(found ?? null);
  }, [value, wanted]);
  return (
    <>
      <header class="side" style={{ minHeight: "32px" }}>
        <h2>Artifacts</h2>
        <span class="grow" />
        {value && value.length > 0 && <span class="dim small clip hide-narrow mono">{uri}</span>}
      </header>
      {error ? (
        <Failure what="The artifacts could not be listed" error={error} retry={retry} />
      ) : !value ? (
        <Skeleton rows={3} columns={2} />
      ) : !value.length ? (
        <p class="dim">
          No artifacts. <code>runlog.log_artifact("model.bin")</code> puts one here.
        </p>
      ) : (
        <div class="files">
          <div class="tree">
            <Level run={run} files={value} chosen={chosen?.path ?? ""} depth={0} />
          </div>
          <div class="view">
            {chosen ? (
              <View run={run} file={chosen} />
            ) : (
              <p class="dim" style={{ padding: "12px" }}>
                Choose a file to see it.
              </p>
            )}
          </div>
        </div>
      )}
    </>
  );
}

function Level({ run, files, chosen, depth }: { run: string; files: File[]; chosen: string; depth: number }) {
  return (
    <ul>
      {files.map((file) =>
        file.is_dir ? (
          <Folder key={file.path} run={run} file={file} chosen={chosen} depth={depth} />
        ) : (
          <li key={file.path}>
            <button
              type="button"
              class="item"
              aria-current={chosen === file.path ? "true" : undefined}
              aria-selected={undefined}
              style={{
                paddingLeft: `${8 + depth * 16}px`,
                background: chosen === file.path ? "var(--accent-soft)" : "",
              }}
              onClick={() => setQuery({ file: file.path })}
            >
              <span class="dim">
                <Icon name="file" />
              </span>
              <span class="grow clip" title={file.path}>
                {last(file.path)}
              </span>
              <span class="dim small nowrap">{file.file_size === undefined ? "" : size(file.file_size)}</span>
            </button>
          </li>
        ),
      )}
    </ul>
  );
}

function Folder({ run, file, chosen, depth }: { run: string; file: File; chosen: string; depth: number }) {
  const isWithin = chosen.startsWith(`${file.path}/`);
  const [open, setOpen] = useState(isWithin);
  useEffect(() => void (isWithin && setOpen(true)), [isWithin]);
  const { value, error } = useLoad(() => (open ? list(run, file.path) : Promise.resolve(null)), [open]);
  return (
    <li>
      <div class="side" style={{ gap: 0 }}>
        <button
          type="button"
          class="item grow"
          aria-expanded={open}
          style={{ paddingLeft: `${8 + depth * 16}px` }}
          onClick={() => setOpen(!open)}
        >
          <span class="dim">
            <Icon name={open ? "down" : "right"} size={14} />
          </span>
          <Icon name="folder" />
          <span class="grow clip" title={file.path}>
            {last(file.path)}
          </span>
        </button>
        <a
          class="button plain icon"
          href={artifactUrl(run, file.path)}
          download={`${last(file.path)}.zip`}
          aria-label={`Download ${file.path} as a zip`}
          title="Download as a zip"
        >
          <Icon name="download" />
        </a>
      </div>
      {error && <p class="status FAILED">{error.message}</p>}
      {open && value && <Level run={run} files={value} chosen={chosen} depth={depth + 1} />}
      {open && value?.length === 0 && (
        <p class="dim" style={{ paddingLeft: `${32 + depth * 16}px` }}>
          empty
        </p>
      )}
    </li>
  );
}

function View({ run, file }: { run: string; file: File }) {
  const kind = kindOf(file.path);
  const folder = file.path.slice(0, Math.max(0, file.path.lastIndexOf("/")));
  const { value: beside } = useLoad(
    () => (kind === "image" ? list(run, folder) : Promise.resolve([])),
    [run, folder, kind],
  );
  return (
    <>
      <header>
        <b class="clip grow" title={file.path}>
          {file.path}
        </b>
        {file.file_size !== undefined && <span class="dim small">{size(file.file_size)}</span>}
        <a class="button" href={artifactUrl(run, file.path)} download={last(file.path)}>
          <Icon name="download" /> Download
        </a>
      </header>
      <div class="content" tabIndex={0} role="region" aria-label={`Preview of ${file.path}`}>
        <Content key={kind === "image" ? "" : file.path} run={run} file={file} kind={kind} beside={beside ?? []} />
      </div>
    </>
  );
}

function Content({ run, file, kind, beside }: { run: string; file: File; kind: Preview; beside: File[] }) {
  const address = artifactUrl(run, file.path, true);
  switch (kind) {
    case "image":
      return <Steps run={run} file={file} beside={beside} />;
    case "audio":
      return (
        <audio controls src={address} aria-label={file.path} style={{ width: "calc(100% - 24px)", margin: "12px" }} />
      );
    case "video":
      return <video controls src={address} aria-label={file.path} style={{ maxWidth: "100%" }} />;
    case "html":
      // Its own origin is none: it can neither read this page nor reach the server.
      return <iframe src={address} sandbox="allow-scripts" title={`Preview of ${file.path}`} />;
    case "pdf":
      return <iframe src={address} title={`Preview of ${file.path}`} />;
    default:
      return <Read run={run} file={file} kind={kind} />;
  }
}

/** A picture, and with a slider those of other steps: files whose names differ in a number. */
function Steps({ run, file, beside }: { run: string; file: File; beside: File[] }) {
  const { family, step } = stepOf(file.path);
  const steps = useMemo(
    () =>
      beside
        .filter((each) => stepOf(each.path).family === family)
        .sort((a, b) => stepOf(a.path).step - stepOf(b.path).step),
    [beside, family],
  );
  const at = steps.findIndex((each) => each.path === file.path);
  return (
    <>
      {steps.length > 1 && at >= 0 && (
        <label class="side" style={{ padding: "8px 12px 0" }}>
          <span class="dim nowrap">Step {step}</span>
          <input
            type="range"
            class="grow"
            min="0"
            max={steps.length - 1}
            step="1"
            value={at}
            aria-label="Step of the picture"
            aria-valuetext={`step ${step}`}
            onInput={(event) => setQuery({ file: steps[Number(event.currentTarget.value)].path })}
          />
          <span class="dim nowrap">
            {count(at + 1)} of {count(steps.length)}
          </span>
        </label>
      )}
      <Picture address={artifactUrl(run, file.path, true)} name={file.path} />
    </>
  );
}

function Picture({ address, name }: { address: string; name: string }) {
  const [broken, setBroken] = useState("");
  if (broken === address)
    return (
      <p class="dim" style={{ padding: "12px" }}>
        This picture cannot be shown.
      </p>
    );
  return <img src={address} alt={name} loading="lazy" onError={() => setBroken(address)} />;
}

const WHOLE = 4_000_000; // bytes of JSON that are read at once

function Read({ run, file, kind }: { run: string; file: File; kind: Preview }) {
  const { value, error, retry } = useLoad(
    () =>
      file.file_size === 0
        ? Promise.resolve({ bytes: new Uint8Array(), total: 0 })
        : piece(run, file.path, 0, kind === "json" ? WHOLE : FIRST),
    [run, file.path],
  );
  const [source, setSource] = useState(false);
  const text = useMemo(() => value && new TextDecoder().decode(value.bytes), [value]);
  if (error) return <Failure what="The file could not be read" error={error} retry={retry} />;
  if (!value || text === undefined) return <Skeleton rows={6} columns={1} />;
  if (!value.total)
    return (
      <p class="dim" style={{ padding: "12px" }}>
        The file is empty.
      </p>
    );
  if (kind === "parquet" && text.startsWith("PAR1")) return <Parquet run={run} path={file.path} length={value.total} />;
  if (value.bytes.subarray(0, 4000).includes(0)) return <Hex bytes={value.bytes} />;
  const lines = <Text run={run} path={file.path} start={value} />;
  const whole = value.total <= value.bytes.length;
  const json = kind === "json" && whole ? parsed(text) : undefined;
  const rich =
    kind === "markdown" ? (
      <div style={{ padding: "4px 16px 16px" }}>
        <Markdown text={text} />
      </div>
    ) : kind === "table" ? (
      <Csv text={text} separator={/\.tsv$/i.test(file.path) ? "\t" : ","} whole={whole} />
    ) : json !== undefined ? (
      <div class="mono" style={{ padding: "4px 12px 12px" }}>
        <Node name="" value={json} open />
      </div>
    ) : null;
  if (!rich) return lines;
  return (
    <>
      <div class="side" style={{ padding: "6px 12px 0", justifyContent: "flex-end" }}>
        <Button plain aria-pressed={source} onClick={() => setSource(!source)}>
          Source
        </Button>
      </div>
      {source ? lines : rich}
    </>
  );
}

function Parquet({ run, path, length }: { run: string; path: string; length: number }) {
  const slice = async (start: number, end: number) =>
    (await piece(run, path, start, end - start)).bytes.buffer as ArrayBuffer;
  const { value, error, retry } = useLoad(
    () => import("./parquet.ts").then(({ read }) => read(length, slice)),
    [run, path, length],
  );
  if (error) return <Failure what="This Parquet file cannot be shown" error={error} retry={retry} />;
  return value ? <Sheet {...value} /> : <Skeleton rows={6} columns={4} />;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const ROWS = 1000;

function Csv({ text, separator, whole }: { text: string; separator: string; whole: boolean }) {
  const read = useMemo(() => {
    const { header, rows } = parseTable(text, separator, ROWS + 1);
    const cut = !whole && rows.length <= ROWS ? rows.slice(0, -1) : rows; // the last one may be half a row
    return { header, rows: cut.slice(0, ROWS), total: whole && rows.length <= ROWS ? rows.length : null };
  }, [text]);
  return <Sheet {...read} />;
}

function Hex({ bytes }: { bytes: Uint8Array }) {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, 1024); at += 16) {
    const part = [...bytes.subarray(at, at + 16)];
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    rows.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return (
    <pre tabIndex={0} aria-label="The first bytes">
      {rows.join("\n")}
    </pre>
  );
}

function Node({ name, value, open = false }: { name: string; value: unknown; open?: boolean }) {
  const label = name && <span class="dim">{name}: </span>;
  if (value === null || typeof value !== "object")
    return (
      <div style={{ overflowWrap: "anywhere" }}>
        {label}
        {JSON.stringify(value)}
      </div>
    );
  const entries = Object.entries(value);
  return (
    <details open={open || entries.length < 4}>
      <summary>
        {label}
        {Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`}
      </summary>
      <div style={{ paddingLeft: "16px" }}>
        {entries.slice(0, 500).map(([key, each]) => (
          <Node key={key} name={key} value={each} />
        ))}
        {entries.length > 500 && <div class="dim">and {count(entries.length - 500)} more</div>}
      </div>
    </details>
  );
}
