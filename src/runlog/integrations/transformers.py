"""A callback for the Trainer of transformers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback

from runlog.integrations.target import Target


class RunlogCallback(TrainerCallback):
    """Log what a Trainer logs, its arguments and the model's configuration.

    `Trainer(..., callbacks=[RunlogCallback()])`, with `report_to="none"`.

    - `run_id`: the run to log to; by default the active run, or else a new one, which ends with the
      training.
    - `experiment_name`, `run_name`, `tags`: of a new run. Its name is that of the arguments by
      default.
    - `log_checkpoints`: log each checkpoint's folder as artifacts, below checkpoints/.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        log_checkpoints: bool = False,
    ) -> None:
        self._run = run_id, experiment_name, run_name, tags
        self._log_checkpoints = log_checkpoints
        self._target: Target | None = None

    @property
    def run_id(self) -> str | None:
        """The id of the run, None before the training."""
        return None if self._target is None else self._target.run_id

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **more: Any
    ) -> None:
        """Log the arguments and the model's configuration as params."""
        if not state.is_world_process_zero:
            return
        run_id, experiment, name, tags = self._run
        if self._target is None or not self._target.is_own:
            self._target = Target(run_id, experiment, name or args.run_name, tags)
        config = getattr(model, "config", None)
        params = {**({} if config is None else config.to_dict()), **args.to_dict()}
        self._target.log_params(params)

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        logs: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Log numbers as metrics, at the training's step."""
        if state.is_world_process_zero and logs:
            if self._target is None:  # an evaluation without a training
                run_id, experiment, name, tags = self._run
                self._target = Target(run_id, experiment, name or args.run_name, tags)
            self._target.log_metrics(logs, state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Log the checkpoint that was written, if they are to be logged."""
        if state.is_world_process_zero and self._log_checkpoints and self._target is not None:
            name = f"checkpoint-{state.global_step}"
            folder = os.path.join(args.output_dir, name)
            if os.path.isdir(folder):
                self._target.log_file(folder, f"checkpoints/{name}")

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """End the run, if it was started here."""
        if self._target is not None:
            self._target.end()
