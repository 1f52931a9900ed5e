"""The constants of the default network, each with its source: what is no parameter of the classifier.

They were settled together, on the data sets and by the figures that `benchmarks/README.md` names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SCALE_FACTOR = 45.0
"""A column's learnt scale is this times a weight: under Adam it moves so much faster than the weights of the layers
(RealMLP has a scaling layer with a rate of its own: Holzmüller et al. 2024, section 3)."""

EMBEDDING_DIM = 8
"""Units of the embedding of a category of many levels (RealMLP-TD-S, ibid.)."""

BN_EPSILON = 1e-3
"""Keras' default."""

BN_MOMENTUM = 0.9
"""Keras' 0.99 takes hundreds of steps to forget its start; small tables have fewer."""


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a kernel as Keras' Dense does (Glorot and Bengio 2010)."""
    limit = np.sqrt(6.0 / sum(shape))
    return rng.uniform(-limit, limit, shape)


def lecun_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a kernel that keeps the variance of its inputs, as SELU needs it (Klambauer et al. 2017)."""
    return rng.normal(scale=1.0 / np.sqrt(max(shape[0], 1)), size=shape)


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return zeros, Keras' biases; `rng` is not asked."""
    return np.zeros(shape)


def standard_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw from N(0, 1): units bend in different places from the start (RealMLP, ibid.)."""
    return rng.normal(size=shape)


Draw = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]


def hidden_draws(activation: str) -> tuple[Draw, Draw]:
    """Return what draws kernels and biases of hidden layers: SELU's own, for other activations Keras' defaults."""
    return (lecun_normal, standard_normal) if activation == "selu" else (glorot_uniform, zeros)


def logit_draw(activation: str) -> Draw:
    """Return what draws the last kernel: zeros under SELU, so that training starts at even odds (RealMLP, ibid.)."""
    return zeros if activation == "selu" else glorot_uniform
