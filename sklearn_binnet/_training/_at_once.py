"""Two trainings at once: while TensorFlow compiles or computes for one of them, Python can prepare the other."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_First = TypeVar("_First")
_Second = TypeVar("_Second")
_called_off: contextvars.ContextVar[threading.Event | None] = contextvars.ContextVar("_called_off", default=None)
"""Set where nobody waits for the training in this thread any more; None outside of the second one of `at_once`."""


class CalledOff(Exception):
    """Ends a training that nobody waits for any more, so that nobody sees it."""


def end_if_called_off() -> None:
    """End this training if the one beside it has ended with an error or an interrupt."""
    event = _called_off.get()
    if event is not None and event.is_set():
        raise CalledOff


def at_once(first: Callable[[], _First], second: Callable[[], _Second]) -> tuple[_First, _Second]:
    """Return what both return; the second one runs in a thread of its own, and no longer than this call.

    An interrupt or an error of the first one calls the second one off, which ends where it asks `end_if_called_off`.

    They should share nothing that either of them changes, and run no code of the user's. Their results are the same as
    in turn, and so is the error where both fail: that of the first. Where TensorFlow has more devices than the
    processor, they run in turn, since a thread does not see which device was chosen.
    """
    import keras
    import tensorflow as tf

    if len(tf.config.list_logical_devices()) > 1:
        return first(), second()
    policy, called_off = keras.config.dtype_policy(), threading.Event()

    def in_thread() -> _Second:
        _called_off.set(called_off)
        keras.config.set_dtype_policy(policy)  # Keras keeps it for each thread
        return second()

    with ThreadPoolExecutor(1) as pool:
        try:
            future = pool.submit(contextvars.copy_context().run, in_thread)
            return first(), future.result()
        finally:
            called_off.set()
