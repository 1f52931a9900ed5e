"""Two trainings at once: while TensorFlow compiles or computes for one of them, Python can prepare the other."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_First = TypeVar("_First")
_Second = TypeVar("_Second")


def at_once(first: Callable[[], _First], second: Callable[[], _Second]) -> tuple[_First, _Second]:
    """Return what both return; the second one runs in a thread of its own, and no longer than this call.

    They should share nothing that either of them changes, and run no code of the user's. Their results are the same as
    in turn, and so is the error where both fail: that of the first. Where TensorFlow has more devices than the
    processor, they run in turn, since a thread does not see which device was chosen.
    """
    import keras
    import tensorflow as tf

    if len(tf.config.list_logical_devices()) > 1:
        return first(), second()
    policy = keras.config.dtype_policy()

    def in_thread() -> _Second:
        keras.config.set_dtype_policy(policy)  # Keras keeps it for each thread
        return second()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(contextvars.copy_context().run, in_thread)
        return first(), future.result()
