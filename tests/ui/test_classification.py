"""Confusion matrices and curves on the pages of a run and of a comparison; defined metrics."""

from __future__ import annotations

import random

import pytest
from tests.ui.conftest import Site, violations

from runlog.client import RunlogClient

LABELS = ["cat", "dog", "owl"]


@pytest.fixture(scope="module")
def judged(pages, tmp_path_factory):
    """A site with two runs that have matrices and curves at steps, and one without."""
    site = Site(tmp_path_factory.mktemp("judged"))
    client = RunlogClient(site.store.uri)
    client.define_metric("0", "val/*", goal="min", step_metric="epoch")
    site.ids = []
    for k in range(2):
        epochs = [i / 4 for i in range(20)]
        values = [1 + k + i / 100 for i in range(20)]
        metrics = {"val/accuracy": values, "epoch": epochs, "odd": values}
        run_id = site.run("0", f"model-{k}", metrics=metrics, params={"k": str(k)})
        site.ids.append(run_id)
        chance = random.Random(k)
        for step in (1, 5) if k else (1, 5, 10):
            true = [chance.choice(LABELS) for _ in range(90)]
            scores = [[chance.random() + 0.4 * (name == each) for name in LABELS] for each in true]
            taken = [LABELS[max(range(3), key=row.__getitem__)] for row in scores]
            client.log_confusion_matrix(run_id, true, taken, key="val", step=step)
            client.log_roc_curve(run_id, true, scores, key="val", step=step)
            client.log_pr_curve(run_id, [each == "cat" for each in true], [r[0] for r in scores])
    many = [f"class {i}" for i in range(30)]
    client.log_confusion_matrix(site.ids[0], many, [many[1], *many[1:]], key="many")
    yield site
    site.close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/runs/{0}", "/compare?runs={0},{1}"])
def test_curves_are_accessible_and_fit(judged, look, path, theme, width):
    page = look(judged, path.format(*judged.ids), theme, width)
    page.locator("#classification").scroll_into_view_if_needed()
    page.locator(".rates svg path").first.wait_for()
    page.locator(".classification canvas, .confusion").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_one_slider_moves_all_panels_and_is_in_the_address(judged, look):
    page = look(judged, "/compare?runs={},{}".format(*judged.ids))
    page.locator("#classification").scroll_into_view_if_needed()
    roc = page.get_by_role("figure", name="ROC curve · val")
    roc.get_by_text("step 5").wait_for()  # the second run has none of step 10
    slider = page.get_by_role("slider", name="Step of the curves")
    assert slider.get_attribute("aria-valuetext") == "step 10"
    slider.press("ArrowLeft")
    roc.get_by_text("step 5").wait_for(state="detached")
    assert "cstep=5" in page.url
    areas = roc.locator("td.num").all_inner_texts()
    roc.get_by_label("Label").select_option("owl")
    assert roc.locator("td.num").all_inner_texts() != areas
    page.reload()
    page.locator("#classification").scroll_into_view_if_needed()
    assert slider.get_attribute("aria-valuetext") == "step 5"


def test_arrow_keys_move_along_a_curve_and_say_where(judged, look):
    page = look(judged, f"/runs/{judged.ids[0]}")
    page.locator("#classification").scroll_into_view_if_needed()
    plot = page.get_by_role("figure", name="ROC curve · val").get_by_role("img")
    plot.focus()
    plot.press("ArrowRight")
    tip = plot.locator(".tip")
    assert "cat" in tip.inner_text() and "False positive rate" in tip.inner_text()
    plot.press("ArrowDown")
    assert "dog" in tip.inner_text()
    assert page.get_by_text("dog: False positive rate").count() == 1


def test_a_curve_is_shown_as_a_table_and_fills_the_screen(judged, look):
    page = look(judged, f"/runs/{judged.ids[0]}")
    page.locator("#classification").scroll_into_view_if_needed()
    roc = page.get_by_role("figure", name="ROC curve · val")
    roc.get_by_role("button", name="More of ROC curve · val").click()
    roc.get_by_role("button", name="Show as table").click()
    roc.get_by_role("columnheader", name="Threshold").wait_for()
    assert violations(page) == []
    roc.get_by_role("button", name="Full screen ROC curve · val").click()
    assert "full=ROC" in page.url
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "full=" not in url)


def test_a_matrix_shows_shares_and_a_large_one_what_is_confused(judged, look):
    page = look(judged, f"/runs/{judged.ids[0]}")
    page.locator("#classification").scroll_into_view_if_needed()
    val = page.get_by_role("figure", name="Confusion matrix · val")
    val.get_by_role("button", name="Share of row").click()
    page.wait_for_url("**cm=share**")
    assert all(float(text) <= 1 for text in val.locator("td").all_inner_texts())
    many = page.get_by_role("figure", name="Confusion matrix · many")
    row = many.get_by_role("row").nth(1)
    assert row.locator("td").all_inner_texts() == ["class 0", "class 1", "1"]


def test_a_defined_metric_has_its_best_and_its_axis(judged, look):
    page = look(judged, "/compare?runs={},{}".format(*judged.ids))
    row = page.locator(
        ".matrix tr", has=page.get_by_role("rowheader", name="val/accuracy", exact=True)
    )
    row.locator("td.best").wait_for()
    assert "1.19" in row.locator("td.best").inner_text()  # the smallest, in spite of its name
    axis = page.get_by_role("combobox", name="x axis")
    assert axis.evaluate("each => each.selectedOptions[0].text") == "As defined"
    box = page.get_by_role("figure", name="val/accuracy").locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator(".tip .at").inner_text().startswith("epoch ")
    axis.select_option("step")
    page.wait_for_url("**x=step**")
    assert violations(page) == []
