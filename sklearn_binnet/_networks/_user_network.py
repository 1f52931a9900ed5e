"""The user's own network: a function, a Keras model or a SciKeras wrapper, as the engine wants it.

`resolve_user_model` is the way in. What the user passed is never changed: a function is called, a model is copied, a
wrapper is copied and initialised, each with random generators of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._compilable import needs_raw_input, reason_for_keras
from sklearn_binnet._networks._heads import Head, recognise_head
from sklearn_binnet._networks._keras_copy import (
    architecture_key,
    ensure_built,
    foreign_part,
    fresh_copy,
    is_keras,
)
from sklearn_binnet._networks._losses import AnswerLoss, is_own, resolve_loss
from sklearn_binnet._networks._sources import Compilation, FunctionSource, Source, TemplateSource, is_keras_model
from sklearn_binnet._training._layers import dropout_layers
from sklearn_binnet._training._random import isolated_random

_tokens = itertools.count()


class UserNetwork:
    """A user's architecture with its head and its loss, as `sklearn_binnet._training` asks of a network.

    Parameters
    ----------
    blank : keras.Model
        Built and uncompiled; copied by `build`, never trained.
    head : Head
        What its outputs mean.
    loss : AnswerLoss
        The loss of every answer.
    compilation : Compilation
        Optimizer and metrics that the user compiled it with.
    source : Source or None
        Makes models with fresh weights; None for a network that came back from its `state`.
    n_features : int
        Columns of X.

    Attributes
    ----------
    key : Hashable
        Equal for networks whose `build`, head and loss can stand for each other. Names of layers play no part.
        Where the user's own code decides what is computed, no other network has the same key.
    forward_key : Hashable
        The same without the loss, for programs that predict.
    n_labels, n_features : int
        Yes/no questions, columns of X.
    optimizer : dict or None
        The user's optimizer, serialised; None if the model was not compiled.
    optimizer_class : type or None
        Its class, if it is the user's own.
    optimizer_learning_rate : float, keras.optimizers.schedules.LearningRateSchedule or None
        Its learning rate.
    optimizer_weight_decay : float or None
        Its weight decay.
    metrics : list
        Names and copies of the metrics that the model was compiled with.
    keras_reason : str or None
        Why the model needs `Model.fit`; None if the compiled program can train it.
    eager : bool
        The model asked for `run_eagerly`, so it is never traced.
    needs_raw_input : bool
        A layer (Embedding, a lookup, an adapted Normalization) reads raw columns: do not standardise them.
    dropout_rates : list of float
        Of the dropout layers that the compiled program swaps, in its order; no part of `key`.
    """

    def __init__(
        self,
        blank: Any,
        head: Head,
        loss: AnswerLoss,
        compilation: Compilation,
        source: Source | None,
        n_features: int,
    ):
        self.head, self.loss = head, loss
        self.n_labels, self.n_features = head.n_labels, n_features
        self.eager = bool(compilation.run_eagerly)
        self.needs_raw_input = needs_raw_input(blank)
        self.metrics = list(compilation.metrics)
        self.dropout_rates = [layer.rate for layer in dropout_layers(blank)]
        self._blank, self._source = blank, source
        self._set_optimizer(compilation.optimizer)
        self._set_keys(blank)
        self.keras_reason = (
            ("the model is compiled with run_eagerly=True" if self.eager else None)
            or reason_for_keras(blank)
            or (None if loss.row_wise else "its loss mixes rows")
        )

    def _set_optimizer(self, optimizer: Any) -> None:
        import keras

        self.optimizer: dict | None = None
        self.optimizer_class: type | None = None
        self.optimizer_learning_rate: Any = None
        self.optimizer_weight_decay: float | None = None
        if optimizer is None:
            return
        self.optimizer = keras.optimizers.serialize(optimizer)
        self.optimizer_class = None if is_keras(type(optimizer)) else type(optimizer)
        self.optimizer_weight_decay = getattr(optimizer, "weight_decay", None)
        rate = self.optimizer["config"].get("learning_rate")
        if isinstance(rate, dict):
            # The object itself: it is stateless, and a schedule of the user's own has no other copy.
            rate = getattr(optimizer, "_learning_rate", None) or keras.optimizers.schedules.deserialize(rate)
        elif rate is not None:
            rate = float(str(np.float32(rate)))  # 0.001, which Keras holds as 0.0010000000474974513
        self.optimizer_learning_rate = rate

    def _set_keys(self, blank: Any) -> None:
        architecture, loss = architecture_key(blank), self.loss.identity
        token = next(_tokens)
        head = (self.head.kind, self.n_labels)
        own: Hashable = ("own", token)
        self.forward_key: Hashable = ("user", architecture or own, self.eager)
        self.key: Hashable = ("user", architecture or own, head, loss or own, self.loss.form)

    def build(self, seed: int = 0) -> Any:
        """Return a new `keras.Model` from (n, n_features) to outputs, uncompiled, with arbitrary weights."""
        with isolated_random(seed):
            try:
                return fresh_copy(self._blank, self.n_features)
            except ValueError:
                if self._source is None:
                    raise
                return self._source.make()

    def view(self) -> tuple[Any, list[Any]]:
        """Return a new model to show to callbacks, and its variables in the order of `build().weights`."""
        model = self.build()
        return model, model.weights

    def initial_weights(self, seed: int) -> list[NDArray]:
        """Return newly drawn weights in the order of `keras.Model.weights`.

        Parameters
        ----------
        seed : int
            Same seed, same weights. Initialisers with a seed of their own keep it.

        Raises
        ------
        ValueError
            The user's function returned another architecture than the first time.
        """
        with isolated_random(seed):
            model = self._source.make() if self._source else fresh_copy(self._blank, self.n_features)
        weights = [np.array(weight) for weight in model.get_weights()]
        found, expected = _shapes(weights), _shapes(self._blank.get_weights())
        if found != expected:
            raise ValueError(
                "model is a function that returns another architecture each time it is called: weights of "
                f"shapes {found} after {expected}. It must depend on its arguments alone."
            )
        return weights

    def weight_shapes(self) -> list[tuple[int, ...]]:
        """Return the shapes of the weights in the order of `keras.Model.weights`."""
        return _shapes(self._blank.get_weights())

    def losses(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every answer, a tensor (n, L), from tensors y (n, L) of 0/1 and outputs."""
        return self.loss.per_answer(y, outputs)

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive), a tensor (n, L), from a tensor of outputs."""
        return self.head.probabilities(outputs)

    def logits(self, outputs: NDArray) -> NDArray[np.float64]:
        """Return log-odds (n, L) from an array of outputs, always finite for finite outputs."""
        return self.head.logits(outputs)

    def targets(self, y01: NDArray) -> NDArray:
        """Return the 0/1 array (n, L) as `keras_loss` and Keras' metrics expect it for this head."""
        return self.loss.targets(y01)

    def answers(self, targets: Any) -> Any:
        """Return the 0/1 tensor (n, L) that a tensor of `targets` stands for."""
        return self.loss.answers(targets)

    def keras_loss(self) -> Any:
        """Return a `keras.losses.Loss` for `Model.compile`, equal to the mean of `losses`.

        It takes what `targets` returns, and sample weights of shape (n,).
        """
        return self.loss.as_keras()

    def state(self) -> dict[str, Any]:
        """Return the network without its weights as plain data: dicts, lists, strings and numbers."""
        import keras

        own = self._own_part()
        return {
            "own": own,
            "config": None if own else self._blank.to_json(),
            "head": self.head.kind,
            "n_labels": self.n_labels,
            "n_features": self.n_features,
            "loss": None if own else keras.losses.serialize(self.loss.loss),
            "form": self.loss.form,
            "optimizer": None if own else self.optimizer,
            "eager": self.eager,
            "shapes": [list(shape) for shape in _shapes(self._blank.get_weights())],
        }

    def _own_part(self) -> str | None:
        """Name what only the user's own code can bring back, or None."""
        if part := foreign_part(self._blank):
            return part
        if is_own(self.loss.loss):
            return "your own loss"
        if self.optimizer is not None and self.optimizer["registered_name"]:
            return f"your own optimizer {self.optimizer['class_name']}"
        if not isinstance(self.optimizer_learning_rate, float | None) and not is_keras(
            type(self.optimizer_learning_rate)
        ):
            return "your own learning rate schedule"
        return None

    @classmethod
    def from_state(cls, state: dict[str, Any], model: Any = None) -> UserNetwork:
        """Return the network that `state` describes.

        Parameters
        ----------
        state : dict
            What `state` returned.
        model : callable, keras.Model, scikeras.wrappers.KerasClassifier or None
            What the network was resolved from; needed only where it holds code of the user's own (layers,
            functions, loss), which plain data cannot bring back.

        Raises
        ------
        ValueError
            The network holds code of the user's own and `model` is missing or has another architecture.
        """
        import keras

        n_features, n_labels = state["n_features"], state["n_labels"]
        if state["own"] is None:
            with isolated_random(0):
                blank = keras.models.model_from_json(state["config"])
                ensure_built(blank, n_features)
            head = Head(state["head"], n_labels)
            loss = AnswerLoss(keras.losses.deserialize(state["loss"]), head, state["form"])
            optimizer = keras.optimizers.deserialize(state["optimizer"]) if state["optimizer"] else None
            compilation = Compilation(optimizer, run_eagerly=state["eager"])
            return cls(blank, head, loss, compilation, None, n_features)
        if model is None:
            raise ValueError(
                f"the network holds {state['own']}, which plain data cannot bring back; pass the model that made it."
            )
        network = resolve_user_model(model, n_features=n_features, n_labels=n_labels)
        found = [list(shape) for shape in _shapes(network._blank.get_weights())]
        if found != state["shapes"]:
            raise ValueError(
                f"model has weights of shapes {found}, but the fitted network has {state['shapes']}; it holds "
                f"{state['own']}, so the model must be the one it was fitted with."
            )
        return network


def _shapes(weights: list[NDArray]) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in weights]


def resolve_user_model(
    model: Any,
    *,
    n_features: int,
    n_labels: int,
    y01: NDArray | None = None,
    seed: int = 0,
) -> UserNetwork:
    """Return the network that a user passed as `model`, with head and loss recognised.

    Parameters
    ----------
    model : callable, keras.Model or scikeras.wrappers.KerasClassifier
        A callable returns a Keras model and may take any of the arguments `meta` (a dict as SciKeras gives it),
        `n_features` and `n_labels` by name. A Keras model is a template: it is copied and never changed.
        A wrapper is copied and initialised.
    n_features, n_labels : int
        Columns of X, yes/no questions of y.
    y01 : ndarray of shape (n, n_labels), optional
        The 0/1 targets, for the number of rows in `meta`.
    seed : int, default=0
        Seeds what the user's function draws while it builds.

    Raises
    ------
    TypeError
        `model` is none of these, or the callable returns something else or needs other arguments.
    ValueError
        Inputs, head or loss do not fit; the message says what to change.
    """
    from sklearn_binnet._networks._scikeras import WrapperSource, is_wrapper

    n_rows = 2 if y01 is None else len(y01)
    source: Source
    if is_wrapper(model):
        source = WrapperSource(model, n_features, n_labels, n_rows)
    elif is_keras_model(model):
        source = TemplateSource(model, n_features)
    elif callable(model):
        source = FunctionSource(model, n_features, n_labels, n_rows)
    else:
        raise TypeError(
            f"model={model!r} is a {type(model).__name__}; expected None, a function that returns a Keras "
            "model, a Keras model, or a scikeras.wrappers.KerasClassifier."
        )
    with isolated_random(seed):
        made = source.make()
        compilation = source.compilation()
        try:
            blank = fresh_copy(made, n_features)
        except ValueError:  # of its own class: only the user's function can make another
            blank = source.make()
        head = recognise_head(blank, n_features, n_labels)
        loss = resolve_loss(compilation.loss, head)
    return UserNetwork(blank, head, loss, compilation, source, n_features)
