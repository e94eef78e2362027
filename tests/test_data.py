from __future__ import annotations

import datetime
import decimal
import json
import warnings
from pathlib import Path

import pytest

from runlog import data, entities
from runlog.errors import InvalidParameter, NotFound
from runlog.types import ColSpec, Schema

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


def columns(dataset):
    text = dataset.to_dict()["schema"]
    return None if text is None else json.loads(text)["mlflow_colspec"]


# --- data frames -------------------------------------------------------------------------------

# Digests that MLflow 3.17 computed of the same data.
FRAMES = [
    ("a5098c51", {"z": ["x", "y"], "a": [1, 2], "m": [True, False]}, {}),
    ("b544218e", {"a": [1, 2]}, {"index": ["x", "y"]}),
    ("c9931463", [[1, 2], [3, 4]], {}),
    ("1e018772", [[1, "x"], [3, "y"]], {"columns": [0, "b"]}),
    ("706459bf", {"a": [], "b": []}, {}),
    ("b267935f", {"a": [i % 7 for i in range(20000)], "s": [str(i) for i in range(20000)]}, {}),
    ("fc902a6f", {"a": range(20000), "s": ["x"] * 19999 + [1]}, {}),
    ("2a9fd045", {"l": [[1, 2], [3]], "ll": [[["a"]], []], "e": [[], []], "s": ["a", "b"]}, {}),
    ("5aea73ec", {"d": [datetime.date(2020, 1, n) for n in (1, 2)],
                  "dt": [datetime.datetime(2020, 1, 1)] * 2}, {}),
]  # fmt: skip


@pytest.mark.parametrize("digest, values, kwargs", FRAMES)
def test_digests_of_frames_are_mlflows(digest, values, kwargs):
    assert data.from_pandas(pd.DataFrame(values, **kwargs)).digest == digest


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.rename(columns={"a": "c"}),
        lambda frame: frame.replace(1, 5),
        lambda frame: frame.replace("x", "w"),
        lambda frame: frame.iloc[::-1],
        lambda frame: frame.head(1),
    ],
)
def test_digests_tell_frames_apart(change):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert data.from_pandas(frame).digest == data.from_pandas(frame.copy()).digest
    assert data.from_pandas(frame).digest != data.from_pandas(change(frame)).digest


def column(type, name, required=True, **more):
    return {"type": type, **more, "name": name, "required": required}


@pytest.mark.parametrize(
    "values, said",
    [
        (pd.array([1, 2], dtype="int8"), column("integer", "x")),
        (pd.array([1, 2], dtype="uint16"), column("integer", "x")),
        (pd.array([1, 2], dtype="int32"), column("integer", "x")),
        (pd.array([1, 2], dtype="uint32"), column("long", "x")),
        (pd.array([1, 2], dtype="int64"), column("long", "x")),
        (pd.array([1, None], dtype="Int64"), column("long", "x", False)),
        ([1.5, None], column("double", "x", False)),
        (np.array([1, 2], dtype="float16"), column("float", "x")),
        (np.array([1, 2], dtype="float32"), column("float", "x")),
        ([True, False], column("boolean", "x")),
        (["a", "b"], column("string", "x")),
        (["a", None], column("string", "x", False)),
        (pd.Series(["a", None], dtype=object), column("string", "x", False)),
        (pd.Series([], dtype=object), column("string", "x")),
        (pd.Categorical(["a", "b"]), column("string", "x")),
        (pd.Categorical([1, 2]), column("long", "x")),
        ([b"a", bytearray(b"b")], column("binary", "x")),
        (pd.to_datetime(["2020-01-01", None], utc=True), column("datetime", "x", False)),
        ([datetime.date(2020, 1, 1)], column("datetime", "x")),
        ([None, None], column("any", "x", False)),
        ([[], []], column("any", "x")),
        ([[1], [2, 3]], column("array", "x", items={"type": "long"})),
        ([[1], [], None], column("array", "x", False, items={"type": "long"})),
        ([np.array([1.0]), np.array([])], column("array", "x", items={"type": "double"})),
        ([[["a"]], []],
         column("array", "x", items={"type": "array", "items": {"type": "string"}})),
        ([{"b": 1, "a": "s"}, {"b": 2}],
         column("object", "x", properties={"a": {"type": "string", "required": False},
                                           "b": {"type": "long", "required": True}})),
        ([{"y": [1]}, {"y": []}],
         column("object", "x", properties={
             "y": {"type": "array", "items": {"type": "long"}, "required": False}})),
    ],
)  # fmt: skip
def test_types_of_columns_are_mlflows(values, said):
    dataset = data.from_pandas(pd.DataFrame({"x": values}))
    assert columns(dataset) == [said]
    assert list(columns(dataset)[0]) == list(said)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1], dtype="uint64"),
        [1 + 2j],
        ["a", 1],
        [[1, "a"]],
        [{"a": 1}, {"a": "b"}],
        [decimal.Decimal(1)],
        pd.to_timedelta(["1h"]),
        pd.period_range("2020", periods=2, freq="Y"),
    ],
)
def test_columns_without_a_type_leave_the_schema_out(values):
    dataset = data.from_pandas(pd.DataFrame({"x": values}))
    assert dataset.schema is None
    assert dataset.to_dict()["schema"] is None
    assert len(dataset.digest) == 8


def test_a_frame_without_columns():
    dataset = data.from_pandas(pd.DataFrame(index=[1, 2]))
    assert (dataset.schema, dataset.profile) == (None, {"num_rows": 2, "num_elements": 0})


def test_a_frame_in_full():
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    dataset = data.from_pandas(frame, "/data/x.csv", targets="y", name="mine", predictions="x")
    assert dataset.to_dict() == {
        "name": "mine",
        "digest": dataset.digest,
        "source": '{"uri": "/data/x.csv"}',
        "source_type": "local",
        "schema": '{"mlflow_colspec": [{"type": "long", "name": "x", "required": true}, '
        '{"type": "string", "name": "y", "required": true}]}',
        "profile": '{"num_rows": 2, "num_elements": 4}',
    }
    assert json.loads(dataset.to_json()) == dataset.to_dict()
    assert (dataset.df is frame, dataset.targets, dataset.predictions) == (True, "y", "x")
    assert dataset.schema.input_names() == ["x", "y"]
    assert "mine" in repr(dataset)


def test_names_and_digests_that_are_given():
    frame = pd.DataFrame({"x": [1]})
    assert data.from_pandas(frame).name == "dataset"
    assert data.from_pandas(frame, digest="v1").digest == "v1"


@pytest.mark.parametrize("role", ["targets", "predictions"])
def test_a_named_column_must_exist(role):
    with pytest.raises(InvalidParameter, match=f"specified {role} column 'z'"):
        data.from_pandas(pd.DataFrame({"x": [1]}), **{role: "z"})


@pytest.mark.parametrize("thing", [None, [1], {"x": [1]}, np.zeros(2)])
def test_what_is_no_frame(thing):
    with pytest.raises(InvalidParameter, match="pandas DataFrame"):
        data.from_pandas(thing)


def test_describing_a_frame_leaves_it_and_the_warnings_alone():
    frame = pd.DataFrame([[1, "x"]], columns=[0, "b"])
    before, filters = frame.copy(), list(warnings.filters)
    data.from_pandas(frame).to_dict()
    pd.testing.assert_frame_equal(frame, before)
    assert warnings.filters == filters


# --- arrays ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digest, features, targets",
    [
        ("95317051", np.arange(7, dtype="int8"), None),
        ("95317051", np.arange(7, dtype="uint64"), None),
        ("bccc44e6", np.arange(7).astype(bool), None),
        ("34413a5d", np.arange(7, dtype="float16"), None),
        ("73c84d19", np.array(["a", "bb", ""]), None),
        ("929c878a", np.array([b"a", b"bb"]), None),
        ("503e83c0", np.zeros((0, 3)), None),
        ("5778f1d3", np.array(3.0), None),
        ("e0493c40", np.arange(30000.0).reshape(3, 10000), np.arange(3)),
        ("9d310509", np.array([[1], [2, 3]], dtype=object), None),
    ],
)
def test_digests_of_arrays_are_mlflows(digest, features, targets):
    assert data.from_numpy(features, targets=targets).digest == digest


def test_the_order_of_named_arrays_does_not_matter():
    a, b = np.arange(4), np.ones((2, 2))
    assert data.from_numpy({"a": a, "b": b}).digest == data.from_numpy({"b": b, "a": a}).digest
    assert data.from_numpy({"a": a, "b": b}).digest != data.from_numpy({"a": b, "b": a}).digest


def test_arrays_in_full():
    dataset = data.from_numpy(np.zeros((5, 3, 2), "float32"), targets=np.arange(5), name="mine")
    told = dataset.to_dict()
    spec = json.loads(told["schema"])["mlflow_tensorspec"]
    assert json.loads(spec["features"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3, 2]}}
    ]
    assert json.loads(spec["targets"]) == [
        {"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}
    ]
    assert json.loads(told["profile"]) == {
        "features_shape": [5, 3, 2],
        "features_size": 30,
        "features_nbytes": 120,
        "targets_shape": [5],
        "targets_size": 5,
        "targets_nbytes": 40,
    }
    assert (told["name"], dataset.targets.tolist()) == ("mine", [0, 1, 2, 3, 4])


def test_named_arrays_in_full():
    dataset = data.from_numpy({"b": np.zeros((2, 2)), "a": np.array(["x"])}, targets={"y": [1, 2]})
    assert [each.name for each in dataset.schema.features.inputs] == ["b", "a"]
    assert dataset.schema.features.to_dict()[1]["tensor-spec"] == {"dtype": "str", "shape": [-1]}
    assert dataset.profile["features_size"] == {"b": 4, "a": 1}
    assert dataset.profile["targets_shape"] == {"y": (2,)}


def test_a_mere_number_has_no_schema():
    assert data.from_numpy(np.array(3.0)).to_dict()["schema"] is None
    assert data.from_numpy(np.zeros(2), targets=np.array(3.0)).schema is None


# --- other libraries ---------------------------------------------------------------------------


def test_polars_frames():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "i": [1, None],
            "s": ["a", "b"],
            "l": [[1], [2]],
            "d": [datetime.date(2020, 1, 1)] * 2,
            "o": [{"k": 1.5}, {"k": 2.5}],
        }
    )
    dataset = data.from_polars(frame, "s3://bucket/x.parquet", targets="s")
    assert [(each["type"], each["name"], each["required"]) for each in columns(dataset)] == [
        ("long", "i", False),
        ("string", "s", True),
        ("array", "l", True),
        ("datetime", "d", True),
        ("object", "o", True),
    ]
    assert columns(dataset)[4]["properties"] == {"k": {"type": "double", "required": True}}
    assert dataset.profile == {"num_rows": 2, "num_elements": 10}
    assert dataset.digest == str(frame.hash_rows().sum())
    assert data.from_polars(pl.DataFrame({"t": [datetime.timedelta(1)]})).schema is None
    with pytest.raises(InvalidParameter, match="polars DataFrame"):
        data.from_polars(pd.DataFrame())


def test_hugging_face_data_sets():
    import datasets

    ds = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]})
    dataset = data.from_huggingface(ds, "owner/name", targets="label", revision="main")
    assert (dataset.source._get_source_type(), dataset.source.path) == (
        "hugging_face",
        "owner/name",
    )
    assert [each["type"] for each in columns(dataset)] == ["string", "long"]
    assert dataset.digest == data.from_pandas(ds.to_pandas()).digest
    assert dataset.profile["num_rows"] == 2
    assert data.get_source(entities.Dataset(**dataset.to_dict())) == dataset.source
    assert data.from_huggingface(ds).source._get_source_type() == "code"
    with pytest.raises(InvalidParameter, match="targets column 'z'"):
        data.from_huggingface(ds, targets="z")


# --- sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, kind, fields",
    [
        ("x.csv", "local", {"uri": "x.csv"}),
        ("/data/a b.csv", "local", {"uri": "/data/a b.csv"}),
        (Path("a") / "b", "local", {"uri": str(Path("a") / "b")}),
        ("file:///data/x", "local", {"uri": "file:///data/x"}),
        ("C:/data/x", "local", {"uri": "C:/data/x"}),
        ("catalog.table", "local", {"uri": "catalog.table"}),
        ("https://host/x.csv", "http", {"url": "https://host/x.csv"}),
        ("http://u:p@host/x.csv?a=b", "http", {"url": "http://host/x.csv?a=b"}),
        ("s3://bucket/x", "s3", {"uri": "s3://bucket/x"}),
        ("ftp://u:p@host/x", "ftp", {"uri": "ftp://host/x"}),
        ("dbfs:/x", "dbfs", {"uri": "dbfs:/x"}),
    ],
)
def test_paths_and_uris_as_sources(source, kind, fields):
    dataset = data.from_pandas(pd.DataFrame({"x": [1]}), source)
    told = entities.Dataset(**dataset.to_dict())
    assert (told.source_type, json.loads(told.source)) == (kind, fields)
    assert data.get_source(told) == data.get_source(dataset) == dataset.source
    assert data.get_source(entities.DatasetInput(told)) == dataset.source


def test_without_a_source_the_program_is_noted():
    told = entities.Dataset(**data.from_numpy(np.zeros(1)).to_dict())
    assert told.source_type == "code"
    assert json.loads(told.source)["tags"]["mlflow.source.type"] == "LOCAL"
    assert data.get_source(told).tags["mlflow.source.type"] == "LOCAL"


def test_a_source_object_stays():
    source = data.HTTPDatasetSource("https://host/x")
    assert data.from_numpy(np.zeros(1), source).source is source


@pytest.mark.parametrize("source", [3, ["x"], object()])
def test_what_is_no_source(source):
    with pytest.raises(InvalidParameter, match="path, a URI or a DatasetSource"):
        data.resolve_source(source)


@pytest.mark.parametrize("thing", [None, "x", pd.DataFrame()])
def test_what_has_no_source(thing):
    with pytest.raises(InvalidParameter, match="Unrecognized dataset type"):
        data.get_source(thing)


def test_a_source_of_unknown_type():
    with pytest.raises(NotFound, match="unrecognized source type 'uc_volume'"):
        data.get_source(entities.Dataset("n", "d", "uc_volume", '{"path": "x"}'))


def test_loading_a_local_source(tmp_path):
    (tmp_path / "x.csv").write_text("1")
    (tmp_path / "dst").mkdir()
    source = data.resolve_source(tmp_path / "x.csv")
    assert source.load() == str(tmp_path / "x.csv")
    assert source.load(tmp_path / "dst") == str(tmp_path / "dst" / "x.csv")
    assert (tmp_path / "dst" / "x.csv").read_text() == "1"
    with pytest.raises(FileNotFoundError, match="missing"):
        data.resolve_source(tmp_path / "missing").load()


# --- a source alone ----------------------------------------------------------------------------


def test_a_meta_dataset():
    source = data.HTTPDatasetSource(url="https://host/x.tar.gz")
    schema = Schema([ColSpec("string", "text")])
    plain, described = data.MetaDataset(source, name="x"), data.MetaDataset(source, schema=schema)
    assert plain.to_dict()["schema"] is plain.to_dict()["profile"] is None
    assert plain.digest == data.MetaDataset(source, name="x").digest != described.digest
    assert columns(described) == schema.to_dict()
    assert data.meta_dataset.MetaDataset is data.MetaDataset


def test_the_digest_of_a_meta_dataset_is_mlflows():
    source = data.HTTPDatasetSource(url="https://host/x.tar.gz")
    assert data.MetaDataset(source, name="x").digest == "7dc12d1f"
