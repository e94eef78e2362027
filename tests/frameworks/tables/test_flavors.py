"""The flavours of tables, graphs and texts: what runlog and the real MLflow make of each other's
models, and what else each of them promises."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runlog
from frameworks.both_ways import Exchanged, exchange, plain, same
from frameworks.tables import examples
from frameworks.tables.examples import table
from runlog.errors import InvalidParameter, RunlogError
from runlog.models import Model

PICKLES = {"lightgbm_classifier", "statsmodels_regression", "statsmodels_time_series"}
UNKNOWN_TO_MLFLOW_2 = {"lightgbm_with_skops"}


@pytest.fixture(scope="module", params=["2", "3"])
def exchanged(request, tmp_path_factory) -> dict[str, Exchanged]:
    """All examples, exchanged with a version of MLflow."""
    folder = tmp_path_factory.mktemp(f"mlflow{request.param}")
    results = exchange(examples.__name__, request.param, folder)
    if request.param == "2":
        for name in UNKNOWN_TO_MLFLOW_2:
            del results[name]
    return results


@pytest.fixture(params=examples.EXAMPLES)
def result(exchanged, request) -> Exchanged:
    if request.param not in exchanged:
        pytest.skip("this version of MLflow does not have the format")
    return exchanged[request.param]


def test_mlflow_loads_what_runlog_logged(result):
    assert same(result.ours_by_flavor, result.expected), result.ours_by_flavor
    assert same(result.ours_by_pyfunc, result.expected), result.ours_by_pyfunc


def test_runlog_loads_what_mlflow_saved(result):
    assert Path(result.theirs).is_dir(), result.theirs
    example = result.example
    model = import_module(f"runlog.{example.flavor}").load_model(result.theirs)
    assert same(plain(example.predict(model, example.data)), result.theirs_expected)
    prediction = runlog.pyfunc.load_model(result.theirs).predict(example.data)
    assert same(plain(prediction), result.theirs_expected)


def test_runlog_loads_what_it_logged(result):
    loaded = runlog.pyfunc.load_model(result.ours)
    assert same(plain(loaded.predict(result.example.data)), result.expected)
    assert type(loaded.get_raw_model()).__name__ in (
        type(result.example.model).__name__,
        "InferenceSession",
    )


def test_both_write_the_same_files_and_the_same_about_them(result):
    ours, theirs = Model.load(result.ours), Model.load(result.theirs)
    if ours.mlflow_version.split(".")[0] != theirs.mlflow_version.split(".")[0]:
        pytest.skip("an older version has fewer fields")
    if result.example.flavor == "lightgbm":  # by default it is another format; skops is a set
        for model in (ours, theirs):
            for flavor in model.flavors.values():
                for name in ("data", "serialization_format", "skops_trusted_types"):
                    flavor.pop(name, None)
    else:
        assert _files(result.ours) == _files(result.theirs)
    assert ours.flavors == theirs.flavors
    assert ours.signature == theirs.signature
    assert ours.saved_input_example_info == theirs.saved_input_example_info


def _files(folder: str) -> list[str]:
    return sorted(
        path.name for path in Path(folder).iterdir() if path.name != "registered_model_meta"
    )


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_only_pickles_are_refused_where_pickles_are_off(monkeypatch, tmp_path, name):
    example = examples.EXAMPLES[name]()
    flavor = import_module(f"runlog.{example.flavor}")
    flavor.save_model(example.model, tmp_path / "model", **example.options)
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
    for load in (flavor.load_model, runlog.pyfunc.load_model):
        if name in PICKLES:
            with pytest.raises(RunlogError, match="is a pickle"):
                load(tmp_path / "model")
        else:
            load(tmp_path / "model")


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_it_requires_the_package_that_brings_the_module(tmp_path, name):
    example = examples.EXAMPLES[name]()
    flavor = import_module(f"runlog.{example.flavor}")
    flavor.save_model(example.model, tmp_path / "model", **example.options)
    requirements = (tmp_path / "model" / "requirements.txt").read_text().split()
    package = "xgboost-cpu" if example.flavor == "xgboost" else example.flavor
    assert [each for each in requirements if each.startswith(f"{package}==")]
    assert all("==" in each for each in requirements), requirements


def test_a_framework_that_is_not_installed_is_named(monkeypatch, tmp_path):
    example = examples.xgboost_regressor()
    runlog.xgboost.save_model(example.model, tmp_path / "model")
    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    with pytest.raises(RunlogError, match="this needs xgboost.* pip install xgboost"):
        runlog.xgboost.load_model(tmp_path / "model")


class TestXGBoost:
    def test_params_are_arguments_of_predict(self, tmp_path, caplog):
        example = examples.xgboost_booster()
        runlog.xgboost.save_model(example.model, tmp_path / "model")
        loaded = runlog.pyfunc.load_model(tmp_path / "model").get_raw_model()
        predictor = runlog.xgboost._Predictor(loaded)
        with caplog.at_level(logging.WARNING):
            leaves = predictor.predict(example.data, {"pred_leaf": True, "unknown": 1})
        assert leaves.shape == (5, 5)
        assert "no params unknown" in caplog.text

    def test_a_class_of_the_users_own_runs_code(self, monkeypatch, tmp_path):
        example = examples.xgboost_regressor()
        runlog.xgboost.save_model(example.model, tmp_path / "model")
        text = (tmp_path / "model" / "MLmodel").read_text()
        changed = text.replace("xgboost.sklearn.XGBRegressor", "os.getcwd")
        (tmp_path / "model" / "MLmodel").write_text(changed)
        monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
        with pytest.raises(RunlogError, match="of the class os.getcwd"):
            runlog.xgboost.load_model(tmp_path / "model")


class TestLightGBM:
    def test_a_format_must_be_known(self, tmp_path):
        example = examples.lightgbm_classifier()
        with pytest.raises(InvalidParameter, match="serialization_format 'joblib'"):
            runlog.lightgbm.save_model(
                example.model, tmp_path / "model", serialization_format="joblib"
            )

    def test_types_that_a_model_asks_to_trust_are_refused_with_pickles(self, monkeypatch, tmp_path):
        example = examples.lightgbm_with_skops()
        trusted = {"skops_trusted_types": ["os.system"], **example.options}
        runlog.lightgbm.save_model(example.model, tmp_path / "model", **trusted)
        monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
        with pytest.raises(RunlogError, match="asks to trust os.system"):
            runlog.lightgbm.load_model(tmp_path / "model")

    def test_its_own_estimators_need_no_trust(self, monkeypatch, tmp_path):
        from lightgbm import LGBMRanker

        frame, _, classes = table()
        ranker = LGBMRanker(n_estimators=3, verbose=-1, n_jobs=1).fit(
            frame, classes, group=[40, 40]
        )
        runlog.lightgbm.save_model(ranker, tmp_path / "model", serialization_format="skops")
        monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")
        loaded = runlog.pyfunc.load_model(tmp_path / "model")
        assert loaded.predict(frame).tolist() == ranker.predict(frame).tolist()


class TestStatsmodels:
    def test_the_data_can_be_left_out(self, tmp_path):
        sizes = []
        for remove_data in (False, True):
            example = examples.statsmodels_regression()
            folder = tmp_path / str(remove_data)
            runlog.statsmodels.save_model(example.model, folder, remove_data=remove_data)
            sizes.append((folder / "model.statsmodels").stat().st_size)
            loaded = runlog.pyfunc.load_model(folder)
            assert len(loaded.predict(example.data)) == 5
        assert sizes[0] > sizes[1]

    def test_a_time_series_is_asked_for_one_interval(self, tmp_path):
        example = examples.statsmodels_time_series()
        runlog.statsmodels.save_model(example.model, tmp_path / "model")
        loaded = runlog.pyfunc.load_model(tmp_path / "model")
        for wrong in (table()[0], example.data[["start"]]):
            with pytest.raises(InvalidParameter, match="one row with the columns start and end"):
                loaded.predict(wrong)


def two_inputs():
    from onnx import TensorProto, helper

    floats = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"]) for name in ("a", "b", "c")
    ]
    node = helper.make_node("Add", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "sum", floats[:2], floats[2:])
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9)


class TestOnnx:
    def test_it_takes_dictionaries_and_frames_by_name(self, tmp_path):
        runlog.onnx.save_model(two_inputs(), tmp_path / "model")
        loaded = runlog.pyfunc.load_model(tmp_path / "model")
        frame = pd.DataFrame({"b": [1.0, 2.0], "a": [10.0, 20.0]})
        assert loaded.predict(frame)["c"].tolist() == [11.0, 22.0]
        arrays = {name: frame[name].to_numpy() for name in frame}
        assert loaded.predict(arrays)["c"].tolist() == [11.0, 22.0]
        with pytest.raises(InvalidParameter, match="the inputs a, b"):
            loaded.predict(np.zeros(2))
        with pytest.raises(TypeError, match="not 'text'"):
            loaded.predict("text")

    def test_the_session_has_its_options(self, tmp_path):
        options = {
            "intra_op_num_threads": 1,
            "execution_mode": "parallel",
            "graph_optimization_level": 0,
            "extra_session_config": {"session.disable_prepacking": "1"},
        }
        providers = [("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})]
        runlog.onnx.save_model(
            two_inputs(),
            tmp_path / "model",
            onnx_session_options=options,
            onnx_execution_providers=providers,
        )
        session = runlog.pyfunc.load_model(tmp_path / "model").get_raw_model()
        used = session.get_session_options()
        assert (used.intra_op_num_threads, used.execution_mode.name) == (1, "ORT_PARALLEL")
        assert used.graph_optimization_level.name == "ORT_DISABLE_ALL"
        assert used.get_session_config_entry("session.disable_prepacking") == "1"
        assert session.get_providers() == ["CPUExecutionProvider"]

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"threads": 1}, "unknown onnx_session_options: threads"),
            ({"execution_mode": "fast"}, "not 'fast'"),
            ({"graph_optimization_level": 3}, "not 3"),
        ],
    )
    def test_options_must_be_known(self, tmp_path, options, message):
        with pytest.raises(InvalidParameter, match=message):
            runlog.onnx.save_model(two_inputs(), tmp_path / "model", onnx_session_options=options)
        assert not (tmp_path / "model").exists()

    def test_large_tensors_are_files_beside_it(self, tmp_path):
        from onnx import numpy_helper

        model = two_inputs()
        weights = numpy_helper.from_array(np.arange(3000, dtype=np.float32), "b")
        model.graph.initializer.append(weights)
        del model.graph.input[1]
        runlog.onnx.save_model(model, tmp_path / "model")
        assert len([*(tmp_path / "model").iterdir()]) == 6
        loaded = runlog.onnx.load_model(tmp_path / "model")
        assert loaded.graph.initializer[0].raw_data == weights.raw_data
        prediction = runlog.pyfunc.load_model(tmp_path / "model").predict(np.ones(3000))
        assert prediction["c"][-1] == 3000


class TestSpacy:
    def test_a_pipeline_without_categories_is_no_pyfunc_model(self, tmp_path):
        import spacy

        runlog.spacy.save_model(spacy.blank("en"), tmp_path / "model")
        assert [*Model.load(tmp_path / "model").flavors] == ["spacy"]
        assert [str(each) for each in runlog.spacy.load_model(tmp_path / "model")("a b")] == [
            "a",
            "b",
        ]

    def test_it_takes_one_column(self, tmp_path):
        runlog.spacy.save_model(examples.spacy_categories().model, tmp_path / "model")
        with pytest.raises(InvalidParameter, match="one column, the texts, not of 2"):
            runlog.pyfunc.load_model(tmp_path / "model").predict(table()[0])


def test_a_catboost_model_is_one_of_four(tmp_path):
    runlog.catboost.save_model(examples.catboost_regressor().model, tmp_path / "model")
    text = (tmp_path / "model" / "MLmodel").read_text()
    (tmp_path / "model" / "MLmodel").write_text(text.replace("CatBoostRegressor", "Pool"))
    with pytest.raises(RunlogError, match="'Pool' is no model of CatBoost"):
        runlog.catboost.load_model(tmp_path / "model")
