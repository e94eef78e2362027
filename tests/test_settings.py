from __future__ import annotations

import pytest

from runlog.settings import setting


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
    for name, text in (("RUNLOG_COLOUR", ours), ("MLFLOW_COLOUR", theirs)):
        if text is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, text)
    assert setting("COLOUR") == value
