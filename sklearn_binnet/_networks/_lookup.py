"""The first layer behind the piecewise-linear encoding, looked up in a table.

Between two edges of a column's bins, what the column adds to a unit of the first layer is linear in its value. So it is
known everywhere from what it adds at the edges, and a row meets two edges of every column, whatever the number of bins.
A row of these weights, mostly zeros, times the table of the edges is the first layer: the encoded columns, of which
there are as many as bins, are never written down.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklearn_binnet._networks._constants import SOFT_LIMIT
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._piecewise import PiecewiseLinear

_OUTSIDE = SOFT_LIMIT + 1.0
"""Beyond every value: where a column's outer edges are. There the bins are constant, the value itself goes on."""
_FEW_ROWS = 16
"""Rows up to which all edges are compared at once; of more rows, each column is searched by itself."""


class Lookup:
    """Which lines of the table a row meets, with which weights, for an encoder of piecewise-linear numbers."""

    def __init__(self, encoder: ColumnEncoder):
        inner = encoder.inner
        assert isinstance(inner, PiecewiseLinear)
        self._encoder, self._inner = encoder, inner
        d = inner.n_features
        n_bins = np.bincount(inner.column, minlength=d)
        ends = np.cumsum(n_bins)
        self._bins = [slice(end - n, end) for n, end in zip(n_bins, ends, strict=True)]
        """The bins of every column."""
        self._edges = [self._edges_of(bins) for bins in self._bins]
        self._starts = np.concatenate([[0], np.cumsum([len(edges) - 1 for edges in self._edges])]).astype(np.intp)
        """Where the stretches between the edges of a column begin, among those of all columns."""
        self._low = np.concatenate([edges[:-1] for edges in self._edges] or [np.zeros(0)])
        slopes = [self._slopes_of(bins, edges) for bins, edges in zip(self._bins, self._edges, strict=True)]
        self._slope = np.concatenate([*slopes, np.zeros(0)])
        self._owner = np.repeat(np.arange(d), np.diff(self._starts))
        sizes = [1] * len(encoder.indicated) + [n for _, n in encoder.one_hot] + [n + 1 for _, n in encoder.embedded]
        self._others = len(self._low) + d + np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
        """Where the lines begin of every indicator and category, and where they end."""

    def _edges_of(self, bins: slice) -> NDArray[np.float64]:
        low, slope = self._inner.low[bins], self._inner.slope[bins]
        top = low[-1:] + 1 / slope[-1:]
        return np.concatenate([[-_OUTSIDE], low, top, [_OUTSIDE]])

    def _slopes_of(self, bins: slice, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 / the lengths of a column's stretches, which for bins are the encoder's own."""
        slopes = 1 / np.diff(edges)
        slopes[1:-1] = self._inner.slope[bins]
        return slopes

    def table(
        self, kernel: NDArray[np.float64], levels: list[NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the table (lines, units), and what is added to the bias, for the kernel of the first layer.

        `levels` has what each level of an embedded category adds.
        """
        d, n_bins = len(self._edges), len(self._inner.column)
        lines = []
        for j, (bins, edges) in enumerate(zip(self._bins, self._edges, strict=True)):
            of_bins = np.zeros((len(edges), kernel.shape[1]))
            if bins.stop > bins.start:
                np.cumsum(kernel[d + bins.start : d + bins.stop], axis=0, out=of_bins[2:-1])
                of_bins[-1] = of_bins[-2]
            lines.append(edges[:, None] * kernel[j] + of_bins)
        table = np.concatenate([*lines, kernel[d + n_bins :], *levels])
        return table, -(self._inner.mean @ kernel[d : d + n_bins])

    def find(self, X: NDArray[Any]) -> sparse.csr_matrix:
        """Return the weights of the lines of the table for raw rows, float32 (n, lines)."""
        n, d, encoder = len(X), len(self._edges), self._encoder
        values, missing = encoder.filled(X)
        values = self._inner.scaled(values)
        stretch = self._stretches(values)
        share = values
        share -= self._low[stretch]
        share *= self._slope[stretch]
        np.clip(share, 0.0, 1.0, out=share)
        n_met = 2 * d + len(self._others) - 1
        lines, weights = np.empty((n, n_met), np.int32), np.empty((n, n_met), np.float32)
        stretch += np.arange(d)  # every column has one edge more than stretches
        lines[:, : 2 * d : 2], weights[:, 1 : 2 * d : 2] = stretch, share
        np.add(stretch, 1, out=lines[:, 1 : 2 * d : 2], casting="same_kind")
        np.subtract(1.0, share, out=weights[:, : 2 * d : 2], casting="same_kind")
        at = 2 * d
        if n_met > at:
            lines[:, at:] = self._others[:-1]
            weights[:, at:] = 1.0
            n_indicated, n_one_hot = len(encoder.indicated), len(encoder.one_hot)
            weights[:, at : at + n_indicated] = missing[:, encoder.indicated]
            at += n_indicated
            for i, (j, _) in enumerate(encoder.one_hot, at):
                known = X[:, j] >= 0
                weights[:, i] = known
                lines[:, i] += np.where(known, X[:, j], 0).astype(np.int32)
            for i, (j, _) in enumerate(encoder.embedded, at + n_one_hot):
                lines[:, i] += (X[:, j] + 1).astype(np.int32)
        begins = np.arange(0, lines.size + 1, n_met, dtype=np.int32)
        return sparse.csr_matrix((weights.ravel(), lines.ravel(), begins), (n, int(self._others[-1])), copy=False)

    def _stretches(self, values: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the stretch (n, d), counted over all columns, that every value lies in."""
        if not values.shape[1]:
            return np.zeros(values.shape, np.intp)
        first = self._starts[:-1]
        if len(values) <= _FEW_ROWS:
            begun = values[:, self._owner] >= self._low
            return np.add.reduceat(begun, first, axis=1, dtype=np.intp) + (first - 1)
        found = np.empty(values.shape, np.intp)
        for j, column in enumerate(np.ascontiguousarray(values.T)):
            found[:, j] = self._edges[j][1:-1].searchsorted(column, side="right")
        found += first
        return found
