"""Stacks of Dense layers in NumPy: several networks at once, in float32, by products of one shape.

A row gets the same bits in whatever company it comes. BLAS does not promise that: it adds up a product of one row in
another order than one of a thousand rows, and shares large products out among its threads. So rows are cut into tiles
of `TILE` rows, the last one filled up with zeros, and units into tiles as well. Every product of a layer then has the
same shape, and is so small that BLAS takes no second thread for it. The cores are kept busy by whole blocks of rows.
Behind the piecewise-linear encoding, the first layer is looked up, row by row (`_lookup.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import erf, expit

from sklearn_binnet._networks._lookup import Lookup

TILE = 16
"""Rows of every product: what a single row is filled up to."""
PRODUCT = 1 << 18
"""Multiplications of a product at most. From twice as many on, OpenBLAS takes a second thread."""
_MIN_UNITS = 16
_BLOCK_VALUES = 1 << 17
"""Outputs of the widest layer at once, over all networks: they stay in a core's own cache."""

Array = NDArray[np.float32]
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_ZERO, _INFINITY = np.float32(0), np.float32(np.inf)


def _relu(x: Array) -> Array:
    return np.clip(x, _ZERO, _INFINITY, out=x)  # NumPy's maximum takes three times as long


def _elu(x: Array, alpha: float = 1.0) -> Array:
    negative = np.clip(x, -_INFINITY, _ZERO)
    x -= negative
    np.expm1(negative, out=negative)
    if alpha != 1.0:
        negative *= alpha
    x += negative
    return x


def _selu(x: Array) -> Array:
    x = _elu(x, _SELU_ALPHA)
    x *= _SELU_SCALE
    return x


def _silu(x: Array) -> Array:
    x *= expit(x)
    return x


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": _relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": lambda x: x * (0.5 * (1 + erf(x * np.float32(0.5**0.5)))),
    "silu": _silu,
    "swish": _silu,
    "mish": lambda x: x * np.tanh(np.logaddexp(_ZERO, x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "softplus": lambda x: np.logaddexp(_ZERO, x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sigmoid": expit,
    "tanh": np.tanh,
    "linear": lambda x: x,
}
"""Activations in NumPy under Keras' names. Each takes a float32 array, which it may overwrite, and returns one."""


class Folded(NamedTuple):
    """A network as plain layers, in float64."""

    tables: list[NDArray[np.float64]]
    """What each level of an embedded category adds to the first layer, (levels, units)."""
    layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
    """(kernel, bias) of every layer; the activation stands between two layers."""


class _Layer(NamedTuple):
    kernel: Array
    """(members, tiles, inputs, units of a tile)"""
    bias: Array
    """(members * tiles * units of a tile,)"""


class DenseStack:
    """Networks with equal layer sizes, laid out for products of one shape."""

    def __init__(self, members: Sequence[Folded], activation: str, lookup: Lookup | None = None):
        """Lay the layers out; with `lookup`, the first one as its table."""
        self._activation = ACTIVATIONS[activation]
        self._n_members, self._n_outputs = len(members), members[0].layers[-1][0].shape[1]
        self._looked_up = None if lookup is None else _looked_up(members, lookup)
        self._layers: list[_Layer] = []
        """All layers, or those behind the one that is looked up."""
        padded = members[0].layers[0][0].shape[lookup is not None]
        for depth in range(lookup is not None, len(members[0].layers)):
            kernel = np.stack([m.layers[depth][0] for m in members])
            bias = np.stack([m.layers[depth][1] for m in members])
            layer, padded = _tiled(kernel, bias, padded)
            self._layers.append(layer)
        self._levels: list[Array] = []
        if lookup is None:
            units = self._layers[0].bias.size // self._n_members
            self._levels = [
                np.concatenate([_filled_up(table, units, axis=1) for table in tables], axis=1).astype(np.float32)
                for tables in zip(*(m.tables for m in members), strict=True)
            ]
        widest = self._n_members * max(bias.size for _, bias in members[0].layers)
        self.block = max(_BLOCK_VALUES // widest // TILE, 4) * TILE
        """Rows that are best computed at once."""

    def __call__(self, numbers: Array, levels: NDArray[np.intp]) -> Array:
        """Return the outputs (n, members, outputs) for encoded numbers (n, d) and levels of embedded categories."""
        n, d = numbers.shape
        tiles = -(-n // TILE)
        x = _filled_up(numbers, tiles * TILE, axis=0).reshape(tiles, 1, 1, TILE, d)  # d may be 0
        first, *others = self._layers
        flat = self._product(x, first)
        for table, level in zip(self._levels, levels.T, strict=True):
            flat[:n] += table[level]
        return self._behind(flat, others)[:n]

    def look_up(self, met: sparse.csr_matrix) -> Array:
        """Return the outputs (n, members, outputs) for the lines of the table that rows meet."""
        assert self._looked_up is not None
        table, bias = self._looked_up
        n = met.shape[0]
        flat = met @ table  # row by row, each by itself
        flat += bias
        return self._behind(_filled_up(flat, -(-n // TILE) * TILE, axis=0), self._layers)[:n]

    def _behind(self, flat: Array, layers: Sequence[_Layer]) -> Array:
        """Return the outputs of the last layer for those of the first, (whole tiles of rows, members * units)."""
        members = self._n_members
        for layer in layers:
            x = self._activation(flat).reshape(-1, TILE, members, 1, flat.shape[1] // members)
            flat = self._product(x.transpose(0, 2, 3, 1, 4), layer)
        return flat.reshape(len(flat), members, flat.shape[1] // members)[:, :, : self._n_outputs]

    def _product(self, x: Array, layer: _Layer) -> Array:
        """Return a layer's outputs (tiles * TILE, members * units) for (tiles, members or 1, 1, TILE, inputs)."""
        kernel, bias = layer
        flat = np.empty((len(x) * TILE, bias.size), np.float32)
        outputs = flat.reshape(len(x), TILE, self._n_members, kernel.shape[1], kernel.shape[3])
        np.matmul(x, kernel, out=outputs.transpose(0, 2, 3, 1, 4))
        flat += bias
        return flat


def _looked_up(members: Sequence[Folded], lookup: Lookup) -> tuple[Array, Array]:
    """Return the table (lines, members * units) of all first layers, and their bias."""
    tables, biases = [], []
    for member in members:
        kernel, bias = member.layers[0]
        table, shift = lookup.table(kernel, member.tables)
        tables.append(table.astype(np.float32))
        biases.append((bias + shift).astype(np.float32))
    return np.concatenate(tables, axis=1), np.concatenate(biases)


def _tiled(kernel: NDArray[np.float64], bias: NDArray[np.float64], n_inputs: int) -> tuple[_Layer, int]:
    """Return a layer whose units are cut into tiles of one size, and how many units it has then.

    `n_inputs` is that number for the layer before. What tiles add are zeros.
    """
    members, _, units = kernel.shape
    most = max(PRODUCT // (TILE * max(n_inputs, 1)) // _MIN_UNITS, 1) * _MIN_UNITS
    tiles = -(-units // most)
    width = -(-units // tiles)
    kernel = _filled_up(_filled_up(kernel, n_inputs, axis=1), tiles * width, axis=2).astype(np.float32)
    tiled = kernel.reshape(members, n_inputs, tiles, width).transpose(0, 2, 1, 3)
    flat = _filled_up(bias, tiles * width, axis=1).astype(np.float32).ravel()
    return _Layer(np.ascontiguousarray(tiled), flat), tiles * width


def _filled_up(a: NDArray[Any], size: int, axis: int) -> NDArray[Any]:
    """Return an array with zeros behind it, `size` long."""
    if a.shape[axis] == size:
        return a
    shape = list(a.shape)
    shape[axis] = size
    filled = np.zeros(shape, a.dtype)
    filled[tuple(slice(n) for n in a.shape)] = a
    return filled
