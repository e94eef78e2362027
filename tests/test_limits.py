"""What one request may ask of a server: how much it may bring, how long it may hold up others, how
much memory its answer takes."""

from __future__ import annotations

import json
import sys
import time

import apsw
import pytest

from processes import LONG, together
from runlog.artifacts import ArtifactRepo
from runlog.entities import Dataset, DatasetInput
from runlog.http.store import HttpStore
from runlog.protocol.limits import MAX_INPUTS, MAX_KEYS_AT_ONCE, MAX_PAIRS, MAX_POINTS, MAX_TEXT
from runlog.server import traffic
from runlog.server.app import create_app
from runlog.server.memory import Slots
from runlog.server.traffic import Traffic
from runlog.store import open_store
from serving import memory, serving
from wsgi import WsgiTransport, call

API = "/api/2.0/mlflow/"
OURS = "/api/runlog/1/"
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


@pytest.fixture
def store(place):
    store = open_store(f"{place}/")
    yield store
    store.close()


@pytest.fixture
def app(store):
    return create_app(store)


@pytest.fixture
def client(app):
    store = HttpStore("http://127.0.0.1", WsgiTransport(app))
    yield store
    store.close()


class Work:
    """What the databases that are opened from now on have done: commits, and steps of SQLite."""

    commits = steps = 0

    def watch(self, connection: apsw.Connection) -> None:
        connection.set_commit_hook(self.committed)
        connection.set_progress_handler(self.stepped, 10)

    def committed(self) -> bool:
        self.commits += 1
        return False

    def stepped(self) -> bool:
        self.steps += 1
        return False


@pytest.fixture
def work():
    work = Work()
    apsw.connection_hooks.append(work.watch)
    yield work
    apsw.connection_hooks.remove(work.watch)


def data_sets(count: int) -> list[DatasetInput]:
    return [DatasetInput(Dataset(f"name{n}", "digest", "local", "x"), []) for n in range(count)]


def pairs(count: int) -> list[dict[str, str]]:
    return [{"key": f"k{n}", "value": "v"} for n in range(count)]


DATA_SET = {"dataset": {"name": "a", "digest": "b", "source_type": "c", "source": "d"}}
POINT = {"key": "m", "value": 1, "timestamp": 1, "step": 0}


@pytest.mark.parametrize(
    "path, given, field",
    [
        (API + "runs/log-inputs", {"datasets": [DATA_SET] * (MAX_INPUTS + 1)}, "datasets"),
        (API + "runs/log-inputs", {"models": [{"model_id": "m"}] * (MAX_INPUTS + 1)}, "models"),
        (API + "runs/outputs", {"models": [{"model_id": "m"}] * (MAX_INPUTS + 1)}, "models"),
        (API + "runs/create", {"tags": pairs(MAX_PAIRS + 1)}, "tags"),
        (API + "experiments/create", {"name": "a", "tags": pairs(MAX_PAIRS + 1)}, "tags"),
        (API + "logged-models", {"params": pairs(MAX_PAIRS + 1)}, "params"),
        (OURS + "runs/log", {"params": pairs(MAX_PAIRS + 1)}, "params"),
        (OURS + "runs/log", {"tags": pairs(MAX_PAIRS + 1)}, "tags"),
        (OURS + "runs/log", {"metrics": [POINT] * (MAX_POINTS + 1)}, "metrics"),
    ],
)
def test_one_request_brings_only_so_much(app, store, path, given, field):
    run_id = store.create_run("0").info.run_id
    answer = call(app, "POST", path, {"run_id": run_id, "experiment_id": "0", **given})
    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert f"'{field}'" in answer.json["message"] and "at most" in answer.json["message"]


def test_a_client_brings_more_in_several_requests(client, store):
    run_id = client.create_run("0").info.run_id
    client.log_inputs(run_id, data_sets(MAX_INPUTS + 1))
    assert len(store.get_run(run_id).inputs.dataset_inputs) == MAX_INPUTS + 1
    params = [(f"k{n}", "v") for n in range(MAX_PAIRS + 1)]
    client.log(run_id, params=params, tags=params)
    client.flush()
    data = store.get_run(run_id).data
    assert len(data.params) == MAX_PAIRS + 1 and len(data.tags) > MAX_PAIRS
    digests = [(f"f{n}", n, "0" * 64) for n in range(MAX_PAIRS + 1)]
    client.record_digests(run_id, digests)
    found = client.get_digests(run_id, [path for path, _, _ in digests])
    assert len(found) == len(digests)


def test_others_write_between_the_keys_of_one_request(work, place):
    store = open_store(f"{place}/")
    run_id = store.create_run("0").info.run_id
    count, before = 2 * MAX_KEYS_AT_ONCE + 1, work.commits
    given = {"run_id": run_id, "metrics": [{**POINT, "key": f"k{n}"} for n in range(count)]}
    assert call(create_app(store), "POST", OURS + "runs/log", given).status == 200
    assert work.commits - before >= 3
    assert len(store.get_metric_summary(run_id)) == count
    store.close()


def test_a_data_set_takes_as_long_whatever_a_run_has(work, place):
    store = open_store(f"{place}/")
    few, many = (store.create_run("0").info.run_id for _ in range(2))
    store.log_inputs(many, data_sets(1_000))

    def steps(run_id: str) -> int:
        before = work.steps
        store.log_inputs(run_id, data_sets(1_100)[1_000:])
        return work.steps - before

    assert steps(many) < 2 * steps(few)
    store.close()


# -- what databases and file systems do not take ----------------------------------------------


def test_more_orders_than_a_database_joins(app):
    def search(path: str, count: int):
        orders = [f"min(metrics.m{number})" for number in range(count)]
        return call(app, "POST", path, {"experiment_ids": ["0"], "order_by": orders})

    for path in (API + "runs/search", OURS + "runs/columns", OURS + "runs/table"):
        assert search(path, 50).status == 200
        answer = search(path, 64)
        assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("path", ["/".join("a" * 1_500), "a" * 300, "a" * 5_000])
@pytest.mark.parametrize("verb", ["PUT", "GET"])
def test_paths_that_no_file_system_takes(store, place, verb, path):
    app = create_app(store, ArtifactRepo(str(place / "artifacts")))
    answer = call(app, verb, FILES + path, b"x" if verb == "PUT" else None)
    assert answer.status in ((400,) if verb == "PUT" else (400, 404)), answer
    assert len(answer.body) < 2_000


def test_a_folder_that_is_too_deep_is_not_listed(store, place):
    app = create_app(store, ArtifactRepo(str(place / "artifacts")))
    assert call(app, "GET", FILES.rstrip("/"), query="path=" + "/".join("a" * 5_000)).status == 400


# -- memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path, given",
    [
        ("runs/set-tag", {"key": "a"}),
        ("runs/log-parameter", {"key": "a"}),
        ("runs/log-batch", {"tags": [{"key": "a"}]}),
        ("runs/log-batch", {"params": [{"key": "a"}]}),
        ("runs/update", {}),
    ],
)
def test_a_value_has_a_length(app, store, path, given):
    run_id = store.create_run("0").info.run_id

    def log(length: int) -> int:
        given["run_name"] = given["value"] = "x" * length
        for some in (given.get("tags"), given.get("params")):
            for each in some or ():
                each["value"] = "x" * length
        return call(app, "POST", API + path, {"run_id": run_id, **given}).status

    assert log(MAX_TEXT + 1) == 400
    assert log(MAX_TEXT) == 200


def test_few_large_answers_are_made_at_once():
    slots, running, most = Slots(3, 2), [], {"a": 0, "all": 0}

    def ask(address: str) -> None:
        with slots.turn(address):
            running.append(address)
            most["a"] = max(most["a"], running.count("a"))
            most["all"] = max(most["all"], len(running))
            time.sleep(0.01)
            running.remove(address)

    together(*[lambda address=address: ask(address) for address in "aaaaaaabbc"])
    assert most["a"] == 2 and most["all"] == 3


def test_unread_answers_leave_room_for_others(store, monkeypatch):
    monkeypatch.setattr(traffic, "SHARE_OF_UNREAD", 5 * traffic.LARGE)
    requests = Traffic()
    app = create_app(store, requests=requests)
    run_id = store.create_run("0").info.run_id
    store.log(run_id, tags=[(f"t{n}", "x" * 900_000) for n in range(4)])
    unread = requests.begin({"REMOTE_ADDR": ""})  # as in `call`
    unread.size = 3 * traffic.LARGE
    requests.wait(unread)
    query = f"run_id={run_id}"
    answer = call(app, "GET", API + "runs/get", query=query)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    requests.end(unread)
    answer = call(app, "GET", API + "runs/get", query=query)
    assert answer.status == 200 and answer.headers["content-length"] == str(len(answer.body))
    assert not requests.waiting() and not requests.working()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's memory, read from /proc")
def test_memory_goes_back_to_the_system(place):
    store = open_store(f"{place}/")
    run_id = store.create_run("0").info.run_id
    store.log(run_id, tags=[(f"t{n}", "x" * 900_000) for n in range(40)])
    store.close()
    with serving(place) as served:

        def search() -> None:
            body = json.dumps({"experiment_ids": ["0"]})
            status, _ = served.call(
                "POST", API + "runs/search", body, **{"Content-Type": "application/json"}
            )
            assert status in (200, 503)

        before = memory(served.process.pid)
        together(*[search] * 24)
        end = time.monotonic() + LONG
        while (left := memory(served.process.pid) - before) > 500 * 2**20:
            assert time.monotonic() < end, left
            time.sleep(0.5)
