"""Run projects: folders or git repositories with an MLproject file.

    import runlog

    submitted = runlog.projects.run("git@github.com:team/digits.git", parameters={"alpha": 0.5})
    print(runlog.get_run(submitted.run_id).data.metrics)

A project's command runs as a run of its own, in a process of its own. `runlog run` does the same.

- `specification`: the MLproject file, its entry points and their parameters
- `source`: where a project comes from: a folder, a git repository, a zip file
- `environments`: the Python in which a project runs
- `process`: the process of a run, its signals and its output
- `terminal`: which process reads from the terminal
- `recording`: the run of a process: how it is created and ended
- `running`: all of it together
"""

from runlog.errors import ExecutionException
from runlog.projects.running import SubmittedRun, run

__all__ = ["ExecutionException", "SubmittedRun", "run"]
