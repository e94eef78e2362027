"""Forks while a thread is in the middle of a query, and logs in both processes."""

import os
import threading

import runlog

slow = (
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000) "
    "select count(*) as c from n"
)
with runlog.start_run():
    runlog.log_metric("m", 0.0)
    begun = threading.Event()

    def ask():
        begun.set()
        assert runlog.sql(slow, output_format="list") == [{"c": 3000000}]

    thread = threading.Thread(target=ask)
    thread.start()
    begun.wait()
    for i in range(5):
        pid = os.fork()
        runlog.log_metric("m", 1.0, step=i)
        if pid == 0:
            runlog.log_metric("child", 1.0, step=i)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    thread.join()
text = "select key, count(*) as n from metrics group by key"
found = runlog.sql(text, output_format="list")
print(sorted((row["key"], row["n"]) for row in found))
