"""Tables that TensorFlow reads where NumPy wrote them.

`tf.constant` copies an array twice on its way, and a third copy would fill its rows up to a bucket. A large table is
most of the memory of a fit, so it is written once, into an array that is long enough and begins at a multiple of 64
bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._schedule import resident_rows

_ALIGNMENT = 64
"""Bytes: addresses of this step are what TensorFlow's kernels and XLA's programs take."""


def room_for(n_rows: int, n_columns: int) -> NDArray[np.float32]:
    """Return zeros for `n_rows` rows and for those that fill them up, aligned for `tensor_of`."""
    held = resident_rows(n_rows)
    size = held * n_columns
    step = np.dtype(np.float32).itemsize
    whole = np.zeros(size + _ALIGNMENT // step, np.float32)
    start = -(whole.ctypes.data // step) % (_ALIGNMENT // step)
    return whole[start : start + size].reshape(held, n_columns)


def tensor_of(table: NDArray[np.float32]) -> Any:
    """Return a table as a tensor: on the CPU the same memory, on another device a copy.

    The tensor holds on to the memory. Nobody may write into the table any more.
    """
    import tensorflow as tf

    aligned = table.ctypes.data % _ALIGNMENT == 0 and table.flags.c_contiguous and table.flags.writeable
    if not aligned or table.size == 0 or tf.config.list_logical_devices("GPU"):
        return tf.constant(table, tf.float32)
    return tf.experimental.dlpack.from_dlpack(table.__dlpack__())
