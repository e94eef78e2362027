"""What a person does with charts, and that they follow what is being logged."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace
from xml.etree import ElementTree

from tests.ui.conftest import HOSTILE, violations

from serving import serving

WRITER = """
import sys, time, runlog
runlog.set_tracking_uri(sys.argv[1])
with runlog.start_run(run_name="from elsewhere") as run:
    runlog.log_metric("loss", 0.5, step=0)
    print(run.info.run_id, flush=True)
    sys.stdin.readline()
    runlog.log_metric("loss", 0.125, step=1)
    print("logged", flush=True)
    sys.stdin.readline()
"""


def drawn(page):
    """The titles of the charts, the first of which has been drawn."""
    page.locator(".u-over").first.wait_for()
    return page.locator(".chart h3").all_inner_texts()


def test_training_and_validation_are_laid_over_each_other(fresh, look):
    metrics = {"train/loss": [3.0, 2.0, 1.0], "val/loss": [3.0, 2.5, 2.0]}
    runs = [fresh.run("0", name, metrics=metrics) for name in "ab"]
    page = look(fresh, f"/compare?runs={','.join(runs)}")
    assert "train/loss" in drawn(page) and "loss" not in drawn(page)
    page.get_by_role("button", name="Train + val").click()
    page.wait_for_url("**overlay=1*")
    assert drawn(page).count("loss") == 1 and "train/loss" not in drawn(page)
    page.get_by_role("slider", name="Smoothing").fill("0.9")
    page.get_by_role("combobox", name="Kind of smoothing").select_option("Gaussian")
    page.wait_for_url("**smoother=gaussian*")
    assert violations(page) == []


def test_runs_of_a_group_are_a_band(site, look, ids):
    page = look(site, f"/compare?runs={','.join(ids[:4])}")
    page.get_by_role("combobox", name="Group").select_option("stage")
    page.wait_for_url("**group=tags.stage*")
    legend = page.get_by_role("group", name="Runs of the charts")
    assert legend.get_by_role("button").all_inner_texts() == ["dev · 2 runs", "prod · 2 runs"]
    legend.get_by_role("button", name="dev").click(modifiers=["Alt"])
    assert legend.get_by_role("button", name="prod").get_attribute("aria-pressed") == "false"
    drawn(page)
    assert violations(page) == []


def test_a_metric_is_drawn_over_another(site, look, ids):
    page = look(site, f"/runs/{ids[0]}")
    page.get_by_role("combobox", name="x axis").select_option("train/loss")
    page.wait_for_url("**x=metric**")
    over = page.locator(".u-over").first
    over.hover()
    page.locator(".tip .at", has_text="train/loss").wait_for()


def test_a_chart_is_a_table_a_picture_and_a_file(fresh, look):
    run_id = fresh.run("0", HOSTILE, metrics={"loss": [3.0, 2.0, 1.0]})
    other = fresh.run("0", "other", metrics={"loss": [1.0, 2.0, 3.0]})
    page = look(fresh, f"/compare?runs={run_id},{other}")
    drawn(page)

    def pick(item):
        page.get_by_role("button", name="More of loss").click()
        page.get_by_role("button", name=item).click()

    def saved(item):
        with page.expect_download() as started:
            pick(item)
        return started.value.path().read_bytes()

    picture = ElementTree.fromstring(saved("Download as SVG"))
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "loss" in texts and "other" in texts
    assert saved("Download as PNG").startswith(b"\x89PNG\r\n")
    assert saved("Download as CSV").count(b"\r\n") == 7
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    pick("Copy as PNG")
    page.get_by_text("Picture copied").wait_for()
    read = "navigator.clipboard.read().then((items) => items[0].types)"
    assert page.evaluate(read) == ["image/png"]
    pick("Copy as SVG")
    page.wait_for_function(f"{read}.then((types) => types.includes('image/svg+xml'))")
    copied = ElementTree.fromstring(page.evaluate("navigator.clipboard.readText()"))
    assert copied.tag == picture.tag
    pick("Show as table")
    assert page.get_by_role("region", name="The points as a table").locator("tr").count() == 7
    assert violations(page) == []


def test_a_comparison_follows_its_runs(fresh, look):
    runs = [fresh.run("0", name, metrics={"loss": [1.0]}, status="RUNNING") for name in "ab"]
    page = look(fresh, f"/compare?runs={','.join(runs)}")
    fresh.store.log(runs[1], [("loss", 0.125, 1, 1)])
    page.get_by_role("cell", name="0.125").first.wait_for()


def test_points_that_another_process_writes_are_shown(look, tmp_path):
    with serving(tmp_path, "--no-browser", command="ui") as served:
        database = str(tmp_path / "runlog.db")
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        page = look(SimpleNamespace(url=served.uri), f"/runs/{writer.stdout.readline().strip()}")
        drawn(page)
        cell = page.get_by_role("cell", name="0.125").first
        writer.stdin.write("\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "logged\n"
        cell.wait_for()
        writer.communicate("\n")


def test_parallel_coordinates_by_pointer_and_by_keys(site, look, ids):
    page = look(site, f"/compare?runs={','.join(ids)}")
    plot = page.get_by_role("region", name="Parallel coordinates")
    axis = plot.get_by_role("button", name=re.compile("^depth, axis 1 of"))
    axis.press("ArrowRight")
    axis = plot.get_by_role("button", name=re.compile("^depth, axis 2 of"))
    axis.press("ArrowUp")
    plot.get_by_text("6 of 12 runs").wait_for()
    area = plot.locator("canvas").bounding_box()
    page.mouse.move(area["x"] + 56, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 56, area["y"] + 100, steps=3)
    page.mouse.up()
    plot.get_by_text(re.compile(r"^[0-5] of 12 runs")).wait_for()
    hidden = page.get_by_role("group", name="Runs of the charts").locator("[aria-pressed=false]")
    hidden.nth(6).wait_for()
    assert violations(page) == []
    plot.get_by_role("button", name="Clear the brushes").click()
    hidden.first.wait_for(state="detached")


def test_what_is_left_out_and_the_full_chart_stand_in_the_address(site, look):
    page = look(site, "/experiments/1?view=charts")
    legend = page.get_by_role("group", name="Runs of the charts")
    legend.get_by_role("button", name="trial-04").click()
    legend.get_by_role("button", name="trial-05").click()
    page.get_by_role("button", name="Full screen val/accuracy").click()
    page.wait_for_url(re.compile("off=[0-9a-f]{8},[0-9a-f]{8}&full=val/accuracy"))
    page.reload()
    page.locator("figure.full", has_text="val/accuracy").wait_for()
    off = legend.locator("[aria-pressed=false]").all_inner_texts()
    assert sorted(off) == ["trial-04", "trial-05"]
    page.keyboard.press("Escape")
    page.locator("figure.full").wait_for(state="detached")
    legend.get_by_role("button", name="trial-04").click(modifiers=["Alt"])
    page.wait_for_function("!location.search.includes('full')")
    assert legend.locator("[aria-pressed=true]").all_inner_texts() == ["trial-04"]


def test_brushes_orders_and_scales_of_axes_stand_in_the_address(site, look, ids):
    page = look(site, f"/compare?runs={','.join(ids)}")
    plot = page.get_by_role("region", name="Parallel coordinates")
    plot.get_by_role("button", name=re.compile("^depth, axis 1 of")).press("ArrowRight")
    axis = plot.get_by_role("button", name=re.compile("^depth, axis 2 of"))
    axis.press("ArrowUp")
    page.wait_for_url("**brush=params.depth~0.5~1*")
    plot.get_by_role("button", name=re.compile("^lr log, axis 1")).press("Enter")
    page.reload()
    plot.get_by_role("button", name="depth, axis 2 of 3, a range is chosen").wait_for()
    plot.get_by_role("button", name=re.compile("^lr, axis 1")).wait_for()
    plot.get_by_text("6 of 12 runs").wait_for()


def test_the_column_of_the_nearest_line_is_marked(site, look, ids):
    page = look(site, f"/compare?runs={','.join(ids)}")
    chart = page.locator("figure", has_text="val/accuracy").first
    chart.scroll_into_view_if_needed()
    box = chart.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 30)
    page.locator("col.near").wait_for(state="attached")
    assert chart.locator(".tip li.near").count() == 1
