"""Random numbers: logging draws none that the program would have drawn."""

from __future__ import annotations

import sys
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


@contextmanager
def unchanged_random_state(states: Sequence[Any] = ()) -> Iterator[None]:
    """Put the random states of Python, numpy and torch, as far as they are loaded, and those of
    `states` (numpy's RandomState, Generator) back as they were before the block."""
    undo = []
    if (python := sys.modules.get("random")) is not None:
        undo.append((python.setstate, python.getstate()))
    if (numpy := sys.modules.get("numpy.random")) is not None and hasattr(numpy, "get_state"):
        undo.append((numpy.set_state, numpy.get_state()))
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "get_rng_state"):
        undo.append((torch.set_rng_state, torch.get_rng_state()))
    for state in states:
        if hasattr(state, "get_state"):
            undo.append((state.set_state, state.get_state()))
        else:
            undo.append((_setter(state.bit_generator), state.bit_generator.state))
    try:
        yield
    finally:
        for restore, before in undo:
            restore(before)


def _setter(bits: Any) -> Any:
    def restore(before: Any) -> None:
        bits.state = before

    return restore
