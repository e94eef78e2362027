// The small parts that all pages are made of.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api.ts";
import type { Style } from "../logic/colours.ts";
import { copy } from "../state.ts";
import { Icon } from "./icon.tsx";

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
    const escaped = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      setOpen(false);
      box.current?.querySelector("button")?.focus();
    };
    addEventListener("pointerdown", outside);
    box.current?.addEventListener("keydown", escaped);
    const first = box.current?.querySelector<HTMLElement>(".panel input, .panel button, .panel a, .panel select");
    first?.focus();
    return () => {
      removeEventListener("pointerdown", outside);
      box.current?.removeEventListener("keydown", escaped);
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
export function Dialog(props: {
  title: string;
  onClose: () => void;
  class?: string;
  stays?: boolean;
  hidden?: boolean;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the next event: that of closing comes after, and asks what then is shown.
  useLayoutEffect(() => (props.hidden ? dialog.current!.close() : dialog.current!.showModal()), [props.hidden]);
  const outside = (event: MouseEvent) => event.target === dialog.current && !props.stays && props.onClose();
  return (
    <dialog
      ref={dialog}
      class={props.class}
      aria-labelledby={id}
      onClose={() => props.hidden || dialog.current?.open || props.onClose()}
      onCancel={(event) => props.stays && event.preventDefault()}
      onPointerDown={outside}
    >
      <header class={props.class === "palette" ? "unseen" : ""}>
        <h2 id={id} class="grow">
          {props.title}
        </h2>
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
      <h2>
        <Icon name="warning" />
        {what}
      </h2>
      <p>{error.message}</p>
      <div class="side wrap">
        {retry && (
          <Button icon="restore" onClick={retry}>
            Try again
          </Button>
        )}
        {request && (
          <span class="dim small">
            Request <code>{request}</code>
          </span>
        )}
      </div>
    </div>
  );
}

/** Nothing is there yet: how to make something. */
export function Empty({
  title,
  children,
  code,
  first,
}: {
  title: string;
  children: ComponentChildren;
  code?: string;
  first?: boolean;
}) {
  return (
    <div class="note">
      {first ? <h1>{title}</h1> : <h2>{title}</h2>}
      <p class="dim">{children}</p>
      {code && (
        <div class="code">
          <pre tabIndex={0}>
            <code>{code}</code>
          </pre>
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
            <div
              class="bone"
              key={column}
              style={{ width: `${column ? 60 + ((row * 7 + column * 13) % 40) : 190}px` }}
            />
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
  return {
    ...state,
    retry: () => setTries((before) => before + 1),
    set: (change: (value: T) => T) =>
      setState((now) => (now.value === undefined ? now : { ...now, value: change(now.value) })),
  };
}
