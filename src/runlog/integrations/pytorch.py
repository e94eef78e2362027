"""A helper for training loops of PyTorch that are written by hand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import torch

from runlog import artifacts, fluent
from runlog.integrations.target import Target

Batch = TypeVar("Batch")
CHECKPOINTS = "checkpoints"


class TrainingLoop:
    """Log a loop's metrics without slowing it down, and write checkpoints to go on from.

        with TrainingLoop(model=model, optimizer=optimizer, params={"lr": 0.1}) as loop:
            for epoch in loop.epochs(10):
                for x, y in loop.batches(loader):
                    loss = criterion(model(x), y)
                    ...
                    loop.log(loss=loss)
                loop.log_epoch(accuracy=evaluate(model))

    `log` adds up values on their device, without waiting for it, and logs their means after every
    `log_every` batches and, as `epoch_...`, after each pass over the batches, with the learning
    rate. After each epoch the state of what is named (`model=model`, anything with a state_dict)
    is logged as checkpoints/epoch-<number>.pt, of every `checkpoint_every` epochs; 0 logs none.

    - `run_id`: the run to log to. If it has checkpoints, the loop goes on after the last one. By
      default it is the active run, or else a new one, which ends with the block.
    - `experiment_name`, `run_name`, `tags`, `params`: of the run.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        log_every: int = 50,
        checkpoint_every: int = 1,
        **states: Any,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._states, self._params = states, params or {}
        self._log_every, self._checkpoint_every = log_every, checkpoint_every
        self._recent, self._epoch_means = _Means(), _Means()
        self.epoch = self.step = 0

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def __enter__(self) -> TrainingLoop:
        self._target.log_params(self._params)
        self._restore()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._target.end(error=error)

    def epochs(self, number: int) -> Iterator[int]:
        """Yield the epochs from 0, or from where the checkpoints ended, to `number` - 1."""
        while self.epoch < number:
            yield self.epoch
            self.epoch += 1
            every = self._checkpoint_every
            if every and self._states and (self.epoch % every == 0 or self.epoch == number):
                self.checkpoint()

    def batches(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield the batches and count them as steps."""
        for batch in batches:
            yield batch
            self.step += 1
            if self.step % self._log_every == 0:
                self._target.log_metrics(self._recent.taken(), self.step)
        means = self._epoch_means.taken()
        for name, state in self._states.items():
            for group in getattr(state, "param_groups", ())[:1]:
                means[f"{name}_learning_rate"] = group["lr"]
        self._target.log_metrics(self._recent.taken(), self.step)
        self._target.log_metrics(means, self.epoch, "epoch_")

    def log(self, **values: Any) -> None:
        """Add values of this batch to their means: numbers or tensors of one element."""
        for means in (self._recent, self._epoch_means):
            means.add(values)

    def log_epoch(self, **values: Any) -> None:
        """Log values of this epoch at once."""
        self._target.log_metrics(values, self.epoch)

    def checkpoint(self) -> None:
        """Log the states as a checkpoint."""
        states = {name: state.state_dict() for name, state in self._states.items()}
        with tempfile.TemporaryDirectory(prefix="runlog-checkpoint-") as folder:
            path = os.path.join(folder, f"epoch-{self.epoch}.pt")
            torch.save({"epoch": self.epoch, "step": self.step, "states": states}, path)
            fluent.log_artifact(path, CHECKPOINTS, run_id=self.run_id)

    def _restore(self) -> None:
        uri = f"runs:/{self.run_id}/{CHECKPOINTS}"
        names = [os.path.basename(each.path) for each in artifacts.list_artifacts(uri)]
        numbers = [int(name[6:-3]) for name in names if name.startswith("epoch-")]
        if not numbers or not self._states:
            return
        with tempfile.TemporaryDirectory(prefix="runlog-checkpoint-") as folder:
            path = artifacts.download_artifacts(f"{uri}/epoch-{max(numbers)}.pt", dst_path=folder)
            found = torch.load(path, weights_only=True, map_location="cpu")
        for name, state in self._states.items():
            state.load_state_dict(found["states"][name])
        self.epoch, self.step = found["epoch"], found["step"]


class _Means:
    """Sums of values on their device, and how many there were."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            number = value.detach() if isinstance(value, torch.Tensor) else value
            self._sums[name] = self._sums[name] + number if name in self._sums else number
            self._counts[name] = self._counts.get(name, 0) + 1

    def taken(self) -> dict[str, float]:
        """The means since the last time."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means
