"""Pages: together they are the whole, whatever happens between them."""

from __future__ import annotations

import math

import pytest

from runlog.entities import ViewType
from runlog.errors import InvalidParameter

ORDERS = [
    None,
    ["start_time"],
    ["metrics.m"],
    ["metrics.m DESC"],
    ["metrics.n DESC", "params.p"],
    ["min(metrics.m) DESC", "metrics.n"],
    ["count(metrics.n)", "metrics.m DESC", "run_id DESC"],
    ["params.p", "metrics.m"],
    ["params.p DESC"],
    ["end_time DESC", "tags.t"],
    ["duration", "run_name DESC"],
]
NUMBERS = [1.0, -1.0, math.nan, math.inf, -math.inf, -0.0, 0.0, None]
TEXTS = ["", "a", "A", "é", "it's", "NaN", None]


def make(store, number):
    """The number decides everything; many have the same of some thing, and some lack it."""
    run = store.create_run("0", start_time=number % 5, run_id=f"run{number}").info.run_id
    logged = {"m": NUMBERS[number % 8], "n": NUMBERS[number // 3 % 8]}
    points = [(key, value, 0, 0) for key, value in logged.items() if value is not None]
    text = TEXTS[number % 7]
    pairs = [] if text is None else [("p", text)]
    store.log(run, points, pairs, [("t", value) for _, value in pairs[: number % 2]])
    if number % 3:
        store.update_run(run, "FINISHED", number % 4)


@pytest.fixture(scope="module")
def runs(shared):
    for number in range(23):
        make(shared, number)
    return shared


def pages(store, size, between=(), **search):
    """The ids of each page; after each the next thing of `between` happens."""
    between = iter(between)
    token, found = None, []
    while token is not None or not found:
        page = store.search_runs(["0"], max_results=size, page_token=token, **search)
        found.append([run.info.run_id for run in page])
        token = page.token
        next(between, None)
        assert len(found) < 50
    return found


def joined(pages):
    return [run for page in pages for run in page]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 22, 23, 24])
def test_pages_of_every_size_are_the_whole(runs, size):
    for order_by in ORDERS:
        (whole,) = pages(runs, 1000, order_by=order_by)
        found = pages(runs, size, order_by=order_by)
        assert joined(found) == whole, order_by
        assert len(whole) == 23 and {len(page) for page in found[:-1]} <= {size}
        assert 0 < len(found[-1]) <= size


@pytest.mark.parametrize("order_by", ORDERS, ids=str)
def test_runs_made_between_pages(store, order_by):
    for number in range(6):
        make(store, number)
    (whole,) = pages(store, 1000, order_by=order_by)
    new = (make(store, number) for number in range(6, 30))
    found = joined(pages(store, 2, new, order_by=order_by))
    assert len(found) == len(set(found))
    assert [run for run in found if run in whole] == whole
    (now,) = pages(store, 1000, order_by=order_by)
    assert found == [run for run in now if run in found]


def test_runs_that_vanish_between_pages(store):
    for number in range(8):
        make(store, number)
    for order_by in ORDERS:
        (whole,) = pages(store, 1000, order_by=order_by)
        gone = map(store.delete_run, [whole[1], whole[0], whole[7], whole[4]])
        found = joined(pages(store, 2, gone, order_by=order_by))
        assert found == [run for run in whole if run != whole[7]], order_by
        for run in whole:
            store.restore_run(run)


def test_a_page_filters(runs):
    (whole,) = pages(runs, 1000, filter_string="metrics.m > -1 OR metrics.m IS NULL")
    assert joined(pages(runs, 2, filter_string="metrics.m > -1 OR metrics.m IS NULL")) == whole
    assert 0 < len(whole) < 23


def test_nothing_has_one_page(store):
    page = store.search_runs(["0"], max_results=1)
    assert (page, page.token) == ([], None)
    assert store.search_experiments(max_results=1).token is None


def test_an_empty_token_is_none(runs):
    assert pages(runs, 30) == [[run.info.run_id for run in runs.search_runs(["0"], page_token="")]]


@pytest.mark.parametrize("token", ["x", "!", "e30", "eyJvZmZzZXQiOiA1fQ==", "W10"])
def test_what_is_no_token(runs, token):
    with pytest.raises(InvalidParameter, match="Invalid page token"):
        runs.search_runs(["0"], page_token=token)
    with pytest.raises(InvalidParameter, match="Invalid page token"):
        runs.search_experiments(page_token=token)


def test_a_token_of_another_order(runs):
    token = runs.search_runs(["0"], max_results=1, order_by=["metrics.m"]).token
    for order_by in (None, ["metrics.m DESC"], ["params.p"], ["metrics.m", "start_time"]):
        with pytest.raises(InvalidParameter, match="another filter or order_by"):
            runs.search_runs(["0"], page_token=token, order_by=order_by)


def test_a_token_of_another_filter(runs):
    token = runs.search_runs(["0"], "metrics.m > -1", max_results=1).token
    assert runs.search_runs(["0"], "metrics.m  >  -1", page_token=token)  # the same, said otherwise
    for text in (None, "metrics.m > -2", "metrics.n > -1", "metrics.m > -1 AND params.p = '1'"):
        with pytest.raises(InvalidParameter, match="another filter or order_by"):
            runs.search_runs(["0"], text, page_token=token)


def test_a_token_of_another_order_of_experiments(store):
    store.create_experiment("a")
    token = store.search_experiments(max_results=1).token
    with pytest.raises(InvalidParameter, match="another filter or order_by"):
        store.search_experiments(order_by=["name"], page_token=token)


@pytest.mark.parametrize("order_by", [None, ["name"], ["name DESC"], ["tags.k", "name"]])
def test_pages_of_experiments(store, order_by):
    for number in range(9):
        tags = {"k": "v"} if number % 2 else {}
        made = store.create_experiment(f"{number % 3}{number}", tags=tags)
        if number % 4 == 3:
            store.delete_experiment(made)
    whole = store.search_experiments(ViewType.ALL, order_by=order_by)
    assert len(whole) == 10
    for size in (1, 3, 10):
        token, found = None, []
        while token is not None or not found:
            page = store.search_experiments(ViewType.ALL, size, None, order_by, token)
            token = page.token
            found.extend(page)
        assert found == whole


def test_all_runs(runs):
    (whole,) = pages(runs, 1000, order_by=["metrics.m"])
    for most in (None, 5, 23, 1500):
        found = runs.all_runs(["0"], max_results=most, order_by=["metrics.m"])
        assert [run.info.run_id for run in found] == whole[:most]
        assert (found.token is None) == (most != 5)


def test_all_experiments(store):
    names = [f"experiment {number}" for number in range(7)]
    for name in names:
        store.create_experiment(name)
    for most in (None, 3, 1500):
        found = store.all_experiments(ViewType.ALL, most, "name LIKE 'exp%'", ["name"])
        assert [each.name for each in found] == names[:most]
        assert (found.token is None) == (most != 3)
