"""PyTorch Lightning: `Trainer.fit` and `Trainer.test`, of `lightning` and `pytorch_lightning`."""

from __future__ import annotations

from runlog.autologging import options, patches
from runlog.autologging.calls import noted, watched
from runlog.autologging.checkpoints import Checkpoints
from runlog.autologging.content import ByIdentity, log_model, start_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "pytorch"
STOPPING = ("monitor", "mode", "patience", "min_delta", "stopped_epoch")

_runs = ByIdentity()  # by trainer: where it was fitted


def autolog(
    log_every_n_epoch: int = 1,
    log_every_n_step: int | None = None,
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    extra_tags: dict[str, str] | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str = "val_loss",
    checkpoint_mode: str = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: str | int = "epoch",
    log_model_signatures: bool = True,
) -> None:
    """Log every `Trainer.fit` of PyTorch Lightning from now on: epochs, the optimizer's settings
    and those of early stopping as params, the trainer's metrics of every `log_every_n_epoch`
    epochs, and of every `log_every_n_step` steps, model_summary.txt, checkpoints, model.

    A checkpoint is logged when `checkpoint_monitor` has its best value so far, or each time without
    `checkpoint_save_best_only`, after each epoch or so many steps. `log_datasets` is not used, as
    in MLflow. The other options are those of `runlog.autolog`. Training loops of PyTorch alone have
    nothing that could be logged: call `runlog.log_metric` in them.
    """
    hooks = {f"{package}.trainer.trainer": _patch_pytorch for package in PACKAGES}
    options.enable(NAME, dict(locals()), hooks)


PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def _patch_pytorch(module: ModuleType) -> None:
    patches.patch(NAME, module.Trainer, "fit", watched(NAME, _fit_pytorch, _is_main))
    patches.patch(NAME, module.Trainer, "test", noted(NAME, _test_lightning))


def _is_main(call: Call) -> bool:
    """Whether this is the process that logs, of those that train together."""
    return bool(getattr(call.owner, "is_global_zero", True))


def _fit_pytorch(call: Call) -> Generator[None, Any, None]:
    trainer, run = call.owner, call.run
    callbacks: list[Any] = trainer.callbacks
    stopping: Any = next((each for each in callbacks if hasattr(each, "stopped_epoch")), None)
    with call.attempt("the params of early stopping"):
        known = {name: getattr(stopping, name, None) for name in STOPPING}
        run.log_params({} if stopping is None else known)
    model_id = start_model(call) if call.options["log_models"] else None
    log = _pytorch_callback(call, model_id)
    trainer.callbacks.append(log)
    try:
        yield
    finally:
        trainer.callbacks = [each for each in trainer.callbacks if each is not log]
    run.flush()
    _runs.set(trainer, run)
    if stopping is not None:
        with call.attempt("early stopping"):
            run.add_metrics(_stopping_metrics(stopping), model_id=model_id)
    model = call.get("model")
    with call.attempt("model_summary.txt"):
        run.client.log_text(run.run_id, _model_summary(trainer, model), "model_summary.txt")
    if model_id is not None:
        signature: Any = False
        if call.options["log_model_signatures"] and log.tensors is not None:
            with call.attempt("the signature"):
                from runlog.models import infer_signature

                signature = infer_signature(*log.tensors)
        log_model(call, NAME, model, signature=signature, model_id=model_id)
    path: Any = getattr(trainer.checkpoint_callback, "best_model_path", None)
    if stopping is not None and path and model_id is not None:
        with call.attempt("the best checkpoint"):
            run.client.log_artifact(run.run_id, path, "restored_model_checkpoint")


def _test_lightning(call: Call) -> Generator[None, Any, None]:
    yield
    run, trainer = _runs.get(call.owner), call.owner
    if run is not None:
        with call.attempt("the metrics of the test"):
            run.set_tags({"Mode": "testing"})
            run.log_metrics(_as_floats(trainer.callback_metrics))


def _stopping_metrics(stopping: Any) -> dict[str, float]:
    if not stopping.stopped_epoch:
        return {}
    found = {
        "stopped_epoch": stopping.stopped_epoch,
        "restored_epoch": stopping.stopped_epoch - max(1, stopping.patience),
    }
    for name in ("best_score", "wait_count"):
        if hasattr(stopping, name):
            found[name] = float(getattr(stopping, name))
    return found


def _as_floats(metrics: Any) -> dict[str, float]:
    return {key: float(value) for key, value in metrics.items()}


def _lightning(trainer: Any) -> ModuleType:
    """Return the package that the trainer is from."""
    from importlib import import_module

    kinds = [kind.__module__ for kind in type(trainer).__mro__]
    return import_module(next(name for name in PACKAGES if any(k.startswith(name) for k in kinds)))


def _model_summary(trainer: Any, model: Any) -> str:
    from importlib import import_module

    package = _lightning(trainer).__name__
    return str(import_module(f"{package}.utilities.model_summary").ModelSummary(model, -1))


def _pytorch_callback(call: Call, model_id: str | None) -> Any:
    """Return a callback of Lightning that logs. It never fails. In a process that is started for
    the training, rather than forked, it does nothing."""
    base: Any = _lightning(call.owner).Callback
    run, chosen = call.run, call.options
    epoch_metrics: set[str] = set()
    step_metrics: set[str] = set()

    class Log(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self.tensors: tuple[Any, Any] | None = None
            self._checkpoints: Checkpoints | None = None
            self._hook: Any = None

        def __reduce__(self) -> Any:
            return base, ()

        def on_train_start(self, trainer: Any, module: Any) -> None:
            if not trainer.is_global_zero:
                return
            with call.attempt("the params"):
                run.set_tags({"Mode": "training"})
                run.log_params(_training_params(trainer))
            if model_id is not None and chosen["log_model_signatures"]:
                with call.attempt("the signature"):
                    self._hook = module.register_forward_hook(self._note_tensors)
            if chosen["checkpoint"]:
                with call.attempt("checkpoints"):
                    save = _saver(trainer)
                    self._checkpoints = Checkpoints(run, chosen, ".pth", save)

        def _note_tensors(self, module: Any, inputs: Any, output: Any) -> None:
            with call.attempt("the signature"):
                self._hook.remove()
                if len(inputs) == 1 and hasattr(inputs[0], "detach") and hasattr(output, "detach"):
                    self.tensors = tuple(
                        each[:1].detach().cpu().numpy() for each in (inputs[0], output)
                    )

        def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
            if not trainer.is_global_zero:
                return
            every = chosen["log_every_n_step"]
            with call.attempt("metrics"):
                metrics = trainer.callback_metrics
                if every:
                    known = {
                        key: value
                        for key, value in metrics.items()
                        if key not in epoch_metrics and f"{key}_step" not in metrics
                    }
                    step_metrics.update(known)
                    step = trainer.global_step // max(1, len(trainer.optimizers))
                    if (step + 1) % every == 0:
                        run.add_metrics(_as_floats(known), trainer.global_step, model_id)
            if isinstance(chosen["checkpoint_save_freq"], int):
                self._check_checkpoint(trainer, at_end=False)

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            if not trainer.is_global_zero:
                return
            with call.attempt("metrics"):
                metrics = trainer.callback_metrics
                known = {key: metrics[key] for key in metrics.keys() - step_metrics}
                epoch_metrics.update(known)
                if (trainer.current_epoch + 1) % chosen["log_every_n_epoch"] == 0:
                    run.add_metrics(_as_floats(known), trainer.current_epoch, model_id)
            self._check_checkpoint(trainer, at_end=True)

        def _check_checkpoint(self, trainer: Any, at_end: bool) -> None:
            if self._checkpoints is not None:
                with call.attempt("a checkpoint"):
                    checkpoints = self._checkpoints
                    check = checkpoints.at_epoch_end if at_end else checkpoints.at_step_end
                    metrics = _as_floats(trainer.callback_metrics)
                    check(trainer.current_epoch, trainer.global_step, metrics)

    return Log()


def _training_params(trainer: Any) -> dict[str, Any]:
    params = {"epochs": trainer.max_epochs}
    if trainer.optimizers:
        optimizer = trainer.optimizers[0]
        optimizer = getattr(optimizer, "_optimizer", optimizer)
        params["optimizer_name"] = type(optimizer).__name__
        params |= getattr(optimizer, "defaults", {})
    return params


def _saver(trainer: Any) -> Callable[[str, bool], None]:
    def save(path: str, weights_only: bool) -> None:
        # Not trainer.save_checkpoint, which waits for the other processes: they do not call it.
        checkpoint = trainer._checkpoint_connector.dump_checkpoint(weights_only)
        trainer.strategy.save_checkpoint(checkpoint, path)

    return save
