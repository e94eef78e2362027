"""SQL finds what the reference predicate finds, in the reference's order, page by page.

Stores are filled with runs whose values collide, and asked while everything is merged and while
the last points wait in `recent`; from the few rows that an index finds, and in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from locks import another_writer
from runlog.entities import Run, RunData, RunInfo, RunTag, ViewType
from runlog.query import clauses
from runlog.query.evaluate import matches, sort_items
from runlog.query.render import render_clause, render_order_by
from runlog.sqlstore import search
from runlog.sqlstore.store import SqlStore
from runlog.store import open_store

EXPERIMENTS = ["0", "9", "10"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    opened = open_store(str(tmp_path_factory.mktemp("search") / "runlog.db"))
    for number in range(1, 11):
        opened.create_experiment(f"e{number}")
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=[0, 1, 1000])
def few(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many rows a search may start from instead of reading in order."""
    before = search.FEW
    search.FEW = request.param
    yield request.param
    search.FEW = before


def empty(store):
    for run in store.search_runs(EXPERIMENTS, run_view_type=ViewType.ALL):
        store.delete_run(run.info.run_id)
    store.gc()


def keep(store, logged):
    """Logs the run and returns it as it should be read: without a name it was given one, and where
    its artifacts are is not for it to say."""
    info, data = logged.run.info, logged.run.data
    made = store.create_run(
        info.experiment_id, info.user_id, info.start_time, data.tags, info.run_name, info.run_id
    )
    half = len(logged.points) // 2
    store.log_batch(info.run_id, logged.points[:half])
    store.log(info.run_id, params=data.params.items())
    store.log_inputs(info.run_id, logged.run.inputs.dataset_inputs)
    if half % 2:
        store.get_run(info.run_id)  # merges what is there
    store.log_batch(info.run_id, logged.points[half:])
    store.update_run(info.run_id, info.status, info.end_time)
    if info.lifecycle_stage == "deleted":
        store.delete_run(info.run_id)
    changes = {"artifact_uri": made.info.artifact_uri, "run_name": made.info.run_name}
    return strategies.Logged(
        Run(
            RunInfo(**{**dict(info), **changes}),
            RunData(data.metrics, data.params, made.data.tags),
            store.get_run(info.run_id).inputs,  # the same data set twice is one
        ),
        logged.points,
        logged.summaries,
    )


def expected(kept, clause, order, view=ViewType.ALL):
    """The ids that the reference finds, in its order."""
    stages = {ViewType.ALL: ("active", "deleted"), ViewType.ACTIVE_ONLY: ("active",)}[view]
    summaries = {each.run.info.run_id: each.summaries for each in kept}
    found = [
        each.run
        for each in kept
        if each.run.info.lifecycle_stage in stages and matches(clause, each.run, each.summaries)
    ]
    return ids(sort_items(found, order, clauses.RUNS, summaries))


def ids(runs):
    return [run.info.run_id for run in runs]


def texts(clause, order):
    text = None if clause is None else render_clause(clause)
    return text, [render_order_by(each) for each in order]


QUESTIONS = st.lists(
    st.tuples(st.none() | strategies.clauses(), strategies.orders()), min_size=4, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(strategies.logged_run_lists(), QUESTIONS)
def test_sql_finds_what_the_reference_finds(store, few, logged, questions):
    empty(store)
    kept = [keep(store, each) for each in logged]
    for busy in (another_writer(store), nullcontext()):
        with busy:
            for clause, order in questions:
                text, order_by = texts(clause, order)
                for view in (ViewType.ALL, ViewType.ACTIVE_ONLY):
                    found = store.search_runs(EXPERIMENTS, text, view, order_by=order_by)
                    assert ids(found) == expected(kept, clause, order, view), (text, order_by)


@settings(max_examples=40, deadline=None)
@given(strategies.logged_run_lists())
def test_what_is_found_is_what_was_logged(store, logged):
    empty(store)
    kept = {each.run.info.run_id: each for each in (keep(store, each) for each in logged)}
    for busy in (another_writer(store), nullcontext()):
        with busy:
            found = store.search_runs(EXPERIMENTS, run_view_type=ViewType.ALL)
            assert set(ids(found)) == set(kept)
            for run in found:
                mine = kept[run.info.run_id]
                assert run.info == mine.run.info
                assert repr(comparable(run)) == repr(comparable(mine.run))
                assert repr(run) == repr(store.get_run(run.info.run_id))


def comparable(run):
    """What was logged, in one order; of 0.0 and -0.0 at one moment either one is kept."""
    data = run.data.to_dictionary()
    metrics = {key: value + 0.0 for key, value in data.pop("metrics").items()}
    return [sorted(metrics.items()), *(sorted(each.items()) for each in data.values())]


@settings(max_examples=60, deadline=None)
@given(strategies.logged_run_lists(), st.none() | strategies.clauses(), strategies.orders())
def test_pages_are_the_whole(store, few, logged, clause, order):
    empty(store)
    kept = [keep(store, each) for each in logged]
    text, order_by = texts(clause, order)
    whole = expected(kept, clause, order)
    for busy in (another_writer(store), nullcontext()):
        with busy:
            for size in range(1, len(whole) + 2):
                assert pages(store, text, order_by, size) == whole, (text, order_by, size)


def pages(store, text, order_by, size, between=()):
    found, token, between = [], None, iter(between)
    while True:
        page = store.search_runs(EXPERIMENTS, text, ViewType.ALL, size, order_by, token)
        found += ids(page)
        token = page.token
        if token is None:
            return found
        assert len(page) == size
        next(between, None)


@settings(max_examples=60, deadline=None)
@given(
    strategies.logged_run_lists(),
    st.none() | strategies.clauses(max_leaves=3),
    strategies.orders(),
    st.integers(1, 3),
)
def test_pages_go_on_while_runs_are_added(store, few, logged, clause, order, size):
    empty(store)
    first, later = logged[: len(logged) // 2], logged[len(logged) // 2 :]
    kept = [keep(store, each) for each in first]
    text, order_by = texts(clause, order)
    new = (kept.append(keep(store, each)) for each in later)
    whole = expected(kept, clause, order)
    found = pages(store, text, order_by, size, new)
    assert [run for run in found if run in whole] == whole
    now = expected(kept, clause, order)
    assert found == [run for run in now if run in found]


@settings(max_examples=40, deadline=None)
@given(strategies.logged_run_lists(), QUESTIONS)
def test_columns_are_what_the_search_finds(store, logged, questions):
    empty(store)
    kept = [keep(store, each) for each in logged]
    for clause, order in questions:
        text, order_by = texts(clause, order)
        found = store.search_run_columns(EXPERIMENTS, text, ViewType.ALL, None, order_by)
        assert [info.run_id for info in found.runs] == expected(kept, clause, order)


# ------------------------------------------------------------------------------- experiments

TAGS = st.dictionaries(strategies.logged_keys, strategies.texts, max_size=3)
SEARCHES = st.lists(
    st.tuples(
        st.none() | strategies.clauses(clauses.EXPERIMENTS),
        strategies.orders(clauses.EXPERIMENTS),
        st.integers(1, 11),
    ),
    min_size=4,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TAGS, st.booleans()), min_size=3, max_size=6), SEARCHES)
def test_sql_finds_the_experiments_of_the_reference(store, changes, searches):
    for number, (tags, deleted) in enumerate(changes, 1):
        change(store, str(number), tags, deleted)
    made = [store.get_experiment(str(number)) for number in range(11)]
    for clause, order, size in searches:
        text, order_by = texts(clause, order)
        whole = [each for each in made if matches(clause, each)]
        whole = sort_items(whole, order, clauses.EXPERIMENTS)
        found, token = [], None
        while token is not None or not found:
            page = store.search_experiments(ViewType.ALL, size, text, order_by, token)
            found, token = [*found, *page], page.token
            if not page:
                break
        assert found == whole, (text, order_by, size)


def change(store, number, tags, deleted):
    experiment = store.get_experiment(number)
    if experiment.lifecycle_stage == "deleted":
        store.restore_experiment(number)
    for key in experiment.tags:
        store.delete_experiment_tag(number, key)
    store.set_experiment_tags(number, tags)
    if deleted:
        store.delete_experiment(number)


def test_a_store_is_emptied(store):
    store.create_run("9", run_id="a", tags={"k": "v"})
    store.log_batch("a", tags=[RunTag("t", "1")])
    empty(store)
    assert store.search_runs(EXPERIMENTS, run_view_type=ViewType.ALL) == []
