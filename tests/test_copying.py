"""`runlog copy`: the copy is what the source is, whatever lies between and however often."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time

import apsw
import pytest
from click.testing import CliRunner

import processes
import served
from contents import contents
from processes import LONG, check
from runlog import RunlogClient, cli
from runlog.copying import copy as copying
from runlog.copying.copy import POINTS_AT_ONCE
from runlog.copying.selection import Selected, Selection, count
from runlog.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    RunInputs,
    ViewType,
)
from runlog.http.store import HttpStore
from runlog.serve import create_app
from runlog.store import open_store
from runlog.store_parts.exact_copy import COPY_OF
from serving import serving
from test_docs import ROOT, blocks
from wsgi import WsgiTransport

HOSTILE = "'; drop table run; --\n\u202e\N{SNOWMAN} \U0001f600 %s {0} \\x00"
DOUBLES = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2]


def fill(store) -> None:
    """One of everything, and more where several may meet."""
    number = store.create_experiment(f"of {HOSTILE}", tags={"team": HOSTILE, "other": ""})
    store.set_experiment_tags("0", {"default": "yes"})
    data = [Dataset(name, "d1", "local", "{}", None, HOSTILE) for name in ("first", HOSTILE)]
    inputs = [DatasetInput(each, [InputTag("context", HOSTILE)]) for each in data]
    for start in range(3):
        run_id = store.create_run(number, HOSTILE, start, {"note": HOSTILE}).info.run_id
        points = [("odd/values", each, 10 - i, 0) for i, each in enumerate(DOUBLES)]
        points += [("falling times", i / 7, 100 - i, i - 5) for i in range(20)]
        points += [(f"once {i}", DOUBLES[i], 2**62, -(2**62)) for i in range(len(DOUBLES))]
        store.log(run_id, points, [("p", HOSTILE), ("empty", "")], inputs=RunInputs(inputs))
        store.record_digests(run_id, [("a/b.txt", 7, "ab" * 32)])
        model = store.models.create(number, "m", "kind", run_id, {"p": HOSTILE}, {"t": HOSTILE})
        store.models.finalize(model.model_id, ("READY", "FAILED", "READY")[start])
        store.models.log_outputs(run_id, [LoggedModelOutput(model.model_id, start)])
        measured = Metric("acc", math.nan, 5, 1, model.model_id, "first", "d1")
        read = RunInputs([], [LoggedModelInput(model.model_id)])
        store.log(run_id, measured=[measured], inputs=read)
        store.update_run(run_id, ("FINISHED", "KILLED", "RUNNING")[start], start + 5 or None)
    register(store, run_id, model.model_id)
    store.models.delete(model.model_id)
    store.delete_run(run_id)
    gone = store.create_experiment("gone")
    store.create_run(gone, start_time=1)
    store.delete_experiment(gone)


def register(store, run_id: str, model_id: str) -> None:
    """Registered models with versions of the run and the logged model, of others, and without."""
    name, registry = HOSTILE.replace("/", "").replace(":", ""), store.registry
    registry.create_model(name, {"k": HOSTILE}, HOSTILE)
    location = store.get_run(run_id).info.artifact_uri
    for source in ("s3://b/m", f"runs:/{run_id}/m", f"models:/{model_id}", f"{location}/m"):
        registry.create_version(name, source, run_id, {"t": HOSTILE}, "https://h/r", HOSTILE)
    registry.create_version(name, f"models:/{name}/2")
    registry.delete_version(name, 1)
    registry.transition_stage(name, 2, "Production")
    registry.transition_stage(name, 3, "Archived")
    registry.set_alias(name, "best", 2)
    registry.set_alias(name, "other", 3)
    registry.create_model("elsewhere")
    registry.create_version("elsewhere", "s3://b/elsewhere")
    registry.create_model("empty", description="", deployment_job_id="job")


@pytest.fixture
def full(place):
    """The path of a store with one of everything, closed."""
    store = open_store(str(place / "full.db"))
    fill(store)
    store.close()
    return place / "full.db"


def copy(*words: object, code: int = 0):
    result = CliRunner().invoke(cli.main, ["copy", *map(str, words)])
    assert result.exit_code == code, result.output + result.stderr
    return result


def counts(*words: object, code: int = 0) -> dict[str, tuple[int, int]]:
    rows = json.loads(copy(*words, "--json", code=code).stdout)
    return {row["kind"]: (row["source"], row["target"]) for row in rows}


def test_a_copy_is_identical(full, place):
    copy(full, place / "copy.db", "--view", "all")
    assert contents(place / "copy.db") == contents(full)
    check(place / "copy.db")


def test_a_second_copy_changes_nothing(full, place):
    for _ in range(2):
        found = counts(full, place / "copy.db", "--view", "all")
        assert found["points"] == (3 * (len(DOUBLES) * 2 + 20 + 1),) * 2
    assert contents(place / "copy.db") == contents(full)


def test_through_a_server_and_back(full, place):
    (place / "server").mkdir()
    with serving(place / "server", "--allow-local-locations") as server:
        copy(full, server.uri, "--view", "all")
        copy(server.uri, place / "back.db", "--view", "all")
    assert contents(place / "back.db") == contents(full)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_through_a_database_and_back(kind, full, server, place):
    uri = server(kind).database(f"through {place.name}")
    for _ in range(2):
        copy(full, uri, "--view", "all")
    copy(uri, place / "back.db", "--view", "all")
    assert contents(place / "back.db") == contents(full)
    store = open_store(uri)
    assert store.create_experiment("new") == "3"
    store.close()


def test_points_in_partitions_as_the_page_has_them(full, server, place):
    (statements,) = blocks(ROOT / "docs" / "scale.md", "sql")
    postgresql = server("postgresql")
    uri = postgresql.database(place.name)
    open_store(uri).close()
    with postgresql.connect(place.name) as connection:
        connection.execute(statements)
    copy(full, uri, "--view", "all")
    copy(uri, place / "back.db", "--view", "all")
    assert contents(place / "back.db") == contents(full)


def test_what_was_logged_since_comes_along(full, place):
    copy(full, place / "copy.db", "--view", "all")
    store = open_store(str(full))
    (run,) = store.search_runs(["1"], "status = 'FINISHED'")
    store.log(run.info.run_id, [("falling times", 0.5, 3, 99)], tags=[("note", "changed")])
    store.restore_experiment("2")
    store.close()
    copy(full, place / "copy.db", "--view", "all")
    after = contents(place / "copy.db")
    for table, rows in contents(full).items():
        if table != "experiment":  # one with runs keeps its stage: somebody may have decided it
            assert after[table] == rows


@pytest.mark.parametrize(
    "words, runs, experiments",
    [
        ([], 2, 2),
        (["--view", "deleted_only"], 2, 2),
        (["--view", "all"], 4, 3),
        (["-x", "0"], 0, 1),
        (["--filter", "status = 'KILLED'"], 1, 1),
        (["--filter", "metrics.`once 3` > 1"], 0, 0),
    ],
)
def test_a_part_of_it(words, runs, experiments, full, place):
    found = counts(full, place / "copy.db", *words)
    assert found.get("runs", (0, 0)) == (runs, runs)
    assert found.get("experiments", (0, 0)) == (experiments, experiments)
    if words[:1] == ["--filter"]:
        assert found.get("models", (0, 0)) == (runs, runs)


def test_registered_models_of_the_runs_that_are_copied(full, place):
    found = counts(full, place / "all.db", "--view", "all")
    assert (found["registered models"], found["versions"]) == ((3, 3), (5, 5))
    found = counts(full, place / "part.db", "--view", "all", "--experiment-id", "1")
    assert (found["registered models"], found["versions"]) == ((1, 1), (4, 4))
    assert "registered models" not in counts(full, place / "none.db", "--experiment-id", "0")


def test_versions_point_to_the_copied_files(full, place):
    run_id = RunlogClient(str(full)).search_runs(["1"], run_view_type=ViewType.ALL)[0].info.run_id
    (place / "elsewhere").mkdir()
    copy(full, place / "elsewhere" / "copy.db", "--view", "all", "--artifacts")
    registry = open_store(str(place / "elsewhere" / "copy.db")).registry
    found = {
        version.source: registry.download_uri(version.name, version.version)
        for version in registry.search_versions()
    }
    below = f"{place}/elsewhere/artifacts/1/{run_id}/artifacts/m"
    assert found[f"runs:/{run_id}/m"] == found[below] == below
    assert found["s3://b/elsewhere"] == "s3://b/elsewhere"


def test_another_version_of_the_same_number_stays(full, place):
    store = open_store(str(place / "copy.db"))
    store.registry.create_model("elsewhere")
    mine = store.registry.create_version("elsewhere", "s3://b/mine")
    found = counts(full, place / "copy.db", "--view", "all", code=1)
    assert found["versions"] == (5, 4)
    assert store.registry.get_version("elsewhere", 1) == mine
    assert store.registry.create_version("elsewhere", "s3://b/next").version == "2"


def test_a_dry_run_writes_nothing(full, place):
    words = (full, place / "copy.db", "--view", "all", "--dry-run")
    assert counts(*words)["runs"] == (4, 0)
    assert not (place / "copy.db").exists()
    copy(*words[:2], "-x", "0")
    assert counts(*words)["experiments"] == (3, 1)


def test_it_joins_what_is_there(full, place):
    """Experiments are found by their name; an id that is taken is not taken again."""
    store = open_store(str(place / "copy.db"))
    store.create_experiment("mine", tags={"a": "b"})
    own = store.create_run("1").info.run_id
    copy(full, place / "copy.db")
    (moved,) = store.search_experiments(filter_string="name LIKE 'of %'")
    assert store.get_experiment("1").name == "mine"
    assert {run.info.run_id for run in store.search_runs(["1"])} == {own}
    assert len(store.search_runs([moved.experiment_id])) == 2
    store.close()


def test_a_run_with_another_param_is_not_that_run(full, place):
    copy(full, place / "copy.db")
    for path, value in ((full, "one"), (place / "copy.db", "two")):
        store = open_store(str(path))
        store.log(store.search_runs(["1"], max_results=1)[0].info.run_id, params=[("new", value)])
        store.close()
    assert "'new'" in copy(full, place / "copy.db", code=1).stderr


def test_more_in_the_target_is_said(full, place):
    copy(full, place / "copy.db")
    store = open_store(str(place / "copy.db"))
    store.log(store.search_runs(["1"])[0].info.run_id, [("extra", 1.0, 1, 1)])
    store.close()
    result = copy(full, place / "copy.db", code=1)
    assert "the numbers differ" in result.stderr


def test_a_store_is_not_copied_to_itself(full, place):
    assert "where to copy to" in copy(full, f"sqlite:///{full}", code=1).stderr


# -- long and broken off --------------------------------------------------------------------


@pytest.fixture
def long(place):
    """Points that are read in pages, and some that are read with those of other metrics."""
    store = open_store(str(place / "long.db"))
    run_id = store.create_run("0", start_time=1).info.run_id
    store.log(run_id, [("one", i / 3, 1000 + i, i) for i in range(POINTS_AT_ONCE + 10_000)])
    store.log(run_id, [(f"m{k}", i / 3, 1000, i) for k in range(20) for i in range(1_500)])
    store.update_run(run_id, "FINISHED", 5)
    store.close()
    return place / "long.db"


def test_killed_in_the_middle_it_goes_on(long, place):
    target, kills = place / "copy.db", 0
    command = [sys.executable, "-m", "runlog.cli", "copy", str(long), str(target)]
    for least in (1, 30_000, 60_000):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + LONG
        while process.poll() is None and points(target) < least and time.monotonic() < end:
            time.sleep(0.002)
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills and points(target)
    copy(long, target)
    assert contents(target) == contents(long)


def points(path) -> int:
    """The points in a file that somebody else is writing, or making."""
    if not path.exists():
        return 0
    connection = apsw.Connection(str(path))
    try:
        tables = ("point", "recent")
        return sum(connection.execute(f"select count(*) from {each}").get for each in tables)
    except apsw.Error:
        return 0
    finally:
        connection.close()


def test_long_histories_over_a_server(long, place):
    with serving(place) as server:
        copy(long, server.uri)
        copy(server.uri, place / "back.db")
    before, after = contents(long), contents(place / "back.db")
    assert after["point"] == before["point"] and after["metric"] == before["metric"]


# -- files ----------------------------------------------------------------------------------


@pytest.fixture
def filed(place):
    """The path of a store with two runs and a model, each with files."""
    client = RunlogClient(str(place / "files" / "runlog.db"))
    for _ in range(2):
        run_id = client.create_run("0").info.run_id
        client.log_text(run_id, "text", "a.txt")
        client.log_text(run_id, HOSTILE, "d/b \N{SNOWMAN}.txt")
    client.delete_run(run_id)
    client.store.close()
    return place / "files" / "runlog.db"


def texts(store) -> list[tuple[str, str]]:
    client = RunlogClient(store.uri)
    found = []
    for run in store.all_runs(["0"], None, ViewType.ALL):
        repo = client._repo(run.info.run_id)
        found += [(run.info.run_id, each.path, repo.read(each.path)) for each in repo.files()]
    return sorted(found)


@pytest.mark.parametrize(
    "root, where",
    [
        ([], "{place}/copy/artifacts/0/"),
        (["--artifact-root", "elsewhere"], "{place}/elsewhere/0/"),
        (["--artifact-root", "sqlar:"], "sqlar:///{place}/copy/runlog.db/0/"),
    ],
)
def test_files_go_along(root, where, filed, place):
    words = (filed, place / "copy" / "runlog.db", "--view", "all")
    assert "files" not in counts(*words)  # they stay where they are, and are found there
    for _ in range(2):
        assert counts(*words, "--artifacts", *root)["files"] == (4, 4)
    copied, first = (open_store(str(each)) for each in words[1::-1])
    for run in copied.all_runs(["0"], None, ViewType.ALL):
        assert run.info.artifact_uri.startswith(where.format(place=place).replace("////", "///"))
    assert texts(copied) == texts(first) != []
    assert {*copied.get_digests(texts(first)[0][0])} == {"a.txt", "d/b \N{SNOWMAN}.txt"}
    copied.close()
    first.close()


def test_files_go_to_a_server_and_back(filed, place):
    (place / "server").mkdir()
    with serving(place / "server") as server:
        result = copy(filed, server.uri)
        assert "the files of 1 run stay in local folders" in " ".join(result.stderr.split())
        copy(filed, server.uri, "--artifacts")
        copy(server.uri, place / "back" / "runlog.db", "--artifacts")
    first, back = (open_store(str(each)) for each in (filed, place / "back" / "runlog.db"))
    (run_id,) = {run_id for run_id, _, _ in texts(back)}
    assert texts(back) == [each for each in texts(first) if each[0] == run_id]
    first.close()
    back.close()


@pytest.mark.parametrize(
    "words", [("--artifact-root", "s3://b"), ("--artifacts", "--artifact-root", "s3://b")]
)
def test_a_root_needs_a_database_and_files(words, full):
    assert "--artifact" in copy(full, "http://127.0.0.1:1", *words, code=2).stderr


# -- other servers --------------------------------------------------------------------------


@pytest.mark.slow
def test_to_mlflows_server_and_back(place):
    """Ids are the server's; what it was is in a tag, by which a second copy finds it."""
    store = open_store(str(place / "first.db"))
    number = store.create_experiment("copied", tags={"a": "b"})
    parent = store.create_run(number, "me", 5, {"t": "v"}, "parent").info.run_id
    child = store.create_run(number, "me", 6, {"mlflow.parentRunId": parent}, "child").info.run_id
    store.log(child, [("m", i / 3, 10 + i, i) for i in range(50)], [("p", "1")])
    store.update_run(child, "FAILED", 99)
    store.delete_run(store.create_run(number, start_time=7).info.run_id)
    model = store.models.create(number, "m", source_run_id=child)
    store.models.log_outputs(child, [LoggedModelOutput(model.model_id, 3)])
    store.models.finalize(model.model_id, "READY")
    store.registry.create_model("r", {"k": "v"}, "text")
    for source in ("s3://b/m", f"models:/{model.model_id}", f"runs:/{child}/m"):
        store.registry.create_version("r", source, tags={"t": "v"})
    store.registry.set_alias("r", "best", 2)
    store.registry.transition_stage("r", 3, "Staging")
    server = served.mlflow()
    served.empty(server)
    for _ in range(2):
        found = counts(place / "first.db", server.uri, "--view", "all")
        assert found["points"] == (50, 50) and found["runs"] == (3, 3)
        assert found["registered models"] == (1, 1) and found["versions"] == (3, 3)
    there = open_store(server.uri)
    assert [each.version for each in there.registry.search_versions()] != []
    best = there.registry.version_by_alias("r", "best")
    assert (best.version, best.tags["t"]) == ("2", "v")
    assert there.registry.latest_versions("r", ["Staging"])[0].version == "3"
    copied = there.find_experiment("copied").experiment_id
    (run,) = there.search_runs([copied], f"tags.`{COPY_OF}` = '{child}'")
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FAILED", 6, 99)
    (above,) = there.search_runs([copied], f"tags.`{COPY_OF}` = '{parent}'")
    assert run.data.tags["mlflow.parentRunId"] == above.info.run_id
    assert counts(server.uri, place / "back.db", "-n", "copied")["points"] == (50, 50)
    back = open_store(str(place / "back.db"))
    assert len(back.get_metric_history(run.info.run_id, "m")) == 50
    for each in (store, there, back):
        each.close()


class Older(WsgiTransport):
    """A server as MLflow's were before logged models: no endpoints but MLflow's first ones."""

    def send(self, verb, target, headers, body, seconds=None):
        is_new = "/api/runlog/" in target or "logged-models" in target
        return super().send(verb, "/unknown" if is_new else target, headers, body, seconds)


def test_through_a_server_of_few_words(full, place):
    """All goes by MLflow's own endpoints: ids are the server's, and are found again."""
    behind = open_store(str(place / "server.db"))
    server = HttpStore("http://localhost", Older(create_app(behind)))
    source, back = open_store(str(full)), open_store(str(place / "back.db"))
    choice = Selection(source.all_experiments())
    for _ in range(2):
        found = {each.kind: each[1:] for each in copying.copy(source, server, choice).counts}
        assert found.pop("models")[1] == found.pop("links to models")[1] == 0
        assert all(there == here for there, here in found.values())
    again = copying.copy(server, back, Selection(server.all_experiments()))
    assert again.is_complete
    for run in source.all_runs(["1"]):
        (copied,) = back.search_runs(["1"], f"tags.`{COPY_OF}` = '{run.info.run_id}'")
        assert copied.info.run_id != run.info.run_id
        assert copied.data.params == run.data.params
        assert repr(copied.data.metrics) == repr(run.data.metrics)
        assert copied.inputs.dataset_inputs == run.inputs.dataset_inputs
    for store in (source, server, behind, back):
        store.close()


# -- a live source --------------------------------------------------------------------------


def whole(store, run_id: str) -> tuple[object, ...]:
    """All that is logged of a run."""
    run = store.get_run(run_id)
    histories = [store.get_metric_history(run_id, key) for key in sorted(run.data.metrics)]
    return run.info.status, run.info.end_time, run.data, histories, store.get_digests(run_id)


def test_a_run_that_is_logged_to_meanwhile_is_copied_as_it_is_at_some_moment(place):
    source, target = open_store("from.db"), open_store("to.db")
    run_id = source.create_run("0").info.run_id
    source.log(run_id, [("loss", 0.0, 0, 0)], [("a", "1")])
    step = 0

    def go_on(done: int, total: int) -> None:
        nonlocal step
        step += 1
        source.log(run_id, [("loss", 1.0, step, step), (f"m{step}", 1.0, 1, 1)], [(f"p{step}", "")])
        source.log(run_id, tags=[(f"t{step}", "")])
        source.record_digests(run_id, [(f"f{step}", 1, "ab" * 32)])

    choice = Selection(source.all_experiments())
    outcome = copying.copy(source, target, choice, go_on)
    assert (outcome.is_complete, outcome.live) == (True, 1)
    assert len(target.get_metric_history(run_id, "loss")) >= 2  # more than when it began
    assert target.get_run(run_id).info.status == "RUNNING"
    source.update_run(run_id, "FINISHED")
    outcome = copying.copy(source, target, choice)
    assert (outcome.is_complete, outcome.live) == (True, 0)
    assert whole(target, run_id) == whole(source, run_id)
    source.close()
    target.close()


def test_a_run_that_ends_meanwhile_is_copied_whole(place):
    source, target = open_store("from.db"), open_store("to.db")
    run_id = source.create_run("0").info.run_id
    source.log(run_id, [("loss", 0.0, 0, 0)])

    def end(done: int, total: int) -> None:
        if source.get_run(run_id).info.status == "RUNNING":
            source.log(run_id, [("loss", 1.0, 1, 1)])
            source.update_run(run_id, "FINISHED")

    outcome = copying.copy(source, target, Selection(source.all_experiments()), end)
    assert (outcome.is_complete, outcome.live) == (True, 0)
    assert whole(target, run_id) == whole(source, run_id)
    source.close()
    target.close()


def test_what_is_missing_of_a_live_run_is_an_error(place):
    source, target = open_store("from.db"), open_store("to.db")
    run_id = source.create_run("0").info.run_id
    source.log(run_id, [("loss", 0.0, 0, 0)], [("a", "1"), ("b", "2")])
    chosen = Selected(source, Selection(source.all_experiments()))
    copying.copy(source, target, chosen.selection)
    (records,) = chosen.all_batches()
    chosen.note(records[0])
    target.log(run_id, [("loss", 7.0, 7, 7)])  # which the source has not
    points = {each.kind: each for each in count(chosen, target)}["points"]
    assert (points.source, points.target) == (1, 2)
    source.close()
    target.close()


@pytest.mark.parametrize(
    "words",
    [
        ["copy", "live.db", "copy.db"],
        ["copy", "--artifacts", "live.db", "copy.db"],
        ["gc", "--tracking-uri", "live.db"],
        ["db", "backup", "copy.db", "--overwrite", "--tracking-uri", "live.db"],
        ["db", "check", "--tracking-uri", "live.db"],
        ["db", "vacuum", "--tracking-uri", "live.db"],
        ["doctor", "--tracking-uri", "live.db"],
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_commands_on_a_store_that_somebody_logs_to(place, words):
    writer = processes.start("log_loop", "live.db", 5)
    try:
        for _ in range(20):
            writer.stdout.readline()
        store = open_store("live.db")
        store.delete_run(store.create_run("0").info.run_id)
        store.close()
        for _ in range(3):
            result = CliRunner().invoke(cli.main, words)
            assert result.exit_code == 0, result.output
    finally:
        writer.kill()
        writer.communicate()
    check("live.db")
