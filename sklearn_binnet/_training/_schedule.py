"""Rows, batches and learning rates of every step, as plain arrays.

Sizes that shape a compiled program go up to the next bucket, so that a fit on other folds, or on a few more rows,
finds its program compiled. What a bucket adds has weight 0 or is never reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._types import Settings

EPOCHS_A_CALL = 32
"""Epochs that one call of a program can run; their row order is resident during the call."""
_RESIDENT_ROWS = 1 << 20


def bucket(n: int) -> int:
    """Return the smallest of 1, 2, ..., 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, ... that is at least `n`."""
    if n <= 8:
        return max(n, 1)
    step = 1 << ((n - 1).bit_length() - 3)
    return -(-n // step) * step


def resident_rows(n: int) -> int:
    """Return the rows that hold `n` rows of data: a power of two, of large data the next bucket (memory counts)."""
    return bucket(n) if n > 1 << 16 else 1 << (max(n, 2) - 1).bit_length()


def epochs_a_call(members: int, steps: int, batch: int) -> int:
    """Return how many epochs' row orders are held at once: a power of two, fewer for large data."""
    fits = max(_RESIDENT_ROWS // (members * steps * batch), 1)
    return min(EPOCHS_A_CALL, 1 << (fits.bit_length() - 1))


def epochs_until_heard(members: int, steps: int, batch: int, parameters: int) -> int:
    """Return how many epochs one call of a program may run, at least 1: Python hears an interrupt in between only.

    They take about a second, by a rough estimate that depends on sizes alone and not on a clock, so that the same
    training is always cut in the same places.
    """
    seconds = steps * (2e-4 + 6 * parameters * members * batch / 2e10)  # a step's own cost, and its arithmetic
    return max(int(1 / seconds), 1)


class RowOrder:
    """The order in which one member sees its rows: a new permutation each epoch, from its own seed."""

    def __init__(self, rows: NDArray[np.intp], seed: int):
        self._rows = np.asarray(rows, dtype=np.int32)
        self._rng = np.random.default_rng(seed)

    def rows(self) -> NDArray[np.int32]:
        """Return the next epoch's row order."""
        return self._rng.permutation(self._rows)

    def batches(self, batch_size: int, steps: int, width: int) -> NDArray[np.int32]:
        """Return the next epoch as (steps, width): `batch_size` rows a step, filled up with a row of its own."""
        order = self.rows()
        full, rest = divmod(len(order), batch_size)
        out = np.full((steps, width), order[0], np.int32)
        out[:full, :batch_size] = order[: full * batch_size].reshape(full, batch_size)
        out[full : full + 1, :rest] = order[full * batch_size :]
        return out


def _constant(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones_like(t)


def _cosine(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + 0.5 * np.cos(np.pi * t)


def _coslog4(t: NDArray[np.float64]) -> NDArray[np.float64]:
    # Four cosine cycles of growing length (Holzmüller et al. 2024, RealMLP).
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.log2(1 + 15 * t))


SCHEDULES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "constant": _constant,
    "cosine": _cosine,
    "coslog4": _coslog4,
}
"""Share of the learning rate at time t in [0, 1) of the planned training."""


def rate_factors(schedule: str, total_steps: int) -> NDArray[np.float32]:
    """Return the share of the learning rate at every step of the training, (total_steps,).

    A single step has the whole rate: a schedule that starts at 0 would not move a weight.
    """
    if total_steps <= 1:
        return np.ones(total_steps, dtype=np.float32)
    return SCHEDULES[schedule](np.arange(total_steps) / max(total_steps, 1)).astype(np.float32)


def step_rates(settings: Settings, steps: int, before: int) -> NDArray[np.float32]:
    """Return the learning rate's factor at every step of the training; under a Keras schedule the rate itself.

    A Keras schedule counts from the first step of the optimizer's life, `before` steps ago, as in Keras.
    """
    total = settings.epochs * steps
    if isinstance(settings.schedule, str):
        return rate_factors(settings.schedule, total)
    import tensorflow as tf

    def rate(step: Any) -> Any:
        return tf.cast(settings.schedule(step), tf.float32)

    steps_ahead = tf.range(before, before + total)
    every = tf.function(lambda i: tf.map_fn(rate, i, fn_output_signature=tf.float32), autograph=False)
    return every.get_concrete_function(steps_ahead)(steps_ahead).numpy()
