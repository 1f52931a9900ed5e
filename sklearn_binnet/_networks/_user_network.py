"""A user's own network: a function, a Keras model or a SciKeras wrapper, in training and after it.

`resolve_user_model` is the way in. What the user passed is never changed: a function is called, a model is copied, a
wrapper is copied and initialised, each with random generators of its own.
"""

from __future__ import annotations

import inspect
import itertools
import random
import weakref
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._files._plain import stored
from sklearn_binnet._networks._compilable import needs_raw_input, reason_for_keras
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._fitted import Fitted, raw_input
from sklearn_binnet._networks._forward import forward
from sklearn_binnet._networks._heads import Head, HeadKind, recognise_head
from sklearn_binnet._networks._keras_copy import (
    Compilation,
    architecture_key,
    check_width,
    ensure_built,
    foreign_part,
    fresh_copy,
    is_keras_model,
    read_compilation,
)
from sklearn_binnet._networks._losses import LabelLoss, resolve_loss
from sklearn_binnet._telling import retelling
from sklearn_binnet._training._layers import dropout_layers
from sklearn_binnet._training._random import isolated_random
from sklearn_binnet._training._start import start_keras

_tokens = itertools.count()


# ---------------------------------------------------------------------- where models come from
@dataclass
class Source:
    """What the user passed, a function or a Keras model, as something that makes models again and again."""

    model: Any
    n_features: int
    n_labels: int
    n_rows: int
    _first: Any = field(default=None, repr=False)
    _compilation: Compilation = field(default_factory=Compilation, repr=False)

    def make(self) -> Any:
        """Return a built model with new weights, drawn from Python's `random`.

        A function is called. A Keras model, or one that a function returns a second time, is copied: only the first
        model made may be the user's own, which must not be trained.
        """
        model = self.model
        if not is_keras_model(model):
            with retelling():
                model = model(**self._arguments())
        if not is_keras_model(model):
            raise TypeError(f"model is a function that returned {model!r}; it must return a keras.Model (Keras 3).")
        if self._first is not None and self._first() is model:
            return fresh_copy(model, self.n_features)
        if self._first is None:
            self._first = weakref.ref(model)
            self._compilation = read_compilation(model)
        if not model.built:
            try:  # the user may hold the model: build a copy
                return fresh_copy(model, self.n_features)
            except ValueError:
                if model is self.model:
                    raise
                ensure_built(model, self.n_features)
        check_width(model, self.n_features)
        return model

    def compilation(self) -> Compilation:
        """Return what the user compiled the first model made with."""
        return self._compilation

    def _arguments(self) -> dict[str, Any]:
        """Return those of the offered arguments that the function takes."""
        try:
            parameters = inspect.signature(self.model).parameters.values()
        except (TypeError, ValueError):  # a callable without a signature, in C
            return {}
        offered = {
            "meta": classifier_meta(self.n_features, self.n_labels, self.n_rows),
            "n_features": self.n_features,
            "n_labels": self.n_labels,
        }
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return offered
        by_name = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY)]
        unmet = [
            p.name
            for p in parameters
            if p.default is p.empty
            and p.kind is not p.VAR_POSITIONAL
            and (p.name not in offered or p.kind is p.POSITIONAL_ONLY)
        ]
        if unmet:
            raise TypeError(
                f"model is a function that needs the arguments {unmet}; it is called with those of "
                f"{list(offered)} that it takes by name. Give the others defaults, or pass "
                f"scikeras.wrappers.KerasClassifier(function, {unmet[0]}=...), whose parameters a grid can search."
            )
        return {p.name: offered[p.name] for p in by_name if p.name in offered}


def classifier_meta(n_features: int, n_labels: int, n_rows: int) -> dict[str, Any]:
    """Return what SciKeras tells a model function about the data."""
    binary = n_labels == 1
    return {
        "n_features_in_": n_features,
        "X_shape_": (n_rows, n_features),
        "X_dtype_": np.dtype(np.float32),
        "y_ndim_": 1 if binary else 2,
        "y_dtype_": np.dtype(np.int64),
        "target_type_": "binary" if binary else "multilabel-indicator",
        "classes_": np.arange(2 if binary else n_labels),
        "n_classes_": 2 if binary else n_labels,
        "n_outputs_": 1,
        "n_outputs_expected_": 1,
    }


# ---------------------------------------------------------------------- in training
class UserNetwork:
    """A user's architecture with its head, its loss and the encoding of its columns, as the engine asks for it.

    `build` gives the model from encoded columns to outputs, which the engine trains; `view` the one from raw columns to
    probabilities, which callbacks and the user see.
    """

    candidates = 0

    def __init__(
        self,
        blank: Any,
        head: Head,
        loss: LabelLoss,
        compilation: Compilation,
        source: Source,
        encoder: ColumnEncoder,
        drawn: tuple[int, list[NDArray[Any]]] | None = None,
    ):
        self.head, self.loss, self.encoder = head, loss, encoder
        self.n_labels, self.n_features = head.n_labels, encoder.n_encoded
        self.optimizer = compilation.optimizer
        """The user's optimizer with its rates apart; None if the model was not compiled."""
        self.metrics = list(compilation.metrics)
        """Names and copies of the metrics that the model was compiled with."""
        self.eager = compilation.run_eagerly
        """Whether the model asked for `run_eagerly`: it is never traced."""
        self.own_code = True
        self.dropout_rates = [layer.rate for layer in dropout_layers(blank)]
        """Of the dropout layers that the compiled program swaps, in its order; no part of `key`."""
        self._blank, self._source = blank, source  # the blank is built and uncompiled; it is copied, never trained
        self._drawn = drawn  # a seed with the weights that were drawn from it, until they are asked for

        architecture, token = architecture_key(blank), next(_tokens)
        own: Hashable = ("own", token)
        self.forward_key: Hashable = ("user", architecture or own, self.eager)
        """As `key`, but without head and loss: for programs that predict."""
        self.key: Hashable = ("user", architecture or own, (head.kind, self.n_labels), loss.identity or own, loss.form)
        """Equal for networks whose `build`, head and loss can stand for each other. Names of layers play no part. Where
        the user's own code decides what is computed, no other network has the same key."""
        self.keras_reason = (
            ("the model is compiled with run_eagerly=True" if self.eager else None)
            or reason_for_keras(blank)
            or (None if loss.row_wise else "its loss mixes rows")
        )
        """Why the model needs `Model.fit`; None if the compiled program can train it."""

    def build(self, seed: int = 0) -> Any:
        """Return a new `keras.Model` from encoded columns to outputs, uncompiled, with arbitrary weights."""
        with isolated_random(seed):
            try:
                return fresh_copy(self._blank, self.n_features)
            except ValueError:  # of its own class: only the user's function can make another
                return self._source.make()

    def without_rows(self) -> UserNetwork:
        """Return the network: it holds no rows."""
        return self

    def view(self) -> tuple[Any, list[Any]]:
        """Return the Keras model from raw columns to probabilities, and its variables in the order of `build`'s."""
        import keras

        inner = self.build()
        inputs = raw_input(self.encoder)
        encoded = keras.ops.cast(self.encoder.keras(inputs), "float32")
        return keras.Model(inputs, self.probabilities(inner(encoded))), inner.weights

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the weights in the order of `keras.Model.weights`."""
        return [tuple(weight.shape) for weight in self._blank.weights]

    def initial_weights(self, seed: int) -> list[NDArray[Any]]:
        """Return newly drawn weights. Same seed, same weights; initialisers with a seed of their own keep it."""
        (known, weights), self._drawn = self._drawn or (None, []), None
        if known != seed:
            with isolated_random(seed):
                model = self._source.make()
            weights = [np.array(weight) for weight in model.get_weights()]
        found, expected = [w.shape for w in weights], self.weight_shapes()
        if found != expected:
            raise ValueError(
                "model is a function that returns another architecture each time it is called: weights of "
                f"shapes {found} after {expected}. It must depend on its arguments alone."
            )
        return weights

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every label, a tensor (n, L), from tensors y (n, L) of 0/1 and outputs."""
        return self.loss.per_label(y, outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive), a tensor (n, L), from a tensor of outputs."""
        return self.head.probabilities(outputs)

    def logits(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return log-odds (n, L) from an array of outputs, always finite for finite outputs."""
        return self.head.logits(outputs)

    def targets(self, y01: NDArray[Any]) -> NDArray[Any]:
        """Return the 0/1 array (n, L) as `keras_loss` and Keras' metrics expect it for this head."""
        return self.loss.targets(y01)

    def labels_of(self, targets: Any) -> Any:
        """Return the 0/1 tensor (n, L) that a tensor of `targets` stands for."""
        return self.loss.labels_of(targets)

    def keras_loss(self) -> Any:
        """Return a `keras.losses.Loss` of what `targets` returns, equal to the mean of `losses`."""
        return self.loss.as_keras()

    def fitted(self, members: Sequence[list[NDArray[Any]]]) -> FittedUser:
        """Return the network with the trained weights of every member."""
        return FittedUser(self.encoder, self.architecture(), [list(weights) for weights in members], self)

    def architecture(self) -> Architecture:
        """Return what brings the network back to predict."""
        config = None if foreign_part(self._blank) else self._blank.to_json()
        model = self._source.model if config is None else None
        return Architecture(config, model, self.head.kind, self.n_labels, self.eager)


def resolve_user_model(
    model: Any, encoder: ColumnEncoder, n_labels: int, *, n_rows: int = 2, seed: int = 0
) -> UserNetwork:
    """Return the network that a user passed as `model`, with head and loss recognised.

    Parameters
    ----------
    model : callable, keras.Model or scikeras.wrappers.KerasClassifier
        A callable returns a Keras model and may take any of the arguments `meta` (a dict as SciKeras gives it),
        `n_features` and `n_labels` by name. A Keras model is a template, copied and never changed. A wrapper is copied
        and initialised.
    encoder : ColumnEncoder
        What happens to the columns of X before the model.
    n_labels, n_rows : int
        Columns and rows of the targets; the rows are for `meta` only.
    seed : int, default=0
        Seeds what the user's function draws while it builds. The weights of this first model are the first
        `initial_weights` of this seed, so that the function is called once for each network.

    Raises
    ------
    TypeError, ValueError
        `model` is none of these, or its arguments, inputs, head or loss do not fit, or it reads raw columns that come
        encoded. The message says what to change.
    """
    n_features = encoder.n_encoded
    source = _source_of(model, n_features, n_labels, n_rows)
    drawn = None
    with isolated_random(seed):
        before = random.getstate()
        made = source.make()
        if random.getstate() != before:  # else it may be a model that the user keeps, and has trained
            drawn = seed, [np.array(weight) for weight in made.get_weights()]
        compilation = source.compilation()
        try:
            blank = fresh_copy(made, n_features)
        except ValueError:  # of its own class: only the user's function can make another
            blank = source.make()
        head = recognise_head(blank, n_features, n_labels)
        loss = resolve_loss(compilation.loss, head)
    if needs_raw_input(blank) and not encoder.plain:
        raise ValueError(
            "encoding must be None, and no column a category, for this model: it has a layer that reads raw columns "
            "(such as Embedding or Normalization), but they would come encoded."
        )
    return UserNetwork(blank, head, loss, compilation, source, encoder, drawn)


def _source_of(model: Any, n_features: int, n_labels: int, n_rows: int) -> Source:
    from sklearn_binnet._networks._scikeras import WrapperSource, is_wrapper  # it imports from here

    if is_wrapper(model):
        return WrapperSource(model, n_features, n_labels, n_rows)
    if callable(model):
        return Source(model, n_features, n_labels, n_rows)
    raise TypeError(
        f"model={model!r} is a {type(model).__name__}; expected None, a function that returns a Keras "
        "model, a Keras model, or a scikeras.wrappers.KerasClassifier."
    )


# ---------------------------------------------------------------------- after the fit
@stored
class Architecture(NamedTuple):
    """A user's network without its weights, as plain data: what predicting needs, and nothing of the training."""

    config: str | None
    """Keras' JSON; None where the model has code of the user's own (layers, functions), which that can't bring back."""
    model: Any
    """What the user passed, where there is no `config`."""
    head: HeadKind
    n_labels: int
    eager: bool

    def network(self, encoder: ColumnEncoder) -> UserNetwork:
        """Return the network again, with the default loss of its head and no optimizer."""
        import keras

        if self.config is None:
            return resolve_user_model(self.model, encoder, self.n_labels)
        with isolated_random(0):
            blank = keras.models.model_from_json(self.config)
            ensure_built(blank, encoder.n_encoded)
        head = Head(self.head, self.n_labels)
        compilation = Compilation(run_eagerly=self.eager)
        source = Source(blank, encoder.n_encoded, self.n_labels, n_rows=2)
        return UserNetwork(blank, head, resolve_loss(None, head), compilation, source, encoder)


@stored
class FittedUser(Fitted):
    """Trained members of a user's network. A pickle holds arrays and a description, no TensorFlow."""

    def __init__(
        self,
        encoder: ColumnEncoder,
        architecture: Architecture,
        weights: list[list[NDArray[Any]]],
        network: UserNetwork | None = None,
    ):
        super().__init__(encoder, weights, architecture.n_labels)
        self._architecture = architecture
        self._network = network

    def to_state(self) -> dict[str, Any]:
        """Return what predicts, for pickles and files."""
        return {
            "architecture": self._architecture,
            "encoder": self.encoder,
            "weights": self.weights,
            "temperature": self.temperature,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FittedUser:
        """Return the networks that `to_state` described; the model is built when it is needed."""
        fitted = cls(state["encoder"], state["architecture"], state["weights"])
        fitted.temperature = state["temperature"]
        return fitted

    def __getstate__(self) -> dict[str, Any]:
        """Leave the live network out of pickles too."""
        return super().__getstate__() | {"_network": None}

    def network(self) -> UserNetwork:
        """Return the network that the engine trained; after a pickle, one that predicts as it did.

        This is no `cached_property`: in Python 3.11 that holds a lock while the user's code runs, which may use another
        network itself.
        """
        if self._network is None:
            start_keras()
            network = self._architecture.network(self.encoder)
            found, expected = network.weight_shapes(), [w.shape for w in self.weights[0]]
            if found != expected:
                raise ValueError(
                    f"model has weights of shapes {found}, but the fitted network has {expected}. The model's own code "
                    "must be what it was at the fit."
                )
            self._network = network
        return self._network

    def mean_logits(self, X: NDArray[Any], member: int | None = None) -> NDArray[np.float64]:
        """Return log-odds (n, L) of raw rows before the temperature: the mean over networks, or those of one."""
        network, encoded = self.network(), self.encoder.transform(X)
        members = self.weights if member is None else [self.weights[member]]
        logits = [network.logits(forward(network, weights, encoded)) for weights in members]
        return logits[0] if len(logits) == 1 else np.mean(logits, axis=0)

    def member_logit(self, model: Any, inputs: Any) -> Any:
        """Return the Keras tensor of a member's log-odds."""
        import keras

        p = keras.ops.clip(model(inputs), np.finfo(np.float32).tiny, 1 - 2.0**-24)
        return keras.ops.log(p) - keras.ops.log(1.0 - p)  # not log1p, which ONNX has not
