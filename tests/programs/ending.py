"""Ends in one of many ways: ending.py URI HOW. Says "ready" when a signal may come."""

import asyncio
import atexit
import os
import signal
import sys
import threading
import time

atexit.register(lambda: hooks and hooks.pop()())  # the first hook, which is called last
hooks = []

import runlog  # noqa: E402

calls = []


def start():
    run = runlog.start_run(run_name="main")
    runlog.log_metric("loss", 1)
    return run


def fail():
    raise ValueError("the loss is nonsense: \N{SNOWMAN} \udcff")


def wait():
    print("ready", flush=True)
    for _ in range(1000):  # a signal handler that returns ends a single long sleep
        time.sleep(0.03)
        if calls:
            return


def note(number, frame):
    calls.append(number)


def leave(number, frame):
    note(number, frame)
    sys.exit(5)


def returns():
    start()


def with_block():
    with start():
        runlog.log_metric("loss", 2)


def raises():
    start()
    fail()


def raises_in_block():
    with start():
        fail()


def raises_and_goes_on():
    try:
        with start():
            fail()
    except ValueError:
        with runlog.start_run(run_name="after"):
            pass


def raises_deep():
    def recurse(depth):
        if depth:
            recurse(depth - 1)
        fail()

    start()
    recurse(500)


def exits():
    start()
    sys.exit(0)


def exits_in_block():
    with start():
        sys.exit(0)


def exits_1_in_block():
    with start():
        sys.exit(1)


def nested():
    start()
    runlog.start_run(run_name="inner", nested=True)
    runlog.start_run(run_name="innermost", nested=True)
    fail()


def nested_block():
    with start():
        with runlog.start_run(run_name="inner", nested=True):
            runlog.start_run(run_name="innermost", nested=True)
            fail()


def thread():
    worker = threading.Thread(target=start)
    worker.start()
    worker.join()


def waits():
    start()
    wait()


def waits_in_block():
    with start():
        wait()


def thread_waits():
    thread()
    wait()


def thread_first():
    thread()
    runlog.start_run(run_name="second")
    wait()


def ignored_then_noted():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start()
    threading.Timer(1, note, (0, None)).start()
    wait()


def noted_before():
    signal.signal(signal.SIGTERM, note)
    with start():
        wait()
    assert calls == [signal.SIGTERM]


def left_before():
    signal.signal(signal.SIGTERM, leave)
    atexit.register(lambda: print(f"called {len(calls)} times"))
    start()
    wait()


def left_before_in_block():
    signal.signal(signal.SIGTERM, leave)
    with start():
        wait()


def noted_after():
    with start():
        signal.signal(signal.SIGTERM, note)
        wait()


def chained_after():
    start()
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(
        signal.SIGTERM, lambda *arguments: (print("mine", flush=True), before(*arguments))
    )
    wait()


def reading():
    """The signal comes in the middle of a search."""
    start()
    store = runlog.RunlogClient().store
    with store.db.reading() as fetch:
        wait()
        fetch("select 1")


def writing():
    """The signal comes in the middle of a log call, which is taken back."""
    run = start()
    db = runlog.RunlogClient().store.db
    with db.transaction():
        db.execute("update run set name = 'half'")
        wait()
    assert run


def hooked():
    """A hook that is older than the import logs into the run, which then ends."""

    def hook():
        assert runlog.active_run() is run
        runlog.log_metric("late", 1)
        runlog.log_text("x", "late.txt")
        with runlog.start_run(run_name="inner", nested=True):
            pass

    hooks.append(hook)
    run = start()


def hook_raises():
    hooks.append(fail)
    start()


def hook_starts():
    """The first run of the program is started while it ends."""
    hooks.append(start)
    runlog.set_experiment("Default")


def daemons():
    """Threads go on to log while runs come and go, and when the program has ended them."""

    def log(key):
        for step in range(1_000_000):
            runlog.log_metric(key, step, step=step)

    for number in range(4):
        with runlog.start_run(run_name=f"run{number}"):
            if number == 0:
                for key in "abcdefgh":
                    threading.Thread(target=log, args=(key,), daemon=True).start()
            time.sleep(0.05)
        time.sleep(0.05)
    start()


def ends_while_a_thread_starts():
    """A run is made for a thread, which does not know of it yet when the program ends."""
    start()
    store, made = runlog.RunlogClient().store, threading.Event()
    create = store.create_run

    def slowly(*arguments):
        run = create(*arguments)
        made.set()
        time.sleep(0.3)
        return run

    store.create_run = slowly
    options = {"run_name": "late"}
    threading.Thread(target=runlog.start_run, kwargs=options, daemon=True).start()
    made.wait()


def leaves_at_once():
    start()
    os._exit(7)


def slow_store(seconds):
    """Every end of a run takes so long, and the first one says "ready" at its beginning."""
    store = runlog.RunlogClient().store
    update = store.update_run
    beginnings = ["ready\n"]

    def slowly(*arguments):
        if beginnings:
            print(beginnings.pop(), end="", flush=True)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.01)
        return update(*arguments)

    store.update_run = slowly


def waits_in_end_run():
    start()
    slow_store(1)
    runlog.end_run()
    wait()


def ends_slowly():
    """Two signals come: the second while the runs are ended because of the first."""
    start()
    runlog.start_run(run_name="inner", nested=True)
    slow_store(0.5)
    wait()


def interrupted_at_exit():
    """Ctrl-C while the interpreter ends the runs."""
    start()
    runlog.start_run(run_name="inner", nested=True)
    slow_store(0.5)


def reloads():
    signal.signal(signal.SIGHUP, note)
    with start():
        wait()
    assert calls == [signal.SIGHUP]


def hung_up_on_is_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with start():
        threading.Timer(0.5, note, (0, None)).start()
        wait()


def cancelled():
    """Ctrl-C cancels the task that asyncio runs."""

    async def main():
        with start():
            print("ready", flush=True)
            await asyncio.sleep(30)

    asyncio.run(main())


def chosen_then_thread():
    """Runs are started in threads alone, but the main thread has chosen an experiment."""
    runlog.set_experiment("Default")
    thread_waits()


def forked():
    """The signal goes to a child, which has a run of its own."""
    start()
    child = os.fork()
    if child == 0:
        runlog.start_run(run_name="child", nested=True)
        wait()
    os.waitpid(child, 0)


def signalled_in_child():
    start()
    child = os.fork()
    if child == 0:
        runlog.start_run(run_name="child", nested=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert runlog.active_run().info.run_name == "main"


if __name__ == "__main__":
    runlog.set_tracking_uri(sys.argv[1])
    globals()[sys.argv[2]]()
