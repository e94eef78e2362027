"""The flavour `pytorch`, with the real torch."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import runlog
from frameworks.programs import program

BATCH = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype="float32")


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()


def output(model: Any, batch: np.ndarray = BATCH) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(batch)).numpy()


def test_a_logged_network_predicts_the_same(network):
    with runlog.start_run() as run:
        info = runlog.pytorch.log_model(network, "model")
    again = runlog.pytorch.load_model(f"runs:/{run.info.run_id}/model")
    assert not again.training
    np.testing.assert_array_equal(output(again), output(network))
    np.testing.assert_array_equal(
        runlog.pyfunc.load_model(info.model_uri).predict(BATCH), output(network)
    )


def test_mlmodel_says_what_mlflow_says(network, place):
    runlog.pytorch.save_model(network, "model", input_example=BATCH)
    model = runlog.models.Model.load("model")
    flavor = model.flavors["pytorch"]
    assert flavor == {"model_data": "data", "pytorch_version": torch.__version__, "code": None}
    pyfunc = model.flavors["python_function"]
    assert pyfunc["loader_module"] == "mlflow.pytorch"
    assert pyfunc["data"] == "data"
    assert pyfunc["config"] == {"device": None}
    assert pyfunc["pickle_module_name"] == "mlflow.pytorch.pickle_module"
    assert {path.name for path in Path("model/data").iterdir()} == {
        "model.pth",
        "pickle_module_info.txt",
    }
    assert [spec.shape for spec in model.signature.inputs] == [(-1, 3)]
    assert [spec.shape for spec in model.signature.outputs] == [(-1, 2)]
    requirements = Path("model/requirements.txt").read_text()
    version = str(torch.__version__).partition("+")[0]
    assert f"torch=={version}" in requirements
    assert "cloudpickle==" in requirements


@pytest.mark.parametrize("kind", ["table", "array", "tensor"])
def test_what_goes_in_comes_out(network, kind):
    runlog.pytorch.save_model(network, "model")
    model = runlog.pyfunc.load_model("model")
    if kind == "table":
        table = pd.DataFrame(BATCH.astype("float64"), columns=[*"abc"], index=[7, 9])
        predicted = model.predict(table)
        assert list(predicted.index) == [7, 9]
        np.testing.assert_array_equal(predicted.to_numpy(), output(network))
    elif kind == "array":
        np.testing.assert_array_equal(model.predict(BATCH), output(network))
    else:
        predicted = runlog.pytorch._load_pyfunc("model/data").predict(torch.from_numpy(BATCH))
        assert torch.equal(predicted, torch.from_numpy(output(network)))


def test_the_device_is_chosen_at_loading(network):
    runlog.pytorch.save_model(network, "model")
    model = runlog.pyfunc.load_model("model", model_config={"device": "cpu"})
    np.testing.assert_array_equal(model.predict(BATCH), output(network))
    wrapped = runlog.pytorch._load_pyfunc("model/data")
    with pytest.raises(runlog.RunlogError, match="model_config"):
        wrapped.predict(BATCH, params={"device": "cpu"})


def test_a_list_is_no_batch(network):
    runlog.pytorch.save_model(network, "model")
    with pytest.raises(TypeError, match="DataFrame, an array or a tensor, not from list"):
        runlog.pytorch._load_pyfunc("model/data").predict([[1.0, 2.0, 3.0]])


def test_a_class_that_no_module_has():
    class Twice(nn.Module):
        def forward(self, batch: torch.Tensor, plus: float = 0.0) -> torch.Tensor:
            return 2 * batch + plus

    runlog.pytorch.save_model(Twice(), "model")
    np.testing.assert_array_equal(runlog.pyfunc.load_model("model").predict(BATCH), 2 * BATCH)
    wrapped = runlog.pytorch._load_pyfunc("model/data")
    np.testing.assert_array_equal(wrapped.predict(BATCH, params={"plus": 1.0}), 2 * BATCH + 1)


def test_another_pickle_module(network):
    runlog.pytorch.save_model(network, "model", pickle_module=pickle)
    assert Path("model/data/pickle_module_info.txt").read_text() == "pickle"
    np.testing.assert_array_equal(output(runlog.pytorch.load_model("model")), output(network))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script(network):
    runlog.pytorch.save_model(torch.jit.script(network), "model")
    again = runlog.pytorch.load_model("model")
    assert isinstance(again, torch.jit.ScriptModule)
    np.testing.assert_array_equal(output(again), output(network))
    np.testing.assert_array_equal(runlog.pyfunc.load_model("model").predict(BATCH), output(network))


def test_only_networks_are_saved():
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        runlog.pytorch.save_model({"weight": torch.zeros(1)}, "model")


# Without pickles


@pytest.fixture
def no_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOG_ALLOW_PICKLE_DESERIALIZATION", "false")


def test_pickles_are_refused(network, no_pickles):
    runlog.pytorch.save_model(network, "model")
    with pytest.raises(runlog.RunlogError, match="serialization_format='pt2'"):
        runlog.pytorch.load_model("model")
    with pytest.raises(runlog.RunlogError, match="ALLOW_PICKLE_DESERIALIZATION"):
        runlog.pyfunc.load_model("model")


def test_an_exported_program_has_none(network, no_pickles):
    runlog.pytorch.save_model(network, "model", input_example=BATCH, serialization_format="pt2")
    assert [path.name for path in Path("model/data").iterdir()] == ["model.pt2"]
    more = np.vstack([BATCH, BATCH, BATCH])
    np.testing.assert_allclose(
        output(runlog.pytorch.load_model("model"), more), output(network, more), rtol=1e-6
    )
    np.testing.assert_allclose(
        runlog.pyfunc.load_model("model").predict(more), output(network, more), rtol=1e-6
    )


def test_an_exported_program_with_two_inputs():
    class Sum(nn.Module):
        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return first + second

    runlog.pytorch.save_model(
        Sum(), "model", input_example=[BATCH, torch.ones(2, 3)], serialization_format="pt2"
    )
    again = runlog.pytorch.load_model("model")
    assert torch.equal(again(torch.ones(5, 3), torch.ones(5, 3)), 2 * torch.ones(5, 3))
    assert [*runlog.models.Model.load("model").flavors] == ["pytorch"]


def test_an_exported_program_needs_an_example(network):
    with pytest.raises(runlog.RunlogError, match="input_example"):
        runlog.pytorch.save_model(network, "model", export_model=True)


def test_a_pickle_in_an_exported_program_is_refused(network, no_pickles, place):
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(place / "evil"),)

    runlog.pytorch.save_model(network, "model", input_example=BATCH, serialization_format="pt2")
    path = Path("model/data/model.pt2")
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    (inputs,) = [name for name in records if "sample_inputs" in name and name.endswith(".pt")]
    file = io.BytesIO()
    torch.save(Evil(), file)
    records[inputs] = file.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    with pytest.raises(runlog.RunlogError, match="not safe to load"):
        runlog.pytorch.load_model("model")
    assert not Path("evil").exists()


# State dicts


def test_a_state_dict(network):
    with runlog.start_run() as run:
        runlog.pytorch.log_state_dict(
            {"model": network.state_dict(), "epoch": 3}, artifact_path="checkpoints/3"
        )
        uri = runlog.get_artifact_uri("checkpoints/3")
    for again in (uri, f"runs:/{run.info.run_id}/checkpoints/3"):
        loaded = runlog.pytorch.load_state_dict(again)
        assert loaded["epoch"] == 3
        assert torch.equal(loaded["model"]["0.weight"], network.state_dict()["0.weight"])


def test_a_state_dict_as_safetensors(network, no_pickles):
    runlog.pytorch.save_state_dict(network.state_dict(), "weights", safetensors=True)
    assert [path.name for path in Path("weights").iterdir()] == ["state_dict.safetensors"]
    loaded = runlog.pytorch.load_state_dict("weights")
    assert all(torch.equal(loaded[key], value) for key, value in network.state_dict().items())


def test_safetensors_hold_tensors_only(network):
    with pytest.raises(runlog.RunlogError, match="epoch"):
        runlog.pytorch.save_state_dict({"epoch": 3}, "weights", safetensors=True)


def test_a_network_is_no_state_dict(network):
    with pytest.raises(TypeError, match=r"state_dict\(\)"):
        runlog.pytorch.save_state_dict(network, "weights")


def test_a_state_dict_that_runs_code_is_refused(network, place):
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(place / "evil"),)

    runlog.pytorch.save_state_dict({"model": Evil()}, "weights")
    with pytest.raises(pickle.UnpicklingError):
        runlog.pytorch.load_state_dict("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        with pytest.raises(runlog.RunlogError, match="weights_only"):
            runlog.pytorch.load_state_dict("weights", weights_only=False)
    assert not Path("evil").exists()


# What goes with a model


def test_files_beside_a_model(network, place):
    Path("labels.txt").write_text("cat\ndog\n")
    Path("wanted.txt").write_text("torch\n")
    Path("helpers").mkdir()
    Path("helpers/__init__.py").write_text("ANSWER = 42\n")
    runlog.pytorch.save_model(
        network,
        "model",
        extra_files=["labels.txt"],
        requirements_file="wanted.txt",
        code_paths=["helpers"],
    )
    flavor = runlog.models.Model.load("model").flavors["pytorch"]
    assert flavor["extra_files"] == [{"path": "extra_files/labels.txt"}]
    assert Path("model/extra_files/labels.txt").read_text() == "cat\ndog\n"
    assert Path("model/requirements.txt").read_text().strip() == "torch"
    assert flavor["code"] == "code"
    assert Path("model/code/helpers/__init__.py").exists()


# Lightning


def test_a_lightning_module_and_its_checkpoint(place):
    import lightning

    class Line(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.layer(batch)

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            return self(batch[0]).square().mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    module = Line()
    data = torch.utils.data.TensorDataset(torch.from_numpy(BATCH))
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=2))
    trainer.save_checkpoint("checkpoint.ckpt")
    with runlog.start_run() as run:
        runlog.log_artifact("checkpoint.ckpt", "checkpoints/epoch_0")
        runlog.set_tag("mlflow.latest_checkpoint_artifact", "checkpoints/epoch_0/checkpoint.ckpt")
        info = runlog.pytorch.log_model(module, name="line")
    np.testing.assert_array_equal(
        runlog.pyfunc.load_model(info.model_uri).predict(BATCH), output(module)
    )
    for choice in ({}, {"epoch": 0}):
        again = runlog.pytorch.load_checkpoint(Line, run.info.run_id, **choice)
        np.testing.assert_array_equal(output(again), output(module))
    with pytest.raises(runlog.RunlogError, match="epoch"):
        runlog.pytorch.load_checkpoint(Line, run.info.run_id, epoch=0, global_step=1)


# Both ways with the real MLflow

PROGRAM = """
import json, sys
import mlflow, numpy as np, torch
batch = np.array(json.loads(sys.argv[1]), dtype="float32")
native = mlflow.pytorch.load_model("ours")(torch.from_numpy(batch)).tolist()
general = mlflow.pyfunc.load_model("ours").predict(batch).tolist()
network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
given = {"input_example": batch, "pip_requirements": ["torch"]}
if mlflow.__version__ < "3":
    mlflow.pytorch.save_model(network, "theirs", **given)
else:
    mlflow.pytorch.save_model(network, "theirs", serialization_format="pickle", **given)
    mlflow.pytorch.save_model(network, "pt2", serialization_format="pt2", **given)
print(json.dumps([native, general, network(torch.from_numpy(batch)).tolist()]))
"""


@pytest.mark.parametrize("version", ["2", "3"])
def test_mlflow_loads_what_runlog_saved_and_the_other_way_round(network, version):
    runlog.pytorch.save_model(network, "ours", input_example=BATCH)
    native, general, theirs = program(version, PROGRAM, json.dumps(BATCH.tolist()))
    np.testing.assert_allclose(native, output(network), rtol=1e-6)
    np.testing.assert_allclose(general, output(network), rtol=1e-6)
    for folder in ["theirs", "pt2"][: int(version) - 1]:
        np.testing.assert_allclose(output(runlog.pytorch.load_model(folder)), theirs, rtol=1e-6)
        model = runlog.pyfunc.load_model(folder)
        np.testing.assert_allclose(model.predict(BATCH), theirs, rtol=1e-6)
