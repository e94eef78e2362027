"""Logs as fast as it can and says which steps were acknowledged: log_loop.py URI KEYS

With no keys it searches too."""

import faulthandler
import os
import sys

import runlog

faulthandler.dump_traceback_later(60, exit=True)  # should it hang
uri, keys = sys.argv[1], int(sys.argv[2])
runlog.set_tracking_uri(uri)
os.write(1, b"ready\n")
run = runlog.start_run()
os.write(1, f"{run.info.run_id}\n".encode())
for step in range(10**9):
    if keys < 2:
        runlog.log_metric("m0", step, step=step)
        if keys == 0:
            runlog.search_runs(output_format="list")
    else:
        runlog.log_metrics({f"m{key}": step for key in range(keys)}, step=step)
    os.write(1, b"%d\n" % step)
