"""What a user is told when memory runs out: how large the work is, and what makes it smaller."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def explaining_lack_of_memory(message: Callable[[], str]) -> Iterator[None]:
    """Raise MemoryError with `message` where NumPy or TensorFlow finds no more memory.

    The error of the library is its cause, without the variables of the calls that it left, which hold the tables that
    there was no room for. An error that has been explained already goes on as it is.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:  # TensorFlow has several errors for a lack of memory; any other goes on
        if not _is_lack_of_memory(error):
            raise
        text = message()
        traceback.clear_frames(error.__traceback__)
        raise OutOfMemory(text) from error


class OutOfMemory(MemoryError):
    """A MemoryError that says what to set."""


def _is_lack_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    # TensorFlow has the same name for a full disk and for too many open files, which no smaller batch mends.
    others = [name for name in ("ENOSPC", "EDQUOT", "EMFILE", "ENFILE") if hasattr(errno, name)]
    if any(os.strerror(getattr(errno, name)) in str(error) for name in others):
        return False
    # XLA reports what its own allocator lacks as an internal error with TensorFlow's name for it in the text.
    return isinstance(error, tf.errors.ResourceExhaustedError) or (
        isinstance(error, tf.errors.OpError) and "RESOURCE_EXHAUSTED" in str(error)
    )
