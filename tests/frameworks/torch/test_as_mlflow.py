"""Frameworks that log to MLflow, without it: `mlflow` is runlog. Each program is read back."""

from __future__ import annotations

import pytest

import runlog
from frameworks.aliased import logged, run
from frameworks.environments import with_more

MODEL = """
import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.rand(64, 4)
y = x.sum(1, keepdim=True)
data = DataLoader(TensorDataset(x, y), batch_size=16)
net = torch.nn.Linear(4, 1)
"""


def test_lightning(place):
    run(
        MODEL
        + """
import lightning
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger

class Module(lightning.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.save_hyperparameters()
        self.net = net
    def training_step(self, batch, _):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log("train_loss", loss, on_step=True)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

logger = MLFlowLogger(
    experiment_name="lightning", run_name="fit", tracking_uri="tracked.db", log_model="all",
    tags={"team": "vision"})
trainer = lightning.Trainer(
    max_epochs=2, logger=logger, log_every_n_steps=1, accelerator="cpu",
    enable_progress_bar=False, enable_model_summary=False,
    callbacks=[ModelCheckpoint(monitor="train_loss")])
trainer.fit(Module(), data)
"""
    )
    (found,) = logged("tracked.db")
    assert found.info.run_name == "fit" and found.info.status == "FINISHED"
    assert found.data.params["width"] == "4"
    assert found.data.tags["team"] == "vision"
    history = runlog.metric_history(found, "train_loss")
    assert history.steps.tolist() == list(range(8))
    assert runlog.get_experiment(found.info.experiment_id).name == "lightning"
    files = [each.path for each in runlog.artifacts.list_artifacts(run_id=found.info.run_id)]
    assert files == ["epoch=0-step=4", "epoch=1-step=8"]


def test_lightning_into_its_default_folder(place):
    run(
        """
from lightning.pytorch.loggers import MLFlowLogger

logger = MLFlowLogger(experiment_name="default")
logger.log_hyperparams({"lr": 0.1})
logger.log_metrics({"loss": 0.5}, step=3)
logger.finalize("success")
"""
    )
    (found,) = logged("mlruns")
    assert (place / "mlruns" / "runlog.db").is_file()
    assert (found.data.params, found.data.metrics) == ({"lr": "0.1"}, {"loss": 0.5})
    assert found.info.status == "FINISHED"


def test_transformers(place):
    run(
        """
import torch
from transformers import (
    BertConfig, BertForSequenceClassification, Trainer, TrainingArguments)

model = BertForSequenceClassification(BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=8, max_position_embeddings=16))
rows = [{"input_ids": torch.arange(8), "labels": torch.tensor(i % 2)} for i in range(8)]
arguments = TrainingArguments(
    "out", report_to="mlflow", run_name="fine-tuning", max_steps=4, logging_steps=1,
    per_device_train_batch_size=2, disable_tqdm=True, use_cpu=True, save_strategy="no")
Trainer(model, arguments, train_dataset=rows).train()
mlflow.end_run()
"""
    )
    (found,) = logged()
    assert found.info.run_name == "fine-tuning" and found.info.status == "FINISHED"
    assert found.data.params["hidden_size"] == "8"
    assert runlog.metric_history(found, "loss").steps.tolist() == [1, 2, 3, 4]


def test_accelerate(place):
    run(
        """
from accelerate import Accelerator

accelerator = Accelerator(log_with="mlflow", project_dir=".", cpu=True)
accelerator.init_trackers("accelerated", config={"lr": 0.1, "text": "x" * 7000},
                          init_kwargs={"mlflow": {"run_name": "one"}})
for step in range(3):
    accelerator.log({"loss": 1 / (step + 1), "note": "not a number"}, step=step)
accelerator.end_training()
"""
    )
    (found,) = logged("." if (place / "runlog.db").is_file() else str(place))
    assert runlog.get_experiment(found.info.experiment_id).name == "accelerated"
    assert found.info.run_name == "one" and found.info.status == "FINISHED"
    assert found.data.params["lr"] == "0.1" and "text" not in found.data.params
    assert runlog.metric_history(found, "loss").values.tolist() == [1, 0.5, 1 / 3]


def test_ignite(place):
    run(
        MODEL
        + """
from ignite.engine import Events, create_supervised_trainer
from ignite.handlers.mlflow_logger import MLflowLogger, OptimizerParamsHandler

optimizer = torch.optim.SGD(net.parameters(), 0.1)
trainer = create_supervised_trainer(net, optimizer, torch.nn.functional.mse_loss)
logger = MLflowLogger(tracking_uri="ignited.db")
logger.log_params({"lr": 0.1})
logger.attach_output_handler(
    trainer, event_name=Events.ITERATION_COMPLETED, tag="training",
    output_transform=lambda loss: {"loss": loss})
logger.attach(trainer, OptimizerParamsHandler(optimizer), Events.EPOCH_COMPLETED)
trainer.run(data, max_epochs=2)
logger.close()
"""
    )
    (found,) = logged("ignited.db")
    assert found.data.params["lr"] == "0.1" and found.info.status == "FINISHED"
    assert runlog.metric_history(found, "training loss").steps.tolist() == list(range(1, 9))


@pytest.mark.parametrize("way", ["callback", "setup"])
def test_ray(place, way):
    program = """
import os
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback, setup_mlflow

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
uri = os.path.abspath("tuned.db")
mlflow.set_tracking_uri(uri)
mlflow.create_experiment("tuned")

def train(config):
    if WAY == "setup":
        tracked = setup_mlflow(config, tracking_uri=uri, experiment_name="tuned")
        for step in range(3):
            tracked.log_metric("score", config["lr"] * step, step=step)
        tracked.end_run()
    for step in range(3):
        tune.report({"score": config["lr"] * step})

callback = MLflowLoggerCallback(
    tracking_uri=uri, experiment_name="tuned", tags={"study": "first"}, save_artifact=True)
tuner = tune.Tuner(
    train, param_space={"lr": tune.grid_search([0.1, 0.2])},
    run_config=tune.RunConfig(
        storage_path=os.path.abspath("results"), verbose=0,
        callbacks=[callback] if WAY == "callback" else []))
results = tuner.fit()
assert not results.errors, results.errors
ray.shutdown()
"""
    run(program.replace("WAY", repr(way)))
    found = logged("tuned.db")
    assert sorted(each.data.params["lr"] for each in found) == ["0.1", "0.2"]
    assert {each.info.status for each in found} == {"FINISHED"}
    for each in found:
        lr = float(each.data.params["lr"])
        assert sorted(runlog.metric_history(each, "score").values) == [0, lr, 2 * lr]
    if way == "callback":
        assert {each.data.tags["study"] for each in found} == {"first"}


def test_skorch(place):
    run(
        MODEL
        + """
import numpy
from skorch import NeuralNetRegressor
from skorch.callbacks import MlflowLogger

with mlflow.start_run():
    model = NeuralNetRegressor(
        torch.nn.Linear, module__in_features=4, module__out_features=1, max_epochs=3, verbose=0,
        callbacks=[MlflowLogger()])
    model.fit(x.numpy().astype(numpy.float32), y.numpy().astype(numpy.float32))
""",
        **with_more("skorch"),
    )
    (found,) = logged()
    assert runlog.metric_history(found, "train_loss").steps.tolist() == [1, 2, 3]
    assert found.info.status == "FINISHED"


def test_mlflow_callback_of_ultralytics(place):
    """Its functions, with a trainer of plain values: the packages of torchvision on PyPI are for
    CUDA, so nothing can be trained here. The callback reads this test's name."""
    run(
        """
from pathlib import Path
from types import SimpleNamespace
from ultralytics.utils import IterableSimpleNamespace
from ultralytics.utils.callbacks.mlflow import callbacks

Path("run/weights").mkdir(parents=True)
Path("run/weights/best.pt").write_text("weights")
Path("run/results.csv").write_text("epoch\\n0\\n")
trainer = SimpleNamespace(
    args=IterableSimpleNamespace(project="detection", name="yolo", epochs=2, lr0=0.01),
    epoch=0, lr={"lr/pg0": 0.1}, tloss=0.5, metrics={"metrics/mAP50(B)": 0.7},
    label_loss_items=lambda loss, prefix: {f"{prefix}/box_loss": loss},
    best=Path("run/weights/best.pt"), save_dir=Path("run"))
callbacks["on_pretrain_routine_end"](trainer)
for trainer.epoch in range(2):
    callbacks["on_train_epoch_end"](trainer)
    callbacks["on_fit_epoch_end"](trainer)
callbacks["on_train_end"](trainer)
""",
        **with_more("ultralytics"),
    )
    (found,) = logged()
    assert runlog.get_experiment(found.info.experiment_id).name == "detection"
    assert found.info.run_name == "yolo" and found.info.status == "FINISHED"
    assert found.data.params["lr0"] == "0.01"
    assert found.data.metrics == {
        "lr/pg0": 0.1, "metrics/mAP50B": 0.7, "train/box_loss": 0.5,
    }  # fmt: skip
    assert runlog.metric_history(found, "metrics/mAP50B").steps.tolist() == [0, 1]
    files = [each.path for each in runlog.artifacts.list_artifacts(run_id=found.info.run_id)]
    assert files == ["results.csv", "weights"]
