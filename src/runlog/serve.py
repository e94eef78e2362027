"""Serving a store over HTTP: what an operator calls. The parts are in `runlog.server`.

`create_app` makes a WSGI application of a store, for a WSGI server of your own. `run` does what
the command `runlog serve` does: it serves until it is stopped, with workers and TLS.

    from runlog.serve import Config, run

    run(Config("sqlite:////srv/runlog/runlog.db", port=5000))
"""

from runlog.server.app import create_app
from runlog.server.process import Config
from runlog.server.process import serve as run

__all__ = ["Config", "create_app", "run"]
