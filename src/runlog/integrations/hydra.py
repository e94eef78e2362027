"""A callback for Hydra: each job as a run, with its configuration as params."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from runlog import fluent, tracking_uri
from runlog.integrations.target import Target


class RunlogCallback(Callback):
    """Run each job as a run: its configuration as params and as the file hydra/config.yaml, its
    overrides as a tag. In a multirun the jobs are nested in a run for all. In the configuration:

        hydra:
          callbacks:
            runlog:
              _target_: runlog.integrations.hydra.RunlogCallback

    - `experiment_name`: the experiment, by default the one in use.
    - `run_name`: of the run of a job, or of that for all; by default the job's name.
    - `tags`: of the same run.
    - `log_output_dir`: log the files in the job's output folder when it ends.
    """

    def __init__(
        self,
        experiment_name: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, Any] | None = None,
        log_output_dir: bool = False,
    ) -> None:
        self._experiment_name, self._run_name = experiment_name, run_name
        self._tags = None if tags is None else dict(tags)
        self._log_output_dir = log_output_dir
        self._all: Target | None = None
        self._job: Target | None = None

    def on_run_start(self, config: DictConfig, **more: Any) -> None:
        """Open the store, before the job may change the working directory."""
        tracking_uri.store()

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        """Start the run for all jobs."""
        name = self._run_name or config.hydra.job.name
        self._all = Target(None, self._experiment_name, name, self._tags, nested=True)
        fluent.set_tag("hydra.run_id", self._all.run_id)

    def on_job_start(self, config: DictConfig, *, task_function: Any = None, **more: Any) -> None:
        """Start the run of a job."""
        job = HydraConfig.get().job
        if self._all is None:
            self._job = Target(None, self._experiment_name, self._run_name or job.name, self._tags)
        else:
            self._job = Target(None, self._experiment_name, f"{job.name} {job.num}", nested=True)
        own = OmegaConf.to_container(OmegaConf.masked_copy(config, _keys(config)), resolve=True)
        assert isinstance(own, dict)
        self._job.log_params({str(name): value for name, value in own.items()})
        text = OmegaConf.to_yaml(OmegaConf.create(own))
        fluent.log_text(text, "hydra/config.yaml", run_id=self._job.run_id)
        overrides = " ".join(HydraConfig.get().overrides.task)
        if overrides:
            fluent.set_tag("hydra.overrides", overrides)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **more: Any) -> None:
        """End the run of a job, FAILED if the job has."""
        if self._job is None:
            return
        if self._log_output_dir:
            self._job.log_file(HydraConfig.get().runtime.output_dir, "hydra/output")
        error = None
        if job_return.status == JobStatus.FAILED:
            error = _error(job_return)
        self._job.end(error=error)
        self._job = None

    def on_multirun_end(self, config: DictConfig, **more: Any) -> None:
        """End the run for all jobs."""
        if self._all is not None:
            self._all.end()


def _keys(config: DictConfig) -> list[str]:
    return [str(name) for name in config if name != "hydra"]


def _error(job_return: JobReturn) -> BaseException:
    try:
        job_return.return_value  # noqa: B018  # raises what the job raised
    except Exception as error:
        return error
    return RuntimeError("the job failed")
