"""What a search finds, in which order: fixed examples beside `tests/test_search_properties.py`."""

from __future__ import annotations

import math

import pytest

from contract.names import ODD_KEYS, ODD_NAMES
from runlog.entities import Dataset, DatasetInput, InputTag, ViewType
from runlog.errors import InvalidParameter
from runlog.sqlstore import search as sqlsearch

NAN, INF = math.nan, math.inf


@pytest.fixture(params=[1000, 1], ids=["few", "many"])
def ways(request, monkeypatch):
    """How a database looks for few runs, and for more than it would sort."""
    monkeypatch.setattr(sqlsearch, "FEW", request.param)


@pytest.fixture(scope="module")
def runs(shared):
    """a to f, started one after another, in two experiments; f is in the trash."""
    store = shared
    other = store.create_experiment("other")
    made = [
        # experiment, metrics by step, params, tags
        ("0", {"m": [1.0, 5.0, 3.0]}, {"lr": "0.1"}, {"it": "it's"}),
        ("0", {"m": [-0.0]}, {"lr": "0.10"}, {"it": "It's"}),
        ("0", {"m": [7.0, NAN], "n": [0.0]}, {"lr": "10"}, {}),
        (other, {"m": [INF]}, {"lr": "9"}, {"é": "É"}),
        (other, {}, {}, {}),
        ("0", {"m": [3.0]}, {"lr": "0.1"}, {}),
    ]
    for number, (experiment, metrics, params, tags) in enumerate(made):
        run = "abcdef"[number]
        store.create_run(experiment, f"user {run}", number, tags, f"run {run}", run)
        points = [
            (key, value, 0, step)
            for key, values in metrics.items()
            for step, value in enumerate(values)
        ]
        store.log(run, points, params.items())
    store.update_run("a", "FINISHED", 1_000)
    store.update_run("b", "FAILED", 500)
    data = Dataset("digits", "d1", "local", "{}")
    store.log_inputs("b", [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    store.log_inputs("c", [DatasetInput(data), DatasetInput(Dataset("iris", "d2", "local", "{}"))])
    store.delete_run("f")
    return store


def ids(store, filter_string=None, order_by=("start_time",), view=ViewType.ACTIVE_ONLY):
    found = store.search_runs(["0", "1"], filter_string, view, order_by=order_by)
    return "".join(run.info.run_id for run in found)


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize(
    "text, found",
    [
        (None, "abcde"),
        ("", "abcde"),
        ("metrics.m > 0", "ad"),
        ("metrics.m >= 0", "abd"),
        ("metrics.m = 0", "b"),
        ("metrics.m > -0.0", "ad"),
        ("metrics.m BETWEEN 0 AND 0", "b"),
        ("params.lr BETWEEN '' AND ''", ""),
        ("metrics.m = NaN", "c"),
        ("metrics.m != NaN", "abd"),
        ("metrics.m = inf", "d"),
        ("metrics.m IN (3, NaN)", "ac"),
        ("metrics.m BETWEEN -1 AND 3", "ab"),
        ("metrics.m NOT BETWEEN -1 AND 3", "cd"),
        ("metrics.m IS NULL", "e"),
        ("metrics.none IS NOT NULL", ""),
        ("NOT metrics.none = 1", ""),
        ("max(metrics.m) >= 5", "acd"),
        ("min(metrics.m) = 1 OR first(metrics.m) = 7", "ac"),
        ("count(metrics.m) = 0", "e"),
        ("count(metrics.m) BETWEEN 2 AND 3", "ac"),
        ("params.lr = '0.1'", "a"),
        ("params.lr != '0.1'", "bcd"),
        ("params.lr LIKE '0.1%'", "ab"),
        ("params.lr BETWEEN '1' AND '9'", "cd"),
        ('tags.it = "it\'s"', "a"),
        ("tags.it ILIKE 'IT''_'", "ab"),
        ("tags.`é` = 'É' OR tags.`é` = 'é'", "d"),
        ("tags.it IS NULL AND NOT metrics.m = inf", "c"),
        ("status IN ('FINISHED', 'FAILED')", "ab"),
        ("run_name = 'run c' OR run_id = 'd'", "cd"),
        ("attributes.user_id LIKE '%_e'", "e"),
        ("start_time BETWEEN 1 AND 3", "bcd"),
        ("end_time IS NULL", "cde"),
        ("duration > 499", "a"),
        ("experiment_id = '1'", "de"),
        ("artifact_uri LIKE '%/0/_/artifacts'", "abc"),
        ("lifecycle_stage = 'deleted'", ""),
        ("datasets.name = 'digits'", "bc"),
        ("datasets.name != 'digits'", "c"),
        ("datasets.context = 'train' AND dataset.digest = 'd1'", "b"),
        ("datasets.name IS NULL AND metrics.m IS NOT NULL", "ad"),
        ("NOT (metrics.m > 0 OR params.lr = '10')", "b"),
    ],
)
def test_found(runs, text, found):
    assert ids(runs, text) == found


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize(
    "order_by, found",
    [
        (None, "edcba"),
        ([], "edcba"),
        (["start_time DESC"], "edcba"),
        (["metrics.m"], "badce"),
        (["metrics.m DESC"], "dabce"),
        (["min(metrics.m)", "start_time"], "bacde"),
        (["max(metrics.m) DESC"], "dcabe"),
        (["count(metrics.m)", "run_id"], "ebdca"),
        (["params.lr"], "abcde"),
        (["params.lr DESC"], "dcbae"),
        (["tags.it DESC", "metrics.m"], "abdce"),
        (["end_time"], "baedc"),
        (["duration DESC", "run_name"], "abcde"),
        (["status", "metrics.m DESC"], "badce"),
        (["experiment_id DESC", "start_time"], "deabc"),
        (["metrics.none", "run_id DESC"], "edcba"),
    ],
)
def test_order(runs, order_by, found):
    assert ids(runs, order_by=order_by) == found


def test_views(runs):
    views = [ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL]
    assert [ids(runs, view=view) for view in views] == ["abcde", "f", "abcdef"]
    assert ids(runs, "lifecycle_stage = 'deleted'", view=ViewType.ALL) == "f"
    with pytest.raises(InvalidParameter, match="view type 4"):
        ids(runs, view=4)


def test_experiments_are_searched_by_id(runs):
    assert [run.info.run_id for run in runs.search_runs(iter(["1"]))] == ["e", "d"]
    assert runs.search_runs([]) == runs.search_runs(["7"]) == []
    assert len(runs.search_runs(["0", "0", "7"])) == 3
    for wrong in ("0", 0, ["a"], [None]):
        with pytest.raises(InvalidParameter, match="experiment"):
            runs.search_runs(wrong)


def test_what_is_found_is_what_is_kept(runs):
    found = runs.search_runs(["0", "1"], run_view_type=ViewType.ALL)
    assert list(map(repr, found)) == [repr(runs.get_run(run.info.run_id)) for run in found]


def test_a_search_sees_what_was_logged_just_now(store):
    store.create_run("0", run_id="a")
    for value in range(3):
        store.log_metric("a", "m", value, 0, value)
        assert ids(store, f"metrics.m = {value} AND count(metrics.m) = {value + 1}") == "a"
        store.log("a", tags=[("t", value)])
        assert ids(store, f"tags.t = '{value}'") == "a"


@pytest.mark.parametrize("size", [0, -1, 50_001])
def test_page_sizes(runs, size):
    with pytest.raises(InvalidParameter, match="max_results"):
        runs.search_runs(["0"], max_results=size)
    with pytest.raises(InvalidParameter, match="max_results"):
        runs.search_experiments(max_results=size)


def test_no_pages_are_without_bound(runs):
    assert len(runs.search_run_columns(["0"], max_results=10**9).runs) == 3
    assert runs.search_run_columns(["0"], max_results=0).runs == []
    assert runs.all_runs(["0"], max_results=0) == []
    for search in (runs.search_run_columns, runs.all_runs):
        with pytest.raises(InvalidParameter, match="max_results"):
            search(["0"], max_results=-1)


@pytest.mark.parametrize(
    "text, words",
    [
        ("metrics.m >", "at position 11, at the end"),
        ("metric.m = 'a'", "Expected numeric value type"),
        ("params.lr = 0.1", "Expected a quoted string value"),
        ("color = 'red'", "Invalid attribute key 'color'"),
        ("status = 'a'; drop table run", "near ';"),
    ],
)
def test_filters_are_refused_before_anything_is_searched(runs, text, words):
    for search in (runs.search_runs, runs.search_run_columns):
        with pytest.raises(InvalidParameter, match=words):
            search(["0"], text)
    with pytest.raises(InvalidParameter, match="order_by"):
        runs.search_runs(["0"], order_by=["metrics.m sideways"])


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("value", ["", *ODD_NAMES])
def test_text_is_found_as_it_is(store, run_id, value):
    store.create_run("0", tags={"t": value + "!"})
    store.log(run_id, params=[("p", value)], tags=[("t", value)])
    quoted = "'" + value.replace("'", "''") + "'"
    for text in (f"params.p = {quoted}", f"tags.t IN ({quoted})", f"tags.t LIKE {quoted}"):
        assert run_id in [run.info.run_id for run in store.search_runs(["0"], text)]
    assert len(store.search_runs(["0"], f"tags.t = {quoted}")) == 1


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_key_is_found(store, run_id, key):
    store.create_run("0", start_time=2)
    store.log(run_id, [(key, 1.0, 0, 0)], [(key, "p")], [(key, "t")])
    text = f"metrics.`{key}` = 1 AND params.`{key}` = 'p' AND tags.\"{key}\" = 't'"
    assert [run.info.run_id for run in store.search_runs(["0"], text)] == [run_id]
    for kind in ("metrics", "params", "tags"):
        assert store.search_runs(["0"], order_by=[f"{kind}.`{key}`"])[0].info.run_id == run_id


@pytest.mark.usefixtures("ways")
def test_long_values_are_found(store, run_id):
    for length in (249, 250, 251, 10_000):
        value = "é" * length
        store.log(run_id, params=[(f"p{length}", value)])
        assert len(store.search_runs(["0"], f"params.p{length} = '{value}'")) == 1
        assert store.search_runs(["0"], f"params.p{length} = '{value}e'") == []
        assert len(store.search_runs(["0"], f"params.p{length} LIKE '%é'")) == 1


@pytest.mark.usefixtures("ways")
def test_long_values_are_in_the_order(store):
    values = ["a", "b" * 250, "b" * 251, "b" * 252, "c"]
    for value in values:
        run = store.create_run("0")
        store.log(run.info.run_id, params=[("p", value)])
    store.create_run("0")
    for order, expected in (("", values), (" DESC", values[::-1])):
        found = store.search_runs(["0"], order_by=[f"params.p{order}"])
        assert [run.data.params.get("p") for run in found] == [*expected, None]


# ------------------------------------------------------------------------------------- columns


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("text", [None, "metrics.m > 0", "params.none = 'x'"])
@pytest.mark.parametrize("order_by", [None, ["metrics.m DESC"], ["params.lr"]])
@pytest.mark.parametrize("most", [None, 1, 3, 100])
def test_columns_say_what_the_search_finds(runs, text, order_by, most):
    found = runs.search_runs(["0", "1"], text, ViewType.ALL, 1000, order_by)[:most]
    columns = runs.search_run_columns(["0", "1"], text, ViewType.ALL, most, order_by)
    assert columns.runs == [run.info for run in found]
    for name in ("metrics", "params", "tags"):
        values = {
            (position, key): value
            for position, run in enumerate(found)
            for key, value in getattr(run.data, name).items()
        }
        assert repr(sorted(cells(getattr(columns, name)))) == repr(sorted(values.items()))


def cells(columns):
    for key, (positions, values) in columns.items():
        assert len(positions) == len(values) > 0
        for position, value in zip(positions, values, strict=True):
            yield (position, key), value


# --------------------------------------------------------------------------------- experiments


@pytest.fixture(scope="module")
def experiments(shared, runs):
    """Default, other and a, B, it's; B is in the trash."""
    store = shared
    for name, tags in [("a", {"k": "1"}), ("B", {"k": "2"}), ("it's", {"l": "1"})]:
        store.create_experiment(name, f"s3://bucket/{name}", tags)
    store.delete_experiment("3")
    return store


@pytest.mark.parametrize(
    "text, order_by, found",
    [
        (None, ["experiment_id"], ["0", "1", "2", "4"]),
        ("name = \"it's\"", None, ["4"]),
        ("name ILIKE 'A'", None, ["2"]),
        ("attribute.name LIKE '%a%'", ["name"], ["0", "2"]),
        ("tags.k IS NULL", ["name DESC"], ["1", "4", "0"]),
        ("tags.k = '1' OR tags.l = '1'", ["tags.k"], ["2", "4"]),
        ("experiment_id NOT IN ('0', '1', '4')", None, ["2"]),
        ("creation_time > 0 AND last_update_time > 0",
         ["experiment_id DESC"], ["4", "2", "1", "0"]),
        ("artifact_location = 's3://bucket/a'", None, ["2"]),
        ("lifecycle_stage = 'deleted'", None, []),
    ],
)  # fmt: skip
def test_experiments_found(experiments, text, order_by, found):
    page = experiments.search_experiments(filter_string=text, order_by=order_by)
    assert [each.experiment_id for each in page] == found
    assert page == [experiments.get_experiment(each) for each in found]


@pytest.mark.parametrize("view, found", [(1, "0124"), (2, "3"), (3, "01234")])
def test_views_of_experiments(experiments, view, found):
    page = experiments.search_experiments(view, order_by=["experiment_id"])
    assert "".join(each.experiment_id for each in page) == found


def test_the_newest_experiment_comes_first(store):
    for name in "abc":
        store.create_experiment(name)
    made = store.search_experiments()
    times = [(-each.creation_time, int(each.experiment_id)) for each in made]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "given",
    [
        {"filter_string": "metrics.m > 0"},
        {"filter_string": "status = 'x'"},
        {"order_by": ["params.p"]},
        {"view_type": 0},
        {"page_token": "x"},
    ],
)
def test_experiment_searches_refused(experiments, given):
    with pytest.raises(InvalidParameter):
        experiments.search_experiments(**given)


def test_a_list_of_many_values(store):
    run = store.create_run("0").info.run_id
    store.log(run, [("m", 17_000.0, 0, 0)], [("p", "v9000")])
    texts = ", ".join(f"'v{n}'" for n in range(9_001))
    numbers = ", ".join(map(str, [*range(13_000), 17_000]))
    for text in (f"params.p IN ({texts})", f"metrics.m IN ({numbers})"):
        assert [each.info.run_id for each in store.search_runs(["0"], text)] == [run]
        assert store.search_runs(["0"], text.replace("v9000", "x").replace("17000", "1")) == []
    again = ",".join(["1"] * 48_000)
    assert store.search_runs(["0"], f"metrics.m IN ({again})") == []
