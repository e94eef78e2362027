from __future__ import annotations

import pytest

from runlog.entities.model_registry import ALL_STAGES
from runlog.errors import AlreadyExists, InvalidParameter, NotFound, RunlogError
from runlog.store_parts.registered_models import IS_PROMPT

SOURCE = "s3://bucket/model"


@pytest.fixture
def registry(store):
    return store.registry


@pytest.fixture
def digits(registry):
    """A registered model without versions."""
    return registry.create_model("digits", {"team": "vision"}, "reads digits")


@pytest.fixture
def versions(registry, digits):
    """Three versions of it."""
    return [registry.create_version("digits", f"{SOURCE}/{n}", tags={"n": n}) for n in (1, 2, 3)]


def numbers(versions):
    return [each.version for each in versions]


# -- models -----------------------------------------------------------------------------------


def test_a_model_is_what_it_was_made(registry, digits):
    assert digits == registry.get_model("digits")
    assert (digits.name, digits.tags, digits.description) == (
        "digits",
        {"team": "vision"},
        "reads digits",
    )
    assert digits.creation_timestamp == digits.last_updated_timestamp > 1_700_000_000_000
    assert (digits.latest_versions, digits.aliases) == ([], {})


def test_a_name_is_taken_once_by_models(registry, digits):
    with pytest.raises(AlreadyExists, match="digits.*already exists"):
        registry.create_model("digits", {"other": "1"})
    registry.create_model("Digits")
    with pytest.raises(AlreadyExists, match="Digits"):
        registry.rename_model("digits", "Digits")
    assert registry.get_model("digits").tags == {"team": "vision"}


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", ".", "..", None, 5, "x" * 257])
def test_names_that_cannot_be(registry, digits, name):
    for act in (
        lambda: registry.create_model(name),
        lambda: registry.rename_model("digits", name),
        lambda: registry.get_model(name),
    ):
        with pytest.raises(InvalidParameter, match="name"):
            act()


@pytest.mark.parametrize("name", ["a b.c", "ünïcode ☃", "%2e%2e", "'; --", 'x"', "x" * 256])
def test_any_other_text_is_a_name_of_a_model(registry, name):
    registry.create_model(name)
    registry.create_version(name, SOURCE)
    registry.set_model_tag(name, "k", "v")
    assert registry.get_model(name).tags == {"k": "v"}
    assert registry.get_version(name, 1).name == name
    registry.delete_model(name)
    with pytest.raises(NotFound):
        registry.get_model(name)


def test_a_name_changes_with_its_versions(registry, versions):
    registry.set_alias("digits", "best", 2)
    renamed = registry.rename_model("digits", "numbers")
    assert (renamed.name, renamed.aliases) == ("numbers", {"best": "2"})
    assert registry.get_version("numbers", 3).source == f"{SOURCE}/3"
    with pytest.raises(NotFound, match="Registered Model with name=digits not found"):
        registry.get_model("digits")
    assert registry.create_version("numbers", SOURCE).version == "4"


def test_a_description_is_replaced(registry, versions):
    assert registry.update_model("digits", "new").description == "new"
    assert registry.update_version("digits", 2, "second").description == "second"
    assert registry.get_version("digits", "2").description == "second"
    assert registry.get_model("digits").tags == {"team": "vision"}


def test_tags_of_models_and_versions(registry, versions):
    registry.set_model_tag("digits", "team", "audio")
    registry.set_model_tag("digits", "other", 1.5)
    registry.set_version_tag("digits", 2, "n", "two")
    assert registry.get_model("digits").tags == {"team": "audio", "other": "1.5"}
    assert [registry.get_version("digits", n).tags for n in (1, 2)] == [{"n": "1"}, {"n": "two"}]
    for _ in range(2):
        registry.delete_model_tag("digits", "team")
        registry.delete_version_tag("digits", 2, "n")
    assert registry.get_model("digits").tags == {"other": "1.5"}
    assert registry.get_version("digits", 2).tags == {}


def test_a_model_goes_with_all_that_it_has(registry, versions):
    registry.set_alias("digits", "best", 2)
    registry.delete_model("digits")
    assert registry.search_versions() == registry.search_models() == []
    registry.create_model("digits")
    assert registry.get_model("digits").aliases == {}
    assert registry.create_version("digits", SOURCE).version == "1"


def test_what_is_not_there(registry, digits):
    for act in (
        lambda: registry.get_model("none"),
        lambda: registry.rename_model("none", "new"),
        lambda: registry.update_model("none", ""),
        lambda: registry.latest_versions("none"),
        lambda: registry.create_version("none", SOURCE),
        lambda: registry.set_model_tag("none", "k", "v"),
        lambda: registry.delete_model_tag("none", "k"),
        lambda: registry.delete_alias("none", "a"),
        lambda: registry.version_by_alias("none", "a"),
        lambda: registry.version_by_alias("none", "latest"),
    ):
        with pytest.raises(NotFound, match="Registered Model with name=none not found"):
            act()
    for version in (1, "7", 2**40, "9" * 19):
        for act in (
            lambda v: registry.get_version("digits", v),
            lambda v: registry.update_version("digits", v, ""),
            lambda v: registry.transition_stage("digits", v, "Staging"),
            lambda v: registry.download_uri("digits", v),
            lambda v: registry.set_version_tag("digits", v, "k", "v"),
            lambda v: registry.delete_version_tag("digits", v, "k"),
            lambda v: registry.set_alias("digits", "a", v),
        ):
            with pytest.raises(NotFound, match=r"Model Version \(name=digits, version="):
                act(version)


@pytest.mark.parametrize("version", ["", "one", "1.5", -1, True, None, " 1"])
def test_versions_are_numbers(registry, versions, version):
    with pytest.raises(InvalidParameter, match="version"):
        registry.get_version("digits", version)


# -- versions ---------------------------------------------------------------------------------


def test_versions_are_counted(registry, versions):
    assert numbers(versions) == ["1", "2", "3"]
    registry.delete_version("digits", 3)
    registry.delete_version("digits", 1)
    assert registry.create_version("digits", SOURCE).version == "4"
    assert numbers(registry.search_versions("name = 'digits'")) == ["4", "2"]
    with pytest.raises(NotFound, match="version=3"):
        registry.get_version("digits", 3)


def test_a_version_is_what_it_was_made(registry, store, run_id, digits):
    made = registry.create_version(
        "digits", SOURCE, run_id, {"k": "v"}, "https://host/run", "first", None
    )
    assert made == registry.get_version("digits", 1)
    assert (made.source, made.run_id, made.tags) == (SOURCE, run_id, {"k": "v"})
    assert (made.run_link, made.description) == ("https://host/run", "first")
    assert (made.current_stage, made.status, made.aliases) == ("None", "READY", [])
    assert registry.download_uri("digits", 1) == SOURCE
    plain = registry.create_version("digits", SOURCE)
    assert (plain.run_id, plain.model_id, plain.tags) == (None, None, {})


def test_a_version_of_a_logged_model(store, registry, run_id, digits):
    model = store.models.create("0", "tree", source_run_id=run_id)
    made = registry.create_version("digits", f"models:/{model.model_id}")
    assert (made.model_id, made.run_id) == (model.model_id, run_id)
    assert registry.download_uri("digits", 1) == model.artifact_location
    with pytest.raises(RunlogError, match="m-none"):
        registry.create_version("digits", "models:/m-none")


def test_the_logged_model_of_a_version(store, registry, run_id, digits):
    model = store.models.create("0", "tree", source_run_id=run_id)
    made = registry.create_version("digits", model.artifact_location, model_id=model.model_id)
    assert (made.run_id, made.model_id) == (run_id, model.model_id)


def test_a_version_of_a_version(registry, run_id, versions):
    registry.set_alias("digits", "best", 2)
    registry.create_model("copy")
    for source in ("models:/digits/2", "models:/digits@best"):
        made = registry.create_version("copy", source)
        assert made.source == "models:/digits/2"
        assert registry.download_uri("copy", made.version) == f"{SOURCE}/2"
    with pytest.raises(RunlogError):
        registry.create_version("copy", "models:/digits/9")


def test_files_of_a_run(store, registry, run_id, digits):
    made = registry.create_version("digits", f"runs:/{run_id}/deep/model")
    location = store.get_run(run_id).info.artifact_uri
    assert made.run_id == run_id
    assert registry.download_uri("digits", 1) == f"{location}/deep/model"


def test_the_user_of_a_version_is_that_of_its_run(store, registry, digits):
    run = store.create_run("0", user_id="ada")
    made = registry.create_version("digits", f"runs:/{run.info.run_id}/model")
    assert made.user_id == "ada"


def test_a_source_without_its_password(registry, digits):
    with pytest.raises(InvalidParameter, match="password") as caught:
        registry.create_version("digits", "ftp://user:secret@host/model")
    assert "secret" not in caught.value.message
    with pytest.raises(InvalidParameter, match="source"):
        registry.create_version("digits", "")


# -- stages -----------------------------------------------------------------------------------


def test_stages(registry, versions):
    for version, stage in ((1, "production"), (2, "STAGING"), (3, "Production")):
        moved = registry.transition_stage("digits", version, stage)
        assert moved.current_stage == stage.capitalize()
    latest = registry.latest_versions("digits")
    assert {each.version: each.current_stage for each in latest} == {
        "2": "Staging",
        "3": "Production",
    }
    assert numbers(registry.latest_versions("digits", ["production"])) == ["3"]
    assert registry.latest_versions("digits", ["None"]) == []
    found = registry.get_model("digits").latest_versions
    assert sorted(numbers(found)) == ["2", "3"]


def test_the_others_of_a_stage_are_archived(registry, versions):
    registry.transition_stage("digits", 1, "Production")
    registry.transition_stage("digits", 2, "Production", archive_existing_versions=True)
    registry.transition_stage("digits", 2, "Production", archive_existing_versions=True)
    stages = [registry.get_version("digits", n).current_stage for n in (1, 2, 3)]
    assert stages == ["Archived", "Production", "None"]
    for stage in ("None", "Archived"):
        with pytest.raises(RunlogError, match="not an Active stage"):
            registry.transition_stage("digits", 1, stage, archive_existing_versions=True)


def test_stages_that_are_none(registry, versions):
    for act in (
        lambda: registry.transition_stage("digits", 1, "Live"),
        lambda: registry.latest_versions("digits", ["Live"]),
    ):
        with pytest.raises(InvalidParameter, match="stage.*" + ", ".join(ALL_STAGES)):
            act()


# -- aliases ----------------------------------------------------------------------------------


def test_aliases(registry, versions):
    registry.set_alias("digits", "best", 1)
    registry.set_alias("digits", "best", "3")
    registry.set_alias("digits", "old_one-2", 1)
    assert registry.version_by_alias("digits", "best").version == "3"
    assert registry.get_version("digits", 3).aliases == ["best"]
    assert registry.get_model("digits").aliases == {"best": "3", "old_one-2": "1"}
    for _ in range(2):
        registry.delete_alias("digits", "best")
    with pytest.raises(InvalidParameter, match="Registered model alias best not found"):
        registry.version_by_alias("digits", "best")
    registry.delete_version("digits", 1)
    assert registry.get_model("digits").aliases == {}


def test_the_latest_version(registry, versions):
    registry.transition_stage("digits", 3, "Archived")
    assert registry.version_by_alias("digits", "Latest").version == "3"


@pytest.mark.parametrize("alias", ["", "a b", "a/b", "latest", "LATEST", "v1", "V12", "x" * 256])
def test_aliases_that_cannot_be(registry, versions, alias):
    with pytest.raises(InvalidParameter, match="alias"):
        registry.set_alias("digits", alias, 1)


# -- searching --------------------------------------------------------------------------------


@pytest.fixture
def many(registry):
    """Models a to e with versions, tags and stages."""
    for at, name in enumerate("abcde"):
        registry.create_model(name, {"kind": "odd" if at % 2 else "even", "at": at})
        for version in range(at % 3 + 1):
            registry.create_version(name, f"{SOURCE}/{name}", tags={"v": version})
    registry.transition_stage("c", 2, "Production")


@pytest.mark.parametrize(
    "text, names",
    [
        (None, "abcde"),
        ("", "abcde"),
        ("name = 'b'", "b"),
        ("name != 'b'", "acde"),
        ("name LIKE 'b%'", "b"),
        ("name ILIKE 'B%'", "b"),
        ("name IN ('a', 'e', 'x')", "ae"),
        ("tags.kind = 'odd'", "bd"),
        ("tag.`kind` = 'even' AND name != 'c'", "ae"),
        ("tags.kind = 'even' AND tags.at = '4'", "e"),
        ("tags.none != 'x'", ""),
        ("tags.`mlflow.prompt.is_prompt` != 'true'", "abcde"),
        ("tags.`mlflow.prompt.is_prompt` = 'true'", ""),
        ("name = 'a' AND name = 'b'", ""),
    ],
)
def test_models_are_found(registry, many, text, names):
    assert [each.name for each in registry.search_models(text)] == [*names]


@pytest.mark.parametrize(
    "order, names",
    [
        (["name DESC"], "edcba"),
        (["name"], "abcde"),
        (["last_updated_timestamp ASC", "name"], "abdec"),
    ],
)
def test_models_in_order(registry, many, order, names):
    registry.update_model("c", "later")
    found = [each.name for each in registry.search_models(order_by=order)]
    assert found == [*names] or "timestamp" in order[0] and found[-1] == "c"


def test_models_a_page_at_a_time(registry, many):
    names, token = [], None
    for _ in range(3):
        page = registry.search_models("name != 'x'", 2, page_token=token)
        names += [each.name for each in page]
        token = page.token
    assert (names, token) == ([*"abcde"], None)
    (found,) = registry.search_models("name = 'c'")
    assert sorted(numbers(found.latest_versions)) == ["2", "3"]


@pytest.mark.parametrize(
    "text, found",
    [
        ("name = 'c'", "c1 c2 c3"),
        ("name = 'c' AND version_number > 1", "c2 c3"),
        ("tags.v = '1'", "b2 c2 e2"),
        ("tags.v = '1' AND name LIKE '%c%'", "c2"),
        ("source_path = 's3://bucket/model/b'", "b1 b2"),
        ("run_id = 'none'", ""),
        ("run_id IN ('none', 'x')", ""),
    ],
)
def test_versions_are_found(registry, many, text, found):
    seen = {each.name + each.version for each in registry.search_versions(text)}
    assert seen == {*found.split()}


def test_versions_with_these_numbers(registry, many):
    found = registry.search_versions("name = 'c' AND version_number IN (1, 3)")
    assert {*numbers(found)} == {"1", "3"}


def test_versions_of_a_run(registry, run_id, digits):
    registry.create_version("digits", SOURCE, run_id)
    registry.create_version("digits", SOURCE)
    assert numbers(registry.search_versions(f"run_id = '{run_id}'")) == ["1"]


def test_versions_in_order(registry, many):
    found = registry.search_versions("name = 'c'", order_by=["version_number DESC"])
    assert numbers(found) == ["3", "2", "1"]
    found = registry.search_versions(order_by=["name DESC", "version_number ASC"])
    assert "".join(each.name for each in found) == "eedcccbba"


def test_versions_a_page_at_a_time(registry, many):
    order = ["name ASC", "version_number ASC"]
    seen, token = [], None
    for _ in range(3):
        page = registry.search_versions(None, 4, order, token)
        seen += [each.name + each.version for each in page]
        token = page.token
    assert (" ".join(seen), token) == ("a1 b1 b2 c1 c2 c3 d1 e1 e2", None)


def test_searches_that_are_wrong(registry, digits):
    for act in (
        lambda: registry.search_models("nonsense"),
        lambda: registry.search_models("metrics.a = 1"),
        lambda: registry.search_models(order_by=["nonsense up"]),
        lambda: registry.search_models(page_token="nonsense"),
        lambda: registry.search_models(max_results=0),
        lambda: registry.search_models(max_results=1001),
        lambda: registry.search_versions("version_number = 'one'"),
        lambda: registry.search_versions("params.a = '1'"),
        lambda: registry.search_versions(max_results=200_001),
        lambda: registry.search_versions(order_by=["run_id sideways"]),
    ):
        with pytest.raises(InvalidParameter):
            act()


def test_a_page_token_of_another_search_of_the_registry(registry, many):
    token = registry.search_models("name != 'x'", 1).token
    with pytest.raises(InvalidParameter, match="Invalid page token"):
        registry.search_models("name != 'y'", 1, page_token=token)
    with pytest.raises(InvalidParameter, match="Invalid page token"):
        registry.search_versions("name != 'x'", 1, page_token=token)


def test_prompts_are_no_models(registry):
    with pytest.raises(RunlogError, match="no registry for prompts") as caught:
        registry.create_model("p", {IS_PROMPT: "true"})
    assert caught.value.error_code == "NOT_IMPLEMENTED"


# -- a run that goes --------------------------------------------------------------------------


def test_versions_stay_when_their_run_goes(store, registry, run_id, digits):
    registry.create_version("digits", f"runs:/{run_id}/model")
    store.delete_run(run_id)
    assert registry.get_version("digits", 1).run_id == run_id
