"""Logs and dies at once, as by kill -9: die.py URI [half]. With `half` in the middle of a write."""

import os
import sys

from runlog.store import open_store

store = open_store(sys.argv[1])
if sys.argv[2:] == ["half"]:
    db = store.db
    db.execute("pragma cache_size = 1")
    db.execute("pragma cache_spill = 1")
    db.execute("begin immediate")
    for number in range(500):
        db.execute(f"insert into tag values (1, 'k{number}', '{'x' * 500}')")
    os._exit(0)
run = store.create_run("0", run_name="first")
store.log(run.info.run_id, [("loss", 1 / (step + 1), 1, step) for step in range(100)], [("lr", 1)])
os.write(1, run.info.run_id.encode())
os._exit(0)
