"""The built-in network's activations in NumPy, under Keras' names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

Array = NDArray[np.float64]
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _relu(x: Array) -> Array:
    return np.maximum(x, 0, out=x)


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def _silu(x: Array) -> Array:
    return x * expit(x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": _relu,
    "elu": _elu,
    "selu": lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: x * (0.5 * (1 + erf(x * np.sqrt(0.5)))),
    "silu": _silu,
    "swish": _silu,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sigmoid": expit,
    "tanh": np.tanh,
    "linear": lambda x: x,
}
"""Each takes a float64 array, which it may overwrite, and returns one."""
