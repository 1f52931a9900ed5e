"""The built-in network: a stack of Dense layers with one logit a question.

`Dense -> activation -> BatchNormalization -> Dropout` for every hidden layer, then a linear unit for every question.
The engine trains it as a Keras model; after the fit it is arrays, and NumPy predicts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._models._activations import ACTIVATIONS
from sklearn_binnet._models._encoding import Encoder
from sklearn_binnet._training._isolation import isolated_random

_BN_EPSILON = 1e-3  # Keras' default
_BN_MOMENTUM = 0.9  # Keras' 0.99 takes hundreds of steps to forget its start; small tables have fewer
_BLOCK_VALUES = 1 << 18  # values of the widest layer at once: they stay in the processor's cache


@dataclass(frozen=True)
class Spec:
    """What shapes the network, without its rates and weights."""

    n_inputs: int
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    batch_normalization: bool
    n_labels: int

    def shapes(self) -> list[list[tuple[int, ...]]]:
        """Return the shapes of every layer's weights: kernel, bias, then the four of BatchNormalization."""
        widths = (self.n_inputs, *self.hidden_layer_sizes, self.n_labels)
        layers: list[list[tuple[int, ...]]] = []
        for i, (a, b) in enumerate(pairwise(widths)):
            normalized = self.batch_normalization and i < len(self.hidden_layer_sizes)
            layers.append([(a, b), (b,), *([(b,)] * 4 if normalized else [])])
        return layers

    def initial_weights(self, seed: int) -> list[NDArray[np.float32]]:
        """Draw weights as Keras' Dense does: Glorot uniform kernels, zero biases."""
        rng = np.random.default_rng(seed)
        weights: list[NDArray[np.float32]] = []
        for kernel, bias, *normalization in self.shapes():
            limit = np.sqrt(6.0 / sum(kernel))
            weights += [rng.uniform(-limit, limit, kernel).astype(np.float32), np.zeros(bias, np.float32)]
            # gamma, beta, moving mean, moving variance
            weights += [np.full(s, v, np.float32) for s, v in zip(normalization, (1, 0, 0, 1), strict=False)]
        return weights

    def fold(self, weights: Sequence[NDArray]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return (kernel, bias) of every layer, each BatchNormalization folded into the layer after it.

        In float64: in float32 the last digits of a row's answer would depend on the rows beside it.
        """
        arrays = iter(weights)
        layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        before: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        for shapes in self.shapes():
            kernel, bias, *normalization = (np.asarray(next(arrays), np.float64) for _ in shapes)
            if before is not None:
                scale, shift = before
                bias = bias + shift @ kernel
                kernel = scale[:, None] * kernel
            layers.append((kernel, bias))
            before = None
            if normalization:
                gamma, beta, mean, variance = normalization
                scale = gamma / np.sqrt(variance + _BN_EPSILON)
                before = scale, beta - mean * scale
        return layers


@dataclass(frozen=True)
class BuiltinNetwork:
    """The built-in network as the engine trains it; columns come encoded."""

    spec: Spec
    dropout: tuple[float, ...]
    """One rate a hidden layer."""
    encoder: Encoder
    keras_reason: str | None = None
    eager: bool = False

    @property
    def n_labels(self) -> int:
        """L, the number of yes/no questions."""
        return self.spec.n_labels

    @property
    def key(self) -> Hashable:
        """What shapes the network, and which layers have dropout at all."""
        return self.spec, tuple(rate > 0 for rate in self.dropout)

    @property
    def dropout_rates(self) -> list[float]:
        """The rates of the dropout layers that exist."""
        return [rate for rate in self.dropout if rate > 0]

    def initial_weights(self, seed: int) -> list[NDArray[np.float32]]:
        """Draw initial weights in the order of Keras' model."""
        return self.spec.initial_weights(seed)

    def build(self, seed: int = 0) -> Any:
        """Return the Keras model from encoded columns to logits."""
        import keras

        inputs = keras.Input((self.spec.n_inputs,))
        return keras.Model(inputs, self._layers(inputs))

    def view(self) -> tuple[Any, list[Any]]:
        """Return the Keras model from raw columns to probabilities, and its weights without the encoder's."""
        import keras

        inputs = raw_input(self.encoder)
        before = self.encoder.keras(inputs)
        logits = self._layers(before)
        model = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(logits))
        inner = keras.Model(before, logits)
        return model, inner.weights

    def _layers(self, x: Any) -> Any:
        import keras

        for i, (units, rate) in enumerate(zip(self.spec.hidden_layer_sizes, self.dropout, strict=True)):
            x = keras.layers.Dense(units, self.spec.activation, name=f"hidden_{i}")(x)
            if self.spec.batch_normalization:
                x = keras.layers.BatchNormalization(momentum=_BN_MOMENTUM, epsilon=_BN_EPSILON, name=f"norm_{i}")(x)
            if rate > 0:
                x = keras.layers.Dropout(rate, name=f"dropout_{i}")(x)
        return keras.layers.Dense(self.spec.n_labels, name="logit")(x)

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the cross-entropy of every answer."""
        import tensorflow as tf

        return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(y, outputs.dtype), outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return the logistic of the logits."""
        import keras

        return keras.ops.sigmoid(outputs)

    def targets(self, y: NDArray) -> NDArray:
        """Return y: the head takes answers as they are."""
        return y

    def answers(self, targets: Any) -> Any:
        """Return the targets."""
        return targets

    def keras_loss(self) -> Any:
        """Return binary cross-entropy from logits."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=True)

    def fitted(self, members: Sequence[list[NDArray]]) -> FittedBuiltin:
        """Return the network with the members' trained weights."""
        return FittedBuiltin(self.spec, self.dropout, self.encoder, [list(w) for w in members])


@dataclass(frozen=True)
class FittedBuiltin:
    """Trained members of the built-in network: arrays and numbers, no TensorFlow."""

    spec: Spec
    dropout: tuple[float, ...]
    encoder: Encoder
    weights: list[list[NDArray[np.float32]]]
    """Of every member, in the order of Keras' model."""

    @cached_property
    def _folded(self) -> list[list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
        return [self.spec.fold(weights) for weights in self.weights]

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_folded"}

    @property
    def n_labels(self) -> int:
        """L, the number of yes/no questions."""
        return self.spec.n_labels

    def logits(self, X: NDArray, member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows: the mean over members, or one member's."""
        rows = max(_BLOCK_VALUES // max(self.spec.n_inputs, *self.spec.hidden_layer_sizes, 1), 256)
        members = self._folded if member is None else [self._folded[member]]
        if len(X) <= rows:
            return self._block_logits(X, members)
        blocks = [self._block_logits(X[i : i + rows], members) for i in range(0, len(X), rows)]
        return np.concatenate(blocks)

    def _block_logits(self, X: NDArray, members: list) -> NDArray[np.float64]:
        encoded = self.encoder.transform(X).astype(np.float64)
        activation = ACTIVATIONS[self.spec.activation]
        total = np.zeros((len(X), self.n_labels))
        for *hidden, (kernel, bias) in members:
            x = encoded
            for hidden_kernel, hidden_bias in hidden:
                x = x @ hidden_kernel
                x += hidden_bias
                x = activation(x)
            total += x @ kernel + bias
        return total / len(members)

    def keras_models(self) -> list[Any]:
        """Return the members as Keras models from raw columns to probabilities."""
        network = BuiltinNetwork(self.spec, self.dropout, self.encoder)
        models = []
        for weights in self.weights:
            with isolated_random(0):  # Keras seeds initial values, though they are overwritten
                model, variables = network.view()
            for variable, value in zip(variables, weights, strict=True):
                variable.assign(value)
            models.append(model)
        return models

    def keras_model(self) -> Any:
        """Return one Keras model from raw columns to the final probability: the members' mean logit."""
        import keras

        members = self.keras_models()
        if len(members) == 1:
            return members[0]
        inputs = raw_input(self.encoder)
        logits = []
        for i, member in enumerate(members):
            inner = keras.Model(member.input, member.get_layer("logit").output, name=f"member_{i}")
            logits.append(inner(inputs))
        mean = keras.layers.Average(name="mean_logit")(logits)
        return keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(mean))


def raw_input(encoder: Encoder) -> Any:
    """Return the Keras input for raw columns: float64, as columns may be large beside their differences."""
    import keras

    return keras.Input((encoder.n_encoded,), dtype="float64", name="columns")
