"""Logs while the same process opens the store's files otherwise: other_hands.py URI RUNS HAND HOW

HOW is `between`, which does it after every run, `thread`, which does it all the time once there is
a file, or `early`, which does it from the moment that the file has its name. Prints the id of each
run whose calls have all returned.
"""

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import zipfile

import runlog

path, runs, hand, how = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
folder = os.path.dirname(path)
QUERY = "select run_id, status from runs"


def by_sqlite3():
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(QUERY).fetchall()


def by_pandas():
    import pandas

    with contextlib.closing(sqlite3.connect(path)) as connection:
        pandas.read_sql(QUERY, connection)


def by_sqlalchemy():
    import sqlalchemy

    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(QUERY)).fetchall()
    engine.dispose()


def by_duckdb():
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("load sqlite")
        connection.execute(f"attach '{path}' as store (type sqlite, read_only)")
        connection.execute("select count(*) from store.run").fetchall()


def by_copytree():
    with tempfile.TemporaryDirectory() as target:
        with contextlib.suppress(shutil.Error):  # the -wal and -shm files come and go
            shutil.copytree(folder, os.path.join(target, "copy"))


def by_zip():
    with tempfile.TemporaryFile() as target, zipfile.ZipFile(target, "w") as archive:
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError, ValueError):
                archive.write(os.path.join(folder, name), name)


def by_read():
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError), open(path + suffix, "rb") as file:
            file.read()


def all_the_time():
    while not ended.is_set():
        if os.path.exists(path):
            do()


do = globals()[f"by_{hand}"]
ended = threading.Event()
thread = threading.Thread(target=ended.wait if how == "between" else all_the_time)
runlog.set_tracking_uri(path)
if how != "early":
    runlog.search_runs(max_results=1, output_format="list")  # there is a file
thread.start()
try:
    for number in range(runs):
        with runlog.start_run() as run:
            runlog.log_param("number", number)
            for step in range(5):
                runlog.log_metric("loss", step / 7, step=step)
            runlog.log_metrics({"a": number, "b": -number})
        print(run.info.run_id, flush=True)
        if how == "between":
            do()
finally:
    ended.set()
    thread.join()
