"""What happens to a table's columns before the first layer: gaps filled, numbers encoded, levels spread out.

Every encoding has a NumPy `transform` for training and predicting and a Keras twin `keras` for `model_`. The one of
quantile bins is in `_piecewise.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks._constants import MAX_ONE_HOT
from sklearn_binnet._networks._cores import in_blocks
from sklearn_binnet._networks._piecewise import LARGEST_INPUT, PiecewiseLinear, difference, distinct_values, quantiles

ENCODINGS = ("piecewise_linear", "standardize")

_BLOCK = 1 << 16
_WRITTEN_VALUES = 1 << 18
"""Encoded values of a block: 2 MB in float64, of which there are a few at once on each core."""
_LARGEST_DEVIATION = 1e6  # n training rows reach sqrt(n) at most, so this binds later rows only
_LARGEST_UNSCALED = 1e30  # sums of products with weights stay far from float32's 3.4e38


@stored
@dataclass(frozen=True)
class Identity:
    """Columns as they are."""

    n_features: int

    @property
    def n_encoded(self) -> int:
        """Columns that reach the first layer."""
        return self.n_features

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return X as float32.

        Raises
        ------
        ValueError
            A value is so large that a network of float32 numbers overflows.
        """
        if X.size and max(X.max(), -X.min()) > _LARGEST_UNSCALED:
            row, column = np.argwhere(np.abs(X) > _LARGEST_UNSCALED)[0]
            raise ValueError(
                f"column {column} of the columns of numbers holds {X[row, column]:g}. With encoding=None columns go to "
                f"the network as they are, in float32, where sizes above {_LARGEST_UNSCALED:g} overflow. Scale the "
                "column, or let encoding='standardize' do it."
            )
        return X.astype(np.float32)

    def update(self, X: NDArray[Any], sample_weight: NDArray[Any] | None) -> Identity:
        """Return self: there is nothing to learn."""
        return self

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns; what `transform` refuses is cut, as a graph cannot refuse."""
        import keras

        return keras.ops.clip(inputs, -_LARGEST_UNSCALED, _LARGEST_UNSCALED)


@stored
@dataclass(frozen=True)
class Standardizer:
    """Every column to mean 0 and standard deviation 1; constant columns to 0.

    Computed in float64 from differences to the first row, so that a column of size 1e9 keeps its differences. Values
    beyond a million deviations are cut there: they would overflow float32 further on.

    This is not scikit-learn's `StandardScaler`: the squares in its variance overflow from 1e154 on and vanish below
    1e-162, and it hands on unscaled what a column holds later that was constant in training.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    """Standard deviation with the rows as the population, 0 for a constant column."""
    weight_seen: float
    """Sum of the weights of the rows learnt from."""

    @classmethod
    def fit(cls, X: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> Standardizer:
        """Learn from the rows of X (n, d), weighted."""
        X = np.clip(X, -LARGEST_INPUT, LARGEST_INPUT, dtype=np.float64)
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

    def update(self, X: NDArray[Any], sample_weight: NDArray[Any] | None) -> Standardizer:
        """Return the standardizer that has seen the rows of X as well."""
        new = Standardizer.fit(X, sample_weight)
        total = self.weight_seen + new.weight_seen
        a, b = self.weight_seen / total, new.weight_seen / total
        shift = new.mean - self.mean
        unit = np.maximum(np.maximum(self.deviation, new.deviation), np.abs(shift))
        unit = np.where(unit > 0, unit, 1.0)
        variance = a * (self.deviation / unit) ** 2 + b * (new.deviation / unit) ** 2 + a * b * (shift / unit) ** 2
        return Standardizer(self.mean + b * shift, unit * np.sqrt(variance), total)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is computed from the rest."""
        return {name: value for name, value in vars(self).items() if name != "factor"}

    @cached_property
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

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the standardized columns, float32 (n, d)."""
        out = np.empty(X.shape, np.float32)
        factor = self.factor
        for start in range(0, len(X), _BLOCK):
            rows = slice(start, start + _BLOCK)
            block = difference(X[rows], self.mean)
            with np.errstate(over="ignore"):
                block *= factor
            np.clip(block, -_LARGEST_DEVIATION, _LARGEST_DEVIATION, out=out[rows], casting="same_kind")
        return out

    def keras(self, inputs: Any) -> Any:
        """Return the Keras tensor of encoded columns, computed in float64."""
        import keras

        # Two steps: in x * factor + offset both would be huge, and their difference noise. (keras.layers.Normalization
        # takes no deviation below 1e-7.)
        rescaling = keras.layers.Rescaling
        centered = rescaling(1.0, -self.mean, dtype="float64", name="center")(
            keras.ops.clip(inputs, -LARGEST_INPUT, LARGEST_INPUT)
        )
        scaled = rescaling(self.factor, 0.0, dtype="float64", name="scale")(centered)
        return keras.ops.clip(scaled, -_LARGEST_DEVIATION, _LARGEST_DEVIATION)


Numbers = Identity | Standardizer | PiecewiseLinear


@stored
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
        X: NDArray[Any],
        sample_weight: NDArray[Any] | None = None,
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

    def update(self, X: NDArray[Any], sample_weight: NDArray[Any] | None) -> ColumnEncoder:
        """Return the encoder that has seen the rows of X as well; what it gives keeps its shape."""
        return replace(self, inner=self.inner.update(self.filled(X)[0], sample_weight))

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

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return the encoded columns, float32 (n, n_encoded)."""
        Z, missing = self.filled(X)
        encoded = self.inner.transform(Z)
        if not self._adds_columns:
            return encoded
        blocks = [encoded, missing[:, self.indicated].astype(np.float32)]
        blocks += [(X[:, j, None] == np.arange(n)).astype(np.float32) for j, n in self.one_hot]
        blocks += [(X[:, j, None] + 1).astype(np.float32) for j, _ in self.embedded]
        return np.concatenate(blocks, axis=1)

    def write(self, X: NDArray[Any], out: NDArray[np.float32]) -> None:
        """Write the encoded columns of X into `out`, float32 (n, n_encoded), by blocks of rows on all cores."""

        def encode(rows: slice) -> None:
            out[rows] = self.transform(X[rows])

        in_blocks(encode, len(X), max(_WRITTEN_VALUES // max(self.n_encoded, 1), 1))

    def filled(self, X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
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
            # Not one_hot, which other runtimes read otherwise: for the place -1 of an unknown level, ONNX counts from
            # the end.
            blocks.append(ops.cast(ops.equal(inputs[:, j : j + 1], np.arange(n, dtype=np.float64)), "float64"))
        for j, _ in self.embedded:
            blocks.append(inputs[:, j : j + 1] + 1.0)
        return ops.concatenate(blocks, axis=1) if len(blocks) > 1 else blocks[0]


def _medians(Z: NDArray[Any], missing: NDArray[np.bool_], sample_weight: NDArray[Any] | None) -> NDArray[np.float64]:
    """Return the weighted median of every column over what is not missing, 0 where nothing is left."""
    weight = np.ones(len(Z)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    out = np.zeros(Z.shape[1])
    for j in np.flatnonzero(~missing.all(axis=0)):
        seen = ~missing[:, j]
        values, mass = distinct_values(Z[seen, j].astype(np.float64), weight[seen])
        out[j] = quantiles(values, mass, np.array([0.5]))[0]
    return out
