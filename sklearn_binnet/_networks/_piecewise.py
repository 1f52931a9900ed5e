"""The piecewise-linear encoding of numbers: every column on one scale, and where in its range a value lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks._constants import SOFT_LIMIT

LARGEST_INPUT = 8e307  # differences of larger numbers overflow
_FAR = 1e100  # squares of larger numbers overflow; the clip is long at its limit
_RESOLUTION = 1e-12
_BLOCK_VALUES = 1 << 22


@stored
@dataclass(frozen=True)
class PiecewiseLinear:
    """Numbers scaled by median and interquartile range and softly clipped, then their place in quantile bins.

    A bin's entry is 0 for values below it, 1 above it and linear inside [1]_, less its mean over the training rows. A
    column with two values or one has no bins.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
       NeurIPS 2022.
    """

    center: NDArray[np.float64]
    """(d,), the medians."""
    factor: NDArray[np.float64]
    """(d,), 1 / interquartile range; 0 for constant columns."""
    column: NDArray[np.intp]
    """(T,), the column of every bin."""
    low: NDArray[np.float64]
    """(T,), where the bin begins, on the scale of the clipped values."""
    slope: NDArray[np.float64]
    """(T,), 1 / width of the bin."""
    mean: NDArray[np.float64]
    """(T,), the mean of the bin's entry over the training rows."""

    @classmethod
    def fit(cls, X: NDArray[Any], sample_weight: NDArray[Any] | None = None, n_bins: int = 8) -> PiecewiseLinear:
        """Learn from the rows of X (n, d), weighted."""
        X = np.clip(X, -LARGEST_INPUT, LARGEST_INPUT, dtype=np.float64)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        found = [distinct_values(column, weight) for column in X.T]
        scales = np.array([_scale(values, mass) for values, mass in found]).reshape(-1, 2)
        center, factor = scales[:, 0], scales[:, 1]
        edges = [
            split_bins(_clipped(values, center[j], factor[j]), mass, n_bins) if factor[j] > 0 else np.zeros(0)
            for j, (values, mass) in enumerate(found)
        ]
        edges = [e if len(e) > 2 else e[:1] for e in edges]
        column = np.repeat(np.arange(X.shape[1]), [max(len(e) - 1, 0) for e in edges])
        low = np.concatenate([e[:-1] for e in edges] or [np.zeros(0)])
        width = np.concatenate([np.diff(e) for e in edges] or [np.zeros(0)])
        encoder = cls(center, factor, column, low, 1 / width, np.zeros(len(low)))
        share = weight / weight.sum()
        total = np.zeros(len(low))
        for rows in encoder._blocks(len(X)):
            total += share[rows] @ encoder._bins(encoder.scaled(X[rows]))
        return replace(encoder, mean=total)

    def update(self, X: NDArray[Any], sample_weight: NDArray[Any] | None) -> PiecewiseLinear:
        """Return self: trained weights belong to the bins as they are."""
        return self

    @property
    def n_features(self) -> int:
        """Columns that come in."""
        return len(self.center)

    @property
    def n_encoded(self) -> int:
        """Columns that go out."""
        return len(self.center) + len(self.column)

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the encoded columns, float32 (n, d + T)."""
        out = np.empty((len(X), self.n_encoded), np.float32)
        d = self.n_features
        for rows in self._blocks(len(X)):
            scaled = self.scaled(X[rows])
            out[rows, :d] = scaled
            out[rows, d:] = self._bins(scaled)
        return out

    def _blocks(self, n: int) -> list[slice]:
        rows = max(_BLOCK_VALUES // max(self.n_encoded, 1), 1)
        return [slice(start, start + rows) for start in range(0, n, rows)]

    def scaled(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return the numbers scaled and softly clipped, in float64 (n, d)."""
        return _clipped(X, self.center, self.factor)

    def _bins(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        bins = scaled[:, self.column]
        bins -= self.low
        bins *= self.slope
        np.clip(bins, 0.0, 1.0, out=bins)
        bins -= self.mean
        return bins

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns, computed in float64."""
        import keras

        ops = keras.ops
        rescaling = keras.layers.Rescaling
        limited = ops.clip(inputs, -LARGEST_INPUT, LARGEST_INPUT)
        centered = rescaling(1.0, -self.center, dtype="float64", name="center")(limited)
        z = rescaling(self.factor, 0.0, dtype="float64", name="scale")(centered)
        z = ops.clip(z, -_FAR, _FAR)
        scaled = z / ops.sqrt(1.0 + ops.square(z / SOFT_LIMIT))
        if not len(self.column):
            return scaled
        picked = ops.take(scaled, self.column, axis=1)
        begun = rescaling(1.0, -self.low, dtype="float64", name="bin_begins")(picked)
        share = ops.clip(rescaling(self.slope, 0.0, dtype="float64", name="bin_slope")(begun), 0.0, 1.0)
        return ops.concatenate([scaled, rescaling(1.0, -self.mean, dtype="float64", name="bin_mean")(share)], axis=1)


def difference(x: NDArray[Any], center: Any) -> NDArray[np.float64]:
    """Return x - center in float64; what is too large for that is cut, which no float32 number is."""
    if x.dtype == np.float32:
        narrow: NDArray[np.float64] = np.subtract(x, center, dtype=np.float64)
        return narrow
    z: NDArray[np.float64] = np.clip(x, -LARGEST_INPUT, LARGEST_INPUT, dtype=np.float64)
    z -= center
    return z


def _clipped(x: NDArray[Any], center: Any, factor: Any) -> NDArray[np.float64]:
    """Return x scaled, and softly clipped to (-3, 3)."""
    z = difference(x, center)
    with np.errstate(over="ignore"):
        z *= factor
    np.clip(z, -_FAR, _FAR, out=z)
    z /= np.sqrt(1.0 + np.square(z / SOFT_LIMIT))
    return z


def distinct_values(column: NDArray[Any], weight: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distinct values of a column, sorted, and the weight of each."""
    order = np.argsort(column, kind="stable")
    values = column[order]
    first = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return values[first], np.add.reduceat(weight[order], first)


def _scale(values: NDArray[Any], mass: NDArray[Any]) -> tuple[float, float]:
    """Return median and 1 / interquartile range; of a column that hardly varies, 1 / half its range."""
    low, median, high = quantiles(values, mass, np.array([0.25, 0.5, 0.75]))
    span = high - low
    if not _varies(span, median):
        span = 0.5 * values[-1] - 0.5 * values[0]
    return median, float(1 / span) if _varies(span, median) else 0.0


def _varies(span: float, center: float) -> bool:
    # A span of a unit in the last place is rounding, not information.
    return bool(span > max(2 * np.finfo(np.float64).eps * abs(center), np.finfo(np.float64).tiny))


def quantiles(values: NDArray[Any], mass: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """Return quantiles of sorted values, each as heavy as its `mass`; between two values their middle.

    A row of weight 2 counts as two rows.
    """
    cumulated = np.cumsum(mass)
    wanted = q * cumulated[-1]
    slack = 1e-9 * cumulated[-1]
    below = np.searchsorted(cumulated, wanted - slack)
    above = np.minimum(np.searchsorted(cumulated, wanted + slack), len(values) - 1)
    middle: NDArray[np.float64] = 0.5 * values[below] + 0.5 * values[above]
    return middle


def split_bins(values: NDArray[np.float64], mass: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Return the edges of `n_bins` bins over sorted distinct values: the heaviest bin is halved till there are enough.

    Edges are values of the column. There are always `n_bins` bins where there are values for them: quantiles would
    fall together where many rows share a value, and their number would change from fold to fold.
    """
    # Far values are equal after clipping; the slope between values nearer than rounding would overflow.
    first = np.flatnonzero(np.r_[True, np.diff(values) > _RESOLUTION])
    values, mass = values[first], np.add.reduceat(mass, first)
    cumulated = np.cumsum(mass)
    # Ties are ties on any scale of the weights, though a sum of weights such as 1/3 is rounded.
    slack = 1e-9 * cumulated[-1]
    edges = [0, len(values) - 1]
    while len(edges) <= min(n_bins, len(values) - 1):
        # Half of what lies on an edge belongs to either side.
        k, heaviest = 0, -np.inf
        for i, (a, b) in enumerate(pairwise(edges)):
            inside = cumulated[b] - cumulated[a] - 0.5 * (mass[b] - mass[a])
            if b - a > 1 and inside > heaviest + slack:
                k, heaviest = i, inside
        a, b = edges[k], edges[k + 1]
        half = cumulated[a] - 0.5 * mass[a] + 0.5 * heaviest
        cut = int(np.searchsorted(cumulated - 0.5 * mass, half - slack))
        edges.insert(k + 1, min(max(cut, a + 1), b - 1))
    return values[edges]
