"""System metrics, read from the machine that runs the test."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest

import runlog
from runlog import system_metrics
from runlog.errors import InvalidParameter
from runlog.store import open_store

psutil = pytest.importorskip("psutil")

NAMES = {
    "cpu_utilization_percentage",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
    "disk_usage_percentage",
    "disk_usage_megabytes",
    "disk_available_megabytes",
    "network_receive_megabytes",
    "network_transmit_megabytes",
}


def metrics_of(run):
    return runlog.get_run(run.info.run_id).data.metrics


def points_of(run, key):
    return runlog.RunlogClient().get_metric_history(run.info.run_id, key)


def test_a_short_run_has_a_point_of_each():
    with runlog.start_run(log_system_metrics=True) as run:
        pass
    found = metrics_of(run)
    assert {f"system/{name}" for name in NAMES} <= found.keys()
    assert 0 < found["system/system_memory_usage_percentage"] < 100
    assert found["system/disk_usage_megabytes"] == pytest.approx(
        psutil.disk_usage("/").used / 1e6, rel=0.1
    )


def test_points_come_while_the_run_goes_on():
    runlog.set_system_metrics_sampling_interval(0.01)
    with runlog.start_run(log_system_metrics=True) as run:
        key, until = "system/cpu_utilization_percentage", time.monotonic() + 60
        while len(points_of(run, key)) < 3 and time.monotonic() < until:
            time.sleep(0.01)
    steps = [point.step for point in points_of(run, key)]
    assert steps[:3] == [0, 1, 2] and steps == list(range(len(steps)))


def test_a_run_that_goes_on_counts_on():
    with runlog.start_run(log_system_metrics=True) as run:
        pass
    with runlog.start_run(run.info.run_id, log_system_metrics=True):
        pass
    points = points_of(run, "system/disk_usage_percentage")
    assert [point.step for point in points] == [0, 1]


def test_enabled_for_all_runs_and_not_for_one():
    runlog.enable_system_metrics_logging()
    runlog.set_system_metrics_node_id("node-7")
    with runlog.start_run() as run:
        pass
    assert {f"system/node-7/{name}" for name in NAMES} <= metrics_of(run).keys()
    with runlog.start_run(log_system_metrics=False) as run:
        pass
    assert metrics_of(run) == {}
    runlog.disable_system_metrics_logging()
    with runlog.start_run() as run:
        pass
    assert metrics_of(run) == {}


def test_mlflows_own_setting(monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    with runlog.start_run() as run:
        pass
    assert metrics_of(run)
    runlog.disable_system_metrics_logging()
    assert "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING" not in os.environ


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENABLE_SYSTEM_METRICS_LOGGING", "perhaps"),
        ("SYSTEM_METRICS_SAMPLING_INTERVAL", "0"),
        ("SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING", "1.5"),
    ],
)
def test_a_setting_that_is_none_starts_no_run(monkeypatch, name, value):
    monkeypatch.setenv("RUNLOG_ENABLE_SYSTEM_METRICS_LOGGING", "1")
    monkeypatch.setenv("RUNLOG_" + name, value)
    with pytest.raises(InvalidParameter, match=f"RUNLOG_{name}.*'{value}'"):
        runlog.start_run()
    assert runlog.search_runs(output_format="list") == []


def test_without_psutil_the_run_goes_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.warns(UserWarning, match=r"pip install 'runlog-tracking\[system\]'"):
        run = runlog.start_run(log_system_metrics=True)
    runlog.log_metric("loss", 1)
    runlog.end_run()
    assert metrics_of(run) == {"loss": 1}


def monitored(read, samples):
    """The points that a run gets of what is read, the last one at its end."""
    store = open_store(runlog.get_tracking_uri())
    run = store.create_run(store.create_experiment("e"), "", None, {}, None)
    monitor = system_metrics.Sampling(read, "system/", 0.001, samples).start(store, run)
    return store, run.info.run_id, monitor


def values_of(store, run_id, key):
    return [point.value for point in store.get_metric_history(run_id, key)]


def test_samples_become_their_mean_but_what_counts_up_does_not():
    readings, started = iter(range(1, 1000)), threading.Event()

    def read():
        number = next(readings)
        if number == 4:
            assert started.wait(60)
            monitor._over.set()
        return {"cpu": float(number), "network_sent": float(number)}

    store, run_id, monitor = monitored(read, 4)
    started.set()
    monitor._thread.join(60)
    values = {key: values_of(store, run_id, f"system/{key}") for key in ("cpu", "network_sent")}
    assert values == {"cpu": [2.5, 5.0], "network_sent": [4.0, 5.0]}


@pytest.mark.filterwarnings("ignore:no more system metrics:UserWarning")
def test_a_run_that_was_deleted_meanwhile_ends_the_thread():
    store, run_id, monitor = monitored(lambda: {"cpu": 1.0}, 1)
    store.delete_run(run_id)
    monitor._thread.join(60)
    assert not monitor._thread.is_alive()


class NoAnswer(Exception):
    pass


def test_cards_tell_what_they_can(monkeypatch):
    """There is no card here: a module in the place of NVIDIA's, which one of two cards refuses."""
    nvml = ModuleType("pynvml")
    nvml.NVMLError = NoAnswer
    nvml.nvmlInit = lambda: None
    nvml.nvmlDeviceGetCount = lambda: 2
    nvml.nvmlDeviceGetHandleByIndex = lambda number: number
    nvml.nvmlDeviceGetMemoryInfo = lambda _: SimpleNamespace(used=2e9, total=8e9)
    nvml.nvmlDeviceGetUtilizationRates = lambda _: SimpleNamespace(gpu=42)
    nvml.nvmlDeviceGetEnforcedPowerLimit = lambda _: 200_000

    def power(card):
        if card == 1:
            raise NoAnswer
        return 50_000

    nvml.nvmlDeviceGetPowerUsage = power
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    found = {name: v for name, v in system_metrics.machine()().items() if name.startswith("gpu")}
    each = {"memory_usage_percentage": 25, "memory_usage_megabytes": 2000}
    each["utilization_percentage"] = 42
    assert found == {
        **{f"gpu_{card}_{name}": value for card in (0, 1) for name, value in each.items()},
        "gpu_0_power_usage_watts": 50,
        "gpu_0_power_usage_percentage": 25,
    }
