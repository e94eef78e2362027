"""Pages that were kept as a file, and those in notebooks: without a server, and as safe."""

from __future__ import annotations

import json

import pytest
from tests.ui.conftest import HOSTILE, violations

from processes import LONG
from runlog import html_page as kept

NOTEBOOK = """
import runlog
runlog.set_tracking_uri({uri!r})
for k in range(3):
    with runlog.start_run(run_name=f"in a notebook {{k}}"):
        runlog.log_param("lr", k)
        for step in range(20):
            runlog.log_metric("loss", 1 / (step + k + 1), step=step)
runlog.show("params.lr != '7'", height=600)
"""


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a document from a file; whatever it complains about or asks for fails the test."""
    contexts = []

    def open_file(text, theme="light", width=1440):
        path = tmp_path / "page.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True
        )
        page = context.new_page()
        page.set_default_timeout(LONG * 1000)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("request", lambda asked: complaints.append(asked.url))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(path.as_uri())
        complaints.remove(path.as_uri())
        contexts.append((page, complaints))
        return page

    yield open_file
    for page, complaints in contexts:
        assert page.evaluate("window.pwned") is None
        assert [each for each in complaints if not each.startswith(("blob:", "data:"))] == []
        page.context.close()


@pytest.mark.parametrize("theme, width", [("light", 1440), ("dark", 390)])
def test_a_comparison_opens_without_a_server(site, opened, ids, theme, width):
    page = opened(kept.document(site.store, ids[:4]), theme, width)
    page.get_by_role("heading", name="Compare 4 runs").wait_for()
    page.locator(".u-over").first.wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="trial-11").first.click()
    page.get_by_role("heading", name="trial-11").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="Compare 4 runs").click()
    page.get_by_role("heading", name="Compare 4 runs").wait_for()


def test_charts_of_a_kept_page_are_zoomed(site, opened, ids):
    page = opened(kept.document(site.store, ids[:1]))
    over = page.locator(".u-over").first
    over.wait_for()
    over.scroll_into_view_if_needed()
    area = over.bounding_box()
    page.mouse.move(area["x"] + 40, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 160, area["y"] + 60, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Reset zoom").click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Light").wait_for()


def test_nothing_hostile_runs_in_a_kept_page(fresh, opened):
    shot = "</script><script>window.pwned=1</script>"
    for name in (HOSTILE, shot):
        both = name + shot
        tags = {"mlflow.note.content": f"{both}\n\n[a](javascript:window.pwned=1)", "t": both}
        fresh.run("0", both, tags=tags, params={"p": both}, metrics={"loss": [1.0, 0.5]})
    runs = [run.info.run_id for run in fresh.store.search_runs(["0"])]
    for some in (runs, runs[:1]):
        page = opened(kept.document(fresh.store, some))
        page.locator("main h1").wait_for()
        page.locator(".u-over").first.wait_for()
        assert violations(page) == []
        assert page.locator("img[onerror], a[href^='javascript']").count() == 0
    assert shot in page.locator("main h1").inner_text()


def test_a_page_is_downloaded_from_the_menu(site, look, opened, ids):
    page = look(site, f"/runs/{ids[0]}")
    page.get_by_role("button", name="Actions of the run").click()
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as one HTML file").click()
    there = opened(started.value.path().read_text())
    there.get_by_role("heading", name="trial-11").wait_for()
    page = look(site, f"/compare?runs={','.join(ids[:3])}")
    with page.expect_download() as started:
        page.get_by_role("link", name="One HTML file").click()
    there = opened(started.value.path().read_text())
    there.get_by_role("heading", name="Compare 3 runs").wait_for()


def test_a_notebook_shows_runs_inline(opened, pages, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    exporter = pytest.importorskip("nbconvert").HTMLExporter
    pytest.importorskip("ipykernel")
    source = NOTEBOOK.format(uri=str(tmp_path / "notebook.db"))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=LONG, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output["data"]["text/plain"] == "a page of runs, for a browser"
    # The template of a whole notebook fetches its scripts; this one is only what was drawn.
    page = opened(exporter(template_name="basic").from_notebook_node(notebook)[0])
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Compare 3 runs").wait_for()
    frame.locator(".u-over").first.wait_for()
    assert page.frames[1].evaluate("self.origin") == "null"
    assert json.loads(page.frames[1].evaluate("JSON.stringify(location.href)")) == "about:srcdoc"
