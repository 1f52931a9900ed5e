"""Predicting with a user's network: one compiled function an architecture, whatever the rows and the weights.

The weights are inputs of the function, so that every fit of an architecture shares it. Rows go through it in blocks of
a few fixed sizes, the last one filled up with zeros: a new row count never traces anew, memory stays bounded, and a row
is computed by the same kernels whether it comes alone or among a hundred.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._cache import PROGRAMS
from sklearn_binnet._training._fork import refuse_in_fork

if TYPE_CHECKING:
    from sklearn_binnet._networks._user_network import UserNetwork

SMALL, MIDDLE, LARGE = 32, 512, 4096


def forward(network: UserNetwork, weights: Sequence[NDArray[Any]], X: NDArray[Any]) -> NDArray[np.float32]:
    """Return the outputs of a network (n, units) in float32, as `keras.Model.predict` would.

    Networks with equal `forward_key` share one compiled function; `weights` are in the order of `keras.Model.weights`.
    """
    X = np.asarray(X, dtype=np.float32)
    if X.ndim != 2 or X.shape[1] != network.n_features:
        raise ValueError(f"X has shape {X.shape}; the network takes (n, {network.n_features}).")
    refuse_in_fork("Predicting with a network of your own")
    program = _program_of(network)
    return np.concatenate([program(weights, X[a:b], size) for a, b, size in _blocks(len(X))])


def _blocks(n_rows: int) -> Iterator[tuple[int, int, int]]:
    """Cut rows into blocks: (start, stop, size of the block that they are filled up to)."""
    start = 0
    while start < n_rows or start == 0:  # no rows are one empty block
        left = n_rows - start
        size = SMALL if left <= 8 * SMALL else MIDDLE if left <= 4 * MIDDLE else LARGE
        yield start, min(start + size, n_rows), size
        start += size


def _program_of(network: UserNetwork) -> Any:
    """Return the cached program of an architecture."""

    def make() -> Any:
        return (_EagerProgram if network.eager else _CompiledProgram)(network.build())

    return PROGRAMS.get(("predict", network.forward_key), make)


class _EagerProgram:
    """Runs a model step by step, for models that cannot be traced."""

    def __init__(self, model: Any):
        self._model = model
        self._lock = threading.Lock()

    def __call__(self, weights: Sequence[NDArray[Any]], X: NDArray[Any], size: int) -> NDArray[np.float32]:
        """Return the outputs for at most `size` rows."""
        import keras

        with self._lock:
            self._model.set_weights(list(weights))
            outputs = self._model(_fill(X, size), training=False)
        return np.asarray(keras.ops.convert_to_numpy(outputs)[: len(X)], np.float32)


class _CompiledProgram:
    """Runs a model as one TensorFlow function, traced once for each size of block."""

    def __init__(self, model: Any):
        self.traces = 0
        """How often the function was traced."""
        self._model = model
        self._dtypes = [np.dtype(weight.dtype) for weight in model.weights]
        self._functions: dict[int, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, weights: Sequence[NDArray[Any]], X: NDArray[Any], size: int) -> NDArray[np.float32]:
        """Return the outputs for at most `size` rows."""
        import tensorflow as tf

        function = self._functions.get(size) or self._trace(size, X.shape[1])
        tensors = [
            tf.constant(np.asarray(value, dtype=dtype)) for value, dtype in zip(weights, self._dtypes, strict=True)
        ]
        outputs: NDArray[np.float32] = function(tensors, tf.constant(_fill(X, size))).numpy()
        return outputs[: len(X)]

    def _trace(self, size: int, n_features: int) -> Any:
        """Return the function for one block size, traced by the first thread that needs it."""
        import tensorflow as tf

        with self._lock:
            if size not in self._functions:
                weights = [tf.TensorSpec(w.shape, w.dtype) for w in self._model.weights]
                rows = tf.TensorSpec((size, n_features), tf.float32)
                function = tf.function(self._outputs, autograph=False)
                self._functions[size] = function.get_concrete_function(weights, rows)
            return self._functions[size]

    def _outputs(self, weights: list[Any], X: Any) -> Any:
        import keras

        self.traces += 1
        with keras.StatelessScope(state_mapping=list(zip(self._model.weights, weights, strict=True))):
            outputs = self._model(X, training=False)
        return keras.ops.cast(outputs, "float32")


def _fill(X: NDArray[Any], size: int) -> NDArray[np.float32]:
    """Return X with rows of zeros up to `size`."""
    if len(X) == size:
        return X
    filled = np.zeros((size, X.shape[1]), dtype=np.float32)
    filled[: len(X)] = X
    return filled
