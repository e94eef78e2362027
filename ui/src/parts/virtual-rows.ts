// The rows of the table as elements that are used again: scrolling writes texts into those that
// left the view, and nothing else. No framework in between: its comparing costs more than the rows.
import { type ComponentChild, h, render } from "preact";
import type { Style } from "../logic/colours.ts";
import { type Column, statusOf, type Table } from "../logic/columns.ts";
import { ago, duration, number, plural, timestamp } from "../logic/format.ts";
import { type Line, part, summary } from "../logic/rows.ts";
import { atMost } from "../logic/width.ts";
import { runHref } from "../route.ts";
import { Status, Swatch } from "./basic.tsx";
import { Icon } from "./icon.tsx";

const BEYOND = 6; // rows above and below what is seen

/** A column where it stands: `left` in the frozen part, or in the part that scrolls. */
export interface Place {
  column: Column;
  left: number;
  width: number;
  index: number; // among all columns
}

/** What the rows show. */
export interface Looks {
  table: Table;
  lines: Line[];
  pinned: Place[];
  seen: Place[]; // of those that scroll
  first: number; // width of the column of names
  rowHeight: number;
  now: number; // the line with the keyboard's mark
  choice: { has: (id: string) => boolean };
  colours: Map<string, Style> | null;
  heat: Map<string, "bar" | "tint">;
  twists: boolean; // whether any line can be opened
}

export interface View {
  top: number;
  height: number;
}

interface Cell {
  element: HTMLElement;
  text: Text;
  place: Place | null;
  status: string; // that is drawn instead of the text
  written: string;
  look: string;
  heat: string;
}

interface Slot {
  at: number;
  row: HTMLElement; // names and pinned columns: the row itself
  rest: HTMLElement; // its other cells, which scroll
  box: HTMLInputElement;
  pick: HTMLElement;
  name: HTMLAnchorElement;
  label: Text;
  more: Partial<Record<"indent" | "twist" | "swatch" | "badge", HTMLElement>>; // where there was need of them
  pinned: Cell[];
  cells: Cell[];
}

export const isRight = (column: Column) => !!column.numbers && column.id !== "start_time";

function make<K extends keyof HTMLElementTagNameMap>(tag: K, look: string, role = ""): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = look;
  if (role) element.setAttribute("role", role);
  return element;
}

const drawn = new Map<string, Node>();

/** A copy of something that the framework draws once. */
function copyOf(name: string, draw: () => ComponentChild): Node {
  if (!drawn.has(name)) {
    const box = document.createElement("div");
    render(draw(), box);
    drawn.set(name, box.firstChild!);
  }
  return drawn.get(name)!.cloneNode(true);
}

const iconOf = (status: string) => copyOf(status, () => h(Status, { status }));

function set(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

const makeTwist = () => {
  const twist = make("button", "twist");
  twist.type = "button";
  twist.tabIndex = -1;
  twist.append(copyOf("twist", () => h(Icon, { name: "right", size: 14 })));
  return twist;
};

const PARTS = ["indent", "twist", "swatch", "badge"] as const; // before the name, and the last behind

/** A part of a line that not all have: made when it is first wanted, hidden when it is not. */
function partOf(
  slot: Slot,
  name: (typeof PARTS)[number],
  wanted: boolean,
  create: () => HTMLElement,
): HTMLElement | undefined {
  let found = slot.more[name];
  if (!found && wanted) {
    found = slot.more[name] = create();
    if (name === "badge") slot.name.after(found);
    else
      (
        PARTS.slice(PARTS.indexOf(name) + 1, -1)
          .map((each) => slot.more[each])
          .find(Boolean) ?? slot.name
      ).before(found);
  }
  if (found && found.hidden === wanted) found.hidden = !wanted;
  return wanted ? found : undefined;
}

let pools = 0;

export class VirtualRows {
  private slots: Slot[] = [];
  private of = new Map<Element, Slot>();
  private looks: Looks | null = null;
  private hovered: Slot | null = null;
  private marked: string | null = null;
  private readonly name = `row-${++pools}-`;

  /** `pane` holds what stays when the table scrolls sideways, `body` the rest: two layers, where a
   * sticky cell in each row would be a layer a row. A row in the pane owns its part in the body, for
   * those who do not see the table. */
  constructor(
    private readonly pane: HTMLElement,
    private readonly body: HTMLElement,
  ) {}

  /** Writes all rows anew. */
  show(looks: Looks, view: View): void {
    this.looks = looks;
    for (const slot of this.slots) slot.at = -1;
    this.scroll(view);
  }

  /** Writes the rows that came into view. */
  scroll(view: View): void {
    const { lines, rowHeight } = this.looks!;
    const count = Math.min(lines.length, Math.ceil(view.height / rowHeight) + 2 * BEYOND);
    const wanted = Math.floor(view.top / rowHeight) - BEYOND;
    const from = Math.max(0, Math.min(wanted, lines.length - count));
    if (this.slots.length !== count) this.resize(count);
    for (let at = from; at < from + count; at++) {
      const slot = this.slots[at % count];
      if (slot.at !== at) this.fill(slot, at);
    }
  }

  /** The line that an element belongs to; -1: none. */
  lineOf(target: EventTarget | null): number {
    const row = (target as Element | null)?.closest?.(".line");
    return (row && this.of.get(row)?.at) ?? -1;
  }

  /** The id of the element of a line, if it is drawn. */
  idOf(at: number): string | undefined {
    const slot = this.slots[at % this.slots.length];
    return slot?.at === at ? slot.row.id : undefined;
  }

  hover(at: number): void {
    const slot = at < 0 ? null : (this.slots[at % this.slots.length] ?? null);
    if (slot === this.hovered) return;
    for (const [each, on] of [
      [this.hovered, false],
      [slot, true],
    ] as const) {
      each?.row.classList.toggle("hover", on);
      each?.rest.classList.toggle("hover", on);
    }
    this.hovered = slot;
  }

  /** Marks the row of a run or a group, which a chart points at. */
  mark(id: string | null): void {
    if (id === this.marked) return;
    this.marked = id;
    for (const slot of this.slots) if (slot.at >= 0) this.fill(slot, slot.at);
  }

  /** What a cell says in full, for the title that is set when somebody points at it. */
  titleOf(target: Element): string {
    const slot = this.slots[this.lineOf(target) % this.slots.length];
    const { table, lines } = this.looks!;
    const line = slot && lines[slot.at];
    if (!line) return "";
    if (target === slot.name) return line.group?.value ?? table.names[line.row];
    const cell = [...slot.pinned, ...slot.cells].find((each) => each.element === target);
    if (!cell?.place) return "";
    const { column } = cell.place;
    if (line.group) {
      const found = column.numbers && column.kind !== "info" ? summary(column, line.group.rows) : null;
      return found ? `mean of ${found.count}; ${number(found.least)} to ${number(found.greatest)}` : "";
    }
    if (column.has && !column.has[line.row]) return "";
    if (column.id === "start_time") return timestamp(table.start[line.row]);
    return column.texts
      ? (column.texts[line.row] ?? "")
      : column.id === "duration"
        ? ""
        : String(column.numbers![line.row]);
  }

  private resize(count: number): void {
    for (const slot of this.slots.splice(count)) {
      slot.row.remove();
      slot.rest.remove();
      this.of.delete(slot.row);
      this.of.delete(slot.rest);
    }
    while (this.slots.length < count) {
      const slot = this.slot(this.slots.length);
      this.slots.push(slot);
      this.of.set(slot.row, slot).set(slot.rest, slot);
    }
    for (const slot of this.slots) slot.at = -1;
    this.pane.append(...this.slots.map((slot) => slot.row));
    this.body.append(...this.slots.map((slot) => slot.rest));
  }

  private slot(number: number): Slot {
    const row = make("div", "line", "row");
    const rest = make("div", "line", "presentation");
    row.id = this.name + number;
    rest.id = `${row.id}-rest`;
    row.setAttribute("aria-owns", rest.id);
    const first = make("div", "first", "gridcell");
    first.setAttribute("aria-colindex", "1");
    const pick = make("label", "pick");
    const box = make("input", "");
    box.type = "checkbox";
    box.tabIndex = -1;
    pick.append(box);
    const name = make("a", "name");
    name.tabIndex = -1;
    const label = document.createTextNode("");
    name.append(label);
    first.append(pick, name);
    row.append(first);
    return { at: -1, row, rest, box, pick, name, label, more: {}, pinned: [], cells: [] };
  }

  private fill(slot: Slot, at: number): void {
    const looks = this.looks!;
    const { table, lines, rowHeight } = looks;
    const line = lines[at];
    const { row, rest } = slot;
    const id = table.ids[line.row];
    const selected = !line.group && looks.choice.has(id);
    const above = line.row >= table.size - table.ancestors;
    const name = line.group?.value ?? id; // as charts have it
    let look = "line";
    if (line.group) look += " group";
    if (above) look += " above";
    if (selected) look += " on";
    if (at === looks.now) look += " now";
    if (name && name === this.marked) look += " near";
    for (const element of [row, rest]) {
      if (element.className !== look) element.className = look;
      element.style.top = `${at * rowHeight}px`;
    }
    if (this.hovered === slot) this.hovered = null;
    row.setAttribute("aria-rowindex", String(at + 2));
    set(row, "aria-selected", line.group ? null : String(selected));
    set(row, "aria-level", looks.twists ? String(line.depth + 1) : null);
    set(row, "aria-expanded", line.children ? String(line.open) : null);
    this.fillName(slot, line, selected);
    this.fillCells(slot.pinned, looks.pinned, row, line);
    this.fillCells(slot.cells, looks.seen, rest, line);
    slot.at = at;
  }

  private fillName(slot: Slot, line: Line, selected: boolean): void {
    const { table, colours, first, twists } = this.looks!;
    const { name, box } = slot;
    const id = table.ids[line.row];
    const text = line.group?.value ?? (table.names[line.row] || id);
    (name.parentElement as HTMLElement).style.width = `${first}px`;
    if (slot.label.data !== text) slot.label.data = text;
    name.classList.toggle("long", atMost(text) > first - 130 - line.depth * 16);
    if (line.group) name.removeAttribute("href");
    else name.setAttribute("href", runHref(id));
    name.removeAttribute("title");
    slot.pick.hidden = !!line.group;
    if (!line.group) {
      box.checked = selected;
      box.setAttribute("aria-label", `Select ${text}`);
    }
    const indent = line.depth * 16 + (twists && !line.children ? 24 : 0);
    const before = partOf(slot, "indent", indent > 0, () => make("span", "indent"));
    if (before) before.style.width = `${indent}px`;
    const twist = partOf(slot, "twist", line.children > 0, makeTwist);
    if (twist) {
      twist.classList.toggle("open", line.open);
      twist.setAttribute("aria-label", `${line.open ? "Close" : "Open"} ${text}`);
    }
    const style = line.group ? undefined : colours?.get(id);
    const swatch = partOf(slot, "swatch", !!style, () => make("span", "swatch-box"));
    if (style) swatch!.replaceChildren(copyOf(`${style.colour} ${style.dash}`, () => h(Swatch, { of: style })));
    const badge = partOf(slot, "badge", line.children > 0, () => make("span", "badge"));
    if (badge) badge.textContent = line.group ? plural(line.children, "run") : String(line.children);
  }

  /** Writes the cells of a row. When the view moves sideways, those that left it go to the other end:
   * the others stay as they are, and all in the order in which they are read. */
  private fillCells(cells: Cell[], places: Place[], into: HTMLElement, line: Line): void {
    for (const cell of cells.splice(places.length)) cell.element.remove();
    while (cells.length < places.length) {
      const element = make("div", "cell", "gridcell");
      const text = document.createTextNode("");
      element.append(text);
      into.append(element);
      cells.push({ element, text, place: null, status: "", written: "", look: "cell", heat: "" });
    }
    const by = cells[0]?.place ? places[0].index - cells[0].place.index : 0;
    if (by > 0 && by < cells.length) {
      const moved = cells.splice(0, by);
      into.append(...moved.map((cell) => cell.element));
      cells.push(...moved);
    } else if (by < 0 && -by < cells.length) {
      const moved = cells.splice(by);
      cells[0].element.before(...moved.map((cell) => cell.element));
      cells.unshift(...moved);
    }
    places.forEach((place, i) => {
      const cell = cells[i];
      if (cell.place !== place) {
        cell.place = place;
        cell.element.style.width = `${place.width}px`;
        cell.element.setAttribute("aria-colindex", String(place.index + 2));
      }
      cell.element.removeAttribute("title"); // it is of another run now
      this.fillCell(cell, place, line);
    });
  }

  private fillCell(cell: Cell, { column, width }: Place, line: Line): void {
    const { table, heat } = this.looks!;
    const { row } = line;
    let text = "";
    let look = isRight(column) ? "cell num" : "cell";
    let status = "";
    let warmth = "";
    if (line.group) {
      const found = column.numbers && column.kind !== "info" ? summary(column, line.group.rows) : null;
      if (found) text = number(found.mean);
    } else if (column.id === "status") {
      status = statusOf(table, row);
    } else if (column.id === "start_time") {
      text = ago(table.start[row]);
      look += " dim";
    } else if (column.id === "duration") {
      const running = table.statusOf[row] === "RUNNING";
      text = duration(running ? Date.now() - table.start[row] : column.numbers![row]);
    } else if (column.has && !column.has[row]) {
      text = "–";
      look += " missing";
    } else {
      text = column.texts ? (column.texts[row] ?? "") : number(column.numbers![row]);
      if (column.id === "run_id") look += " mono";
      const kind = heat.get(column.id);
      if (kind && column.numbers) {
        look += ` with-${kind}`;
        warmth = `${Math.round(part(column, column.numbers[row]) * 100)}%`;
      }
    }
    if (status ? width < 100 : atMost(text) > width - 16) look += " long";
    if (cell.look !== look) cell.element.className = cell.look = look;
    if (cell.heat !== warmth) cell.element.style.setProperty("--part", (cell.heat = warmth));
    if (cell.status !== status) {
      cell.element.replaceChildren(status ? iconOf(status) : cell.text);
      cell.status = status;
    }
    if (cell.written !== text) cell.text.data = cell.written = text;
  }
}
