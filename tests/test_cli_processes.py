"""The `runlog` command as a program of its own, at a terminal and in pipes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

import runlog
from processes import LONG, finish, wait_for

COMMAND = [sys.executable, "-m", "runlog.cli"]


class Terminal:
    """A program at a terminal, whose screen is read and whose keyboard is typed on."""

    def __init__(self, *words: str, cells: int = 80) -> None:
        self._side, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, cells, 0, 0))
        env = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": os.getcwd() + "/state"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            env.pop(name, None)
        self.process = subprocess.Popen(
            [*COMMAND, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.screen = ""

    def read(self, until: str | None = None) -> str:
        """What appears, until `until` does or the program ends."""
        shown, end = "", time.monotonic() + LONG
        while (until is None or until not in shown) and time.monotonic() < end:
            if not select.select([self._side], [], [], 0.1)[0]:
                continue
            try:
                chunk = os.read(self._side, 65536)
            except OSError:  # the other side is closed
                break
            shown += chunk.decode(errors="replace").replace("\r\n", "\n")
            self.screen = shown
        assert until is None or until in shown, shown
        return shown

    def type(self, text: str, until: str | None = "runlog> ") -> str:
        os.write(self._side, text.encode())
        return self.read(until)

    def interrupt(self, until: str) -> None:
        """Ctrl-C, pressed again where Python's readline, just about to wait for a key, slept
        through the first."""
        again = threading.Timer(5, self.process.send_signal, [signal.SIGINT])
        self.process.send_signal(signal.SIGINT)
        again.start()
        self.read(until)
        again.cancel()

    def close(self) -> int:
        code = self.process.wait(LONG)
        os.close(self._side)
        return code


@contextmanager
def terminal(*words: str, cells: int = 80, code: int = 0) -> Iterator[Terminal]:
    opened = Terminal(*words, cells=cells)
    try:
        yield opened
    except BaseException:
        opened.process.kill()
        raise
    finally:
        ended = opened.close()
    assert ended == code, opened.screen


def screen(*words: str, cells: int = 80, code: int = 0) -> str:
    """All that a command shows on a terminal."""
    with terminal(*words, cells=cells, code=code) as opened:
        return opened.read()


def start(*words: str, **options: object) -> subprocess.Popen[str]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([*COMMAND, *words], text=True, **{**pipes, **options})


@pytest.fixture
def runs() -> list[str]:
    ids = []
    for number in range(3):
        with runlog.start_run(run_name=f"a rather long name of run {number}") as run:
            runlog.log_metrics({f"metric_{key}": number / 7 for key in range(12)})
            runlog.log_param("text", "long " * 20)
        ids.append(run.info.run_id)
    runlog.RunlogClient().store.close()
    return ids


def test_a_table_fits_the_terminal(runs):
    lines = screen("runs", "search", cells=70).splitlines()
    assert lines[0].startswith("\x1b[1mrun_id    run_name")
    line = next(each for each in lines[1:4] if each.startswith(runs[2][:8] + "  a rather"))
    assert "…" in line and "0.285714" in line and runs[2] not in line
    assert "more columns: " in lines[4] and "--columns chooses" in lines[4]
    assert max(len(re.sub("\x1b.*?m", "", line)) for line in lines[:5]) <= 70


def test_a_table_in_a_pipe_is_complete(runs):
    code, out, err = finish(start("runs", "search"))
    assert (code, err) == (0, "")
    assert runs[0] in out and "a rather long name of run 0" in out and "metric_11" in out
    assert "\x1b" not in out


def test_a_terminal_is_told_of_what_it_does_not_see(runs, place):
    assert "There are no such runs." in screen("runs", "search", "metrics.nope > 1")
    client = runlog.RunlogClient()
    for _ in range(100):
        client.create_run("0")
    client.store.close()
    assert "These are the first 100; --max-results shows more." in screen("runs", "list")
    assert "These are" not in screen("runs", "list", "--max-results", "50")


def test_describe_is_for_people_at_a_terminal(runs):
    shown = screen("runs", "describe", runs[1][:9])
    assert re.search(rf"run +{runs[1]}\n", shown) and "Default (id 0)" in shown
    assert "metric_0" in shown and not shown.startswith("{")
    code, out, _ = finish(start("runs", "describe", runs[1][:9]))
    assert json.loads(out)["info"]["run_id"] == runs[1]


def test_a_plot_has_colours_at_a_terminal(runs):
    words = ["-r", runs[0], "-r", runs[1], "metric_1"]
    shown = screen("metrics", "plot", *words, cells=60)
    assert "\x1b[34m" in shown and "\x1b[33m" in shown
    assert max(len(re.sub("\x1b.*?m", "", line)) for line in shown.splitlines()) <= 60


def test_progress_is_for_terminals(runs):
    assert "100%" in screen("db", "backup", "one.db")
    code, out, err = finish(start("db", "backup", "two.db"))
    assert (code, err) == (0, "") and out.startswith("Copied")
    runlog.RunlogClient().delete_run(runs[0])
    runlog.RunlogClient().store.close()
    shown = screen("gc")
    assert "Deleting runs" in shown and "Vacuuming" in shown and "Deleted 1 run" in shown
    assert "Writing runs" in screen("runs", "csv", "-o", "out.csv")
    assert "Downloading" in screen("artifacts", "download", "-r", with_file(runs[1]), "-d", "x")


def with_file(run_id: str) -> str:
    runlog.RunlogClient().log_text(run_id, "text", "note.txt")
    runlog.RunlogClient().store.close()
    return run_id


def test_the_sql_shell(runs):
    with terminal("sql") as shell:
        assert "read-only" in shell.read("runlog> ")
        assert re.search(r"runs +view", shell.type(".tables\n"))
        shell.type("select count(*)\n", "   ...> ")
        assert re.search(r"\n +3\n", shell.type("from runs;\n"))
        assert "error: SQL: no such column: nope" in shell.type("select nope from runs;\n")
        assert "error: this reads only" in shell.type("delete from run;\n")
        assert "CREATE VIEW params" in shell.type(".schema params\n")
        shell.type(".mode json\n")
        assert '{"a": 1}' in shell.type("select 1 as a;\n")
        assert "no command .nope" in shell.type(".nope\n")
        assert ".mode" in shell.type(".help\n")
        shell.type("\n")
        shell.type(".quit\n", None)


def test_ctrl_c_stops_a_query_and_drops_a_line_but_not_the_shell(runs):
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c"
    with terminal("sql") as shell:
        shell.read("runlog> ")
        shell.type(endless + ";\n", "c;\n")
        time.sleep(0.5)
        shell.interrupt("interrupted\nrunlog> ")
        shell.type("select 'begun", "begun")
        shell.interrupt("runlog> ")
        assert re.search(r"\n7\n", shell.type("select 7;\n"))
        shell.type("\x04", None)


def test_the_sql_shell_remembers(runs, place):
    with terminal("sql") as shell:
        shell.read("runlog> ")
        shell.type("select 40 + 2;\n")
        shell.type("\x04", None)
    assert "select 40 + 2;" in (place / "state/runlog/sql_history").read_text()
    with terminal("sql") as shell:
        shell.read("runlog> ")
        assert re.search(r"\n +42\n", shell.type("\x1b[A\n"))
        shell.type("\x04", None)


def test_the_sql_shell_completes_names(runs):
    with terminal("sql") as shell:
        shell.read("runlog> ")
        assert "metric_summary" in shell.type("select count(*) from metric_s\t", "metric_summary")
        assert re.search(r"\n +36\n", shell.type(";\n"))
        shell.type("\x04", None)


def test_ctrl_c_ends_a_command_with_130(runs):
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c"
    process = start("sql", endless)
    used = psutil.Process(process.pid).cpu_times
    wait_for(lambda: used().user > 3)  # seconds of CPU: it has started long ago
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    assert (code, out, err.strip()) == (130, "", "")


def test_a_reader_that_leaves_is_no_error(runs):
    process = start("sql", "select * from metrics m1, metrics m2, metrics m3", "--csv")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("run_id,")
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(LONG) == 1
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize(
    "words, code",
    [
        (["runs", "describe", "nope"], 1),
        (["runs", "list", "--tracking-uri", "/proc/x/y.db"], 1),
        (["runs", "csv", "-o", "/nowhere/at/all.csv"], 1),
        (["runs", "list", "--nope"], 2),
    ],
)
def test_an_error_is_one_line(runs, words, code):
    ended, out, err = finish(start(*words))
    assert (ended, out) == (code, "")
    assert err.startswith("runlog: error: ") and err.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["runs list", "runs search --json", "sql", "gc"])
def test_a_closed_stream_is_no_error(runs, words, closed):
    command = f"{' '.join(COMMAND)} {words} {closed}"
    done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    # No SQL has no answer.
    assert bool(done.stdout) == (">&-" not in closed.split() and words != "sql")


@pytest.mark.parametrize("closed, said", [("2>&-", b""), (">&-", b"runlog: error: no run has")])
def test_an_error_without_a_stream_is_an_exit_code(runs, closed, said):
    command = f"{' '.join(COMMAND)} runs describe nope {closed}"
    done = subprocess.run(command, shell=True, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(said) and done.stderr.count(b"\n") == bool(said)


def values(text: str) -> str:
    """A text of JSON with all characters as escapes, to be compared."""
    return json.dumps(json.loads(text))


@pytest.mark.parametrize(
    "words",
    [
        "runs csv", "runs search --csv", "runs search --json",
        "experiments list", "experiments list --csv", "experiments list --json",
    ],
)  # fmt: skip
def test_what_a_terminal_takes_for_a_command_is_an_escape_there_alone(place, words):
    hostile = "a\x1b[31mb\x9b31mc\u202ed\u061c\u200b\ufeff\U000e0041e"
    runlog.set_experiment(hostile)
    with runlog.start_run():
        runlog.log_param("text", hostile)
    runlog.RunlogClient().store.close()
    shown = screen(*words.split(), cells=500).replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not {*hostile} & {*shown} - {*"[1mabcde3"} and "[31mb" in shown
    if "--json" in words:
        assert json.dumps(hostile) in values(shown)
    code, out, err = finish(start(*words.split()))
    assert (code, err) == (0, "")
    if "--json" in words:
        assert json.dumps(hostile) in values(out)
    else:
        assert hostile in out or words == "experiments list"


def test_output_survives_an_encoding_that_lacks_characters(place):
    with runlog.start_run(run_name="日本 ☃"):
        runlog.log_metric("größe", 1)
    runlog.RunlogClient().store.close()
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    code, out, err = finish(start("runs", "search", env=env, encoding="latin-1"))
    assert (code, err) == (0, "") and "\\u65e5" in out and "größe" in out
    code, out, err = finish(start("runs", "search", "--json", env=env))
    assert json.loads(out)[0]["info"]["run_name"] == "日本 ☃"


def test_help_loads_little():
    program = (
        "import sys\nfrom runlog import cli\n"
        "try:\n    cli.main(['runs', 'search', '--help'])\nfinally:\n"
        "    print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = {*done.stderr.split()}
    assert "runlog.commands.runs" in loaded
    assert not loaded & {"apsw", "fsspec", "numpy", "pandas", "json", "csv", "runlog.store"}
