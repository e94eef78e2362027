// The filter language, as far as completing and marking it needs: what stands where the cursor is.
// The server reads filters; this never decides whether one is right.

export type Expected =
  | { kind: "field"; text: string; from: number; to: number }
  | { kind: "value"; field: Field; text: string; from: number; to: number }
  | { kind: "operator"; field: Field | null; text: string; from: number; to: number }
  | { kind: "join"; text: string; from: number; to: number };

export interface Field {
  kind: "metrics" | "params" | "tags" | "attribute";
  key: string;
}

interface Token {
  type: "word" | "text" | "operator" | "punctuation";
  text: string;
  from: number;
  to: number;
}

const TOKEN = /\s+|'(?:[^']|'')*'?|(?:[\w./-]|`(?:[^`]|``)*`?|"(?:[^"]|"")*"?)+|!=|<=|>=|[=<>]|[(),]|./gs;

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const [part] = match;
    if (!part.trim()) continue;
    const from = match.index;
    const type = part.startsWith("'")
      ? "text"
      : /^[!<>=]/.test(part)
        ? "operator"
        : /^[(),]$/.test(part)
          ? "punctuation"
          : "word";
    found.push({ type, text: part, from, to: from + part.length });
  }
  return found;
}

const JOINS = ["and", "or"];
const COMPARES = ["like", "ilike", "in", "between", "is", "not"];
export const ATTRIBUTES = ["status", "run_name", "start_time", "end_time", "duration", "user_id", "run_id"];
export const STATUSES = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"];

export function field(text: string): Field {
  const inside = text.replace(/^(last|min|max|first|count)\(/i, "");
  const match = /^(metric|param|parameter|tag)s?\.(.*)$/is.exec(inside);
  if (!match) return { kind: "attribute", key: inside.replace(/^(attributes?|attr|run)\./i, "") };
  const kinds = { metric: "metrics", param: "params", parameter: "params", tag: "tags" } as const;
  return { kind: kinds[match[1].toLowerCase() as keyof typeof kinds], key: unquote(match[2]) };
}

export function unquote(key: string): string {
  const quote = key[0];
  if (quote !== "`" && quote !== '"') return key;
  return key.slice(1, key.endsWith(quote) ? -1 : undefined).replaceAll(quote + quote, quote);
}

/** A key as the language wants it: plain, or in back-ticks. */
export const quoted = (key: string) => (/^[\w./-]+$/.test(key) ? key : `\`${key.replaceAll("`", "``")}\``);

export const literal = (value: string) => `'${value.replaceAll("'", "''")}'`;

/** What may stand at the cursor: a field, an operator, a value, or a word that joins. */
export function expected(text: string, cursor: number): Expected {
  const before = tokens(text.slice(0, cursor));
  const last = before.at(-1);
  const typing = last && last.to === cursor && last.type !== "punctuation" && last.type !== "operator";
  const done = typing ? before.slice(0, -1) : before;
  const [from, word] = typing ? [last.from, last.text] : [cursor, ""];
  const to = typing ? from + (/^[\w./-]*/.exec(text.slice(from))?.[0].length ?? 0) : cursor;
  const at = { text: word, from, to: Math.max(to, cursor) };

  let state: "field" | "operator" | "value" | "join" = "field";
  let subject: Field | null = null;
  let pending = 0; // values that are still to come
  let list = false;
  for (const token of done) {
    const lower = token.text.toLowerCase();
    if (state === "field") {
      if (lower === "not" || token.text === "(") continue;
      if (/^(last|min|max|first|count)$/i.test(token.text)) continue; // min(
      subject = field(token.text);
      state = "operator";
    } else if (state === "operator") {
      if (token.text === ")" || lower === "not") continue;
      state = "value";
      pending = lower === "between" ? 2 : 1;
      list = lower === "in";
    } else if (state === "value") {
      if (list) {
        if (token.text === ")") state = "join";
        continue;
      }
      if (lower === "not") continue; // IS NOT NULL
      if (lower === "and" && pending === 1) continue;
      if (--pending <= 0) state = "join";
    } else if (JOINS.includes(lower)) {
      state = "field";
      subject = null;
    }
  }
  if (state === "value") return { kind: "value", field: subject!, ...at };
  if (state === "operator") return { kind: "operator", field: subject, ...at };
  return { kind: state, ...at };
}

export function operators(subject: Field | null): string[] {
  const isNumber = subject?.kind === "metrics" || /^(start_time|end_time|duration)$/.test(subject?.key ?? "");
  return isNumber
    ? ["<", "<=", ">", ">=", "=", "!=", "BETWEEN", "IS NOT NULL", "IS NULL"]
    : ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NOT NULL", "IS NULL"];
}

/** The filter that typed text means: plain words are looked for in the name. */
export function toFilter(typed: string): string {
  const text = typed.trim();
  if (!text || isFilter(text)) return text;
  return text
    .split(/\s+/)
    .map((word) => `run_name ILIKE ${literal(`%${word}%`)}`)
    .join(" AND ");
}

export function isFilter(text: string): boolean {
  const found = tokens(text);
  return found.some(
    ({ type, text }, i) =>
      type === "operator" || (i > 0 && COMPARES.includes(text.toLowerCase())) || text.includes("."),
  );
}

/** `typed` and one more condition. */
export function and(typed: string, condition: string): string {
  const text = toFilter(typed);
  if (!text) return condition;
  return /\bor\b/i.test(text) ? `(${text}) AND ${condition}` : `${text} AND ${condition}`;
}

/** `typed` without a condition that was added before. */
export function without(typed: string, condition: string): string {
  const at = typed.indexOf(condition);
  if (at < 0) return typed;
  const before = typed.slice(0, at).replace(/\s*AND\s*$/i, "");
  const after = typed.slice(at + condition.length).replace(/^\s*AND\s*/i, "");
  return [before, after].filter(Boolean).join(" AND ").trim();
}
