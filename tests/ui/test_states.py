"""What pages say while they wait, when something fails, and where the window is another."""

from __future__ import annotations

import pytest
from tests.ui.conftest import Site, violations

TABLE = "**/runs/table"


@pytest.fixture
def held(site, look):
    """The page of experiments, in the dark, and the requests for tables, which wait."""
    page = look(site, "/", "dark")
    waiting = []
    page.route(TABLE, lambda route: waiting.append(route))
    yield page, waiting
    page.unroute_all(behavior="ignoreErrors")


def test_a_skeleton_has_the_layout_until_the_runs_come(held):
    page, waiting = held
    page.get_by_role("link", name="vision/sweep").click()
    page.get_by_role("status").filter(has_text="Loading").wait_for()
    assert page.locator(".bone").count() > 20
    assert violations(page) == []
    waiting.pop().continue_()
    page.get_by_role("link", name="trial-05").wait_for()
    box = page.get_by_role("combobox", name="Search runs")
    box.fill("metrics.train/loss < 1")
    box.press("Enter")
    page.locator(".stale").wait_for()  # what came before stays meanwhile
    assert page.get_by_role("link", name="trial-05").count() == 1
    waiting.pop().continue_()
    page.locator(".stale").wait_for(state="detached")


def test_an_error_says_what_failed_and_is_tried_again(held):
    page, waiting = held
    page.get_by_role("link", name="vision/sweep").click()
    page.locator(".fixed-height").wait_for()
    page.wait_for_timeout(200)
    said = '{"error_code": "INTERNAL_ERROR", "message": "the disk is full"}'
    waiting.pop().fulfill(status=500, body=said, headers={"X-Request-Id": "abc123"})
    failure = page.get_by_role("alert")
    failure.get_by_text("the disk is full").wait_for()
    assert "abc123" in failure.inner_text()
    assert violations(page) == []
    page.unroute(TABLE)
    failure.get_by_role("button", name="Try again").click()
    page.get_by_role("link", name="trial-05").wait_for()


@pytest.mark.parametrize("path", ["/?tree=1", "/experiments/1", "/experiments/1?view=parallel"])
def test_a_page_at_twice_its_size_fits(site, look, path):
    page = look(site, path, width=720)  # what 1440 pixels leave at 200 %
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert violations(page) == []


def test_nothing_moves_for_those_who_want_that(fresh, look):
    fresh.run("0", "busy", status="RUNNING")
    page = look(fresh, "/experiments/0")
    running = "document.getAnimations().filter(each => each.playState === 'running').length"
    assert page.evaluate(running) > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(running) == 0


def test_all_works_below_a_path_of_a_proxy(pages, tmp_path, look):
    site = Site(tmp_path, prefix="/tools/runlog")
    site.run("0", "there", metrics={"loss": [1.0, 0.5]})
    page = look(site, "/")
    page.get_by_role("link", name="Default").click()
    page.wait_for_url("**/tools/runlog/experiments/0")
    page.reload()
    page.get_by_role("link", name="there").click()
    page.wait_for_url("**/tools/runlog/runs/*")
    page.locator(".chart canvas").first.wait_for()
    assert page.get_by_role("heading", name="there").count() == 1
    site.close()


def test_a_link_with_a_filter_that_cannot_be_read_says_so(site, look):
    page = look(site, "/experiments/1?q=metrics.train/loss+%3C+nope")
    page.get_by_role("heading", name="The filter cannot be read").wait_for()
    assert violations(page) == []
    page.get_by_text("Clear the search").click()
    page.get_by_text("13 runs").first.wait_for()
