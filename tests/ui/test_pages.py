"""Every page, in both themes and on a desk and a phone: accessible, within its width, safe."""

from __future__ import annotations

import pytest
from tests.ui.conftest import HOSTILE, violations

PAGES = {
    "experiments": "/",
    "folders": "/?tree=1",
    "no-match": "/?q=nothing-has-this-name",
    "runs": "/experiments/1",
    "runs-filtered": "/experiments/1?q=status+%3D+%27FAILED%27",
    "runs-no-match": "/experiments/1?q=nothing-has-this-name",
    "runs-wrong-filter": "/experiments/1?q=metrics.loss+%3C+%3C",
    "runs-flat-sorted": "/experiments/1?sort=-metrics.train%252Floss&flat=1",
    "runs-grouped": "/experiments/1?group=tags.stage",
    "split": "/experiments/1?view=split",
    "parallel": "/experiments/1?view=parallel",
    "charts": "/experiments/1?view=charts",
    "charts-smooth-log": "/experiments/1?view=charts&smooth=0.9&log=1&x=relative",
    "empty": "/experiments/2",
    "deleted": "/experiments/1?deleted=1",
    "no-experiment": "/experiments/999",
    "run": "/runs/{run}",
    "no-run": "/runs/ffffffffffffffffffffffffffffffff",
    "compare": "/compare?runs={runs}",
    "compare-nothing": "/compare",
    "missing": "/compare/what",
}
FILES = ["plot.svg", "page.html", "note.md", "data.csv", "deep/<b>x<b>.txt"]


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", [name for name in PAGES if name != "missing"])
def test_a_page_is_accessible_and_fits(site, look, ids, name, theme, width):
    path = PAGES[name].format(run=ids[0], runs=",".join(ids[:4]))
    page = look(site, path, theme, width)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() <= 1
    assert page.evaluate("document.querySelectorAll('*').length") <= 1500


@pytest.mark.parametrize("file", FILES)
def test_hostile_names_and_files_never_run(site, look, file):
    (run,) = site.store.search_runs(["3"])
    page = look(site, f"/runs/{run.info.run_id}?file={file}")
    assert HOSTILE in page.locator("main h1").inner_text()
    page.locator("#artifacts .view header b").wait_for()
    page.wait_for_timeout(300)
    assert violations(page) == []
    assert page.locator("#artifacts img[onerror], main a[href^='javascript']").count() == 0


def test_an_html_artifact_is_of_no_origin(site, look):
    (run,) = site.store.search_runs(["3"])
    page = look(site, f"/runs/{run.info.run_id}?file=page.html")
    frame = page.frame_locator("#artifacts iframe")
    assert frame.locator("p").inner_text() == "shown"
    inside = page.frames[1]
    assert inside.evaluate("self.origin") == "null"


@pytest.mark.parametrize("path", ["/", "/experiments/1", "/models"])
def test_a_first_load_is_small(site, look, path):
    page = look(site, path)
    sizes = page.evaluate(
        """performance.getEntries()
               .filter(each => each.transferSize && !each.name.endsWith('runs/changes'))
               .map(each => [each.name, each.transferSize])"""
    )
    assert sum(size for _, size in sizes) <= 60_000, sizes
    assert len(sizes) <= 5, sizes


def test_every_page_says_which_store_it_shows(site, look, ids):
    for path in ("/", f"/runs/{ids[0]}"):
        label = look(site, path).locator("header .store")
        assert label.inner_text().endswith("/runlog.db")
        assert label.get_attribute("title").endswith(label.inner_text())
