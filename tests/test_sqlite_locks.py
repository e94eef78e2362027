"""Locks that belong to an open file, which SQLite takes on the -shm file and a guard on ours."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys

import pytest

from processes import PROGRAMS, check, run
from runlog.db import sqlite_locks
from runlog.store import open_store

pytestmark = pytest.mark.skipif(not sqlite_locks.CAN_LOCK, reason="needs locks of an open file")

BEGIN, CODE, LOCK, FCNTL = 0x1000, 0x1000, 0x2000, 0x3000


def held(path: str) -> list[str]:
    """The locks of open files that there are on a file."""
    inode = str(os.stat(path).st_ino)
    with open("/proc/locks") as file:
        lines = [line.split() for line in file]
    return [" ".join(line[3:4] + line[6:]) for line in lines
            if line[1] == "OFDLCK" and line[5].rpartition(":")[2] == inode]  # fmt: skip


def test_an_open_store_holds_them(place):
    path = str(place / "runlog.db")
    store = open_store(path)
    store.create_run("0")
    assert held(path) == ["READ 1073741826 1073742335"]
    assert held(path + "-shm") == ["READ 128 128"]
    stranger = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        stranger.execute("pragma journal_mode = delete")
    stranger.close()
    assert held(path) == ["READ 1073741826 1073742335"]
    store.close()
    assert held(path) == []
    assert os.listdir(place) == ["runlog.db"]


def test_the_last_of_two_stores_puts_the_wal_file_away(place):
    path = str(place / "runlog.db")
    first, second = open_store(path), open_store(path)
    run_id = first.create_run("0").info.run_id
    second.log_metric(run_id, "loss", 1.0, 1, 1)
    first.close()
    second.log_metric(run_id, "loss", 1.0, 1, 2)
    assert os.path.exists(path + "-wal")
    second.close()
    assert os.listdir(place) == ["runlog.db"]
    check(path)


def test_a_database_that_is_forgotten_lets_go(place):
    path = str(place / "runlog.db")
    store = open_store(path)
    store.create_run("0")
    del store
    assert held(path) == []


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    "command, start, length, becomes",
    [
        (5, 128, 1, 36),  # F_GETLK of the -shm file and its twin
        (6, 120, 1, 37),
        (7, 0x3FFFFFFF, 8, 38),
        (6, 0, 0, 6),  # all of a database
        (5, 0x40000001, 1, 5),  # lock bytes of a database
        (6, 0x40000000, 1, 6),
        (6, 0x40000002, 510, 6),
        (1, 128, 1, 1),  # other commands
        (4, 128, 1, 4),
        (8, 128, 1, 8),
        (37, 128, 1, 37),
    ],
)
def test_the_code_changes_what_it_should(machine, command, start, length, becomes):
    """On a processor that is emulated, and so on others than this machine's."""
    unicorn = pytest.importorskip("unicorn")
    if machine == "x86_64":
        from unicorn.x86_const import UC_X86_REG_RDI, UC_X86_REG_RDX, UC_X86_REG_RSI

        processor = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        registers = [UC_X86_REG_RDI, UC_X86_REG_RSI, UC_X86_REG_RDX]
    else:
        from unicorn.arm64_const import UC_ARM64_REG_X0, UC_ARM64_REG_X1, UC_ARM64_REG_X2

        processor = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        registers = [UC_ARM64_REG_X0, UC_ARM64_REG_X1, UC_ARM64_REG_X2]
    processor.mem_map(BEGIN, 0x3000)
    code = bytes.fromhex(sqlite_locks._CODE[machine]) + FCNTL.to_bytes(8, "little")
    processor.mem_write(CODE, code)
    processor.mem_write(LOCK, struct.pack("hhqqi0q", 1, 0, start, length, 77))
    for register, value in zip(registers, (3, command, LOCK)):  # noqa: B905
        processor.reg_write(register, value)
    processor.emu_start(CODE, FCNTL)
    assert [processor.reg_read(each) & 0xFFFFFFFF for each in registers] == [3, becomes, LOCK]
    lock = struct.unpack("hhqqi0q", processor.mem_read(LOCK, 32))
    assert lock == (1, 0, start, length, 77 if command == becomes else 0)


def test_where_there_is_no_code_for_the_machine_python_is_called(place):
    path = place / "runlog.db"
    program = str(PROGRAMS / "other_hands.py")
    lines = f"""
import runpy, sys
from runlog.db import sqlite_locks
sqlite_locks._CODE.clear()
sys.argv = [{program!r}, {str(path)!r}, "20", "sqlite3", "thread"]
runpy.run_path({program!r})
assert callable(sqlite_locks._in_use[0])
"""
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) == 20
    check(path)


def test_connections_of_others_that_hold_locks_put_it_off(place):
    lines = """
import apsw
from runlog.db import sqlite_locks
other = apsw.Connection("other.db")
other.pragma("journal_mode", "wal")
other.execute("begin immediate")
assert not sqlite_locks.use_ofd_locks()
other.execute("rollback")
assert sqlite_locks.use_ofd_locks()
"""
    subprocess.run([sys.executable, "-c", lines], check=True, cwd=place, timeout=60)


def test_children_do_not_keep_the_lock(place):
    """Descriptors are closed by exec, and let go before a fork."""
    path = str(place / "runlog.db")
    store = open_store(path)
    store.create_run("0")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        store.close()
        assert held(path) == []
        assert run("log_once", path, open_store(path).search_runs(["0"])[0].info.run_id)
    finally:
        child.communicate(b"\n")


def test_what_sqlite_calls_outlives_the_modules(place):
    """The interpreter clears the modules at its end; connections may be closed after that."""
    program = """if True:
        from runlog.db import sqlite_locks
        from runlog.store import open_store
        store = open_store("runlog.db")
        store.create_run("0")
        assert sqlite_locks.use_ofd_locks()
        sqlite_locks._in_use.clear()
        store.close()
        store.create_run("0")
    """
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
