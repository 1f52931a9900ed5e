"""What remains of networks after the fit: arrays that predict, and Keras models on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._training._fork import refuse_in_fork
from sklearn_binnet._training._random import isolated_random
from sklearn_binnet._training._start import start_keras


class Fitted(ABC):
    """Trained networks of one architecture. They predict the mean of their log-odds, divided by the temperature."""

    def __init__(self, encoder: ColumnEncoder, weights: list[list[NDArray[Any]]], n_labels: int):
        self.encoder = encoder
        self.weights = weights
        """Of every network, in the order of `keras.Model.weights`."""
        self.n_labels = n_labels
        self.temperature = np.ones(n_labels)
        """(L,), above 1 where the mean was too sure of itself."""
        self._keras_models: list[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave Keras' models out of pickles."""
        return vars(self) | {"_keras_models": None}

    @property
    def families(self) -> list[Fitted]:
        """The networks of each architecture: here, one."""
        return [self]

    def logits(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return the final log-odds (n, L) of raw rows."""
        return self.mean_logits(X) / self.temperature

    @abstractmethod
    def mean_logits(self, X: NDArray[Any], member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: the mean over networks, or those of one."""

    @abstractmethod
    def network(self) -> Any:
        """Return the network that the engine trained."""

    @abstractmethod
    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of the log-odds that one of `keras_models` gives for the tensor `inputs`."""

    def keras_models(self) -> list[Any]:
        """Return the single networks as Keras models from raw columns to probabilities, without the temperature.

        They are built at the first call.
        """
        refuse_in_fork("A Keras model")
        if self._keras_models is None:
            start_keras()
            models = []
            network = self.network()
            for weights in self.weights:
                with isolated_random(0, network.own_code):  # Keras seeds initial values, though they are overwritten
                    model, variables = network.view()
                for variable, value in zip(variables, weights, strict=True):
                    variable.assign(value)
                models.append(model)
            self._keras_models = models
        return self._keras_models

    def keras_model(self) -> Any:
        """Return one Keras model from raw columns to the final probability. It is made of those of `keras_models`."""
        members = self.keras_models()
        model = members[0] if len(members) == 1 and np.all(self.temperature == 1) else self._joined(members)
        model(np.zeros((1, self.encoder.n_features)))  # Keras exports only what was called
        return model

    def _joined(self, members: list[Any]) -> Any:
        """Return the Keras model of the mean log-odds of some, divided by the temperature."""
        import keras

        inputs = raw_input(self.encoder)
        scaled = keras.layers.Rescaling(1 / self.temperature, name="temperature")(self.mean_logit(inputs))
        return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(scaled))

    def mean_logit(self, inputs: Any, name: str = "mean_logit") -> Any:
        """Return the Keras tensor of the log-odds before the temperature, for raw columns."""
        import keras

        logits = [self.member_logit(member, inputs) for member in self.keras_models()]
        return keras.layers.Average(name=name)(logits) if len(logits) > 1 else logits[0]


def raw_input(encoder: ColumnEncoder) -> Any:
    """Return the Keras input for raw columns, in float64: columns may be large beside their differences."""
    import keras

    return keras.Input((encoder.n_features,), dtype="float64", name="columns")
