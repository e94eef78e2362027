"""`tf.keras`: what `keras` logs, with the names and options of MLflow's flavour `tensorflow`."""

from __future__ import annotations

from runlog.autologging import options
from runlog.autologging.content import log_model
from runlog.autologging.keras import check_steps, patcher, signature_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runlog.autologging.calls import Call

NAME = "tensorflow"


def autolog(
    log_models: bool = True,
    log_datasets: bool = True,
    disable: bool = False,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = False,
    silent: bool = False,
    registered_model_name: str | None = None,
    log_input_examples: bool = False,
    log_model_signatures: bool = True,
    saved_model_kwargs: dict[str, Any] | None = None,
    keras_model_kwargs: dict[str, Any] | None = None,
    extra_tags: dict[str, str] | None = None,
    log_every_epoch: bool = True,
    log_every_n_steps: int | None = None,
    checkpoint: bool = True,
    checkpoint_monitor: str = "val_loss",
    checkpoint_mode: str = "min",
    checkpoint_save_best_only: bool = True,
    checkpoint_save_weights_only: bool = False,
    checkpoint_save_freq: str | int = "epoch",
) -> None:
    """Log every `fit` of a `tf.keras` model from now on, as `runlog.keras.autolog` does, and
    checkpoints: when `checkpoint_monitor` has its best value so far, or all of them without
    `checkpoint_save_best_only`, after each epoch or so many steps.

    The model is logged by `runlog.tensorflow.log_model`, with `saved_model_kwargs` and
    `keras_model_kwargs`. The other options are those of `runlog.autolog`. Raises InvalidParameter
    if both epochs and steps are asked for, or neither.
    """
    chosen = dict(locals())
    check_steps(log_every_epoch, log_every_n_steps)
    if not disable:
        options.disable("keras")  # the same calls
    options.enable(NAME, chosen, {"keras": patcher(NAME, _log_model, "opt_")})


def _log_model(call: Call, model: Any, model_id: str, example: Any) -> None:
    log_model(
        call,
        NAME,
        model,
        signature=signature_of(call, model),
        input_example=example,
        model_id=model_id,
        saved_model_kwargs=call.options["saved_model_kwargs"],
        keras_model_kwargs=call.options["keras_model_kwargs"],
    )
