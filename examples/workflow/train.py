"""The first step: train a model, register it, and make it the champion if it is the best so far."""

import argparse

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

import runlog

parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=float, default=8)
depth = int(parser.parse_args().depth)

images, digits = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(images, digits, random_state=0)

client = runlog.RunlogClient()
with runlog.start_run():
    model = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(x_train, y_train)
    accuracy = model.score(x_test, y_test)
    runlog.log_metric("accuracy", accuracy)
    runlog.sklearn.log_model(
        model, name="model", input_example=x_train[:2], registered_model_name="digits"
    )
    run_id = runlog.active_run().info.run_id

versions = client.search_model_versions("name = 'digits'")
new = next(version for version in versions if version.run_id == run_id)
aliases = client.get_registered_model("digits").aliases
if "champion" in aliases:
    champion = client.get_model_version("digits", aliases["champion"])
    best = runlog.get_run(champion.run_id).data.metrics["accuracy"]
else:
    best = 0
if accuracy > best:
    client.set_registered_model_alias("digits", "champion", new.version)
print(f"version {new.version}: accuracy {accuracy:.3f}, the best before {best:.3f}")
