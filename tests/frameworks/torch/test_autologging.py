"""Automatic logging of PyTorch Lightning and transformers."""

from __future__ import annotations

import pytest

import runlog
from frameworks.compared import compared

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def off_again():
    yield
    runlog.autolog(disable=True)


def runs():
    return runlog.search_runs(output_format="list")


def files(run, path=None):
    client = runlog.RunlogClient()
    return {each.path for each in client.list_artifacts(run.info.run_id, path)}


NET = """
import torch
import pytorch_lightning as pl
class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
    def forward(self, x):
        return self.layer(x)
    def training_step(self, batch, index):
        loss = ((self(batch[0]) - batch[1]) ** 2).mean()
        self.log("train_loss", loss)
        return loss
    def validation_step(self, batch, index):
        self.log("val_loss", ((self(batch[0]) - batch[1]) ** 2).mean())
    test_step = validation_step
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def fitted(**options):
    pl.seed_everything(0, verbose=False)
    x = torch.rand(32, 4)
    rows = torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True))
    loader = torch.utils.data.DataLoader(rows, batch_size=8)
    trainer = pl.Trainer(max_epochs=4, enable_progress_bar=False, logger=False,
        enable_model_summary=False, accelerator="cpu", **options)
    net = Net()
    trainer.fit(net, loader, loader)
    return trainer, net, loader
"""
PROGRAM = f"""
{NET}
if sys.argv[1] == "mlflow":
    import mlflow.pytorch
    tracker.pytorch.autolog(log_models=False)
else:
    tracker.autolog(log_models=False)

@training
def net():
    stopping = pl.callbacks.EarlyStopping("val_loss", patience=2)
    trainer, net, loader = fitted(callbacks=[stopping])
    trainer.test(net, loader, verbose=False)
"""


def test_keys_and_values_are_those_of_mlflow(place):
    ours, theirs = compared(PROGRAM)
    (mine,), (logged,) = ours.values(), theirs.values()
    assert mine["params"] == logged["params"]
    assert mine["metrics"] == pytest.approx(logged["metrics"])
    assert mine["points"] == logged["points"]
    assert mine["tags"] == logged["tags"]


@pytest.fixture
def net():
    names = {}
    exec(NET, names)
    return names["fitted"]


def test_a_lightning_fit_is_logged_with_its_model(net):
    runlog.autolog()
    trainer, module, _ = net()
    assert not any(type(each).__module__.startswith("runlog") for each in trainer.callbacks)
    (run,) = runs()
    assert run.data.params["optimizer_name"] == "SGD"
    assert "model_summary.txt" in files(run)
    assert "checkpoints/latest_checkpoint.pth" in files(run, "checkpoints")
    (logged,) = runlog.search_logged_models(output_format="list")
    assert {metric.key for metric in logged.metrics} == {"train_loss", "val_loss"}
    loaded = runlog.pytorch.load_model(f"models:/{logged.model_id}")
    rows = torch.rand(2, 4)
    assert torch.equal(loaded(rows), module(rows))
    signature = runlog.models.get_model_info(f"models:/{logged.model_id}").signature
    assert signature.inputs.inputs[0].shape == (-1, 4)


def test_steps_are_logged_if_asked_for(net):
    runlog.pytorch.autolog(log_models=False, log_every_n_step=2, checkpoint=False)
    net()
    (run,) = runs()
    steps = runlog.metric_history(run, "train_loss").steps.tolist()
    assert len(steps) == 8
    assert "checkpoints" not in files(run)


def test_random_numbers_and_weights_are_those_without_logging(net):
    weights = net()[1].layer.weight.detach(), torch.rand(3)
    runlog.autolog(log_models=False)
    logged = net()[1].layer.weight.detach(), torch.rand(3)
    assert all(torch.equal(one, other) for one, other in zip(weights, logged, strict=True))


@pytest.fixture
def trainer(place):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=2,
    )
    torch.manual_seed(0)
    rows = [{"input_ids": [1, 2, 3 + at % 5], "labels": at % 2} for at in range(16)]
    arguments = transformers.TrainingArguments(
        str(place / "out"),
        max_steps=4,
        logging_steps=2,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
    )
    return transformers.Trainer(
        transformers.BertForSequenceClassification(config), arguments, train_dataset=rows
    )


def test_a_trainer_is_logged(trainer):
    runlog.autolog()
    trainer.train()
    (run,) = runs()
    assert run.data.params["hidden_size"] == "8"
    assert run.data.params["max_steps"] == "4"
    assert runlog.metric_history(run, "loss").steps.tolist() == [2, 4]
    assert "train_runtime" in run.data.metrics
    callbacks = trainer.callback_handler.callbacks
    assert not any(type(each).__module__.startswith("runlog") for each in callbacks)
    assert run.info.status == "FINISHED"


def test_a_trainer_with_a_callback_for_mlflow_is_left_to_it(trainer):
    runlog.autolog()

    class MLflowCallback(type(trainer.callback_handler.callbacks[0])):
        pass

    trainer.add_callback(MLflowCallback())
    trainer.train()
    assert runs() == []
