"""Previews of artifacts: what each kind looks like, how little is read, and that none runs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.ui.conftest import HOSTILE, violations

SCRIPT = "<script>window.top.pwned=1</script>"
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"
    b"endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj 3 0 obj<</Type/Page/Parent 2 0 R"
    b"/MediaBox[0 0 300 144]>>endobj\ntrailer<</Root 1 0 R>>"
)
GIGABYTE = 10**9


@pytest.fixture
def shown(fresh, look):
    """Opens the preview of a file of a run that has these files."""

    def show(file, data=None, **more):
        run_id = fresh.run("0", "files")
        for path, content in {file: data, **more}.items():
            fresh.put(run_id, path, content)
        page = look(fresh, f"/runs/{run_id}?file={file}")
        page.locator("#artifacts .view header b").wait_for()
        page.run_id = run_id
        return page

    return show


def test_a_log_of_two_gigabytes_opens_at_once(fresh, shown):
    page = shown("train.log", b"")
    uri = Path(fresh.store.get_run(page.run_id).info.artifact_uri)
    with open(uri / "train.log", "wb") as file:
        file.write(b"".join(b"INFO line %d\n" % number for number in range(1, 100_000)))
        file.truncate(2 * GIGABYTE)  # a hole, which takes no space
        file.seek(2 * GIGABYTE)
        file.write(b"\nERROR the very end\n")
    asked = []
    page.on("response", lambda answer: asked.append(int(answer.headers.get("content-length", 0))))
    page.reload()
    text = page.get_by_role("region", name="Text")
    text.get_by_text("INFO line 1", exact=True).wait_for()
    assert max(asked) <= 200_000
    page.get_by_role("button", name="End").click()
    text.locator(".err", has_text="ERROR the very end").wait_for()
    assert max(asked) <= 200_000
    assert violations(page) == []


def test_a_log_is_followed(fresh, shown):
    page = shown("train.log", b"one\n")
    page.get_by_role("button", name="Follow").click()
    uri = Path(fresh.store.get_run(page.run_id).info.artifact_uri)
    with open(uri / "train.log", "ab") as file:
        file.write(b"\x1b[31mtwo\x1b[0m %s\n" % SCRIPT.encode())
    page.locator(".log .ansi-1", has_text="two").wait_for()
    assert page.get_by_role("region", name="Text").inner_text().count(SCRIPT) == 1


def test_a_text_is_searched_to_its_end(shown):
    lines = [b"step %d" % number for number in range(400_000)]
    page = shown("train.log", b"\n".join([*lines, b"needle"]))
    page.get_by_role("searchbox", name="Find in the text").fill("NEEDLE")
    page.get_by_text("0 of 0").wait_for()
    page.get_by_role("button", name="Search the other").click()
    page.get_by_text("1 of 1").wait_for()
    page.get_by_text("needle", exact=True).wait_for()


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_a_parquet_file_is_a_table(shown, compression):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table = pandas.DataFrame({"id": range(3000), "name": [HOSTILE, None, "x"] * 1000})
    data = io.BytesIO()
    table.to_parquet(data, compression=compression)
    page = shown("table.parquet", data.getvalue())
    page.get_by_text("The first 1,000 of 3,000 rows").wait_for()
    assert page.get_by_role("cell", name=HOSTILE).count() > 0
    page.get_by_role("columnheader", name="id").get_by_role("button").click()
    page.get_by_role("columnheader", name="id").get_by_role("button").click()
    page.get_by_role("cell", name="999", exact=True).wait_for()
    assert page.locator(".sheet tr").count() < 60
    assert violations(page) == []


def test_a_damaged_parquet_file_says_so(shown):
    page = shown("table.parquet", b"PAR1" + b"x" * 100)
    page.get_by_text("This Parquet file cannot be shown").wait_for()


def test_a_pdf_has_a_viewer_that_is_not_of_our_origin(shown):
    page = shown("first.txt", b"text", **{"report.pdf": PDF})
    page.get_by_role("button", name="report.pdf").click()
    frame = page.locator("#artifacts iframe")
    frame.wait_for()
    answer = page.request.get(frame.get_attribute("src"))
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src" not in policy and "default-src 'none'" in policy


def test_steps_of_a_picture_are_slid_through(shown):
    picture = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>%s</svg>"
    others = {f"epoch_{step}.svg": picture % SCRIPT.encode() for step in (2, 10)}
    page = shown("epoch_1.svg", picture % b"", **others)
    slider = page.get_by_role("slider", name="Step of the picture")
    slider.press("End")
    page.wait_for_url("**file=epoch_10.svg**")
    page.get_by_text("3 of 3").wait_for()
    assert violations(page) == []


def test_pictures_of_runs_stand_side_by_side(fresh, look):
    picture = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
    runs = [fresh.run("0", name) for name in "ab"]
    for run_id, steps in zip(runs, [(1, 2), (2,)], strict=True):
        for step in steps:
            fresh.put(run_id, f"shots/s{step}.svg", picture)
    page = look(fresh, f"/compare?runs={','.join(runs)}")
    page.get_by_role("button", name="Side by side").click()
    page.locator(".shots img").nth(1).wait_for()
    page.get_by_role("slider", name="Step of the pictures").press("Home")
    page.get_by_text("no such picture").wait_for()
    assert page.locator(".shots img").count() == 1
    assert violations(page) == []


def test_sound_and_film_and_bytes(shown):
    page = shown("sound.wav", b"RIFF\x24\0\0\0WAVEfmt ", film=b"\0\1\2")
    page.locator("#artifacts audio").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="film").click()
    page.get_by_label("The first bytes").wait_for()
    page.locator("#artifacts pre", has_text="00 01 02").wait_for()
