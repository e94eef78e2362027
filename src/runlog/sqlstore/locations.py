"""Where artifacts are: locations as URIs and paths, and as they are stored in the database."""

from __future__ import annotations

import os

from runlog import validate
from runlog.errors import InvalidParameter
from runlog.settings import setting

ARCHIVE = "sqlar:"  # how locations inside the file begin


class Locations:
    """The locations of a database's artifacts. `database` names it in messages."""

    def __init__(
        self, database: str, artifact_root: str, archive: str, default_root: str | None
    ) -> None:
        """`artifact_root` is the folder that relative locations are in, `archive` how URIs of
        files inside the database begin, `default_root` where artifacts of new experiments go."""
        self.database = database
        self.artifact_root = artifact_root
        self.archive = archive
        self.default_root = default_root

    def folders(self) -> list[str]:
        """Return the folders that artifacts go below, where they are on this machine."""
        roots = (self.artifact_root, self.default_root, setting("ARTIFACT_ROOT"))
        return [os.path.expanduser(root) for root in roots if root and "://" not in root]

    def bindings(self) -> dict[str, str]:
        """Return what stored locations begin with when a statement makes them absolute."""
        return {"artifact_root": self.artifact_root, "archive": self.archive}

    def of_experiment(self, given: str | None, number: int) -> str:
        """Return the artifact location of a new experiment with that row id, as it is stored:
        `given`, or a folder below the root for new experiments. Raises InvalidParameter."""
        if given and given != ARCHIVE:
            return self._stored(given)
        root = given or self.default_root or setting("ARTIFACT_ROOT") or ""
        root = validate.without_password(root)
        if root == ARCHIVE:
            return f"{ARCHIVE}{number}"
        return self._stored(f"{root.rstrip('/')}/{number}") if root else f"./{number}"

    def _stored(self, location: str) -> str:
        location = validate.artifact_location(location)
        if ":" not in location.partition("/")[0]:  # a path, not a URI
            location = os.path.abspath(os.path.expanduser(location))
        stored = self.relative(location)
        if location.startswith(ARCHIVE) and stored == location:
            raise InvalidParameter(
                f"artifact location {location!r}: write {ARCHIVE} alone to keep files inside "
                f"{self.database}; they cannot be in another database"
            )
        return stored

    def relative(self, uri: str) -> str:
        """Return `uri` as it is stored: what is under the artifact root, or in the file itself,
        relative to it, so that the file and the folder can be moved together."""
        if uri.startswith(self.archive):
            return ARCHIVE + uri[len(self.archive) :]
        inside = uri.startswith(self.artifact_root + "/")
        return "." + uri[len(self.artifact_root) :] if inside else uri

    def absolute(self, stored: str) -> str:
        """Return the URI or path of a stored location."""
        if stored.startswith(ARCHIVE):
            return self.archive + stored[len(ARCHIVE) :]
        return self.artifact_root + stored[1:] if stored.startswith("./") else stored
