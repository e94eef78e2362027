"""Packs and unpacks the files of a run, over and over: DATABASE RUN."""

import sys

from runlog import packing
from runlog.sqlstore.store import SqlStore

store = SqlStore(sys.argv[1])
print("ready", flush=True)
while True:
    packing.pack(store, store.get_run(sys.argv[2]).info)
    packing.unpack(store, store.get_run(sys.argv[2]).info)
