"""Which run is active for whom: tasks of asyncio, copied contexts, threads, cells of a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import runlog
from processes import LONG
from runlog.errors import RunlogError


def kept(run):
    return runlog.get_run(run.info.run_id)


def parent(run):
    return kept(run).data.tags.get("mlflow.parentRunId")


def points(run, key):
    return runlog.RunlogClient().get_metric_history(run.info.run_id, key)


def all_runs():
    return runlog.search_runs(output_format="list")


async def trial(number, meet, **options):
    """Logs three points into a run of its own, while the other trials do."""
    with runlog.start_run(run_name=f"trial {number}", **options) as run:
        for step in range(3):
            await meet()
            runlog.log_metric("number", number, step)
            assert runlog.active_run() is run
    return run


def meeting(count):
    """A coroutine function that returns when `count` tasks wait in it."""
    waiting, arrived = [asyncio.Event()], []

    async def meet():
        event = waiting[0]
        arrived.append(1)
        if len(arrived) == count:
            arrived.clear()
            waiting[0] = asyncio.Event()
            event.set()
        await event.wait()

    return meet


def test_interleaved_tasks_have_runs_of_their_own():
    async def main():
        meet = meeting(4)
        return await asyncio.gather(*(trial(number, meet) for number in range(4)))

    runs = asyncio.run(main())
    assert [kept(run).data.metrics for run in runs] == [{"number": n} for n in range(4)]
    assert [len(points(run, "number")) for run in runs] == [3] * 4
    assert {kept(run).info.status for run in runs} == {"FINISHED"}
    assert [parent(run) for run in runs] == [None] * 4


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_tasks_inside_a_run(outside, nested):
    """With the run around the event loop, or in the task that starts the others."""

    async def trials():
        meet = meeting(3)
        runs = await asyncio.gather(*(trial(n, meet, nested=nested) for n in range(3)))
        runlog.log_metric("outer", 1)
        return runs

    async def main():
        with runlog.start_run() as outer:
            return outer, await trials()

    if outside:
        with runlog.start_run() as outer:
            runs = asyncio.run(trials())
    else:
        outer, runs = asyncio.run(main())
    assert kept(outer).data.metrics == {"outer": 1}
    assert [parent(run) for run in runs] == [outer.info.run_id if nested else None] * 3
    assert {kept(run).info.status for run in [outer, *runs]} == {"FINISHED"}


def test_a_task_has_one_run_at_a_time():
    async def main():
        with runlog.start_run() as run:
            await asyncio.sleep(0)
            with pytest.raises(RunlogError, match=f"{run.info.run_id} is already active"):
                runlog.start_run()

    asyncio.run(main())


def test_siblings_without_a_run_around_are_no_parents():
    async def main():
        meet = meeting(2)
        return await asyncio.gather(*(trial(number, meet, nested=True) for number in range(2)))

    assert [parent(run) for run in asyncio.run(main())] == [None, None]


def test_a_task_logs_to_the_run_that_it_was_made_in():
    async def log():
        runlog.log_metric("m", 1)
        return runlog.active_run()

    async def main():
        with runlog.start_run() as run:
            assert await asyncio.create_task(log()) is run

    asyncio.run(main())
    assert [run.data.metrics for run in all_runs()] == [{"m": 1}]


def test_a_task_that_was_made_before_logs_to_the_run_of_its_thread():
    """As handlers of a web server do, whose run is started by something else."""

    async def log(event):
        await event.wait()
        runlog.log_metric("m", 1)

    async def main():
        event = asyncio.Event()
        task = asyncio.create_task(log(event))
        await asyncio.sleep(0)
        with runlog.start_run():
            event.set()
            await task

    asyncio.run(main())
    assert [run.data.metrics for run in all_runs()] == [{"m": 1}]


def test_a_task_does_not_end_the_run_of_another():
    async def main():
        started, ended = asyncio.Event(), asyncio.Event()

        async def has_a_run():
            with runlog.start_run() as run:
                started.set()
                await ended.wait()
                return kept(run).info.status

        async def has_none():
            await started.wait()
            runlog.end_run("FAILED")
            ended.set()

        return await asyncio.gather(has_a_run(), has_none())

    assert asyncio.run(main()) == ["RUNNING", None]
    assert [run.info.status for run in all_runs()] == ["FINISHED"]


def test_a_run_outlives_the_task_that_started_it():
    """Then it is the thread's: whoever runs there logs to it and ends it."""

    async def begin():
        return runlog.start_run()

    run = asyncio.run(begin())
    assert runlog.active_run() is run
    with pytest.raises(RunlogError, match="already active"):
        runlog.start_run()
    runlog.log_metric("m", 1)

    async def finish():
        runlog.end_run()

    asyncio.run(finish())
    assert runlog.active_run() is None
    assert (kept(run).info.status, kept(run).data.metrics) == ("FINISHED", {"m": 1})


def test_a_run_that_is_ended_inside_a_task_is_ended_outside():
    async def finish():
        runlog.end_run("KILLED")

    run = runlog.start_run()
    asyncio.run(finish())
    assert (runlog.active_run(), kept(run).info.status) == (None, "KILLED")
    with runlog.start_run():
        pass


def test_a_task_that_goes_on_logs_to_the_run_that_ended():
    async def log(run_ended):
        await run_ended.wait()
        for step in range(3):
            runlog.log_metric("late", step, step)

    async def main():
        run_ended = asyncio.Event()
        with runlog.start_run():
            task = asyncio.create_task(log(run_ended))
            await asyncio.sleep(0)
        run_ended.set()
        await task

    with pytest.warns(UserWarning, match="has ended") as warnings:
        asyncio.run(main())
    assert len(warnings) == 1
    (run,) = all_runs()
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"late": 2})


def test_a_task_that_goes_on_does_not_log_to_the_run_of_another():
    async def log(other_began):
        await other_began.wait()
        runlog.log_metric("late", 1)

    async def main():
        other_began = asyncio.Event()
        with runlog.start_run() as first:
            task = asyncio.create_task(log(other_began))
        with runlog.start_run() as second:
            other_began.set()
            await task
        return first, second

    with pytest.warns(UserWarning, match="has ended"):
        first, second = asyncio.run(main())
    assert (kept(first).data.metrics, kept(second).data.metrics) == ({"late": 1}, {})


def test_a_cancelled_task_leaves_a_killed_run():
    async def work():
        with runlog.start_run():
            await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert [run.info.status for run in all_runs()] == ["KILLED"]


# ----------------------------------------------------------------------- threads and contexts


def test_threads_of_an_event_loop():
    """asyncio.to_thread takes the task's run along; an executor's threads have the only one."""

    def log(key):
        runlog.log_metric(key, 1)
        runlog.end_run()  # which is not the thread's
        with runlog.start_run(nested=True) as inner:
            pass
        return inner

    async def main(name):
        with runlog.start_run(run_name=name) as run:
            await asyncio.sleep(0)
            inner = await asyncio.to_thread(log, name)
            assert kept(run).info.status == "RUNNING"
        return run, inner

    async def both():
        return await asyncio.gather(main("a"), main("b"))

    for name, (run, inner) in zip("ab", asyncio.run(both()), strict=True):
        assert kept(run).data.metrics == {name: 1}
        assert parent(inner) == run.info.run_id

    async def executor():
        with runlog.start_run() as run:
            inner = await asyncio.get_running_loop().run_in_executor(None, log, "c")
        return run, inner

    run, inner = asyncio.run(executor())
    assert (kept(run).data.metrics, parent(inner)) == ({"c": 1}, run.info.run_id)


def test_a_thread_that_could_mean_several_runs_is_warned():
    async def main(meet):
        with runlog.start_run() as run:
            await meet()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(runlog.log_metric, "m", 1).result()
            await meet()
        return run

    async def both():
        meet = meeting(2)
        return await asyncio.gather(main(meet), main(meet))

    with pytest.warns(UserWarning, match="several tasks have active runs") as warnings:
        _, last = asyncio.run(both())
    assert len(warnings) == 1
    assert len(points(last, "m")) == 2


def test_a_copied_context():
    def work():
        assert runlog.active_run() is outer
        with runlog.start_run(nested=True) as inner:
            runlog.log_metric("m", 2)
        runlog.log_metric("m", 1)
        return inner

    with runlog.start_run() as outer:
        context = contextvars.copy_context()
        inner = context.run(work)
        assert runlog.active_run() is outer
    assert [kept(run).data.metrics for run in (outer, inner)] == [{"m": 1}, {"m": 2}]
    assert parent(inner) == outer.info.run_id
    # The context has a run that ended, here and in other threads.
    assert context.run(runlog.active_run) is None
    with context.run(runlog.start_run) as again:
        assert again.info.run_id != outer.info.run_id


def test_each_cell_of_a_notebook_may_have_a_context_of_its_own():
    def cell(function, *arguments, **options):
        return contextvars.Context().run(function, *arguments, **options)

    run = cell(runlog.start_run)
    cell(runlog.log_metric, "m", 1)
    with pytest.raises(RunlogError, match="already active"):
        cell(runlog.start_run)
    inner = cell(runlog.start_run, nested=True)
    cell(runlog.end_run)
    cell(runlog.end_run)
    assert cell(runlog.active_run) is None
    assert [kept(each).info.status for each in (run, inner)] == ["FINISHED"] * 2
    assert (kept(run).data.metrics, parent(inner)) == ({"m": 1}, run.info.run_id)
    assert len(all_runs()) == 2


def test_a_thread_that_logs_on_does_not_start_a_run():
    logged, over = threading.Event(), threading.Event()

    def log():
        runlog.log_metric("m", 0, 0)
        logged.set()
        over.wait()
        for step in range(1, 4):
            runlog.log_metric("m", step, step)

    thread = threading.Thread(target=log)
    with runlog.start_run() as run:
        thread.start()
        logged.wait()
    with pytest.warns(UserWarning, match="has ended, and 'Thread-.*' still logs to it") as warnings:
        over.set()
        thread.join()
    assert [warning.filename for warning in warnings] == [__file__]
    assert [each.info.run_id for each in all_runs()] == [run.info.run_id]
    assert len(points(run, "m")) == 4
    runlog.log_metric("m", 1)  # the main thread starts one, as MLflow's users expect
    assert runlog.active_run().info.run_id != run.info.run_id


def test_threads_start_runs_where_there_never_was_one():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(runlog.log_metric, "m", 1).result()
        assert runlog.active_run() is None
        assert pool.submit(runlog.active_run).result() is not None
        pool.submit(runlog.end_run).result()
    assert [run.info.status for run in all_runs()] == ["FINISHED"]


def test_a_block_is_left_in_another_context():
    """As the finalizers of generators and fixtures are."""
    run = contextvars.copy_context().run(runlog.start_run)
    inner = runlog.start_run(nested=True)
    with run:
        pass
    assert {kept(each).info.status for each in (run, inner)} == {"FINISHED"}
    assert runlog.active_run() is None


def test_another_thread_does_not_leave_the_block():
    run = runlog.start_run()

    def work():
        with runlog.active_run() as active:
            assert active is run

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert kept(run).info.status == "RUNNING"


def test_a_notebook(tmp_path):
    """A cell that is interrupted leaves its run active, one with a block ends it as KILLED, and a
    kernel that is shut down ends its runs."""
    pytest.importorskip("ipykernel")
    from jupyter_client.manager import start_new_kernel

    source = os.path.dirname(os.path.dirname(runlog.__file__))
    manager, client = start_new_kernel(
        env={**os.environ, "PYTHONPATH": source}, cwd=str(tmp_path), startup_timeout=LONG
    )

    manager.shutdown_wait_time = LONG

    def cell(code):
        return client.execute_interactive(code, timeout=LONG, output_hook=lambda message: None)

    def interrupted(code):
        wanted = client.execute(code, stop_on_error=False)
        while client.get_iopub_msg(timeout=LONG)["msg_type"] != "stream":
            pass
        for _ in range(LONG):  # IPython loses an interrupt now and then
            manager.interrupt_kernel()
            try:
                reply = client.get_shell_msg(timeout=5)
            except queue.Empty:
                continue
            assert reply["parent_header"]["msg_id"] == wanted
            return reply["content"]["ename"]
        raise AssertionError("it goes on")

    loop = (
        "\n  print('x', flush=True)\n  while True: runlog.log_metric('m', (step := step + 1), step)"
    )
    try:
        cell("import runlog; step = 0; run = runlog.start_run(run_name='cells')")
        assert interrupted("if True:" + loop) == "KeyboardInterrupt"
        assert interrupted("with runlog.start_run(run_name='block', nested=True):" + loop) == (
            "KeyboardInterrupt"
        )
        assert cell("runlog.log_metric('after', 1)")["content"]["status"] == "ok"
        assert cell("runlog.start_run()")["content"]["ename"] == "RunlogError"
        assert cell("runlog.end_run()")["content"]["status"] == "ok"
        assert cell("runlog.start_run(run_name='left')")["content"]["status"] == "ok"
        client.stop_channels()
        manager.shutdown_kernel()  # asks the kernel, and waits for it
    finally:
        manager.shutdown_kernel(now=True)
    found = {run.info.run_name: run for run in all_runs()}
    assert {name: run.info.status for name, run in found.items()} == {
        "cells": "FINISHED", "block": "KILLED", "left": "FINISHED",
    }  # fmt: skip
    assert found["cells"].data.metrics["after"] == 1
