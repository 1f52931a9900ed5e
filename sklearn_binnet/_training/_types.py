"""What goes into the engine and what comes out: plain data, and what it asks of a network.

The engine trains *members*: networks of one architecture that differ in rows, seed, rates and initial weights.
It knows nothing of scikit-learn and nothing of how a network came to be.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class TrainingDiverged(ValueError):
    """A member's loss is no longer a number."""


class Network(Protocol):
    """One architecture with its head and its loss: what the engine must know to train it.

    `y` in all methods is the 0/1 matrix (n, L), one column for each label; `outputs` are the Keras model's.
    Methods that take tensors are called while TensorFlow traces and must use TensorFlow or `keras.ops` only.
    """

    n_labels: int
    """L, the number of labels."""
    keras_reason: str | None
    """Why this network needs `Model.fit`; None where the compiled program can train it."""
    eager: bool
    """Whether its model must never be traced (`run_eagerly`)."""
    candidates: int
    """How many training rows its model sees beside each batch: 0, or the number of a training step. Then the model's
    inputs are the rows and the fields of `Candidates`, and only the compiled program can train it."""
    own_code: bool
    """Whether building it runs code of the user's own, which may draw from NumPy's global generator."""

    @property
    def key(self) -> Hashable:
        """Equal keys mean interchangeable models: same layers, head and loss; weights and dropout rates may differ."""

    def build(self, seed: int = 0) -> Any:
        """Return a new `keras.Model` from float32 (n, d) to outputs, with arbitrary weights; `seed` for its dropout.

        With candidates, it takes a list: the rows, and what `Candidates` holds.
        """

    def without_rows(self) -> Network:
        """Return the architecture alone, for programs, which outlive the fit: no rows that the network holds."""

    def view(self) -> tuple[Any, list[Any]]:
        """Return a new model to show to callbacks, and its variables in the order of `build().weights`."""

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every row and label, a tensor (n, L), from tensors `y` (n, L) and `outputs`."""

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive), a tensor (n, L), from a tensor of model outputs."""

    def targets(self, y: NDArray) -> NDArray:
        """Return `y` in the form that `keras_loss` compares with outputs."""

    def labels_of(self, targets: Any) -> Any:
        """Return the 0/1 tensor (n, L) that `targets`, as a tensor, stands for."""

    def keras_loss(self) -> Any:
        """Return a Keras loss for `Model.compile`, equal to the mean of `losses`."""


class Candidates(NamedTuple):
    """What a model with candidates takes after the rows (batch, d), all of them tensors."""

    places: Any
    """Which rows of the data the batch is, int32 (batch,)."""
    X: Any
    """Candidates, (C, d): training rows of the member, in training the batch among them."""
    y: Any
    """Their labels, (C, L)."""
    weights: Any
    """(C, L), 0 for what only fills a shape up."""
    candidate_places: Any
    """Which rows of the data the candidates are, int32 (C,)."""


VALIDATION_BLOCK = 2048
"""Rows that are validated at once, on both paths of training."""


@dataclass(frozen=True)
class Data:
    """All rows of a training; members pick theirs by index."""

    X: NDArray[np.float32]
    """(n, d)"""
    y: NDArray[np.float32]
    """(n, L), 0 or 1"""
    weights: NDArray[np.float32]
    """(n, L), the weight of every row and label; any scale."""
    held: NDArray[np.float32] | None = None
    """An array of `room_for` that begins with X: the engine then needs no copy of X. None: it makes one."""


@dataclass(frozen=True)
class Member:
    """One network to be trained: its rows and everything that makes it differ from its companions."""

    train: NDArray[np.intp]
    """Rows to train on, in any order."""
    validation: NDArray[np.intp]
    """Rows to validate on; empty for none."""
    weights: list[NDArray]
    """Initial values, in the order of `keras.Model.weights`."""
    seed: int
    """Seeds row order and dropout."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    dropout_rates: Sequence[float] | None = None
    """One a dropout layer; None takes the model's own."""
    place: tuple[int, int] | None = None
    """Its number among the networks of its fit, from 1, and how many these are; None counts all that are trained."""
    optimizer_state: list[NDArray] | None = None
    """State to go on from, as an earlier `Trained` holds it; None, or another optimizer's or path's, starts afresh."""


@dataclass(frozen=True)
class EpochReport:
    """What is known after an epoch."""

    epoch: int
    """From 0."""
    logs: list[dict[str, float]]
    """Loss and metrics of each member that ran this epoch."""
    weights: Callable[[], list[list[NDArray]]]
    """Fetches every member's current weights."""


@dataclass(frozen=True)
class Settings:
    """What all members of one training share."""

    epochs: int
    batch_size: int
    optimizer: dict = field(default_factory=lambda: {"class_name": "Adam", "config": {}})
    """A Keras optimizer as `keras.optimizers.serialize` gives it; its rates are the members'."""
    schedule: Any = "constant"
    """A name in `_schedule.SCHEDULES`, or a Keras `LearningRateSchedule` in place of the members' learning rates."""
    early_stopping: bool = False
    """Watch the validation loss: stop after `patience` epochs without a gain of `min_delta`, keep the best weights."""
    patience: int = 10
    min_delta: float = 0.0
    metrics: Sequence[Any] = ()
    callbacks: Sequence[Any] = ()
    """Keras callbacks. A network alone in its fit calls these objects, one of several gets copies."""
    threshold: NDArray[np.float64] = field(default_factory=lambda: np.array([0.5]))
    """Cuts probabilities for metrics, scalar or (L,)."""
    checkpoints: Any = None
    """The `Checkpoints` of the fit, which keep the state after each epoch; None keeps none."""
    on_epoch: Callable[[EpochReport], bool] | None = None
    """Called after each epoch; True ends the training."""

    def __post_init__(self) -> None:
        """Take NumPy's whole numbers as Python's: TensorFlow would make 64-bit tensors of them."""
        for name in ("epochs", "batch_size", "patience"):
            object.__setattr__(self, name, int(getattr(self, name)))


@dataclass
class Trained:
    """One trained member."""

    weights: list[NDArray]
    """Best weights under early stopping, else the last."""
    history: dict[str, list[float]]
    """One value an epoch: loss, the metrics, and the same with `val_` in front."""
    best_epoch: int
    """1-based; the last epoch without early stopping."""
    optimizer_state: list[NDArray]

    @property
    def n_epochs(self) -> int:
        """Epochs run."""
        return len(self.history["loss"])
