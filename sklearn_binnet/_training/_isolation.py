"""Building Keras models without touching anybody's random state."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def isolated_random(seed: int) -> Iterator[None]:
    """Seed Python's `random`, from which Keras draws the seeds of initialisers and layers, and put it back after."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
