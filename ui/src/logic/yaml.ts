// The YAML that programs write of plain data, as MLmodel files have it: maps and lists by indentation, scalars
// plain or quoted. No anchors, no types, of flow style only [] and {}.

interface Line {
  indent: number;
  text: string;
}

const KEY = /^('(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[^\s'"#[\]{}][^#]*?):(?:\s+(.*))?$/;

export function parseYaml(text: string): unknown {
  const lines = text.split(/\r?\n/).flatMap((line): Line[] => {
    const content = line.trimStart();
    if (/^(#|---|%|\.\.\.$)/.test(content)) return [];
    return [{ indent: line.length - content.length, text: content.trimEnd() }];
  });
  return new Reader(lines).block(0);
}

class Reader {
  private at = 0;
  constructor(private readonly lines: Line[]) {}

  /** The next line that is not empty. */
  private peek(): Line | null {
    while (this.at < this.lines.length && !this.lines[this.at].text) this.at++;
    return this.lines[this.at] ?? null;
  }

  /** A map, a list or a scalar whose lines are indented by so much or more. */
  block(least: number): unknown {
    const line = this.peek();
    if (!line || line.indent < least) return null;
    if (line.text === "-" || line.text.startsWith("- ")) return this.list(line.indent);
    if (KEY.test(line.text)) return this.map(line.indent);
    this.at++;
    return this.scalar(line.text, line.indent - 1);
  }

  private list(indent: number): unknown[] {
    const found: unknown[] = [];
    for (let line = this.peek(); line?.indent === indent && /^-( |$)/.test(line.text); line = this.peek()) {
      const rest = line.text.slice(1).trimStart();
      if (!rest) {
        this.at++;
        found.push(this.block(indent + 1));
      } else {
        this.lines[this.at] = { indent: indent + line.text.length - rest.length, text: rest };
        found.push(this.block(indent + 1));
      }
    }
    return found;
  }

  private map(indent: number): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    for (let line = this.peek(); line?.indent === indent; line = this.peek()) {
      const [, key, rest = ""] = KEY.exec(line.text) ?? [];
      if (key === undefined) throw new Error(`This line is no key with a value: ${line.text.slice(0, 60)}`);
      this.at++;
      found[String(plain(key))] = rest ? this.scalar(rest, indent) : this.below(indent);
    }
    return found;
  }

  /** What stands below a key: a list may be indented as the key is. */
  private below(indent: number): unknown {
    const line = this.peek();
    if (line?.indent === indent && /^-( |$)/.test(line.text)) return this.list(indent);
    return this.block(indent + 1);
  }

  private scalar(first: string, indent: number): unknown {
    if (/^[|>][-+]?\d*$/.test(first)) return this.literal(first, indent);
    const quote = first[0];
    const isQuoted = quote === "'" || quote === '"';
    const parts = [first];
    while (this.at < this.lines.length) {
      const line = this.lines[this.at];
      if (isQuoted ? isClosed(parts, quote) : line.text && line.indent <= indent) break;
      if (!isQuoted && !line.text) {
        const next = this.lines.slice(this.at).find((each) => each.text);
        if (!next || next.indent <= indent) break;
      }
      parts.push(line.text);
      this.at++;
    }
    return plain(folded(parts));
  }

  private literal(style: string, indent: number): string {
    const parts: Line[] = [];
    while (this.at < this.lines.length) {
      const line = this.lines[this.at];
      if (line.text && line.indent <= indent) break;
      parts.push(line);
      this.at++;
    }
    const least = Math.min(...parts.filter((line) => line.text).map((line) => line.indent));
    const lines = parts.map((line) => " ".repeat(Math.max(0, line.indent - least)) + line.text);
    while (lines.at(-1) === "") lines.pop();
    return (style[0] === "|" ? lines.join("\n") : folded(lines)) + (style.includes("-") ? "" : "\n");
  }
}

/** Whether a quoted text ends in what was read of it. */
function isClosed(parts: string[], quote: string): boolean {
  const text = parts.join("\n");
  return quote === "'" ? /^'(?:[^']|'')*'$/.test(text) : /^"(?:[^"\\]|\\[\s\S])*"$/.test(text);
}

/** Lines of one scalar: a line break is a space, an empty line is a line break, \ joins. */
function folded(parts: string[]): string {
  let text = parts[0];
  for (let i = 1; i < parts.length; i++) {
    if (!parts[i]) text += "\n";
    else if (/(^|[^\\])(\\\\)*\\$/.test(text)) text = text.slice(0, -1) + parts[i];
    else text += (text.endsWith("\n") ? "" : " ") + parts[i];
  }
  return text;
}

const CODES = { n: 10, t: 9, r: 13, a: 7, b: 8, v: 11, f: 12, "0": 0, e: 27, N: 0x85, _: 0xa0, L: 0x2028, P: 0x2029 };
const ESCAPES = new Map(Object.entries(CODES).map(([letter, code]) => [letter, String.fromCharCode(code)]));

function plain(text: string): unknown {
  if (text[0] === "'" && text.length > 1) return text.slice(1, -1).replaceAll("''", "'");
  if (text[0] === '"' && text.length > 1)
    return text
      .slice(1, -1)
      .replace(/\\(x[\da-f]{2}|u[\da-f]{4}|U[\da-f]{8}|[\s\S])/gi, (_, code: string) =>
        code.length > 1 ? String.fromCodePoint(Number.parseInt(code.slice(1), 16)) : (ESCAPES.get(code) ?? code),
      );
  const bare = text.replace(/\s+#.*$/, "");
  if (/^(null|~|)$/i.test(bare)) return null;
  if (/^(true|false)$/i.test(bare)) return bare.toLowerCase() === "true";
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(bare)) return Number(bare);
  if (bare === "[]") return [];
  if (bare === "{}") return {};
  return bare;
}
