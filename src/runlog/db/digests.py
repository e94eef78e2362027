"""The record of what the files of runs were when they were logged: size and SHA-256."""

from __future__ import annotations

from runlog.clock import now
from runlog.errors import InvalidParameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlog.db.base import Database, Snapshot


def record(database: Database, run: int, digests: Iterable[tuple[str, int, str]]) -> None:
    """Inside a transaction of the caller's."""
    time = now()
    keep(database, run, [(*each, time) for each in digests])


def keep(database: Database, run: int, digests: Iterable[tuple[str, int, str, int]]) -> None:
    """Do as `record`, for files that were logged at a time (ms) of their own."""
    database.executemany(
        """insert into artifact (run, path, size, sha256, time)
           values (:run, :path, :size, :sha256, :time)
           on conflict (run, path) do update
           set size = excluded.size, sha256 = excluded.sha256, time = excluded.time""",
        [
            {"run": run, "path": path, "size": size, "sha256": _bytes(path, sha256), "time": time}
            for path, size, sha256, time in digests
        ],
    )


def _bytes(path: str, sha256: str) -> bytes:
    try:
        found = bytes.fromhex(sha256)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise InvalidParameter(f"no SHA-256 of {path!r}: {sha256!r}; give 64 hex digits")
    return found


def read(
    fetch: Snapshot, run_id: str, paths: Iterable[str] | None = None
) -> dict[str, tuple[int, str]]:
    if paths is None:
        rows = fetch(
            """select a.path, a.size, a.sha256 from run r
               join artifact a on a.run = r.id where r.run_id = :run_id order by a.path""",
            {"run_id": run_id},
        )
    else:
        import json

        rows = fetch(
            """select a.path, a.size, a.sha256 from run r
               join artifact a on a.run = r.id
               join json_each(:paths) j on j.value = a.path
               where r.run_id = :run_id""",
            {"run_id": run_id, "paths": json.dumps([*paths])},
        )
    return {path: (size, sha256.hex()) for path, size, sha256 in rows}


def forget(database: Database, run_id: str, path: str) -> None:
    """Inside a transaction of the caller's."""
    # What is below a directory lies between 'directory/' and 'directory0': '0' comes after '/'.
    database.execute(
        """delete from artifact where run = (select id from run where run_id = :run_id)
               and (:path in ('', path) or (path > :path || '/' and path < :path || '0'))""",
        {"run_id": run_id, "path": path},
    )
