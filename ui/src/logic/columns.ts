// Tables of runs as the server sends them: columns, decoded once, read by position.

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const direct = (Uint8Array as any).fromBase64;
  if (direct) return direct(text);
  const raw = atob(text);
  const found = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) found[i] = raw.charCodeAt(i);
  return found;
}

/** Doubles travel as base64: the first byte of each, then the second of each and so on, little-endian. */
export function doubles(text: string): Float64Array {
  const data = bytes(text);
  const found = new Uint8Array(data.length);
  const count = data.length / 8;
  let from = 0;
  for (let place = 0; place < 8; place++) {
    for (let at = place; from < (place + 1) * count; at += 8) found[at] = data[from++];
  }
  return new Float64Array(found.buffer);
}

/** Whole numbers travel as differences. Exact up to 2^53, which is enough for steps and times. */
export function integers(differences: number[]): Float64Array {
  const found = new Float64Array(differences.length);
  let sum = 0;
  for (let i = 0; i < found.length; i++) found[i] = sum += differences[i];
  return found;
}

export type Kind = "info" | "metrics" | "params" | "tags";

/** A column of a table: `numbers` where it has numbers, texts where it was text. A number that is
 * missing has has[row] 0; NaN is a value like others. */
/** Tags that the tracker sets, not the user. */
export const isSystemTag = (key: string) => /^(mlflow|runlog)\./.test(key);

export interface Column {
  id: string;
  kind: Kind;
  key: string;
  label: string;
  differs: boolean;
  everywhere: boolean;
  has: Uint8Array | null; // null: every run
  numbers: Float64Array | null;
  texts: (string | undefined)[] | null;
}

export interface Table {
  size: number;
  ancestors: number;
  total: number;
  statuses: Record<string, number>;
  logged: Record<string, number>; // when a running run last logged a metric
  cursor: string;
  token: string | null;
  ids: string[];
  names: string[];
  experiments: string[];
  users: string[];
  statusOf: string[];
  deleted: boolean[];
  start: Float64Array;
  end: Float64Array; // NaN: not ended
  columns: Map<string, Column>;
  rowOf: Map<string, number>;
}

export const PARENT = "tags.mlflow.parentRunId";
export const AGGREGATES = ["last", "min", "max", "first", "count", "last_step", "min_step", "max_step"];

function spread<T>(values: ArrayLike<T>, runs: Float64Array | null, size: number, into: any): any {
  if (!runs) return values;
  for (let i = 0; i < runs.length; i++) into[runs[i]] = values[i];
  void size;
  return into;
}

function mask(runs: Float64Array | null, size: number): Uint8Array | null {
  if (!runs) return null;
  const has = new Uint8Array(size);
  for (const run of runs) has[run] = 1;
  return has;
}

/** The numbers that texts say, if all of them do. */
export function numbersOf(texts: (string | undefined)[]): Float64Array | null {
  const found = new Float64Array(texts.length).fill(NaN);
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i];
    if (text === undefined) continue;
    const number = text.trim() === "" ? NaN : Number(text);
    if (number !== number) return null;
    found[i] = number;
  }
  return found;
}

export function decode(answer: any): Table {
  const { runs } = answer;
  const size: number = runs.run_id.length;
  const columns = new Map<string, Column>();
  for (const metric of answer.metrics ?? []) {
    const at = metric.runs ? integers(metric.runs) : null;
    const has = mask(at, size);
    for (const aggregate of AGGREGATES) {
      if (metric[aggregate] === undefined) continue;
      const whole = aggregate === "count" || aggregate.endsWith("_step");
      const values = (whole ? integers : doubles)(metric[aggregate]);
      const plain = aggregate === "last";
      const id = plain ? `metrics.${metric.key}` : `${aggregate}(metrics.${metric.key})`;
      columns.set(id, {
        id,
        kind: "metrics",
        key: metric.key,
        label: plain ? metric.key : `${aggregate.replace("_", " ")} ${metric.key}`,
        differs: metric.differs,
        everywhere: !at,
        has,
        numbers: spread(values, at, size, new Float64Array(size)),
        texts: null,
      });
    }
  }
  for (const kind of ["params", "tags"] as const) {
    for (const each of answer[kind] ?? []) {
      const at = each.runs ? integers(each.runs) : null;
      const texts = spread<string>(each.values ?? [], at, size, new Array(size));
      const id = `${kind}.${each.key}`;
      columns.set(id, {
        id,
        kind,
        key: each.key,
        label: each.key,
        differs: each.differs,
        everywhere: !at,
        has: mask(at, size),
        numbers: kind === "params" ? numbersOf(texts) : null,
        texts,
      });
    }
  }
  const ids: string[] = runs.run_id;
  return {
    size,
    ancestors: answer.ancestors,
    total: answer.total,
    statuses: answer.statuses,
    logged: answer.last_logged ?? {},
    cursor: answer.cursor,
    token: answer.next_page_token ?? null,
    ids,
    names: runs.run_name,
    experiments: runs.experiment_id,
    users: runs.user_id,
    statusOf: runs.status,
    deleted: runs.lifecycle_stage.map((stage: string) => stage === "deleted"),
    start: Float64Array.from(runs.start_time),
    end: Float64Array.from(runs.end_time, (time: number | null) => time ?? NaN),
    columns,
    rowOf: new Map(ids.map((id, row) => [id, row])),
  };
}

const SILENT = 3600_000; // ms

/** The status of a row as it is shown: a running run that logged nothing for an hour is stale. */
export function statusOf(table: Table, row: number, now = Date.now()): string {
  const status = table.statusOf[row];
  const last = Math.max(table.start[row], table.logged[table.ids[row]] ?? 0);
  return status === "RUNNING" && now - last > SILENT ? "STALE" : status;
}

/** `more` added to `table`: runs that are there are replaced, new ones come first (`before`) or
 * last. What the ancestors at the end of a table are is kept. */
export function merge(table: Table, more: Table, before = true): Table {
  const fresh: number[] = [];
  more.ids.forEach((id, row) => {
    if (!table.rowOf.has(id)) fresh.push(row);
  });
  const matched = table.size - table.ancestors;
  const old = (row: number) => [0, row] as const;
  const added = fresh.map((row) => [1, row] as const);
  const kept = table.ids.map((id, row) => {
    const now = more.rowOf.get(id);
    return now === undefined ? old(row) : ([1, now] as const);
  });
  const order = before ? [...added, ...kept] : [...kept.slice(0, matched), ...added, ...kept.slice(matched)];
  const both = [table, more];
  const pick = <T>(of: (table: Table) => ArrayLike<T>) => {
    const [a, b] = [of(table), of(more)];
    return order.map(([which, row]) => (which ? b : a)[row]);
  };
  const columns = new Map<string, Column>();
  for (const id of new Set([...table.columns.keys(), ...more.columns.keys()])) {
    const [a, b] = both.map((each) => each.columns.get(id));
    const has = new Uint8Array(order.length);
    const numbers = (a ?? b)!.numbers ? new Float64Array(order.length) : null;
    const texts: (string | undefined)[] | null = (a ?? b)!.texts ? new Array(order.length) : null;
    order.forEach(([which, row], i) => {
      const from = which ? b : a;
      if (!from || (from.has && !from.has[row])) return;
      has[i] = 1;
      if (numbers && from.numbers) numbers[i] = from.numbers[row];
      if (texts && from.texts) texts[i] = from.texts[row];
    });
    const everywhere = has.every(Boolean);
    const stillNumbers = texts && numbers ? numbersOf(texts) : numbers;
    columns.set(id, {
      ...(a ?? b)!,
      differs: !!(a?.differs || b?.differs || !everywhere || (a && b && varies(texts ?? numbers!))),
      everywhere,
      has: everywhere ? null : has,
      numbers: stillNumbers,
      texts,
    });
  }
  const ids = pick((each) => each.ids);
  return {
    ...table,
    size: order.length,
    total: more.total,
    statuses: more.statuses,
    logged: { ...table.logged, ...more.logged },
    cursor: more.cursor,
    token: before ? table.token : more.token,
    ids,
    names: pick((each) => each.names),
    experiments: pick((each) => each.experiments),
    users: pick((each) => each.users),
    statusOf: pick((each) => each.statusOf),
    deleted: pick((each) => each.deleted),
    start: Float64Array.from(pick((each) => each.start)),
    end: Float64Array.from(pick((each) => each.end)),
    columns,
    rowOf: new Map(ids.map((id, row) => [id, row])),
  };
}

/** The runs of a table whose names have all the words, as the server would find them, and their
 * ancestors at the end. */
export function narrowed(table: Table, words: string[]): Table {
  const patterns = words.map((word) => {
    const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return new RegExp(escaped.replaceAll("%", ".*").replaceAll("_", "."), "is");
  });
  const fits = (row: number) => patterns.every((each) => each.test(table.names[row]));
  const matching = table.ids.flatMap((_, row) => (fits(row) ? [row] : []));
  const found = new Set(matching);
  const parents = table.columns.get(PARENT);
  for (const row of found) {
    const above = parents?.texts?.[row] === undefined ? undefined : table.rowOf.get(parents.texts[row]!);
    if (above !== undefined) found.add(above); // a set goes on with what is added to it
  }
  const rows = [...found];
  return {
    ...some(table, rows),
    ancestors: rows.length - matching.length,
    total: matching.length,
    statuses: tally(table, matching),
  };
}

/** A table without some of its runs. */
export function lacking(table: Table, gone: Set<string>): Table {
  const matched = table.size - table.ancestors;
  const rows = table.ids.flatMap((id, row) => (gone.has(id) ? [] : [row]));
  const left = table.ids.flatMap((id, row) => (gone.has(id) && row < matched ? [row] : []));
  const less = tally(table, left);
  const statuses = Object.fromEntries(
    Object.entries(table.statuses).map(([status, many]) => [status, many - (less[status] ?? 0)]),
  );
  return {
    ...some(table, rows),
    ancestors: rows.filter((row) => row >= matched).length,
    total: table.total - left.length,
    statuses,
  };
}

/** A table in which runs have these values of a tag; undefined: they do not have it. */
export function tagged(table: Table, key: string, values: Map<string, string | undefined>): Table {
  const id = `tags.${key}`;
  const before = table.columns.get(id)?.texts;
  const texts = table.ids.map((run, row) => (values.has(run) ? values.get(run) : before?.[row]));
  const has = Uint8Array.from(texts, (text) => Number(text !== undefined));
  const everywhere = has.every(Boolean);
  const column: Column = {
    id,
    kind: "tags",
    key,
    label: key,
    differs: varies(texts),
    everywhere,
    has: everywhere ? null : has,
    numbers: null,
    texts,
  };
  return { ...table, columns: new Map(table.columns).set(id, column) };
}

function tally(table: Table, rows: number[]): Record<string, number> {
  const statuses: Record<string, number> = {};
  for (const row of rows) statuses[table.statusOf[row]] = (statuses[table.statusOf[row]] ?? 0) + 1;
  return statuses;
}

/** Some rows of a table, in this order. */
function some(table: Table, rows: number[]): Table {
  const pick = <T>(values: T[]) => rows.map((row) => values[row]);
  const reals = (values: Float64Array) => Float64Array.from(rows, (row) => values[row]);
  const columns = [...table.columns].map(([id, column]): [string, Column] => {
    const { has, numbers, texts } = column;
    return [
      id,
      {
        ...column,
        has: has && Uint8Array.from(rows, (row) => has[row]),
        numbers: numbers && reals(numbers),
        texts: texts && pick(texts),
      },
    ];
  });
  const ids = pick(table.ids);
  return {
    ...table,
    size: rows.length,
    ids,
    names: pick(table.names),
    experiments: pick(table.experiments),
    users: pick(table.users),
    statusOf: pick(table.statusOf),
    deleted: pick(table.deleted),
    start: reals(table.start),
    end: reals(table.end),
    columns: new Map(columns),
    rowOf: new Map(ids.map((id, row) => [id, row])),
  };
}

function varies(values: ArrayLike<unknown>): boolean {
  for (let i = 1; i < values.length; i++) if (!Object.is(values[i], values[0])) return true;
  return false;
}

const INFO: [string, string][] = [
  ["status", "Status"],
  ["start_time", "Started"],
  ["duration", "Duration"],
  ["user_id", "User"],
  ["run_id", "Run ID"],
];

/** The attributes of runs as columns like the others. */
export function infoColumns(table: Table): Column[] {
  return INFO.map(([key, label]) => {
    const numbers =
      key === "start_time"
        ? table.start
        : key === "duration"
          ? table.end.map((end, row) => end - table.start[row])
          : null;
    const texts = { status: table.statusOf, user_id: table.users, run_id: table.ids }[key] ?? null;
    return {
      id: key,
      kind: "info",
      key,
      label,
      differs: key !== "user_id" || varies(table.users),
      everywhere: true,
      has: null,
      numbers,
      texts,
    } satisfies Column;
  });
}
