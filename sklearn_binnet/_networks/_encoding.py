"""Encodings of numbers that keep one column a column: as they are, or standardized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 16
_LARGEST = 1e6  # deviations; n training rows reach sqrt(n) at most, so this binds later rows only
_LARGEST_RAW = 1e30  # as they are: sums of products with weights stay far from float32's 3.4e38
_LARGEST_INPUT = 8e307  # differences of larger numbers overflow


@dataclass(frozen=True)
class Identity:
    """Columns as they are."""

    n_features: int

    @property
    def n_encoded(self) -> int:
        """Columns that reach the first layer."""
        return self.n_features

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Return X as float32.

        Raises
        ------
        ValueError
            A value is so large that a network of float32 numbers overflows.
        """
        if X.size and max(X.max(), -X.min()) > _LARGEST_RAW:
            row, column = np.argwhere(np.abs(X) > _LARGEST_RAW)[0]
            raise ValueError(
                f"column {column} of the columns of numbers holds {X[row, column]:g}. With encoding=None columns go to "
                f"the network as they are, in float32, where sizes above {_LARGEST_RAW:g} overflow. Scale the column, "
                "or let encoding='standardize' do it."
            )
        return X.astype(np.float32)

    def update(self, X: NDArray, sample_weight: NDArray | None) -> Identity:
        """Return self: there is nothing to learn."""
        return self

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns; what `transform` refuses is cut, as a graph cannot refuse."""
        import keras

        return keras.ops.clip(inputs, -_LARGEST_RAW, _LARGEST_RAW)


@dataclass(frozen=True)
class Standardizer:
    """Every column to mean 0 and standard deviation 1; constant columns to 0.

    Computed in float64 from differences to the first row, so that a column of size 1e9 keeps its differences. Values
    beyond a million deviations are cut there: they would overflow float32 further on.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    """Standard deviation with the rows as the population, 0 for a constant column."""
    weight_seen: float
    """Sum of the weights of the rows learnt from."""

    @classmethod
    def fit(cls, X: NDArray, sample_weight: NDArray | None = None) -> Standardizer:
        """Learn from the rows of X (n, d), weighted."""
        X = np.clip(X, -_LARGEST_INPUT, _LARGEST_INPUT, dtype=np.float64)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        difference = X - X[0]
        span = np.abs(difference).max(axis=0)
        # Squares of spans would overflow from 1e154 on and vanish below 1e-162.
        difference /= np.where(span > 0, span, 1.0)
        total = weight.sum()
        center = weight @ difference / total
        difference -= center
        deviation = span * np.sqrt(weight @ difference**2 / total)
        return cls(X[0] + span * center, deviation, float(total))

    def update(self, X: NDArray, sample_weight: NDArray | None) -> Standardizer:
        """Return the standardizer that has seen the rows of X as well."""
        new = Standardizer.fit(X, sample_weight)
        total = self.weight_seen + new.weight_seen
        a, b = self.weight_seen / total, new.weight_seen / total
        shift = new.mean - self.mean
        unit = np.maximum(np.maximum(self.deviation, new.deviation), np.abs(shift))
        unit = np.where(unit > 0, unit, 1.0)
        variance = a * (self.deviation / unit) ** 2 + b * (new.deviation / unit) ** 2 + a * b * (shift / unit) ** 2
        return Standardizer(self.mean + b * shift, unit * np.sqrt(variance), total)

    @property
    def factor(self) -> NDArray[np.float64]:
        """1 / standard deviation, 0 for a constant column."""
        # A deviation of a unit in the last place is rounding, not information.
        varies = self.deviation > 2 * np.finfo(np.float64).eps * np.abs(self.mean)
        varies &= self.deviation > np.finfo(np.float64).tiny
        return np.divide(1.0, self.deviation, out=np.zeros_like(self.deviation), where=varies)

    @property
    def n_encoded(self) -> int:
        """Columns that reach the first layer."""
        return len(self.mean)

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Return the standardized columns, float32 (n, d)."""
        out = np.empty(X.shape, np.float32)
        factor = self.factor
        for start in range(0, len(X), _BLOCK):
            rows = slice(start, start + _BLOCK)
            block = np.clip(X[rows], -_LARGEST_INPUT, _LARGEST_INPUT, dtype=np.float64)
            block -= self.mean
            with np.errstate(over="ignore"):
                block *= factor
            out[rows] = np.clip(block, -_LARGEST, _LARGEST, out=block)
        return out

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns, computed in float64."""
        import keras

        # Two steps: in x * factor + offset both would be huge, and their difference noise. (keras.layers.Normalization
        # takes no deviation below 1e-7.)
        rescaling = keras.layers.Rescaling
        centered = rescaling(1.0, -self.mean, dtype="float64", name="center")(
            keras.ops.clip(inputs, -_LARGEST_INPUT, _LARGEST_INPUT)
        )
        scaled = rescaling(self.factor, 0.0, dtype="float64", name="scale")(centered)
        return keras.ops.clip(scaled, -_LARGEST, _LARGEST)
