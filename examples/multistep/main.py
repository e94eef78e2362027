"""Run the steps of this project, each as a run of its own. A step that was run before with the same
parameters and code is not run again."""

import argparse

import runlog
from runlog.projects import run


def step(entry_point: str, **parameters: str) -> runlog.Run:
    """Return the run of a step, which is an earlier one if there is one like it."""
    this = runlog.active_run()
    conditions = [f"tags.`mlflow.project.entryPoint` = '{entry_point}'", "status = 'FINISHED'"]
    conditions += [f"params.{name} = '{value}'" for name, value in parameters.items()]
    if commit := this.data.tags.get("mlflow.source.git.commit"):
        conditions.append(f"tags.`mlflow.source.git.commit` = '{commit}'")
    earlier = runlog.search_runs(
        filter_string=" AND ".join(conditions), max_results=1, output_format="list"
    )
    if earlier:
        print(f"{entry_point}: as in the run {earlier[0].info.run_name}")
        return earlier[0]
    print(f"{entry_point}: running")
    submitted = run(".", entry_point, parameters=parameters, run_name=entry_point)
    return runlog.get_run(submitted.run_id)


parser = argparse.ArgumentParser()
parser.add_argument("--points")
parser.add_argument("--degree")
given = parser.parse_args()

with runlog.start_run():
    prepared = step("prepare", points=given.points)
    data = f"runs:/{prepared.info.run_id}/data.csv"
    trained = step("train", data=data, degree=given.degree)
    runlog.log_metric("error", trained.data.metrics["error"])
    print(f"error {trained.data.metrics['error']:.3f}")
