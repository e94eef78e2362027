// The addresses that MLflow's clients print: their pages have all of it behind a #.

/** Our address, below the root, of one of MLflow's; null for others. */
export function fromMlflow(hash: string): string | null {
  const [, experiment, run] = /^#\/experiments\/(\d+)(?:\/runs\/([^/?]+))?(?:[/?]|$)/.exec(hash) ?? [];
  if (!experiment) return null;
  return run ? `runs/${run}` : `experiments/${experiment}`;
}
