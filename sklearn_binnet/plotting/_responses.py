"""The responses and labels that a display reads from a fitted classifier."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_binnet import _thresholds as th
from sklearn_binnet._labels import (
    binary_labels,
    deciding_estimator,
    is_one_hot,
    own_pos_label,
    predicts_several,
)


def of_label(values: Any, label: int | None, estimator: Any) -> Any:
    """Return what belongs to a label; everything, if there is one question only."""
    n_labels = len(estimator.best_threshold_) if np.ndim(estimator.best_threshold_) else 0
    check_label(label, n_labels)
    return values if label is None else values[label]


def check_label(label: int | None, n_labels: int) -> None:
    """Refuse a label that there is not, or none where there are several."""
    if n_labels and label not in range(n_labels):
        raise ValueError(
            f"`label` must say which of the {n_labels} labels to draw, 0 to {n_labels - 1}; got {label!r}."
        )
    if not n_labels and label is not None:
        raise ValueError(
            f"`label` is for classifiers of several labels, and this one predicts a single label; got {label!r}."
        )


def level_of(estimator: Any, confidence_level: float | None) -> float:
    """Return the confidence level that was asked for, or else that of a tuner, or 0.95."""
    if confidence_level is not None:
        return confidence_level
    return float(getattr(deciding_estimator(estimator, fitted=True)[0], "confidence_level", 0.95))


def threshold_of(estimator: Any, label: int | None) -> float | None:
    """Return the threshold that a classifier decides at."""
    threshold: Any = getattr(estimator, "best_threshold_", getattr(estimator, "threshold", None))
    if label is not None and np.ndim(threshold):
        threshold = np.asarray(threshold)[label]
    return float(threshold) if isinstance(threshold, Real) else None


def positive_label_of(estimator: Any) -> Any:
    """Return the label that a fitted classifier decides for: the one it names, or the second of its classes."""
    own = own_pos_label(estimator, fitted=True)
    return estimator.classes_[1] if own is None else own


def decision_of(estimator: Any, label: int | None, pos_label: Any) -> tuple[float | None, tuple[float, float] | None]:
    """Return the threshold that a fitted classifier decides at, and a tuner's interval of it.

    For the other class they are turned to the scores of that class, so that decisions stay the same.
    """
    decides, _ = deciding_estimator(estimator, fitted=True)
    threshold, interval = threshold_of(decides, label), None
    if hasattr(decides, "threshold_interval_"):
        low, high = of_label(decides.threshold_interval_, label, decides)
        interval = float(low), float(high)
    if label is None and pos_label is not None and pos_label != positive_label_of(estimator):
        probability = response_method_of(estimator) == "predict_proba"
        threshold = None if threshold is None else _turned(threshold, probability)
        interval = None if interval is None else (_turned(interval[1], probability), _turned(interval[0], probability))
    return threshold, interval


def _turned(threshold: float, probability: bool) -> float:
    """Return the threshold of the other class, for decisions that stay the same.

    A row is called positive where its score is at least the threshold, so the other class is called only where its
    score is above the turned one.
    """
    return float(np.nextafter(1.0 - threshold if probability else -threshold, np.inf))


def is_positive(y: Any, pos_label: Any) -> NDArray[np.bool_]:
    """Return which rows are of the positive class."""
    y = binary_labels(y) if is_one_hot(y) else y
    kind = type_of_target(y, input_name="y_true")
    if kind != "binary":
        raise ValueError(f"y must hold two classes, one label for each row; got a target of type {kind}.")
    y = column_or_1d(y)
    classes = np.unique(y)
    if pos_label is None:
        pos_label = classes[-1]
    elif pos_label not in classes:
        raise ValueError(f"`pos_label` must be one of the classes {classes.tolist()}, got {pos_label!r}.")
    return y == pos_label


def response_method_of(estimator: Any) -> str:
    """Return the method whose scores a classifier decides on; refuse an estimator that has none."""
    wanted = getattr(deciding_estimator(estimator, fitted=True)[0], "response_method", "auto")
    methods = ["predict_proba", "decision_function"] if wanted == "auto" else [wanted]
    method = next((name for name in methods if hasattr(estimator, name)), None)
    if method is None:
        raise ValueError(
            f"`estimator` must have predict_proba or decision_function, {type(estimator).__name__} has neither."
        )
    return method


def _read_targets(estimator: Any, X: Any, y: Any) -> tuple[Any, bool]:
    """Return y as the fitted classifier reads it, and whether it holds several labels."""
    if np.ndim(y) != 2 or np.shape(y)[1] < 2:
        return y, False
    if is_one_hot(y) and not predicts_several(estimator, X):
        return binary_labels(y), False
    return y.toarray() if sparse.issparse(y) else np.asarray(y), True


def _responses(estimator: Any, method: str, X: Any, y: Any, label: int | None, pos_label: Any) -> tuple[Any, Any]:
    """Return which rows are positive, and the scores of the positive class."""
    response = np.asarray(getattr(estimator, method)(X), dtype=float)
    if np.ndim(y) == 2 and np.shape(y)[1] > 1:
        check_label(label, np.shape(y)[1])
        return y[:, label] == 1, response[:, label]
    check_label(label, 0)
    classes = estimator.classes_
    positive = is_positive(y, pos_label)
    if response.ndim == 2:
        return positive, response[:, int(np.flatnonzero(classes == pos_label)[0])]
    return positive, response if pos_label == classes[1] else -response


def curve_of(
    estimator: Any, X: Any, y: Any, *, label: int | None, pos_label: Any, sample_weight: Any
) -> th.ThresholdCurve:
    """Return the curve of a fitted classifier on rows, or the stored one of a tuner without X."""
    if X is not None:
        if y is None:
            raise ValueError("y must be given with X: the labels of these rows.")
        method = response_method_of(estimator)
        y, several = _read_targets(estimator, X, y)
        if pos_label is None and not several:
            pos_label = positive_label_of(estimator)
        positive, scores = _responses(estimator, method, X, y, label, pos_label)
        return th.ThresholdCurve.from_scores(positive, scores, sample_weight)
    decides, _ = deciding_estimator(estimator, fitted=True)
    if not hasattr(decides, "threshold_interval_"):
        raise ValueError(
            f"X and y must be given: {type(estimator).__name__} has no out-of-fold scores; only a fitted "
            "ThresholdTunerCV has."
        )
    if pos_label is not None and (label is not None or pos_label != positive_label_of(decides)):
        own = 1 if label is not None else np.asarray(positive_label_of(decides)).tolist()
        raise ValueError(
            f"`pos_label` must be {own!r} or None without X: that is what the stored curve counts as positive; got "
            f"{pos_label!r}. Pass X and y to draw another class, or tune with that `pos_label`."
        )
    if sample_weight is not None:
        raise ValueError(
            "`sample_weight` goes with X and y; the stored curve has the weights that the tuner was given."
        )
    return of_label(decides.curve_, label, decides)


def curves_of_scores(
    y_true: Any, y_score: Any, parameter: str, pos_label: Any, sample_weight: Any
) -> dict[str, th.ThresholdCurve]:
    """Return the curve of each model from its scores, which `parameter` holds by the models' names or for one alone."""
    models = y_score if isinstance(y_score, Mapping) else {"model": y_score}
    if not models:
        raise ValueError(f"`{parameter}` must hold the scores of at least one model, got an empty dict.")
    check_consistent_length(y_true, *models.values())
    positive = is_positive(y_true, pos_label)
    return {
        model: th.ThresholdCurve.from_scores(positive, column_or_1d(scores), sample_weight)
        for model, scores in models.items()
    }


def model_name(estimator: Any) -> str:
    """Return the name of a classifier for a legend; of a tuner, the one of what it tunes."""
    decides, _ = deciding_estimator(estimator, fitted=True)
    if hasattr(decides, "threshold_interval_"):
        decides, _ = deciding_estimator(decides.estimator_, fitted=True)
    return type(decides).__name__
