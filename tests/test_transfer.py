"""Files on their way: attempts, limits, what is heard of them."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from contextlib import nullcontext
from hashlib import sha256

import pytest
from fsspec.asyn import get_loop, sync

from runlog.errors import InvalidParameter, RunlogError
from runlog.storage import progress, scheduler
from runlog.storage.errors import explained, is_final
from runlog.storage.progress import Progress
from runlog.storage.scheduler import in_thread, run, together
from runlog.storage.transfer import Transfer


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scheduler, "DELAYS", (0.01, 0.01))
    monkeypatch.setattr(scheduler, "GRACE", 0.1)


def some(count, size=1):
    made = [Transfer(str(number)) for number in range(count)]
    for each in made:
        each.size = size
    return made


def plainly(_):
    return nullcontext()


@pytest.fixture(params=["threads", "coroutines"])
def loop(request):
    """The loop that coroutines run in, or None for threads."""
    return get_loop() if request.param == "coroutines" else None


async def pause(loop, seconds):
    await asyncio.sleep(seconds) if loop else time.sleep(seconds)


@pytest.mark.parametrize("count", [0, 1, 4, 100])
def test_every_transfer_is_done_once(loop, count):
    done = []

    async def act(each):
        done.append(each.path)

    run(some(50), act, plainly, count, loop)
    assert sorted(done, key=int) == [str(number) for number in range(50)]


def test_what_may_be_over_soon_is_tried_again(loop):
    tried = []

    async def act(each):
        tried.append(each.path)
        if len(tried) < 3:
            raise ConnectionResetError("gone")

    run(some(1), act, plainly, 1, loop, attempts=3)
    assert tried == ["0"] * 3


@pytest.mark.parametrize(
    "error, times", [(ConnectionResetError(), 3), (FileNotFoundError(), 1), (RunlogError("x"), 1)]
)
def test_the_last_error_is_raised(loop, error, times):
    tried = []

    async def act(each):
        tried.append(each)
        raise error

    with pytest.raises(type(error)):
        run(some(1), act, plainly, 1, loop, attempts=3)
    assert len(tried) == times


def test_the_first_error_ends_the_others(loop):
    done = []

    async def act(each):
        if each.path == "3":
            raise InvalidParameter("no")
        done.append(each.path)

    with pytest.raises(InvalidParameter):
        run(some(1000), act, plainly, 2, loop)
    assert len(done) < 1000


@pytest.mark.parametrize("seen", [True, False])
def test_one_without_progress_is_given_up(monkeypatch, loop, seen):
    monkeypatch.setenv("RUNLOG_ARTIFACT_TIMEOUT", "0.3")
    over = threading.Event()

    async def act(each):
        try:
            for step in range(6 if seen else 0):  # progress for longer than the limit
                await pause(loop, 0.1)
                each.absolute_update(step + 1)
            await pause(loop, 30 if loop else 2)  # a thread cannot be cancelled
        finally:
            over.set()

    with pytest.raises(RunlogError, match="artifact '0'.*no progress for 0.3 seconds") as caught:
        run(some(1, 100), act, lambda each: explained("write", each.path), 1, loop)
    assert caught.value.error_code == "DEADLINE_EXCEEDED"
    assert over.is_set() == (loop is not None)


def test_what_blocks_can_be_waited_for_in_a_loop():
    async def act(each):
        assert await in_thread(lambda: threading.current_thread().name) == "runlog-artifacts"
        with pytest.raises(KeyError):
            await in_thread(lambda: {}["no"])

    run(some(2), act, plainly, 2, get_loop())


def test_the_first_error_ends_those_beside_it():
    ended = []

    async def wait():
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(1)

    async def fail():
        await asyncio.sleep(0)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        sync(get_loop(), together, [wait(), wait(), fail()])
    assert ended == [1, 1]


def test_a_file_that_grows_is_what_it_was_when_it_was_opened(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x" * 3_000_000)
    each = Transfer("f", str(file))
    each.open()
    assert not each.changed()
    with file.open("ab") as more:
        more.write(b"y")
    assert each.changed()
    each.begin_digest()
    each.end_digest()
    assert each.digest == sha256(b"x" * 3_000_000).hexdigest()
    each.freeze()
    file.write_bytes(b"")
    assert not each.changed() and os.path.getsize(each.local) == 3_000_000
    each.thaw()
    assert not os.path.exists(each.local)


def test_a_file_that_shrinks_cannot_be_frozen(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"x" * 3_000_000)
    each = Transfer("f", str(file))
    each.open()
    file.write_bytes(b"x" * 1_000)
    with pytest.raises(RunlogError, match="had 3000000 bytes .* has 1000 now"):
        each.freeze()
    each.thaw()
    assert not os.path.exists(each.local)


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


def test_files_on_their_way_fit_into_the_room(loop):
    lock, state = threading.Lock(), {"now": 0, "most": 0}

    async def act(each):
        with lock:
            state["now"] += min(each.size, 10)
            state["most"] = max(state["most"], state["now"])
        await pause(loop, 0.005)
        with lock:
            state["now"] -= min(each.size, 10)

    run(some(10, 3) + some(3, 99) + some(10, 4), act, plainly, 8, loop, room=10)
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
    monkeypatch.setattr(progress, "BAR_DELAY", 0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: bool(terminal), raising=False)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", setting)
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
