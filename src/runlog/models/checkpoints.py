"""Checkpoints of trainings, in the places where MLflow's autologging stores them."""

from __future__ import annotations

import posixpath

from runlog.errors import InvalidParameter, NotFound

LATEST = "mlflow.latest_checkpoint_artifact"
"""The tag of a run that has the path of its latest checkpoint."""
FOLDER = "checkpoints"


def download(
    run_id: str | None = None, epoch: int | None = None, global_step: int | None = None
) -> str:
    """Return a local path of a checkpoint's file: that of an epoch, of a step, or the latest.

    `run_id` is by default that of the active run. Raises InvalidParameter if there is none, or both
    `epoch` and `global_step` are given; NotFound if the run has no such checkpoint.
    """
    from runlog import fluent
    from runlog.artifacts import download_artifacts

    if epoch is not None and global_step is not None:
        raise InvalidParameter("give epoch or global_step, not both")
    if run_id is None:
        active = fluent.active_run()
        if active is None:
            raise InvalidParameter("no run is active: give the run_id of the checkpoint")
        run_id = active.info.run_id
    path = fluent.get_run(run_id).data.tags.get(LATEST)
    if path is None:
        raise NotFound(f"run {run_id} has no checkpoint: its tag {LATEST} is not set")
    if epoch is not None:
        path = f"{FOLDER}/epoch_{epoch}/{posixpath.basename(path)}"
    elif global_step is not None:
        path = f"{FOLDER}/global_step_{global_step}/{posixpath.basename(path)}"
    return download_artifacts(run_id=run_id, artifact_path=path)
