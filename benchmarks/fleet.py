"""The runs that the search, DataFrame and history workloads read: the same for every peer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

START = 1_700_000_000_000
WORDS = ("adam", "sgd", "lion", "relu", "gelu", "cosine", "linear", "none")
HISTORY_KEY = "loss"


class FleetRun(NamedTuple):
    name: str
    start_time: int
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


def run(number: int) -> FleetRun:
    """Run `number`: 20 metrics, 15 params (p2 of 4 values, p5 of 1000), 10 tags."""
    rng = random.Random(number)
    params = {f"p{k}": rng.choice(WORDS) for k in range(15)}
    params |= {"p0": f"{rng.random():.6g}", "p1": f"{rng.random() * 512:.4f}"}
    params |= {"p2": rng.choice("abcd"), "p5": str(number % 1000)}
    return FleetRun(
        name=f"run-{number}",
        start_time=START + number * 1000,
        metrics={f"m{k}": rng.random() for k in range(20)},
        params=params,
        tags=_tags(rng),
    )


def _tags(rng: random.Random) -> dict[str, str]:
    words = {f"t{k}": rng.choice(WORDS) for k in range(9)}
    return words | {"t9": f"{rng.getrandbits(160):040x}"}


def runs(count: int) -> Iterator[FleetRun]:
    return map(run, range(count))


def history(count: int) -> Iterator[tuple[int, int, float]]:
    """(step, timestamp, value) of one long curve."""
    rng = random.Random(0)
    for step in range(count):
        yield step, START + step * 10, rng.random()


class Query(NamedTuple):
    """A search, in MLflow's language and as the parts hand-written SQL needs."""

    metric_above: float | None
    param: tuple[str, str] | None
    order: str

    @property
    def filter(self) -> str:
        parts = [] if self.metric_above is None else [f"metrics.m3 > {self.metric_above}"]
        parts += [f"params.{self.param[0]} = '{self.param[1]}'"] if self.param else []
        return " AND ".join(parts)

    @property
    def order_by(self) -> list[str]:
        return [f"{self.order} DESC"]


QUERIES = {
    "common": Query(0.5, ("p2", "b"), "metrics.m7"),
    "rare": Query(0.5, ("p5", "77"), "metrics.m7"),
    "none": Query(0.5, ("p2", "absent"), "metrics.m7"),
    "metric order": Query(None, None, "metrics.m7"),
    "newest": Query(None, None, "attributes.start_time"),
}
TOP = 100
