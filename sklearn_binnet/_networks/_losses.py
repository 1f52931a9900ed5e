"""Losses of the user's Keras models: which fit a head, and their value for every label.

Keras averages a loss over the last axis and reduces it over the rows. Weights and early stopping need it before that:
one value for every row and label, (n, L).
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._networks._heads import Head
from sklearn_binnet._networks._keras_copy import function_identity, is_keras
from sklearn_binnet._telling import retelling
from sklearn_binnet._training._random import isolated_random

Form = Literal["column", "one_hot", "index"]

_BINARY = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})
_ONE_HOT = frozenset({"categorical_crossentropy", "categorical_focal_crossentropy"})
_INDEX = frozenset({"sparse_categorical_crossentropy"})
_BRIER = frozenset({"mean_squared_error"})
"""Of probabilities the Brier score, which true probabilities minimise; of log-odds it means nothing."""
_REGRESSION = _BRIER | {
    *("mean_absolute_error", "mean_absolute_percentage_error", "huber", "log_cosh"),
    *("mean_squared_logarithmic_error", "poisson", "cosine_similarity"),
}
_HINGE = frozenset({"hinge", "squared_hinge", "categorical_hinge"})


@dataclass(frozen=True)
class LabelLoss:
    """A Keras loss with a value for every label."""

    loss: Any
    """The `keras.losses.Loss`, or a function of the user's own."""
    head: Head
    form: Form
    """Targets as the loss takes them: "column" is 0/1 of shape (n, L), "one_hot" (n, 2), "index" the class (n, 1)."""
    joint: bool = False
    """The loss looks at all labels of a row together; each label then bears the row's value."""
    row_wise: bool = True
    """The value of a row does not depend on other rows."""

    @property
    def identity(self) -> Hashable | None:
        """Equal for losses that compute the same; None for a user's own of which this cannot be told."""
        import keras

        if is_own(self.loss):
            return function_identity(self.loss)
        config = dict(keras.losses.serialize(self.loss), name=None)
        config["config"] = {k: v for k, v in config["config"].items() if k != "name"}
        return json.dumps(config, sort_keys=True)

    def targets(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the 0/1 array (n, L) in the form that the loss takes."""
        y = np.asarray(y, dtype=np.float32).reshape(-1, self.head.n_labels)
        if self.form == "one_hot":
            return np.concatenate([1 - y, y], axis=1)
        return y.astype(np.int32) if self.form == "index" else y

    def labels_of(self, targets: Any) -> Any:
        """Return the 0/1 tensor (n, L) that a tensor of `targets` stands for."""
        import keras

        if self.form == "one_hot":
            return targets[:, 1:2]
        return keras.ops.cast(targets, "float32")

    def per_label(self, y: Any, outputs: Any) -> Any:
        """Return the loss of every label, (n, L), from tensors y (n, L) of 0/1 and outputs."""
        import keras

        y = keras.ops.cast(y, "float32")
        if self.form == "one_hot":
            y = keras.ops.concatenate([1 - y, y], axis=-1)
        return self.on_targets(y, outputs)

    def on_targets(self, targets: Any, outputs: Any) -> Any:
        """Return the same from targets as `targets` forms them."""
        import keras

        labels = self.head.n_labels
        if self.form == "index":
            targets = keras.ops.cast(targets, "int32")[:, 0]
        elif self.form == "column":
            targets = keras.ops.cast(targets, "float32")
        if labels == 1 or self.joint:
            values = keras.ops.reshape(self._call(targets, outputs), (-1, 1))
            return keras.ops.repeat(values, labels, axis=1) if self.joint else values
        values = self._call(keras.ops.expand_dims(targets, -1), _label_by_label(outputs))
        return keras.ops.reshape(values, (-1, labels))

    def _call(self, targets: Any, outputs: Any) -> Any:
        import keras

        loss = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        values = loss(targets, outputs)
        if len(values.shape) == len(outputs.shape):  # a user's own loss may leave the mean to Keras
            values = keras.ops.mean(values, axis=-1)
        return values

    def as_keras(self) -> Any:
        """Return a `keras.losses.Loss` of targets as `targets` forms them: the mean over the labels of a row."""
        import keras

        on_targets = self.on_targets

        class MeanOverLabels(keras.losses.Loss):
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return keras.ops.mean(on_targets(y_true, y_pred), axis=1)

        return MeanOverLabels(name="loss")


def _label_by_label(outputs: Any) -> Any:
    """Give every label an axis of its own, so that a mean over the last axis is the label's own value."""
    import keras

    expanded = keras.ops.expand_dims(outputs, -1)
    logits = getattr(outputs, "_keras_logits", None)
    if logits is not None:
        # Keras notes the logits behind a sigmoid, and takes cross-entropy from them without loss of digits.
        expanded._keras_logits = keras.ops.expand_dims(logits, -1)
    return expanded


def resolve_loss(loss: Any, head: Head) -> LabelLoss:
    """Return the loss of a compiled model for its head, or the head's default where `loss` is None.

    `loss` is what `keras.Model.loss` holds after `compile`. One that does not fit the head, or no yes/no question at
    all, is refused; the message says which does.
    """
    import keras

    if isinstance(loss, list | tuple | dict):
        entries = list(loss.values()) if isinstance(loss, dict) else list(loss)
        if len(entries) != 1:
            raise ValueError(f"model is compiled with {len(entries)} losses; one output has one loss.")
        loss = entries[0]
    if loss is None:
        return _default(head)
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError as error:
            raise ValueError(
                f"model is compiled with loss={loss!r}, which Keras does not know. {_advice(head)}"
            ) from error
    if isinstance(loss, type):
        loss = loss()
    if not callable(loss):
        raise ValueError(f"model is compiled with loss={loss!r}, which is no loss. {_advice(head)}")
    if is_own(loss):
        return _try_own(loss, head)
    loss = _as_object(loss, head)
    _check_known(loss, head)
    return LabelLoss(loss, head, _form(_name(loss), head))


def is_own(loss: Any) -> bool:
    """Whether `loss` is the user's own code and not one that Keras ships."""
    if isinstance(loss, functools.partial):
        return is_own(loss.func)
    return not (is_keras(loss) if hasattr(loss, "__name__") else is_keras(type(loss)))


def _as_object(loss: Any, head: Head) -> Any:
    """Return the `keras.losses.Loss` of a loss function of Keras, or of a `functools.partial` of one."""
    import keras

    if isinstance(loss, keras.losses.Loss):
        return loss
    name = _name(loss)
    for candidate in vars(keras.losses).values():
        if isinstance(candidate, type) and _class_name(candidate) == name:
            return candidate(**getattr(loss, "keywords", {}))
    raise ValueError(f"model is compiled with {name!r}, which is no loss. {_advice(head)}")


def _default(head: Head) -> LabelLoss:
    import keras

    if head.kind == "softmax":
        return LabelLoss(keras.losses.CategoricalCrossentropy(), head, "one_hot")
    logits = head.kind == "linear"
    return LabelLoss(keras.losses.BinaryCrossentropy(from_logits=logits), head, "column")


def _name(loss: Any) -> str:
    """Return the name of a Keras loss as its function bears it: BinaryCrossentropy is binary_crossentropy."""
    if isinstance(loss, functools.partial):
        return _name(loss.func)
    return str(loss.__name__) if hasattr(loss, "__name__") else _class_name(type(loss))


def _class_name(kind: type) -> str:
    if kind.__name__ == "KLDivergence":
        return "kl_divergence"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()


def _form(name: str, head: Head) -> Form:
    if name in _BRIER:  # one unit for each label, or the two of a softmax
        return "one_hot" if head.kind == "softmax" else "column"
    return "one_hot" if name in _ONE_HOT else "index" if name in _INDEX else "column"


def _advice(head: Head) -> str:
    fitting = {
        "softmax": "'categorical_crossentropy' or 'sparse_categorical_crossentropy'",
        "sigmoid": "'binary_crossentropy'",
        "linear": "keras.losses.BinaryCrossentropy(from_logits=True)",
    }
    return f"Compile the model with the loss {fitting[head.kind]}, or with none."


def _check_known(loss: Any, head: Head) -> None:
    """Refuse a `Loss` of Keras that does not fit; the message says what does."""
    name = _name(loss)
    found = f"model is compiled with the loss {name!r}"
    units = f"{head.n_units} {head.kind} unit{'s' if head.n_units > 1 else ''}"
    if name in _BRIER and head.kind != "linear":
        _check_reduction(loss, found)
        return
    if name in _REGRESSION:
        raise ValueError(f"{found}, a regression loss, but y holds yes/no answers. {_advice(head)}")
    if name in _HINGE:
        raise ValueError(f"{found}, which yields no probabilities. {_advice(head)}")
    if name not in _BINARY | _ONE_HOT | _INDEX:
        raise ValueError(f"{found}, which gives no loss for each yes/no answer. {_advice(head)}")
    if (name in _BINARY) != (head.kind != "softmax"):
        always = ", where it is always 0" if name in _ONE_HOT and head.n_units == 1 else ""
        raise ValueError(f"{found}, which does not fit {units}{always}. {_advice(head)}")
    from_logits = bool(loss.get_config().get("from_logits", False))
    if from_logits and head.kind != "linear":
        raise ValueError(
            f"{found} with from_logits=True, but {units} already yield probabilities. Use "
            f"from_logits=False, or make the last layer linear (activation=None, one unit for each label)."
        )
    if head.kind == "linear" and not from_logits:
        raise ValueError(
            f"{found}, which expects probabilities, but {units} yield logits. Use activation='sigmoid' "
            "in the last layer, or the loss with from_logits=True: "
            "keras.losses.BinaryCrossentropy(from_logits=True)."
        )
    _check_reduction(loss, found)


def _check_reduction(loss: Any, found: str) -> None:
    if loss.reduction not in ("sum_over_batch_size", "mean"):
        raise ValueError(
            f"{found} and reduction={loss.reduction!r}; training averages over the rows of a batch. Leave "
            "reduction at its default and change the learning rate or sample_weight instead."
        )


def _try_own(loss: Any, head: Head) -> LabelLoss:
    """Run a user's own loss on a few rows: which targets it takes, and whether it gives a value for each row."""
    import keras

    def values_of(values: Any) -> NDArray[np.float32]:
        return np.asarray(keras.ops.convert_to_numpy(values))

    rng = np.random.default_rng(0)
    rows, labels = 6, head.n_labels
    y = (np.arange(rows * labels).reshape(rows, labels) % 3 % 2).astype(np.float32)
    outputs = rng.uniform(0.1, 0.9, size=(rows, head.n_units)).astype(np.float32)
    if head.kind == "softmax":
        outputs /= outputs.sum(axis=1, keepdims=True)
    y, outputs = map(keras.ops.convert_to_tensor, (y, outputs))
    forms: tuple[Form, ...] = ("one_hot", "index") if head.kind == "softmax" else ("column",)
    problem = ""
    for form, joint in itertools.product(forms, (False, True) if labels > 1 else (False,)):
        candidate = LabelLoss(loss, head, form, joint)
        try:
            with isolated_random(0), retelling():
                values = values_of(candidate.per_label(y, outputs))
                first_half = values_of(candidate.per_label(y[: rows // 2], outputs[: rows // 2]))
                # With labels on an axis of their own, the mean must be that of the loss as Keras would call it.
                whole = values.mean() if labels == 1 else values_of(candidate._call(y, outputs)).mean()
        except Exception as error:  # a user's code ran, and may raise anything
            problem = problem or f" ({type(error).__name__}: {error})"
            continue
        if values.shape == (rows, labels) and np.isclose(values.mean(), whole, rtol=1e-4):
            row_wise = np.allclose(values[: rows // 2], first_half, rtol=1e-4, atol=1e-6)
            return LabelLoss(loss, head, form, joint, row_wise)
    name = getattr(loss, "__name__", type(loss).__name__)
    raise ValueError(
        f"model is compiled with your own loss {name!r}, which does not give one value for each row for "
        f"targets and outputs of shape (rows, {head.n_units}){problem}. Average over the last axis "
        "only, keras.ops.mean(..., axis=-1), not over the rows."
    )
