// The small parts that all pages are made of.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api.ts";
import type { Style } from "../logic/colours.ts";
import { copy } from "../state.ts";

const PATHS: Record<string, string> = {
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.600-1.400L14 14",
  close: "m4 4 8 8m0-8-8 8",
  check: "m3.500 8.500 3 3 6-7",
  down: "m4.500 6.500 3.500 3.500 3.500-3.500",
  left: "m9.500 4.500-3.500 3.500 3.500 3.500",
  right: "m6.500 4.500 3.500 3.500-3.500 3.500",
  sortUp: "M8 13V3.500M4 7l4-4 4 4",
  sortDown: "M8 3v9.500M4 9l4 4 4-4",
  columns: "M2.500 3h11v10h-11zM6.200 3v10m3.600-10v10",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-9.500v1m0 11v1M1.500 8h1m11 0h1M3.400 3.400l.7.7m7.800 7.800.7.7m0-9.200-.7.7m-7.800 7.800-.7.7",
  settings: "M2 4.500h6m4 0h2M2 11.500h2m4 0h6M10 6.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4Zm-4 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  help: "M6 6a2 2 0 1 1 2.800 1.900c-.5.300-.8.6-.8 1.200v.4M8 12h.01M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13Z",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.500 6c.5-3 2.500-4.500 5.500-4.500s5 1.500 5.500 4.500",
  folder: "M2 12.500v-9h4l1.500 2H14v7z",
  file: "M4 1.500h5L12.500 5v9.500H4zM9 1.500V5h3.500",
  download: "M8 2v8m-3.500-3L8 10.500 11.500 7M2.500 13.500h11",
  copy: "M5.500 5.500v-3h8v8h-3m-8-5h8v8h-8z",
  edit: "m3 13 .6-2.800 7-7L13 5.500l-7 7zM9.500 4.300l2.300 2.300",
  trash: "M3 4.500h10M6.500 4.500v-2h3v2m-5 0 .6 9h5.800l.6-9",
  restore: "M3 8a5 5 0 1 0 1.500-3.500L3 6m0-3v3h3",
  plus: "M8 3v10M3 8h10",
  full: "M2.500 6V2.500H6m4 0h3.500V6m0 4v3.500H10m-4 0H2.500V10",
  table: "M2 3h12v10H2zm0 3.500h12M6 6.500V13",
  chart: "M2.500 2v11.500H14M5 10l2.500-3.500 2 2L13 4",
  split: "M2 3h12v10H2zm5 0v10",
  parallel: "M3 2v12m5-12v12m5-12v12M3 4.500l5 6 5-4",
  bookmark: "M4.500 2.500h7v11L8 10.500l-3.500 3z",
  pin: "M6 2h4l-.5 4.500L12 9H4l2.500-2.500zM8 9v5",
  out: "M6.500 2.500h-4v11h4M6 8h8m-3-3 3 3-3 3",
  pause: "M5.500 3v10m5-10v10",
  play: "M5 3v10l8-5z",
  tag: "M2.500 2.500H8l5.500 5.500L8 13.500 2.500 8zM5.500 5.500h.01",
  compare: "M5 2.500v11m6-11v11M2 5.500h6m0 5h6",
  warning: "M8 2 1.500 13.500h13zM8 6.500v3M8 11.700h.01",
  finished: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5 8.300l2 2L11 6",
  failed: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5.800 5.800l4.400 4.400m0-4.400-4.400 4.400",
  killed: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5.500 5.500h5v5h-5z",
  scheduled: "M8 14.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM8 4.500V8l2.500 1.500",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width={name === "more" ? 2 : 1.4}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A run's status, or STALE, as icon, word and colour. */
export function Status({ status: shown, word = true }: { status: string; word?: boolean }) {
  const label = shown[0] + shown.slice(1).toLowerCase();
  return (
    <span class={`status ${shown}`} title={shown === "STALE" ? "Running, but nothing was logged for an hour" : label}>
      {shown === "RUNNING" ? (
        <svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
          <circle cx="8" cy="8" r="6" opacity=".25" />
          <path class="spin" d="M8 2a6 6 0 0 1 6 6" stroke-linecap="round" />
        </svg>
      ) : (
        <Icon name={shown === "STALE" ? "warning" : shown.toLowerCase()} size={14} />
      )}
      {word ? label : <span class="unseen">{label}</span>}
    </span>
  );
}

/** The line of a run, as its charts draw it. */
export function Swatch({ of }: { of: Style }) {
  return (
    <svg width="14" height="8" class="swatch-line" aria-hidden="true">
      <line x1="0" x2="14" y1="4" y2="4" stroke={of.colour} stroke-width="3" stroke-dasharray={of.dash.join(" ")} />
    </svg>
  );
}

interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "icon" | "label"> {
  icon?: string;
  label?: string; // of a button that has only an icon
  plain?: boolean;
  main?: boolean;
  keys?: string;
}

export function Button({ icon, label, plain, main, keys, children, class: more, ...rest }: ButtonProps) {
  const kinds = ["button", plain && "plain", main && "main", icon && !children && "icon", more];
  return (
    <button
      type="button"
      class={kinds.filter(Boolean).join(" ")}
      aria-label={label}
      title={label && keys ? `${label} (${keys})` : (label ?? rest.title)}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button with a panel below it; a sheet from below on phones. */
export function Menu(props: {
  label: string;
  icon?: string;
  text?: ComponentChildren;
  plain?: boolean;
  left?: boolean;
  class?: string;
  children: (close: () => void) => ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => box.current?.contains(event.target as Node) || setOpen(false);
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    };
    addEventListener("pointerdown", outside);
    box.current?.addEventListener("keydown", escape);
    const first = box.current?.querySelector<HTMLElement>(".panel input, .panel button, .panel a, .panel select");
    first?.focus();
    return () => {
      removeEventListener("pointerdown", outside);
      box.current?.removeEventListener("keydown", escape);
    };
  }, [open]);
  return (
    <div class={`menu ${props.class ?? ""}`} ref={box}>
      <Button
        icon={props.icon}
        label={props.text ? undefined : props.label}
        plain={props.plain}
        aria-expanded={open}
        aria-haspopup="dialog"
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {props.text}
      </Button>
      {open && (
        <div class={`panel ${props.left ? "left" : ""}`} id={id} role="dialog" aria-label={props.label}>
          {props.children(() => setOpen(false))}
        </div>
      )}
    </div>
  );
}

export function Item({ icon, children, ...rest }: JSX.IntrinsicElements["button"] & { icon?: string }) {
  return (
    <button type="button" {...rest} class={`item ${rest.class ?? ""}`}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export function ItemLink({ icon, children, ...rest }: JSX.IntrinsicElements["a"] & { icon?: string }) {
  return (
    <a {...rest} class={`item ${rest.class ?? ""}`}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}

/** A modal dialog; `onClose` also for Escape. One that `stays` cannot be closed; one that is `hidden`
 * keeps what was typed. */
export function Dialog(props: { title: string; onClose: () => void; class?: string; stays?: boolean; hidden?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next event: that of closing comes after, and asks what then is shown.
  useLayoutEffect(() => (props.hidden ? dialog.current!.close() : dialog.current!.showModal()), [props.hidden]);
  const outside = (event: MouseEvent) => event.target === dialog.current && !props.stays && props.onClose();
  return (
    <dialog ref={dialog} class={props.class} aria-labelledby={id} onClose={() => props.hidden || dialog.current?.open || props.onClose()} onCancel={(event) => props.stays && event.preventDefault()} onPointerDown={outside}>
      <header class={props.class === "palette" ? "unseen" : ""}>
        <h2 id={id} class="grow">{props.title}</h2>
        {!props.stays && <Button icon="close" label="Close" plain onClick={props.onClose} />}
      </header>
      {props.children}
    </dialog>
  );
}

/** What failed and why, in place, with another try. */
export function Failure({ what, error, retry }: { what: string; error: Error; retry?: () => void }) {
  const { request } = error as ApiError;
  return (
    <div class="note failed" role="alert">
      <h2><Icon name="warning" />{what}</h2>
      <p>{error.message}</p>
      <div class="side wrap">
        {retry && <Button icon="restore" onClick={retry}>Try again</Button>}
        {request && <span class="dim small">Request <code>{request}</code></span>}
      </div>
    </div>
  );
}

/** Nothing is there yet: how to make something. */
export function Empty({ title, children, code, first }: { title: string; children: ComponentChildren; code?: string; first?: boolean }) {
  return (
    <div class="note">
      {first ? <h1>{title}</h1> : <h2>{title}</h2>}
      <p class="dim">{children}</p>
      {code && (
        <div class="code">
          <pre tabIndex={0}><code>{code}</code></pre>
          <Button icon="copy" label="Copy the code" plain onClick={() => copy(code)} />
        </div>
      )}
    </div>
  );
}

export const exampleCode = (experiment: string) => {
  const root = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return `import runlog
runlog.set_tracking_uri(${JSON.stringify(root)})
runlog.set_experiment(${JSON.stringify(experiment)})
with runlog.start_run():
    runlog.log_metric("loss", 0.5, step=1)`;
};

/** The bones of a table, shown when something takes its time. */
export function Skeleton({ rows = 12, columns = 6 }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return <div class="fill" aria-busy="true" />;
  return (
    <div class="fill" role="status" aria-busy="true">
      <span class="unseen">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <div class="bar line-below" key={row}>
          {Array.from({ length: columns }, (_, column) => (
            <div class="bone" key={column} style={{ width: `${column ? 60 + ((row * 7 + column * 13) % 40) : 190}px` }} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** What a promise came to, again whenever `keys` change; the old answer stays meanwhile. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, keys: unknown[]) {
  const [state, setState] = useState<{ value?: T; error?: Error; busy: boolean }>({ busy: true });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    setState((now) => ({ ...now, error: undefined, busy: true }));
    load(control.signal).then(
      (value) => control.signal.aborted || setState({ value, busy: false }),
      (error) => control.signal.aborted || setState((now) => ({ ...now, error, busy: false })),
    );
    return () => control.abort();
  }, [...keys, tries]);
  return { ...state, retry: () => setTries((before) => before + 1), set: (change: (value: T) => T) => setState((now) => (now.value === undefined ? now : { ...now, value: change(now.value) })) };
}
