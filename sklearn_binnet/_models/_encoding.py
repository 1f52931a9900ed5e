"""What happens to the columns before the first layer, learnt from training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 16


@dataclass(frozen=True)
class Identity:
    """Columns as they are."""

    n_features: int

    @property
    def n_encoded(self) -> int:
        """Columns that reach the first layer."""
        return self.n_features

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Return X as float32."""
        return X.astype(np.float32)

    def update(self, X: NDArray, sample_weight: NDArray | None) -> Identity:
        """Return self: there is nothing to learn."""
        return self

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns."""
        return inputs


@dataclass(frozen=True)
class Standardizer:
    """Every column to mean 0 and standard deviation 1; constant columns to 0.

    Computed in float64, so that a column of size 1e9 keeps its differences.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    factor: NDArray[np.float64]
    """1 / standard deviation, 0 for a constant column."""
    rows_seen: Any

    @classmethod
    def fit(cls, X: NDArray, sample_weight: NDArray | None = None) -> Standardizer:
        """Learn from the rows of X (n, d), weighted."""
        return cls._learn(X, sample_weight, None)

    def update(self, X: NDArray, sample_weight: NDArray | None) -> Standardizer:
        """Return the standardizer that has seen the rows of X as well."""
        return self._learn(X, sample_weight, self)

    @classmethod
    def _learn(cls, X: NDArray, sample_weight: NDArray | None, before: Standardizer | None) -> Standardizer:
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        if before is not None:
            scaler.n_features_in_ = len(before.mean)
            scaler.mean_, scaler.var_ = before.mean.copy(), before.variance.copy()
            scaler.n_samples_seen_ = before.rows_seen
            scaler.scale_ = np.sqrt(before.variance)
        scaler.partial_fit(X.astype(np.float64, copy=False), sample_weight=sample_weight)
        deviation = np.sqrt(scaler.var_)
        # StandardScaler marks a constant column by scale 1 whatever rounding left in its variance.
        varies = np.isfinite(deviation) & (deviation > 0) & ~((scaler.scale_ == 1.0) & (deviation != 1.0))
        factor = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
        return cls(scaler.mean_, scaler.var_, factor, scaler.n_samples_seen_)

    @property
    def n_encoded(self) -> int:
        """Columns that reach the first layer."""
        return len(self.mean)

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Return the standardized columns, float32 (n, d)."""
        if len(X) <= _BLOCK:
            return ((X - self.mean) * self.factor).astype(np.float32)
        out = np.empty(X.shape, np.float32)
        for start in range(0, len(X), _BLOCK):
            rows = slice(start, start + _BLOCK)
            out[rows] = (X[rows] - self.mean) * self.factor
        return out

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns, computed in float64."""
        import keras

        # Keras divides by the deviation: a huge one stands for factor 0.
        variance = np.divide(1.0, self.factor**2, out=np.full_like(self.factor, 1e300), where=self.factor > 0)
        layer = keras.layers.Normalization(mean=self.mean, variance=variance, dtype="float64", name="standardize")
        return layer(inputs)


Encoder = Identity | Standardizer


def fit_encoder(encoding: str | None, X: NDArray, sample_weight: NDArray | None) -> Encoder:
    """Return the encoder named by the parameter `encoding`, learnt from X."""
    if encoding is None:
        return Identity(X.shape[1])
    return Standardizer.fit(X, sample_weight)
