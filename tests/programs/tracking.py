"""A script as MLflow's users write them: tracking.py MODULE URI. Prints what it saw as JSON.

The same lines run with MLflow and with runlog. Ids and times differ from run to run, so they are
given names or left out; all else is printed as it is.
"""

from __future__ import annotations

import importlib
import json
import math
import sys

mlflow = importlib.import_module(sys.argv[1])
MlflowException = importlib.import_module(sys.argv[1] + ".exceptions").MlflowException
entities = importlib.import_module(sys.argv[1] + ".entities")
ViewType, Metric, Param, RunTag = (
    getattr(entities, name) for name in ("ViewType", "Metric", "Param", "RunTag")
)
UNKNOWN = "0123456789abcdef" * 2
ABOUT_THE_PROGRAM = ("mlflow.user", "mlflow.source.", "mlflow.experiment", "runlog.")

seen = {}
names = {}


def see(name, call):
    """Keeps under `name` what the call returns or raises, and returns it."""
    assert name not in seen, name
    result = None
    try:
        result = call()
        seen[name] = plain(result)
    except MlflowException as error:
        seen[name] = {"error": error.error_code}
    except Exception as error:
        seen[name] = {"raised": type(error).__name__}
    return result


def plain(value):
    kind = type(value).__name__
    if kind == "Experiment":
        return [value.name, value.lifecycle_stage, tags(value.tags), value.creation_time > 0]
    if kind in ("Run", "ActiveRun"):
        return {"info": plain(value.info), "data": plain(value.data)}
    if kind == "RunInfo":
        ended = value.end_time is not None
        return [value.run_name, value.status, value.lifecycle_stage, ended, plain(value.run_id)]
    if kind == "RunData":
        return [plain(value.metrics), plain(value.params), tags(value.tags)]
    if kind == "Metric":
        return [value.key, plain(value.value), plain(value.timestamp), value.step]
    if kind == "FileInfo":
        return [value.path, value.is_dir, value.file_size]
    if kind == "DataFrame":
        columns = sorted(name for name in value if not name.startswith("tags."))
        kinds = [str(value[name].dtype) for name in columns]
        texts = [name for name in columns if name not in ("start_time", "end_time")]
        texts = [name for name in texts if name != "artifact_uri"]
        return [columns, kinds, *([plain(v) for v in value[name].tolist()] for name in texts)]
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and value > 10**12:
        return "now"
    return names.get(value, value) if isinstance(value, str) else value


def tags(given):
    return {
        key: plain(value)
        for key, value in sorted(given.items())
        if not key.startswith(ABOUT_THE_PROGRAM)
    }


def named(name, run):
    names[run.info.run_id] = name
    return run.info.run_id


EXPERIMENT_FILTERS = """
name = 'one' | name LIKE '%n%' | name ILIKE 'ONE' | tags.k = 'v' | attribute.name != 'one'
name LIKE 'o%' AND tags.n = '1' | creation_time > 0 | name IN ('one') | tags.k = 5 | metrics.m = 1
"""


def each_of(filters):
    return [
        text.strip() for line in filters.split("\n") for text in line.split("|") if text.strip()
    ]


def experiments(client):
    def found(**search):
        search = {"order_by": ["name"], **search}
        return [each.name for each in mlflow.search_experiments(**search)]

    see("create experiment", lambda: mlflow.create_experiment("one", tags={"k": "v", "n": "1"}))
    see("create it again", lambda: mlflow.create_experiment("one"))
    see("no name", lambda: mlflow.create_experiment(""))
    see("long name", lambda: mlflow.create_experiment("x" * 501))
    see("get experiment", lambda: mlflow.get_experiment("1"))
    see("get by name", lambda: mlflow.get_experiment_by_name("one"))
    see("get unknown by name", lambda: mlflow.get_experiment_by_name("none"))
    see("get unknown", lambda: mlflow.get_experiment("77"))
    see("client get unknown by name", lambda: client.get_experiment_by_name("none"))
    see("create two", lambda: client.create_experiment("two"))
    see("rename", lambda: client.rename_experiment("2", "second"))
    see("rename to taken", lambda: client.rename_experiment("2", "one"))
    see("rename unknown", lambda: client.rename_experiment("77", "x"))
    see("tag", lambda: client.set_experiment_tag("2", "k", 1))
    see("tag again", lambda: client.set_experiment_tag("2", "k", 2))
    see("tag with bad key", lambda: client.set_experiment_tag("2", "a\nb", 2))
    see("tagged", lambda: client.get_experiment("2"))
    see("untag", lambda: client.delete_experiment_tag("2", "k"))
    see("untag again", lambda: client.delete_experiment_tag("2", "k"))
    see("delete", lambda: client.delete_experiment("2"))
    see("deleted", lambda: client.get_experiment("2"))
    see("rename deleted", lambda: client.rename_experiment("2", "x"))
    see("create deleted name", lambda: client.create_experiment("second"))
    see("set deleted", lambda: mlflow.set_experiment("second"))
    see("set deleted by id", lambda: mlflow.set_experiment(experiment_id="2"))
    see("run in deleted", lambda: client.create_run("2"))
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL"):
        see(f"search {view}", lambda view=view: found(view_type=getattr(ViewType, view)))
    see("restore", lambda: client.restore_experiment("2"))
    see("restore unknown", lambda: client.restore_experiment("77"))
    see("delete unknown", lambda: client.delete_experiment("77"))
    for text in each_of(EXPERIMENT_FILTERS):
        see(f"experiments: {text}", lambda text=text: found(filter_string=text))
    for order in ("name DESC", "experiment_id ASC", "color"):
        see(f"experiments by {order}", lambda order=order: found(order_by=[order]))
    see("set both", lambda: mlflow.set_experiment("one", "1"))
    see("set neither", lambda: mlflow.set_experiment())
    see("set unknown id", lambda: mlflow.set_experiment(experiment_id="77"))
    see("set", lambda: mlflow.set_experiment("one"))
    see("set a new one", lambda: mlflow.set_experiment("three"))
    see("set tags of it", lambda: mlflow.set_experiment_tags({"a": 1, "b": "x"}))
    see("set a tag of it", lambda: mlflow.set_experiment_tag("c", None))
    see("tags of it", lambda: mlflow.get_experiment_by_name("three"))


def runs(client):
    see("no active run", lambda: mlflow.active_run())
    see("no last run", lambda: mlflow.last_active_run())
    with mlflow.start_run(run_name="first", tags={"k": "1"}, description="note") as run:
        first = named("first", run)
        see("active", lambda: mlflow.active_run())
        see("second run", lambda: mlflow.start_run())
        with mlflow.start_run(run_name="child", nested=True) as child:
            named("child", child)
            see("child", lambda: client.get_run(child.info.run_id))
            with mlflow.start_run(run_name="grandchild", nested=True) as grandchild:
                named("grandchild", grandchild)
        see("parent", lambda: mlflow.get_parent_run(grandchild.info.run_id))
        see("no parent", lambda: mlflow.get_parent_run(first))
    see("ended", lambda: mlflow.get_run(first))
    see("last active", lambda: mlflow.last_active_run())
    try:
        with mlflow.start_run(run_name="failed") as failed:
            named("failed", failed)
            raise ZeroDivisionError
    except ZeroDivisionError:
        see("failed", lambda: mlflow.get_run(failed.info.run_id))
    with mlflow.start_run(first, tags={"k": 2}):
        see("resumed", lambda: client.get_run(first))
    see("resumed and ended", lambda: client.get_run(first))
    with mlflow.start_run(run_name="orphan", parent_run_id=first) as orphan:
        named("orphan", orphan)
    see("orphan", lambda: client.get_run(orphan.info.run_id))
    run = mlflow.start_run(run_name="killed")
    named("killed", run)
    mlflow.end_run("KILLED")
    see("killed", lambda: mlflow.get_run(run.info.run_id))
    see("end nothing", lambda: mlflow.end_run())
    see("resume unknown", lambda: mlflow.start_run(UNKNOWN))
    see("get unknown run", lambda: mlflow.get_run(UNKNOWN))
    see("parent unknown", lambda: mlflow.start_run(parent_run_id=UNKNOWN))
    note = {"mlflow.note.content": "b"}
    see("two descriptions", lambda: mlflow.start_run(description="a", tags=note))
    see("run in unknown", lambda: client.create_run("77"))
    see("two names", lambda: client.create_run("3", tags={"mlflow.runName": "a"}, run_name="b"))
    made = client.create_run("3", start_time=5, tags={"mlflow.runName": "made", "x": "y"})
    run_id = named("made", made)
    see("made", lambda: client.get_run(run_id))
    see("start time", lambda: client.get_run(run_id).info.start_time)
    see("set terminated", lambda: client.set_terminated(run_id))
    see("terminated", lambda: client.get_run(run_id))
    see("end time", lambda: client.set_terminated(run_id, "FAILED", 7))
    see("end times", lambda: client.get_run(run_id).info.end_time)
    see("update", lambda: client.update_run(run_id, "RUNNING", "renamed"))
    see("updated", lambda: client.get_run(run_id))
    see("bad status", lambda: client.set_terminated(run_id, "DONE"))
    see("rename by tag", lambda: client.set_tag(run_id, "mlflow.runName", "by tag"))
    see("renamed by tag", lambda: client.get_run(run_id).info.run_name)
    see("delete run", lambda: client.delete_run(run_id))
    see("deleted run", lambda: client.get_run(run_id).info)
    see("log to deleted", lambda: client.log_metric(run_id, "m", 1))
    see("param to deleted", lambda: client.log_param(run_id, "p", 1))
    see("tag deleted", lambda: client.set_tag(run_id, "t", 1))
    see("resume deleted", lambda: mlflow.start_run(run_id))
    see("restore run", lambda: client.restore_run(run_id))
    see("restored run", lambda: client.get_run(run_id).info)
    see("to dictionary", lambda: sorted(client.get_run(run_id).to_dictionary()))
    see("data as dictionary", lambda: client.get_run(first).data.to_dictionary()["params"])


def logging(client):
    run = mlflow.start_run(run_name="logged")
    run_id = named("logged", run)
    see("log_metric", lambda: mlflow.log_metric("m", 1))
    see("log_metric at", lambda: mlflow.log_metric("m", 0.5, step=3, timestamp=7))
    see("log_metrics", lambda: mlflow.log_metrics({"m": 2, "n": 3}, step=2, timestamp=8))
    for number, value in enumerate([3.0, 1.0, 2.0]):
        client.log_metric(run_id, "tied", value, timestamp=5, step=number // 2)
    for step, value in enumerate([1.0, math.nan]):
        client.log_metric(run_id, "nan", value, timestamp=5, step=step)
    for _ in range(2):
        client.log_metric(run_id, "twice", 1.0, timestamp=5, step=0)
    client.log_metric(run_id, "back", 1.0, timestamp=9, step=1)
    client.log_metric(run_id, "back", 2.0, timestamp=3, step=1)
    client.log_metric(run_id, "back", 3.0, timestamp=9, step=-1)
    for key in ("m", "n", "tied", "nan", "twice", "back", "none"):
        see(f"history of {key}", lambda key=key: client.get_metric_history(run_id, key))
    see("metrics", lambda: mlflow.get_run(run_id).data.metrics)
    see("log_param", lambda: mlflow.log_param("p", 1))
    see("log_param again", lambda: mlflow.log_param("p", "1"))
    see("change a param", lambda: mlflow.log_param("p", 2))
    see("change among params", lambda: mlflow.log_params({"new": 1, "p": 2}))
    see("log_params", lambda: mlflow.log_params({"a": None, "b": [1], "c": "é" * 100}))
    see("set_tag", lambda: mlflow.set_tag("t", None))
    see("set_tags", lambda: mlflow.set_tags({"t": 1.5, "u": "it's", "v": ""}))
    see("delete_tag", lambda: mlflow.delete_tag("u"))
    see("delete_tag again", lambda: mlflow.delete_tag("u"))
    for key in (
        "a/b",
        "a b",
        "a.b",
        "a:b",
        "é",
        "",
        "/a",
        "a//b",
        "../a",
        "a\nb",
        "a'b",
        "x" * 251,
    ):
        see(f"metric {key[:5]!r}", lambda key=key: mlflow.log_metric(key, 1))
        see(f"param {key[:5]!r}", lambda key=key: mlflow.log_param(key, 1))
        see(f"tag {key[:5]!r}", lambda key=key: mlflow.set_tag(key, 1))
    for value in (True, "1", "x", None, [1]):
        see(f"metric of {value!r}", lambda value=value: mlflow.log_metric("v", value))
    see("negative time", lambda: mlflow.log_metric("v", 1, timestamp=-1))
    see("log_batch", lambda: client.log_batch(
        run_id, [Metric("b", 1.0, 5, 0), Metric("b", 2.0, 5, 1)], [Param("bp", "1")],
        [RunTag("bt", "1"), RunTag("bt", "2")],
    ))  # fmt: skip
    see("batch with changed param", lambda: client.log_batch(
        run_id, [Metric("lost", 1.0, 5, 0)], [Param("bp", "2")], [RunTag("lost", "1")]
    ))  # fmt: skip
    see("data", lambda: mlflow.get_run(run_id).data)
    see("metric to unknown", lambda: client.log_metric(UNKNOWN, "m", 1))
    see("param to unknown", lambda: client.log_param(UNKNOWN, "m", 1))
    see("tag unknown", lambda: client.set_tag(UNKNOWN, "m", 1))
    mlflow.end_run()
    odd = client.create_run("3").info.run_id
    for value in (-0.0, math.inf, -math.inf, 5e-324):
        client.log_metric(odd, f"{value}", value, timestamp=1)
        see(f"history of {value}", lambda value=value: client.get_metric_history(odd, f"{value}"))


FILTERS = """
metrics.m > 0 | metrics.m >= 0.5 and params.kind = 'a' | metrics.m != 1 | metrics.none > 0
metrics.`m` < 1.5 | metrics."m" = 1 | metric.m <= 0.5 | metrics.m = 'x' | metrics.m LIKE '1'
params.kind = 'a' | params.kind != 'a' | params.kind LIKE '%A%' | params.kind ILIKE '%A%'
parameters.kind = "b" | params.kind = 5 | params.kind > 'a' | params.kind IS NULL
params.kind IS NOT NULL | tags.even = 'True' | tags.`mlflow.runName` LIKE 'run%' | tags.even = True
attributes.status = 'FINISHED' | status = 'finished' | attributes.run_name = 'run 1'
run_name ILIKE 'RUN _' | `run name` = 'run 2' | start_time > 2 | start_time <= 2 | end_time > 0
attributes.color = 'red' | color = 'red' | metrics.m > | > 1 | metrics.m 1 | nonsense.m = 1
run_id = 'x' | run_id IN ('x', 'y') | attributes.run_id NOT IN ('x')
user_id = 'x' | artifact_uri LIKE '%/artifacts' | datasets.name = 'x' | datasets.color = 'x'
"""

ORDERS = [
    ["metrics.m"], ["metrics.m DESC"], ["metrics.`m` ASC"], ["params.kind", "start_time ASC"],
    ["params.kind DESC"], ["tags.even ASC", "metrics.m DESC"], ["start_time"], [],
    ["attributes.start_time DESC"], ["attribute.run_name desc"], ["end_time"], ["status"],
    ["metrics.m sideways"], ["color"], ["metrics.m", "metrics.m DESC"], ["nonsense.m"],
]  # fmt: skip


def searches(client):
    experiment = mlflow.set_experiment("searched").experiment_id
    values = [1.0, 0.5, math.nan, None, 2.0]
    for number, value in enumerate(values):
        run = client.create_run(experiment, start_time=number + 1, run_name=f"run {number}")
        run_id = named(f"run {number}", run)
        if value is not None:
            client.log_metric(run_id, "m", value, timestamp=1)
        if number != 1:
            client.log_param(run_id, "kind", "ab"[number % 2])
        client.set_tag(run_id, "even", number % 2 == 0)
        client.set_terminated(run_id, end_time=10 - number)

    def found(text="", order=("start_time ASC",), **more):
        page = client.search_runs([experiment], text, order_by=list(order), **more)
        return [run.info.run_name for run in page]

    for text in each_of(FILTERS):
        see(f"runs: {text}", lambda text=text: found(text))
    for order in ORDERS:
        see(f"runs by {order}", lambda order=order: found(order=order))
    see("pages", lambda: pages(client, experiment))
    see("no page", lambda: found(max_results=0))
    see("large page", lambda: found(max_results=50_001))
    see("bad token", lambda: found(page_token="nonsense"))
    see("nowhere", lambda: client.search_runs([], "metrics.m > 0"))
    see("list", lambda: mlflow.search_runs(output_format="list", order_by=["start_time ASC"]))
    see("DataFrame", lambda: mlflow.search_runs(order_by=["start_time ASC"]))
    see("empty DataFrame", lambda: list(mlflow.search_runs(filter_string="metrics.none > 0")))
    see("first two", lambda: mlflow.search_runs(max_results=2, order_by=["start_time ASC"]))
    see("by name", lambda: len(mlflow.search_runs(experiment_names=["searched", "none"])))
    see("by no id", lambda: len(mlflow.search_runs(experiment_ids=[])))
    see("everywhere", lambda: len(mlflow.search_runs(search_all_experiments=True)))
    see("by name and id", lambda: mlflow.search_runs(["1"], experiment_names=["searched"]))
    see("as arrow", lambda: mlflow.search_runs(output_format="arrow"))
    see("id as text", lambda: mlflow.search_runs("1", output_format="list"))
    client.delete_experiment(experiment)
    see("in a deleted experiment", lambda: found(run_view_type=ViewType.DELETED_ONLY))
    client.restore_experiment(experiment)


def pages(client, experiment):
    token, found = None, []
    while token or not found:
        page = client.search_runs([experiment], "", max_results=2, page_token=token)
        found.append([run.info.run_name for run in page])
        token = page.token
    return found


def artifacts(client):
    with mlflow.start_run(run_name="files") as run:
        run_id = run.info.run_id
        see("log_text", lambda: mlflow.log_text("é\n", "deep/t.txt"))
        see("log_dict", lambda: mlflow.log_dict({"a": [1, None, "é"]}, "d.json"))
        see("log_dict as yaml", lambda: mlflow.log_dict({"a": [1, None, "é"]}, "d.yaml"))
        with open("local.txt", "w") as file:
            file.write("local")
        see("log_artifact", lambda: mlflow.log_artifact("local.txt"))
        see("log_artifact in", lambda: mlflow.log_artifact("local.txt", "deep/er"))
        see("log_artifact unknown", lambda: mlflow.log_artifact("none.txt"))
        see("log_artifacts", lambda: mlflow.log_artifacts("folder", "all"))
        see("uri", lambda: mlflow.get_artifact_uri("x/y").endswith("/artifacts/x/y"))
        see("same uri", lambda: mlflow.get_artifact_uri() == run.info.artifact_uri)
        for path in ("/etc/x", "../x", "a/../../x", ""):
            see(f"log_text to {path!r}", lambda path=path: mlflow.log_text("x", path))
    for path in (None, "deep", "all", "d.json", "none"):
        see(f"list {path}", lambda path=path: client.list_artifacts(run_id, path))
    see("list upwards", lambda: client.list_artifacts(run_id, "../.."))
    see("list by uri", lambda: mlflow.artifacts.list_artifacts(f"runs:/{run_id}/deep"))
    see("list by id", lambda: mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="all"))
    see("load_text", lambda: mlflow.artifacts.load_text(f"runs:/{run_id}/deep/t.txt"))
    see("load_dict", lambda: mlflow.artifacts.load_dict(f"runs:/{run_id}/d.json"))
    see("yaml text", lambda: mlflow.artifacts.load_text(f"runs:/{run_id}/d.yaml"))
    see("load text as dict", lambda: mlflow.artifacts.load_dict(f"runs:/{run_id}/deep/t.txt"))
    see("load unknown", lambda: mlflow.artifacts.load_text(f"runs:/{run_id}/none"))
    see("load of unknown", lambda: mlflow.artifacts.load_text(f"runs:/{UNKNOWN}/none"))
    see("download", lambda: open(client.download_artifacts(run_id, "local.txt")).read())
    with mlflow.start_run(run_name="tables") as run:
        see("log_table", lambda: mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "t.json"))
        see("log more", lambda: mlflow.log_table({"x": [3], "y": ["c"]}, "t.json"))
        see("logged", lambda: mlflow.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"])
    see("load_table", lambda: mlflow.load_table("t.json"))
    see("with columns", lambda: mlflow.load_table("t.json", extra_columns=["status"]))
    see("no table", lambda: mlflow.load_table("none.json"))


def inputs(client):
    import numpy
    import pandas

    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    with mlflow.start_run(run_name="inputs") as run:
        data = mlflow.data.from_pandas(frame, name="frame", targets="b")
        see("log_input", lambda: mlflow.log_input(data, context="training", tags={"k": "v"}))
        array = mlflow.data.from_numpy(numpy.zeros((3, 2)), name="array")
        see("log_inputs", lambda: mlflow.log_inputs([array, data], ["test", None], [None, None]))
        see("uneven inputs", lambda: mlflow.log_inputs([array], [], []))
    run_id = run.info.run_id
    see("inputs", lambda: sorted(
        [each.dataset.name, each.dataset.digest, each.dataset.source_type, each.dataset.profile,
         each.dataset.schema, sorted([tag.key, tag.value] for tag in each.tags)]
        for each in client.get_run(run_id).inputs.dataset_inputs
    ))  # fmt: skip
    for text in ("datasets.name = 'frame'", "dataset.context = 'test'", "datasets.digest LIKE '%'"):
        see(f"runs: {text}", lambda text=text: len(mlflow.search_runs(filter_string=text)))


def models(client):
    import numpy

    with mlflow.start_run(run_name="models") as run:
        run_id = named("of models", run)
        made = mlflow.initialize_logged_model("tree", params={"depth": 3}, model_type="trees")
        names[made.model_id] = "tree"
    tree = made.model_id
    other = client.create_logged_model(run.info.experiment_id, "forest", tags={"k": "v"}).model_id
    names[other] = "forest"
    see("made model", lambda: model(made))
    see("model with a bad name", lambda: client.create_logged_model("1", "a/b"))
    see("model in unknown", lambda: client.create_logged_model("77", "a"))
    see("finalize", lambda: model(mlflow.finalize_logged_model(tree, "READY")))
    see("set tags of model", lambda: mlflow.set_logged_model_tags(tree, {"a": "1", "b": "2"}))
    see("delete tag of model", lambda: mlflow.delete_logged_model_tag(tree, "a"))
    see("params of model", lambda: client.log_model_params(tree, {"p": 1, "q": "x"}))
    data = mlflow.data.from_numpy(numpy.zeros((3, 2)), name="zeros")
    of = {"model_id": tree}
    with mlflow.start_run(run_id):
        see("metric of model", lambda: mlflow.log_metric("acc", 0.5, 1, timestamp=5, **of))
        see("on data", lambda: mlflow.log_metric("acc", 0.6, 2, timestamp=6, dataset=data, **of))
        see("metrics on data", lambda: mlflow.log_metrics(
            {"acc": 0.7, "loss": 1.0}, 3, timestamp=7, dataset=data, model_id=other
        ))  # fmt: skip
        see("on data alone", lambda: mlflow.log_metric("alone", 1, 1, timestamp=5, dataset=data))
        out = entities.LoggedModelOutput(other, 3)
        see("log_outputs", lambda: mlflow.log_outputs([out]))
        see("of an output", lambda: mlflow.log_metric("late", 1, 9, timestamp=9, model_id=other))
        model_input = entities.LoggedModelInput(other)
        see("log_inputs of models", lambda: mlflow.log_inputs(models=[model_input]))
    see("client metric of model", lambda: client.log_metric(
        run_id, "c", 1.0, 5, 1, model_id=tree, dataset_name="n", dataset_digest="d"
    ))  # fmt: skip
    see("half a data set", lambda: client.log_metric(run_id, "c", 1.0, dataset_name="n"))
    see("half a data set in a metric", lambda: Metric("c", 1.0, 5, 1, tree, "n"))
    see("batch of model", lambda: client.log_batch(run_id, [Metric("b", 1.0, 5, 1, tree)]))
    see("run of models", lambda: linked(client.get_run(run_id)))
    see("history of acc", lambda: client.get_metric_history(run_id, "acc"))
    for name, model_id in (("tree", tree), ("forest", other)):
        see(name, lambda model_id=model_id: model(mlflow.get_logged_model(model_id)))
    see("models", lambda: found_models(order_by=[{"field_name": "name"}]))
    see("models of a name", lambda: found_models(filter_string="name = 'tree'"))
    see("one model", lambda: len(found_models(max_results=1)))
    see("by metric", lambda: found_models(order_by=[{"field_name": "metrics.acc"}]))
    on = [{"dataset_name": "zeros"}]
    see("on a data set", lambda: found_models(filter_string="metrics.acc > 0.65", datasets=on))
    see("models as DataFrame", lambda: sorted(mlflow.search_logged_models()["name"]))
    see("models as arrow", lambda: mlflow.search_logged_models(output_format="arrow"))
    see("delete model", lambda: client.delete_logged_model(other))
    see("deleted model", lambda: mlflow.get_logged_model(other))
    see("unknown model", lambda: mlflow.get_logged_model("m-" + UNKNOWN))
    see("models left", lambda: found_models())


def model(given):
    points = [
        [*plain(point), point.dataset_name, plain(point.model_id), plain(point.run_id)]
        for point in given.metrics or ()
    ]
    source = plain(given.source_run_id)
    known = [given.name, given.model_type, str(given.status), plain(given.params)]
    return [*known, source, tags(given.tags), sorted(points)]


def linked(run):
    data = sorted(each.dataset.name for each in run.inputs.dataset_inputs)
    inputs = sorted(plain(each.model_id) for each in run.inputs.model_inputs)
    outputs = [[plain(each.model_id), each.step] for each in run.outputs.model_outputs]
    return [data, inputs, outputs, plain(run.data.metrics)]


def found_models(**search):
    return [each.name for each in mlflow.search_logged_models(output_format="list", **search)]


def main():
    import os

    os.makedirs("folder/inner")
    for path in ("folder/a.txt", "folder/inner/b.txt"):
        with open(path, "w") as file:
            file.write(path)
    mlflow.set_tracking_uri(sys.argv[2])
    client = mlflow.MlflowClient()
    for part in (experiments, runs, logging, searches, artifacts, inputs, models):
        part(client)
    see("create with a number", lambda: mlflow.create_experiment("number", tags={"n": 1}) > "0")
    print(json.dumps(seen))


main()
