"""Forks after start_run in one of several ways: fork.py URI HOW [FORKS]. Says the run's id, and
"alive" when everything after the forks worked."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor

import runlog


def os_fork(leave):
    child = os.fork()
    if child == 0:
        runlog.log_metric("child", 1)
        leave()
        return False  # goes on to the end of the program
    assert os.waitpid(child, 0)[0] == child
    return True


def leave_block():
    with runlog.active_run():
        sys.exit(1)


def log_in_child(step):
    runlog.log_metric("child", step, step=step)
    assert runlog.active_run().info.run_id


def own_run_in_child(name):
    with runlog.start_run(run_name=name, nested=True):
        runlog.log_metric("own", 1)


def ended_child(own):
    """Ends itself by SIGTERM: how a pool ends its processes."""
    handler = signal.getsignal(signal.SIGTERM)
    assert handler is signal.SIG_DFL, handler
    if own:
        runlog.start_run(run_name="own", nested=True)
    os.kill(os.getpid(), signal.SIGTERM)


def open_run_in_child(name, error=None):
    runlog.start_run(run_name=name, nested=True)
    if error:
        raise error


def trial(name, parent_run_id):
    """As MLflow's users write it: the process has no run that would be in the way."""
    with runlog.start_run(run_name=name, parent_run_id=parent_run_id) as run:
        runlog.log_metric("own", 1)
        assert runlog.active_run() is run
        try:
            runlog.start_run()
        except runlog.RunlogError as error:
            assert f"{run.info.run_id} is already active" in error.message
    runlog.log_metric("child", 1)
    return runlog.active_run().info.run_id


def nested_in_another():
    """The run that was inherited does not say whose child a run may be."""
    other = runlog.RunlogClient().create_run("0").info.run_id
    with runlog.start_run(run_name="nested", nested=True, parent_run_id=other) as run:
        pass
    runlog.end_run("FAILED")
    assert runlog.last_active_run().info.run_id != run.info.run_id
    assert run.data.tags["mlflow.parentRunId"] == other


def sweep(method, parent_run_id):
    names = [f"{method} trial {number}" for number in range(4)]
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        active = set(pool.map(trial, names, [parent_run_id] * 4))
    assert (len(active) == 1) == (method == "fork"), active


def processes(method, *targets):
    context = multiprocessing.get_context(method)
    children = [context.Process(target=target, args=args) for target, *args in targets]
    for child in children:
        child.start()
    for child in children:
        child.join()
    return [child.exitcode for child in children]


def while_others_work(forks):
    """Two threads log and search without a pause while the main thread forks."""
    done = threading.Event()

    def log(key):
        step = 0
        while not done.is_set():
            runlog.log_metric(key, step, step=step)
            runlog.log_metrics({key + "2": step, key + "3": step}, step=step)
            step += 1
        runlog.log_param(key, step)

    def search():
        while not done.is_set():
            assert len(runlog.search_runs(output_format="list")) == 1

    threads = [threading.Thread(target=log, args=("x",)), threading.Thread(target=search)]
    for thread in threads:
        thread.start()
    for step in range(forks):
        child = os.fork()
        if child == 0:
            log_in_child(step)
            assert len(runlog.search_runs(output_format="list")) == 1
            os._exit(0)
        assert os.waitpid(child, 0) == (child, 0)
    done.set()
    for thread in threads:
        thread.join()


def while_a_reader_is_in_use():
    store = runlog.RunlogClient().store
    reading, leave = threading.Event(), threading.Event()

    def read():
        with store.db.reading() as fetch:
            reading.set()
            leave.wait()
            assert fetch("select count(*) from run") == [(1,)]

    thread = threading.Thread(target=read)
    thread.start()
    reading.wait()
    threading.Timer(0.2, leave.set).start()
    os_fork(lambda: os._exit(0))
    thread.join()


def from_a_thread():
    thread = threading.Thread(target=os_fork, args=(lambda: os._exit(0),))
    thread.start()
    thread.join()


def main():
    how = sys.argv[2]
    run = runlog.start_run()
    print(run.info.run_id, flush=True)
    if how == "returns":
        if not os_fork(lambda: None):
            return
    elif how == "sys.exit":
        os_fork(leave_block)
    elif how == "os._exit":
        os_fork(lambda: os._exit(0))
    elif how == "ends":
        os_fork(lambda: (runlog.end_run("FAILED"), runlog.end_run(), os._exit(0)))
    elif how == "threads":
        while_others_work(int(sys.argv[3]))
    elif how == "reader":
        while_a_reader_is_in_use()
    elif how == "thread":
        from_a_thread()
    elif how == "multiprocessing":
        assert processes("fork", *((log_in_child, step) for step in range(4))) == [0] * 4
    elif how == "own":
        assert processes("fork", *((own_run_in_child, f"own{n}") for n in range(4))) == [0] * 4
    elif how == "terminated":
        assert processes("fork", (ended_child, False), (ended_child, True)) == [-15, -15]
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    elif how == "left open":
        for method in ("fork", "spawn", "forkserver"):
            assert processes(
                method,
                (open_run_in_child, f"{method} left"),
                (open_run_in_child, f"{method} failed", SystemExit(3)),
            ) == [0, 3]
    elif how in ("sweep", "independent"):
        sweep("fork", run.info.run_id if how == "sweep" else None)
    elif how == "another":
        assert processes("fork", (nested_in_another,)) == [0]
    elif how == "pool":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(log_in_child, range(8))
    assert runlog.get_run(run.info.run_id).info.status == "RUNNING"
    runlog.log_metric("parent", 3, step=2)
    print("alive")


warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

if __name__ == "__main__":
    runlog.set_tracking_uri(sys.argv[1])
    main()
