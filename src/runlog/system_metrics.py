"""What the machine does while a run is active, as metrics of that run: CPU, memory, disk, network
and NVIDIA's GPUs. Their names, units and steps are those of MLflow's system metrics."""

from __future__ import annotations

import os
import threading

from runlog import clock
from runlog.errors import MissingExtra, RunlogError, warn
from runlog.extras import require
from runlog.settings import flag, number, setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from runlog.entities import Run
    from runlog.store import Store

PREFIX = "system/"
_MEGABYTE = 1e6
_PATIENCE = 5.0  # seconds that the end of a run waits for its last sample


def enable_system_metrics_logging() -> None:
    """Log system metrics in every run that is started from now on, here and in processes that
    are started later. `start_run(log_system_metrics=False)` excludes a run.
    docs/system-metrics.md lists the metrics. It needs psutil."""
    _set("ENABLE_SYSTEM_METRICS_LOGGING", "true")


def disable_system_metrics_logging() -> None:
    """Log system metrics only in runs started with `start_run(log_system_metrics=True)`."""
    _set("ENABLE_SYSTEM_METRICS_LOGGING", "false")


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Set the time between two samples, in seconds. None: 10."""
    _set("SYSTEM_METRICS_SAMPLING_INTERVAL", interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Set how many samples become one point, their mean. None: 1."""
    _set("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Set this machine's name in the names of system metrics, `system/<node_id>/...`, where
    several machines log to one run. None: no name."""
    _set("SYSTEM_METRICS_NODE_ID", node_id)


def sampling(wanted: bool | None) -> Sampling | None:
    """Return how a run that is about to start will log system metrics, if they are `wanted` or, for
    None, enabled. Without psutil it warns: a training does not fail for its thermometer. Raises
    InvalidParameter for a setting that is none."""
    if not (flag("ENABLE_SYSTEM_METRICS_LOGGING") if wanted is None else wanted):
        return None
    interval = number("SYSTEM_METRICS_SAMPLING_INTERVAL")
    samples = int(number("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", whole=True))
    node = setting("SYSTEM_METRICS_NODE_ID")
    try:
        return Sampling(machine(), f"{PREFIX}{node}/" if node else PREFIX, interval, samples)
    except MissingExtra as missing:
        warn(f"no system metrics: {missing}")
        return None


class Sampling:
    """What is read, every how many seconds, and how many samples are a point."""

    def __init__(
        self, read: Callable[[], dict[str, float]], prefix: str, interval: float, samples: int
    ) -> None:
        self.read, self.prefix, self.interval, self.samples = read, prefix, interval, samples

    def start(self, store: Store, run: Run) -> Monitor:
        """Log to the run from now on, behind what it has of an earlier start."""
        last = run.data.metric_points
        steps = [point.step for point in last if point.key.startswith(self.prefix)]
        return Monitor(self, store, run.info.run_id, max(steps, default=-1) + 1)


class Monitor:
    """Logs system metrics to a run, from a thread of its own."""

    def __init__(self, sampling: Sampling, store: Store, run_id: str, step: int) -> None:
        self._sampling, self._store, self._run_id, self._step = sampling, store, run_id, step
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="runlog-system")
        self._thread.start()

    def stop(self) -> None:
        """Log a last point, so that a short run has one as well, and end."""
        self._over.set()
        self._thread.join(_PATIENCE)

    def _work(self) -> None:
        over = False
        while not over:
            taken: list[dict[str, float]] = []
            while len(taken) < self._sampling.samples and not over:
                over = self._over.wait(self._sampling.interval)
                taken.append(self._sampling.read())
            try:
                self._log(taken)
            except RunlogError as error:
                warn(f"no more system metrics of the run {self._run_id}: {error}")
                return

    def _log(self, taken: list[dict[str, float]]) -> None:
        time = clock.now()
        points = []
        for name in taken[-1]:
            values = [sample[name] for sample in taken if name in sample]
            counted = name.startswith("network_")  # since the start, not at the moment
            value = values[-1] if counted else sum(values) / len(values)
            points.append((self._sampling.prefix + name, value, time, self._step))
        self._store.log(self._run_id, points)
        self._step += 1


def machine() -> Callable[[], dict[str, float]]:
    """Return a function that reads the state of the machine; megabytes are 10^6 bytes, and those of
    the network count from now. Raises MissingExtra."""
    psutil = require("psutil", "system")
    received, sent = _network(psutil)
    psutil.cpu_percent()  # of the time between two calls: this is the first
    gpus = _gpus()

    def read() -> dict[str, float]:
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.path.abspath(os.sep))
        now_received, now_sent = _network(psutil)
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / _MEGABYTE,
            "disk_available_megabytes": disk.free / _MEGABYTE,
            "network_receive_megabytes": (now_received - received) / _MEGABYTE,
            "network_transmit_megabytes": (now_sent - sent) / _MEGABYTE,
        }
        for index, gpu in enumerate(gpus):
            found.update({f"gpu_{index}_{name}": value for name, value in gpu().items()})
        return found

    return read


def _network(psutil: Any) -> tuple[int, int]:
    counters = psutil.net_io_counters()  # None where there is no network at all
    return (counters.bytes_recv, counters.bytes_sent) if counters else (0, 0)


def _gpus() -> list[Callable[[], dict[str, float]]]:
    """Return a function for each of NVIDIA's GPUs; none without its driver or nvidia-ml-py."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(number)
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
    except pynvml.NVMLError:
        return []
    return [_gpu(pynvml, handle) for handle in handles]


def _gpu(nvml: Any, handle: Any) -> Callable[[], dict[str, float]]:
    def memory() -> dict[str, float]:
        info = nvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "memory_usage_percentage": info.used / info.total * 100,
            "memory_usage_megabytes": info.used / _MEGABYTE,
        }

    def utilization() -> dict[str, float]:
        return {"utilization_percentage": float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)}

    def power() -> dict[str, float]:
        milliwatts = nvml.nvmlDeviceGetPowerUsage(handle)
        limit = nvml.nvmlDeviceGetEnforcedPowerLimit(handle)
        return {
            "power_usage_watts": milliwatts / 1000,
            "power_usage_percentage": milliwatts / limit * 100,
        }

    def read() -> dict[str, float]:
        found: dict[str, float] = {}
        for part in (memory, utilization, power):
            try:
                found.update(part())
            except nvml.NVMLError:  # not every card tells everything
                pass
        return found

    return read


def _set(name: str, value: object) -> None:
    os.environ.pop("MLFLOW_" + name, None)
    os.environ.pop("RUNLOG_" + name, None)
    if value is not None:
        os.environ["RUNLOG_" + name] = str(value)
