"""Logs to the server of RUNLOG_TRACKING_URI; goes on when a line comes in, and is then killed or
ends: spooling.py POINTS."""

import sys

import runlog

with runlog.start_run() as run:
    runlog.log_metric("loss", 0.0, step=0)
    print(run.info.run_id, flush=True)
    sys.stdin.readline()
    for step in range(1, int(sys.argv[1])):
        runlog.log_metric("loss", 1 / step, step=step)
    runlog.log_params({"lr": 0.1})
    runlog.set_tag("state", "last")
    print("logged", flush=True)
    sys.stdin.readline()
