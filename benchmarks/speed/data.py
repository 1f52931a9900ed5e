"""Synthetic tables with a signal that a network can learn and a fixed seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TEST_ROWS = 10_000


def make(rows: int, columns: int, dtype: str = "float32", seed: int = 0) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return X, y, X_test, y_test; rows of the second pair come after those of the first.

    A random two-layer teacher gives each row its log-odds, labels are drawn from them, and the
    columns are put on scales from 0.1 to 100, away from 0: a network needs them standardised.
    """
    rng = np.random.default_rng([seed, columns])
    # one teacher for every number of rows: only what is learnt from changes
    informative = min(columns, 20)
    inner = rng.normal(size=(informative, 16)) / np.sqrt(informative)
    outer = rng.normal(size=16)
    scale, offset = 10 ** rng.uniform(-1, 2, columns), rng.normal(size=columns)

    def draw(n: int, stream: int) -> tuple[NDArray, NDArray]:
        noise = np.random.default_rng([seed, columns, stream])
        Z = noise.standard_normal((n, columns), dtype=np.float32)
        signal = np.tanh(1.5 * Z[:, :informative] @ inner) @ outer
        odds = 3 * signal / np.linalg.norm(outer)
        y = (noise.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
        return ((Z + offset) * scale).astype(dtype), y

    return *draw(rows, 1), *draw(TEST_ROWS, 2)
