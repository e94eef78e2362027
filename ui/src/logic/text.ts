// Pieces of long texts as lines, and the colours of terminals. No DOM.

/** A stretch of a file as lines. `first` is the number of its first line, null where the lines before
 * were not read. `rest` is what follows the last line break. */
export interface Stretch {
  from: number; // bytes
  to: number;
  total: number;
  first: number | null;
  lines: string[];
  rest: Uint8Array;
}

const BREAK = 10;
const MOST_LINES = 400_000;

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** What a terminal would show of a line in the end: a progress bar writes over itself. */
const overwritten = (line: string) => line.replace(/\r+$/, "").replace(/^.*\r(?=.)/s, "");

function split(bytes: Uint8Array): { lines: string[]; rest: Uint8Array } {
  const end = bytes.lastIndexOf(BREAK) + 1;
  const text = new TextDecoder().decode(bytes.subarray(0, end));
  const lines = text.split("\n");
  lines.pop();
  return { lines: lines.map(overwritten), rest: bytes.slice(end) };
}

/** The lines of the first bytes that were read. From within a file, the line that was cut is left out. */
export function stretch(bytes: Uint8Array, from: number, total: number): Stretch {
  const skipped = from ? bytes.indexOf(BREAK) + 1 : 0;
  return {
    from: from + skipped,
    to: from + bytes.length,
    total,
    first: from ? null : 1,
    ...split(bytes.subarray(skipped)),
  };
}

/** With the bytes that follow. What is far before is let go. */
export function longer(before: Stretch, bytes: Uint8Array, total: number): Stretch {
  const { lines, rest } = split(joined(before.rest, bytes));
  const all = before.lines.concat(lines);
  const dropped = all.length > MOST_LINES ? all.length - MOST_LINES : 0;
  return {
    ...before,
    rest,
    total,
    to: before.to + bytes.length,
    lines: dropped ? all.slice(dropped) : all,
    first: before.first === null ? null : before.first + dropped,
  };
}

/** The lines to be shown: also the last one, if it has no end yet. */
export function shownLines({ lines, rest }: Stretch): string[] {
  return rest.length ? [...lines, overwritten(new TextDecoder().decode(rest))] : lines;
}

const ESCAPES = /\x1b\[([0-9;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[@-Z\\-_]/g;

export const plain = (line: string): string => (line.includes("\x1b") ? line.replace(ESCAPES, "") : line);

export interface Span {
  text: string;
  colour: number | null; // 0 to 15
  bold: boolean;
}

/** A line with the colours that its escape sequences say; other sequences are left out. */
export function coloured(line: string): Span[] {
  if (!line.includes("\x1b")) return [{ text: line, colour: null, bold: false }];
  const spans: Span[] = [];
  let [place, colour, bold]: [number, number | null, boolean] = [0, null, false];
  const add = (end: number) => {
    if (end > place) spans.push({ text: line.slice(place, end), colour, bold });
  };
  for (const found of line.matchAll(ESCAPES)) {
    add(found.index);
    place = found.index + found[0].length;
    if (found[2] !== "m") continue;
    const codes = found[1].split(";").map(Number);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i];
      if (code === 0) [colour, bold] = [null, false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code >= 30 && code <= 37) colour = code - 30;
      else if (code >= 90 && code <= 97) colour = code - 82;
      else if (code === 39) colour = null;
      else if (code === 38) {
        colour = codes[i + 1] === 5 && codes[i + 2] < 16 ? codes[i + 2] : null;
        i += codes[i + 1] === 5 ? 2 : 4;
      } else if (code === 48) i += codes[i + 1] === 5 ? 2 : 4;
    }
  }
  add(line.length);
  return spans;
}
