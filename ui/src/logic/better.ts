// Whether more or less of a metric is better, by its definition, else by its name. Where neither says it,
// nothing is marked.
import { definitionOf } from "./definitions.ts";

const LESS = /(loss|error|err\b|rmse|mse|mae\b|perplexity|ppl|\bwer\b|\bcer\b|\bfid\b|latency|seconds|_ms\b)/i;
const MORE = new RegExp(
  [
    "(acc|auc|\\bf1\\b|score|precision|recall|\\bmap\\b|iou|dice|bleu|rouge",
    "reward|return|r2|psnr|ssim|throughput|per_second)",
  ].join("|"),
  "i",
);

/** 1: more is better, -1: less is, 0: nobody knows. */
export function better(key: string): -1 | 0 | 1 {
  const { goal } = definitionOf(key);
  if (goal === "min" || goal === "max") return goal === "min" ? -1 : 1;
  if (LESS.test(key)) return -1;
  return MORE.test(key) ? 1 : 0;
}

const HELD_OUT = /(^|[/_.\-: ])(val|valid|validation|dev|eval|test)([/_.\-: ]|$)/i;

/** 0: what a run is judged by, a loss or a score of data that it did not see; 1: another; 2: the rest. */
export const rank = (key: string): number => (!better(key) ? 2 : HELD_OUT.test(key) ? 0 : 1);

/** What a run is judged by first, otherwise in the order given. */
export const byImportance = <T extends { key: string }>(metrics: T[]): T[] =>
  metrics.toSorted((a, b) => rank(a.key) - rank(b.key));
