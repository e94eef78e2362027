"""Train a PyTorch network with a checkpoint after every epoch, and go on after an interruption.

The first half of the training is "interrupted". The second half finds the run, loads its latest
checkpoint, and goes on in the same run. At the end the best checkpoint becomes a model, which
is loaded again and predicts. Everything goes to `runlog.db` in the current directory.

    pip install torch
    python examples/pytorch_checkpoints.py
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import runlog

EXPERIMENT = "spirals"
EPOCHS = 12


def spirals(points: int, seed: int) -> TensorDataset:
    """Two spirals in each other: positions, and which spiral a position belongs to."""
    random = torch.Generator().manual_seed(seed)
    which = torch.randint(0, 2, (points,), generator=random)
    turn = torch.rand(points, generator=random).sqrt() * 2 * math.pi
    angle = turn + which * math.pi
    position = torch.stack([turn * angle.cos(), turn * angle.sin()], dim=1) / math.pi
    return TensorDataset(position + 0.05 * torch.randn(points, 2, generator=random), which)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2)
    )


def train(epochs: range, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Train in the active run, with metrics and a checkpoint after every epoch."""
    batches = DataLoader(spirals(2000, seed=1), batch_size=50, shuffle=True)
    positions, labels = spirals(1000, seed=2).tensors
    for epoch in epochs:
        for batch, targets in batches:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), targets)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (model(positions).argmax(dim=1) == labels).float().mean().item()
        runlog.log_metrics({"loss": loss.item(), "val_accuracy": accuracy}, step=epoch)
        checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        runlog.pytorch.log_state_dict({**checkpoint, "epoch": epoch}, f"checkpoints/{epoch}")


def first_half() -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with runlog.start_run(run_name="with checkpoints"):
        runlog.log_params({"optimizer": "Adam", "lr": 0.01, "epochs": EPOCHS})
        train(range(EPOCHS // 2), model, optimizer)


def second_half() -> str:
    """Go on where the newest run of the experiment ended; return its id."""
    run = runlog.search_runs(
        experiment_names=[EXPERIMENT], order_by=["start_time DESC"], output_format="list"
    )[0]
    done = runlog.metric_history(run.info.run_id, "loss").steps.max()
    checkpoint = runlog.pytorch.load_state_dict(f"runs:/{run.info.run_id}/checkpoints/{done}")
    print(f"goes on after epoch {checkpoint['epoch']} of run {run.info.run_id}")

    model = network()
    model.load_state_dict(checkpoint["model"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    optimizer.load_state_dict(checkpoint["optimizer"])
    with runlog.start_run(run_id=run.info.run_id):
        train(range(done + 1, EPOCHS), model, optimizer)
    return run.info.run_id


def best_model(run_id: str) -> str:
    """Log the network of the epoch with the highest accuracy; return the URI of the model."""
    history = runlog.metric_history(run_id, "val_accuracy")
    best = history.values.argmax()
    epoch = history.steps[best]
    checkpoint = runlog.pytorch.load_state_dict(f"runs:/{run_id}/checkpoints/{epoch}")
    model = network()
    model.load_state_dict(checkpoint["model"])
    with runlog.start_run(run_id=run_id):
        example = spirals(5, seed=3).tensors[0].numpy()
        logged = runlog.pytorch.log_model(model, name="spirals", input_example=example)
    print(f"best epoch: {epoch}, accuracy {history.values[best]:.3f}")
    return logged.model_uri


def main() -> None:
    torch.manual_seed(0)
    runlog.set_experiment(EXPERIMENT)
    first_half()
    uri = best_model(second_half())

    positions, labels = spirals(1000, seed=4).tensors
    predicted = runlog.pyfunc.load_model(uri).predict(positions.numpy()).argmax(axis=1)
    print(f"accuracy on points it has never seen: {(predicted == labels.numpy()).mean():.3f}")


if __name__ == "__main__":
    main()
