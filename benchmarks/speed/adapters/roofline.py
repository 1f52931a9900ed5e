"""The bare matrix products of a training, and nothing else: what no library can do without.

For every batch of every epoch: forward A W, backward A' G for the weights and G W' for the layer
below (not for the first layer, which has none below). No bias, activation, loss, optimizer or
shuffling. The products are NumPy's, so the BLAS that scikit-learn's users have anyway, in float32,
into memory that is there already: a yardstick that belongs to none of the libraries it measures.
Small products cost less than the call that asks for them, and NumPy's calls are cheap.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def load() -> None:
    """Imported with this module."""


def lacks(shape, kind) -> str:
    return "" if kind == "fit" else "only fits have one"


class Products:
    def __init__(self, shape, seed):
        rng = np.random.default_rng(seed)
        self.shape = shape
        widths = [shape.columns, *shape.hidden, 1]
        self.weights = [rng.standard_normal((a, b), dtype=np.float32) for a, b in pairwise(widths)]
        self.by_rows = {}
        for rows in {min(shape.batch, shape.rows), shape.rows % shape.batch} - {0}:
            activations = [rng.standard_normal((rows, w), dtype=np.float32) for w in widths]
            self.by_rows[rows] = activations, [np.empty_like(a) for a in activations]
        self.updates = [np.empty_like(w) for w in self.weights]

    def fit(self, X, y):
        n, batch = self.shape.rows, self.shape.batch
        for _ in range(self.shape.epochs):
            for start in range(0, n, batch):
                self._step(*self.by_rows[min(batch, n - start)])
        return self

    def _step(self, activations, gradients):
        weights, updates = self.weights, self.updates
        last = len(weights) - 1
        for i, w in enumerate(weights):
            np.matmul(activations[i], w, out=gradients[i + 1])
        for i in range(last, -1, -1):
            np.matmul(activations[i].T, activations[i + 1], out=updates[i])
            if i:
                np.matmul(activations[i + 1], weights[i].T, out=gradients[i])


def build(shape, seed):
    return Products(shape, seed)
