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

N_ESTIMATORS = 5
"""Networks of the default, each without one fold: more gained nothing (`benchmarks/README.md`)."""

PLANNED_EPOCHS = 32
"""Under a schedule that is planned from the first step to the last: more gained nothing in our study."""

PLANNED_VISITS = 320_000
"""Rows that each network sees in a planned training, counted anew in each epoch: 10,000 rows for 32 epochs. Larger
tables have fewer epochs, down to the fewest below."""

EPOCHS_BESIDE_RETRIEVAL = 16
"""At most, beside retrieval members, which carry most of the prediction. Over 17 tables 32 have half a percent less
log-loss, and networks cost up to twice as much (`benchmarks/README.md`)."""

FEWEST_EPOCHS = 8
"""Passes over the largest tables. On 100,000 rows, 8 have the log-loss of 32, and 4 lose half a percent."""

OPEN_EPOCHS = 200
"""Under a constant rate, where early stopping says when it is enough."""

PLANNED_STEP = 0.045
"""Adam's step times the root of the units of the widest layer: the rates that RealMLP-TD-S's factors amount to."""

OPEN_STEP = 0.128
"""Under a constant rate, Adam's step times the units: Keras' 0.001 for 128 (after Yang et al. 2022, table 3)."""

SOFT_LIMIT = 3.0
"""Scaled numbers approach this and its negative: outliers stay in sight ("smooth clipping", RealMLP, ibid.)."""

MAX_ONE_HOT = 32
"""Levels up to which a category becomes one column a level; above it the network learns an embedding."""

EMBEDDING_DIM = 8
"""Units of the embedding of a category of many levels (RealMLP-TD-S, ibid.)."""

N_BINS = 8
"""Bins of a column, for networks that are alone."""

N_BINS_BESIDE_RETRIEVAL = 64
"""Beside retrieval members, which smooth, the networks may be sharp: exact rules and long tails gain most."""

MAX_BINNED_COLUMNS = 1024
"""Encoded columns up to which there are more than 8 bins by default: the first layer is most of the work there."""

MAX_BINNED_VALUES = 1 << 26
"""Values of all encoded rows, likewise: 256 MB."""

RETRIEVAL_LAYERS = (64, 64)
"""Hidden layers of the small network that retrieval members shrink their votes to."""

RETRIEVAL_DIM = 32
"""Dimensions that retrieval members embed rows in; half as many gained nothing."""

CANDIDATES = 1024
"""Training rows that vote in a training step: fewer lose, more gain nothing (`benchmarks/README.md`)."""

CANDIDATES_KEPT = 2048
"""Embedded rows that vote after the fit, of each member; more training rows are merged with their nearest ones."""

RETRIEVAL_EPOCHS = 12
"""Under coslog4."""

RETRIEVAL_STEP = 0.002
"""Adam's step for the small network."""

RETRIEVAL_PACE = 4.0
"""How many times that for embedding and pseudo-counts, as a factor behind their weights."""

LOG_PSEUDO_COUNT = -9.0
"""Where the logarithm of the pseudo-count starts: the mean vote of rows at this distance."""

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
