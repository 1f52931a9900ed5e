"""Heads: how the outputs of a user's Keras model become one probability for each label.

A head is recognised from the last operation of the model; where that is unknown, from the range of the outputs over
random weights and inputs. What does not fit is refused with the change to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._keras_copy import is_graph, is_keras, is_symbolic
from sklearn_binnet._training._random import isolated_random

HeadKind = Literal["sigmoid", "linear", "softmax"]

_PASS_THROUGH = ("Flatten", "Reshape", "Identity", "Dropout", "Squeeze", "ExpandDims")
_OPERATIONS = {"Sigmoid": "sigmoid", "HardSigmoid": "sigmoid", "Softmax": "softmax"}
_ACTIVATIONS = {"hard_sigmoid": "sigmoid"}
_SINGLE = "keras.layers.Dense(1, activation='sigmoid')"


@dataclass(frozen=True)
class Head:
    """What a model's outputs mean."""

    kind: HeadKind
    """One probability a label, one logit a label, or two softmax units for the only label."""
    n_labels: int

    @property
    def n_units(self) -> int:
        """Columns of the model's outputs."""
        return 2 if self.kind == "softmax" else self.n_labels

    def probabilities(self, outputs: Any) -> Any:
        """Return P(positive), a tensor (n, L), from a tensor of outputs."""
        import keras

        if self.kind == "softmax":
            return outputs[:, 1:2]
        return keras.ops.sigmoid(outputs) if self.kind == "linear" else outputs

    def logits(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return log-odds (n, L) from an array of outputs, always finite for finite outputs.

        Probabilities that float32 rounded to 0 or 1 count as the nearest number that is neither.
        """
        values = np.asarray(outputs, dtype=np.float64).reshape(-1, self.n_units)
        if self.kind == "linear":
            return values
        least, most = float(np.finfo(np.float32).tiny), 1.0 - 2.0**-25
        if self.kind == "softmax":
            values = np.clip(values, least, 1.0)
            return np.log(values[:, 1:2]) - np.log(values[:, 0:1])
        values = np.clip(values, least, most)
        return np.log(values) - np.log1p(-values)


def recognise_head(model: Any, n_features: int, n_labels: int) -> Head:
    """Return the head of a built model, or raise a ValueError that says what to change.

    `model` is a copy that may be run: its weights change for a moment where the range of its outputs is looked at.
    """
    operation = final_operation(model) if is_symbolic(model) else None
    kind = activation_of(operation)
    units = _units(model, n_features)
    if kind is None:
        kind = _kind_by_range(model, n_features, units, operation)
    if kind not in get_args(HeadKind):
        raise ValueError(
            f"model ends with the activation {kind!r}, whose values are "
            f"neither probabilities nor logits. {_advice(n_labels)}"
        )
    _check_units(kind, units, n_labels)
    return Head(cast(HeadKind, kind), n_labels)


def final_operation(model: Any) -> Any:
    """Return the last layer or operation that changes values, inside nested models too."""
    operations = list(getattr(model, "operations", None) or model.layers)
    last = operations[-1]
    while type(last).__name__ in _PASS_THROUGH or activation_of(last) == "nothing":
        previous = _producer(operations, last)
        if previous is None:
            break
        last = previous
    return final_operation(last) if is_graph(last) else last


def _producer(operations: list[Any], operation: Any) -> Any:
    """Return the operation whose output is the only input of `operation`, or None."""
    try:
        source = operation.input
    except (AttributeError, ValueError):  # used more than once, or never called on a symbolic tensor
        return None
    for candidate in operations:
        try:
            if candidate.output is source:
                return candidate
        except (AttributeError, ValueError):
            continue
    return None


def activation_of(operation: Any) -> str | None:
    """Return the Keras name of what `operation` applies last, "nothing" for an empty Activation, None if unknown."""
    if operation is None or not is_keras(type(operation)):
        return None
    name = type(operation).__name__
    if name in _OPERATIONS:
        return _OPERATIONS[name]
    activation = getattr(operation, "activation", None)
    if name in ("Dense", "EinsumDense", "Activation") and is_keras(activation):
        known = getattr(activation, "__name__", type(activation).__name__).lower()
        known = _ACTIVATIONS.get(known, known)
        return "nothing" if (name, known) == ("Activation", "linear") else known
    if name in ("ReLU", "LeakyReLU", "ELU", "PReLU"):
        return name.lower()
    return None


def _units(model: Any, n_features: int) -> int:
    """Return the number of columns of the outputs; refuse what is no matrix."""
    outputs = model.outputs if is_symbolic(model) else model(np.zeros((1, n_features), np.float32))
    if isinstance(outputs, dict | list | tuple):
        flat = list(outputs.values()) if isinstance(outputs, dict) else list(outputs)
        if len(flat) != 1:
            raise ValueError(
                f"model has {len(flat)} outputs; one is needed. Join them with "
                "keras.layers.Concatenate(), one column a yes/no question."
            )
        outputs = flat[0]
    shape = tuple(outputs.shape)
    if len(shape) != 2 or shape[1] is None:
        raise ValueError(
            f"model has outputs of shape {('rows', *shape[1:])}; expected ('rows', units). "
            "End it with keras.layers.Flatten() and a Dense layer."
        )
    return int(shape[1])


def _kind_by_range(model: Any, n_features: int, units: int, operation: Any) -> str:
    """Tell the head from the outputs over random weights and inputs, for a last layer of an unknown kind."""
    rng = np.random.default_rng(0)
    kept = model.get_weights()
    trainable = {id(weight) for weight in model.trainable_weights}
    learnt = [id(weight) in trainable for weight in model.weights]
    outputs = []
    try:
        with isolated_random(0):
            for scale in (0.3, 1.0, 3.0):
                new = [scale * rng.normal(size=w.shape) for w in kept]
                # Variances and other values that are not learnt keep their meaning.
                model.set_weights([a.astype(w.dtype) if b else w for a, w, b in zip(new, kept, learnt, strict=True)])
                X = rng.normal(size=(64, n_features)).astype(np.float32)
                outputs.append(np.asarray(model(X, training=False), dtype=np.float64))
    finally:
        model.set_weights(kept)
    found = np.concatenate(outputs)
    layer = "its last layer" if operation is None else f"its last layer {operation.name!r}"
    if not np.isfinite(found).all() or np.ptp(found) == 0:
        if units == 1 and (found == 1).all():
            return "softmax"
        raise ValueError(
            f"model: {layer} is not understood: on random inputs its outputs are constant or not "
            "finite, neither probabilities nor logits. End the model with "
            "keras.layers.Dense and the activation 'sigmoid', 'softmax' or 'linear'."
        )
    if found.min() < 0 or found.max() > 1:
        return "linear"
    if units == 2 and np.allclose(found.sum(axis=1), 1, atol=1e-4):
        return "softmax"
    return "sigmoid"


def _advice(n_labels: int) -> str:
    if n_labels > 1:
        return f"For {n_labels} labels end it with keras.layers.Dense({n_labels}, activation='sigmoid')."
    return (
        f"End it with {_SINGLE}, with Dense(1) and a loss with from_logits=True, "
        "or with Dense(2, activation='softmax')."
    )


def _check_units(kind: str, units: int, n_labels: int) -> None:
    plural = "unit" if units == 1 else "units"
    found = f"model ends with {units} {kind} {plural}"
    if n_labels > 1:
        if kind == "softmax":
            raise ValueError(
                f"{found}, which sum to 1, but the {n_labels} labels of y do not exclude each other. "
                f"{_advice(n_labels)}"
            )
        if units != n_labels:
            raise ValueError(f"{found}, but y has {n_labels} labels. {_advice(n_labels)}")
        return
    if units == 1:
        if kind == "softmax":
            raise ValueError(f"{found}, whose output is always 1.0. Use {_SINGLE}, or 2 units with softmax.")
        return
    if units == 2 and kind == "softmax":
        return
    if units == 2:
        raise ValueError(
            f"{found}, as for one-hot targets, but a yes/no question needs one probability: two "
            f"separate units need not sum to 1. Use {_SINGLE} with loss 'binary_crossentropy', or "
            "Dense(2, activation='softmax') with loss 'categorical_crossentropy'."
        )
    raise ValueError(
        f"{found}, but y asks one yes/no question. {_advice(n_labels)} "
        "(For more than two classes: OneVsRestClassifier(BinaryNetClassifier()).)"
    )
