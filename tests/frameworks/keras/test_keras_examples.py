"""The example with Keras, run as a user runs it."""

from __future__ import annotations

import re

from frameworks.programs import example


def test_an_export(place):
    printed = example("keras_export.py")
    errors = re.findall(r": (0\.\d+)$", printed, re.MULTILINE)
    assert len(errors) == 4
    assert all(float(error) < 0.1 for error in errors)
    assert len([*place.glob("**/saved_model.pb")]) == 1
