"""Tables made from a seed, for what the collected ones lack: heavy tails, exact rules, rare classes, whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Made = tuple[NDArray[np.float64], NDArray[np.bool_]]
N_ROWS = 6_000
N_COLUMNS = 8


def outer_percent(rng: np.random.Generator) -> Made:
    """Return columns of Student's t with 1.5 degrees of freedom; the outer percents of two of them decide the label.

    Elsewhere the label follows a third column, with one label in ten drawn anew.
    """
    X = rng.standard_t(1.5, (N_ROWS, N_COLUMNS))
    y = X[:, 2] > 0
    drawn = rng.random(N_ROWS) < 0.1
    y = np.where(drawn, rng.random(N_ROWS) < 0.5, y)
    y = np.where(X[:, 0] > np.quantile(X[:, 0], 0.98), True, y)
    return X, np.where(X[:, 1] < np.quantile(X[:, 1], 0.02), False, y)


def rare_rule(rng: np.random.Generator) -> Made:
    """Return log-normal columns; about 2 % of the rows are positive, by an exact rule about the tails of three."""
    X = np.exp(1.5 * rng.normal(size=(N_ROWS, N_COLUMNS)))
    corner = (X[:, 1] > np.quantile(X[:, 1], 0.93)) & (X[:, 2] > np.median(X[:, 2])) & (X[:, 3] < 0.5)
    return X, (X[:, 0] > np.quantile(X[:, 0], 0.985)) | corner


def long_counts(rng: np.random.Generator) -> Made:
    """Return whole numbers from 0 into the thousands; the label is an exact rule of thresholds on three of them."""
    X = np.floor(np.exp(1.0 + 1.8 * rng.normal(size=(N_ROWS, N_COLUMNS))))
    return X, ((X[:, 0] >= 12) & (X[:, 1] < 30)) | (X[:, 2] >= 150)


MAKERS: dict[str, tuple[Callable[[np.random.Generator], Made], int]] = {
    "made_outer_percent": (outer_percent, 1),
    "made_rare_rule": (rare_rule, 2),
    "made_long_counts": (long_counts, 0),
}
"""Each table's function and its seed."""


def columns_and_labels(name: str) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Return a table of `MAKERS`, the same each time."""
    make, seed = MAKERS[name]
    X, y = make(np.random.default_rng(seed))
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]), y.astype(np.int8)
