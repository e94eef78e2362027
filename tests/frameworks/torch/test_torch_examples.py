"""The examples with PyTorch, run as a user runs them."""

from __future__ import annotations

import re

from frameworks.programs import example


def test_checkpoints(place):
    printed = example("pytorch_checkpoints.py")
    assert "goes on after epoch 5 of run" in printed
    assert re.search(r"accuracy on points it has never seen: (0\.9\d|1\.0)", printed)
    assert len([*place.glob("**/state_dict.pth")]) == 12


def test_a_fine_tuning(place):
    printed = example("huggingface_finetune.py")
    assert re.search(r"^accuracy: (0\.[89]\d|1\.00)$", printed, re.MULTILINE)
    assert re.search(r"the cake was delicious: liked \(0\.\d\d\)", printed)
    assert re.search(r"what a stale fish: disliked \(0\.\d\d\)", printed)
