// Whether more or less of a metric is better, by its name. Where names do not say, nothing is marked.
const LESS = /(loss|error|err\b|rmse|mse|mae\b|perplexity|ppl|\bwer\b|\bcer\b|\bfid\b|latency|seconds|_ms\b)/i;
const MORE = /(acc|auc|\bf1\b|score|precision|recall|\bmap\b|iou|dice|bleu|rouge|reward|return|r2|psnr|ssim|throughput|per_second)/i;

/** 1: more is better, -1: less is, 0: nobody knows. */
export function better(key: string): -1 | 0 | 1 {
  if (LESS.test(key)) return -1;
  return MORE.test(key) ? 1 : 0;
}
