"""Building Keras models without touching anybody's random state."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator

_lock = threading.RLock()


@contextlib.contextmanager
def isolated_random(seed: int) -> Iterator[None]:
    """Seed Python's `random`, from which Keras draws the seeds of initialisers and layers, and put it back after.

    One thread at a time: the state is the whole process's. Keep what runs inside short.
    """
    with _lock:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
