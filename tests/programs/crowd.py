"""Four threads that open a store and log, once stdin ends: crowd.py URI POINTS"""

import sys
import threading

import runlog

uri, points = sys.argv[1], int(sys.argv[2])
runlog.set_tracking_uri(uri)
trouble = []


def log():
    start.wait()
    try:
        with runlog.start_run() as run:
            runlog.log_param("thread", threading.current_thread().name)
            for step in range(points):
                runlog.log_metric("loss", step / 7, step=step)
                if step % 10 == 0:
                    runlog.log_metrics({"a": step, "b": -step}, step=step)
        sys.stdout.write(f"{run.info.run_id}\n")
    except BaseException as error:
        trouble.append(error)
        raise


def wait_for_the_others():
    print("ready", flush=True)
    sys.stdin.read()


start = threading.Barrier(4, action=wait_for_the_others)
threads = [threading.Thread(target=log) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(trouble))
