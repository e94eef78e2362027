"""What a person does with the pages, and what then is in the store and the address."""

from __future__ import annotations

import json
import re

import pytest
from tests.ui.conftest import Site, violations

from runlog.server.auth.policy import Auth
from runlog.sqlstore.accounts import Users
from runlog.store_parts.accounts import ADMIN


def row_names(page):
    return [text.strip() for text in page.locator(".grid .line a.name").all_inner_texts()]


def test_sorting_and_filtering_stand_in_the_address(site, look):
    page = look(site, "/experiments/1")
    page.get_by_role("button", name="depth", exact=True).click()
    page.wait_for_url("**sort=-params.depth*")
    assert row_names(page)[0] == "trial-11"
    box = page.get_by_role("combobox", name="Search runs")
    box.fill("trial-0")
    page.wait_for_url("**q=trial-0*")
    page.locator(".total", has_text="10 runs").wait_for()
    page.reload()
    page.locator(".total", has_text="10 runs").wait_for()
    assert row_names(page)[0] == "trial-09"


def test_a_filter_is_completed_and_its_error_marked(site, look):
    page = look(site, "/experiments/1")
    page.keyboard.press("/")
    page.keyboard.type("par")
    page.get_by_role("option", name="seed").wait_for()
    page.keyboard.type("ams.dep")
    page.get_by_role("option", name="seed").wait_for(state="detached")
    page.get_by_role("option", name="depth").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("= ")
    page.get_by_role("option", name="11").click()
    box = page.get_by_role("combobox", name="Search runs")
    assert box.input_value().strip() == "params.depth = '11'"
    box.press("Enter")
    page.locator(".total", has_text="1 run").wait_for()
    box.fill("params.depth == 3")
    box.press("Enter")
    page.get_by_role("alert").get_by_text("position").wait_for()
    assert page.locator(".mark i").count() == 1
    assert violations(page) == []


def test_selection_is_all_that_match(site, look):
    page = look(site, "/experiments/1?flat=1")
    page.get_by_role("checkbox", name="Select all that match").check()
    page.get_by_text("13 selected").wait_for()
    page.get_by_role("checkbox", name="Select trial-05").click()
    page.get_by_text("12 selected").wait_for()
    assert violations(page) == []


def test_runs_are_compared_by_keys_alone(site, look):
    page = look(site, "/experiments/1?flat=1")
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    page.wait_for_url("**/compare?runs=*")
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.get_by_role("heading", name="Experiments").wait_for()


def test_what_is_shown_is_downloaded(site, look):
    page = look(site, "/experiments/1?q=trial-01")
    page.get_by_role("button", name="Download and more").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download as JSON").click()
    found = json.loads(started.value.path().read_text())
    assert [run["run_name"] for run in found] == ["trial-01"]
    assert found[0]["params.depth"] == "1"


def test_zooming_asks_again_and_stands_in_the_address(site, look):
    page = look(site, "/experiments/1?view=charts")
    over = page.locator(".u-over").first
    over.wait_for()
    area = over.bounding_box()
    y = area["y"] + 60
    page.mouse.move(area["x"] + 40, y)
    page.mouse.down()
    page.mouse.move(area["x"] + 160, y, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("zoom="))
    page.get_by_role("button", name="Reset zoom").click()
    page.wait_for_url(re.compile("^((?!zoom=).)*$"))


@pytest.mark.parametrize("key", ["?", "Control+k"])
def test_help_and_palette_open_by_keys(site, look, key):
    page = look(site, "/")
    page.keyboard.press(key)
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(400)
    assert violations(page) == []
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_the_palette_opens_the_chart_of_a_metric(site, look):
    page = look(site, "/experiments/1?q=trial")
    page.keyboard.press("Control+k")
    page.keyboard.type("val/acc")
    page.get_by_role("option", name="val/accuracy metric").click()
    page.locator("figure.full", has_text="val/accuracy").wait_for()
    assert "q=trial" in page.url


def test_points_of_a_running_run_appear(fresh, look):
    run_id = fresh.run("0", "busy", metrics={"loss": [1.0]}, status="RUNNING")
    page = look(fresh, "/experiments/0")
    fresh.store.log(run_id, [("loss", 0.125, 1, 1)])
    page.get_by_role("gridcell", name="0.125").wait_for()
    other = fresh.run("0", "newcomer")
    page.get_by_text("newcomer").wait_for()
    fresh.store.delete_run(other)
    page.get_by_text("newcomer").wait_for(state="detached")


def test_an_experiment_is_made_renamed_and_deleted(fresh, look):
    page = look(fresh, "/")
    page.get_by_role("button", name="New").click()
    page.get_by_label("Name").fill("team/first")
    assert violations(page) == []
    page.get_by_role("button", name="Create").click()
    page.get_by_text("No runs yet").wait_for()
    assert fresh.store.find_experiment("team/first") is not None
    page.go_back()
    page.get_by_role("button", name="Actions of team/first").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("status").get_by_text("Deleted team/first").wait_for()
    with page.expect_response("**/experiments/restore"):
        page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="team/first").wait_for()
    assert fresh.store.find_experiment("team/first").lifecycle_stage == "active"


def test_a_run_is_described_tagged_and_deleted(fresh, look):
    run_id = fresh.run("0", "first")
    page = look(fresh, f"/runs/{run_id}")
    page.get_by_role("button", name="Edit the description").click()
    page.get_by_label("Note, in Markdown").fill("It is **good**.")
    page.get_by_role("button", name="Save").click()
    page.locator(".prose strong", has_text="good").wait_for()
    page.get_by_role("button", name="Add a tag").click()
    page.get_by_label("Key", exact=True).fill("team")
    page.get_by_label("Value").fill("vision")
    page.get_by_role("button", name="Save").click()
    tag = page.locator("#tags dd", has_text="vision")
    tag.wait_for()
    page.get_by_role("button", name="Undo").click()
    tag.wait_for(state="detached")
    page.get_by_role("button", name="Actions of the run").click()
    with page.expect_response("**/runs/delete"):
        page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_text("This run is deleted").wait_for()
    run = fresh.store.get_run(run_id)
    assert ("team" in run.data.tags, run.info.lifecycle_stage) == (False, "deleted")


def test_the_runs_before_and_behind_are_one_key_away(site, look):
    newer, this, older = site.store.search_runs(["1"])[4:7]
    page = look(site, f"/runs/{this.info.run_id}?smooth=0.5")
    page.keyboard.press("]")
    page.get_by_role("heading", name=older.info.run_name).wait_for()
    assert page.url.endswith(f"{older.info.run_id}?smooth=0.5")
    page.get_by_role("button", name="Previous run").click()
    page.get_by_role("heading", name=this.info.run_name).wait_for()
    page.keyboard.press("[")
    page.get_by_role("heading", name=newer.info.run_name).wait_for()


def test_the_next_run_is_that_of_the_table_one_came_from(site, look):
    page = look(site, "/experiments/1?q=trial-0&sort=-params.depth")
    page.get_by_role("link", name="trial-09").click()
    page.get_by_role("heading", name="trial-09").wait_for()
    requests = []
    page.on("request", lambda asked: requests.append(asked.url))
    for name in ("trial-08", "trial-07"):
        page.keyboard.press("]")
        page.get_by_role("heading", name=name).wait_for()
    assert not [url for url in requests if url.endswith("runs/table")]
    page.reload()
    page.get_by_role("heading", name="trial-07").wait_for()
    for name in ("trial-08", "trial-09"):
        page.keyboard.press("[")
        page.get_by_role("heading", name=name).wait_for()
    page.keyboard.press("[")
    page.get_by_text("This is the first run").wait_for()


def test_a_running_run_that_logs_nothing_is_stale(fresh, look):
    run_id = fresh.store.create_run("0", "ada", 1_700_000_000_000, {}, "lost").info.run_id
    fresh.store.log(run_id, [("loss", 1.0, 1_700_000_000_000, 9)])
    page = look(fresh, "/experiments/0")
    page.get_by_text("Stale").wait_for()
    page.goto(f"{fresh.url}/runs/{run_id}")
    page.get_by_title("nothing was logged for an hour").wait_for()


def test_a_read_only_server_offers_no_changes(guarded, look):
    run_id = guarded.run("0", "first", params={"a": "1"})
    for path, there in (("/", "Default"), (f"/runs/{run_id}", "first")):
        page = look(guarded, path)
        page.get_by_text(there).first.wait_for()
        for menu in page.get_by_role("button", name=re.compile("^Actions")).all():
            menu.click()
            page.get_by_text("Download as one HTML file").wait_for()
        for name in ("New", "Rename", "Describe", "Edit", "Add a tag", "Delete"):
            assert page.get_by_role("button", name=re.compile(f"^{name}\\b")).count() == 0


def test_logging_in_goes_on_where_it_was(pages, tmp_path, look):
    def access(store):
        known = Users(store.db)
        known.add("ada", ADMIN, "correct horse battery")
        return Auth(store, known)

    site = Site(tmp_path, access)
    site.run("0", "secret")
    page = look(site, "/experiments/0?q=sec")
    page.get_by_role("dialog", name="Log in").wait_for()
    assert violations(page) == []
    page.get_by_label("User").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="secret").wait_for()
    assert "q=sec" in page.url
    assert "runlog_session" not in page.evaluate("document.cookie")
    page.get_by_role("button", name="Logged in as ada").click()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("dialog", name="Log in").wait_for()
    site.close()


def test_a_server_that_is_gone_is_said_and_asked_again(fresh, look):
    fresh.run("0", "there", status="RUNNING")
    page = look(fresh, "/experiments/0")
    page.context.set_offline(True)
    page.get_by_text("The server does not answer").wait_for()
    assert page.get_by_role("link", name="there").count() == 1
    page.context.set_offline(False)
    page.get_by_text("The server does not answer").wait_for(state="detached")
