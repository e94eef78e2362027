"""The generated parts of the documentation. scripts/docs writes them; a test holds that they are
as this package writes them.

`commands` writes the tables of docs/cli.md, `settings` docs/settings.md and tables of settings on
other pages, `api` docs/api.md and what that links to, `endpoints` docs/rest.md.
"""

from __future__ import annotations

from pathlib import Path

from docgen import api, commands, endpoints, settings

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[Path, str]:
    """Return every generated page, as it should be."""
    cli = DOCS / "cli.md"
    with_settings = [path for path in DOCS.glob("*.md") if "<!-- settings" in path.read_text()]
    return {
        **{path: settings.woven(path.read_text()) for path in with_settings},
        cli: commands.woven(cli.read_text()),
        DOCS / "settings.md": settings.page(),
        DOCS / "rest.md": endpoints.page(),
        **{DOCS / path: text for path, text in api.pages().items()},
    }
