"""Building Keras models without touching anybody's random state."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

_LOCK = threading.RLock()


def draw_seeds(random_state: np.random.RandomState, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Draw seeds; never while another thread has lent NumPy's global generator away."""
    with _LOCK:
        return random_state.randint(np.iinfo(np.int32).max, size=shape)


@contextmanager
def isolated_random(seed: int, own_code: bool = True) -> Iterator[None]:
    """Seed Python's and NumPy's global generators for a block of code, then give them back untouched.

    Keras' initialisers and dropout layers without a seed take theirs from Python's `random`, so inside the block they
    depend on `seed` alone. NumPy's generator serves code of the user's own. Where none runs (`own_code` is false) it is
    left alone, since other threads may be drawing from it.
    """
    with _LOCK:
        python_state, numpy_state = random.getstate(), np.random.get_state() if own_code else None  # noqa: NPY002
        random.seed(seed)
        if own_code:
            np.random.seed(seed % 2**32)  # noqa: NPY002 - lent
        try:
            yield
        finally:
            random.setstate(python_state)
            if numpy_state is not None:
                np.random.set_state(numpy_state)  # noqa: NPY002 - given back
