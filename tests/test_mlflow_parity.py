"""The real mlflow beside ours: the same signatures, and the same script with the same results.

Where we differ is data here, with the reason; a difference that is gone fails the test too.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec

import pytest

from processes import finish, start

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow-skinny")
needs_its_database = pytest.mark.skipif(
    not (find_spec("mlflow") and find_spec("sqlalchemy") and find_spec("alembic")),
    reason="needs mlflow-skinny with sqlalchemy and alembic, its own SQLite store",
)
needs_pandas = pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")


def answer(program, *arguments):
    """What a program printed as JSON. mlflow talks on stderr, so that stays unread."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    code, out, err = finish(start(program, *arguments, env={**os.environ, **quiet}))
    assert code == 0, err
    return json.loads(out.splitlines()[-1])


# ------------------------------------------------------------------------------- signatures

NAMES = {
    "module": """set_tracking_uri get_tracking_uri is_tracking_uri_set create_experiment
        set_experiment get_experiment get_experiment_by_name search_experiments delete_experiment
        set_experiment_tag set_experiment_tags delete_experiment_tag start_run end_run active_run
        last_active_run get_run get_parent_run delete_run restore_run restore_experiment log_param
        log_params log_metric
        log_metrics set_tag set_tags delete_tag log_artifact log_artifacts log_text log_dict
        log_figure log_image log_stream log_table load_table log_input log_inputs get_artifact_uri
        search_runs flush_async_logging initialize_logged_model finalize_logged_model
        get_logged_model search_logged_models set_logged_model_tags delete_logged_model_tag
        log_outputs enable_system_metrics_logging disable_system_metrics_logging
        set_system_metrics_sampling_interval set_system_metrics_samples_before_logging
        set_system_metrics_node_id register_model search_registered_models search_model_versions
        set_model_version_tag set_registry_uri get_registry_uri""",
    "artifacts": "download_artifacts list_artifacts load_text load_dict load_image",
    "data": "from_pandas from_numpy from_huggingface",
    "client": """create_experiment get_experiment get_experiment_by_name search_experiments
        rename_experiment delete_experiment restore_experiment set_experiment_tag
        delete_experiment_tag create_run get_run get_parent_run update_run set_terminated
        delete_run restore_run search_runs log_metric log_param log_batch log_inputs set_tag
        delete_tag get_metric_history log_artifact log_artifacts log_text log_dict log_figure
        log_image log_stream log_table load_table list_artifacts download_artifacts
        create_logged_model get_logged_model finalize_logged_model delete_logged_model
        search_logged_models set_logged_model_tags delete_logged_model_tag log_model_params
        log_model_artifact log_model_artifacts list_logged_model_artifacts
        log_outputs create_registered_model get_registered_model rename_registered_model
        update_registered_model delete_registered_model search_registered_models
        create_model_version copy_model_version get_model_version update_model_version
        delete_model_version search_model_versions get_latest_versions
        transition_model_version_stage get_model_version_stages get_model_version_download_uri
        set_registered_model_tag delete_registered_model_tag set_model_version_tag
        delete_model_version_tag set_registered_model_alias delete_registered_model_alias
        get_model_version_by_alias""",
}
ADDED = dict.fromkeys(("log_artifact", "log_artifacts", "download_artifacts"), "callback")
OTHER_DEFAULTS = {
    ("client", "download_artifacts", "path"): ("required", "''", "all artifacts of the run"),
}
OLD_NAMES = {  # of MLflow 1.x
    ("module", "list_experiments"): ["view_type", "max_results"],
    ("client", "list_experiments"): ["view_type", "max_results", "page_token"],
    ("client", "list_run_infos"): [
        "experiment_id", "run_view_type", "max_results", "order_by", "page_token",
    ],
}  # fmt: skip
ENTITIES = {
    "Metric": "key value timestamp step model_id dataset_name dataset_digest run_id",
    "Param": "key value",
    "RunTag": "key value",
    "ExperimentTag": "key value",
    "InputTag": "key value",
    "FileInfo": "path is_dir file_size",
    "Dataset": "name digest source_type source schema profile",
    "DatasetInput": "dataset tags",
    "LoggedModelInput": "model_id",
    "LoggedModelOutput": "model_id step",
    "LoggedModel": "experiment_id model_id name artifact_location creation_timestamp "
    "last_updated_timestamp model_type source_run_id status",
}


@pytest.fixture(scope="module")
def signatures():
    """Theirs and ours."""
    return answer("signatures", "mlflow"), answer("signatures", "runlog")


@needs_mlflow
@pytest.mark.parametrize("part", NAMES)
def test_signatures(signatures, part):
    theirs, ours = signatures
    for name in NAMES[part].split():
        wanted = [
            [parameter, other_default(part, name, parameter, default), kind]
            for parameter, default, kind in theirs[part][name]
        ]
        added = [[ADDED[name], "None", wanted[-1][2]]] if name in ADDED else []
        assert ours[part][name] == wanted + added, name


def other_default(part, name, parameter, default):
    before, after, _ = OTHER_DEFAULTS.get((part, name, parameter), (default, default, ""))
    assert default == before
    return after


@needs_mlflow
def test_names_of_earlier_versions(signatures):
    theirs, ours = signatures
    for (part, name), parameters in OLD_NAMES.items():
        assert name not in theirs[part]
        assert [parameter for parameter, _, _ in ours[part][name]] == parameters


@needs_mlflow
@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_made_from_the_same(signatures, name):
    wanted = ENTITIES[name].split()
    for side in signatures:
        made = side["entities"][name]
        assert [parameter for parameter, _, _ in made][: len(wanted)] == wanted


# --------------------------------------------------------------------------------- behaviour

INVALID = {"error": "INVALID_PARAMETER_VALUE"}
DIFFERENT = {
    # what: theirs, ours, why
    "rename deleted": ({"error": "INVALID_STATE"}, INVALID, "as every write to what is deleted"),
    "experiments: name IN ('one')": (INVALID, ["one"], "IN is for every field"),
    "create with a number": ({"raised": "TypeError"}, True, "a tag's value becomes text"),
    "second run": ({"raised": "Exception"}, {"error": "INTERNAL_ERROR"}, "one root of errors"),
    "bad status": ({"raised": "Exception"}, INVALID, "one root of errors"),
    "metric of [1]": ({"raised": "TypeError"}, INVALID, "one root of errors"),
    "history of -0.0": ([["-0.0", "0.0", 1, 0]], [["-0.0", "-0.0", 1, 0]], "every double survives"),
    "history of inf": (
        [["inf", "1.7976931348623157e+308", 1, 0]],
        [["inf", "inf", 1, 0]],
        "every double survives",
    ),
    "history of -inf": (
        [["-inf", "-1.7976931348623157e+308", 1, 0]],
        [["-inf", "-inf", 1, 0]],
        "every double survives",
    ),
    "runs by ['metrics.m', 'metrics.m DESC']": (
        {"error": "INTERNAL_ERROR"},
        INVALID,
        "the mistake is the caller's",
    ),
    "id as text": ([], INVALID, "a text is a list of letters, which finds what nobody meant"),
    "log_artifact unknown": (
        {"raised": "FileNotFoundError"},
        {"error": "RESOURCE_DOES_NOT_EXIST"},
        "it is both",
    ),
    "log_text to '/etc/x'": ({"error": "INTERNAL_ERROR"}, INVALID, "the mistake is the caller's"),
    "log_text to '../x'": ({"error": "INTERNAL_ERROR"}, INVALID, "the mistake is the caller's"),
    "log_text to 'a/../../x'": (
        {"error": "INTERNAL_ERROR"},
        INVALID,
        "the mistake is the caller's",
    ),
    "log_text to ''": ({"raised": "IsADirectoryError"}, INVALID, "the mistake is the caller's"),
    "log_inputs of models": ({"error": "INTERNAL_ERROR"}, None, "not for Databricks alone"),
    "uneven inputs": ({"error": "INTERNAL_ERROR"}, INVALID, "the mistake is the caller's"),
}


@pytest.mark.slow
@needs_its_database
@needs_pandas
def test_the_same_script_sees_the_same(tmp_path, monkeypatch):
    seen = []
    for module, uri in (("mlflow", "sqlite:///mlflow.db"), ("runlog", "runlog.db")):
        (tmp_path / module).mkdir()
        monkeypatch.chdir(tmp_path / module)
        seen.append(answer("tracking", module, uri))
    theirs, ours = seen
    assert list(theirs) == list(ours)
    found = {what: (theirs[what], ours[what]) for what in ours if theirs[what] != ours[what]}
    assert found == {what: (before, after) for what, (before, after, _) in DIFFERENT.items()}


@needs_pandas
def test_the_script_runs_with_a_warning_as_an_error(monkeypatch):
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    ours = answer("tracking", "runlog", "folder/")
    assert sum(isinstance(each, dict) and "raised" in each for each in ours.values()) == 1
