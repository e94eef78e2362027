"""Pages of registered models, their versions and logged models; registering on a run's page."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from tests.ui.conftest import HOSTILE, Site, violations

from runlog.artifacts import ArtifactRepo

MLMODEL = """\
artifact_path: models:/m
flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    sklearn_version: 1.5.0
mlflow_version: 3.1.0
saved_input_example_info:
  artifact_path: input_example.json
signature:
  inputs: '[{"type": "double", "name": "petal ''length''", "required": true}, {"type":
    "string", "name": "note", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
"""
EXAMPLE = {"columns": ["petal 'length'", "note"], "data": [[1.25, "first"]]}


def with_models(folder):
    """A site with a run, whose model is registered twice, a model of MLflow 2 and two others."""
    site = Site(folder)
    store = site.store
    history = [{"artifact_path": "old", "flavors": {"xgboost": {}}, "utc_time_created": ""}]
    site.run_id = site.run(
        "0",
        "judged",
        metrics={"val/loss": [1.0, 0.5], "val/accuracy": [0.25, 0.75]},
        params={"depth": "3"},
        tags={"mlflow.log-model.history": json.dumps(history)},
    )
    site.put(site.run_id, "old/MLmodel", MLMODEL.encode())
    # Logged while the run goes on, as models are; `run` has ended it.
    other = site.run("0", "still running", status="RUNNING")
    model = store.models.create("0", "classifier", source_run_id=other, params={"trees": "10"})
    site.model_id = model.model_id
    repo = ArtifactRepo(model.artifact_location)
    repo.write("MLmodel", [MLMODEL.encode()])
    repo.write("input_example.json", [json.dumps(EXAMPLE).encode()])
    repo.write("page.html", [b"<p>shown</p>"])
    store.models.finalize(site.model_id, "READY")
    store.models.log_outputs(other, [_output(site.model_id)])
    site.other = other
    registry = store.registry
    registry.create_model("iris", {"team": "vision"}, "Classifies **flowers**.")
    uri = store.get_run(site.run_id).info.artifact_uri
    registry.create_version("iris", f"{uri}/old", site.run_id, description="the first")
    registry.create_version("iris", f"models:/{site.model_id}", other, model_id=site.model_id)
    registry.set_alias("iris", "champion", 2)
    registry.transition_stage("iris", 1, "Archived")
    site.plain = site.run("0", "without a model")
    site.put(site.plain, "weights.bin", b"1")
    registry.create_model("elsewhere")
    registry.create_version("elsewhere", f"runs:/{site.plain}/weights.bin", site.plain)
    registry.create_version("elsewhere", "s3://bucket/model")
    registry.create_model(HOSTILE, {"plain": HOSTILE}, HOSTILE)
    registry.create_version(HOSTILE, "s3://bucket/model", description=HOSTILE)
    return site


def _output(model_id):
    from runlog.entities import LoggedModelOutput

    return LoggedModelOutput(model_id, 0)


@pytest.fixture(scope="module")
def shelf(pages, tmp_path_factory):
    """One for the tests that only look."""
    site = with_models(tmp_path_factory.mktemp("shelf"))
    yield site
    site.close()


@pytest.fixture
def own(pages, tmp_path):
    """One for a test that writes."""
    site = with_models(tmp_path)
    yield site
    site.close()


PATHS = {
    "list": "/models",
    "no-match": "/models?q=nothing-has-this-name",
    "model": "/models/iris",
    "version-of-run": "/models/iris/versions/1",
    "version-of-model": "/models/iris/versions/2",
    "elsewhere": "/models/elsewhere/versions/2",
    "plain": "/runs/{plain}",
    "hostile": "/models/" + quote(HOSTILE),
    "hostile-version": f"/models/{quote(HOSTILE)}/versions/1",
    "no-model": "/models/nobody",
    "no-version": "/models/iris/versions/9",
    "logged": "/experiments/0/models/{model}",
    "run": "/runs/{run}",
}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PATHS)
def test_a_page_of_models_is_accessible_and_fits(shelf, look, name, theme, width):
    page = look(
        shelf,
        PATHS[name].format(model=shelf.model_id, run=shelf.run_id, plain=shelf.plain),
        theme,
        width,
    )
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() <= 1


def test_the_list_finds_sorts_and_leads_to_models(shelf, look):
    page = look(shelf, "/")
    page.get_by_role("link", name="Models", exact=True).click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="iris"))
    assert "v2 · 2 versions" in row.inner_text()
    assert "@champion" in row.inner_text()
    page.keyboard.press("/")
    page.keyboard.type("IRI")
    page.get_by_role("link", name="elsewhere").wait_for(state="detached")
    assert "q=IRI" in page.url
    page.get_by_role("link", name="iris", exact=True).click()
    page.wait_for_url("**/models/iris")
    page.get_by_role("link", name="Version 2").wait_for()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Version 1"))
    assert "judged" in row.inner_text() and "0.75" in row.inner_text()
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url("**/models")


@pytest.mark.parametrize(
    "printed, page_is",
    [
        ("#/models/iris/versions/2", "**/models/iris/versions/2"),
        ("#/models/iris", "**/models/iris"),
        ("#/experiments/0/models/{model}", "**/experiments/0/models/m-*"),
    ],
)
def test_addresses_that_clients_print_lead_to_models(shelf, look, printed, page_is):
    page = look(shelf, "/" + printed.format(model=shelf.model_id))
    page.wait_for_url(page_is)
    page.locator("main h1").wait_for()


@pytest.mark.parametrize("path", ["/models/iris/versions/1", "/models/iris/versions/2"])
def test_a_version_says_what_the_model_takes_and_gives(shelf, look, path):
    page = look(shelf, path)
    inputs = page.get_by_role("table", name="Inputs")
    assert inputs.get_by_role("row").nth(1).inner_text().split("\t")[:2] == [
        "petal 'length'",
        "double",
    ]
    assert "optional" in inputs.get_by_role("row").nth(2).inner_text()
    assert "int64 (-1)" in page.get_by_role("table", name="Outputs").inner_text()
    page.locator("#artifacts .tree").get_by_text("MLmodel").wait_for()
    page.get_by_text("sklearn_version").wait_for()
    if path.endswith("2"):
        example = page.get_by_role("region", name="Input example")
        assert "1.25" in example.inner_text()
        page.locator("#artifacts .tree").get_by_text("page.html").click()
        assert page.frame_locator("#artifacts iframe").locator("p").inner_text() == "shown"


def test_aliases_stages_tags_and_descriptions_are_changed_and_undone(own, look):
    registry = own.store.registry
    page = look(own, "/models/iris/versions/1")
    page.get_by_role("button", name="Alias", exact=True).click()
    page.get_by_label("Alias, such as champion").fill("@champion")
    assert violations(page) == []
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("group", name="Aliases").get_by_text("@champion").wait_for()
    page.wait_for_load_state("networkidle")
    assert registry.version_by_alias("iris", "champion").version == "1"
    page.get_by_role("button", name="Remove the alias champion").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("group", name="Aliases").get_by_text("@champion").wait_for()
    page.wait_for_load_state("networkidle")
    assert registry.version_by_alias("iris", "champion").version == "1"

    def act(name):
        page.get_by_role("button", name="Actions of the version").click()
        page.get_by_role("button", name=name).click()

    act("Move to a stage…")
    page.get_by_role("combobox", name="Stage").select_option("Production")
    page.get_by_role("button", name="Move", exact=True).click()
    page.locator("h1 + .badge").get_by_text("Production").wait_for()
    act("Describe…")
    page.get_by_label("Description, in Markdown").fill("Better than **before**")
    page.get_by_role("button", name="Save").click()
    page.locator("#description strong").get_by_text("before").wait_for()
    act("Add a tag…")
    page.get_by_role("textbox", name="Key").fill("checked")
    page.get_by_role("textbox", name="Value").fill("yes")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Remove checked").wait_for()
    page.wait_for_load_state("networkidle")
    version = registry.get_version("iris", 1)
    assert (version.current_stage, version.description) == ("Production", "Better than **before**")
    assert version.tags == {"checked": "yes"}
    act("Delete…")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/models/iris")
    page.get_by_role("link", name="Version 2").wait_for()
    assert page.get_by_role("link", name="Version 1").count() == 0


def test_a_model_is_made_renamed_and_deleted(own, look):
    page = look(own, "/models")
    page.get_by_role("button", name="New").click()
    page.get_by_role("textbox", name="Name").fill("a b")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url("**/models/a%20b")
    page.get_by_role("heading", name="No versions").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Actions of the model").click()
    page.get_by_role("button", name="Rename…").click()
    page.get_by_role("textbox", name="Name").fill("iris")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("alert").get_by_text("already exists").wait_for()
    page.get_by_role("textbox", name="Name").fill("new/name")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("alert").get_by_text("cannot contain").wait_for()
    page.get_by_role("textbox", name="Name").fill("better")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.wait_for_url("**/models/better")
    page.get_by_role("button", name="Actions of the model").click()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/models")
    page.get_by_role("link", name="iris").wait_for()
    assert page.get_by_role("link", name="better").count() == 0


@pytest.mark.parametrize("kind", ["old", "classifier"])
def test_a_model_of_a_run_is_registered_on_its_page(own, look, kind):
    page = look(own, f"/runs/{own.run_id if kind == 'old' else own.other}")
    models = page.get_by_role("region", name="Table of models")
    assert ("xgboost" if kind == "old" else "sklearn") in models.inner_text()
    models.get_by_role("link", name="iris v1" if kind == "old" else "iris v2").wait_for()
    if kind == "classifier":  # a run names the models that it read or made
        href = page.locator("#system").get_by_role("link", name=own.model_id).get_attribute("href")
        assert href.endswith(f"/experiments/0/models/{own.model_id}")
    models.get_by_role("button", name=f"Register {kind}").click()
    name = page.get_by_label("Name of the registered model")
    name.fill("iri")
    page.locator("#registered option[value=iris]").wait_for(state="attached")
    assert violations(page) == []
    name.fill("iris")
    page.get_by_role("button", name="Register", exact=True).last.click()
    models.get_by_role("link", name="iris v3").click()
    page.wait_for_url("**/models/iris/versions/3")
    page.get_by_role("table", name="Inputs").wait_for()
    page.get_by_role("link", name="judged" if kind == "old" else "still running").wait_for()


def test_a_run_without_models_leads_to_versions_of_its_files(shelf, look):
    page = look(shelf, f"/runs/{shelf.plain}")
    page.locator("#artifacts").scroll_into_view_if_needed()
    page.get_by_role("link", name="elsewhere v1").click()
    page.wait_for_url("**/models/elsewhere/versions/1")
    page.get_by_role("link", name="without a model").wait_for()


def test_who_may_only_read_is_offered_no_changes(guarded, look):
    guarded.store.registry.create_model("iris")
    guarded.store.registry.create_version("iris", "s3://bucket/model")
    for path in ("/models", "/models/iris", "/models/iris/versions/1"):
        page = look(guarded, path)
        for name in ("New", "Actions of the model", "Actions of the version", "Add a tag"):
            assert page.get_by_role("button", name=name).count() == 0
