"""Pages and samples of histories, compared with the whole ones."""

from __future__ import annotations

import math
import random

import pytest

from runlog.errors import InvalidParameter
from runlog.store import Store


def points(seed: int, count: int) -> list[tuple[str, float, int, int]]:
    """Times that rise with the steps for even seeds; NaN, ties and negative steps among them."""
    chance = random.Random(seed)
    made = []
    for i in range(count):
        step = chance.randrange(-5, 60)
        time = (step + 5) * 10 if seed % 2 == 0 else chance.randrange(100)
        made.append(
            ("m", chance.choice([float(i), 0.5, math.nan, math.inf, -math.inf]), time, step)
        )
    return made


def plain(found):
    return [(each.timestamp, each.step, repr(each.value)) for each in found]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pages_make_up_the_history(store, run_id, seed, size):
    store.log(run_id, points(seed, 120))
    pages, token = [], None
    while True:
        page = store.metric_history_page(run_id, "m", size, token)
        pages += page
        token = page.token
        if token is None:
            break
        assert len(page) == size
    assert plain(pages) == plain(store.get_metric_history(run_id, "m"))


def test_pages_of_what_is_not_there(store, run_id):
    assert store.metric_history_page(run_id, "none", 5) == []
    assert store.metric_history_page("0" * 32, "m", 5) == []
    store.log(run_id, points(0, 9))
    for token in ("x", "W10", "WzEsMiwzLDRd"):
        with pytest.raises(InvalidParameter):
            store.metric_history_page(run_id, "m", 5, token)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1, 2, 9, 2500])
@pytest.mark.parametrize("steps", [(None, None), (3, 40), (50, 1000)])
def test_samples_of_histories(store, run_id, seed, size, steps):
    other = store.create_run("0").info.run_id
    store.log(run_id, points(seed, 120))
    store.log(other, points(seed + 1, 30))
    asked = ([run_id, other], "m", *steps, size)
    found = store.sampled_histories(*asked)
    general = Store.sampled_histories(store, *asked)
    assert plain(found) == plain(general)
    assert [each.run_id for each in found] == [each.run_id for each in general]
    whole = {each: store.get_metric_history(each, "m") for each in (run_id, other)}
    for each, history in whole.items():
        inside = [p.step for p in history if steps[0] is None or steps[0] <= p.step <= steps[1]]
        mine = [point for point in found if point.run_id == each]
        assert {min(inside), max(inside)} <= {point.step for point in mine} if inside else not mine
        assert len({point.step for point in mine}) <= size + 4
        assert sorted(plain(mine)) == sorted(
            plain(p for p in history if p.step in {point.step for point in mine})
        )


@pytest.mark.parametrize("steps", [(1, None), (None, 1), (5, 4)])
def test_samples_that_make_no_sense(store, run_id, steps):
    with pytest.raises(InvalidParameter):
        store.sampled_histories([run_id], "m", *steps)
