"""The run of a process: created before it starts, ended with its exit code."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from runlog import active_runs, context, tracking_uri, validate
from runlog.clock import now
from runlog.entities import PARENT_RUN_ID, LifecycleStage, Run
from runlog.errors import InvalidParameter
from runlog.projects import process
from runlog.projects.source import Source
from runlog.store import Store
from runlog.store_uri import database_file, is_at_server

SOURCE_NAME, SOURCE_TYPE = "mlflow.source.name", "mlflow.source.type"
REPOSITORY, BRANCH = "mlflow.source.git.repoURL", "mlflow.source.git.branch"
OLDER_NAMES = {REPOSITORY: "mlflow.gitRepoURL", BRANCH: "mlflow.gitBranchName"}
_ENDED = ("FAILED", "KILLED")


def project_tags(source: Source, entry_point: str, manager: str) -> dict[str, str]:
    """Return the tags of a project's run, under MLflow's names."""
    git = context.git_tags(source.folder)
    older = {OLDER_NAMES[key]: value for key, value in git.items() if key in OLDER_NAMES}
    return {
        **_tags_of_user(),
        **git,
        **older,
        SOURCE_NAME: source.name,
        SOURCE_TYPE: "PROJECT",
        "mlflow.project.entryPoint": entry_point,
        "mlflow.project.env": manager,
        "mlflow.project.backend": "local",
    }


def command_tags(command: Sequence[str], folder: str) -> dict[str, str]:
    """Return the tags of the run of any command that is started in a folder."""
    return {
        **_tags_of_user(),
        **context.git_tags(folder),
        SOURCE_NAME: shlex.join(command),
        SOURCE_TYPE: "LOCAL",
    }


def _tags_of_user() -> dict[str, str]:
    # What starts the project is no source of its run, so the git tags of this program are left out.
    tags = context.default_tags()
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.source.")}


def create(
    store: Store,
    experiment_id: str,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    run_name: str | None,
    run_id: str | None,
) -> Run:
    """Create the run, below the active run if there is one, or use the run with the id `run_id`,
    and log what it runs. Raises InvalidParameter if that run is in the trash, or if a name cannot
    be that of a param: no run is created then."""
    params = validate.texts(params, "param")
    if run_id is None:
        outer = active_runs.innermost()
        parent = {} if outer is None else {PARENT_RUN_ID: outer.run.info.run_id}
        user = tags.get("mlflow.user", "")
        every = {key: _storable(value) for key, value in {**tags, **parent}.items()}
        run = store.create_run(experiment_id, user, None, every, run_name)
        store.log(run.info.run_id, params=params.items())
        return run
    run = store.get_run(run_id)
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidParameter(f"the run {run_id} is in the trash: restore it, or name another")
    store.log(
        run_id,
        params=params.items(),
        tags=[(key, _storable(value)) for key, value in tags.items()],
    )
    store.update_run(run_id, "RUNNING", run_name=run_name)
    return store.get_run(run_id)


def _storable(value: str) -> str:
    # Paths that are not UTF-8 have lone surrogates, which no database takes.
    return value.encode(errors="replace").decode()


def environment(store_uri: str | None, run: Run) -> dict[str, str]:
    """Return the variables by which a process finds its run, for runlog and for MLflow. The real
    MLflow finds a file by our plug-in, whose URIs begin with `runlog:`."""
    uri = tracking_uri.with_password(store_uri)
    values = {"EXPERIMENT_ID": run.info.experiment_id, "RUN_ID": run.info.run_id}
    both = {f"{prefix}_{key}": text for key, text in values.items() for prefix in PREFIXES}
    for_mlflow = uri if is_at_server(uri) else f"runlog://{database_file(uri)}"
    return {**both, "RUNLOG_TRACKING_URI": uri, "MLFLOW_TRACKING_URI": for_mlflow}


PREFIXES = ("RUNLOG", "MLFLOW")


def status_of(code: int, interrupted: bool) -> str:
    """Return the status of a run whose process ended with this exit code."""
    if interrupted or process.is_interruption(code):
        return "KILLED"
    return "FAILED" if code else "FINISHED"


def finish(store: Store, run_id: str, status: str) -> str:
    """End the run with a status, and return what it has then. What the process itself has recorded
    stays, unless it ended worse."""
    recorded = store.get_run(run_id).info.status
    if recorded == status or recorded in _ENDED and status != "KILLED":
        return recorded
    store.update_run(run_id, status, now())
    return status
