"""`from runlog.tracking.fluent import ...`, as scripts say it: what `runlog` itself offers."""

from runlog.fluent import *  # noqa: F403
