"""How the weights of M members lie in stacked arrays: all trained ones in one row a member, each fixed one by itself.

One long row lets the optimizer update a whole network in one operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Layout:
    """Places of a model's variables, in the order of `keras.Model.weights`."""

    def __init__(self, model: Any):
        self._trained = [bool(v.trainable) for v in model.weights]
        self._shapes = [tuple(v.shape) for v in model.weights]
        self._sizes = [int(np.prod(s)) for s, t in zip(self._shapes, self._trained, strict=True) if t]
        self._fixed_types = [v.dtype for v, t in zip(model.weights, self._trained, strict=True) if not t]

    @property
    def n_parameters(self) -> int:
        """Length of a member's row."""
        return sum(self._sizes)

    def pack(self, members: Sequence[list[NDArray]]) -> list[NDArray]:
        """Return the rows (M, n_parameters), then every fixed variable (M, ...)."""
        rows = [
            [np.ravel(w) for w, t in zip(weights, self._trained, strict=True) if t] + [np.zeros(0)]
            for weights in members
        ]
        fixed = [[w for w, t in zip(weights, self._trained, strict=True) if not t] for weights in members]
        return [
            np.stack([np.concatenate(row).astype(np.float32) for row in rows]),
            *(np.stack(v).astype(t) for v, t in zip(zip(*fixed, strict=True), self._fixed_types, strict=True)),
        ]

    def unpack(self, arrays: Sequence[NDArray]) -> list[list[NDArray]]:
        """Return every member's weights from what `pack` returns; nothing is shared."""
        rows, *fixed = arrays
        ends = np.cumsum(self._sizes)[:-1]
        out = []
        for m, row in enumerate(rows):
            parts, others = iter(np.split(row, ends)), iter(f[m] for f in fixed)
            weights = zip(self._shapes, self._trained, strict=True)
            out.append([(next(parts).reshape(s) if t else np.asarray(next(others))).copy() for s, t in weights])
        return out

    def split(self, row: Any) -> list[Any]:
        """Return the trained variables as tensors, from one member's row as a tensor."""
        import tensorflow as tf

        shapes = [s for s, t in zip(self._shapes, self._trained, strict=True) if t]
        return [tf.reshape(part, s) for part, s in zip(tf.split(row, self._sizes), shapes, strict=True)]
