"""What is changed is shown at once, and taken back when the server refuses it."""

from __future__ import annotations

import pytest
from tests.ui.conftest import violations


class Held:
    """Requests that wait until the test lets them go on."""

    def __init__(self, page, pattern):
        self.routes = []
        page.route(pattern, lambda route: self.routes.append(route))

    def go_on(self, page, fail=False):
        for _ in range(100):
            if self.routes:
                break
            page.wait_for_timeout(50)
        with page.expect_event("requestfailed" if fail else "requestfinished"):
            route = self.routes.pop(0)
            route.abort() if fail else route.continue_()


def asked(page, field, text, action="Save"):
    """Fills and sends the dialog that is open."""
    page.get_by_role("dialog").get_by_label(field).fill(text)
    page.get_by_role("button", name=action, exact=True).click()


def test_a_run_is_renamed_before_the_server_answers(fresh, look):
    run_id = fresh.run("0", "first")
    page = look(fresh, f"/runs/{run_id}")
    held = Held(page, "**/runs/update")
    page.get_by_role("button", name="Actions of the run").click()
    page.get_by_role("button", name="Rename…").click()
    asked(page, "Name", "second", "Rename")
    page.get_by_role("heading", name="second").wait_for()
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="first").wait_for()
    assert (len(held.routes), fresh.store.get_run(run_id).info.run_name) == (1, "first")
    held.go_on(page)
    page.wait_for_function("document.querySelector('h1').textContent === 'first'")
    held.go_on(page)
    assert fresh.store.get_run(run_id).info.run_name == "first"


def test_what_was_typed_comes_back_with_the_refusal(fresh, look):
    run_id = fresh.run("0", "first")
    page = look(fresh, f"/runs/{run_id}")
    page.get_by_role("button", name="Add a tag").click()
    page.get_by_label("Value").fill("vision")
    asked(page, "Key", "../team")
    page.get_by_role("alert").get_by_text("../team").wait_for()
    assert page.locator("#tags dd").count() == 0
    assert page.get_by_role("button", name="Undo").count() == 0
    assert page.get_by_label("Value").input_value() == "vision"
    assert violations(page) == []
    asked(page, "Key", "team")
    page.locator("#tags dd", has_text="vision").wait_for()


def test_a_refusal_is_said_on_the_page_that_was_gone_to(fresh, look):
    run_id = fresh.run("0", "first")
    page = look(fresh, f"/runs/{run_id}")
    held = Held(page, "**/runs/set-tag")
    page.get_by_role("button", name="Edit the description").click()
    asked(page, "Note, in Markdown", "It is **good**.")
    page.locator(".prose strong", has_text="good").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("e")
    page.get_by_role("heading", name="Experiments").wait_for()
    held.go_on(page, fail=True)
    page.get_by_role("dialog").get_by_text("The server does not answer").wait_for()
    assert page.get_by_label("Note, in Markdown").input_value() == "It is **good**."


@pytest.mark.parametrize("refused", [False, True])
def test_deleted_runs_go_at_once_and_come_back(fresh, look, refused):
    runs = [fresh.run("0", name) for name in ("one", "two", "three")]
    page = look(fresh, "/experiments/0")
    held = Held(page, "**/runs/delete")
    for name in ("one", "two"):
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator(".total", has_text="1 run").wait_for()
    assert page.get_by_role("link", name="one").count() == 0
    if refused:
        held.go_on(page, fail=True)
        page.get_by_text("2 selected").wait_for()
    else:
        held.go_on(page)
        page.wait_for_function("document.querySelector('.progress') === null")
        held.go_on(page)
        page.get_by_role("button", name="Undo").click()
    page.get_by_role("link", name="one").wait_for()
    page.get_by_role("link", name="two").wait_for()
    stages = {fresh.store.get_run(run).info.lifecycle_stage for run in runs}
    assert stages == {"active"}


def test_a_tag_of_many_runs_is_shown_and_undone(fresh, look):
    runs = [fresh.run("0", "one", tags={"stage": "old"}), fresh.run("0", "two")]
    page = look(fresh, "/experiments/0?cols=tags.stage")
    held = Held(page, "**/runs/*-tag")
    page.get_by_role("checkbox", name="Select all that match").check()
    page.get_by_role("button", name="Tag…").click()
    page.get_by_label("Value").fill("new")
    asked(page, "Key", "stage", "Set the tag")
    page.get_by_role("gridcell", name="new").nth(1).wait_for()
    with page.expect_response("**/runs/table"):
        held.go_on(page)
        held.go_on(page)
    assert [fresh.store.get_run(run).data.tags.get("stage") for run in runs] == ["new", "new"]
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("gridcell", name="old").wait_for()
    with page.expect_response("**/runs/table"):
        held.go_on(page)
        held.go_on(page)
    assert [fresh.store.get_run(run).data.tags.get("stage") for run in runs] == ["old", None]


def test_an_experiment_has_its_old_name_when_the_new_one_is_taken(fresh, look):
    fresh.store.create_experiment("team/first")
    page = look(fresh, "/")
    page.get_by_role("button", name="Actions of team/first").click()
    page.get_by_role("button", name="Rename…").click()
    asked(page, "Name", "Default", "Rename")
    page.get_by_role("alert").get_by_text("Default").wait_for()
    page.get_by_role("link", name="team/first").wait_for()
    assert page.get_by_role("textbox", name="Name").input_value() == "Default"
