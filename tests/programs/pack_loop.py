"""Packs and unpacks the files of a run, over and over: DATABASE RUN."""

import sys

from runlog.copying import pack
from runlog.sqlstore.store import SqlStore

store = SqlStore(sys.argv[1])
print("ready", flush=True)
while True:
    pack.pack(store, store.get_run(sys.argv[2]).info)
    pack.unpack(store, store.get_run(sys.argv[2]).info)
