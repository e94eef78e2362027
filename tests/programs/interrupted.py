"""Logs while a timer's signal comes at any moment: interrupted.py URI raises|logs SECONDS.

A handler that raises is what Ctrl-C in a notebook is; one that logs is what the warning of a batch
system may start."""

import os
import random
import signal
import sys
import time

import runlog

uri, how = sys.argv[1:3]
runlog.set_tracking_uri(uri)
run = runlog.start_run()
beats = 0
acknowledged = []


def again():
    if time.monotonic() < end:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.003))


def handler(number, frame):
    global beats
    if how == "raises":
        if logging:
            raise KeyboardInterrupt
        return again()
    try:
        runlog.log_metrics({"refused": 1, "x" * 300: 1})  # the second one is too long a key
    except runlog.MlflowException:
        pass
    runlog.log_metric("beat", beats, step=beats)
    runlog.log_metrics({f"beat {beats % 50}": beats}, step=beats)
    runlog.get_run(run.info.run_id)
    if beats % 20 == 0 and hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    beats += 1
    again()


def log(step):
    if step % 2:
        runlog.log_metric("single", step, step=step)
    else:
        runlog.log_metrics({"a": step, "b": step, f"c{step % 97}": step}, step=step)
    if step % 50 == 0:
        runlog.get_run(run.info.run_id)


signal.signal(signal.SIGALRM, handler)
end = time.monotonic() + float(sys.argv[3])
logging = False
step = 0
again()
while time.monotonic() < end:
    step += 1
    try:
        logging = True
        log(step)
        logging = False
        acknowledged.append(step)
    except KeyboardInterrupt:
        logging = False
        beats += 1
        again()
signal.setitimer(signal.ITIMER_REAL, 0)


def logged(key):
    return {point.step for point in runlog.RunlogClient().get_metric_history(run.info.run_id, key)}


assert len(acknowledged) > 100
odd = {step for step in acknowledged if step % 2}
even = set(acknowledged) - odd
assert odd <= logged("single"), f"lost {odd - logged('single')}"
assert even <= logged("a"), f"lost {even - logged('a')}"
assert logged("a") == logged("b") == set().union(*(logged(f"c{n}") for n in range(97)))
if how == "raises":
    beats = 0
assert logged("beat") == set(range(beats)), f"lost {set(range(beats)) - logged('beat')}"
assert set().union(*(logged(f"beat {n}") for n in range(50))) == set(range(beats))
assert logged("refused") == set()
print(step, len(acknowledged), beats)
