import { describe, expect, it, test } from "vitest";
import { axisOf, brushed, readBrushes, roundValues, writeBrushes } from "../src/logic/axes.ts";
import { better, byImportance, rank } from "../src/logic/better.ts";
import {
  at,
  confusions,
  itemOf,
  matrixOf,
  nearest,
  panelsOf,
  ratesOf,
  shares,
  stepsOf,
} from "../src/logic/classification.ts";
import { DARK, LIGHT, styles, viridis } from "../src/logic/colours.ts";
import {
  type Column,
  decode,
  integers,
  lacking,
  merge,
  narrowed,
  numbersOf,
  statusOf,
  tagged,
} from "../src/logic/columns.ts";
import { drawing, type Line, type Shown } from "../src/logic/curves.ts";
import { define, definitionOf } from "../src/logic/definitions.ts";
import { kindOf, parseTable, severity, stepOf } from "../src/logic/files.ts";
import { and, expected, field, isFilter, quoted, toFilter, without } from "../src/logic/filter.ts";
import { folders } from "../src/logic/folders.ts";
import { ago, count, duration, number, size, written } from "../src/logic/format.ts";
import { fromMlflow } from "../src/logic/links.ts";
import { registeredOf } from "../src/logic/registered.ts";
import { exampleTable, filesOf, isOf, loggedOf, mlModelOf, typeText, versionOf } from "../src/logic/registry.ts";
import {
  csv,
  flat,
  grouped,
  nextOrder,
  parseOrder,
  part,
  sorted,
  summary,
  tree,
  turns,
  writeOrder,
} from "../src/logic/rows.ts";
import {
  append,
  band,
  byPrefix,
  central,
  course,
  gaussian,
  join,
  measured,
  nanPlace,
  panels,
  pointsOf,
  rankCorrelation,
  type Series,
  smooth,
} from "../src/logic/series.ts";
import { svg } from "../src/logic/svg.ts";
import { coloured, longer, plain, shownLines, stretch } from "../src/logic/text.ts";
import { atMost } from "../src/logic/width.ts";
import { parseYaml } from "../src/logic/yaml.ts";
import { Choice } from "../src/pages/runs/choice.ts";

/** The bytes of numbers as they travel: the first of each, then the second of each... */
function reals(...values: number[]): string {
  const data = new Uint8Array(Float64Array.from(values).buffer);
  return btoa(
    Array.from(data, (_, i) => String.fromCharCode(data[(i % values.length) * 8 + Math.floor(i / values.length)])).join(
      "",
    ),
  );
}
const whole = (...values: number[]) => values.map((value, i) => value - (values[i - 1] ?? 0));

/** A table's answer of runs a, b, c... */
function answer(ids: string[], more: object = {}) {
  const every = (value: unknown) => ids.map(() => value);
  return {
    runs: {
      run_id: ids,
      run_name: ids.map((id) => `run ${id}`),
      experiment_id: every("0"),
      user_id: every("ada"),
      status: every("FINISHED"),
      start_time: ids.map((_, i) => 1000 * i),
      end_time: every(null),
      lifecycle_stage: every("active"),
    },
    ancestors: 0,
    total: ids.length,
    statuses: { FINISHED: ids.length },
    cursor: "[]",
    ...more,
  };
}

function column(values: (number | string | undefined)[], id = "params.x"): Column {
  const texts = values.some((each) => typeof each === "string") ? (values as string[]) : null;
  return {
    id,
    kind: "params",
    key: "x",
    label: "x",
    differs: true,
    everywhere: false,
    has: Uint8Array.from(values, (each) => Number(each !== undefined)),
    numbers: texts ? null : Float64Array.from(values as number[], (each) => each ?? NaN),
    texts,
  };
}

describe("numbers are written with five digits", () => {
  test.each([
    [0.123456789, "0.12346"],
    [1, "1"],
    [1234567, "1234567"],
    [0.00001234, "1.234e−5"],
    [-0.5, "−0.5"],
    [1e300, "1e300"],
    [0, "0"],
    [NaN, "NaN"],
    [Infinity, "∞"],
    [-Infinity, "−∞"],
    [0.1 + 0.2, "0.3"],
  ])("%d", (value, text) => expect(number(value)).toBe(text));
  test.each([
    [250, "250ms"],
    [3200, "3.2s"],
    [61_000, "1m 1s"],
    [3_600_000, "1h"],
    [90_000_000, "1d 1h"],
    [NaN, ""],
  ])("%d ms", (ms, text) => expect(duration(ms)).toBe(text));
  test.each([
    [999, "999 B"],
    [1500, "1.5 kB"],
    [2e9, "2.0 GB"],
  ])("%d bytes", (bytes, text) => expect(size(bytes)).toBe(text));
  it("as the settings say", () => {
    written.digits = 3;
    expect(number(0.123456)).toBe("0.123");
    written.digits = 0;
    expect([number(0.1 + 0.2), number(-1e-7)]).toEqual(["0.30000000000000004", "−1e−7"]);
    written.digits = 5;
  });
  test.each([
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [12345678, "12,345,678"],
    [-1234, "-1,234"],
  ])("%d runs", (value, text) => expect(count(value)).toBe(text));
  it("says how long ago", () => expect(ago(0, 120_000)).toBe("2 min ago"));
});

describe("what is expected at the cursor of a filter", () => {
  test.each([
    ["", "field", ""],
    ["lo", "field", "lo"],
    ["metrics.loss", "field", "metrics.loss"],
    ["metrics.loss ", "operator", ""],
    ["metrics.loss <", "value", ""],
    ["params.a = 'x", "value", "'x"],
    ["params.a = 'x' ", "join", ""],
    ["params.a = 'x' an", "join", "an"],
    ["params.a = 'x' and ", "field", ""],
    ["params.a in ('x', ", "value", ""],
    ["params.a in ('x') ", "join", ""],
    ["a between 1 and ", "value", ""],
    ["a between 1 and 2 ", "join", ""],
    ["tags.`a b", "field", "tags.`a b"],
    ["min(metrics.loss) ", "operator", ""],
    ["not status ", "operator", ""],
    ["a is not null ", "join", ""],
    ["(status = 'x' or ", "field", ""],
  ])("%s|", (text, kind, part) => expect(expected(text, text.length)).toMatchObject({ kind, text: part }));
  it("knows the field of a value", () =>
    expect(expected("tags.`a``b` = ", 14)).toMatchObject({ kind: "value", field: { kind: "tags", key: "a`b" } }));
  it("reads fields", () => {
    expect(field("parameters.lr")).toEqual({ kind: "params", key: "lr" });
    expect(field("attributes.status")).toEqual({ kind: "attribute", key: "status" });
    expect(quoted("val loss")).toBe("`val loss`");
  });
  it("takes plain words for names", () => {
    expect(toFilter("big cat")).toBe("run_name ILIKE '%big%' AND run_name ILIKE '%cat%'");
    expect(toFilter("it's")).toBe("run_name ILIKE '%it''s%'");
    expect(isFilter("status = 'x'")).toBe(true);
    expect(isFilter("like a dog")).toBe(false);
  });
  it("adds and takes away conditions", () => {
    expect(and("a = 1 or b = 2", "c = 3")).toBe("(a = 1 or b = 2) AND c = 3");
    expect(without("a = 1 AND c = 3 AND d = 4", "c = 3")).toBe("a = 1 AND d = 4");
    expect(without("c = 3", "c = 3")).toBe("");
  });
});

it("what a run is judged by comes first", () => {
  const keys = ["gpu", "lr", "train/loss", "val/loss", "loss_dev", "validity_score"];
  expect(keys.map(rank)).toEqual([2, 2, 1, 0, 0, 1]);
  expect(byImportance(keys.map((key) => ({ key }))).map((each) => each.key)).toEqual([
    "val/loss",
    "loss_dev",
    "train/loss",
    "validity_score",
    "gpu",
    "lr",
  ]);
  expect(
    byPrefix(panels(["lr", "train/loss", "train/acc", "val/loss", "val/acc"], false)).map(([prefix]) => prefix),
  ).toEqual(["val", "train", ""]);
});
it("groups are charted in turns", () => {
  const groupOf = (row: number) => (row < 3 ? "a" : "b");
  expect(turns([0, 1, 2, 3, 4], groupOf, 9)).toEqual([0, 3, 1, 4, 2]);
  expect(turns([0, 1, 2, 3, 4], groupOf, 3)).toEqual([0, 3, 1]);
});

it("brushes stand in addresses", () => {
  const brushes = { "params.a,b~c": [0.25, 1] as [number, number], x: [0, 1 / 3] as [number, number] };
  expect(writeBrushes(brushes)).toBe("params.a%2Cb~c~0.25~1,x~0~0.333");
  expect(readBrushes("params.a%2Cb~c~0.25~1,x~0~0.333,y~1")).toEqual({ "params.a,b~c": [0.25, 1], x: [0, 0.333] });
  expect(readBrushes("")).toEqual({});
});

describe("tables", () => {
  it("say which running run is silent", () => {
    const table = decode(answer(["a", "b", "c"], { last_logged: { b: 4_000_000 } }));
    table.statusOf = ["RUNNING", "RUNNING", "FINISHED"];
    expect([0, 1, 2].map((row) => statusOf(table, row, 5_000_000))).toEqual(["STALE", "RUNNING", "FINISHED"]);
  });
  it("are decoded, with what is missing told from NaN", () => {
    const table = decode(
      answer(["a", "b", "c"], {
        metrics: [{ key: "loss", differs: true, runs: whole(0, 2), last: reals(0.5, NaN), min_step: whole(7, -1) }],
        params: [
          { key: "lr", differs: true, values: ["0.1", "0.2", "1e-3"] },
          { key: "m", differs: false, values: ["a", "a", "a"] },
        ],
      }),
    );
    const loss = table.columns.get("metrics.loss")!;
    expect([...loss.has!]).toEqual([1, 0, 1]);
    expect([loss.numbers![0], loss.numbers![2]]).toEqual([0.5, NaN]);
    expect([...table.columns.get("min_step(metrics.loss)")!.numbers!]).toEqual([7, 0, -1]);
    expect([...table.columns.get("params.lr")!.numbers!]).toEqual([0.1, 0.2, 0.001]);
    expect(table.columns.get("params.m")!.numbers).toBeNull();
  });
  it("keep large and negative whole numbers", () => {
    expect([...integers(whole(2 ** 53, -(2 ** 53), -1))]).toEqual([2 ** 53, -(2 ** 53), -1]);
  });
  it("merge: new runs first, known ones replaced", () => {
    const old = decode(answer(["a", "b"], { metrics: [{ key: "loss", differs: false, last: reals(1, 1) }] }));
    const more = decode(answer(["c", "b"], { total: 3, metrics: [{ key: "loss", differs: true, last: reals(3, 2) }] }));
    const both = merge(old, more);
    expect(both.ids).toEqual(["c", "a", "b"]);
    expect([...both.columns.get("metrics.loss")!.numbers!]).toEqual([3, 1, 2]);
    expect(both.columns.get("metrics.loss")!.differs).toBe(true);
    expect(both.total).toBe(3);
    expect(merge(old, more, false).ids).toEqual(["a", "b", "c"]);
  });
  it("are narrowed to names with all words, with their parents at the end", () => {
    const parents = { key: "mlflow.parentRunId", differs: true, runs: whole(1, 2), values: ["a", "b"] };
    const table = decode(
      answer(["a", "b", "c", "d"], {
        tags: [parents],
        metrics: [{ key: "loss", differs: true, last: reals(1, 2, 3, 4) }],
      }),
    );
    const found = narrowed(table, ["RUN", "c"]);
    expect([found.ids, found.ancestors, found.total, found.statuses]).toEqual([["c", "b", "a"], 2, 1, { FINISHED: 1 }]);
    expect([...found.columns.get("metrics.loss")!.numbers!]).toEqual([3, 2, 1]);
    expect(narrowed(table, ["r_n%d"]).ids).toEqual(["d"]);
    expect(narrowed(table, ["(a"]).ids).toEqual([]);
  });
  it("lack runs that are deleted, parents among them, once", () => {
    const parents = { key: "mlflow.parentRunId", differs: true, runs: whole(0), values: ["c"] };
    const table = decode(
      answer(["a", "b", "c"], { ancestors: 1, total: 7, statuses: { FINISHED: 7 }, tags: [parents] }),
    );
    const found = lacking(lacking(table, new Set(["b", "c"])), new Set(["b", "c"]));
    expect([found.ids, found.ancestors, found.total, found.statuses]).toEqual([["a"], 0, 6, { FINISHED: 6 }]);
  });
  it("are tagged and untagged", () => {
    const table = decode(
      answer(["a", "b"], { tags: [{ key: "stage", differs: true, runs: whole(1), values: ["old"] }] }),
    );
    const stage = (of: typeof table) => of.columns.get("tags.stage")!;
    const both = tagged(
      table,
      "stage",
      new Map([
        ["a", "new"],
        ["b", "new"],
      ]),
    );
    expect([stage(both).texts, stage(both).differs, stage(both).has]).toEqual([["new", "new"], false, null]);
    const before = tagged(
      both,
      "stage",
      new Map([
        ["a", undefined],
        ["b", "old"],
      ]),
    );
    expect([[...stage(before).has!], stage(before).texts![1], stage(before).differs]).toEqual([[0, 1], "old", true]);
    expect([...tagged(table, "team", new Map([["b", "x"]])).columns.get("tags.team")!.has!]).toEqual([0, 1]);
  });
  it("tell numbers from texts", () => {
    expect(numbersOf(["1", undefined, "2"])).toEqual(Float64Array.from([1, NaN, 2]));
    expect(numbersOf(["1", "adam"])).toBeNull();
  });
});

describe("rows", () => {
  const values = column([2, NaN, undefined, 1]);
  const by = (order: string) => sorted([0, 1, 2, 3], parseOrder(order), () => values);
  it("sort with NaN and missing last in both directions", () => {
    expect(by("params.x")).toEqual([3, 0, 1, 2]);
    expect(by("-params.x")).toEqual([0, 3, 1, 2]);
  });
  it("sort by a second key where the first is the same, and stay as they were where all are", () => {
    const [group, x] = [column(["b", "a", "b", "a"], "g"), column([1, 2, 0, 2], "x")];
    const by = (order: string, rows = [0, 1, 2, 3]) =>
      sorted(rows, parseOrder(order), (id) => (id === "g" ? group : x));
    expect([by("g,-x"), by("-g,x"), by("g", [3, 2, 1, 0])]).toEqual([
      [1, 3, 0, 2],
      [2, 0, 1, 3],
      [3, 1, 2, 0],
    ]);
  });
  it("know where a value lies in its column", () =>
    expect([part(values, 1.5), part(values, NaN), part(column([7, 7]), 7)]).toEqual([0.5, 0, 0]));
  it("have orders that survive the address", () => {
    const order = [
      { id: "metrics.a,b%", descending: true },
      { id: "status", descending: false },
    ];
    expect(parseOrder(writeOrder(order))).toEqual(order);
  });
  it("change their order by clicks", () => {
    const first = nextOrder([], "a", false, true);
    const second = nextOrder(first, "a", false, true);
    expect([first, second, nextOrder(second, "a", false, true)]).toEqual([
      [{ id: "a", descending: true }],
      [{ id: "a", descending: false }],
      [],
    ]);
    expect(nextOrder(first, "b", true, false)).toHaveLength(2);
  });
  it("are a tree below their parents, whatever those say", () => {
    const parents = ["b", undefined, "b", "d"]; // d is its own parent
    const table = decode(
      answer(["a", "b", "c", "d"], {
        tags: [{ key: "mlflow.parentRunId", differs: true, runs: whole(0, 2, 3), values: parents.filter(Boolean) }],
      }),
    );
    const lines = tree(table, [0, 1, 2, 3], new Set());
    expect(lines.map(({ row, depth }) => [row, depth])).toEqual([
      [1, 0],
      [0, 1],
      [2, 1],
      [3, 0],
    ]);
    expect(tree(table, [0, 1, 2, 3], new Set(["b"]))).toHaveLength(2);
    expect(flat([1, 0]).map((line) => line.row)).toEqual([1, 0]);
  });
  it("come in groups with their means", () => {
    const lines = grouped([0, 1, 2, 3], column(["x", "y", "x", undefined]), new Set(["group x"]));
    expect(lines.map((line) => line.group?.value ?? line.row)).toEqual(["x", 0, 2, "y", "(none)"]);
    expect(summary(values, [0, 1, 2, 3])).toEqual({ mean: 1.5, least: 1, greatest: 2, count: 2 });
  });
  it("are written as CSV", () =>
    expect(
      csv(
        ["a", "b"],
        [
          ['x"y', undefined],
          ["1,2", "\n"],
        ],
      ),
    ).toBe('a,b\r\n"x""y",\r\n"1,2","\n"\r\n'));
  it("are selected, all but some", () => {
    const all = new Choice(true).with(["a"], false);
    expect([all.has("a"), all.has("b"), all.count(10)]).toEqual([false, true, 9]);
    expect(new Choice().with(["a"], true).count(10)).toBe(1);
  });
});

describe("series", () => {
  it("are smoothed without the bias of their beginning", () => {
    expect([...smooth([0, 1, 2], [5, 5, 5], 0.9)].map((each) => +each.toFixed(9))).toEqual([5, 5, 5]);
    expect(smooth([0, 1, 2], [1, NaN, 3], 0.5)[1]).toBeNaN();
    expect([...smooth([0, 1], [1, 2], 0)]).toEqual([1, 2]);
  });
  it("are joined by x, gaps told from NaN", () => {
    const { xs, columns } = join([
      { xs: [0, 10], ys: [1, 2] },
      { xs: [5, 10], ys: [NaN, 4] },
    ]);
    expect([...xs]).toEqual([0, 5, 10]);
    expect(columns).toEqual([
      [1, undefined, 2],
      [undefined, null, 4],
    ]);
  });
  it("grow", () => {
    const one = {
      run: "a",
      key: "k",
      steps: Float64Array.of(1),
      times: Float64Array.of(1),
      values: Float64Array.of(1),
      total: 1,
      thinned: false,
      nans: 0,
      nanStep: null,
      nanTime: null,
    };
    expect(append(one, { ...one, steps: Float64Array.of(2), total: 2, nans: 1, nanStep: 2, nanTime: 7 })).toMatchObject(
      { steps: Float64Array.of(1, 2), total: 2, nans: 1, nanStep: 2, nanTime: 7 },
    );
  });
  it("correlate by rank", () => {
    expect(rankCorrelation([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1);
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(rankCorrelation([1, 2], [1, 2])).toBeNull();
  });
  it("ignore outliers on demand", () => expect(central([...Array(100).keys(), 1e9])![1]).toBeLessThan(101));
  it("lie in groups by prefix", () =>
    expect(
      byPrefix(panels(["b/x", "a", "b/y", "c/z"], false)).map(([prefix, some]) => [
        prefix,
        some.map((each) => each.title),
      ]),
    ).toEqual([
      ["", ["a", "c/z"]],
      ["b", ["b/x", "b/y"]],
    ]));
});

describe("curves", () => {
  const series = (run: string, key: string, values: number[], more: Partial<Series> = {}): Series => ({
    run,
    key,
    steps: Float64Array.from(values, (_, i) => i),
    times: Float64Array.from(values, (_, i) => 1000 * i),
    values: Float64Array.from(values),
    total: values.length,
    thinned: false,
    nans: 0,
    nanStep: null,
    nanTime: null,
    ...more,
  });
  const line = (id: string, group?: string) => ({
    id,
    name: `run ${id}`,
    style: { colour: "#123456", dash: [] },
    ...(group !== undefined && { group }),
  });
  const now: Shown = { axis: "step", logX: false, smoothing: 0, smoother: "ema", central: false };
  const draw = (some: Series[], lines: Line[], keys: string[], more: Partial<Shown> = {}) =>
    drawing(some, lines, keys, { ...now, ...more }, false);
  const loss = [series("a", "loss", [4, 2, 1]), series("b", "loss", [2, 2, 3])];

  it("are the lines of runs, behind them the raw ones when they are smoothed", () => {
    expect(draw(loss, [line("a"), line("b")], ["loss"])!.columns).toEqual([
      [4, 2, 1],
      [2, 2, 3],
    ]);
    const both = draw(loss, [line("a")], ["loss"], { smoothing: 0.5 })!;
    expect(both.curves.map((each) => each.kind)).toEqual(["raw", "line"]);
    expect([...both.curves[0].ys]).toEqual([4, 2, 1]);
    expect(draw([], [line("a")], ["loss"])).toBeNull();
  });
  it("have training dashed beside validation", () => {
    const some = [series("a", "train/loss", [1, 2]), series("a", "val/loss", [2, 3])];
    const { curves } = draw(some, [line("a")], ["train/loss", "val/loss"])!;
    expect(curves.map((each) => [each.name, each.dash.length])).toEqual([
      ["run a · train/loss", 2],
      ["run a · val/loss", 0],
    ]);
  });
  it("have a mark where the first NaN is, on every axis", () => {
    const broken = series("a", "loss", [4, 2, 1], { nans: 1, nanStep: 1, nanTime: 1500 });
    const other = series("a", "acc", [0.1, 0.2, 0.4]);
    expect((["step", "time", "relative", "metric:acc"] as const).map((axis) => nanPlace(broken, axis, other))).toEqual([
      1, 1.5, 1.5, 0.2,
    ]);
    expect(nanPlace(broken, "metric:none")).toBeUndefined();
    expect(draw([broken], [line("a")], ["loss"])!.curves[0].nan).toBe(1);
  });
  it("in the space of a word keep their spikes", () => {
    const ys = Array.from({ length: 1000 }, (_, i) => (i === 500 ? 9 : 1));
    expect(course([...ys.keys()], ys, 104, 20)).toContain("L52 3.0");
    expect(course([0, 1], [NaN, NaN], 104, 20)).toBe("");
  });
  it("are bands of groups: greatest, least and mean", () => {
    const { curves } = draw(loss, [line("a", "x"), line("b", "x")], ["loss"])!;
    expect(curves.map((each) => [each.kind, ...each.ys])).toEqual([
      ["edge", 4, 2, 3],
      ["edge", 2, 2, 1],
      ["line", 3, 2, 2],
    ]);
    expect(curves[2].name).toBe("x, mean of 2");
  });
  it("lie over another metric, by its values", () => {
    const some = [series("a", "loss", [4, 2, 1]), series("a", "acc", [0.5, 0.9, 0.7])];
    const found = draw(some, [line("a")], ["loss"], { axis: "metric:acc" })!;
    expect([[...found.xs], found.columns]).toEqual([[0.5, 0.7, 0.9], [[4, 1, 2]]]);
    expect(draw([some[0]], [line("a")], ["loss"], { axis: "metric:acc" })!.xs).toHaveLength(0);
  });
  it("between the points of a thinned axis are where it would be", () => {
    const other = series("a", "acc", [0, 10], { steps: Float64Array.of(0, 2) });
    expect([...pointsOf(loss[0], "metric:acc", other).xs]).toEqual([0, 5, 10]);
  });
  it("leave out what a logarithmic axis has no place for", () =>
    expect([...draw(loss, [line("a")], ["loss"], { logX: true })!.xs]).toEqual([1, 2]));
  it("are smoothed by a Gaussian, which a constant line does not feel", () => {
    const xs = Array.from({ length: 1000 }, (_, i) => i);
    expect(
      gaussian(
        xs,
        xs.map(() => 5),
        0.9,
      ).every((y) => Math.abs(y - 5) < 1e-9),
    ).toBe(true);
    const spike = gaussian(
      xs,
      xs.map((x) => Number(x === 500)),
      0.9,
    );
    expect([spike[490], spike[499]]).toEqual([spike[510], spike[501]].map((y) => expect.closeTo(y, 9)));
    expect(spike[500]).toBeLessThan(0.1);
    expect(gaussian([0, 1, 2], [1, NaN, 3], 0.9)[1]).toBeNaN();
  });
  it("of runs of unlike lengths have bands where there is any", () => {
    const found = band([
      { xs: Float64Array.of(0, 2), ys: Float64Array.of(0, 2) },
      { xs: Float64Array.of(1, 3), ys: Float64Array.of(3, 5) },
    ]);
    expect([[...found.xs], [...found.mean], [...found.high]]).toEqual([
      [0, 1, 2, 3],
      [0, 2, 3, 5],
      [0, 3, 4, 5],
    ]);
    const long = Float64Array.from({ length: 5000 }, (_, i) => i);
    expect(band([{ xs: long, ys: long }], 100).xs).toHaveLength(100);
  });
});

describe("train and val", () => {
  test.each([
    ["train/loss", "loss"],
    ["val_loss", "loss"],
    ["loss.test", "loss"],
    ["validation: acc", "acc"],
    ["retrain", "retrain"],
    ["training/a/b", "a/b"],
  ])("%s measures %s", (key, what) => expect(measured(key).trim()).toBe(what));
  it("come in one chart, training first", () =>
    expect(panels(["lr", "val/loss", "train/loss"], true)).toEqual([
      { title: "lr", keys: ["lr"] },
      { title: "loss", keys: ["train/loss", "val/loss"] },
    ]));
  it("keep their names where there is only one", () =>
    expect(panels(["val/loss"], true)).toEqual([{ title: "val/loss", keys: ["val/loss"] }]));
});

it("a picture of a chart escapes names", () => {
  const name = "<script>\"'&";
  const text = svg({
    title: name,
    width: 300,
    height: 100,
    xTicks: [[0, "0"]],
    yTicks: [[0, "1"]],
    bands: [
      {
        colour: "#123456",
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
    lines: [1, 2].map(() => ({
      name,
      colour: "#123456",
      dash: [],
      alpha: 1,
      width: 1,
      points: [
        [0, 1],
        [10, 2],
      ] as [number, number][],
      listed: true,
    })),
    colours: { background: "#fff", text: "#000", dim: "#555", line: "#ddd" },
  });
  expect(text).not.toContain("<script");
  expect(text).toContain("M0 1L10 2");
});

describe("folders", () => {
  const lines = (names: string[], ...closed: string[]) =>
    folders(names, (name) => name, new Set(closed)).map(
      (line) => `${line.depth} ${line.text}${line.kind === "folder" ? ` ${line.inside.length}` : ""}`,
    );
  it("come from slashes, and are one where one has nothing else", () =>
    expect(lines(["b", "team/vision/x", "a", "team/vision/y/z"])).toEqual([
      "0 b",
      "0 team/vision/ 2",
      "1 x",
      "1 y/ 1",
      "2 z",
      "0 a",
    ]));
  it("close", () => expect(lines(["a/x", "a/y", "c"], "a/")).toEqual(["0 a/ 2", "0 c"]));
  it("are not made of slashes at the ends", () => expect(lines(["/x", "y/", "/"])).toEqual(["0 /x", "0 y/", "0 /"]));
});

test.each(["WWWW", "loss 0.12346", "中文", "mmm@%"])("%s is at most as wide as said", (text) =>
  expect(atMost(text)).toBeGreaterThanOrEqual(text.length * 8),
);

describe("the palettes", () => {
  // Machado, Oliveira and Fernandes 2009: what is seen without one kind of cone, in linear RGB.
  const SIGHTS: Record<string, number[]> = {
    normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
    protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
    deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
    tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
  };
  const linear = (hex: string) =>
    [1, 3, 5]
      .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const seen = (rgb: number[], m: number[]) =>
    [0, 3, 6].map((row) =>
      Math.min(
        1,
        Math.max(
          0,
          rgb.reduce((sum, c, k) => sum + m[row + k] * c, 0),
        ),
      ),
    );
  const lab = ([r, g, b]: number[]) => {
    const [l, m, s] = [
      0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b,
      0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b,
      0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b,
    ].map(Math.cbrt);
    return [
      0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    ];
  };
  const light = (hex: string) => linear(hex).reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const contrast = (a: string, b: string) =>
    (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const pairs = (of: string[]) => of.flatMap((a, i) => of.slice(i + 1).map((b) => [a, b]));

  test.each([
    ["light", LIGHT, "#ffffff"],
    ["dark", DARK, "#14171c"],
  ] as const)("%s: each colour is far from the others and from its ground", (_, palette, ground) => {
    for (const each of palette) expect(contrast(each, ground)).toBeGreaterThanOrEqual(3);
    for (const [sight, matrix] of Object.entries(SIGHTS)) {
      const least = Math.min(
        ...pairs([...palette]).map(([a, b]) => {
          const [x, y] = [a, b].map((hex) => lab(seen(linear(hex), matrix)));
          return 100 * Math.hypot(...x.map((value, k) => value - y[k]));
        }),
      );
      expect(least, sight).toBeGreaterThanOrEqual(12);
    }
  });
  test.each([
    ["Okabe and Ito's", ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#000000"]],
  ])("%s would not pass", (_, palette) =>
    expect(Math.min(...palette.map((each) => contrast(each, "#ffffff")))).toBeLessThan(1.5),
  );
});

describe("colours", () => {
  const ids = [...Array(40)].map((_, i) => `run${i}`);
  it("belong to the run, and are not used twice while there are others", () => {
    const all = styles(ids.slice(0, 32), false);
    expect(new Set([...all.values()].map(({ colour, dash }) => colour + dash.join())).size).toBe(32);
    expect(styles(["run7"], false).get("run7")).toEqual(styles(["run7", "other"], false).get("run7"));
    expect(styles(ids, true).size).toBe(40);
  });
  it("run from dark to light", () =>
    expect([viridis(0, false), viridis(1, true)].every((each) => each.startsWith("rgb("))).toBe(true));
});

describe("axes", () => {
  it("find logarithms, and keep what is missing apart", () => {
    const axis = axisOf(column([1e-5, 1, undefined]), [0, 1, 2]);
    expect([axis.log, axis.at(0), axis.at(1), axis.at(2)]).toEqual([true, 0, 1, NaN]);
    expect(axisOf(column([1, 2, 3]), [0, 1, 2]).at(1)).toBe(0.5);
  });
  it("are linear where values do not crowd at the low end, whatever the range", () => {
    const many = Array.from({ length: 1000 }, (_, i) => (i + 1) / 1000);
    expect(axisOf(column(many), [...many.keys()]).log).toBe(false);
    expect(axisOf(column(many.map((x) => 10 ** (3 * x))), [...many.keys()]).log).toBe(true);
    expect(axisOf(column([1, 1000, -1]), [0, 1, 2], true).log).toBe(false);
  });
  it("have round ticks", () => {
    expect(roundValues(0.13, 0.97)).toEqual([0.25, 0.5, 0.75]);
    expect(roundValues(-3, 17)).toEqual([0, 5, 10, 15]);
    expect(axisOf(column([3e-5, 0.2, 4e-4]), [0, 1, 2]).ticks.map((each) => each[1])).toEqual([
      "0.0001",
      "0.001",
      "0.01",
      "0.1",
    ]);
    expect(axisOf(column([5, 5]), [0, 1]).ticks).toEqual([[0.5, "5"]]);
  });
  it("are brushed together", () => {
    const axis = axisOf(column(["a", "b", "c"]), [0, 1, 2]);
    expect(brushed([axis], { "params.x": [0.4, 1] }, [0, 1, 2])).toEqual([1, 2]);
  });
});

describe("files", () => {
  test.each([
    ["a.PNG", "image"],
    ["b.md", "markdown"],
    ["c", "text"],
    ["d.csv", "table"],
    ["e.html", "html"],
  ])("%s", (path, kind) => expect(kindOf(path)).toBe(kind));
  it("are read as tables, quotes and all", () =>
    expect(parseTable('a,b\r\n"x,""y""",2\n3', ",", 10)).toEqual({
      header: ["a", "b"],
      rows: [['x,"y"', "2"], ["3"]],
    }));
  it("mark what is bad in a log", () =>
    expect(["ERROR x", "a WARNING", "terror"].map(severity)).toEqual(["err", "warn", ""]));
});

describe("texts", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  it("are read in pieces, wherever these are cut", () => {
    const text = bytes("eins\nzwei ä\ndrei");
    for (let at = 1; at < text.length; at++) {
      const read = longer(stretch(text.subarray(0, at), 0, text.length), text.subarray(at), text.length);
      expect(shownLines(read)).toEqual(["eins", "zwei ä", "drei"]);
      expect([read.first, read.to]).toEqual([1, text.length]);
    }
  });
  it("begin with a whole line within a file, whose number nobody knows", () => {
    const read = stretch(bytes("ei\nzwei\ndrei\n"), 2, 30);
    expect([read.from, read.first, shownLines(read)]).toEqual([5, null, ["zwei", "drei"]]);
  });
  it("show what a progress bar left", () =>
    expect(shownLines(stretch(bytes("10%\r50%\r100%\nnext\r\n"), 0, 20))).toEqual(["100%", "next"]));
  it("have the colours of terminals, and no other sequences", () => {
    expect(coloured("a\x1b[1;31mb\x1b[0mc\x1b[2Kd")).toEqual([
      { text: "a", colour: null, bold: false },
      { text: "b", colour: 1, bold: true },
      { text: "c", colour: null, bold: false },
      { text: "d", colour: null, bold: false },
    ]);
    expect(coloured("\x1b[38;5;200mx\x1b[38;2;1;2;3my\x1b[92mz").map((each) => each.colour)).toEqual([null, null, 10]);
    expect(plain("\x1b[32mok\x1b[m \x1b]8;;http://x\x07link")).toBe("ok link");
  });
});

test.each([
  ["samples/epoch_0200.png", "samples/epoch_#.png", 200],
  ["a1/b.png", "a1/b.png", 0],
  ["v2_step7_x.png", "v2_step#_x.png", 7],
])("the step of %s", (path, family, step) => expect(stepOf(path)).toEqual({ family, step }));

test.each([
  ["val/loss", -1],
  ["accuracy", 1],
  ["lr", 0],
])("whether more of %s is better", (key, wanted) => expect(better(key)).toBe(wanted));

test.each([
  ["#/experiments/12", "experiments/12"],
  ["#/experiments/0/runs/ab12", "runs/ab12"],
  ["#/experiments/0/runs/ab12/artifacts", "runs/ab12"],
  ["#/experiments/0?searchFilter=", "experiments/0"],
  ["#section", null],
  ["", null],
])("the address %s that MLflow's clients print", (hash, ours) => expect(fromMlflow(hash)).toBe(ours));

describe("what define_metric said", () => {
  const tag = (name: string, more: object) => ({
    key: `runlog.metric.${name}`,
    value: JSON.stringify({ name, ...more }),
  });

  it("comes before what the name of a metric suggests, the closest first", () => {
    define([
      tag("val/*", { goal: "min" }),
      tag("val/loss", { goal: "max", step_metric: "epoch" }),
      { key: "runlog.metric.broken", value: "{" },
      { key: "team", value: "vision" },
    ]);
    expect(["val/loss", "val/accuracy", "loss"].map(better)).toEqual([1, -1, -1]);
    expect(definitionOf("val/loss").step_metric).toBe("epoch");
    define([]);
    expect(better("val/accuracy")).toBe(1);
  });
});

describe("confusion matrices and curves", () => {
  const items = [
    "curves/val~set.roc_curve.3.json",
    "curves/val~set.roc_curve.1.json",
    "curves/a.confusion_matrix.2.json",
  ];

  it("are found by the names of their files", () => {
    const found = items.map((path) => itemOf("r", path)!);
    expect(found[0]).toMatchObject({ key: "val/set", kind: "roc_curve", step: 3 });
    expect(itemOf("r", "curves/a.other.1.json")).toBeNull();
    expect(itemOf("r", "curves/notes.txt")).toBeNull();
    const panels = panelsOf(found);
    expect(panels.map((each) => each.title)).toEqual(["Confusion matrix · a", "ROC curve · val/set"]);
    expect(stepsOf(found)).toEqual([1, 2, 3]);
    const curve = panels[1].items.get("r")!;
    expect([0, 1, 2, 3, 9].map((step) => at(curve, step)?.step)).toEqual([undefined, 1, 1, 3, 3]);
  });

  it("a matrix has sums, shares of its rows, and what is confused most", () => {
    const matrix = matrixOf({
      labels: ["a", null, 3],
      matrix: [
        [3, 1, 0],
        [0, 0, 0],
        [2, 0, 4],
      ],
    });
    expect(matrix).toMatchObject({ labels: ["a", "", "3"], total: 10, right: 7, most: 4 });
    expect(shares(matrix.cells)).toEqual([
      [0.75, 0.25, 0],
      [0, 0, 0],
      [1 / 3, 0, 2 / 3],
    ]);
    expect(confusions(matrix, 1)).toEqual([["3", "a", 2]]);
    expect(() => matrixOf({ labels: ["a"], matrix: [] })).toThrow("each label");
  });

  it("the point of a curve near the pointer is found", () => {
    const [a, b] = ratesOf({
      type: "roc_curve",
      curves: [
        { label: "x", auc: 1, fpr: [0, 0, 1], tpr: [0, 1, 1], thresholds: [null, 0.5, 0.1] },
        { label: true, auc: 0.5, fpr: [0, 0.5, 1], tpr: [0, 0.5, 1] },
      ],
    });
    expect([a.label, b.label, b.area]).toEqual(["x", "true", 0.5]);
    expect(nearest([a, b], [0.52, 0.5], [300, 200], 20)).toEqual([1, 1]);
    expect(nearest([a, b], [0.02, 0.98], [300, 200], 20)).toEqual([0, 1]);
    expect(nearest([a, b], [0.7, 0.3], [300, 200], 20)).toBeNull();
    expect(() => ratesOf({})).toThrow("no curves");
  });
});

const MLMODEL = String.raw`artifact_path: models:/m-1
flavors:
  python_function:
    env:
      conda: conda.yaml
    list:
    - 1
    - a: 1
      b:
      - true
    loader_module: mlflow.sklearn
  sklearn:
    code: null
    sklearn_version: 1.5.0
metadata:
  bell: "\a \L tab\t end long\
    \ long "
  map: {}
  note: 'two

    lines # of text, and a long one
    that is wrapped'
  num: '1.0'
  text: |-
    a
      b
mlflow_version: 3.1.0
model_size_bytes: 1234
saved_input_example_info:
  artifact_path: input_example.json
signature:
  inputs: '[{"type": "double", "name": "col ''x''", "required": true}, {"type":
    "string", "name": "b", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 3]}}]'
  params: '[{"name": "k", "type": "long", "default": 3, "shape": null}]'
`;

describe("the registry", () => {
  it("reads the YAML of MLmodel files", () => {
    const found = parseYaml(MLMODEL) as any;
    expect(found.flavors.python_function.list).toEqual([1, { a: 1, b: [true] }]);
    expect(found.flavors.sklearn).toEqual({ code: null, sklearn_version: "1.5.0" });
    expect(found.metadata).toEqual({
      bell: "\x07 \u2028 tab\t end long long ",
      map: {},
      note: "two\nlines # of text, and a long one that is wrapped",
      num: "1.0",
      text: "a\n  b",
    });
    expect(() => parseYaml("a: 1\nno key")).toThrow("no key");
    expect(parseYaml("")).toBeNull();
  });

  it("says what a model takes and gives", () => {
    expect(mlModelOf(MLMODEL)).toEqual({
      flavors: ["sklearn", "python_function"],
      inputs: [
        { name: "col 'x'", type: "double", more: "required" },
        { name: "b", type: "string", more: "optional" },
      ],
      outputs: [{ name: "–", type: "int64 (-1, 3)", more: "required" }],
      params: [{ name: "k", type: "long", more: "default 3" }],
      example: "input_example.json",
      size: 1234,
      mlflow: "3.1.0",
      created: "",
    });
    expect(() => mlModelOf("a: 1")).toThrow("not a MLmodel");
    const nested = { type: "array", items: { type: "object", properties: { a: { type: "long" } } } };
    expect(typeText(nested)).toBe("array of object {a: long}");
  });

  it("finds the files of a version", () => {
    const run = "0123456789abcdef0123456789abcdef";
    const version = (more: object) => versionOf({ name: "m", version: "1", run_id: run, ...more });
    const home = "mlflow-artifacts:/1/r/artifacts";
    expect(filesOf(version({ source: "models:/m-12" }), home, "")).toEqual({ owner: "m-12", root: "" });
    expect(filesOf(version({ source: `runs:/${run}/a/b` }), home, "")).toEqual({ owner: run, root: "a/b" });
    expect(filesOf(version({ source: `${home}/model/` }), home, "")).toEqual({ owner: run, root: "model" });
    expect(filesOf(version({ source: "models:/other/1" }), home, `${home}/x`)).toEqual({ owner: run, root: "x" });
    expect(filesOf(version({ source: "s3://else/where" }), home, "")).toBeNull();
  });

  it("takes the models of a run from both generations", () => {
    const history = JSON.stringify([
      { model_id: "m-1", artifact_path: "models:/m-1", flavors: { sklearn: {}, python_function: {} } },
      { artifact_path: "old", flavors: { xgboost: {} }, utc_time_created: "2026-01-02 03:04:05" },
    ]);
    const info = { model_id: "m-1", name: "new", status: "LOGGED_MODEL_PENDING", creation_timestamp_ms: 5 };
    const found = loggedOf([{ info }], history);
    expect(found).toMatchObject([
      { id: "m-1", name: "new", flavors: ["sklearn"], state: "pending" },
      { id: "", path: "old", flavors: ["xgboost"], created: Date.UTC(2026, 0, 2, 3, 4, 5) },
    ]);
    expect(loggedOf([], "cut off [")).toEqual([]);
    const source = "s3://b/1/r/artifacts/old";
    expect(isOf(versionOf({ name: "m", version: 1, source }), found[1], "r")).toBe(true);
    expect(isOf(versionOf({ name: "m", version: 1, source: "models:/m-1" }), found[0], "r")).toBe(true);
  });

  it("shows the latest version, aliases and examples", () => {
    const aliases = [{ alias: "champion", version: "2" }];
    const raw = { name: "m", latest_versions: [{ version: "9" }, { version: "10" }], aliases };
    expect(registeredOf(raw)).toMatchObject({ latest: "10", aliases: [["champion", "2"]] });
    expect(exampleTable({ columns: ["a"], data: [[1.5], ["x"]] })).toEqual({ header: ["a"], rows: [["1.5"], ["x"]] });
    expect(exampleTable([{ a: 1 }, { b: [2] }])).toEqual({
      header: ["a", "b"],
      rows: [
        ["1", ""],
        ["", "[2]"],
      ],
    });
    expect(exampleTable("text")).toBeNull();
  });

  it("has the addresses that MLflow's clients print", () => {
    expect(fromMlflow("#/models/my%20model/versions/3")).toBe("models/my%20model/versions/3");
    expect(fromMlflow("#/models/m")).toBe("models/m");
    expect(fromMlflow("#/models")).toBe("models");
    expect(fromMlflow("#/experiments/1/models/m-12")).toBe("experiments/1/models/m-12");
  });
});
