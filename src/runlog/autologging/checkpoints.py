"""Checkpoints during a training, as artifacts with MLflow's names."""

from __future__ import annotations

import os
import tempfile

from runlog.errors import InvalidParameter
from runlog.models.checkpoints import FOLDER, LATEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from runlog.autologging.runs import RunLog

WEIGHTS = ".weights"


class Checkpoints:
    """Log a checkpoint when it is time, or better than the last.

    `options` are those of `autolog` that begin with `checkpoint_`. `save(path, weights_only)`
    writes the file, whose name ends with `suffix`. Raises InvalidParameter for options that are
    none.
    """

    def __init__(
        self, run: RunLog, options: Mapping[str, Any], suffix: str, save: Callable[[str, bool], Any]
    ) -> None:
        self._run, self._save = run, save
        self._monitor, self._mode = options["checkpoint_monitor"], options["checkpoint_mode"]
        self._best_only = options["checkpoint_save_best_only"]
        self._weights_only = options["checkpoint_save_weights_only"]
        self._every = options["checkpoint_save_freq"]
        self._suffix = (WEIGHTS if self._weights_only else "") + suffix
        self._best: float | None = None
        if self._mode not in ("min", "max"):
            raise InvalidParameter(f"checkpoint_mode is {self._mode!r}: it must be 'min' or 'max'")

    def at_epoch_end(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Log a checkpoint if that is done each epoch."""
        if self._every == "epoch":
            self._log_if_best(epoch, step, metrics)

    def at_step_end(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Log a checkpoint if that is done after so many steps."""
        if isinstance(self._every, int) and step > 0 and step % self._every == 0:
            self._log_if_best(epoch, step, metrics)

    def _log_if_best(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        if self._best_only and not self._is_best(metrics):
            return
        latest = "latest_" if self._best_only else ""
        sub = f"epoch_{epoch}" if self._every == "epoch" else f"global_step_{step}"
        folder = FOLDER if self._best_only else f"{FOLDER}/{sub}"
        name = f"{latest}checkpoint{self._suffix}"
        run, client = self._run, self._run.client
        run.set_tags({LATEST: f"{folder}/{name}"})
        known = {**metrics, "epoch": epoch, "global_step": step}
        client.log_dict(run.run_id, known, f"{folder}/{latest}checkpoint_metrics.json")
        with tempfile.TemporaryDirectory(prefix="runlog-") as temporary:
            path = os.path.join(temporary, name)
            self._save(path, self._weights_only)
            client.log_artifact(run.run_id, path, folder)

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        value = metrics.get(self._monitor)
        if value is None:
            return False
        if self._best is not None and not (
            value < self._best if self._mode == "min" else value > self._best
        ):
            return False
        self._best = value
        return True
