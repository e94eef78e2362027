"""A callback for Keras, with any backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from runlog import fluent
from runlog.errors import InvalidParameter
from runlog.integrations.target import Target


class RunlogCallback(keras.callbacks.Callback):
    """Log each epoch's metrics, the optimizer's settings and a summary of the model.

    `model.fit(..., callbacks=[RunlogCallback()])`

    - `run_id`: the run to log to; by default the active run, or else a new one, which ends with the
      fit.
    - `experiment_name`, `run_name`, `tags`: of a new run.
    - `log_every_n_steps`: log the metrics of every so many batches, too, as `batch_...`.
    """

    def __init__(
        self,
        run_id: str | None = None,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        log_every_n_steps: int | None = None,
    ) -> None:
        super().__init__()
        self._target = Target(run_id, experiment_name, run_name, tags)
        self._every = log_every_n_steps
        self._batches = 0
        self._is_training = False

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._target.run_id

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log params and the summary of the model."""
        self._is_training = True
        params = {name: value for name, value in (self.params or {}).items() if name != "verbose"}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            params["optimizer"] = optimizer.get_config()
        self._target.log_params(params)
        lines: list[str] = []
        self.model.summary(print_fn=lines.append, line_length=100)
        fluent.log_text("\n".join(lines), "model_summary.txt", run_id=self.run_id)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of a batch, of every so many."""
        self._batches += 1
        if self._every and self._batches % self._every == 0:
            self._target.log_metrics(logs or {}, self._batches, "batch_")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of an epoch, with it as the step."""
        values = dict(logs or {})
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            values.setdefault("learning_rate", float(optimizer.learning_rate))
        self._target.log_metrics(values, epoch)

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of an evaluation outside a fit, as `test_...`."""
        if not self._is_training:
            self._target.log_metrics(logs or {}, prefix="test_")

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End the run, if it was started here."""
        self._is_training = False
        self._target.end()


class MlflowCallback(RunlogCallback):
    """The same with the arguments of MLflow's callback, which is called so.

    `log_every_epoch=False` logs the metrics of every `log_every_n_steps` batches only. `model_id`
    is not used. Raises InvalidParameter unless just one of epochs and steps is asked for.
    """

    def __init__(
        self,
        log_every_epoch: bool = True,
        log_every_n_steps: int | None = None,
        model_id: str | None = None,
    ) -> None:
        if bool(log_every_epoch) == (log_every_n_steps is not None):
            raise InvalidParameter(
                "log every epoch, which is the default, or pass log_every_epoch=False and "
                "log_every_n_steps"
            )
        super().__init__(log_every_n_steps=log_every_n_steps)
        self._every_epoch = bool(log_every_epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the metrics of an epoch, unless those of steps are logged."""
        if self._every_epoch:
            super().on_epoch_end(epoch, logs)
