from __future__ import annotations

import pytest

from runlog.errors import InvalidParameter
from runlog.settings import SETTINGS, Setting, flag, number, setting, text


@pytest.fixture(autouse=True)
def colour(monkeypatch):
    monkeypatch.setitem(SETTINGS, "COLOUR", Setting("A colour.", 7))


@pytest.mark.parametrize(
    "ours, theirs, value",
    [
        (None, None, None),
        ("a", None, "a"),
        (None, "b", "b"),
        ("a", "b", "a"),
        ("", "b", "b"),
        ("", "", None),
        (None, "", None),
    ],
)
def test_ours_before_theirs_and_empty_is_unset(monkeypatch, ours, theirs, value):
    for name, given in (("RUNLOG_COLOUR", ours), ("MLFLOW_COLOUR", theirs)):
        if given is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, given)
    assert setting("COLOUR") == value


@pytest.mark.parametrize(
    "given, value", [(None, 7), ("", 7), ("2", 2), ("0.5", 0.5), ("1e3", 1000)]
)
def test_a_number(monkeypatch, given, value):
    if given is not None:
        monkeypatch.setenv("RUNLOG_COLOUR", given)
    assert number("COLOUR") == value


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e300", "red", "1 s"])
def test_what_is_no_number_above_0(monkeypatch, text):
    monkeypatch.setenv("MLFLOW_COLOUR", text)
    with pytest.raises(InvalidParameter, match=f"COLOUR must be a number above 0, not '{text}'"):
        number("COLOUR")


@pytest.mark.parametrize("text, least, value", [("0", 0, 0), ("-1", -1, -1), ("12", 0, 12)])
def test_a_whole_number_from_the_least_on(monkeypatch, text, least, value):
    monkeypatch.setenv("RUNLOG_COLOUR", text)
    assert number("COLOUR", least, whole=True) == value


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3"])
def test_what_is_no_whole_number(monkeypatch, text):
    monkeypatch.setenv("RUNLOG_COLOUR", text)
    with pytest.raises(InvalidParameter, match=f"must be a whole number from 0 on, not '{text}'"):
        number("COLOUR", least=0, whole=True)


@pytest.mark.parametrize("text, value", [("", True), ("no", False), ("0", False), ("True", True)])
def test_a_flag(monkeypatch, text, value):
    monkeypatch.setitem(SETTINGS, "COLOUR", Setting("A colour.", "true"))
    monkeypatch.setenv("RUNLOG_COLOUR", text)
    assert flag("COLOUR") is value


def test_what_is_no_flag(monkeypatch):
    monkeypatch.setenv("RUNLOG_COLOUR", "red")
    with pytest.raises(InvalidParameter, match="RUNLOG_COLOUR must be true or false, not 'red'"):
        flag("COLOUR")


def test_a_text_or_its_default(monkeypatch):
    assert text("COLOUR") == "7"
    monkeypatch.setenv("MLFLOW_COLOUR", "red")
    assert text("COLOUR") == "red"


def test_an_unknown_name_is_a_mistake():
    with pytest.raises(KeyError, match="SMELL"):
        setting("SMELL")


def test_mlflow_has_the_settings_that_are_said_to_be_its_own():
    import mlflow.environment_variables as theirs

    named = {name for name in dir(theirs) if name.startswith("MLFLOW_")}
    assert {
        name for name, each in SETTINGS.items() if each.mlflow != (f"MLFLOW_{name}" in named)
    } == set()
