"""Fetch a project, prepare its environment, and run an entry point of it as a run."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import IO, Any, NamedTuple

from runlog import artifacts, fluent, tracking_uri
from runlog.client import RunlogClient
from runlog.errors import ExecutionException, InvalidParameter, NotFound, RunlogError, shown
from runlog.projects import environments, recording, source, specification
from runlog.projects.process import Process, Signals
from runlog.projects.specification import EntryPoint, Project
from runlog.store import Store

CONSOLE_LOG = "console.log"
log = logging.getLogger("runlog.projects")


class SubmittedRun:
    """A run whose process was started by `run`. `exit_code` is None until it has ended."""

    def __init__(self, run_id: str, process: Process, ended: Callable[[int], str]) -> None:
        self.exit_code: int | None = None
        self._run_id, self._process, self._ended = run_id, process, ended
        self._status = "RUNNING"
        self._thread: threading.Thread | None = None

    @property
    def run_id(self) -> str:
        """Return the id of the run."""
        return self._run_id

    def wait(self) -> bool:
        """Wait for the end of the process, and return whether it succeeded."""
        if self._thread is not None:
            self._thread.join()
        elif self.exit_code is None:
            self._watch()
        return self._status == "FINISHED"

    def get_status(self) -> str:
        """Return RUNNING, FINISHED, FAILED or KILLED."""
        return self._status

    def cancel(self) -> None:
        """End the process and its children: by SIGTERM, and 30 seconds later by SIGKILL. Wait for
        that; the run is KILLED."""
        if self.exit_code is None:
            self._process.interrupt(signal.SIGTERM)
            self.wait()

    def watch_in_background(self) -> None:
        """Have a thread end the run when its process ends. The interpreter waits for it before it
        exits, and Ctrl-C cancels it then."""
        self._thread = threading.Thread(target=self._watch, name=f"runlog-project-{self._run_id}")
        self._thread.start()
        atexit.register(self.cancel)

    def _watch(self) -> None:
        code = self._process.wait()
        self._status = self._ended(code)
        self.exit_code = code
        atexit.unregister(self.cancel)


class Launch(NamedTuple):
    """How a run is started: in which store and experiment, under which name, or as which run;
    with variables more of its environment; with its output logged as a file; awaited or not."""

    store_uri: str | None = None
    experiment_name: str | None = None
    experiment_id: str | None = None
    run_name: str | None = None
    run_id: str | None = None
    environment: Mapping[str, str] = {}
    log_output: bool = False
    synchronous: bool = True


def run(
    uri: str,
    entry_point: str = "main",
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    docker_args: Mapping[str, Any] | None = None,
    experiment_name: str | None = None,
    experiment_id: str | None = None,
    backend: str = "local",
    backend_config: Any = None,
    storage_dir: str | None = None,
    synchronous: bool = True,
    run_id: str | None = None,
    run_name: str | None = None,
    env_manager: str | None = None,
    build_image: bool = False,
    docker_auth: Mapping[str, Any] | None = None,
) -> SubmittedRun:
    """Run an entry point of a project in a process of its own, as a run, and return that.

    - `uri`: a folder, or a git repository: `https://...`, `ssh://...`, `git@host:path`,
      `file:///...`. It may end with `#subdirectory`.
    - `entry_point`: a name in the file MLproject, or the path of a script (.py or .sh).
    - `version`: a commit, branch or tag of the git repository.
    - `parameters`: values of the entry point's parameters. Those it does not have are appended to
      its command, as `--name value`.
    - `experiment_name`, created if it does not exist, or `experiment_id`; by default the experiment
      in use.
    - `storage_dir`: a folder to download the values of parameters of the type path to, by default
      a temporary one.
    - `synchronous`: wait for the end of the process. If it fails, raise ExecutionException.
    - `run_id`: use this run instead of a new one.
    - `env_manager`: `local` (the default), the Python in use; `virtualenv` or `uv`, a venv from the
      project's python_env.yaml or conda.yaml; `conda`.

    If a run is active, the new one is a child of it. `backend` must be local, and the arguments for
    Docker must be left out: runlog runs projects on this machine, without containers.

    Raises ExecutionException if the project cannot be run or fails, InvalidParameter if an argument
    is wrong, and NotFound if there is no such folder.
    """
    _refuse(backend, backend_config, docker_args or build_image or docker_auth)
    launch = Launch(None, experiment_name, experiment_id, run_name, run_id, synchronous=synchronous)
    submitted = run_project(
        launch, uri, entry_point, version, parameters or {}, storage_dir, env_manager
    )
    if synchronous and submitted.get_status() != "FINISHED":
        if submitted.exit_code == -signal.SIGINT:  # typed where only the process could see it
            raise KeyboardInterrupt
        raise ExecutionException(f"Run (ID '{submitted.run_id}') failed")
    return submitted


def _refuse(backend: str, config: Any, docker: Any) -> None:
    if backend != "local":
        raise InvalidParameter(
            f"backend {shown(backend)}: runlog runs projects on this machine only. Leave it out, "
            "and call  runlog run  in the job that your cluster starts"
        )
    if docker:
        raise InvalidParameter(
            "docker_args, build_image and docker_auth: runlog runs projects without containers. "
            "Leave them out, and use a python_env"
        )
    if isinstance(config, (str, os.PathLike)) and os.fspath(config).endswith(".json"):
        with open(config, encoding="utf-8") as file:
            config = json.load(file)
    if config:
        raise InvalidParameter(
            f"backend_config {shown(config)}: the local backend has no settings, leave it out"
        )


def run_project(
    launch: Launch,
    uri: str,
    entry_point: str,
    version: str | None,
    parameters: Mapping[str, Any],
    storage_dir: str | None = None,
    env_manager: str | None = None,
) -> SubmittedRun:
    """Do what `run` says, and return the run also if it failed."""
    manager = environments.check(env_manager)
    with ExitStack() as stack:
        fetched = source.fetch(os.fspath(uri), version)
        stack.callback(fetched.remove)
        project = specification.load(fetched.folder)
        point = project.entry_point(entry_point)
        values = point.values(parameters)
        _mention_environment(project, env_manager)
        variables = stack.enter_context(environments.prepared(project, manager))
        line = point.line(_downloaded(point, values, project.folder, storage_dir, stack))
        shell = ["cmd", "/c", line] if sys.platform == "win32" else ["bash", "-c", line]
        tags = recording.project_tags(fetched, entry_point, manager)
        return _run_process(launch, shell, project.folder, variables, tags, values, stack.pop_all())


def run_command(launch: Launch, command: Sequence[str]) -> SubmittedRun:
    """Run any command as a run, in this folder, and return that also if it failed. Raises
    NotFound if there is no such program."""
    with ExitStack() as stack:
        variables = stack.enter_context(environments.local())
        if shutil.which(command[0], path=variables.get("PATH")) is None:
            raise NotFound(f"there is no program {shown(command[0])} on PATH, so nothing was run")
        folder = os.getcwd()
        tags = recording.command_tags(command, folder)
        return _run_process(launch, command, None, variables, tags, {}, stack.pop_all())


def _mention_environment(project: Project, manager: str | None) -> None:
    if manager is None and project.environment is not None:
        file = os.path.basename(project.environment)
        log.info(f"{file} of the project is not used: --env-manager virtualenv makes a venv of it")


def _run_process(
    launch: Launch,
    command: Sequence[str],
    folder: str | None,
    variables: Mapping[str, str],
    tags: Mapping[str, str],
    params: Mapping[str, str],
    stack: ExitStack,
) -> SubmittedRun:
    """Create the run and start the process; `stack` is closed when that has ended."""
    signals = Signals()
    with ExitStack() as closing:
        closing.enter_context(stack)
        store = tracking_uri.store(launch.store_uri).synchronous()
        experiment_id = _experiment_id(store, launch)
        output = _output(closing) if launch.log_output else None
        with signals.passed_on():
            run = recording.create(
                store, experiment_id, tags, params, launch.run_name, launch.run_id
            )
            run_id = run.info.run_id
            found_by = recording.environment(launch.store_uri, run)
            handed_down = {**variables, **found_by, **launch.environment}
            for prefix in recording.PREFIXES:
                handed_down.pop(f"{prefix}_EXPERIMENT_NAME", None)
            log.info(f"run {run_id} ({run.info.run_name}): {_command_text(command)}")
            try:
                started = Process(command, folder, handed_down, output, reads=launch.synchronous)
            except (OSError, ValueError):  # ValueError: of a NUL in an argument
                recording.finish(store, run_id, "FAILED")
                raise
            finish = partial(_finish, launch, store, run_id, started, output, closing.pop_all())
            submitted = SubmittedRun(run_id, started, finish)
            if not launch.synchronous:
                submitted.watch_in_background()
                return submitted
            signals.attach(started)
            submitted.wait()
        signals.again()
    return submitted


def _finish(
    launch: Launch,
    store: Store,
    run_id: str,
    started: Process,
    output: IO[bytes] | None,
    stack: ExitStack,
    code: int,
) -> str:
    """Record the end of the process, and return the status of the run."""
    status = recording.status_of(code, bool(started.interrupts))
    with stack:
        try:
            if output is not None:
                RunlogClient(launch.store_uri).log_artifact(run_id, output.name)
            status = recording.finish(store, run_id, status)
        except RunlogError as error:  # the program has ended all the same, as its exit code says
            log.warning(f"the end of the run {run_id} ({status}) is not recorded: {error.message}")
    log.info(f"run {run_id} ended: {status}" + (f", exit code {code}" if code else ""))
    return status


def _command_text(command: Sequence[str]) -> str:
    return command[2] if command[:2] in (["bash", "-c"], ["cmd", "/c"]) else shlex.join(command)


def _output(stack: ExitStack) -> IO[bytes]:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="runlog-output-"))
    return stack.enter_context(open(os.path.join(folder, CONSOLE_LOG), "wb"))


def _experiment_id(store: Store, launch: Launch) -> str:
    if launch.experiment_name and launch.experiment_id:
        raise InvalidParameter("Specify only one of 'experiment_name' or 'experiment_id'.")
    if launch.run_id is not None:
        return store.get_run(launch.run_id).info.experiment_id
    if launch.experiment_id:
        return store.get_experiment(str(launch.experiment_id)).experiment_id
    return fluent.experiment_id_in_use(store, launch.experiment_name)


def _downloaded(
    point: EntryPoint,
    values: Mapping[str, str],
    folder: str,
    storage_dir: str | None,
    stack: ExitStack,
) -> dict[str, str]:
    """The values, with a local path for each parameter of the type path."""
    local = dict(values)
    for number, parameter in enumerate(point.parameters.values()):
        if parameter.kind == "path":
            value = values[parameter.name]
            is_default = value == parameter.default
            local[parameter.name] = _local_path(value, is_default, folder) or _download(
                value, number, storage_dir, stack
            )
    return local


def _local_path(value: str, is_default: bool, folder: str) -> str | None:
    """The absolute path that a value names: a default is relative to the project, another one to
    the working directory, where there is such a file."""
    if specification.is_uri(value) and not value.startswith("file:"):
        return None
    path = source.path_of(value)
    bases = [folder, os.getcwd()] if is_default else [os.getcwd(), folder]
    for base in bases:
        if os.path.exists(os.path.join(base, path)):
            return os.path.abspath(os.path.join(base, path))
    raise ExecutionException(f"the value {shown(value)} of a path parameter names no file here")


def _download(value: str, number: int, storage_dir: str | None, stack: ExitStack) -> str:
    if storage_dir is None:
        root = stack.enter_context(tempfile.TemporaryDirectory(prefix="runlog-params-"))
    else:
        os.makedirs(storage_dir, exist_ok=True)
        root = tempfile.mkdtemp(dir=storage_dir)
    return artifacts.download_artifacts(value, dst_path=os.path.join(root, f"param_{number}"))
