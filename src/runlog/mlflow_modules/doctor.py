"""`mlflow.doctor`: what to attach to a report of a problem."""

from __future__ import annotations


def doctor(mask_envs: bool = False) -> None:
    """Print what `runlog doctor` finds: versions, the tracking URI and whether its store works,
    packages and environment variables, with secrets hidden. `mask_envs` hides the values of all
    variables."""
    from runlog.commands import doctor as command

    command.doctor.main(["--mask-envs"] if mask_envs else [], standalone_mode=False)
