"""Runs with their charts in a notebook, or as a file to pass on: pages that need no server."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from runlog import fluent, tracking_uri
from runlog.entities import Run
from runlog.errors import NotFound
from runlog.html_page import document
from runlog.protocol.limits import MAX_RUNS_AT_ONCE

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas

    Runs: TypeAlias = str | Run | Sequence[str | Run] | pandas.DataFrame | None

HINT = (
    "runlog.show draws in a notebook, which this is not. Elsewhere, "
    "runlog.save_page(runs, 'page.html') writes the same as a file, and the command  runlog ui  "
    "opens all runs in a browser"
)
_HEX = frozenset("0123456789abcdef")


def show(runs: Runs = None, height: int = 720) -> None:
    """Show the page of a run, or a comparison of several, below the cell of a notebook.

    `runs` are a run or its id, several of either, what `search_runs` returned, or a filter, of
    whose runs in the experiment in use the 100 newest are shown; by default the last active run.
    `height` is in pixels. The page is part of the notebook: it needs no server, and is there when
    you send the notebook to others. Outside of a notebook, print what to do instead. Raises
    NotFound if there is no such run.
    """
    display = _display()
    if display is None:
        print(HINT, file=sys.stderr)
        return
    page = document(tracking_uri.store(), _ids(runs))
    # Of no origin: what was logged cannot reach the notebook.
    frame = (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts allow-downloads" title="Runs" '
        f'style="width:100%;height:{int(height)}px;border:1px solid #8884;border-radius:6px">'
        "</iframe>"
    )
    display({"text/html": frame, "text/plain": "a page of runs, for a browser"}, raw=True)


def save_page(runs: Runs, path: str | os.PathLike[str]) -> None:
    """Write what `show` shows to one HTML file, which opens in any browser, without a server and
    without a network. Raises NotFound if there is no such run.

    >>> with runlog.start_run() as run:
    ...     runlog.log_metric("loss", 0.5)
    >>> runlog.save_page(run, "run.html")
    """
    page = document(tracking_uri.store(), _ids(runs))
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(page)


def _ids(runs: Runs) -> list[str]:
    if runs is None:
        runs = fluent.last_active_run()
        if runs is None:
            raise NotFound("there is no run yet that could be shown: name one, or start one")
    if isinstance(runs, str) and not (len(runs) == 32 and _HEX.issuperset(runs)):
        found = fluent.search_runs(
            filter_string=runs, max_results=MAX_RUNS_AT_ONCE, output_format="list"
        )
        if not len(found):
            raise NotFound(f"no run of the experiment in use matches {runs!r}")
        runs = list(found)
    return fluent.ids_of(runs)


def _display() -> Any:
    """Return IPython's display, if a notebook shows what it is given."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is None:  # none, or a terminal's
        return None
    from IPython.display import display

    return display
