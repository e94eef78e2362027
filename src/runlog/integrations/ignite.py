"""A logger for PyTorch Ignite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.handlers.base_logger import BaseLogger, BaseOptimizerParamsHandler, BaseOutputHandler

from runlog.integrations.target import Target


class RunlogLogger(BaseLogger):
    """Log outputs and metrics of engines, and parameters of optimizers.

    `attach_output_handler` and `attach_opt_params_handler` have the arguments of Ignite's other
    loggers. Metrics are called `<tag>/<name>`. Use it in a `with` statement, or call `close()`.

    - `run_id`: the run to log to; by default the active run, or else a new one.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = Target(run_id, experiment_name, run_name, tags)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log params."""
        self._target.log_params(params)

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log metrics at a step."""
        self._target.log_metrics(metrics, step)

    def close(self) -> None:
        """End the run, if it was started here."""
        self._target.end()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._target.end(error=error)

    def _create_output_handler(self, *given: Any, **named: Any) -> OutputHandler:
        return OutputHandler(*given, **named)

    def _create_opt_params_handler(self, *given: Any, **named: Any) -> OptimizerParamsHandler:
        return OptimizerParamsHandler(*given, **named)


class OutputHandler(BaseOutputHandler):
    """Log an engine's output and metrics at an event."""

    def __call__(self, engine: Any, logger: RunlogLogger, event_name: Any) -> None:
        values = self._setup_output_metrics_state_attrs(engine, key_tuple=False)
        logger.log_metrics(values, self.global_step_transform(engine, event_name))


class OptimizerParamsHandler(BaseOptimizerParamsHandler):
    """Log a parameter of an optimizer, such as the learning rate, at an event."""

    def __call__(self, engine: Any, logger: RunlogLogger, event_name: Any) -> None:
        prefix = f"{self.tag}/" if self.tag else ""
        values = {
            f"{prefix}{self.param_name}/group_{number}": float(group[self.param_name])
            for number, group in enumerate(self.optimizer.param_groups)
        }
        logger.log_metrics(values, engine.state.get_event_attrib_value(event_name))
