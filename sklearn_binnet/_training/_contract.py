"""What goes into the engine and what comes out: plain data, and what it asks of a network.

The engine trains *members*: networks of one architecture that differ in rows, seed, rates and initial weights.
It knows nothing of scikit-learn and nothing of how a network came to be.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Network(Protocol):
    """One architecture with its head and its loss: what the engine must know to train it.

    `y` in all methods is the 0/1 matrix (n, L), one column a yes/no question; `outputs` are the Keras model's.
    Methods that take tensors are called while TensorFlow traces and must use TensorFlow or `keras.ops` only.
    """

    key: Hashable
    """Equal keys mean interchangeable models: same layers, head and loss; weights and dropout rates may differ."""
    n_labels: int
    """L, the number of yes/no questions."""

    def build(self) -> Any:
        """Return a new `keras.Model` from float32 (n, d) to outputs, with arbitrary weights."""

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every answer, a tensor (n, L), from tensors `y` (n, L) and `outputs`."""

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive), a tensor (n, L), from a tensor of model outputs."""


@dataclass(frozen=True)
class Member:
    """One network to be trained: its rows and everything that makes it differ from its companions."""

    train: NDArray[np.intp]
    """Rows of X to train on, in any order."""
    validation: NDArray[np.intp]
    """Rows of X to validate on; empty for none."""
    weights: list[NDArray]
    """Initial values, in the order of `keras.Model.weights`."""
    seed: int
    """Seeds row order and dropout."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    optimizer_state: list[NDArray] | None = None
    """State to go on from, as an earlier `Trained` holds it; None starts afresh."""


@dataclass(frozen=True)
class Settings:
    """What all members of one training share."""

    optimizer: dict
    """A Keras optimizer, serialised (`keras.optimizers.serialize`), without its rates."""
    epochs: int
    batch_size: int
    early_stopping: bool = False
    """Watch the validation loss: stop after `patience` epochs without a gain of `min_delta`, keep the best weights."""
    patience: int = 10
    min_delta: float = 0.0
    metrics: Sequence[Any] = ()
    callbacks: Sequence[Any] = ()
    threshold: NDArray[np.float64] = field(default_factory=lambda: np.array([0.5]))


@dataclass
class Trained:
    """One trained member."""

    weights: list[NDArray]
    """Best weights under early stopping, else the last."""
    history: dict[str, list[float]]
    n_epochs: int
    best_epoch: int
    """1-based; equals `n_epochs` without early stopping."""
    optimizer_state: list[NDArray]
