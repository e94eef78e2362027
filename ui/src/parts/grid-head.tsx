// The head of the table of runs: sorting, dragging, the width and the menu of each column.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Column } from "../logic/columns.ts";
import { Button, Item } from "./basic.tsx";
import type { GridProps, Heat } from "./grid.tsx";
import { textsOf, widest, widthOf } from "./grid-layout.ts";
import { Icon } from "./icon.tsx";
import { isRight, type Place } from "./virtual-rows.ts";

function titleOf(column: Column): string {
  const note = column.differs ? "" : " (the same in all runs)";
  return (column.kind === "info" ? column.label : column.id) + note;
}

export function Head({
  column,
  left,
  width,
  index,
  order,
  on,
  open,
}: Place & Pick<GridProps, "order" | "on"> & { open: (button: Element) => void }) {
  const [drop, setDrop] = useState(false);
  const by = order.find((each) => each.id === column.id);
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      aria-sort={by ? (by.descending ? "descending" : "ascending") : "none"}
      class={`th ${isRight(column) ? "num" : ""} ${drop ? "drop" : ""}`}
      style={{ left: `${left}px`, width: `${width}px` }}
      draggable
      onDragStart={(event) => event.dataTransfer!.setData("text/plain", column.id)}
      onDragOver={(event) => (event.preventDefault(), setDrop(true))}
      onDragLeave={() => setDrop(false)}
      onDrop={(event) => {
        event.preventDefault();
        setDrop(false);
        on.move(event.dataTransfer!.getData("text/plain"), column.id);
      }}
    >
      <button type="button" class="sort" title={titleOf(column)} onClick={(event) => on.sort(column, event.shiftKey)}>
        <span class="clip">{column.label}</span>
        {by && <Icon name={by.descending ? "sortDown" : "sortUp"} size={12} />}
      </button>
      <button
        type="button"
        class="more"
        aria-label={`Column ${column.label}`}
        aria-haspopup="dialog"
        onClick={(event) => open(event.currentTarget)}
      >
        <Icon name="down" size={12} />
      </button>
      <Grip
        width={width}
        resize={(to) => on.resize(column.id, to)}
        fit={() => on.resize(column.id, widest(column.label, textsOf(column)))}
      />
    </div>
  );
}

/** What can be done with a column: all that dragging and double clicks do, too. */
export function HeadMenu({
  column,
  left,
  top,
  pinned,
  widths,
  heat,
  order,
  on,
  close,
}: GridProps & { column: Column; left: number; top: number; close: () => void }) {
  const panel = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    panel.current!.querySelector("button")!.focus();
    const outside = (event: Event) => panel.current?.contains(event.target as Node) || close();
    addEventListener("pointerdown", outside);
    return () => {
      removeEventListener("pointerdown", outside);
      if (!document.activeElement || document.activeElement === document.body) before?.focus();
    };
  }, [column.id]);
  const { id } = column;
  const numeric = column.numbers && column.kind !== "info";
  const width = widthOf(column, widths);
  const by = order.find((each) => each.id === id);
  const does = (action: () => void) => () => (close(), action());
  const warmth = (kind: Heat, label: string) => (
    <Item
      icon={heat.get(id) === kind ? "check" : "chart"}
      onClick={does(() => on.heat(id, heat.get(id) === kind ? null : kind))}
    >
      {label}
    </Item>
  );
  return (
    <div
      class="panel over"
      role="dialog"
      aria-label={`Column ${column.label}`}
      ref={panel}
      style={{ left: `${left}px`, top: `${top}px` }}
      onKeyDown={(event) => event.key === "Escape" && (event.stopPropagation(), close())}
    >
      <Item icon={by && !by.descending ? "check" : "sortUp"} onClick={does(() => on.sort(column, false, false))}>
        Sort ascending
      </Item>
      <Item icon={by?.descending ? "check" : "sortDown"} onClick={does(() => on.sort(column, false, true))}>
        Sort descending
      </Item>
      <hr />
      <Item icon={pinned.has(id) ? "check" : "pin"} onClick={does(() => on.pin(id))}>
        {pinned.has(id) ? "Pinned" : "Pin"}
      </Item>
      <Item icon="close" onClick={does(() => on.hide(id))}>
        Hide
      </Item>
      {numeric && warmth("bar", "Bars")}
      {numeric && warmth("tint", "Heat")}
      <hr />
      <div class="side">
        <span class="grow dim small" style={{ paddingLeft: "8px" }}>
          Move
        </span>
        <Button plain label="Move left" onClick={() => on.move(id, -1)}>
          ←
        </Button>
        <Button plain label="Move right" onClick={() => on.move(id, 1)}>
          →
        </Button>
      </div>
      <div class="side">
        <span class="grow dim small" style={{ paddingLeft: "8px" }}>
          Width
        </span>
        <Button plain label="Narrower" onClick={() => on.resize(id, Math.max(48, width - 24))}>
          −
        </Button>
        <Button plain label="Wider" onClick={() => on.resize(id, width + 24)}>
          +
        </Button>
        <Button plain onClick={does(() => on.resize(id, widest(column.label, textsOf(column))))}>
          Fit
        </Button>
      </div>
    </div>
  );
}

export function Grip({ width, resize, fit }: { width: number; resize: (to: number) => void; fit: () => void }) {
  const drag = (event: PointerEvent) => {
    event.preventDefault();
    event.stopPropagation();
    const start = event.clientX;
    const target = event.currentTarget as HTMLElement;
    target.setPointerCapture(event.pointerId);
    const move = (event: PointerEvent) => resize(Math.max(48, Math.round(width + event.clientX - start)));
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", () => target.removeEventListener("pointermove", move), { once: true });
  };
  return (
    <span
      class="grip"
      aria-hidden="true"
      onPointerDown={drag}
      onDblClick={fit}
      draggable
      onDragStart={(event) => (event.preventDefault(), event.stopPropagation())}
    />
  );
}
