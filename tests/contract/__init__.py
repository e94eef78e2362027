"""What every store promises, written against `runlog.store.Store` alone.

A package, so that its modules may be called as modules of the tests above are. A new store is a
line in `STORES` of conftest.py.
"""
