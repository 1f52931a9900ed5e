"""Where a user's models come from: a function that is called, or a template that is copied."""

from __future__ import annotations

import inspect
import warnings
import weakref
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sklearn_binnet._networks._keras_copy import check_width, ensure_built, fresh_copy, quiet_config

_OFFERED = ("meta", "n_features", "n_labels")


@dataclass(frozen=True)
class Compilation:
    """What a user compiled a model with."""

    optimizer: Any = None
    loss: Any = None
    metrics: tuple[Any, ...] = ()
    run_eagerly: bool = False


class Source(Protocol):
    """Makes models with weights drawn from Python's `random`."""

    def make(self) -> Any:
        """Return a built model with fresh weights, which the caller must not train if it is the first one made."""

    def compilation(self) -> Compilation:
        """Return what the first model made was compiled with."""

    def training_parameters(self) -> dict[str, Any]:
        """Return parameters of the training that the user set here, by the classifier's names."""


def is_keras_model(model: Any) -> bool:
    """Whether `model` is a Keras 3 model."""
    import keras

    return isinstance(model, keras.Model)


def read_compilation(model: Any) -> Compilation:
    """Return what the user compiled `model` with; the model stays as it is.

    Raises
    ------
    ValueError
        The model weighs its losses, which has no meaning with one output.
    """
    if not model.compiled:
        return Compilation()
    config = _compile_config(model)
    if config.get("loss_weights") is not None:
        raise ValueError(
            "model is compiled with loss_weights, which has no meaning with one output; leave it out and "
            "use class_weight or sample_weight."
        )
    metrics = [*_flat(config.get("metrics")), *_flat(config.get("weighted_metrics"))]
    return Compilation(
        optimizer=model.optimizer,
        loss=model.loss,
        metrics=tuple(copy for copy in map(_copy_metric, metrics) if copy is not None),
        run_eagerly=bool(model.run_eagerly),
    )


def _compile_config(model: Any) -> dict[str, Any]:
    try:
        return quiet_config(model.get_compile_config) or {}
    except (
        TypeError,
        ValueError,
        NotImplementedError,
    ):  # a loss or metric that Keras cannot write down
        return {}


def _flat(metrics: Any) -> list[Any]:
    """Return the metrics of one output as a list, however they were nested."""
    if metrics is None:
        return []
    if isinstance(metrics, dict) and "class_name" not in metrics:
        return [entry for value in metrics.values() for entry in _flat(value)]
    if isinstance(metrics, list | tuple):
        return [entry for value in metrics for entry in _flat(value)]
    return [metrics]


def _copy_metric(metric: Any) -> Any:
    import keras

    if isinstance(metric, str):
        return metric
    try:
        copy = keras.metrics.deserialize(metric)
    except (TypeError, ValueError):
        copy = None
    if not callable(copy):  # Keras gives back the name of a function that it cannot find
        name = metric["config"] if isinstance(metric["config"], str) else metric["class_name"]
        warnings.warn(
            f"the metric {name!r} that model is compiled with cannot be copied and is not recorded; pass it "
            "to the classifier: metrics=[...].",
            UserWarning,
            stacklevel=2,
        )
        return None
    return copy


@dataclass
class TemplateSource:
    """A user's Keras model, copied with fresh weights each time."""

    model: Any
    n_features: int

    def make(self) -> Any:
        """Return a copy with new weights."""
        if self.model.built:
            check_width(self.model, self.n_features)
        return fresh_copy(self.model, self.n_features)

    def compilation(self) -> Compilation:
        """Return what the user compiled the model with."""
        return read_compilation(self.model)

    def training_parameters(self) -> dict[str, Any]:
        """Return nothing: a model knows no epochs."""
        return {}


@dataclass
class FunctionSource:
    """A user's function, called each time."""

    function: Any
    n_features: int
    n_labels: int
    n_rows: int
    _first: Any = field(default=None, repr=False)
    _compilation: Compilation = field(default_factory=Compilation, repr=False)

    def make(self) -> Any:
        """Return what the function returns; if it returns one and the same model, the later ones are copies."""
        model = self.function(**self._arguments())
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
                ensure_built(model, self.n_features)
        check_width(model, self.n_features)
        return model

    def compilation(self) -> Compilation:
        """Return what the function compiled its first model with."""
        return self._compilation

    def training_parameters(self) -> dict[str, Any]:
        """Return nothing: a function knows no epochs."""
        return {}

    def _arguments(self) -> dict[str, Any]:
        """Return those of the offered arguments that the function takes."""
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):  # a callable without a signature, in C
            return {}
        offered = {
            "meta": classifier_meta(self.n_features, self.n_labels, self.n_rows),
            "n_features": self.n_features,
            "n_labels": self.n_labels,
        }
        if any(p.kind is p.VAR_KEYWORD for p in parameters):
            return offered
        wanted = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY)]
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
                f"{list(_OFFERED)} that it takes by name. Give the others defaults, or pass "
                f"scikeras.wrappers.KerasClassifier(function, {unmet[0]}=...), whose parameters a grid can search."
            )
        return {p.name: offered[p.name] for p in wanted if p.name in offered}


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
