"""Log a run, then find it again."""

import runlog

with runlog.start_run(run_name="first steps"):
    runlog.log_param("learning_rate", 0.1)
    for step in range(10):
        runlog.log_metric("loss", 1 / (step + 1), step=step)

runs = runlog.search_runs(filter_string="metrics.loss < 0.2", output_format="list")
for run in runs:
    print(run.info.run_name, run.data.params, run.data.metrics)
