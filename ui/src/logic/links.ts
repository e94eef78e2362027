// The addresses that MLflow's clients print: their pages have all of it behind a #.

/** Our address, below the root, of one of MLflow's; null for others. */
export function fromMlflow(hash: string): string | null {
  const [, model, version] = /^#\/models(?:\/([^/?]+)(?:\/versions\/(\d+))?)?(?:[/?]|$)/.exec(hash) ?? [];
  if (model) return `models/${model}${version ? `/versions/${version}` : ""}`;
  if (/^#\/models(\?|$)/.test(hash)) return "models";
  const [, home, logged] = /^#\/experiments\/(\d+)\/models\/(m-[^/?]+)/.exec(hash) ?? [];
  if (logged) return `experiments/${home}/models/${logged}`;
  const [, experiment, run] = /^#\/experiments\/(\d+)(?:\/runs\/([^/?]+))?(?:[/?]|$)/.exec(hash) ?? [];
  if (!experiment) return null;
  return run ? `runs/${run}` : `experiments/${experiment}`;
}
