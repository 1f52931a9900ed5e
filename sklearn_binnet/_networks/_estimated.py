"""A user's network between encoder and classifier: in training, and as plain data after it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Members, raw_input
from sklearn_binnet._networks._forward import forward
from sklearn_binnet._networks._user_network import UserNetwork, resolve_user_model
from sklearn_binnet._training._optimizers import Optimizer


class EncodedUserNetwork:
    """A `UserNetwork` whose columns come encoded; the engine and the recipe see this one."""

    def __init__(self, network: UserNetwork, encoder: ColumnEncoder, model: Any):
        self._network, self.encoder, self._model = network, encoder, model
        self.n_labels, self.keras_reason, self.eager = network.n_labels, network.keras_reason, network.eager
        self.optimizer = compiled_optimizer(network)
        self.metrics = network.metrics

    @property
    def key(self) -> Hashable:
        """What shapes the network."""
        return self._network.key

    @property
    def dropout_rates(self) -> list[float] | None:
        """The rates of its dropout layers."""
        return self._network.dropout_rates

    def initial_weights(self, seed: int) -> list[NDArray]:
        """Draw initial weights in the order of Keras' model."""
        return self._network.initial_weights(seed)

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the weights in the order of Keras' model."""
        return self._network.weight_shapes()

    def build(self, seed: int = 0) -> Any:
        """Return the Keras model from encoded columns to outputs."""
        return self._network.build(seed)

    def view(self) -> tuple[Any, list[Any]]:
        """Return the Keras model from raw columns to probabilities, and the user's weights in it."""
        import keras

        inner = self._network.build()
        inputs = raw_input(self.encoder)
        encoded = keras.ops.cast(self.encoder.keras(inputs), "float32")
        return keras.Model(inputs, self._network.probabilities(inner(encoded))), inner.weights

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every answer."""
        return self._network.losses(y, outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive)."""
        return self._network.probabilities(outputs)

    def targets(self, y: NDArray) -> NDArray:
        """Return y as the head's loss wants it."""
        return self._network.targets(y)

    def answers(self, targets: Any) -> Any:
        """Return the answers that targets stand for."""
        return self._network.answers(targets)

    def keras_loss(self) -> Any:
        """Return the loss for `Model.compile`."""
        return self._network.keras_loss()

    def _source(self) -> Any:
        return self._model if self._network.state()["own"] else None

    def fitted(self, members: Sequence[list[NDArray]]) -> FittedUser:
        """Return the network with the members' trained weights."""
        return FittedUser(self._network.state(), self.encoder, [list(w) for w in members], self._source())


class FittedUser(Members):
    """Trained members of a user's network: arrays and a description, no TensorFlow."""

    def __init__(self, state: dict[str, Any], encoder: ColumnEncoder, weights: list[list[NDArray]], source: Any):
        super().__init__(encoder, weights, state["n_labels"])
        self.state = state
        self._live: UserNetwork | None = None
        self.source = source
        """The user's model, only where it holds code that a description can't bring back."""

    @property
    def _network(self) -> UserNetwork:
        """The network, made again from its description when needed.

        No `cached_property`: in Python 3.11 it holds a lock while the user's code runs, which may use a network too.
        """
        if self._live is None:
            self._live = UserNetwork.from_state(self.state, self.source)
        return self._live

    def __getstate__(self) -> dict[str, Any]:
        """Leave the live network out of pickles."""
        return super().__getstate__() | {"_live": None}

    def mean_logits(self, X: NDArray, member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: the mean over members, or one member's."""
        encoded = self.encoder.transform(X)
        members = self.weights if member is None else [self.weights[member]]
        logits = [self._network.logits(forward(self._network, weights, encoded)) for weights in members]
        return logits[0] if len(logits) == 1 else np.mean(logits, axis=0)

    def network(self) -> EncodedUserNetwork:
        """Return the network that the engine trained."""
        return EncodedUserNetwork(self._network, self.encoder, self.source)

    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of a member's log-odds."""
        import keras

        p = keras.ops.clip(model(inputs), np.finfo(np.float32).tiny, 1 - 2.0**-24)
        return keras.ops.log(p) - keras.ops.log1p(-p)


def compiled_optimizer(network: UserNetwork) -> Optimizer | None:
    """Return what the user compiled the model with, rates apart, or None."""
    if network.optimizer is None:
        return None
    config = dict(network.optimizer["config"])
    for rate in ("learning_rate", "weight_decay", "name"):
        config.pop(rate, None)
    own = {"class": network.optimizer_class} if network.optimizer_class else {}
    rate = network.optimizer_learning_rate
    fixed = isinstance(rate, float)
    return Optimizer(
        {**network.optimizer, **own, "config": config},
        rate if fixed else 1.0,
        None if fixed else rate,
        network.optimizer_weight_decay or 0.0,
    )


def encoded_user_network(model: Any, encoder: ColumnEncoder, answers: NDArray, seed: int) -> EncodedUserNetwork:
    """Return the network of the user's `model` for columns that `encoder` encodes.

    Raises
    ------
    ValueError
        The model reads raw columns (an Embedding, its own Normalization), but they would come standardized.
    """
    network = resolve_user_model(model, n_features=encoder.n_encoded, n_labels=answers.shape[1], y01=answers, seed=seed)
    if network.needs_raw_input and not encoder.plain:
        raise ValueError(
            "encoding must be None, and no column a category, for this model: it has a layer that reads raw columns "
            "(such as Embedding or Normalization), but they would come encoded."
        )
    return EncodedUserNetwork(network, encoder, model)
