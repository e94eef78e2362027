"""A tracker for accelerate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

from runlog import fluent
from runlog.client import RunlogClient
from runlog.entities import Run, RunTag
from runlog.integrations.target import Target


class RunlogTracker(GeneralTracker):
    """Log what an Accelerator logs: `Accelerator(log_with=RunlogTracker())`, then
    `accelerator.init_trackers(...)`.

    - `run_id`: the run to log to; by default the active run, or else a new one, which
      `accelerator.end_training()` ends.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    """

    name = "runlog"
    requires_logging_directory = False

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._target = Target(run_id, experiment_name, run_name, tags)

    @property
    def tracker(self) -> Run:
        """The run."""
        return fluent.get_run(self._target.run_id)

    @on_main_process
    def start(self) -> None:
        """Start the run, if there is none."""
        self._target.run_id  # noqa: B018

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Log a configuration as params."""
        self._target.log_params(values)

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **more: Any) -> None:
        """Log numbers as metrics at a step, texts as tags."""
        self._target.log_metrics(values, step)
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        if texts:
            RunlogClient().log_batch(
                self._target.run_id, tags=[RunTag(*each) for each in texts.items()]
            )

    @on_main_process
    def log_artifact(self, local_path: str, artifact_path: str | None = None) -> None:
        """Log a file, or a folder with its files."""
        self._target.log_file(local_path, artifact_path)

    @on_main_process
    def finish(self) -> None:
        """End the run, if it was started here."""
        self._target.end()
