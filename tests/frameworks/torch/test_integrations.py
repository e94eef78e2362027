"""Loggers for Lightning, transformers, accelerate, Ignite, Ray Tune and plain loops, with the real
frameworks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import runlog
from processes import LONG
from runlog.integrations.accelerate import RunlogTracker
from runlog.integrations.ignite import RunlogLogger as IgniteLogger
from runlog.integrations.lightning import RunlogLogger
from runlog.integrations.pytorch import TrainingLoop
from runlog.integrations.transformers import RunlogCallback

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
Y = (X[:, :1] > 0).float()


def history(run_id: str, name: str) -> list[tuple[int, float]]:
    points = runlog.RunlogClient().get_metric_history(run_id, name)
    return [(point.step, point.value) for point in points]


def batches() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)


# -- Lightning ------------------------------------------------------------------------------------

import lightning  # noqa: E402


class Linear(lightning.LightningModule):
    def __init__(self, rate: float = 0.1, fails: bool = False) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch, number):
        if self.hparams.fails:
            raise RuntimeError("this step fails")
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, number):
        self.log("val loss (mse)", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    test_step = validation_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.rate)


def trainer(logger: RunlogLogger, **more: object) -> lightning.Trainer:
    return lightning.Trainer(
        logger=logger, max_epochs=2, accelerator="cpu", log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, **more,
    )  # fmt: skip


def test_lightning(place):
    logger = RunlogLogger("e", run_name="l", tags={"a": "b"}, prefix="x")
    fit = trainer(logger, enable_checkpointing=False)
    fit.fit(Linear(), batches(), batches())
    run = runlog.get_run(logger.run_id)
    assert (run.info.status, run.info.run_name, run.data.tags["a"]) == ("FINISHED", "l", "b")
    assert (logger.name, logger.version) == ("e", run.info.run_id)
    assert run.data.params == {"rate": "0.1", "fails": "False"}
    assert [step for step, _ in history(logger.run_id, "x/loss")] == [*range(8)]
    assert len(history(logger.run_id, "x/val loss _mse_")) == 2
    fit.test(Linear(), batches(), verbose=False)
    assert len(history(logger.run_id, "x/val loss _mse_")) == 3
    assert runlog.get_run(logger.run_id).info.status == "FINISHED"
    assert isinstance(logger.experiment, runlog.RunlogClient)


@pytest.mark.parametrize("which", [True, "all"])
def test_checkpoints_of_lightning(place, which):
    logger = RunlogLogger(log_model=which)
    keeps = lightning.pytorch.callbacks.ModelCheckpoint(
        dirpath=place / "kept", monitor="loss", save_top_k=1, save_last=True
    )
    trainer(logger, callbacks=[keeps]).fit(Linear(), batches())
    run = runlog.get_run(logger.run_id)
    found = runlog.artifacts.list_artifacts(f"runs:/{logger.run_id}/checkpoints")
    names = {Path(each.path).name for each in found}
    assert {"last.ckpt", Path(keeps.best_model_path).name} <= names
    best = runlog.artifacts.download_artifacts(
        f"runs:/{logger.run_id}/{run.data.tags['checkpoints.best']}"
    )
    assert torch.load(best, weights_only=False)["epoch"] in (0, 1)
    assert run.data.metrics["best_loss"] == pytest.approx(float(keeps.best_model_score))


def test_a_lightning_run_that_fails(place):
    logger = RunlogLogger()
    with pytest.raises(RuntimeError, match="this step fails"):
        trainer(logger, enable_checkpointing=False).fit(Linear(fails=True), batches())
    run = runlog.get_run(logger.run_id)
    assert run.info.status == "FAILED" and "this step fails" in run.data.tags["runlog.traceback"]


def test_lightning_fabric(place):
    logger = RunlogLogger()
    fabric = lightning.Fabric(accelerator="cpu", loggers=[logger])
    fabric.log_dict({"loss": torch.tensor(0.5)}, step=3)
    fabric.logger.finalize("success")
    assert history(logger.run_id, "loss") == [(3, 0.5)]


@pytest.mark.parametrize("name", ["lightning_digits.py"])
def test_the_example(place, name):
    example = Path(__file__).parents[3] / "examples" / name
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=LONG * 3
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    (run,) = runlog.search_runs(search_all_experiments=True, output_format="list")
    assert run.info.status == "FINISHED" and run.data.metrics["test_accuracy"] > 0.8


# -- transformers and accelerate ------------------------------------------------------------------


def tiny() -> tuple[object, list[dict[str, object]]]:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16,
    )  # fmt: skip
    data = [{"input_ids": [1, 2, 3 + n % 5], "labels": n % 2} for n in range(16)]
    return BertForSequenceClassification(config), data


def test_transformers(place):
    from transformers import Trainer, TrainingArguments

    model, data = tiny()
    arguments = TrainingArguments(
        output_dir=str(place / "out"), max_steps=4, logging_steps=2, save_steps=4, report_to="none",
        use_cpu=True, disable_tqdm=True, per_device_train_batch_size=4, run_name="t",
    )  # fmt: skip
    callback = RunlogCallback(log_checkpoints=True, experiment_name="bert")
    fit = Trainer(
        model=model, args=arguments, train_dataset=data, eval_dataset=data, callbacks=[callback]
    )
    fit.train()
    run = runlog.get_run(callback.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "t")
    assert run.data.params["hidden_size"] == "8" and run.data.params["max_steps"] == "4"
    assert [step for step, _ in history(callback.run_id, "loss")] == [2, 4]
    logged = {entry["step"]: entry["loss"] for entry in fit.state.log_history if "loss" in entry}
    assert history(callback.run_id, "loss") == [*logged.items()]
    uri = f"runs:/{callback.run_id}/checkpoints/checkpoint-4"
    names = [Path(each.path).name for each in runlog.artifacts.list_artifacts(uri)]
    assert "model.safetensors" in names
    fit.evaluate()
    assert "eval_loss" in runlog.get_run(callback.run_id).data.metrics


def test_accelerate(place):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, log_with=RunlogTracker(run_name="a"))
    accelerator.init_trackers("project", config={"lr": 0.1, "nested": {"a": 1}})
    layer = torch.nn.Linear(4, 1)
    layer, loader = accelerator.prepare(layer, batches())
    for step, (x, y) in enumerate(loader):
        loss = torch.nn.functional.mse_loss(layer(x), y)
        accelerator.log({"loss": loss, "phase": "train"}, step=step)
    run_id = accelerator.get_tracker("runlog", unwrap=True).info.run_id
    (place / "notes.txt").write_text("a")
    accelerator.get_tracker("runlog").log_artifact(str(place / "notes.txt"))
    accelerator.end_training()
    run = runlog.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "a")
    assert run.data.params == {"lr": "0.1", "nested.a": "1"}
    assert [step for step, _ in history(run_id, "loss")] == [0, 1, 2, 3]
    assert run.data.tags["phase"] == "train"
    assert runlog.artifacts.load_text(f"runs:/{run_id}/notes.txt") == "a"


# -- Ignite ---------------------------------------------------------------------------------------


def test_ignite():
    from ignite.engine import Engine, Events
    from ignite.metrics import Average

    layer = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step(engine, batch):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss.item()

    engine = Engine(step)
    Average().attach(engine, "mean")
    with IgniteLogger(run_name="i") as logger:
        logger.log_params({"lr": 0.1})
        logger.attach_output_handler(
            engine, Events.ITERATION_COMPLETED, tag="train", output_transform=lambda loss: loss
        )
        logger.attach_output_handler(
            engine, Events.EPOCH_COMPLETED, tag="epoch", metric_names=["mean"]
        )
        logger.attach_opt_params_handler(engine, Events.EPOCH_STARTED, optimizer=optimizer)
        engine.run(batches(), max_epochs=2)
    run = runlog.get_run(logger.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"lr": "0.1"})
    assert [step for step, _ in history(logger.run_id, "train/output")] == [*range(1, 9)]
    assert [step for step, _ in history(logger.run_id, "epoch/mean")] == [1, 2]
    assert history(logger.run_id, "lr/group_0") == [(1, 0.1), (2, 0.1)]


# -- Ray Tune -------------------------------------------------------------------------------------

RAY = """
import ray
from ray import tune
from ray.tune import RunConfig, Tuner
from runlog.integrations.ray import RunlogCallback

def trainable(config):
    for step in range(3):
        tune.report({"loss": config["lr"] * step, "nested": {"a": step}})
    if config["lr"] == 3:
        raise RuntimeError("a trial fails")

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
callback = RunlogCallback(run_name="tuned")
tuner = Tuner(
    trainable,
    param_space={"lr": tune.grid_search([1, 2, 3])},
    run_config=RunConfig(callbacks=[callback], storage_path=STORAGE, verbose=0),
)
tuner.fit()
print(callback.run_id)
ray.shutdown()
"""


def test_ray_tune(place):
    program = RAY.replace("STORAGE", repr(str(place / "ray")))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=LONG * 5
    )
    assert done.returncode == 0, done.stderr
    parent = runlog.get_run(done.stdout.split()[-1])
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "tuned")
    trials = runlog.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list"
    )
    found = {run.data.params["lr"]: run for run in trials}
    assert {lr: run.info.status for lr, run in found.items()} == {
        "1": "FINISHED", "2": "FINISHED", "3": "FAILED",
    }  # fmt: skip
    assert history(found["2"].info.run_id, "loss") == [(1, 0), (2, 2), (3, 4)]
    assert found["2"].data.metrics["nested.a"] == 2


# -- loops ----------------------------------------------------------------------------------------


def run_loop(epochs: int, run_id: str | None = None) -> tuple[TrainingLoop, list[int]]:
    layer = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    seen = []
    with TrainingLoop(
        run_id, params={"lr": 0.1}, log_every=3, model=layer, optimizer=optimizer
    ) as loop:
        for epoch in loop.epochs(epochs):
            seen.append(epoch)
            for x, y in loop.batches(batches()):
                loss = torch.nn.functional.mse_loss(layer(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loop.log(loss=loss, one=1)
            loop.log_epoch(accuracy=0.5)
    return loop, seen


def test_a_loop_logs_means_and_goes_on_from_its_checkpoints():
    loop, seen = run_loop(2)
    assert seen == [0, 1]
    run = runlog.get_run(loop.run_id)
    assert (run.info.status, run.data.params) == ("FINISHED", {"lr": "0.1"})
    assert [step for step, _ in history(loop.run_id, "loss")] == [3, 4, 6, 8]
    assert {value for _, value in history(loop.run_id, "one")} == {1.0}
    assert [step for step, _ in history(loop.run_id, "epoch_loss")] == [0, 1]
    assert run.data.metrics["epoch_optimizer_learning_rate"] == 0.1
    uri = f"runs:/{loop.run_id}/checkpoints"
    files = runlog.artifacts.list_artifacts(uri)
    assert [Path(each.path).name for each in files] == ["epoch-1.pt", "epoch-2.pt"]
    again, seen = run_loop(3, loop.run_id)
    assert seen == [2] and again.step == 12
    assert [step for step, _ in history(loop.run_id, "epoch_loss")] == [0, 1, 2]


def test_a_loop_that_fails_is_a_failed_run():
    loop = TrainingLoop(checkpoint_every=0)
    with pytest.raises(RuntimeError), loop:
        raise RuntimeError("no")
    assert runlog.get_run(loop.run_id).info.status == "FAILED"
