"""Logs to the server of RUNLOG_TRACKING_URI until it is killed: outbox_loop.py [RUN_ID]. Writes the
run's id, then the steps that were logged, a line each."""

import sys

import runlog

runlog.start_run(*sys.argv[1:2])
key = f"m{runlog.active_run().info.run_id[:4]}" if len(sys.argv) < 2 else sys.argv[2]
print(runlog.active_run().info.run_id, flush=True)
step = 0
while True:
    runlog.log_metric(key, float(step), step=step)
    if step % 50 == 49:
        runlog.set_tag(key, step)
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()
    step += 1
