"""The commands, run in this process; tests/test_cli_processes.py has them as real programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import apsw
import click
import pytest
from click.testing import CliRunner

import runlog
from runlog import cli, clock

CLIENT = runlog.RunlogClient()


def call(*args: object, code: int = 0, stdin: str = "") -> str:
    """What a command prints; it must end with `code`, and say why if that is not 0."""
    result = CliRunner().invoke(cli.main, [str(each) for each in args], input=stdin)
    assert result.exit_code == code, result.output
    if code:
        assert result.stderr.startswith("runlog: error: ") and result.stderr.count("\n") == 1
        return result.stderr
    assert re.sub(r"runlog: note: \S+ is a new file\n", "", result.stderr) == ""
    return result.stdout


def data(*args: object) -> object:
    return json.loads(call(*args, "--json"))


def table(*args: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(call(*args, "--csv"))))


@pytest.fixture
def runs(place: Path) -> list[str]:
    """Three runs of the experiment `shapes`: a and b finished, c failed with a NaN."""
    runlog.set_experiment("shapes")
    ids = []
    for name, rate in [("a", 0.1), ("b", 0.2), ("c", 0.4)]:
        with runlog.start_run(run_name=name, tags={"team": "x"}) as run:
            runlog.log_params({"rate": rate, "model": "tree"})
            for step in range(5):
                runlog.log_metric("loss", math.exp(-rate * step), step=step)
            runlog.log_metric("acc", rate if name != "c" else math.nan)
            runlog.log_text(f"all of {name}", "notes/result.txt")
        ids.append(run.info.run_id)
    CLIENT.set_terminated(ids[2], "FAILED")
    os.environ.pop("RUNLOG_EXPERIMENT_NAME")
    return ids


# -- experiments ----------------------------------------------------------------------------


def test_an_experiment_from_birth_to_trash_and_back():
    assert call("experiments", "create", "-n", "first", "-l", "files") == (
        "Created experiment 'first' with id 1\n"
    )
    call("experiments", "rename", "-x", 1, "--new-name", "second")
    call("experiments", "delete", "-n", "second")
    (found,) = data("experiments", "list", "-v", "deleted_only")
    assert (found["name"], found["artifact_location"]) == ("second", os.path.abspath("files"))
    call("experiments", "restore", "--experiment-id", 1)
    found = data("experiments", "search", "--order-by", "name DESC")
    assert [each["name"] for each in found] == ["second", "Default"]


def test_experiments_are_filtered_ordered_and_limited():
    for name in ("digits-1", "digits-2", "letters"):
        call("experiments", "create", "-n", name)
    found = table("experiments", "search", "name LIKE 'digits%'", "--order-by", "name DESC")
    assert [each["name"] for each in found] == ["digits-2", "digits-1"]
    assert len(data("experiments", "list", "--max-results", 2)) == 2


def test_experiments_csv_has_the_columns_of_search_runs(runs):
    call("experiments", "csv", "-n", "shapes", "-o", "out.csv")
    rows = list(csv.DictReader(io.StringIO(Path("out.csv").read_text())))
    frame = runlog.search_runs(experiment_names=["shapes"])
    assert set(rows[0]) == set(frame.columns)
    assert [row["run_id"] for row in rows] == list(frame["run_id"])
    assert rows[0]["metrics.acc"] == "NaN"
    assert float(rows[1]["metrics.loss"]) == frame["metrics.loss"][1]


@pytest.mark.parametrize("words", [[], ["-x", "1", "-n", "shapes"]])
def test_exactly_one_experiment_is_named(runs, words):
    assert "Name one experiment" in call("experiments", "delete", *words, code=2)


# -- runs -----------------------------------------------------------------------------------


def test_runs_are_listed_with_their_experiment(runs):
    call("experiments", "create", "-n", "empty")
    lines = call("runs", "list").splitlines()
    assert lines[0].split()[:3] == ["run_id", "run_name", "experiment"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [run_id, name, "shapes"] for run_id, name in zip(runs[::-1], "cba", strict=True)
    ]
    assert len(call("runs", "list", "-n", "empty").splitlines()) == 1
    assert len(data("runs", "list", "--max-results", 2)) == 2


def test_the_environment_names_the_experiment(runs, monkeypatch):
    monkeypatch.setenv("RUNLOG_EXPERIMENT_NAME", "Default")
    assert data("runs", "list") == []
    monkeypatch.delenv("RUNLOG_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "1")
    assert len(data("runs", "list")) == 3


def test_a_search_shows_the_fields_it_speaks_of_first(runs):
    lines = call("runs", "search", "params.rate IN ('0.1', '0.2')", "--order-by",
                 "min(metrics.loss)").splitlines()  # fmt: skip
    assert lines[0].split()[:5] == ["run_id", "run_name", "status", "min(loss)", "rate"]
    assert [line.split()[1] for line in lines[1:]] == ["b", "a"]


def test_a_search_without_a_match_is_an_empty_table(runs):
    assert len(call("runs", "search", "metrics.loss > 5").splitlines()) == 1
    assert data("runs", "search", "metrics.loss > 5") == []


def test_a_search_as_json_has_whole_runs(runs):
    found = data("runs", "search", "status = 'FAILED'")
    assert [each["info"]["run_id"] for each in found] == [runs[2]]
    assert found[0]["data"]["metrics"]["acc"] == "NaN"
    assert found[0]["data"]["params"] == {"rate": "0.4", "model": "tree"}


def test_a_search_as_csv_has_all_columns(runs):
    rows = table("runs", "search", "--order-by", "run_name", "--max-results", 2)
    assert [(row["params.rate"], row["tags.team"]) for row in rows] == [("0.1", "x"), ("0.2", "x")]


def test_columns_are_chosen_by_field(runs):
    wanted = "run_name,max(metrics.loss), count(metrics.`loss`),params.rate,tags.`a,b`"
    rows = table("runs", "search", "-c", wanted, "-c", "duration", "--order-by", "run_name")
    assert list(rows[0]) == [
        "run_name", "max(metrics.loss)", "count(metrics.loss)", "params.rate", "tags.`a,b`",
        "duration",
    ]  # fmt: skip
    assert list(rows[0].values())[:5] == ["a", "1.0", "5", "0.1", ""]


def test_a_name_for_two_things_keeps_its_prefix():
    with runlog.start_run():
        runlog.log_metric("size", 1)
        runlog.log_param("size", 2)
        runlog.log_param("status", 3)
    heading = call("runs", "search").splitlines()[0].split()
    assert {"metrics.size", "params.size", "params.status", "status"} <= {*heading}


def test_runs_csv_writes_a_file_or_the_screen(runs):
    printed = call("runs", "csv", "metrics.loss < 1", "--order-by", "run_name")
    assert call("runs", "csv", "metrics.loss < 1", "--order-by", "run_name", "-o", "o.csv") == (
        "Wrote 3 runs to o.csv\n"
    )
    assert Path("o.csv").read_text() == printed
    assert os.listdir() == [name for name in os.listdir() if not name.endswith(".part")]


def test_describe_prints_what_mlflow_prints(runs):
    found = json.loads(call("runs", "describe", "--run-id", runs[2]))
    whole = CLIENT.get_run(runs[2]).to_dictionary()
    assert found["info"] == whole["info"]
    assert found["data"]["metrics"]["acc"] == "NaN"
    assert found["data"]["params"] == whole["data"]["params"]
    assert {"part": "params", "key": "rate", "value": "0.4"} in table("runs", "describe", runs[2])


def test_runs_go_to_the_trash_and_come_back(runs):
    call("runs", "delete", "--run-id", runs[0])
    call("runs", "delete", runs[1])
    assert len(data("runs", "list", "-v", "deleted_only")) == 2
    assert {each["lifecycle_stage"] for each in data("runs", "list", "-v", "all")} == {
        "active", "deleted",
    }  # fmt: skip
    call("runs", "restore", runs[0], "-r", runs[1])
    assert len(data("runs", "list")) == 3


def test_nothing_is_deleted_if_one_run_is_not_found(runs):
    assert "no run" in call("runs", "delete", runs[0], "nope", code=1)
    assert len(data("runs", "list")) == 3


def test_a_run_is_named_by_the_beginning_of_its_id():
    for run_id in ("abc123", "abc456", "abc"):
        CLIENT.store.create_run("0", run_id=run_id)
    assert json.loads(call("runs", "describe", "abc1"))["info"]["run_id"] == "abc123"
    assert json.loads(call("runs", "describe", "abc"))["info"]["run_id"] == "abc"
    assert "several runs" in call("runs", "describe", "ab", code=1)
    assert "no run" in call("runs", "describe", "x", code=1)
    assert "invalid run id" in call("runs", "describe", "a' OR", code=1)


# -- ending runs ----------------------------------------------------------------------------


@pytest.fixture
def abandoned(place: Path) -> dict[str, str]:
    """Runs that nobody ends: silent for three and for one hour, by their start or their points; one
    that goes on; one that has ended."""
    hour, now = 3_600_000, clock.now()
    ids = {}
    for name, start, last in [
        ("old", 3, None), ("logged", 4, 3), ("hour", 3, 1.5), ("goes on", 5, 0.01), ("over", 5, 5),
    ]:  # fmt: skip
        ids[name] = CLIENT.create_run("0", round(now - start * hour), run_name=name).info.run_id
        if last is not None:
            CLIENT.log_metric(ids[name], "m", 1, timestamp=now - last * hour)
    CLIENT.set_terminated(ids["over"], "FAILED")
    return ids


def test_stale_runs_are_ended(abandoned):
    found = data("runs", "end", "--stale", "2h")
    assert {(each["run_name"], each["done"], each["status"]) for each in found} == {
        ("old", "ended", "KILLED"),
        ("logged", "ended", "KILLED"),
    }
    runs = {name: CLIENT.get_run(run_id) for name, run_id in abandoned.items()}
    assert runs["old"].info.end_time == runs["old"].info.start_time
    assert runs["logged"].info.end_time == runs["logged"].data.metric_points[0].timestamp
    assert {name: run.info.status for name, run in runs.items()} == {
        "old": "KILLED", "logged": "KILLED", "hour": "RUNNING", "goes on": "RUNNING",
        "over": "FAILED",
    }  # fmt: skip
    assert call("runs", "end", "--stale", "1h", "--status", "failed") == (
        f"Run {abandoned['hour']} is FAILED\n"
    )
    assert data("runs", "end", "--stale", "1h") == []


def test_runs_are_ended_by_name(abandoned):
    given = [abandoned[name] for name in ("goes on", "over")]
    assert call("runs", "end", given[0][:12], "-r", given[1], "--status", "FINISHED") == (
        f"Run {given[1]} had ended as FAILED\nRun {given[0]} is FINISHED\n"
    )
    info = CLIENT.get_run(given[0]).info
    assert info.start_time < info.end_time <= clock.now()
    for options in ([], [given[0], "--stale", "1h"], ["--stale", "soon"]):
        result = CliRunner().invoke(cli.main, ["runs", "end", *options])
        assert result.exit_code == 2, result.output
    call("runs", "end", abandoned["old"], "f" * 32, code=1)
    assert CLIENT.get_run(abandoned["old"]).info.status == "RUNNING"


# -- comparing ------------------------------------------------------------------------------


def test_compare_shows_differences_with_the_best_marked(runs):
    printed = call("runs", "compare", *runs[:2])
    rows = {line.split()[-3]: line.split()[-2:] for line in printed.splitlines()[1:]}
    assert rows["rate"] == ["0.1", "0.2"]
    assert re.search(r"loss +0\.670320 +0\.449329 \*$", printed, re.MULTILINE)
    assert re.search(r"acc +0\.1 +0\.2 \*$", printed, re.MULTILINE)
    assert "model" not in printed and "team" not in printed
    assert "model" in call("runs", "compare", *runs[:2], "--all")
    assert "mlflow.runName" in call("runs", "compare", *runs[:2], "--tags")


def test_compare_can_be_told_what_is_best(runs):
    found = data("runs", "compare", *runs, "--maximize", "loss")
    assert found["best"] == {"loss": [runs[0]], "acc": [runs[1]]}
    assert found["metrics"]["acc"] == [0.1, 0.2, "NaN"]
    assert data("runs", "compare", *runs, "--minimize", "acc")["best"]["acc"] == [runs[0]]
    experiment = CLIENT.get_run(runs[0]).info.experiment_id
    CLIENT.define_metric(experiment, "a*", goal="min")
    assert data("runs", "compare", *runs)["best"]["acc"] == [runs[0]]


@pytest.mark.parametrize(
    "key, less",
    [
        ("loss", True), ("val_loss", True), ("logloss", True), ("valLoss", True), ("rmse", True),
        ("epoch time", True), ("accuracy", False), ("f1", False), ("glossary", False),
        ("timeliness", False), ("lossless_ratio", False),
    ],
)  # fmt: skip
def test_the_name_of_a_metric_tells_what_is_better(key, less):
    from runlog.commands.runs_compare import _less_is_better

    assert _less_is_better(key, {}) == less


def test_compare_needs_two_runs(runs):
    assert "two runs" in call("runs", "compare", runs[0], code=2)


# -- metrics --------------------------------------------------------------------------------


def test_a_history_has_every_point(runs):
    found = data("metrics", "history", runs[0], "loss")
    assert [(each["step"], each["value"]) for each in found] == [
        (step, math.exp(-0.1 * step)) for step in range(5)
    ]
    assert data("metrics", "history", "--run-id", runs[0], "-k", "loss") == found
    assert data("metrics", "plot", runs[0], "loss") == found
    assert len(data("metrics", "history", "-r", runs[0], "-r", runs[1], "loss", "acc")) == 12
    assert table("metrics", "history", runs[2], "acc")[0]["value"] == "NaN"


def test_an_unknown_metric_is_named_with_those_there_are(runs):
    said = call("metrics", "history", runs[0], "nope", code=1)
    assert "no metric 'nope': there are acc, loss" in said


def test_a_summary_has_the_extremes(runs):
    (found,) = data("metrics", "summary", runs[0], "loss")
    assert (found["count"], found["min_step"], found["max"]) == (5, 4, 1.0)
    assert [row["key"] for row in table("metrics", "summary", runs[0])] == ["acc", "loss"]


def test_a_plot_is_drawn_for_each_metric(runs):
    printed = call("metrics", "plot", runs[0], "--width", 60, "--height", 5)
    assert printed.splitlines()[0] == "acc" and "\nloss\n" in printed
    assert "━━ a (" in printed and "last 0.67032" in printed
    assert max(map(len, printed.splitlines())) <= 60
    several = call("metrics", "plot", "-r", runs[0], "-r", runs[1], "loss", "--ascii", "--log")
    assert several.isascii() and "* a (" in several and "o b (" in several
    assert "loss over time" in call("metrics", "plot", runs[0], "loss", "--x", "time")


# -- artifacts ------------------------------------------------------------------------------


def test_mlflows_r_client_can_move_files(runs, place):
    """The very commands that it runs, and what it reads of their answers."""
    Path("local").mkdir()
    Path("local/one.txt").write_text("1")
    call("artifacts", "log-artifact", "--local-file", "local/one.txt", "--run-id", runs[0])
    call("artifacts", "log-artifact", "--local-file", "local/one.txt", "--artifact-path", "deep",
         "--run-id", runs[0])  # fmt: skip
    call("artifacts", "log-artifacts", "--local-dir", "local", "--artifact-path", "many",
         "--run-id", runs[0])  # fmt: skip
    listed = json.loads(call("artifacts", "list", "--run-id", runs[0]))
    assert [each["path"] for each in listed] == ["deep", "many", "notes", "one.txt"]
    assert listed[3] == {"path": "one.txt", "is_dir": False, "file_size": 1}
    for words in (["--run-id", runs[0], "--artifact-path", "deep/one.txt"],
                  ["-u", f"runs:/{runs[0]}/many/one.txt"]):  # fmt: skip
        assert Path(call("artifacts", "download", *words).rstrip("\n")).read_text() == "1"
    said = call("artifacts", "download", "--run-id", runs[0], "--artifact-path", "no", code=1)
    assert "FileNotFoundError" in said


def test_download_copies_to_a_folder(runs):
    printed = call("artifacts", "download", "-r", runs[0][:10], "-d", "here/and/there")
    assert printed == os.path.abspath("here/and/there") + "\n"
    assert Path("here/and/there/notes/result.txt").read_text() == "all of a"
    printed = call("artifacts", "download", "-u", f"runs:/{runs[1]}/notes/", "-d", "other")
    assert printed == os.path.abspath("other/notes") + "\n"
    path = call("artifacts", "download", "-u", "other/notes/result.txt", "-d", "third").rstrip()
    assert Path(path).read_text() == "all of b"


@pytest.mark.parametrize("words", [[], ["-r", "a", "-u", "runs:/a"], ["-u", "runs:/a", "-a", "x"]])
def test_what_to_download_is_said_in_one_way(words):
    call("artifacts", "download", *words, code=2)


def test_logging_a_file_that_is_not_there_is_an_error(runs):
    said = call("artifacts", "log-artifact", "-l", "no.txt", "-r", runs[0], code=1)
    assert "FileNotFoundError" in said and "no.txt" in said


# -- the trash ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, milliseconds",
    [
        ("1d2h3m4s", 93_784_000),
        ("30d", 2_592_000_000),
        ("1.5h", 5_400_000),
        (".5s", 500),
        ("0d", 0),
    ],
)
def test_durations(text, milliseconds):
    from runlog.commands import gc, options

    context, option = cli.main.make_context("x", ["gc"]), gc.gc.params[0]
    assert options.duration(context, option, text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "1h1d", "-1d", "1w", "d", "1d 2h"])
def test_what_is_not_a_duration(text):
    assert "not a duration" in call("gc", "--older-than", text, code=2)


def test_gc_deletes_rows_files_and_space(runs):
    CLIENT.log_artifact(runs[0], __file__)
    big = "x" * 5000
    CLIENT.log_batch(runs[0], params=[runlog.entities.Param(f"p{n}", big) for n in range(200)])
    call("runs", "delete", runs[0])
    runlog.RunlogClient().store.close()
    before = os.path.getsize("runlog.db")
    assert data("gc", "--dry-run")[0]["id"] == runs[0]
    assert len(data("runs", "list", "-v", "all")) == 3
    assert "Deleted 1 run and 0 experiments" in call("gc")
    assert [each["run_id"] for each in data("runs", "list", "-v", "all")] == runs[:0:-1]
    assert sorted(os.listdir("artifacts/1")) == sorted(runs[1:])
    assert os.path.getsize("runlog.db") < before - 500_000


def test_gc_spares_what_is_young_or_not_named(runs):
    call("runs", "delete", *runs[:2])
    assert data("gc", "--older-than", "1h")[0]["runs"] == 0
    assert data("gc", "--run-ids", runs[0][:12] + ", ", "--dry-run")[0]["id"] == runs[0]
    assert data("gc", "--run-ids", runs[0])[0]["runs"] == 1
    assert len(data("runs", "list", "-v", "deleted_only")) == 1


def test_gc_takes_experiments_with_their_runs(runs):
    call("experiments", "delete", "-n", "shapes")
    planned = data("gc", "--dry-run", "--experiment-ids", "1")
    assert [each["kind"] for each in planned] == ["run"] * 3 + ["experiment"]
    gone = data("gc", "--experiment-ids", "1", "--backend-store-uri", "sqlite:///runlog.db")
    assert (gone[0]["runs"], gone[0]["experiments"]) == (3, 1)
    assert os.listdir("artifacts") == []


@pytest.mark.parametrize("words", [["--run-ids"], ["--experiment-ids"]])
def test_gc_refuses_what_is_active(runs, words):
    active = runs[0] if words == ["--run-ids"] else "1"
    assert "is active" in call("gc", *words, active, code=1)


def test_gc_leaves_files_alone_that_it_cannot_reach(place):
    number = CLIENT.create_experiment("far", "strange://bucket/key")
    CLIENT.delete_run(CLIENT.create_run(number).info.run_id)
    result = CliRunner().invoke(cli.main, ["gc", "--no-vacuum"])
    assert result.exit_code == 0 and "Deleted 1 run" in result.stdout
    assert result.stderr.startswith("runlog: warning: files at strange:")


# -- the database ---------------------------------------------------------------------------


def test_info_counts_what_there_is(runs):
    CLIENT.delete_run(runs[0])
    found = data("db", "info")
    assert found["path"] == os.path.abspath("runlog.db")
    assert (found["runs"], found["deleted_runs"], found["experiments"]) == (2, 1, 2)
    assert (found["metrics"], found["points"] + found["unmerged_points"]) == (6, 18)
    assert "deleted runs" in call("db", "info")


def test_what_check_finds_is_an_error(runs):
    CLIENT.store.close()
    connection = apsw.Connection("runlog.db")
    connection.execute("update metric set count = count + 1 where id = 1")
    said = call("db", "check", code=1)
    assert said.startswith(f"runlog: error: {os.path.abspath('runlog.db')}: metric 'loss' of run ")
    connection.execute("update metric set count = count + 1 where id = 2")
    connection.close()
    result = CliRunner().invoke(cli.main, ["db", "check"])
    assert (result.exit_code, result.stdout.count("summary says")) == (1, 2)
    assert result.stderr == f"runlog: error: {os.path.abspath('runlog.db')}: 2 problems\n"


def test_check_of_a_file_that_is_no_store_is_an_error(place):
    Path("x.db").write_text("step,loss\n1,0.5\n" * 99)
    said = call("db", "check", "--tracking-uri", "x.db", code=1)
    assert said.count(os.path.abspath("x.db")) == 1


def test_check_finds_a_sound_database_sound(runs):
    assert call("db", "check") == f"{os.path.abspath('runlog.db')} is sound\n"
    assert data("db", "check", "--quick") == []


def test_a_backup_is_a_database(runs):
    assert "Copied" in call("db", "backup", "copy.db")
    assert "exists" in call("db", "backup", "copy.db", code=1)
    call("db", "backup", "copy.db", "--overwrite")
    Path("folder").mkdir()
    call("db", "backup", "folder", "--tracking-uri", "copy.db")
    assert len(data("runs", "list", "--tracking-uri", "folder/copy.db")) == 3


def test_vacuum_and_upgrade_say_what_they_did(runs):
    assert "before" in call("db", "vacuum")
    assert "current" in call("db", "upgrade", "sqlite:///runlog.db")
    assert "does not exist" in call("db", "upgrade", "other.db", code=1)


def test_sql_prints_every_answer(runs):
    query = "select run_name from runs order by 1; select count(*) as n, null as nil from runs"
    assert call("sql", query) == "run_name\na\nb\nc\nn  nil\n3\n"
    assert json.loads(call("sql", "select 1 as a, 2 as a", "--json")) == [{"a": 1, "a_2": 2}]
    assert call("sql", "--csv", stdin="select 'x,y' as t, 0.1 as v, x'00ff' as b") == (
        't,v,b\n"x,y",0.1,00ff\n'
    )
    assert call("sql", "-", stdin="select name from experiments where 0;") == "name\n"


@pytest.mark.parametrize(
    "query",
    [
        "delete from run",
        "select 1; drop view runs",
        "pragma query_only = 0; insert into tag values (1, 'a', 'b')",
        "attach 'new.db' as n; create table n.t (a)",
        "vacuum into 'new.db'",
        "select nope from runs",
        "selec",
        "select ?",
    ],
)
def test_sql_writes_nothing_and_says_what_is_wrong(runs, query):
    call("sql", "select 1")  # which closes what the fixture left open
    before = Path("runlog.db").read_bytes()
    call("sql", query, code=1)
    assert not Path("new.db").exists() and Path("runlog.db").read_bytes() == before


# -- doctor ---------------------------------------------------------------------------------


def findings(*words: str, code: int = 0) -> dict[str, tuple[str, str]]:
    result = CliRunner().invoke(cli.main, ["doctor", "--json", *words])
    assert result.exit_code == code, result.output
    return {each["topic"]: (each["level"], each["text"]) for each in json.loads(result.stdout)}


def test_the_doctor_finds_nothing_wrong(runs):
    found = findings()
    assert {level for level, _ in found.values()} <= {"ok", "note"}
    assert "from the default" in found["tracking URI"][1]
    assert "3 runs" in found["database"][1]
    assert call("doctor").endswith("All is well\n")


def test_the_doctor_makes_no_database():
    assert findings()["database"][0] == "note"
    assert os.listdir() == []


def test_the_doctor_says_what_is_wrong(place):
    Path("bad.db").write_bytes(b"not a database" * 100)
    level, text = findings("--tracking-uri", "bad.db", code=1)["database"]
    assert level == "wrong" and "bad.db" in text
    found = findings("--tracking-uri", "http://127.0.0.1:1", code=1)
    assert found["server"][0] == "wrong" and "cannot be reached" in found["server"][1]
    assert found["to be sent"][0] == "ok" and "log-in" not in found


def test_the_doctor_hides_secrets(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:geheim@example.org/x")
    monkeypatch.setenv("RUNLOG_SIGNALS", "0")
    found = findings(code=1)
    assert "geheim" not in str(found) and "me:(hidden)@example.org" in str(found)
    assert "from MLFLOW_TRACKING_URI" in found["tracking URI"][1]
    assert found["RUNLOG_SIGNALS"][1] == "0"


def test_the_doctor_notes_runs_that_have_gone_silent(place):
    old = CLIENT.create_run("0", start_time=1000)
    alive = CLIENT.create_run("0", start_time=1000)
    CLIENT.log_metric(alive.info.run_id, "loss", 1.0)
    level, text = findings()["running runs"]
    assert (level, "1 run " in text) == ("note", True) and old.info.run_id[:8] in text


# -- all of them ----------------------------------------------------------------------------


def commands(group: click.Group, *words: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *words, name)
        else:
            yield " ".join([*words, name]), command


def test_every_command_prints_for_programs():
    options = {
        name: {text for option in command.params for text in option.opts}
        for name, command in commands(cli.main)
    }
    others = {name for name, opts in options.items() if not {"--json", "--csv"} <= opts}
    # Two are CSV, one prints a program, one what a model predicts, one what a program prints; the
    # others serve until they are stopped.
    csv = {"runs csv", "experiments csv"}
    assert others == csv | {"completion", "models predict", "run", "serve", "server", "ui"}


def test_what_was_done_with_users_and_tokens_is_a_row(place):
    (made,) = data("users", "create", "Ann", "--no-password")
    assert made == {"done": "created", "user": "ann", "role": "editor"}
    (token,) = data("tokens", "create", "Ci", "--user", "Ann")
    secret = token.pop("token")
    assert secret and token == {"done": "created", "user": "ann", "name": "ci"}
    experiment = {"user": "ann", "experiment_id": "0"}
    granted = {"done": "granted", **experiment, "role": "viewer"}
    assert data("users", "grant", "ann", "viewer", "-x", "0") == [granted]
    assert data("users", "revoke", "ann", "-x", "0") == [{"done": "revoked", **experiment}]
    (changed,) = table("users", "role", "ann", "member")
    assert changed == {"done": "changed", "user": "ann", "role": "member"}
    assert data("users", "passwd", "ann", "--no-password") == [{"done": "changed", "user": "ann"}]
    (revoked,) = data("tokens", "revoke", "ci", "--user", "ann")
    assert revoked == {"done": "revoked", "user": "ann", "name": "ci"}
    assert data("users", "delete", "ann") == [{"done": "deleted", "user": "ann"}]


def test_json_and_csv_at_once_is_an_error(runs):
    for words in (["runs", "list"], ["metrics", "summary", runs[0]], ["db", "vacuum"]):
        assert "Choose one of --json and --csv" in call(*words, "--json", "--csv", code=2)


def test_what_was_done_is_a_row(runs):
    first, second = runs[:2]
    assert data("runs", "delete", first[:10], "-r", second) == [
        {"done": "deleted", "run_id": second, "run_name": "b"},
        {"done": "deleted", "run_id": first, "run_name": "a"},
    ]
    (row,) = table("runs", "restore", first)
    assert row == {"done": "restored", "run_id": first, "run_name": "a"}
    assert data("experiments", "create", "-n", "new") == [
        {"done": "created", "experiment_id": "2", "name": "new"}
    ]
    for words, done in [("rename --new-name x", "renamed"), ("delete", "deleted"),
                        ("restore", "restored")]:  # fmt: skip
        (row,) = data("experiments", *words.split(), "-x", 2)
        assert (row["done"], row["experiment_id"]) == (done, "2")


def test_what_was_done_to_the_database_is_a_row(runs):
    Path("there").mkdir()
    path, copy = os.path.abspath("runlog.db"), os.path.abspath("there/runlog.db")
    size = os.path.getsize
    (row,) = data("db", "backup", "there")
    assert row == {"done": "copied", "path": copy, "size_bytes": size(copy)}
    (row,) = data("db", "vacuum")
    assert (row["done"], row["path"], row["size_bytes"]) == ("vacuumed", path, size(path))
    (row,) = data("db", "upgrade")
    assert (row["done"], row["path"]) == ("unchanged", path)
    assert row["schema"] == row["schema_before"]


def test_what_was_done_to_files_is_a_row(runs):
    Path("x.txt").write_text("1")
    assert data("artifacts", "log-artifact", runs[0], "-l", "x.txt", "-a", "deep") == [
        {"done": "logged", "run_id": runs[0], "artifact_path": "deep", "path": "x.txt"}
    ]
    (row,) = table("artifacts", "download", runs[0], "-a", "deep/x.txt", "-d", "here")
    assert row == {"done": "downloaded", "path": os.path.abspath("here/deep/x.txt")}
    assert [each["path"] for each in data("artifacts", "list", runs[0])] == ["deep", "notes"]


def test_a_run_that_is_there_already_is_not_moved(runs):
    assert call("runs", "restore", runs[0]) == f"Run {runs[0]} was active already\n"
    assert call("runs", "delete", runs[0]) == f"Run {runs[0]} is in the trash\n"
    assert call("runs", "delete", runs[0]) == f"Run {runs[0]} was in the trash already\n"
    (row,) = data("runs", "delete", runs[0])
    assert row["done"] == "unchanged"
    assert call("runs", "restore", runs[0]) == f"Run {runs[0]} is restored\n"


def test_what_only_reads_makes_no_database():
    for words in (["runs", "list"], ["experiments", "list"], ["db", "info"], ["gc"], ["sql", "x"],
                  ["db", "check"], ["runs", "describe", "a"]):  # fmt: skip
        assert "does not exist" in call(*words, code=1)
    assert os.listdir() == []


@pytest.mark.parametrize(
    "uri", ["other.db", "sqlite:///other.db", "folder/", "folder", "file:folder", "sqlite:///{}"]
)
def test_a_tracking_uri_of_every_kind(place, uri):
    Path("folder").mkdir()
    uri = uri.format(place / "absolute.db")
    call("experiments", "create", "-n", "there", "--tracking-uri", uri)
    found = data("experiments", "list", "--tracking-uri", uri)
    assert {each["name"] for each in found} == {"Default", "there"}
    assert not Path("runlog.db").exists()


def test_a_new_file_is_said_to_be_new(place):
    for words in (["experiments", "create", "-n", "a"], ["users", "create", "ann", "--no-password"],
                  ["copy", "a/runlog.db", "b/x.db"]):  # fmt: skip
        for new in (True, False):
            options = [] if words[0] == "copy" else ["--tracking-uri", "a/"]
            result = CliRunner().invoke(cli.main, [*words, *options])
            path = place / ("b/x.db" if words[0] == "copy" else "a/runlog.db")
            assert (result.stderr == f"runlog: note: {path} is a new file\n") == new
        if words[0] == "experiments":
            Path("a/runlog.db").unlink()
    assert "new file" not in result.output


ANYWHERE = [["experiments", "list"], ["runs", "list"], ["db", "info"], ["db", "check"], ["gc"],
            ["sql", "select name from experiments"], ["doctor"], ["users", "list"], ["audit"],
            ["tokens", "list"], ["artifacts", "verify"], ["experiments", "csv", "-x", "0"],
            ["db", "upgrade"], ["db", "backup", "backup.db"]]  # fmt: skip


@pytest.mark.parametrize("words", ANYWHERE, ids=" ".join)
def test_the_tracking_uri_may_stand_before_the_command(place, words):
    call("--tracking-uri", "there/x.db", "experiments", "create", "-n", "there")
    assert os.listdir() == ["there"]
    before = call("--tracking-uri", "there/x.db", *words)
    if words[-1] == "backup.db":
        Path("backup.db").unlink()

    def plain(text: str) -> str:
        return re.sub(r"[\d.,]+ (kB|MB|GB) free", "", text)

    assert plain(before) == plain(call(*words, "--tracking-uri", "there/x.db"))
    assert "x.db" in before or words[0] != "doctor"
    # The command's own counts, if both are given.
    assert "there" in call(
        "--tracking-uri", "no.db", "experiments", "list", "--tracking-uri", "there/x.db"
    )
    assert not Path("runlog.db").exists()


def test_a_message_of_several_lines_is_one_line(runs):
    assert "\\x1b" in call("runs", "search", "\x1b[31m\n\n= 3", code=1)


@pytest.mark.parametrize(
    "words",
    [["nope"], ["runs", "nope"], ["runs", "list", "--nope"], ["runs", "list", "-v", "some"],
     ["runs", "list", "--max-results", "0"], ["experiments", "create"], ["runs", "describe"]],
)  # fmt: skip
def test_a_command_line_that_cannot_be_understood_ends_with_2(words):
    assert "--help" in call(*words, code=2)


def test_version():
    assert call("--version") == f"runlog {runlog.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    assert "_RUNLOG_COMPLETE" in call("completion", shell)


@pytest.mark.parametrize(
    "words, offered",
    [
        (["runs", "describe", ""], "{}"),
        (["runs", "delete", "-r", "{:.6}"], "{}"),
        (["experiments", "csv", "-n", "sh"], "shapes"),
        (["runs", "list", "-x", ""], "1"),
        (["metrics", "plot", "{}", "lo"], "loss"),
        (["metrics", "plot", "-r", "{}", "lo"], "loss"),
        (["runs", "compare", "--minimize", "a"], "acc"),
        (["runs", "list", "-v", "del"], "deleted_only"),
        (["runs", "se"], "search"),
    ],
)
def test_completion_offers_what_there_is(runs, words, offered):
    from click.shell_completion import ShellComplete

    *args, begun = [word.format(runs[0]) for word in words]
    found = ShellComplete(cli.main, {}, "runlog", "_RUNLOG_COMPLETE").get_completions(args, begun)
    assert offered.format(runs[0]) in [each.value for each in found]


def test_completion_is_silent_where_there_is_nothing():
    from click.shell_completion import ShellComplete

    complete = ShellComplete(cli.main, {}, "runlog", "_RUNLOG_COMPLETE")
    assert complete.get_completions(["runs", "describe"], "a") == []
    assert os.listdir() == []
