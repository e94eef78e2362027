"""The digests of one run's files, as its `ArtifactRepo` asks for them and reports them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from runlog.store import Store


class FileDigests:
    """What a store knows of the files of a run."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store = store
        self._run_id = run_id

    def recorded(self, paths: Iterable[str]) -> dict[str, tuple[int, str]]:
        """Return size and SHA-256 of those of `paths` that were recorded."""
        return self._store.get_digests(self._run_id, paths)

    def record(self, digests: Iterable[tuple[str, int, str]]) -> None:
        """Record path, size and SHA-256 of files that have just been logged."""
        self._store.record_digests(self._run_id, digests)

    def forget(self, path: str) -> None:
        """Forget a file that was deleted, or a directory with all that was in it."""
        self._store.forget_digests(self._run_id, path)
