"""What the log_* conveniences turn into files: figures, images, dictionaries and tables as bytes.

Plain functions: objects in, bytes out. `name` is the artifact's file name, whose extension chooses
the format. Optional packages are imported where they are used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from runlog.errors import BadRequest, InvalidParameter, MissingExtra
from runlog.extras import require

THUMBNAIL_SIZE = 256

# YAML does not see through subclasses, and str() of an enumeration's member is not its value.
_EXACTLY: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    list: list,
    tuple: list,
}


# --- figures -----------------------------------------------------------------------------------


def figure(figure: Any, name: str, save_kwargs: Mapping[str, Any] | None = None) -> bytes:
    """Return a matplotlib or plotly figure as a file, in the format of the extension of `name`.

    `save_kwargs` go to `savefig`, `write_html` or `write_image`. Raises TypeError for another
    object, and for an extension that plotly cannot write.
    """
    kwargs = dict(save_kwargs or {})
    if _is_a(figure, "matplotlib.figure", "Figure"):
        return _matplotlib(figure, _extension(name), kwargs)
    if _is_a(figure, "plotly.basedatatypes", "BaseFigure"):
        return _plotly(figure, _extension(name), kwargs)
    raise TypeError(
        f"Unsupported figure object type: '{type(figure)}': give a matplotlib or plotly figure"
    )


def _matplotlib(figure: Any, extension: str, kwargs: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    if extension:
        kwargs.setdefault("format", extension)
    figure.savefig(buffer, **kwargs)
    return buffer.getvalue()


def _plotly(figure: Any, extension: str, kwargs: dict[str, Any]) -> bytes:
    if extension == "html":
        from io import StringIO

        text = StringIO()
        figure.write_html(text, **{"include_plotlyjs": "cdn", "auto_open": False, **kwargs})
        return text.getvalue().encode()
    if extension not in ("png", "jpg", "jpeg", "webp", "svg", "pdf"):
        raise TypeError(f"Unsupported file extension for plotly figure: '.{extension}'")
    require("kaleido", "plotly")
    buffer = BytesIO()
    figure.write_image(buffer, **{"format": extension, **kwargs})
    return buffer.getvalue()


# --- images ------------------------------------------------------------------------------------


class Image:
    """An image from a numpy array, a nested list, a PIL image or the path of an image file.

    Arrays are those of `runlog.log_image`. Raises TypeError for another object and ValueError for
    an array that is no image. It needs Pillow.

    >>> image = runlog.Image([[0, 255], [255, 0]])
    >>> image.size
    (2, 2)
    >>> image.resize((4, 4)).to_array().shape
    (4, 4)
    """

    def __init__(self, image: Any) -> None:
        """Raise TypeError for another object and ValueError for an array that is no image."""
        if isinstance(image, (str, os.PathLike)):
            self.image = _pillow().open(os.fspath(image))
        elif isinstance(image, (list, tuple)):
            self.image = _from_array(require("numpy", "image").array(image))
        else:
            self.image = pil_image(image)

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        width, height = self.image.size
        return width, height

    def to_list(self) -> list[Any]:
        """Return the pixels, row after row: numbers, or tuples of channels."""
        bands = self.to_array().reshape(self.size[0] * self.size[1], -1).tolist()
        return [pixel[0] if len(pixel) == 1 else tuple(pixel) for pixel in bands]

    def to_array(self) -> Any:
        """Return the pixels as a numpy array: height x width, or height x width x channels."""
        return require("numpy", "image").array(self.image)

    def to_pil(self) -> Any:
        """Return the PIL image."""
        return self.image

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image to a local file in the format of its extension."""
        self.image.save(path)

    def resize(self, size: tuple[int, int]) -> Image:
        """Return a copy with this width and height in pixels."""
        return Image(self.image.resize(size))


def image(image: Any, name: str) -> bytes:
    """Return an image as a file, in the format of the extension of `name`.

    `image` is a PIL image, an `Image`, or a numpy array of height x width, optionally x 1, 3 or 4
    channels (grey, RGB, RGBA), of booleans, of integers from 0 to 255 or of floats from 0 to 1.
    Floats beyond that are scaled to fit, with a warning. Raises TypeError or ValueError for
    anything else.
    """
    return _encoded(pil_image(image), name)


def thumbnail(image: Any) -> bytes:
    """Return the image as WebP, scaled down to a square of 256 pixels if it is larger."""
    _pillow()
    require("PIL.WebPImagePlugin", "image")  # alone: PIL's own search loads all formats, in 50 ms
    small = pil_image(image)
    if small.mode not in ("L", "RGB", "RGBA"):
        small = small.convert("RGBA" if _is_transparent(small) else "RGB")
    longest = max(small.size)
    if longest > THUMBNAIL_SIZE:
        width, height = (max(1, side * THUMBNAIL_SIZE // longest) for side in small.size)
        small = small.resize((width, height))
    return _encoded(small, "thumbnail.webp")


def _is_transparent(image: Any) -> bool:
    return image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info


def pil_image(image: Any) -> Any:
    """Return `image` as a PIL image. Raises TypeError or ValueError if it is no image."""
    if isinstance(image, Image):
        return image.image
    if _is_a(image, "PIL.Image", "Image"):
        return image
    if _is_a(image, "numpy", "ndarray"):
        return _from_array(image)
    raise TypeError(
        f"Unsupported image object type: {type(image)}. "
        "`image` must be one of numpy.ndarray, PIL.Image.Image, and runlog.Image."
    )


def image_paths(key: str, step: int, timestamp: int) -> tuple[str, str]:
    """Return the artifact paths of the image `key` at a step: of the full PNG and of the WebP
    thumbnail.

    They are named as MLflow 3 names them, so that its pages find key, step and time (Unix
    milliseconds). Raises ValueError for a key with other characters than letters, digits, `_ - . /`
    and spaces.
    """
    import re

    if not re.fullmatch(r"[a-zA-Z0-9_\-./ ]+", key):
        raise InvalidParameter(
            "The `key` parameter may only contain alphanumerics, underscores (_), dashes (-), "
            f"periods (.), spaces ( ), and slashes (/): not {key!r}"
        )
    # MLflow 2 wrote % for + and # for ~. Its pages read both, but %17 in a path is taken for an
    # encoded character on the way.
    stem = f"images/{key.replace('/', '~')}+step+{step}+timestamp+{timestamp}+{_uuid()}"
    return f"{stem}.png", f"{stem}+compressed.webp"


def _from_array(array: Any) -> Any:
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"Invalid array data type: '{array.dtype}'. "
            "Must be one of ['bool', 'signed integer', 'unsigned integer', 'floating']"
        )
    if array.ndim not in (2, 3):
        raise InvalidParameter(
            f"`image` must be a 2D or 3D array but got image shape: {array.shape}"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise InvalidParameter(
            f"Invalid channel length: {array.shape[2]}. Must be one of [1, 3, 4]"
        )
    if array.size == 0:
        raise InvalidParameter(f"`image` has no pixels: its shape is {array.shape}")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return _pillow().fromarray(_pixels(array))


def _pixels(array: Any) -> Any:
    """Return an array of bytes from one of booleans, integers or floats."""
    if array.dtype.kind == "b":
        return array.astype("uint8") * 255
    if array.dtype.kind in "iu":
        low, high = array.min(), array.max()
        if low < 0 or high > 255:
            raise InvalidParameter(
                "Integer pixel values out of acceptable range [0, 255]. "
                f"Found minimum value {low} and maximum value {high}. "
                "Ensure all pixel values are within the specified range."
            )
        return array.astype("uint8")
    # Rounding, where MLflow truncates: then pixels / 255 come back as the pixels they were.
    return (_unit_interval(array.astype("float64")) * 255).round().astype("uint8")


def _unit_interval(array: Any) -> Any:
    numpy = require("numpy", "image")
    finite = array[numpy.isfinite(array)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    if low < 0 or high > 1:
        import warnings

        warnings.warn(
            "Float pixel values out of acceptable range [0.0, 1.0]. "
            f"Found minimum value {low} and maximum value {high}. "
            "Rescaling values to [0.0, 1.0] with min/max scaler.",
            stacklevel=2,
        )
        array = (array - low) / ((high - low) or 1.0)
    return numpy.nan_to_num(array, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)


def load_image(content: bytes) -> Any:
    """Return the PIL image that `content` is. Raises BadRequest if it is none."""
    try:
        loaded = _pillow().open(BytesIO(content))
        loaded.load()
    except (OSError, ValueError, SyntaxError) as error:  # all three are what PIL may raise
        raise BadRequest(f"Unable to form a PIL Image object from file content: {error}") from error
    return loaded


def _encoded(image: Any, name: str) -> bytes:
    pillow = _pillow()
    extension = "." + _extension(name)
    pillow.preinit()  # the five common formats; init() looks for all of them
    if extension not in pillow.EXTENSION:
        pillow.init()
    if pillow.EXTENSION.get(extension) not in pillow.SAVE:
        raise InvalidParameter(f"unknown file extension: {extension!r} of image {name!r}")
    buffer = BytesIO()
    image.save(buffer, format=pillow.EXTENSION[extension])
    return buffer.getvalue()


# --- dictionaries ------------------------------------------------------------------------------


def dictionary(dictionary: Any, name: str) -> bytes:
    """Return a dictionary or list as YAML if `name` ends with .yml or .yaml, and as JSON
    otherwise. Numpy's numbers and arrays become numbers and lists, other objects text."""
    if _extension(name) in ("yml", "yaml"):
        return _yaml(dictionary).encode()
    import json

    return json.dumps(dictionary, indent=2, default=_as_builtin).encode()


def load_text(content: bytes) -> str:
    """Return the text that `content` is. Raises BadRequest if it is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"Unable to form a str object from file content: {error}") from error


def load_dictionary(content: bytes, name: str) -> Any:
    """Return what a JSON or YAML file holds. Raises BadRequest if it is neither."""
    text = load_text(content)
    if _extension(name) in ("yml", "yaml"):
        return _load_yaml(text)
    import json

    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest(f"Unable to form a JSON object from file content: {error}") from error


def _load_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadRequest(f"Unable to form a YAML object from file content: {error}") from error


def _yaml(dictionary: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]
        """SafeDumper refuses objects it does not know; these go the way they go into JSON."""

    Dumper.add_multi_representer(object, lambda self, data: self.represent_data(_as_builtin(data)))
    text: str = yaml.dump(dictionary, Dumper=Dumper, indent=2, default_flow_style=False)
    return text


def _as_builtin(value: Any) -> Any:
    """Return `value` for a format that knows only text, numbers, lists and dictionaries."""
    if isinstance(value, Mapping):
        return dict(value)
    if _is_listed(value) and type(plain := value.tolist()) is not type(value):
        return plain
    for kind, exactly in _EXACTLY.items():
        if isinstance(value, kind):
            return exactly(value)
    return str(value)


def _is_listed(value: Any) -> bool:
    """Return whether numpy, pandas or torch can tell `value` in numbers. Times would be
    nanoseconds."""
    return hasattr(value, "tolist") and getattr(value.dtype, "kind", "") not in ("m", "M")


# --- tables ------------------------------------------------------------------------------------


def table(data: Any, name: str, existing: bytes | None = None) -> tuple[bytes, dict[str, bytes]]:
    """Return a table as a file, and the files of the images in it, by artifact path.

    `data` is a DataFrame or a dictionary of columns; one row if no value is a list. Its rows come
    after those of `existing`, the present content of the file. `name` ends with .json, for
    `{"columns": [...], "data": [[...], ...]}`, or with .parquet (needs pandas). A cell without
    value, NaN or an infinity is null in JSON; dates are ISO 8601 text. Raises InvalidParameter for
    columns of different lengths.
    """
    columns = _columns(data)
    images: dict[str, bytes] = {}
    for column, cells in columns.items():
        _take_images_out(column, cells, name, images)
    if _extension(name) == "parquet":
        return _parquet(columns, existing), images
    if _extension(name) != "json":
        raise InvalidParameter(f"a table's file name ends with .json or .parquet, not {name!r}")
    before: dict[str, Any] = {"columns": [], "data": []}
    if existing is not None:
        before = _json_table(existing, name)
    return _appended(before, columns), images


def load_table(content: bytes, name: str) -> Any:
    """Return the DataFrame that a table's file holds."""
    pandas = require("pandas", "pandas")
    if _extension(name) == "parquet":
        return _read_parquet(content)
    found = _json_table(content, name)
    return pandas.DataFrame(found["data"], columns=found["columns"])


def _columns(data: Any) -> dict[Any, list[Any]]:
    if isinstance(data, Mapping):
        return _columns_of_mapping(data)
    if not (hasattr(data, "columns") and hasattr(data, "to_dict")):
        raise InvalidParameter(
            f"data must be a pandas.DataFrame or a dictionary, not {type(data).__name__}"
        )
    names = list(data.columns)
    if len(set(names)) != len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise InvalidParameter(f"the table has more than one column {twice!r}")
    return {name: list(data[name]) for name in names}


def _columns_of_mapping(data: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    many = {name: list(cells) for name, cells in data.items() if _is_many(cells)}
    lengths = {len(cells) for cells in many.values()}
    if len(lengths) > 1:
        said = ", ".join(f"{name!r} {len(cells)}" for name, cells in many.items())
        raise InvalidParameter(f"the columns of a table must have equally many values, not {said}")
    rows = lengths.pop() if lengths else 1
    return {name: many.get(name, [cells] * rows) for name, cells in data.items()}


def _is_many(cells: Any) -> bool:
    if isinstance(cells, (list, tuple, range)):
        return True
    return hasattr(cells, "tolist") and getattr(cells, "ndim", 0) == 1  # array, Series


def _take_images_out(column: Any, cells: list[Any], name: str, images: dict[str, bytes]) -> None:
    """Replace the images in `cells` by what MLflow's pages take for references to them."""
    pictures = [isinstance(cell, Image) or _is_a(cell, "PIL.Image", "Image") for cell in cells]
    if not any(pictures):
        return
    if not all(pictures):
        raise InvalidParameter(f"column {column!r} holds images and other values: split it in two")
    for row, cell in enumerate(cells):
        stem = f"table_images/{os.path.splitext(name)[0]}/{_uuid()}"
        images[f"{stem}.png"] = image(cell, "image.png")
        images[f"{stem}.webp"] = thumbnail(cell)
        cells[row] = {
            "type": "image",
            "filepath": f"{stem}.png",
            "compressed_filepath": f"{stem}.webp",
        }


def _json_table(content: bytes, name: str) -> dict[str, Any]:
    found = load_dictionary(content, name)
    if not isinstance(found, dict) or not {"columns", "data"} <= found.keys():
        raise InvalidParameter(f"{name!r} is no table: it has no 'columns' and 'data'")
    return found


def _appended(before: dict[str, Any], columns: dict[Any, list[Any]]) -> bytes:
    """Return the rows of `before` and below them those of `columns`; what either lacks is null."""
    import json

    added = {_label(name): cells for name, cells in columns.items()}
    names = [*before["columns"], *(each for each in added if each not in before["columns"])]
    missing = [None] * (len(names) - len(before["columns"]))
    rows = [[*row, *missing] for row in before["data"]]
    count = len(next(iter(added.values()), []))
    nothing = [None] * count
    new = zip(*(added.get(name, nothing) for name in names), strict=True)
    rows.extend([_cell(value) for value in row] for row in new)
    return json.dumps({"columns": names, "data": rows}, allow_nan=False).encode()


def _label(name: Any) -> str | int:
    return name if isinstance(name, (str, int)) else str(name)


def _cell(value: Any) -> Any:
    """Return a value of a table as JSON has it."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _cell(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_cell(each) for each in value]
    if isinstance(value, int):
        return int(value)
    if hasattr(value, "as_integer_ratio"):  # float, Decimal, Fraction
        number = float(value)
        return number if number - number == 0 else None
    if _is_listed(value) and type(plain := value.tolist()) is not type(value):
        return _cell(plain)
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()
    return None if str(value) in ("NaT", "<NA>") else str(value)


def _parquet(columns: dict[Any, list[Any]], existing: bytes | None) -> bytes:
    pandas = require("pandas", "pandas")
    frame = pandas.DataFrame({str(name): cells for name, cells in columns.items()})
    if existing is not None:
        frame = pandas.concat([_read_parquet(existing), frame], ignore_index=True)
    buffer = BytesIO()
    try:
        frame.to_parquet(buffer, index=False)
    except ImportError as error:  # neither pyarrow nor fastparquet
        raise MissingExtra("pyarrow", "parquet") from error
    return buffer.getvalue()


def _read_parquet(content: bytes) -> Any:
    try:
        return require("pandas", "pandas").read_parquet(BytesIO(content))
    except MissingExtra:
        raise
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet") from error


# --- what they share ---------------------------------------------------------------------------


def _extension(name: str) -> str:
    return os.path.splitext(name)[1][1:].lower()


def _uuid() -> str:
    from uuid import uuid4

    return str(uuid4())


def _is_a(thing: Any, module: str, name: str) -> bool:
    """Return whether `thing` is of a class of a package that need not be installed: if it is, the
    package has been imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(thing, kind)


def _pillow() -> Any:
    return require("PIL.Image", "image", "pillow")
