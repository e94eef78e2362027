"""Reads a store as a user who may not write it: nobody.py URI RUN_ID [follow]"""

import os
import sys
import tempfile

from runlog.errors import StoreReadOnly
from runlog.store import open_store


def read(store, run_id):
    print("loss", store.get_run(run_id).data.metrics["loss"], flush=True)
    store.search_runs(["0"], "metrics.loss > 0", order_by=["metrics.loss"])
    return len(store.get_metric_history(run_id, "loss"))


# Whoever is nobody may not be able to read Python's modules: all of them are loaded before.
with tempfile.TemporaryDirectory() as folder:
    scratch = open_store(f"{folder}/x.db")
    scratch.log(scratch.create_run("0").info.run_id, [("loss", 1.0, 1, 1)])
    scratch.search_runs(["0"], "metrics.loss > 0", order_by=["metrics.loss"])
    scratch.close()
os.setgid(65534)
os.setuid(65534)

uri, run_id, *follow = sys.argv[1:]
store = open_store(uri)
points = read(store, run_id)
if follow:
    for _ in sys.stdin:
        read(store, run_id)
else:
    print(points, "points")
    try:
        store.log_metric(run_id, "loss", 1.0, 1, 1)
    except StoreReadOnly as error:
        print(str(error).partition(":")[0])
store.close()
