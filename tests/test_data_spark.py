"""Spark's DataFrames as data sets, where Spark is installed: half a gigabyte, and it needs Java."""

from __future__ import annotations

import json

import pytest

import runlog
from runlog.data import DeltaDatasetSource, SparkDatasetSource
from runlog.errors import InvalidParameter


@pytest.fixture(scope="module")
def session():
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    yield session
    session.stop()


@pytest.mark.filterwarnings("ignore")
def test_a_dataframe_and_its_source(place, session):
    rows = [(1, "a", 2.0, [1], True), (2, "b", 3.0, [2], False)]
    path = str(place / "rows.parquet")
    session.createDataFrame(rows, ["x", "y", "z", "list", "label"]).write.parquet(path)
    frame = session.read.parquet(path)

    data = runlog.data.from_spark(frame, path=path, targets="label", name="rows")
    with runlog.start_run() as run:
        runlog.log_input(data, "training")
    assert data.digest == runlog.data.from_spark(frame).digest
    (logged,) = runlog.get_run(run.info.run_id).inputs.dataset_inputs
    schema = json.loads(logged.dataset.schema)["mlflow_colspec"]
    assert [each["type"] for each in schema] == ["long", "string", "double", "array", "boolean"]
    assert runlog.data.get_source(logged).load().count() == 2
    with pytest.raises(InvalidParameter, match="no column 'labels' for targets"):
        runlog.data.from_spark(frame, targets="labels")


def test_a_source_is_one_thing():
    for given in ({}, {"path": "a", "table_name": "b"}):
        with pytest.raises(InvalidParameter, match="give one of path, table_name and sql"):
            SparkDatasetSource(**given)
    with pytest.raises(InvalidParameter, match="give one of path and table_name"):
        DeltaDatasetSource()


def test_sources_as_they_were_recorded():
    for source in (SparkDatasetSource(sql="select 1"), DeltaDatasetSource("a", None, 3)):
        again = runlog.data.get_dataset_source_from_json(source.to_json(), source.source_type)
        assert again == source
        assert type(source) in runlog.data.get_registered_sources()
