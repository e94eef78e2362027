"""A logger for PyTorch Lightning and Lightning Fabric."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from runlog import fluent
from runlog.client import RunlogClient
from runlog.integrations.target import Target

if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities import rank_zero_only
else:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities import rank_zero_only


class RunlogLogger(Logger):
    """Log metrics, hyperparameters and checkpoints of a Trainer to a run.

    - `run_id`: the run to log to; by default the active run, or else a new one, which ends with the
      Trainer's work.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    - `prefix`: of the names of metrics, before a slash.
    - `log_model`: True logs the checkpoints that are left at the end, below checkpoints/; "all"
      logs each when it is written.
    """

    LOGGER_JOIN_CHAR = "/"

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        prefix: str = "",
        log_model: bool | str = False,
    ) -> None:
        super().__init__()
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._prefix = f"{prefix}/" if prefix else ""
        self._log_model = log_model
        self._checkpoints: Any = None
        self._logged: dict[str, float] = {}  # checkpoints, and when they were written

    @property
    @rank_zero_experiment
    def experiment(self) -> RunlogClient:
        """The client; the run's id is `run_id`."""
        self._target.run_id  # noqa: B018  # starts it
        return RunlogClient()

    @property
    def run_id(self) -> str | None:
        """The id of the run; None in other processes than the first."""
        return None if rank_zero_only.rank > 0 else self._target.run_id

    @property
    def name(self) -> str | None:
        """The name of the experiment."""
        if self.run_id is None:
            return None
        experiment_id = fluent.get_run(self.run_id).info.experiment_id
        return fluent.get_experiment(experiment_id).name

    @property
    def version(self) -> str | None:
        """The id of the run."""
        return self.run_id

    @rank_zero_only
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *more: Any) -> None:
        """Log hyperparameters as params."""
        self._target.log_params(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics at a step."""
        self._target.log_metrics(metrics, step, self._prefix)

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Log the checkpoints that were written, if each is to be logged, or remember them."""
        self._checkpoints = checkpoint_callback
        if self._log_model == "all":
            self._log_checkpoints()

    def _log_checkpoints(self) -> None:
        callback = self._checkpoints
        scores = dict.fromkeys([callback.best_model_path, callback.last_model_path])
        for path in {**getattr(callback, "best_k_models", {}), **scores}:
            if not path or not os.path.exists(path):
                continue
            written = os.path.getmtime(path)
            if self._logged.get(path) != written:
                self._target.log_file(path, "checkpoints")
                self._logged[path] = written
        if callback.best_model_path:
            best = os.path.basename(callback.best_model_path)
            client = RunlogClient()
            client.set_tag(self._target.run_id, "checkpoints.best", f"checkpoints/{best}")
            if callback.best_model_score is not None:
                score = {f"best_{callback.monitor}": callback.best_model_score}
                self._target.log_metrics(score)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Log the checkpoints and end the run, if it was started here."""
        if self._checkpoints is not None and self._log_model is True:
            self._log_checkpoints()
        failed = sys.exc_info()[1]  # Lightning ends its loggers where it handles the exception
        self._target.end("FINISHED" if status in ("success", "finished") else "FAILED", failed)
