"""On a network file system SQLite's WAL does not work: the rollback journal is used there."""

from __future__ import annotations

import os
import sys

import apsw
import pytest

from processes import check, finish, start
from runlog.db.file_system import NETWORK_FILE_SYSTEMS, file_system_type
from runlog.store import open_store

# As Linux tells them. The last one that holds a path is the one that counts.
MOUNTS = r"""
22 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw,errors=remount-ro
23 22 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw
30 22 0:27 / /dev/shm rw,nosuid,nodev shared:4 - tmpfs tmpfs rw,inode64
86 22 0:45 / /home rw,relatime shared:40 - autofs systemd-1 rw,fd=52,pgrp=1,timeout=0
90 86 0:52 / /home rw,relatime shared:44 - nfs4 server:/export/home rw,vers=4.2,rsize=1048576
91 90 0:53 / /home/lab\040share rw,relatime shared:45 - cifs //nas/lab rw,vers=3.1.1
92 91 8:1 /scratch /home/lab\040share/local rw,relatime shared:46 - xfs /dev/sda1 rw,attr2
93 22 0:60 / /lustre/work rw,relatime shared:47 master:3 - lustre mgs@tcp:/work rw,flock
94 22 0:61 / /mnt/s3 rw,nosuid,nodev,relatime shared:48 - fuse.sshfs host:/ rw,user_id=0
95 22 8:17 / /mnt/usb rw,relatime shared:49 - fuseblk /dev/sdb1 rw,user_id=0
96 22 0:70 / /var/lib/docker/overlay2/x/merged rw,relatime - overlay overlay rw,lowerdir=/a
97 22 0:71 / /mnt/tab\011back\134slash rw,relatime - beegfs beegfs_nodev rw
"""


@pytest.mark.parametrize(
    "path, kind, is_network",
    [
        ("/data/runlog.db", "ext4", False),
        ("/home/ada/runlog.db", "nfs4", True),
        ("/homes/ada/runlog.db", "ext4", False),
        ("/home", "nfs4", True),
        ("/home/lab share/x.db", "cifs", True),
        ("/home/lab share/local/x.db", "xfs", False),
        ("/lustre/work/a/b/x.db", "lustre", True),
        ("/lustre/x.db", "ext4", False),
        ("/mnt/s3/x.db", "fuse.sshfs", True),
        ("/mnt/usb/x.db", "fuseblk", False),
        ("/dev/shm/x.db", "tmpfs", False),
        ("/var/lib/docker/overlay2/x/merged/x.db", "overlay", False),
        ("/mnt/tab\tback\\slash/x.db", "beegfs", True),
    ],
)
def test_the_type_of_a_file_system_is_read_from_the_mounts(path, kind, is_network):
    assert file_system_type(path, iter(MOUNTS.strip().splitlines())) == kind
    assert (kind.partition(".")[0] in NETWORK_FILE_SYSTEMS) == is_network


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_file_system_of_this_machine_is_found(place):
    with open("/proc/self/mountinfo") as file:
        assert file_system_type(os.path.realpath(place), file)


@pytest.mark.parametrize("network, mode, files", [("0", "wal", 3), ("1", "delete", 1)])
def test_the_journal_follows_the_file_system(network, mode, files, place, monkeypatch, capsys):
    store = open_store(str(place / "x.db"))
    store.close()
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", network)
    store.log(store.create_run("0").info.run_id, [("loss", 1.0, 1, 1)])
    other = apsw.Connection(str(place / "x.db"))
    assert other.pragma("journal_mode") == mode
    other.close()
    assert len(list(place.glob("x.db*"))) == files
    store.close()
    said = capsys.readouterr().err
    assert said.count("is on a network file system") == int(network)
    store.create_run("0")
    store.close()
    assert capsys.readouterr().err == ""
    check(place / "x.db")


@pytest.mark.parametrize("how", ["own", "reader"])
def test_a_process_and_its_forks_say_it_once(how, place, monkeypatch):
    monkeypatch.setenv("RUNLOG_NETWORK_FILE_SYSTEM", "1")
    code, out, err = finish(start("fork", place / "x.db", how, 5))
    assert code == 0, err
    assert out.endswith("alive\n")
    assert err.count("\n") == 1, err
    check(place / "x.db")
