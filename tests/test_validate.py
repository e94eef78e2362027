"""What may be logged. How stores use it is in `tests/contract/`."""

from __future__ import annotations

import decimal
import fractions
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from contract.names import BAD_KEYS, NOT_EXPERIMENT_IDS, NOT_IDS, ODD_KEYS
from runlog import validate
from runlog.entities import DatasetInput
from runlog.errors import InvalidParameter


class Scalar:
    """As the tensors of torch and jax: a number comes out of item(), if there is just one."""

    def __init__(self, *values):
        self.values = values

    def item(self):
        (value,) = self.values
        return value

    def __repr__(self):
        return f"tensor{self.values}"


class Opaque:
    def __float__(self):
        raise RuntimeError("on another device")


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys(key):
    assert validate.key(key, "metric") == key


@pytest.mark.parametrize("key", BAD_KEYS)
def test_what_is_no_key(key):
    with pytest.raises(InvalidParameter, match="^a? ?metric key") as caught:
        validate.key(key, "metric")
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    "key, words",
    [
        (5, "metric key 5 is a int: it must be text"),
        ("", "a metric key must not be empty"),
        ("k" * 251, "has 251 characters: at most 250"),
        ("a\nb", "metric key 'a\\nb' holds a character that is not allowed"),
        ("../a", "metric key '../a' is not a plain path"),
    ],
)
def test_it_is_said_what_is_wrong_with_a_key(key, words):
    with pytest.raises(InvalidParameter) as caught:
        validate.key(key, "metric")
    assert words in caught.value.message


@given(strategies.doubles)
def test_doubles_are_themselves(value):
    assert validate.number("m", value) is value


@pytest.mark.parametrize(
    "value, number",
    [
        (3, 3.0),
        (True, 1.0),
        (-(2**70), -(2.0**70)),
        (decimal.Decimal("1e-5"), 1e-5),
        (decimal.Decimal("-Infinity"), -math.inf),
        (fractions.Fraction(1, 3), 1 / 3),
        (Scalar(2), 2.0),
        (Scalar(math.inf), math.inf),
    ],
)
def test_numbers(value, number):
    assert repr(validate.number("m", value)) == repr(number)


@pytest.mark.parametrize("name", "float16 float32 float64 int8 uint64 bool_ longdouble".split())
def test_numpy_numbers(name):
    np = pytest.importorskip("numpy")
    for value in (getattr(np, name)(1), np.array(1, name), np.array([[1]], name)):
        assert repr(validate.number("m", value)) == "1.0"


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_what_numpy_has_beside_numbers(kind):
    np = pytest.importorskip("numpy")
    values = np.array([math.nan, math.inf, -math.inf, -0.0], kind)
    assert repr([validate.number("m", value) for value in values]) == "[nan, inf, -inf, -0.0]"
    for value in (values, np.array([]), np.array("x"), np.complex64(1)):
        with pytest.raises(InvalidParameter, match="metric 'm' got"):
            validate.number("m", value)


class Masked(Scalar):
    mask = True


class Broken:
    def item(self):
        raise KeyError("no such device")


def test_what_numpy_holds_beside_values():
    """A masked element gives 0.0, and a time an integer, where somebody asks for their number."""
    np = pytest.importorskip("numpy")
    ma = np.ma
    for value in (
        ma.masked,
        ma.array(1.0, mask=True),
        ma.array([1.0, 2.0], mask=[False, True])[1],
        ma.array([1.0], mask=[True]),
        np.datetime64(5, "ns"),
        np.timedelta64(5, "ns"),
        np.array([5], "datetime64[ns]"),
        np.array(None),
        np.array({}),
    ):
        with pytest.raises(InvalidParameter, match="^metric 'm' got .* of type"):
            validate.number("m", value)
        with pytest.raises(InvalidParameter, match="^step .* is not a whole number$"):
            validate.integer("step", value)
        with pytest.raises(InvalidParameter, match="^timestamp .* is not a whole number$"):
            validate.timestamp(value)
    assert validate.number("m", ma.array([1.5, 2.0], mask=[False, True])[0]) == 1.5
    assert validate.number("m", ma.array(1.5)) == validate.number("m", np.array(1.5)) == 1.5


def test_what_pandas_holds_beside_values():
    pd = pytest.importorskip("pandas")
    for value in (pd.NA, pd.NaT, pd.Timestamp(5), pd.Timedelta(5), pd.Series([pd.NaT])):
        with pytest.raises(InvalidParameter, match="^metric 'm' got .* of type"):
            validate.number("m", value)
        with pytest.raises(InvalidParameter, match="^timestamp .* is not a whole number$"):
            validate.timestamp(value)
    assert validate.number("m", pd.Series([1.5])) == 1.5


@pytest.mark.parametrize(
    "value, words",
    [
        (
            Masked(1.0),
            "got tensor(1.0,) of type Masked, which is not a single number: it is masked",
        ),
        (Broken(), "no such device"),
        ("half", "metric 'm' got 'half' of type str, which is not a single number"),
        (b"1", "metric 'm' got b'1' of type bytes"),
        (None, "metric 'm' got None of type NoneType, which is not a single number"),
        ([1], "metric 'm' got [1] of type list"),
        (1j, "of type complex"),
        (10**400, "too large"),
        (Scalar(1, 2), "got tensor(1, 2) of type Scalar"),
        (Scalar("x"), "got tensor('x',) of type Scalar"),
        (Opaque(), "on another device"),
        (decimal.Decimal("sNaN"), "of type Decimal"),
    ],
)
def test_what_is_no_number(value, words):
    with pytest.raises(InvalidParameter) as caught:
        validate.number("m", value)
    assert words in caught.value.message
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    "value, number", [(5, 5), (True, 1), (-7.0, -7), (2**63 - 1, 2**63 - 1), (Scalar(3), 3)]
)
def test_integers(value, number):
    found = validate.integer("step", value)
    assert (found, type(found)) == (number, int)


def test_numpy_integers():
    np = pytest.importorskip("numpy")
    for value in (np.int8(5), np.uint64(5), np.float32(5), np.array(5)):
        found = validate.integer("step", value)
        assert (found, type(found)) == (5, int)


@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, "5", None, [5], 1j, Scalar(1, 2)])
def test_what_is_no_integer(value):
    with pytest.raises(InvalidParameter, match="^step .* is not a whole number$"):
        validate.integer("step", value)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1e19])
def test_integers_have_64_bits(value):
    with pytest.raises(InvalidParameter, match="does not fit in 64 bits"):
        validate.integer("step", value)


@pytest.mark.parametrize(
    "value, whole", [(decimal.Decimal(5), 5), (fractions.Fraction(10, 2), 5), (Scalar(5.0), 5)]
)
def test_whole_numbers_of_all_kinds(value, whole):
    assert validate.integer("step", value) == validate.timestamp(value) == whole
    with pytest.raises(InvalidParameter, match="is not a whole number"):
        validate.integer("step", type(value)(fractions.Fraction(1, 2).numerator / 2))


@pytest.mark.parametrize(
    "value, whole",
    [
        (1700000000000.4, 1700000000000),
        (1700000000000.6, 1700000000001),
        (decimal.Decimal("1700000000000.6"), 1700000000001),
        (fractions.Fraction(5, 3), 2),
        (Scalar(1700000000000.6), 1700000000001),
    ],
)
def test_a_timestamp_is_rounded(value, whole):
    found = validate.timestamp(value)
    assert (found, type(found)) == (whole, int)


@pytest.mark.parametrize("value", ["5", None, math.nan, math.inf, 1j, [5]])
def test_what_is_no_timestamp(value):
    with pytest.raises(InvalidParameter, match="^timestamp .* is not a whole number$"):
        validate.timestamp(value)


def test_timestamps_are_not_negative():
    assert validate.timestamp(0) == 0
    with pytest.raises(InvalidParameter, match="timestamp -1 is negative"):
        validate.timestamp(-1)


@given(st.text(st.characters()))
def test_text_can_be_stored(value):
    stored = validate.text(value)
    assert stored.encode("utf-8").decode() == stored
    assert validate.text(stored) == stored
    if not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        assert stored == value


@pytest.mark.parametrize("value, stored", [("\ud83cé", "\\ud83cé"), ("a\0", "a\\x00")])
def test_what_no_database_takes_is_written_out(value, stored):
    assert validate.text(value) == stored


@pytest.mark.parametrize("value", ["a", "0123456789abcdef" * 2, "A_b-c", "a" * 256])
def test_run_ids(value):
    assert validate.run_id(value) == value


@pytest.mark.parametrize("value", [*NOT_IDS, "-a", "_a", "a\n", "../a"])
def test_what_is_no_run_id(value):
    with pytest.raises(InvalidParameter, match="invalid run id"):
        validate.run_id(value)


LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    "value, number",
    [("0", 0), ("007", 7), (5, 5), (str(LARGEST), LARGEST), ("-1", -1), (-(2**63), -(2**63))],
)
def test_experiment_ids(value, number):
    assert validate.experiment_id(value) == number


@pytest.mark.parametrize("value", [*NOT_EXPERIMENT_IDS, "9" * 10_000])
def test_what_is_no_experiment_id(value):
    with pytest.raises(InvalidParameter, match="invalid experiment id"):
        validate.experiment_id(value)


@pytest.mark.parametrize("value", ["DONE", "running", "", 0, 6, None, 1.5, []])
def test_what_is_no_status(value):
    with pytest.raises(InvalidParameter, match="no run status"):
        validate.status(value)


@pytest.mark.parametrize("value", [0, -1, 50_001, "5", None, 1.5])
def test_what_is_no_page_size(value):
    with pytest.raises(InvalidParameter, match="max_results"):
        validate.max_results(value)
    assert validate.max_results(50_000) == validate.max_results(50_000.0) == 50_000


def test_limits():
    assert [validate.limit(value) for value in (None, 0, 5.0, 10**6)] == [None, 0, 5, 10**6]
    with pytest.raises(InvalidParameter, match="Invalid value -1 for max_results"):
        validate.limit(-1)


@pytest.mark.parametrize("value", ["", None, 5, "k" * 256])
def test_what_is_no_input_tag_key(value):
    with pytest.raises(InvalidParameter, match="input tag key"):
        validate.input_tag_key(value)
    assert validate.input_tag_key("it's\n" + "k" * 250) == "it's\n" + "k" * 250


def test_a_message_does_not_show_all_of_a_long_value():
    for check in (validate.number, validate.integer):
        for value in (10**400, 10**5000, "x" * 400, [0] * 400):
            with pytest.raises(InvalidParameter, match="^.{0,250}$"):
                check("m", value)


@pytest.mark.parametrize("value", [["a"], [("a", 1)], 5, "text"])
def test_what_is_no_dictionary(value):
    with pytest.raises(InvalidParameter, match=rf"tags {re.escape(repr(value))} is a"):
        validate.mapping("tags", value)
    assert validate.mapping("tags", {"a": 1}) == {"a": 1}


@pytest.mark.parametrize("value", ["x", {"a": 1}, DatasetInput({"a": 1}), DatasetInput("x")])
def test_what_is_no_data_set_of_a_run(value):
    with pytest.raises(InvalidParameter, match=r"('x'|\{'a': 1\}) is no data set"):
        validate.dataset_input(value)
