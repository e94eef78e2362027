"""Hugging Face transformers: `Trainer.train`."""

from __future__ import annotations

from runlog.autologging import options, patches
from runlog.autologging.calls import watched
from runlog.autologging.content import log_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "transformers"


def autolog(
    log_input_examples: bool = False,
    log_model_signatures: bool = False,
    log_models: bool = False,
    log_datasets: bool = False,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    extra_tags: dict[str, str] | None = None,
) -> None:
    """Log every `Trainer.train` of transformers from now on: the model's config and the training's
    arguments as params, and what the trainer reports as metrics.

    They are those of transformers' own callback for MLflow (`report_to="mlflow"`); where a trainer
    has that one, it alone logs. `log_models` also logs model and tokenizer. The options for
    examples, signatures and data sets are not used, as in MLflow; the others are those of
    `runlog.autolog`.
    """
    options.enable(NAME, dict(locals()), HOOKS)


def _patch_transformers(module: ModuleType) -> None:
    patches.patch(NAME, module.Trainer, "train", watched(NAME, _train_transformers, _is_logged))


HOOKS = {"transformers.trainer": _patch_transformers}


def _is_logged(call: Call) -> bool:
    trainer = call.owner
    callbacks = trainer.callback_handler.callbacks
    has_own = any(type(each).__name__ == "MLflowCallback" for each in callbacks)
    return trainer.is_world_process_zero() and not has_own


def _train_transformers(call: Call) -> Generator[None, Any, None]:
    trainer, run = call.owner, call.run
    with call.attempt("the params"):
        config: Any = getattr(trainer.model, "config", None)
        known = config.to_dict() if hasattr(config, "to_dict") else {}
        run.log_params({**known, **trainer.args.to_dict()})
    log = _transformers_callback(call)
    trainer.add_callback(log)
    try:
        yield
    finally:
        trainer.remove_callback(log)
    run.flush()
    if call.options["log_models"]:
        components = {"model": trainer.model}
        name = "processing_class" if hasattr(trainer, "processing_class") else "tokenizer"
        if getattr(trainer, name, None) is not None:
            components["tokenizer"] = getattr(trainer, name)
        log_model(call, NAME, components)


def _transformers_callback(call: Call) -> Any:
    """Return a callback of transformers that logs what the trainer reports. It never fails."""
    from transformers import TrainerCallback

    class Log(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            with call.attempt("metrics"):
                numbers = {
                    key: value
                    for key, value in (logs or {}).items()
                    if isinstance(value, (int, float))
                }
                call.run.add_metrics(numbers, state.global_step)

    return Log()
