from __future__ import annotations

import datetime
import decimal
import enum
import json
import re
import subprocess
import sys
from collections import OrderedDict
from io import BytesIO
from pathlib import Path

import pytest

from runlog import media
from runlog.errors import BadRequest, InvalidParameter

np = pytest.importorskip("numpy")
PIL_Image = pytest.importorskip("PIL.Image")


def opened(content):
    return PIL_Image.open(BytesIO(content))


# --- figures -----------------------------------------------------------------------------------


@pytest.fixture
def drawing():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([0, 1], [2, 3])
    return figure


@pytest.mark.parametrize(
    "name, magic",
    [
        ("a.png", b"\x89PNG"),
        ("dir/a.PNG", b"\x89PNG"),
        ("a.jpg", b"\xff\xd8\xff"),
        ("a.pdf", b"%PDF"),
        ("a.svg", b"<?xml"),
        ("without extension", b"\x89PNG"),
    ],
)
def test_matplotlib_figures(drawing, name, magic):
    assert media.figure(drawing, name).startswith(magic)


def test_save_kwargs_reach_matplotlib(drawing):
    given = {"dpi": 100}
    assert opened(media.figure(drawing, "a.png")).size == (100, 50)
    assert opened(media.figure(drawing, "a.png", given)).size == (200, 100)
    assert media.figure(drawing, "a.png", {"format": "pdf"}).startswith(b"%PDF")
    assert given == {"dpi": 100}


@pytest.mark.parametrize("kwargs, size", [({}, range(50_000)), ({"include_plotlyjs": True}, None)])
def test_plotly_figures_become_pages(kwargs, size):
    go = pytest.importorskip("plotly.graph_objects")
    page = media.figure(go.Figure(go.Scatter(x=[0, 1], y=[2, 3])), "a.html", kwargs)
    assert b"<html" in page
    assert (len(page) in size) if size else len(page) > 1_000_000


@pytest.mark.parametrize("name", ["a.txt", "a"])
def test_what_plotly_cannot_write(name):
    go = pytest.importorskip("plotly.graph_objects")
    with pytest.raises(TypeError, match="Unsupported file extension"):
        media.figure(go.Figure(), name)


@pytest.mark.parametrize("thing", [None, "figure", 3, object()])
def test_what_is_no_figure(thing):
    with pytest.raises(TypeError, match="Unsupported figure object type"):
        media.figure(thing, "a.png")


# --- images ------------------------------------------------------------------------------------

GREY = np.arange(256).reshape(16, 16)


@pytest.mark.parametrize(
    "array",
    [
        GREY.astype("uint8"),
        GREY.astype("int64"),
        GREY.astype("uint16"),
        GREY / 255,
        (GREY / 255).astype("float32"),
        GREY.astype("uint8")[:, :, None],
        np.asfortranarray(GREY.astype("uint8")),
        GREY.astype(">i4"),
    ],
)
def test_arrays_become_the_pixels_they_say(array):
    picture = opened(media.image(array, "a.png"))
    assert picture.mode == "L"
    assert (np.array(picture) == GREY).all()


def test_masks_are_black_and_white():
    picture = opened(media.image(GREY > 100, "a.png"))
    assert (np.array(picture) == np.where(GREY > 100, 255, 0)).all()


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels(channels, mode):
    array = np.random.default_rng(0).integers(0, 256, (5, 7, channels))
    picture = opened(media.image(array, "a.png"))
    assert (picture.mode, picture.size) == (mode, (7, 5))
    assert (np.array(picture).reshape(array.shape) == array).all()


@pytest.mark.parametrize(
    "array, pixels",
    [
        ([[-1.0, 0.0, 1.0]], [[0, 128, 255]]),
        ([[0.0, 510.0]], [[0, 255]]),
        ([[7.0, 7.0]], [[0, 0]]),
        ([[2.0, float("nan"), 1.0, float("inf")]], [[255, 0, 0, 255]]),
    ],
)
def test_floats_out_of_range_are_scaled_with_a_warning(array, pixels):
    with pytest.warns(UserWarning, match="out of acceptable range"):
        content = media.image(np.array(array), "a.png")
    assert np.array(opened(content)).tolist() == pixels


def test_floats_that_are_no_numbers_are_black_and_white():
    array = np.array([[np.nan, np.inf, -np.inf, 0.5]])
    assert np.array(opened(media.image(array, "a.png"))).tolist() == [[0, 255, 0, 128]]


@pytest.mark.parametrize(
    "array, error, said",
    [
        (np.array([[256]]), ValueError, "out of acceptable range"),
        (np.array([[-1]]), ValueError, "out of acceptable range"),
        (np.zeros(3), ValueError, "2D or 3D"),
        (np.zeros((2, 2, 2, 2)), ValueError, "2D or 3D"),
        (np.zeros((2, 2, 2)), ValueError, "channel"),
        (np.zeros((0, 4)), ValueError, "no pixels"),
        (np.zeros((2, 2), dtype=complex), TypeError, "data type"),
        (np.array([["a"]]), TypeError, "data type"),
        ([[1, 2]], TypeError, "Unsupported image object type"),
        (None, TypeError, "Unsupported image object type"),
    ],
)
def test_what_is_no_image(array, error, said):
    with pytest.raises(error, match=said):
        media.image(array, "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pil_images_of_every_mode(mode):
    picture = PIL_Image.new(mode, (300, 30))
    if mode != "CMYK":
        assert opened(media.image(picture, "a.png")).size == (300, 30)
    assert opened(media.thumbnail(picture)).size == (256, 25)


@pytest.mark.parametrize("name, kind", [("a.jpg", "JPEG"), ("a.WEBP", "WEBP"), ("a.gif", "GIF")])
def test_formats(name, kind):
    assert opened(media.image(PIL_Image.new("RGB", (2, 2)), name)).format == kind


@pytest.mark.parametrize("name", ["a", "a.txt", "a.xyz", "a.psd"])
def test_unknown_formats(name):
    with pytest.raises(ValueError, match="unknown file extension"):
        media.image(PIL_Image.new("RGB", (2, 2)), name)


@pytest.mark.parametrize(
    "size, small",
    [
        ((10, 20), (10, 20)),
        ((256, 256), (256, 256)),
        ((512, 256), (256, 128)),
        ((100, 1000), (25, 256)),
        ((5000, 1), (256, 1)),
    ],
)
def test_thumbnails_fit_and_do_not_grow(size, small):
    picture = opened(media.thumbnail(PIL_Image.new("RGB", size)))
    assert (picture.format, picture.size) == ("WEBP", small)


def test_thumbnails_stay_transparent():
    assert opened(media.thumbnail(PIL_Image.new("RGBA", (9, 9), (1, 2, 3, 0)))).mode == "RGBA"


@pytest.mark.parametrize("make", [list, np.array, tuple, lambda rows: media.Image(rows).to_pil()])
def test_image_objects(make, tmp_path):
    picture = media.Image(make([[1, 2, 3], [4, 5, 6]]))
    assert picture.size == (3, 2)
    assert picture.to_list() == [1, 2, 3, 4, 5, 6]
    assert picture.to_array().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert picture.resize((6, 4)).size == (6, 4)
    picture.save(tmp_path / "a.png")
    assert media.Image(str(tmp_path / "a.png")).to_list() == picture.to_list()
    assert media.image(picture, "a.png") == (tmp_path / "a.png").read_bytes()


def test_pixels_with_channels_are_tuples():
    assert media.Image([[[1, 2, 3], [4, 5, 6]]]).to_list() == [(1, 2, 3), (4, 5, 6)]


def test_reading_images_back():
    loaded = media.load_image(media.image(GREY.astype("uint8"), "a.png"))
    assert (np.array(loaded) == GREY).all()
    for content in (b"", b"no image", media.image(GREY.astype("uint8"), "a.png")[:45]):
        with pytest.raises(BadRequest, match="Unable to form a PIL Image"):
            media.load_image(content)


def test_paths_of_images_of_a_step():
    png, webp = media.image_paths("dogs/big one", 3, 1700000000123)
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(
        rf"images/dogs~big one\+step\+3\+timestamp\+1700000000123\+{uuid}\.png", png
    )
    assert webp == png.replace(".png", "+compressed.webp")
    assert media.image_paths("a", 0, 0) != media.image_paths("a", 0, 0)


@pytest.mark.parametrize("key", ["", "a+b", "a%b", "a\nb", "ä", "a:b", "../a#"])
def test_keys_of_images(key):
    with pytest.raises(ValueError, match="`key` parameter"):
        media.image_paths(key, 0, 0)


# --- dictionaries ------------------------------------------------------------------------------


class Colour(str, enum.Enum):
    RED = "red"


VALUES = {
    "text": "grüße: [a, b] # no comment",
    "numbers": [1, -2.5, 10**20, True, None],
    "nested": {"a": {"b": []}},
    "date-like": "2020-01-01",
    "yes": "no",
}


@pytest.mark.parametrize("name", ["a.json", "a", "a.txt", "a.yml", "dir/a.YAML"])
@pytest.mark.parametrize("value", [VALUES, {}, [1, 2], "text", None])
def test_dictionaries_come_back(name, value):
    if name.lower().endswith(("yml", "yaml")):
        pytest.importorskip("yaml")
    content = media.dictionary(value, name)
    assert media.load_dictionary(content, name) == value


def test_json_is_indented():
    assert media.dictionary({"a": {"b": 1}}, "a.json") == b'{\n  "a": {\n    "b": 1\n  }\n}'


def test_yaml_is_in_blocks():
    pytest.importorskip("yaml")
    assert media.dictionary({"b": [1], "a": {"c": 1}}, "a.yml") == b"a:\n  c: 1\nb:\n- 1\n"


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
@pytest.mark.parametrize(
    "value, plain",
    [
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.datetime64("2020-01-01T00:00:00", "ns"), "2020-01-01T00:00:00.000000000"),
        (Path("a/b"), str(Path("a/b"))),
        (Colour.RED, "red"),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ((1, 2), [1, 2]),
        (decimal.Decimal("1.5"), "1.5"),
    ],
)
def test_other_objects_become_plain(name, value, plain):
    if name == "a.yaml":
        pytest.importorskip("yaml")
    content = media.dictionary({"key": value}, name)
    assert media.load_dictionary(content, name) == {"key": plain}


@pytest.mark.parametrize(
    "content, name, said",
    [
        (b"{", "a.json", "JSON object"),
        (b"", "a.json", "JSON object"),
        (b"\xff", "a.json", "str object"),
        (b"a: [", "a.yml", "YAML object"),
        (b"!!python/object/apply:os.getcwd []", "a.yml", "YAML object"),
    ],
)
def test_reading_what_is_no_dictionary(content, name, said):
    if name == "a.yml":
        pytest.importorskip("yaml")
    with pytest.raises(BadRequest, match=f"Unable to form a {said} from file content"):
        media.load_dictionary(content, name)


def test_reading_text():
    assert media.load_text("grüße\r\n".encode()) == "grüße\r\n"
    with pytest.raises(BadRequest, match="Unable to form a str object"):
        media.load_text(b"\xff")


# --- tables ------------------------------------------------------------------------------------


def table(data, existing=None):
    content, images = media.table(data, "t.json", existing)
    assert images == {}
    return json.loads(content)


@pytest.mark.parametrize(
    "data, columns, rows",
    [
        ({"a": [1, 2], "b": ["x", "y"]}, ["a", "b"], [[1, "x"], [2, "y"]]),
        ({"a": 1, "b": "x"}, ["a", "b"], [[1, "x"]]),
        ({"a": [1, 2], "b": "x"}, ["a", "b"], [[1, "x"], [2, "x"]]),
        ({"a": (1, 2), 0: np.array([3, 4])}, ["a", 0], [[1, 3], [2, 4]]),
        ({"a": []}, ["a"], []),
        ({}, [], []),
        ({"a": [{"x": 1}, [1, (2,)]]}, ["a"], [[{"x": 1}], [[1, [2]]]]),
        ({"a": [{"y": np.int8(3)}]}, ["a"], [[{"y": 3}]]),
    ],
)  # fmt: skip
def test_dictionaries_as_tables(data, columns, rows):
    assert table(data) == {"columns": columns, "data": rows}


@pytest.mark.parametrize(
    "value, cell",
    [
        (float("nan"), None),
        (float("inf"), None),
        (0.1 + 0.2, 0.1 + 0.2),
        (5e-324, 5e-324),
        (2**70, 2**70),
        (True, True),
        (None, None),
        (np.float32("nan"), None),
        (np.int64(7), 7),
        (np.bool_(False), False),
        (np.array([1.0, np.nan]), [1.0, None]),
        (np.datetime64("2020-01-02"), "2020-01-02"),
        (np.datetime64("NaT", "ns"), None),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (datetime.datetime(2020, 1, 2, 3), "2020-01-02T03:00:00"),
        (datetime.timedelta(hours=1), "1:00:00"),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("nan"), None),
        (b"x", "b'x'"),
    ],
)
def test_cells(value, cell):
    assert table({"a": [value]})["data"] == [[cell]]


def test_frames_as_tables():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.5, None],
            "s": ["x", None],
            "t": [pd.Timestamp("2020-01-02T03:04:05Z"), pd.NaT],
            "n": pd.array([1, None], dtype="Int64"),
            "d": [pd.Timedelta("1h"), pd.NaT],
        },
        index=[7, 8],
    )
    assert table(frame) == {
        "columns": ["i", "f", "s", "t", "n", "d"],
        "data": [
            [1, 0.5, "x", "2020-01-02T03:04:05+00:00", 1, "P0DT1H0M0S"],
            [2, None, None, None, None, None],
        ],
    }


def test_rows_are_appended_and_columns_joined():
    first, _ = media.table({"a": [1], "b": ["x"]}, "t.json")
    second, _ = media.table({"b": ["y", "z"], "c": [True, False]}, "t.json", first)
    assert json.loads(second) == {
        "columns": ["a", "b", "c"],
        "data": [[1, "x", None], [None, "y", True], [None, "z", False]],
    }


def test_tables_come_back_as_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": ["1", "2"], "created_at": [1.5, 2.5], "c": [None, 0.1]})
    content, _ = media.table(frame, "t.json")
    pd.testing.assert_frame_equal(media.load_table(content, "t.json"), frame)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"columns": []}'])
def test_appending_to_what_is_no_table(content):
    with pytest.raises(ValueError, match="no table"):
        media.table({"a": [1]}, "t.json", content)


@pytest.mark.parametrize(
    "data, name, said",
    [
        ([1], "t.json", "DataFrame or a dictionary"),
        ({"a": [1, 2], "b": [1]}, "t.json", "equally many values, not 'a' 2, 'b' 1"),
        ({"a": [1]}, "t.csv", ".json or .parquet"),
        ({"a": [1]}, "t", ".json or .parquet"),
        ({"a": [PIL_Image.new("L", (1, 1)), 1]}, "t.json", "images and other values"),
    ],
)
def test_what_is_no_table(data, name, said):
    with pytest.raises(InvalidParameter, match=said):
        media.table(data, name)


def test_columns_of_the_same_name():
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="more than one column 'a'"):
        media.table(pd.DataFrame([[1, 2]], columns=["a", "a"]), "t.json")


@pytest.mark.parametrize("kind", [media.Image, lambda rows: media.Image(rows).to_pil()])
def test_images_in_tables_become_files(kind):
    data = {"prompt": ["a", "b"], "answer": [kind([[1]]), kind([[2]])]}
    content, images = media.table(data, "dir/t.json")
    cells = [row[1] for row in json.loads(content)["data"]]
    assert [cell["type"] for cell in cells] == ["image", "image"]
    assert {cell["filepath"] for cell in cells} | {
        cell["compressed_filepath"] for cell in cells
    } == set(images)
    assert all(path.startswith("table_images/dir/t/") for path in images)
    assert [media.Image(media.load_image(images[c["filepath"]])).to_list() for c in cells] == [
        [1],
        [2],
    ]
    assert isinstance(data["answer"][0], type(kind([[1]])))


def test_parquet_tables():
    pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    first, _ = media.table({"a": [1, 2], "b": ["x", "y"]}, "t.parquet")
    both, _ = media.table(pd.DataFrame({"a": [3], "b": ["z"]}), "t.parquet", first)
    frame = media.load_table(both, "t.parquet")
    assert frame.to_dict("list") == {"a": [1, 2, 3], "b": ["x", "y", "z"]}


# --- optional packages -------------------------------------------------------------------------

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from runlog import media
from runlog.errors import MissingExtra
try:
    {call}
except MissingExtra as error:
    assert isinstance(error, ImportError)
    print(error)
else:
    print("done")
"""


@pytest.mark.parametrize(
    "missing, call, said",
    [
        (["PIL"], "import numpy; media.image(numpy.zeros((1, 1)), 'a.png')", "image"),
        (["PIL"], "media.load_image(b'')", "image"),
        (["numpy"], "media.Image([[1]])", "image"),
        (["pandas"], "media.load_table(b'', 'a.json')", "pandas"),
        (["pyarrow", "fastparquet"], "media.table({'a': 1}, 'a.parquet')", "parquet"),
        (["pyarrow", "fastparquet"], "media.load_table(b'', 'a.parquet')", "parquet"),
        (
            ["kaleido"],
            "from plotly.graph_objects import Figure; media.figure(Figure(), 'a.png')",
            "plotly",
        ),
        (["datasets"], "from runlog import data; data.from_huggingface(0)", "huggingface"),
        (["polars"], "from runlog import data; data.from_polars(0)", "polars"),
        (["pandas"], "media.table({}, 'a.parquet')", "pandas"),
        (["pandas", "numpy", "PIL", "yaml"], "media.table({'a': [1]}, 'a.json')", None),
        (["pandas", "numpy", "PIL", "yaml"], "media.dictionary({}, 'a.json')", None),
    ],
)
def test_a_missing_package_is_named_with_its_extra(missing, call, said):
    code = WITHOUT.format(missing=missing, call=call)
    package = str(Path(media.__file__).parents[1])
    answer = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {package!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = f"pip install 'runlog-tracking[{said}]'" if said else "done"
    assert wanted in answer.stdout
