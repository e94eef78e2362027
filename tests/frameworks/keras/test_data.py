"""TensorFlow's tensors and data sets: names, digests and schemas are the real MLflow's."""

from __future__ import annotations

import json

import pytest
import tensorflow as tf

import runlog
from frameworks.environments import run_with_mlflow
from runlog.errors import InvalidParameter

DESCRIBE = """
import json
import sys

import tensorflow as tf

x = tf.reshape(tf.range(12, dtype=tf.float32), (4, 3))
y = tf.constant([0, 1, 0, 1])
many = tf.data.Dataset.from_tensor_slices

def described(data):
    return [
        data.from_tensorflow(x, name="a").to_dict(),
        data.from_tensorflow(x, targets=y).to_dict(),
        data.from_tensorflow(many(x).batch(2), targets=many(y).batch(2)).to_dict(),
        data.from_tensorflow(many((x, y)).batch(2)).to_dict(),
        data.from_tensorflow(many({"x": x, "y": y}).batch(3)).to_dict(),
    ]
"""


@pytest.mark.parametrize("version", ["2", "3"])
def test_descriptions_are_those_of_mlflow(version):
    given: dict[str, object] = {}
    exec(DESCRIBE, given)
    ours = given["described"](runlog.data)
    printed = run_with_mlflow(
        version, f"{DESCRIBE}\nimport mlflow.data\nprint(json.dumps(described(mlflow.data)))"
    )
    theirs = json.loads(printed.splitlines()[-1])
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.pop("source") and other.pop("source")  # the program, which differs
        assert mine == other


def test_a_run_that_read_a_data_set(place):
    data = tf.data.Dataset.range(10)
    with runlog.start_run() as run:
        runlog.log_input(runlog.data.from_tensorflow(data, "data/train"), "training")
    (found,) = runlog.get_run(run.info.run_id).inputs.dataset_inputs
    assert json.loads(found.dataset.profile) == {"features_cardinality": 10}


@pytest.mark.parametrize("features, targets", [([1], None), (tf.constant([1]), [1])])
def test_what_is_no_data_of_tensorflow(features, targets):
    with pytest.raises(InvalidParameter, match="give tensors, or tf.data.Datasets, for both"):
        runlog.data.from_tensorflow(features, targets=targets)
