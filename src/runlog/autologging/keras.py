"""Keras 3, with any backend: `model.fit`. `tensorflow` is the same under MLflow's other name."""

from __future__ import annotations

from runlog.autologging import options, patches
from runlog.autologging.calls import watched
from runlog.autologging.checkpoints import Checkpoints
from runlog.autologging.content import (
    dataset_of,
    first_rows,
    log_dataset,
    log_model,
    start_model,
)
from runlog.errors import InvalidParameter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "keras"
NOT_PARAMS = ("x", "y", "callbacks", "validation_data", "verbose")
STOPPING = ("monitor", "min_delta", "patience", "baseline", "restore_best_weights")


def autolog(
    log_every_epoch: bool = True,
    log_every_n_steps: int | None = None,
    log_models: bool = True,
    log_model_signatures: bool = True,
    save_exported_model: bool = False,
    log_datasets: bool = True,
    log_input_examples: bool = False,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    save_model_kwargs: dict[str, Any] | None = None,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every `fit` of a Keras 3 model from now on: its arguments and the optimizer's settings as
    params, metrics of each epoch, or of every `log_every_n_steps` steps, model_summary.txt, data
    set, model.

    `save_exported_model` and `save_model_kwargs` are passed to `runlog.keras.log_model`. The other
    options are those of `runlog.autolog`. Raises InvalidParameter if both epochs and steps are
    asked for, or neither.
    """
    chosen = dict(locals())
    check_steps(log_every_epoch, log_every_n_steps)
    if not disable:
        options.disable("tensorflow")  # the same calls
    options.enable(NAME, chosen, {"keras": patcher(NAME, _log_model, "optimizer_")})


def check_steps(every_epoch: bool, every_n_steps: int | None) -> None:
    """Raise InvalidParameter unless just one of epochs and steps is asked for."""
    if every_epoch == (every_n_steps is not None):
        raise InvalidParameter(
            f"log_every_epoch={every_epoch} and log_every_n_steps={every_n_steps}: log metrics of "
            "every epoch, or set log_every_epoch=False and a number of steps"
        )


def patcher(
    framework: str, log_model: Callable[[Call, Any, str, Any], None], prefix: str
) -> Callable[[ModuleType], None]:
    """Return a function that patches Keras for a framework, whose `log_model` logs the model.
    `prefix` begins the keys of the optimizer's settings."""

    def patch(module: ModuleType) -> None:
        fit = watched(framework, _keras_fit(log_model, prefix))
        patches.patch(framework, module.Model, "fit", fit)

    return patch


def _keras_fit(
    log_model: Callable[[Call, Any, str, Any], None], prefix: str
) -> Callable[[Call], Generator[None, Any, None]]:
    def fit(call: Call) -> Generator[None, Any, None]:
        run, data = call.run, call.get("x")
        with call.attempt("the params"):
            run.log_params(_params(call, data))
        if call.options["log_datasets"]:
            _log_training_data(call, data, call.get("y"), call.get("validation_data"))
        example: Any = None
        if call.options["log_input_examples"]:
            with call.attempt("the input example"):
                example = first_rows(data)
        model_id = start_model(call) if call.options["log_models"] else None
        passed = call.get("callbacks")
        with call.attempt("metrics"):
            call.replace("callbacks", [*_as_list(passed), _keras_callback(call, prefix, model_id)])
        history = yield
        run.flush()
        with call.attempt("early stopping"):
            for callback in _stopping(call, passed):
                _log_stopping(call, callback, history, model_id)
        if model_id is not None:
            log_model(call, call.owner, model_id, example)

    return fit


def _as_list(callbacks: Any) -> list[Any]:
    """Return the callbacks of a `fit`. Raises TypeError for a CallbackList, to which nothing is
    added."""
    if callbacks is None:
        return []
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"callbacks are a {type(callbacks).__name__} and not a list")
    return list(callbacks)


def _stopping(call: Call, callbacks: Any) -> list[Any]:
    """Return the callbacks that stop early, which MLflow logs as TensorFlow's only."""
    if call.framework != "tensorflow":
        return []
    return [each for each in _as_list(callbacks) if hasattr(each, "stopped_epoch")]


def _params(call: Call, data: Any) -> dict[str, Any]:
    passed = call.with_defaults(without=NOT_PARAMS)
    if passed.get("batch_size") is None:
        size: Any = getattr(data, "batch_size", None) or getattr(data, "_batch_size", None)
        passed["batch_size"] = size.numpy() if hasattr(size, "numpy") else size
    for callback in _stopping(call, call.get("callbacks")):
        passed |= {name: getattr(callback, name, None) for name in STOPPING}
    return passed


def _log_training_data(call: Call, features: Any, targets: Any, validation: Any) -> None:
    with call.attempt("the data set"):
        log_dataset(call.run, dataset_of(features, targets), "train")
        if isinstance(validation, (list, tuple)):
            log_dataset(call.run, dataset_of(*validation[:2]), "eval")


def _log_stopping(call: Call, callback: Any, history: Any, model_id: str | None) -> None:
    if not callback.stopped_epoch:
        return
    call.run.add_metrics({"stopped_epoch": callback.stopped_epoch}, model_id=model_id)
    monitored = history.history.get(callback.monitor)
    if not (callback.restore_best_weights and monitored and callback.best_weights is not None):
        return
    at = monitored.index(callback.best)
    restored = {"restored_epoch": history.epoch[0] + at}
    call.run.add_metrics(restored, model_id=model_id)
    best = {key: values[at] for key, values in history.history.items()}
    call.run.add_metrics(best, callback.stopped_epoch + 1, model_id)


def _log_model(call: Call, model: Any, model_id: str, example: Any) -> None:
    log_model(
        call,
        NAME,
        model,
        signature=signature_of(call, model),
        input_example=example,
        model_id=model_id,
        save_exported_model=call.options["save_exported_model"],
        save_model_kwargs=call.options["save_model_kwargs"],
    )


def signature_of(call: Call, model: Any) -> Any:
    """Return the signature that the model's shapes give, if the options want one, or False."""
    signature: Any = False
    if call.options["log_model_signatures"]:
        with call.attempt("the signature"):
            from runlog.models import ModelSignature

            inputs = _schema_of_shapes(model.input_shape, model.input_dtype)
            signature = ModelSignature(
                inputs, _schema_of_shapes(model.output_shape, model.compute_dtype)
            )
    return signature


def _schema_of_shapes(shape: Any, dtype: Any) -> Any:
    import numpy

    from runlog.types import Schema, TensorSpec

    shapes = shape if isinstance(shape, list) else [shape]
    if isinstance(shape, dict):
        raise TypeError("inputs by name have no shape each")
    return Schema(
        [
            TensorSpec(numpy.dtype(dtype), [-1 if size is None else size for size in each])
            for each in shapes
        ]
    )


def _keras_callback(call: Call, prefix: str, model_id: str | None) -> Any:
    """Return a callback of Keras that logs. It never fails."""
    from keras.callbacks import Callback

    run, chosen = call.run, call.options
    checkpoints: Checkpoints | None = None

    class Log(Callback):  # type: ignore[misc]
        epoch = 0

        def on_train_begin(self, logs: Any = None) -> None:
            nonlocal checkpoints
            with call.attempt("the optimizer's settings"):
                config = self.model.optimizer.get_config()
                run.log_params({f"{prefix}{key}": value for key, value in config.items()})
            with call.attempt("model_summary.txt"):
                lines: list[str] = []
                self.model.summary(print_fn=lambda line, *_, **__: lines.append(line))
                run.client.log_text(run.run_id, "\n".join(lines), "model_summary.txt")
            if chosen.get("checkpoint"):
                with call.attempt("checkpoints"):
                    suffix = ".h5" if chosen["checkpoint_save_weights_only"] else ".keras"
                    checkpoints = Checkpoints(run, chosen, suffix, self._save)

        def _save(self, path: str, weights_only: bool) -> None:
            (self.model.save_weights if weights_only else self.model.save)(path)

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.epoch = epoch

        def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
            with call.attempt("metrics"):
                if chosen["log_every_epoch"] and logs:
                    run.add_metrics(logs, epoch, model_id)
            self._check_checkpoint(epoch, logs, at_end=True)

        def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
            with call.attempt("metrics"):
                named = {f"validation_{key}": value for key, value in (logs or {}).items()}
                run.add_metrics(named, self.epoch, model_id)

        def _check_checkpoint(self, epoch: int, logs: Any, at_end: bool) -> None:
            if checkpoints is not None:
                with call.attempt("a checkpoint"):
                    step = int(self.model.optimizer.iterations.numpy())
                    check = checkpoints.at_epoch_end if at_end else checkpoints.at_step_end
                    check(epoch, step, {key: float(value) for key, value in (logs or {}).items()})

    class LogSteps(Log):
        def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
            every = chosen["log_every_n_steps"]
            with call.attempt("metrics"):
                step = int(self.model.optimizer.iterations.numpy())
                if every and logs and step % every == 0:
                    run.add_metrics(logs, step, model_id)
            self._check_checkpoint(self.epoch, logs, at_end=False)

    # Keras waits for the values of a step only where a callback wants them.
    by_steps = chosen["log_every_n_steps"] or isinstance(chosen.get("checkpoint_save_freq"), int)
    return LogSteps() if by_steps else Log()
