"""SciKeras wrappers: the one place that meets SciKeras.

A wrapper is recognised without importing SciKeras: who passes one has imported it. It serves to build and compile a
model and for nothing else: a copy of it is initialised with a few float32 rows and 0/1 targets, and what it does in
`fit`, `predict_proba` and `score` is never used. The copy has no `random_state`, with which SciKeras would switch
TensorFlow's op determinism on for the whole process.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_binnet._networks._keras_copy import (
    Compilation,
    check_width,
    ensure_built,
    fresh_copy,
    is_keras_model,
    read_compilation,
)
from sklearn_binnet._networks._user_network import Source
from sklearn_binnet._telling import retelling
from sklearn_binnet._training._optimizers import parse_optimizer

# Parameters of the wrapper's training and what the classifier calls them.
_TAKEN = {
    "epochs": "epochs",
    "batch_size": "batch_size",
    "class_weight": "class_weight",
    "validation_split": "validation_fraction",
    "random_state": "random_state",
}
# Parameters that say how SciKeras trains and have no meaning here.
_IGNORED = ("warm_start", "shuffle", "validation_batch_size")
_IGNORED_ROUTES = ("fit__", "predict__", "score__")


def is_wrapper(model: Any) -> bool:
    """Whether `model` is an estimator of SciKeras, or of a subclass."""
    classes = () if isinstance(model, type) else type(model).__mro__
    return any(c.__module__.split(".")[0] == "scikeras" for c in classes)


def wrapper_parameters(model: Any, n_features: int, n_labels: int, n_rows: int) -> dict[str, Any]:
    """Return what the user set on a SciKeras wrapper about its training, by the classifier's names; else nothing.

    Any of `epochs`, `batch_size`, `class_weight`, `callbacks`, `validation_fraction` and `random_state`.
    """
    return WrapperSource(model, n_features, n_labels, n_rows).training_parameters() if is_wrapper(model) else {}


@dataclass
class WrapperSource(Source):
    """A SciKeras classifier, copied and initialised each time."""

    def __post_init__(self) -> None:
        from scikeras.wrappers import KerasClassifier

        kind = type(self.model)
        if not isinstance(self.model, KerasClassifier):
            raise TypeError(
                f"model is a scikeras {kind.__name__}; a yes/no question needs a scikeras.wrappers.KerasClassifier."
            )
        for encoder in ("feature_encoder", "target_encoder"):
            if getattr(kind, encoder) is not getattr(KerasClassifier, encoder):
                raise ValueError(
                    f"model is a {kind.__name__} with its own {encoder}, which would not be used: labels are "
                    "encoded by BinaryNetClassifier, and columns by a step of a Pipeline before it."
                )

    def make(self) -> Any:
        """Return the model that a fresh copy of the wrapper builds, with new weights."""
        wrapper = self._initialised()
        if self._first is None:
            self._first = wrapper
        model = wrapper.model_
        if not is_keras_model(model):
            raise TypeError(
                f"model is a {type(wrapper).__name__} whose function returned {model!r}; it must return a keras.Model."
            )
        if not model.built:
            ensure_built(model, self.n_features)
        check_width(model, self.n_features)
        return model

    def _initialised(self) -> Any:
        """Return an initialised copy of the user's wrapper."""
        parameters = self.model.get_params(deep=False)
        parameters.update(random_state=None, warm_start=False)
        if is_keras_model(parameters["model"]):
            # SciKeras would hand out, and train, the user's own model.
            if parameters["model"].built:
                check_width(parameters["model"], self.n_features)
            parameters["model"] = fresh_copy(parameters["model"], self.n_features)
        wrapper = type(self.model)(**parameters)
        X = np.zeros((self.n_rows, self.n_features), dtype=np.float32)
        y = np.zeros((self.n_rows, self.n_labels), dtype=np.int64)
        y[::2] = 1
        with retelling():
            return wrapper.initialize(X, y[:, 0] if self.n_labels == 1 else y)

    def compilation(self) -> Compilation:
        """Return what the wrapper, or the function in it, compiles the first model with; `make` comes before."""
        template = self.model.model
        compiled = template if is_keras_model(template) else self._first.model_
        if compiled.compiled:
            found = read_compilation(compiled)
            self._check_loss(found.loss)
            return found
        given = self._first._get_compile_kwargs()
        metrics = given["metrics"] or []
        return Compilation(
            optimizer=None if None in (given["loss"], given["optimizer"]) else parse_optimizer(given["optimizer"]),
            loss=given["loss"],
            metrics=tuple(metrics.values() if isinstance(metrics, dict) else metrics),
            run_eagerly=bool(given.get("run_eagerly", False)),
        )

    def _check_loss(self, compiled: Any) -> None:
        """Refuse a wrapper whose `loss` is not the one that its function compiles: one of them would be ignored."""
        from scikeras.utils import loss_name

        given = self.model.loss
        if given is None or compiled is None or isinstance(compiled, list | dict):
            return
        if loss_name(given) != loss_name(compiled):
            raise ValueError(
                f"model has loss={given!r}, but its function compiles the loss {compiled!r}. Leave one out."
            )

    def training_parameters(self) -> dict[str, Any]:
        """Return what the user set on the wrapper, by the classifier's names; `fit__epochs` comes before `epochs`.

        What says how SciKeras trains, and has no counterpart, is named in a warning.
        """
        given = self._set_by_user()
        found = {}
        for theirs, ours in _TAKEN.items():
            for name in (theirs, f"fit__{theirs}"):
                if name in given:
                    found[ours] = copy.copy(given.pop(name))
        if found.get("batch_size") == -1:
            found["batch_size"] = self.n_rows
        if callbacks := self._callbacks(given):
            found["callbacks"] = callbacks
        ignored = [n for n in given if n in _IGNORED or n.startswith(_IGNORED_ROUTES)]
        if ignored:
            warnings.warn(
                f"{type(self.model).__name__} has {', '.join(sorted(ignored))}, which BinaryNetClassifier "
                "does not use: it trains and predicts itself. Set its own parameters instead.",
                UserWarning,
                stacklevel=2,
            )
        return found

    def _set_by_user(self) -> dict[str, Any]:
        """Return the wrapper's parameters that differ from its class' defaults."""
        defaults = {}
        for kind in reversed(type(self.model).__mro__):
            if "__init__" in vars(kind):
                parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
                defaults.update({p.name: p.default for p in parameters if p.default is not p.empty})
        given = {}
        for name, value in self.model.get_params(deep=False).items():
            default = defaults.get(name, inspect.Parameter.empty)
            if value is not default and not (isinstance(value, int | float) and value == default):
                given[name] = value
        return given

    def _callbacks(self, given: dict[str, Any]) -> list[Any]:
        """Return the callbacks of the wrapper, those given as classes made with their routed parameters."""
        named = [name for name in given if name.split("__")[-1] == "callbacks" or "callbacks__" in name]
        if not named:
            return []
        for name in named:
            del given[name]
        wrapper = type(self.model)(**self.model.get_params(deep=False))  # builds nothing
        wrapper._initialize_callbacks()
        return [
            callback for entry in wrapper._fit_callbacks for callback in (entry if isinstance(entry, list) else [entry])
        ]
