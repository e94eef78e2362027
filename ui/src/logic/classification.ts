// Confusion matrices, ROC and precision-recall curves: what the files say, and what is drawn of them. No DOM.

export type Kind = "confusion_matrix" | "roc_curve" | "pr_curve";
export const TITLES: Record<Kind, string> = {
  confusion_matrix: "Confusion matrix",
  roc_curve: "ROC curve",
  pr_curve: "Precision-recall curve",
};
const KINDS = Object.keys(TITLES) as Kind[];

/** A file of a run, by its name: curves/KEY.KIND.STEP.json */
export interface Item {
  run: string;
  path: string;
  key: string;
  kind: Kind;
  step: number;
}

export function itemOf(run: string, path: string): Item | null {
  const [, key, kind, step] = /^curves\/(.+)\.(\w+)\.(-?\d+)\.json$/.exec(path) ?? [];
  if (!KINDS.includes(kind as Kind)) return null;
  return { run, path, key: key.replaceAll("~", "/"), kind: kind as Kind, step: Number(step) };
}

/** What one panel draws of each run, by steps. */
export interface Panel {
  title: string;
  key: string;
  kind: Kind;
  items: Map<string, Item[]>; // by run, steps rising
}

export function panelsOf(items: Item[]): Panel[] {
  const found = new Map<string, Panel>();
  for (const item of items.toSorted((a, b) => a.step - b.step)) {
    const { key, kind, run } = item;
    const title = `${TITLES[kind]} · ${key}`;
    const panel = found.get(title) ?? { title, key, kind, items: new Map<string, Item[]>() };
    found.set(title, panel);
    panel.items.set(run, [...(panel.items.get(run) ?? []), item]);
  }
  const order = (panel: Panel) => `${panel.key}\n${KINDS.indexOf(panel.kind)}`;
  return [...found.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

export const stepsOf = (items: Item[]) => [...new Set(items.map((item) => item.step))].sort((a, b) => a - b);

/** The newest file at a step or before it; undefined: there is none yet. */
export const at = (items: Item[], step: number) => items.findLast((item) => item.step <= step);

export interface Matrix {
  labels: string[];
  cells: number[][]; // a row a true label
  total: number;
  right: number; // of the total
  most: number; // of a cell
}

const text = (label: unknown) => (typeof label === "string" ? label : label === null ? "" : String(label));
const numbers = (list: unknown): number[] => {
  if (!Array.isArray(list)) throw new Error("The file has no numbers where they belong.");
  return list.map(Number);
};

export function matrixOf(file: any): Matrix {
  const cells: number[][] = (file?.matrix ?? []).map(numbers);
  const labels: string[] = (file?.labels ?? []).map(text);
  if (!labels.length || cells.length !== labels.length || cells.some((row) => row.length !== labels.length))
    throw new Error("The file does not have a row and a column for each label.");
  let [total, right, most] = [0, 0, 0];
  cells.forEach((row, i) => {
    right += row[i];
    for (const cell of row) [total, most] = [total + cell, Math.max(most, cell)];
  });
  return { labels, cells, total, right, most };
}

/** Each cell as a share of its row: of what truly has the label. */
export const shares = (cells: number[][]): number[][] =>
  cells.map((row) => {
    const sum = row.reduce((before, cell) => before + cell, 0);
    return row.map((cell) => (sum ? cell / sum : 0));
  });

/** The labels that are taken for another most often. */
export function confusions({ labels, cells }: Matrix, most: number): [truly: string, taken: string, often: number][] {
  const found = cells.flatMap((row, i) =>
    row.flatMap((cell, j): [string, string, number][] => (i !== j && cell > 0 ? [[labels[i], labels[j], cell]] : [])),
  );
  return found.sort((a, b) => b[2] - a[2]).slice(0, most);
}

export interface Rate {
  label: string;
  area: number;
  xs: number[];
  ys: number[];
  thresholds: (number | null)[];
}

/** The curves of a file, of ROC or of precision and recall. */
export function ratesOf(file: any): Rate[] {
  const isRoc = file?.type === "roc_curve";
  if (!Array.isArray(file?.curves)) throw new Error("The file has no curves.");
  return file.curves.map((curve: any) => ({
    label: text(curve.label ?? null),
    area: Number(isRoc ? curve.auc : curve.average_precision),
    xs: numbers(isRoc ? curve.fpr : curve.recall),
    ys: numbers(isRoc ? curve.tpr : curve.precision),
    thresholds: Array.isArray(curve.thresholds) ? curve.thresholds : [],
  }));
}

/** Which point of some curves is nearest to a place, on a plot of so many pixels. */
export function nearest(
  curves: Rate[],
  [x, y]: [number, number],
  [width, height]: [number, number],
  reach: number,
): [curve: number, point: number] | null {
  let [best, distance]: [[number, number] | null, number] = [null, reach];
  curves.forEach(({ xs, ys }, i) => {
    for (let k = 0; k < xs.length; k++) {
      const away = Math.hypot((xs[k] - x) * width, (ys[k] - y) * height);
      if (away < distance) [best, distance] = [[i, k], away];
    }
  });
  return best;
}
