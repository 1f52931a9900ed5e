"""What happens to a table's columns before the first layer: gaps filled, numbers encoded, levels spread out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._constants import MAX_ONE_HOT
from sklearn_binnet._networks._encoding import Identity, Standardizer
from sklearn_binnet._networks._piecewise import PiecewiseLinear, distinct_values, quantiles

ENCODINGS = ("piecewise_linear", "standardize")

Numbers = Identity | Standardizer | PiecewiseLinear


@dataclass(frozen=True)
class ColumnEncoder:
    """A matrix of numbers (NaN: missing) and places of levels (-1: unknown) to what the first layer sees.

    What goes out, in this order: the numbers, encoded; for every column of numbers with missing ones in training,
    whether it is missing; for every category of few levels, one column a level; for the other categories, the place of
    the level counted from 1, with 0 for unknown.
    """

    n_features: int
    numbers: NDArray[np.intp]
    """Which columns are numbers."""
    fill: NDArray[np.float64]
    """What stands in for a missing number, of every column of numbers: the median."""
    indicated: NDArray[np.intp]
    """Columns of numbers, by their place among these, that had missing ones in training."""
    inner: Numbers
    one_hot: tuple[tuple[int, int], ...] = ()
    """(column, number of levels)"""
    embedded: tuple[tuple[int, int], ...] = ()
    """(column, number of levels)"""

    @classmethod
    def fit(
        cls,
        encoding: str | None,
        X: NDArray,
        sample_weight: NDArray | None = None,
        *,
        n_bins: int = 8,
        n_levels: Sequence[int] = (),
        max_one_hot: int = MAX_ONE_HOT,
    ) -> ColumnEncoder:
        """Learn from the rows of X (n, d), weighted. `n_levels` has the levels of every column, 0 for numbers."""
        levels = np.asarray(n_levels if len(n_levels) else np.zeros(X.shape[1]), dtype=np.intp)
        numbers = np.flatnonzero(levels == 0)
        few = [(int(j), int(levels[j])) for j in np.flatnonzero((levels > 0) & (levels <= max_one_hot))]
        many = [(int(j), int(levels[j])) for j in np.flatnonzero(levels > max_one_hot)]
        Z = X[:, numbers] if len(numbers) < X.shape[1] else X
        missing = np.isnan(Z)
        fill = _medians(Z, missing, sample_weight)
        if missing.any():
            Z = np.where(missing, fill, Z)
        inner: Numbers
        if encoding is None:
            inner = Identity(len(numbers))
        elif encoding == "standardize":
            inner = Standardizer.fit(Z, sample_weight)
        else:
            inner = PiecewiseLinear.fit(Z, sample_weight, n_bins)
        indicated = np.flatnonzero(missing.any(axis=0))
        return cls(X.shape[1], numbers, fill, indicated, inner, tuple(few), tuple(many))

    def update(self, X: NDArray, sample_weight: NDArray | None) -> ColumnEncoder:
        """Return the encoder that has seen the rows of X as well; what it gives keeps its shape."""
        return replace(self, inner=self.inner.update(self._filled(X)[0], sample_weight))

    @property
    def encoding(self) -> str | None:
        """The parameter that made it."""
        return {Identity: None, Standardizer: "standardize", PiecewiseLinear: "piecewise_linear"}[type(self.inner)]

    @property
    def plain(self) -> bool:
        """Whether columns go to the network as they are."""
        return isinstance(self.inner, Identity) and not self._adds_columns

    @property
    def _adds_columns(self) -> bool:
        return bool(self.one_hot or self.embedded or len(self.indicated))

    @property
    def n_encoded(self) -> int:
        """Columns that go out."""
        return self.inner.n_encoded + len(self.indicated) + sum(n for _, n in self.one_hot) + len(self.embedded)

    @property
    def embedding_sizes(self) -> tuple[int, ...]:
        """Levels of every embedded category, the unknown one included."""
        return tuple(n + 1 for _, n in self.embedded)

    def transform(self, X: NDArray) -> NDArray[np.float32]:
        """Return the encoded columns, float32 (n, n_encoded)."""
        Z, missing = self._filled(X)
        encoded = self.inner.transform(Z)
        if not self._adds_columns:
            return encoded
        blocks = [encoded, missing[:, self.indicated].astype(np.float32)]
        blocks += [(X[:, j, None] == np.arange(n)).astype(np.float32) for j, n in self.one_hot]
        blocks += [(X[:, j, None] + 1).astype(np.float32) for j, _ in self.embedded]
        return np.concatenate(blocks, axis=1)

    def _filled(self, X: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
        """Return the columns of numbers with nothing missing, and what was."""
        Z = X[:, self.numbers] if len(self.numbers) < self.n_features else X
        missing = np.isnan(Z)
        return (np.where(missing, self.fill, Z) if missing.any() else Z), missing

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns, from float64 columns as `transform` takes them."""
        import keras

        ops = keras.ops
        Z = ops.take(inputs, self.numbers, axis=1) if len(self.numbers) < self.n_features else inputs
        if self.plain:
            return self.inner.keras(Z)
        missing = ops.isnan(Z)
        blocks = [self.inner.keras(ops.where(missing, self.fill, Z))]
        if len(self.indicated):
            blocks.append(ops.cast(ops.take(missing, self.indicated, axis=1), "float64"))
        for j, n in self.one_hot:
            blocks.append(ops.one_hot(ops.cast(inputs[:, j], "int32"), n, dtype="float64"))
        for j, _ in self.embedded:
            blocks.append(inputs[:, j : j + 1] + 1.0)
        return ops.concatenate(blocks, axis=1) if len(blocks) > 1 else blocks[0]


def _medians(Z: NDArray, missing: NDArray[np.bool_], sample_weight: NDArray | None) -> NDArray[np.float64]:
    """Return the weighted median of every column over what is not missing, 0 where nothing is left."""
    weight = np.ones(len(Z)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    out = np.zeros(Z.shape[1])
    for j in np.flatnonzero(~missing.all(axis=0)):
        seen = ~missing[:, j]
        values, mass = distinct_values(Z[seen, j].astype(np.float64), weight[seen])
        out[j] = quantiles(values, mass, np.array([0.5]))[0]
    return out
