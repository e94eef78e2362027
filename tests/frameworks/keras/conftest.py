from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def fresh_names():
    """Keras numbers the names of models and optimizers (adam, adam_1) over the whole process."""
    import keras

    keras.utils.clear_session()
