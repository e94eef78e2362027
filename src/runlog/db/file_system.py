"""The type of the file system that a file is on, and whether that is a network's."""

from __future__ import annotations

import os

from runlog.settings import setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# WAL needs memory shared between all processes that have the file open, which these do not give.
NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs lustre gpfs beegfs beegfs_nodev ceph glusterfs fuse 9p afs "
    "orangefs pvfs2 ocfs2 davfs wekafs virtiofs vboxsf prl_fs".split()
)


def network_file_system(path: str) -> str | None:
    """Return the type of the network file system that `path` is on, None on a local one."""
    override = setting("NETWORK_FILE_SYSTEM")  # 1 or 0 where the type does not tell
    if override:
        return "RUNLOG_NETWORK_FILE_SYSTEM" if override == "1" else None
    kind = file_system(path) or ""
    base = kind.partition(".")[0]
    return kind if kind in NETWORK_FILE_SYSTEMS or base in NETWORK_FILE_SYSTEMS else None


def file_system(path: str) -> str | None:
    """Return the type of the file system that `path` is on, such as ext4; None where the system
    does not tell."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return file_system_type(os.path.realpath(path), file)
    except OSError:
        return None


def file_system_type(path: str, mountinfo: Iterator[str]) -> str:
    """Return the type of the file system of `path` by the lines of Linux's /proc/self/mountinfo."""
    best, kind = -1, ""
    for line in mountinfo:
        fields = line.split(" ")
        point = fields[4]
        for escape, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
            point = point.replace("\\" + escape, character)
        inside = point == "/" or path == point or path.startswith(point + "/")
        if inside and len(point) >= best:
            best, kind = len(point), fields[fields.index("-", 6) + 1]
    return kind
