"""A search over params that reads earlier runs to choose the next.

Each trial asks the store for the best runs so far and tries a point near one of them, closer the
more runs there are. The store is all its memory: stop it at any time, and the next start goes on;
start it twice, and both learn from each other. Needs scikit-learn.

    python examples/search_from_history.py [TRIALS]
"""

from __future__ import annotations

import random
import sys

from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

import runlog

X, y = load_diabetes(return_X_y=True)
RANGES = {"C": (-1.0, 3.0), "gamma": (-4.0, 0.0)}  # powers of ten


def next_point() -> dict[str, float]:
    """Return powers of ten: random ones at first, then some near those of a good run."""
    runs = runlog.search_runs(
        filter_string="metrics.r2 > -10", order_by=["metrics.r2 desc"], output_format="list"
    )
    if len(runs) < 5:
        return {name: random.uniform(*ends) for name, ends in RANGES.items()}
    good = random.choice(runs[:3])
    width = 2 / len(runs) ** 0.5
    return {
        name: min(max(random.gauss(float(good.data.params[name]), width), low), high)
        for name, (low, high) in RANGES.items()
    }


def r2(point: dict[str, float]) -> float:
    model = SVR(**{name: 10**power for name, power in point.items()})
    return float(cross_val_score(make_pipeline(StandardScaler(), model), X, y).mean())


def main(trials: int) -> None:
    runlog.set_experiment("search from history")
    for _ in range(trials):
        with runlog.start_run():
            point = next_point()
            runlog.log_params(point)
            runlog.log_metric("r2", r2(point))
    best = runlog.search_runs(order_by=["metrics.r2 desc"], output_format="list")
    print(f"{len(best)} runs, the best with r2 = {best[0].data.metrics['r2']:.3f}:")
    for name, power in best[0].data.params.items():
        print(f"  {name} = {10 ** float(power):.3g}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
