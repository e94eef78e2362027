// The search box: the filter language with completion, and where a filter is wrong.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../api.ts";
import { OURS, post } from "../api.ts";
import { useKeys } from "../keys.ts";
import { isSystemTag } from "../logic/columns.ts";
import { ATTRIBUTES, expected, isFilter, literal, operators, quoted, STATUSES, toFilter } from "../logic/filter.ts";
import { plural } from "../logic/format.ts";
import { read, write } from "../state.ts";
import { Button } from "./basic.tsx";
import { Icon } from "./icon.tsx";

interface Offer {
  text: string; // what is put in
  label: string;
  more: string;
}

const RECENT = "searches";

export const recent = (): string[] => JSON.parse(read(RECENT) ?? "[]");

function remember(text: string): void {
  if (text.trim()) write(RECENT, JSON.stringify([text, ...recent().filter((each) => each !== text)].slice(0, 8)));
}

interface Known {
  text: string;
  count: number;
}

/** Keys and values of an experiment: all are asked for once, and again only where there are more
 * than an answer has. */
const known = new Map<string, Promise<Known[]>>();
const MOST = 100; // of an answer
const FRESH = 30_000; // milliseconds

function ask(wanted: { experiment_ids: string[]; kind: string; key: string; text: string }): Promise<Known[]> {
  const name = JSON.stringify(wanted);
  let found = known.get(name);
  if (!found) {
    found = post(`${OURS}completions`, wanted).then((answer) => answer.completions ?? []);
    found.catch(() => known.delete(name));
    known.set(name, found);
    setTimeout(() => known.delete(name), FRESH);
  }
  return found;
}

async function complete(experiment: string, kind: string, key: string, text: string): Promise<Known[]> {
  const wanted = { experiment_ids: [experiment], kind, key };
  const all = await ask({ ...wanted, text: "" });
  if (all.length === MOST && text) return ask({ ...wanted, text });
  return all.filter((each) => each.text.toLowerCase().includes(text.toLowerCase()));
}

/** Whether the last word may become a field: then nobody looks for a name that is like it. */
function mayBeField(text: string): boolean {
  const word = text.split(/\s+/).at(-1)!.toLowerCase();
  return ["metrics.", "params.", "tags.", ...ATTRIBUTES].some((each) => word && each.startsWith(word));
}

async function offers(experiment: string, text: string, cursor: number): Promise<Offer[]> {
  const at = expected(text, cursor);
  const lower = at.text.toLowerCase();
  const starts = (list: string[], more: string): Offer[] =>
    list.filter((each) => each.toLowerCase().includes(lower)).map((each) => ({ text: `${each} `, label: each, more }));
  if (at.kind === "operator") return starts(operators(at.field), "operator");
  if (at.kind === "join") return starts(["AND", "OR"], "and another condition");
  if (at.kind === "value") {
    const { kind, key } = at.field;
    if (kind === "attribute") {
      return key === "status" ? starts(STATUSES.map(literal), "status") : [];
    }
    if (kind === "metrics") return [];
    const part = at.text.replace(/^'|'$/g, "").replaceAll("''", "'");
    const values = await complete(experiment, kind, key, part);
    return values.map((each) => ({
      text: `${literal(each.text)} `,
      label: each.text,
      more: plural(each.count, "run"),
    }));
  }
  const [, prefix = "", rest = at.text] = /^(metrics?|params?|tags?)\.(.*)$/i.exec(at.text) ?? [];
  const part = rest.replace(/^`|`$/g, "");
  const kinds = ["metrics", "params", "tags"].filter(
    (kind) => !prefix || kind.startsWith(prefix.toLowerCase().replace(/s$/, "")),
  );
  // par: what has it in its key, and every param.
  const wanted = (kind: string) => (!prefix && `${kind}.`.startsWith(lower) ? "" : part);
  const found = await Promise.all(kinds.map((kind) => complete(experiment, kind, "", wanted(kind))));
  const keys = kinds.flatMap((kind, i) =>
    found[i]
      .filter((each) => kind !== "tags" || prefix || !isSystemTag(each.text))
      .slice(0, 12)
      .map((each) => ({ text: `${kind}.${quoted(each.text)} `, label: each.text, more: kind.replace(/s$/, "") })),
  );
  return [...keys, ...(prefix ? [] : starts(ATTRIBUTES, "attribute"))].slice(0, 30);
}

export function Search(props: {
  experiment: string;
  value: string;
  error: ApiError | null;
  instant: boolean;
  onSearch: (text: string) => void;
}) {
  const [text, setText] = useState(props.value);
  const [list, setList] = useState<Offer[]>([]);
  const [at, setAt] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const asked = useRef(0);
  useEffect(() => setText(props.value), [props.value]);
  useKeys({ "/": () => input.current!.focus() });

  const offer = async () => {
    const mine = ++asked.current;
    const box = input.current!;
    if (!box.value) {
      setList(recent().map((each) => ({ text: each, label: each, more: "recent" })));
      return setAt(-1);
    }
    const found = await offers(props.experiment, box.value, box.selectionStart ?? box.value.length).catch(() => []);
    if (mine === asked.current && document.activeElement === box) {
      setList(found);
      setAt(-1);
    }
  };
  const type = (value: string) => {
    setText(value);
    clearTimeout(timer.current);
    // A filter that is being typed is mostly wrong: it runs at Enter, plain words at once.
    const names = !value || !(isFilter(value) || mayBeField(value));
    timer.current = window.setTimeout(
      () => {
        if (names) props.onSearch(value);
        setTimeout(offer); // behind the rows, which matter more
      },
      props.instant ? 16 : 120,
    );
  };
  const run = (value: string) => {
    clearTimeout(timer.current);
    remember(value);
    setList([]);
    props.onSearch(value);
  };
  const take = (each: Offer) => {
    if (each.more === "recent") return (setText(each.text), run(each.text));
    // Where the word is now: more may have been typed since this was offered.
    const box = input.current!;
    const { from, to } = expected(box.value, box.selectionStart ?? box.value.length);
    const end = from + each.text.length;
    // At once, not with the next frame: a key that is pressed before it would land elsewhere.
    box.value = box.value.slice(0, from) + each.text + box.value.slice(to).trimStart();
    box.setSelectionRange(end, end);
    setText(box.value);
    offer();
  };
  const key = (event: KeyboardEvent) => {
    const count = list.length;
    if (event.key === "ArrowDown" && count) setAt((at + 1) % count);
    else if (event.key === "ArrowUp" && count) setAt((at + count - 1) % count);
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0 && count) take(list[at]);
    else if (event.key === "Enter") run(text);
    else if (event.key === "Escape" && count) event.stopPropagation(), setList([]);
    else return;
    event.preventDefault();
  };
  const { error } = props;
  const shown = list.length > 0;
  // A position counts in the filter that was sent: only what was typed as one has it.
  const position = error?.position != null && toFilter(props.value) === props.value.trim() ? error.position : null;
  return (
    <div class="search" role="search">
      <div class="box">
        <Icon name="search" size={14} />
        <input
          ref={input}
          class={`input ${error ? "wrong" : ""}`}
          type="text"
          role="combobox"
          aria-label="Search runs by name or filter"
          aria-expanded={shown}
          aria-controls="offers"
          aria-autocomplete="list"
          aria-activedescendant={shown && at >= 0 ? `offer-${at}` : undefined}
          aria-invalid={!!error}
          aria-describedby={error ? "search-problem" : undefined}
          placeholder="Name, or a filter: metrics.loss < 0.1 AND params.model = 'tree'"
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={(event) => type(event.currentTarget.value)}
          onKeyDown={key}
          onFocus={offer}
          onClick={offer}
          onBlur={() => setTimeout(() => setList([]), 120)}
        />
        {text && (
          <span class="clear">
            <Button
              icon="close"
              label="Clear the search"
              plain
              onClick={() => (setText(""), run(""), input.current!.focus())}
            />
          </span>
        )}
        {position !== null && text === props.value && <Wrong text={text} at={position} />}
      </div>
      {shown && (
        <ul class="panel" id="offers" role="listbox" aria-label="Completions">
          {list.map((each, i) => (
            <li
              key={i}
              id={`offer-${i}`}
              role="option"
              class="item"
              aria-selected={i === at}
              onPointerDown={(event) => (event.preventDefault(), take(each))}
            >
              <span class="grow clip">{each.label}</span>
              <span class="dim small">{each.more}</span>
            </li>
          ))}
        </ul>
      )}
      {error && !shown && (
        <div class="problem" id="search-problem" role="alert">
          {error.message}
        </div>
      )}
    </div>
  );
}

/** A line under what is wrong, measured in the font of the input. */
function Wrong({ text, at }: { text: string; at: number }) {
  const context = (Wrong.context ??= document.createElement("canvas").getContext("2d")!);
  context.font = getComputedStyle(document.body).font;
  const width = (part: string) => context.measureText(part).width;
  const word = /^\s*\S+/.exec(text.slice(at))?.[0] ?? "  ";
  return (
    <div class="mark">
      <i style={{ left: `${width(text.slice(0, at))}px`, width: `${Math.max(width(word), 8)}px` }} />
    </div>
  );
}
Wrong.context = null as CanvasRenderingContext2D | null;
