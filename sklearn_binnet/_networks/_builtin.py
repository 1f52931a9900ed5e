"""The built-in network: a stack of Dense layers with one logit for each label.

The encoding may ask for a learnt scale of every column, and for an embedding of every category of many levels. Then
comes `Dense -> activation -> BatchNormalization -> Dropout` for every hidden layer, and a linear unit for every label.
The engine trains it as a Keras model, in which scales, embeddings and the first Dense layer are one layer of ours; the
models that users and their callbacks see have stock layers only. After the fit it is arrays, and NumPy predicts.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._networks._cores import in_blocks
from sklearn_binnet._networks._dense import DenseStack, Folded
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Fitted, raw_input
from sklearn_binnet._networks._lookup import Lookup
from sklearn_binnet._networks._piecewise import PiecewiseLinear


@stored
@dataclass(frozen=True)
class Spec:
    """What shapes the network, without its rates and weights."""

    n_inputs: int
    """Columns that are no embedded categories; those come after them."""
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    batch_normalization: bool
    n_labels: int
    scales_columns: bool = False
    """Whether every column has a factor that is learnt."""
    embedding_sizes: tuple[int, ...] = ()
    """Levels of every embedded category."""

    @property
    def embedding_dims(self) -> tuple[int, ...]:
        """Units of every embedding."""
        return (constants.EMBEDDING_DIM,) * len(self.embedding_sizes)

    def shapes(self) -> list[list[tuple[int, ...]]]:
        """Return the shapes of every Dense layer's weights: kernel, bias, then the four of BatchNormalization."""
        widths = (self.n_inputs + sum(self.embedding_dims), *self.hidden_layer_sizes, self.n_labels)
        layers: list[list[tuple[int, ...]]] = []
        for i, (a, b) in enumerate(pairwise(widths)):
            normalized = self.batch_normalization and i < len(self.hidden_layer_sizes)
            layers.append([(a, b), (b,), *([(b,)] * 4 if normalized else [])])
        return layers

    def initial_weights(self, seed: int) -> list[NDArray[np.float32]]:
        """Draw initial weights in the order of Keras' model: scale, embeddings, layers."""
        rng = np.random.default_rng(seed)
        weights: list[NDArray[Any]] = []
        if self.scales_columns:
            weights.append(np.full(self.n_inputs, 1 / constants.SCALE_FACTOR))
        for size in zip(self.embedding_sizes, self.embedding_dims, strict=True):
            embedding = rng.normal(size=size)
            embedding[0] = 0.0  # an unknown level adds nothing, unless training rows have one
            weights.append(embedding)
        draw_kernel, draw_bias = constants.hidden_draws(self.activation)
        *hidden, last = self.shapes()
        for kernel, bias, *normalization in hidden:
            weights += [draw_kernel(rng, kernel), draw_bias(rng, bias)]
            # gamma, beta, moving mean, moving variance
            weights += [np.full(s, v) for s, v in zip(normalization, (1, 0, 0, 1), strict=False)]
        kernel, bias = last
        weights += [constants.logit_draw(self.activation)(rng, kernel), np.zeros(bias)]
        return [w.astype(np.float32) for w in weights]

    def fold(self, weights: Sequence[NDArray[Any]]) -> Folded:
        """Return tables and layers: scale and embeddings go into the first layer, BatchNormalization into the next."""
        arrays = iter([np.asarray(w, np.float64) for w in weights])
        scale = next(arrays) * constants.SCALE_FACTOR if self.scales_columns else np.ones(self.n_inputs)
        embeddings = [next(arrays) for _ in self.embedding_sizes]
        layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        before: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        for shapes in self.shapes():
            kernel, bias, *normalization = (next(arrays) for _ in shapes)
            if before is not None:
                factor, shift = before
                bias = bias + shift @ kernel
                kernel = factor[:, None] * kernel
            layers.append((kernel, bias))
            before = None
            if normalization:
                gamma, beta, mean, variance = normalization
                factor = gamma / np.sqrt(variance + constants.BN_EPSILON)
                before = factor, beta - mean * factor
        kernel, bias = layers[0]
        parts = np.split(kernel, np.cumsum([self.n_inputs, *self.embedding_dims])[:-1])
        layers[0] = scale[:, None] * parts[0], bias
        return Folded([e @ part for e, part in zip(embeddings, parts[1:], strict=True)], layers)


@functools.cache
def _first_layer() -> Any:
    import keras

    class FirstLayer(keras.layers.Layer):
        """Factors of columns, embeddings and the first Dense layer: factors scale its kernel, and not the rows.

        So their gradient follows from the kernel's; through the rows it would be one more product of that size.
        """

        def __init__(
            self,
            n_inputs: int,
            embedding_sizes: Sequence[int],
            embedding_dims: Sequence[int],
            units: int,
            activation: str | None,
            **kwargs: Any,
        ) -> None:
            super().__init__(**kwargs)
            self.n_inputs, self.units, self.activation = n_inputs, units, activation
            self.embedding_sizes, self.embedding_dims = tuple(embedding_sizes), tuple(embedding_dims)

        def build(self, input_shape: Any) -> None:
            sizes = zip(self.embedding_sizes, self.embedding_dims, strict=True)
            self.scale = self.add_weight(shape=(self.n_inputs,), name="scale")
            self.tables = [self.add_weight(shape=size, name=f"embedding_{i}") for i, size in enumerate(sizes)]
            self.kernel = self.add_weight(shape=(self.n_inputs + sum(self.embedding_dims), self.units), name="kernel")
            self.bias = self.add_weight(shape=(self.units,), name="bias")

        def get_config(self) -> dict[str, Any]:
            names = "n_inputs", "embedding_sizes", "embedding_dims", "units", "activation"
            return {**super().get_config(), **{name: getattr(self, name) for name in names}}

        def call(self, inputs: Any) -> Any:
            ops, n = keras.ops, self.n_inputs
            x = inputs[:, :n] if self.tables else inputs
            kernel = ops.convert_to_tensor(self.kernel)
            out = ops.matmul(x, (constants.SCALE_FACTOR * self.scale)[:, None] * kernel[:n]) + self.bias
            start = n
            for i, (table, size) in enumerate(zip(self.tables, self.embedding_sizes, strict=True)):
                level = ops.cast(inputs[:, n + i], "int32")
                end = start + self.embedding_dims[i]
                out = out + ops.matmul(ops.matmul(ops.one_hot(level, size), table), kernel[start:end])
                start = end
            return keras.activations.get(self.activation)(out)

    return FirstLayer


@stored
@dataclass(frozen=True)
class BuiltinNetwork:
    """The built-in network as the engine trains it; columns come encoded."""

    spec: Spec
    dropout: tuple[float, ...]
    """One rate a hidden layer."""
    encoder: ColumnEncoder
    keras_reason: str | None = None
    eager: bool = False
    candidates: int = 0
    own_code: bool = False

    @property
    def n_labels(self) -> int:
        """L, the number of labels."""
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

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the weights in the order of Keras' model."""
        return [w.shape for w in self.initial_weights(0)]

    def build(self, seed: int = 0) -> Any:
        """Return the Keras model from encoded columns to logits."""
        import keras

        inputs = keras.Input((self.encoder.n_encoded,))
        return keras.Model(inputs, self.logits(inputs, training=True))

    def without_rows(self) -> BuiltinNetwork:
        """Return the network: it holds no rows."""
        return self

    def view(self) -> tuple[Any, list[Any]]:
        """Return the Keras model from raw columns to probabilities, and its weights without the encoder's."""
        import keras

        inputs = raw_input(self.encoder)
        before = self.encoder.keras(inputs)
        logits = self.logits(before)
        model = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(logits))
        inner = keras.Model(before, logits)
        return model, inner.weights

    def logits(self, inputs: Any, training: bool = False) -> Any:
        """Return the Keras tensor of logits from that of encoded columns.

        The layers are stock ones. For training the first of them are one layer, whose weights and results are theirs.
        """
        import keras

        spec = self.spec
        one = training and spec.scales_columns
        x = inputs if one else self._columns(inputs)

        def dense(x: Any, units: int, activation: str | None, name: str) -> Any:
            if one and x is inputs:
                shape = spec.n_inputs, spec.embedding_sizes, spec.embedding_dims
                return _first_layer()(*shape, units, activation, name=name)(x)
            return keras.layers.Dense(units, activation, name=name)(x)

        for i, (units, rate) in enumerate(zip(spec.hidden_layer_sizes, self.dropout, strict=True)):
            x = dense(x, units, spec.activation, f"hidden_{i}")
            if spec.batch_normalization:
                momentum, epsilon = constants.BN_MOMENTUM, constants.BN_EPSILON
                x = keras.layers.BatchNormalization(momentum=momentum, epsilon=epsilon, name=f"norm_{i}")(x)
            if rate > 0:
                x = keras.layers.Dropout(rate, name=f"dropout_{i}")(x)
        return dense(x, spec.n_labels, None, "logit")

    def _columns(self, inputs: Any) -> Any:
        """Return the Keras tensor of what the first Dense layer gets: scaled columns and embedded categories."""
        import keras

        spec = self.spec
        x = inputs[:, : spec.n_inputs] if spec.embedding_sizes else inputs
        if spec.scales_columns:
            # Adam moves every weight by the same step, so a weight behind a factor moves that much faster.
            x = keras.layers.Rescaling(constants.SCALE_FACTOR, name="scale_factor")(x)
            x = keras.layers.EinsumDense("bd,d->bd", output_shape=(spec.n_inputs,), name="column_scale")(x)
        parts = [x]
        for i, (size, dim) in enumerate(zip(spec.embedding_sizes, spec.embedding_dims, strict=True)):
            level = keras.ops.cast(inputs[:, spec.n_inputs + i], "int32")
            one_hot = keras.ops.one_hot(level, size)
            parts.append(keras.layers.Dense(dim, use_bias=False, name=f"embedding_{i}")(one_hot))
        return keras.layers.Concatenate(name="inputs")(parts) if len(parts) > 1 else x

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the cross-entropy of every label."""
        import tensorflow as tf

        return tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(y, outputs.dtype), outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return the logistic of the logits."""
        import keras

        return keras.ops.sigmoid(outputs)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return y: the loss takes 0/1 labels as they are."""
        return y

    def labels_of(self, targets: Any) -> Any:
        """Return the targets."""
        return targets

    def keras_loss(self) -> Any:
        """Return binary cross-entropy from logits."""
        import keras

        return keras.losses.BinaryCrossentropy(from_logits=True)

    def fitted(self, members: Sequence[list[NDArray[Any]]]) -> FittedBuiltin:
        """Return the network with the members' trained weights."""
        return FittedBuiltin(self, [list(weights) for weights in members])


@stored
class FittedBuiltin(Fitted):
    """Trained members of the built-in network: arrays and numbers, no TensorFlow."""

    def __init__(self, network: BuiltinNetwork, weights: list[list[NDArray[np.float32]]]):
        super().__init__(network.encoder, weights, network.n_labels)
        self._network = network

    def to_state(self) -> dict[str, Any]:
        """Return what predicts, for pickles and files."""
        return {"network": self._network, "weights": self.weights, "temperature": self.temperature}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedBuiltin:
        """Return the networks that `to_state` described."""
        fitted = cls(state["network"], state["weights"])
        fitted.temperature = state["temperature"]
        return fitted

    @cached_property
    def _stack(self) -> DenseStack:
        """All members at once, as they predict raw rows."""
        return self._stack_of(self.weights, self._lookup)

    @cached_property
    def _lookup(self) -> Lookup | None:
        """How the first layer is looked up, behind the piecewise-linear encoding."""
        return Lookup(self.encoder) if isinstance(self.encoder.inner, PiecewiseLinear) else None

    @cached_property
    def _encoded_stack(self) -> DenseStack:
        """All members at once, as they predict encoded rows."""
        return self._stack_of(self.weights)

    def _stack_of(self, members: Sequence[list[NDArray[Any]]], lookup: Lookup | None = None) -> DenseStack:
        spec = self._network.spec
        return DenseStack([spec.fold(weights) for weights in members], spec.activation, lookup)

    def __getstate__(self) -> dict[str, Any]:
        made = ("_stack", "_lookup", "_encoded_stack")
        return {k: v for k, v in super().__getstate__().items() if k not in made}

    def mean_logits(self, X: NDArray[Any], member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: the mean over members, or one member's."""
        lookup = self._lookup
        stack = self._stack if member is None else self._stack_of([self.weights[member]], lookup)
        logits = np.empty((len(X), self.n_labels))

        def compute(rows: slice) -> None:
            outputs = (
                stack.look_up(lookup.find(X[rows])) if lookup else self.outputs(stack, self.encoder.transform(X[rows]))
            )
            if outputs.shape[1] == 1:
                logits[rows] = outputs[:, 0]
            else:
                outputs.mean(axis=1, dtype=np.float64, out=logits[rows])

        in_blocks(compute, len(X), stack.block)
        return logits

    def encoded_stack(self, member: int | None = None) -> DenseStack:
        """Return all members, or one, as they predict encoded rows."""
        return self._encoded_stack if member is None else self._stack_of([self.weights[member]])

    def outputs(self, stack: DenseStack, encoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the log-odds (n, members, L) of the members of an `encoded_stack` for encoded rows."""
        n_numbers = self._network.spec.n_inputs
        return stack(encoded[:, :n_numbers], encoded[:, n_numbers:].astype(np.intp))

    def network(self) -> BuiltinNetwork:
        """Return the network that the engine trained."""
        return self._network

    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of a member's log-odds."""
        import keras

        return keras.Model(model.input, model.get_layer("logit").output)(inputs)
