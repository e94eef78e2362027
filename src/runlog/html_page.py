"""Runs kept as one HTML file: a run's page or a comparison, with the data and all code inside.

The document holds answers of the server, compressed and as base64, so that nothing that was logged
stands in it as text but the title, which is escaped. Its policy allows the one script and the one
style sheet by their digests and no request whatsoever.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from pathlib import Path

from runlog._version import __version__
from runlog.clock import now
from runlog.entities import Run
from runlog.errors import InvalidParameter, RunlogError
from runlog.protocol import codecs
from runlog.protocol.endpoints import BY_NAME
from runlog.protocol.limits import MAX_RUNS_AT_ONCE
from runlog.store import Store

FOLDER = Path(__file__).parent / "ui"
POINTS_IN_ALL, MOST_POINTS, FEWEST_POINTS = 200_000, 2_000, 48
COMPARED = ("last", "min", "max")  # the aggregates that a comparison asks for

DOCUMENT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<base href="offline:///">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src '{script_hash}'; style-src '{style_hash}'; \
img-src data:; form-action 'none'; base-uri offline:">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>{style}</style>
</head>
<body>
<div id="app"><noscript>This page needs JavaScript.</noscript></div>
<script type="application/octet-stream" id="recorded">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def document(store: Store, run_ids: Sequence[str]) -> str:
    """Return the page of one run, or a comparison of 2 to 100, as HTML that needs no server or
    network.

    Charts have the least and the greatest values of up to 2,000 points a series, fewer where there
    are many series; artifacts are not in it. Raises NotFound for an unknown run, InvalidParameter
    for none or too many, and RunlogError if the package was built without pages.
    """
    ids = list(dict.fromkeys(run_ids))
    if not 1 <= len(ids) <= MAX_RUNS_AT_ONCE:
        raise InvalidParameter(f"{len(ids)} runs: a page shows 1 to {MAX_RUNS_AT_ONCE}")
    script, style = _built("offline-page.js"), _built("offline-page.css")
    runs = [store.get_run(run_id) for run_id in ids]
    content = _page_data(store, runs).encode()
    return DOCUMENT.format(
        title=escape(runs[0].info.run_name if len(runs) == 1 else f"{len(runs)} runs"),
        script=script,
        script_hash=_digest(script),
        style=style,
        style_hash=_digest(style),
        data=b64encode(gzip.compress(content, mtime=0)).decode(),
    )


def _built(name: str) -> str:
    path = FOLDER / name
    if not path.is_file():
        raise RunlogError(
            f"{path} is missing: the package was built without pages. Install a release, or Node "
            "20 and then runlog again"
        )
    return path.read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _page_data(store: Store, runs: Sequence[Run]) -> str:
    """Return what `ui/src/offline-page.tsx` reads, as JSON."""
    ids = [run.info.run_id for run in runs]
    table, overview = BY_NAME["tableOfRuns"].answer, BY_NAME["overview"].answer
    series = BY_NAME["series"].answer
    many = max(1, sum(len(run.data.metrics) for run in runs))
    points = min(max(POINTS_IN_ALL // many, FEWEST_POINTS), MOST_POINTS)
    lines = [
        line
        for run in runs
        if run.data.metrics
        for line in store.views.series([run.info.run_id], [*run.data.metrics], points)
    ]
    comparison = table.write(store.views.table_of(ids, COMPARED)) if len(ids) > 1 else None
    return codecs.dump(
        {
            "made": now(),
            "version": __version__,
            "run_ids": ids,
            "runs": {each: overview.write(store.views.overview(each, children=0)) for each in ids},
            "comparison": comparison,
            "series": series.write(lines).get("series", []),
        }
    )
