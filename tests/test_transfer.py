"""Files on their way: attempts, limits, what is heard of them."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import nullcontext

import pytest

from runlog.artifacts import progress, transfer
from runlog.artifacts.failures import explained, is_final
from runlog.artifacts.progress import Progress
from runlog.artifacts.transfer import Transfer, carry
from runlog.errors import InvalidParameter, RunlogError


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(transfer, "DELAYS", (0.01, 0.01))
    monkeypatch.setattr(transfer, "GRACE", 0.1)


def some(count, size=1):
    made = [Transfer(str(number)) for number in range(count)]
    for each in made:
        each.size = size
    return made


def plainly(_):
    return nullcontext()


@pytest.mark.parametrize("threads", [0, 1, 4, 100])
def test_every_transfer_is_done_once(threads):
    done = []
    carry(some(50), lambda each: done.append(each.path), plainly, threads)
    assert sorted(done, key=int) == [str(number) for number in range(50)]


def test_what_may_be_over_soon_is_tried_again():
    tried = []

    def act(each):
        tried.append(each.path)
        if len(tried) < 3:
            raise ConnectionResetError("gone")

    carry(some(1), act, plainly, 1, attempts=3)
    assert tried == ["0"] * 3


@pytest.mark.parametrize(
    "error, times", [(ConnectionResetError(), 3), (FileNotFoundError(), 1), (RunlogError("x"), 1)]
)
def test_the_last_error_is_raised(error, times):
    tried = []

    def act(each):
        tried.append(each)
        raise error

    with pytest.raises(type(error)):
        carry(some(1), act, plainly, 1, attempts=3)
    assert len(tried) == times


def test_the_first_error_ends_the_others():
    done = []

    def act(each):
        if each.path == "3":
            raise InvalidParameter("no")
        done.append(each.path)

    with pytest.raises(InvalidParameter):
        carry(some(1000), act, plainly, 2)
    assert len(done) < 1000


@pytest.mark.parametrize("seen", [True, False])
def test_one_without_progress_is_given_up(monkeypatch, seen):
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", "0.3")
    given_up = threading.Event()

    def act(each):
        each.cancel = given_up.set
        for step in range(6 if seen else 0):  # progress for longer than the limit
            time.sleep(0.1)
            each.absolute_update(step + 1)
        given_up.wait(5)

    with pytest.raises(RunlogError, match="artifact '0'.*no progress for 0.3 seconds") as caught:
        carry(some(1, 100), act, lambda each: explained("write", each.path), 1)
    assert caught.value.error_code == "DEADLINE_EXCEEDED"
    assert given_up.is_set()


def test_starting_anew_is_no_progress():
    each = Transfer("a")
    each.absolute_update(10)
    since = each.since
    each.begin()
    each.relative_update(5)
    each.relative_update(5)
    assert (each.done, each.since) == (10, since)
    each.relative_update(1)
    assert each.done == 11 and each.since > since


def test_files_on_their_way_fit_into_the_room():
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    def act(each):
        with lock:
            state["now"] += min(each.size, 10)
            state["most"] = max(state["most"], state["now"])
        time.sleep(0.005)
        with lock:
            state["now"] -= min(each.size, 10)

    carry(some(10, 3) + some(3, 99) + some(10, 4), act, plainly, 8, room=10)
    assert 4 <= state["most"] <= 10


class Heard:
    def __init__(self):
        self.size, self.value = None, 0

    def set_size(self, size):
        self.size = size

    def relative_update(self, inc=1):
        assert inc > 0
        self.value += inc


def test_progress_never_goes_back_nor_beyond_the_end():
    heard = Heard()
    with Progress("x", 10, heard) as show:
        for done in (0, 3, 2, 8, 99):
            show(done)
    assert (heard.size, heard.value) == (10, 10)


@pytest.mark.parametrize("terminal, setting, bar", [(1, "", 1), (0, "", 0), (1, "false", 0)])
def test_a_bar_is_for_those_who_watch(monkeypatch, capsys, terminal, setting, bar):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: bool(terminal), raising=False)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", setting)
    pytest.importorskip("tqdm")
    with Progress("Uploading", 10) as show:
        show(5)
    assert ("Uploading" in capsys.readouterr().err) == bool(bar)


def test_secrets_are_cut_out_of_errors():
    with pytest.raises(RunlogError, match=r"login u:\*\*\*") as caught:  # noqa: SIM117
        with explained("write", "a", ("hunter2",)):
            raise OSError("login u:hunter2")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "error, final",
    [
        (OSError(28, "full"), True),
        (OSError("?"), False),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), False),  # not EPERM: a broken connection
        (ssl.SSLCertVerificationError(1, "self-signed"), True),
    ],
)
def test_what_is_final(error, final):
    assert is_final(error) == final
