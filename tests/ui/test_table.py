"""The table of runs: columns, rows that come into view, brushes, phones."""

from __future__ import annotations

import re

import pytest
from tests.ui.conftest import HOSTILE, violations


def heads(page):
    found = page.get_by_role("columnheader").locator(".sort, :scope > span:not(.grip)")
    return [text.strip() for text in found.all_inner_texts()]


def names(page):
    return [text.strip() for text in page.locator(".grid .line a.name").all_inner_texts()]


def test_a_column_is_pinned_moved_and_hidden_by_keys(site, look):
    page = look(site, "/experiments/1?flat=1")
    more = page.get_by_role("button", name="Column depth")
    more.press("Enter")
    menu = page.get_by_role("dialog", name="Column depth")
    assert violations(page) == []
    menu.get_by_role("button", name="Pin").press("Enter")
    page.wait_for_url("**fix=params.depth*")
    assert heads(page)[:2] == ["Run", "depth"]
    page.get_by_role("button", name="Column lr").press("Enter")
    page.get_by_role("button", name="Hide").press("Enter")
    page.wait_for_url("**cols=*")
    assert "lr" not in heads(page)
    page.reload()
    page.get_by_role("button", name="Column depth").wait_for()
    assert heads(page)[:2] == ["Run", "depth"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_heat_bars_and_widths_stand_in_the_address(site, look, theme):
    heat = "heat=metrics.train/loss~tint,params.depth~bar"
    page = look(site, f"/experiments/1?flat=1&{heat}&w=params.depth~60,run_name~180", theme)
    assert page.locator(".cell.with-tint").count() == 12
    assert page.locator(".cell.with-bar").count() == 12
    assert page.get_by_role("columnheader", name="depth").bounding_box()["width"] == 60
    assert violations(page) == []


def test_a_double_click_on_an_edge_makes_a_column_fit(site, look):
    page = look(site, "/experiments/1?flat=1&w=params.depth~200")
    head = page.get_by_role("columnheader", name="depth")
    head.locator(".grip").dblclick()
    page.wait_for_url(re.compile(r"w=params.depth~(\d\d)\b"))
    assert head.bounding_box()["width"] < 110


def test_rows_come_into_view_and_say_which_they_are(fresh, look):
    for number in range(300):
        fresh.run("0", f"run-{number:03}", params={"n": str(number)}, metrics={"m": [number]})
    page = look(fresh, "/experiments/0?sort=params.n")
    grid = page.get_by_role("treegrid")
    assert grid.get_attribute("aria-rowcount") == "301"
    page.locator(".grid").evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    page.get_by_role("link", name="run-299").wait_for()
    row = page.get_by_role("row", name="run-299")
    assert row.get_attribute("aria-rowindex") == "301"
    assert "run-000" not in names(page)
    assert page.evaluate("document.querySelectorAll('*').length") <= 1500
    assert violations(page) == []
    page.keyboard.press("j")
    page.get_by_role("link", name="run-000").wait_for()
    marked = grid.get_attribute("aria-activedescendant")
    assert "run-000" in page.locator(f"#{marked}").inner_text()


def test_names_are_found_without_the_server_where_all_runs_are_here(site, look):
    page = look(site, "/experiments/1")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("combobox", name="Search runs").fill("trial-03")
    page.locator(".total", has_text="1 run").wait_for()
    assert names(page) == ["family", "trial-03"]
    assert not [url for url in asked if url.endswith("runs/table")]


def test_brushes_of_several_axes_filter_the_table(site, look):
    page = look(site, "/experiments/1?view=parallel&axes=params.depth,metrics.val/accuracy")
    assert violations(page) == []
    box = page.locator(".plot-box canvas").bounding_box()

    def brush(x, low, high):
        page.mouse.move(x, box["y"] + low)
        page.mouse.down()
        page.mouse.move(x, box["y"] + high, steps=3)
        page.mouse.up()

    brush(box["x"] + 57, 30 + 150, 330)  # the lower half of depth
    page.get_by_text("6 of 13 runs").wait_for()
    brush(box["x"] + box["width"] - 57, 50, 80)
    page.get_by_text(re.compile("^[12] of 13 runs")).wait_for()
    shown = names(page)
    assert shown and set(shown) < {f"trial-{k:02}" for k in range(6)}
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_text(f"{len(shown)} selected").wait_for()


def test_runs_are_chosen_and_columns_pinned_on_a_phone(site, look):
    page = look(site, "/experiments/1?flat=1", width=390)
    page.get_by_role("checkbox", name="Select trial-05").check()
    page.get_by_text("1 selected").wait_for()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Pin depth").click()
    page.wait_for_url("**fix=params.depth*")
    assert violations(page) == []
    page.mouse.click(195, 20)
    page.get_by_role("listitem").filter(has_text="depth 5").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_experiments_are_a_tree_by_their_slashes(site, look):
    page = look(site, "/?tree=1", "dark")
    assert violations(page) == []
    page.get_by_role("link", name="sweep").wait_for()
    page.get_by_role("button", name=re.compile("^vision")).click()
    page.wait_for_url("**closed=vision*")
    assert page.get_by_role("link", name="sweep").count() == 0


def test_numbers_have_as_many_digits_as_the_settings_say(site, look):
    page = look(site, "/experiments/1?flat=1&q=trial-05")
    page.get_by_role("gridcell", name="0.87561").wait_for()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name="3", exact=True).check()
    page.keyboard.press("Escape")
    page.get_by_role("gridcell", name="0.876", exact=True).wait_for()


def test_hostile_names_and_values_are_text_in_the_table(site, look):
    page = look(site, "/experiments/3?group=params.p&cols=params.p,params.plain")
    page.get_by_role("button", name=f"Open {HOSTILE}").click()
    cell = page.get_by_role("gridcell", name=HOSTILE).last
    cell.hover()
    assert cell.inner_text() == HOSTILE
    assert cell.get_attribute("title") == HOSTILE


def test_a_row_is_told_with_all_its_cells_though_it_is_drawn_in_two_parts(site, look):
    page = look(site, "/experiments/1?flat=1&fix=params.depth&cols=status,params.depth,params.lr")
    devtools = page.context.new_cdp_session(page)
    nodes = {each["nodeId"]: each for each in devtools.send("Accessibility.getFullAXTree")["nodes"]}

    def cells(node):
        below = [nodes[child] for child in node["childIds"]]
        own = [each for each in below if each.get("role", {}).get("value") == "gridcell"]
        return own + [cell for each in below if each["ignored"] for cell in cells(each)]

    rows = [each for each in nodes.values() if each.get("role", {}).get("value") == "row"]
    (row,) = [each for each in rows if "trial-07" in each["name"]["value"]]
    told = [cell["name"]["value"] for cell in cells(row)]
    assert told[1:] == ["7", "Finished", "0.001"]
