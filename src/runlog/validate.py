"""What may be logged: names, values, times and limits. Pure functions, called once at the edge.

Each returns the value as the store keeps it, or raises InvalidParameter that names it.
Limits and permitted characters are those of MLflow's REST API, so that whatever is logged here can
be copied to any MLflow server.
"""

from __future__ import annotations

from runlog.errors import InvalidParameter, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeVar

    from runlog.entities import DatasetInput

    T = TypeVar("T")

MAX_KEY_LENGTH = 250
MAX_INPUT_TAG_KEY_LENGTH = 255
MAX_EXPERIMENT_NAME_LENGTH = 500
MAX_SEARCH_RESULTS = 50_000
MAX_METRICS_PER_BATCH = 1000
MAX_PARAMS_PER_BATCH = 100
MAX_TAGS_PER_BATCH = 100

_BESIDES_LETTERS_AND_DIGITS = str.maketrans("", "", "_-. :/")
_INT64 = range(-(2**63), 2**63)


def key(name: Any, kind: str) -> str:
    """Return `name` as the key of a `kind` ("metric", "param", "tag")."""
    if not isinstance(name, str):
        raise InvalidParameter(
            f"{kind} key {shown(name)} is a {type(name).__name__}: it must be text"
        )
    if not name:
        raise InvalidParameter(f"a {kind} key must not be empty")
    if len(name) > MAX_KEY_LENGTH:
        raise InvalidParameter(
            f"{kind} key {name[:40]!r}... has {len(name)} characters: at most {MAX_KEY_LENGTH}"
        )
    rest = name.translate(_BESIDES_LETTERS_AND_DIGITS)  # no regular expression: see entities.py
    if rest and not rest.isalnum():
        raise InvalidParameter(
            f"{kind} key {name!r} holds a character that is not allowed: names may only contain "
            "alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colons (:) "
            "and slashes (/)"
        )
    if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")):
        raise InvalidParameter(
            f"{kind} key {name!r} is not a plain path: no leading, trailing or double slash, "
            "no '.' or '..' between slashes"
        )
    return name


def input_tag_key(name: Any) -> str:
    """Return `name` as the key of a tag that a run's data set has: any text, not too long."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_INPUT_TAG_KEY_LENGTH:
        raise InvalidParameter(
            f"input tag key {name!r}: it must be text of 1 to {MAX_INPUT_TAG_KEY_LENGTH} characters"
        )
    return text(name)


def number(key: str, value: Any) -> float:
    """Return a metric's value as a float: of Python, Decimal, Fraction, numpy, torch, jax or other
    scalars, or of the text of a number, which MLflow takes too. Raises InvalidParameter."""
    if type(value) is float:
        return value
    try:
        plain = _as_scalar(value)
        if isinstance(plain, bytes):
            raise TypeError("it holds bytes")
        return float(plain)
    except Exception as error:  # of any package: its arrays say in their own way what they lack
        raise InvalidParameter(
            f"metric {key!r} got {shown(value)} of type {type(value).__name__}, "
            f"which is not a single number: {str(error)[:100]}"
        ) from None


def integer(name: str, value: Any) -> int:
    """Return `value` as a 64-bit integer; a float is taken when it is a whole number."""
    if type(value) is not int:
        value = _whole(name, value)
    if value not in _INT64:
        raise InvalidParameter(f"{name} {shown(value)} does not fit in 64 bits")
    return int(value)


def _whole(name: str, value: Any) -> int:
    try:
        plain = _as_scalar(value)
        whole = int(plain)
        if whole == plain:  # not so for a text, or with a fraction
            return whole
    except Exception:  # of any package, as above
        pass
    raise InvalidParameter(f"{name} {shown(value)} is not a whole number") from None


def _as_scalar(value: Any) -> Any:
    """Return the Python object in a scalar or an array of one element. Raises TypeError where it is
    masked, or a time, which numpy gives as an integer of some unit."""
    mask = getattr(value, "mask", False)  # a method of pandas' objects, which are not masked
    if not callable(mask) and bool(mask):
        raise TypeError("it is masked")
    if getattr(getattr(value, "dtype", None), "kind", None) in ("m", "M"):
        raise TypeError("it is a time")
    return value.item() if hasattr(value, "item") else value


def mapping(name: str, value: Any) -> Mapping[Any, Any]:
    """Return `value`, which must have keys and values."""
    if not hasattr(value, "items"):
        raise InvalidParameter(
            f"{name} {shown(value)} is a {type(value).__name__}: it must be a dictionary"
        )
    found: Mapping[Any, Any] = value
    return found


def models(values: Iterable[T], *names: str) -> list[T]:
    """Return `values`, models that a run read or made, of runlog's or MLflow's."""
    given = list(values)
    for each in given:
        if not all(hasattr(each, name) for name in names):
            raise InvalidParameter(
                f"{shown(each)} is no logged model of a run: give "
                "entities.LoggedModelInput(model_id) for one that it read and "
                "entities.LoggedModelOutput(model_id, step) for one that it made"
            )
    return given


def fields(name: str, value: Any, needed: str, *optional: str) -> Mapping[str, Any]:
    """Return `value`, one of the dictionaries in `name`: with the field `needed`, perhaps
    `optional`."""
    given = mapping(name, value)
    if not given.get(needed) or not given.keys() <= {needed, *optional}:
        raise InvalidParameter(
            f"{name} holds {shown(value)}: give dictionaries of {needed!r}, which is needed, and "
            f"{', '.join(map(repr, optional))}"
        )
    return given


def dataset_input(value: DatasetInput) -> DatasetInput:
    """Return `value`, a DatasetInput of runlog's or MLflow's."""
    if not hasattr(value, "dataset"):
        raise InvalidParameter(
            f"{shown(value)} is no data set of a run: give entities.DatasetInput(dataset, tags)"
        )
    for name in ("name", "digest", "source_type", "source", "schema", "profile"):
        if not hasattr(value.dataset, name):
            raise InvalidParameter(
                f"{shown(value.dataset)} is no data set: it has no {name}. Make one with "
                "runlog.data, such as from_pandas(frame)"
            )
    return value


def timestamp(value: Any) -> int:
    """Return a time in Unix milliseconds; a fraction, as `time.time() * 1000` has, is rounded."""
    time = integer("timestamp", value if type(value) is int else _rounded(value))
    if time < 0:
        raise InvalidParameter(f"timestamp {time} is negative: it must be Unix milliseconds")
    return time


def _rounded(value: Any) -> Any:
    try:
        return round(_as_scalar(value))
    except Exception:  # no number at all: the caller names it
        return value


def text(value: Any) -> str:
    """Return `str(value)`, storable: what UTF-8 (lone surrogates) or databases (NUL, where
    SQLite's LIKE stops reading) cannot hold is written as an escape."""
    string = value if type(value) is str else str(value)
    if "\0" in string:
        string = string.replace("\0", "\\x00")
    if string.isascii():
        return string
    return string.encode("utf-8", "backslashreplace").decode("utf-8")


def texts(given: Mapping[Any, Any] | None, kind: str) -> dict[str, str]:
    """Return params or tags (`kind` says which) as keys and texts."""
    return {key(name, kind): text(value) for name, value in (given or {}).items()}


def run_id(value: Any) -> str:
    """Return the id of a run: 32 hex digits when made here; others are letters, digits, `_` and
    `-`."""
    if isinstance(value, str) and value.isascii() and value[:1].isalnum() and len(value) <= 256:
        if value.replace("_", "").replace("-", "").isalnum():
            return value
    raise InvalidParameter(
        f"invalid run id {shown(value)}: it must be text of letters, digits, _ and -, "
        "such as run.info.run_id"
    )


def experiment_id(value: Any) -> int:
    """Return the id of an experiment, decimal digits as text, as the number the store uses. No
    experiment has a negative one, which is for the store to say: as with any other id that is not
    there."""
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT64:
        return value
    if isinstance(value, str) and value.isascii() and len(value) <= 20:
        if value.removeprefix("-").isdigit() and int(value) in _INT64:
            return int(value)
    raise InvalidParameter(f"invalid experiment id {value!r}: it must be decimal digits")


def experiment_ids(values: Any) -> list[int]:
    """Return the ids of several experiments, as `experiment_id` reads them. One by itself is
    refused: a text is a list, too, of its letters."""
    if isinstance(values, (str, int)):
        raise InvalidParameter(
            f"experiment_ids must be a list of ids: [{values!r}], not {values!r}"
        )
    return [experiment_id(each) for each in values]


def experiment_name(name: Any) -> str:
    """Return the name of an experiment."""
    if name is None or name == "":
        raise InvalidParameter("an experiment name must be given; it is empty")
    if not isinstance(name, str):
        raise InvalidParameter(
            f"experiment name {name!r} is a {type(name).__name__}: it must be text"
        )
    if len(name) > MAX_EXPERIMENT_NAME_LENGTH:
        raise InvalidParameter(
            f"experiment name {name[:40]!r}... has {len(name)} characters: "
            f"at most {MAX_EXPERIMENT_NAME_LENGTH}"
        )
    return text(name)


def status(value: Any) -> str:
    """Return the name of a run's status, from the name or MLflow's number."""
    from runlog.entities import RunStatus

    try:
        number = value if isinstance(value, int) else RunStatus.from_string(value)
        return RunStatus.to_string(number)
    except ValueError as error:
        raise InvalidParameter(str(error)) from None


def max_results(value: Any, most: int | None = MAX_SEARCH_RESULTS) -> int:
    """Return a page's size."""
    count = integer("max_results", value)
    if count < 1 or (most is not None and count > most):
        bound = f" and at most {most}" if most is not None else ""
        raise InvalidParameter(f"Invalid value {count} for max_results: at least 1{bound}")
    return count


def limit(value: Any) -> int | None:
    """Return how many results to go for over all pages; None is no limit."""
    count = None if value is None else integer("max_results", value)
    if count is not None and count < 0:
        raise InvalidParameter(f"Invalid value {count} for max_results: at least 0, None for all")
    return count


def unique_params(params: Iterable[tuple[str, str]], run_id: str) -> None:
    """Refuse two values for one param key in a batch."""
    seen: dict[str, str] = {}
    for name, value in params:
        if seen.setdefault(name, value) != value:
            raise InvalidParameter(
                f"param {name!r} stands in one batch for run {run_id} with two values, "
                f"{seen[name]!r} and {value!r}"
            )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what is bound to `host`."""
    from ipaddress import ip_address

    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def without_password(uri: str) -> str:
    """Return `uri` as it may be shown and stored: `ftp://user:secret@host` becomes `ftp://user@host`.
    Where a password was written without percent-encoding, rather too much goes than too little."""
    import re

    return re.sub(r"(://[^/:@]*):(?!\d*(/|$)).*@", r"\1@", uri, flags=re.DOTALL)


def artifact_location(location: str) -> str:
    """Return an experiment's artifact location as given by the user."""
    shown = without_password(location)
    if shown != location:
        raise InvalidParameter(
            "an artifact location must not hold a password: the database would show it to everyone "
            f"who reads it. Use {shown!r}, and put the password into ~/.netrc, or set "
            "RUNLOG_ARTIFACT_ROOT to the URI with the password in it"
        )
    if "#" in location or "?" in location:
        raise InvalidParameter(
            f"artifact location {location!r} holds a '#' or '?': it must be a plain path or URI"
        )
    return text(location)
