"""Labels to 0/1 answers and back; the weight of every answer; which rows to validate on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

ONE_HOT_MESSAGE = (
    "y has two columns and exactly one 1 in every row, so it is read as one yes/no question in one-hot form, with "
    "classes_ [0, 1] and answer 1 where the second column is 1. Pass y[:, 1] (or y.argmax(axis=1)) to say so yourself. "
    "Two labels that exclude each other are one question; several independent ones would not sum to 1 in every row."
)


@dataclass(frozen=True)
class Target:
    """How labels stand for answers."""

    classes: NDArray
    positive: int
    """Index in `classes` of the positive class (binary)."""
    n_labels: int
    multilabel: bool
    dtype: np.dtype

    @classmethod
    def learn(cls, y: ArrayLike, pos_label: Any = None) -> Target:
        """Find out what is asked, from the labels y: (n,), (n, 1), or an indicator matrix (n, L)."""
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind == "multilabel-indicator" and not is_one_hot(y):
            matrix = _dense(y)
            if pos_label not in (None, 1):
                raise ValueError(
                    f"pos_label must be None or 1 when y is an indicator matrix, got {pos_label!r}: its columns are "
                    "the questions and 1 is yes."
                )
            return cls(np.arange(matrix.shape[1]), 1, matrix.shape[1], True, matrix.dtype)
        if kind == "multilabel-indicator":
            classes, dtype = np.array([0, 1]), np.dtype(int)
        else:
            labels = column_or_1d(y, warn=True)
            if kind not in ("binary", "multiclass"):
                raise ValueError(
                    f"Unknown label type: {kind}. y must hold two labels, or be an indicator matrix of 0s and 1s; for "
                    "a number to predict, use a regressor, or say where yes begins, as in y > 3."
                )
            classes, dtype = unique_labels(labels), labels.dtype
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: "
                f"y has {len(classes)} classes. Use OneVsRestClassifier(BinaryNetClassifier()) for more than two "
                "classes, or an indicator matrix if several may be true at once."
            )
        if len(classes) < 2:
            raise ValueError(
                f"y must hold two classes, got one class only: {classes.tolist()}. There is nothing to tell apart."
            )
        if pos_label is not None and pos_label not in classes:
            raise ValueError(f"pos_label must be one of the labels in y, {classes.tolist()}; got {pos_label!r}.")
        positive = 1 if pos_label is None else int(np.flatnonzero(classes == pos_label)[0])
        return cls(classes, positive, 1, False, dtype)

    def encode(self, y: ArrayLike, name: str = "y") -> NDArray[np.float32]:
        """Return the answers, 0 or 1, as (n, L)."""
        kind = type_of_target(y, input_name=name)
        if self.multilabel:
            matrix = _dense(y) if kind in ("multilabel-indicator", "binary") else np.zeros((0, 0))
            if matrix.ndim != 2 or matrix.shape[1] != self.n_labels or not np.isin(matrix, (0, 1)).all():
                raise ValueError(
                    f"{name} must be an indicator matrix of 0s and 1s with {self.n_labels} columns, as in fit; got "
                    f"{kind} labels of shape {np.shape(y)}."
                )
            return matrix.astype(np.float32)
        labels = binary_labels(y) if kind == "multilabel-indicator" else column_or_1d(y)
        unknown = np.setdiff1d(labels, self.classes)
        if len(unknown):
            raise ValueError(
                f"{name} must hold the labels {self.classes.tolist()} that fit has seen; got {unknown.tolist()} too."
            )
        return (labels == self.classes[self.positive]).astype(np.float32)[:, None]

    def decode(self, yes: NDArray[np.bool_]) -> NDArray:
        """Return labels from decisions (n, L): the original labels (n,), or an indicator matrix (n, L)."""
        if self.multilabel:
            return yes.astype(self.dtype)
        return self.classes[np.where(yes[:, 0], self.positive, 1 - self.positive)]

    def columns(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(positive) (n, L) as `predict_proba` gives it: (n, 2) in the order of the classes, or (n, L)."""
        if self.multilabel:
            return probabilities
        out = np.empty((len(probabilities), 2))
        out[:, self.positive] = probabilities[:, 0]
        out[:, 1 - self.positive] = 1.0 - probabilities[:, 0]
        return out


def is_one_hot(y: ArrayLike) -> bool:
    """Return whether an indicator matrix is one binary target in one-hot form."""
    return np.ndim(y) == 2 and np.shape(y)[1] == 2 and bool(np.all(_dense(y).sum(axis=1) == 1))


def binary_labels(y: ArrayLike) -> NDArray:
    """Return the labels of a one-hot matrix, with a warning; anything else unchanged."""
    if type_of_target(y) == "multilabel-indicator" and is_one_hot(y):
        warnings.warn(ONE_HOT_MESSAGE, UserWarning, stacklevel=3)
        return _dense(y).argmax(axis=1)
    return np.asarray(y)


def _dense(y: Any) -> NDArray:
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


def answer_weights(
    answers: NDArray[np.float32], sample_weight: NDArray, class_weight: Any, target: Target
) -> NDArray[np.float32]:
    """Return the weight of every answer, (n, L): sample weights of mean 1 times class weights."""
    rows = sample_weight / sample_weight.mean()
    weights = np.repeat(rows[:, None], target.n_labels, axis=1)
    if class_weight is None:
        return weights.astype(np.float32)
    for label, pair in enumerate(_class_weights(answers, rows, class_weight, target)):
        weights[:, label] *= np.where(answers[:, label] == 1, pair[1], pair[0])
    return weights.astype(np.float32)


def _class_weights(answers: NDArray, rows: NDArray, class_weight: Any, target: Target) -> list[tuple[float, float]]:
    """Return (weight of no, weight of yes) for every question."""
    if isinstance(class_weight, str) and class_weight == "balanced":
        yes = rows @ answers
        total = rows.sum()
        # A question with one answer only has no balance to restore.
        return [(total / (2 * (total - p)), total / (2 * p)) if 0 < p < total else (1.0, 1.0) for p in yes]
    if isinstance(class_weight, Mapping):
        dicts: Sequence[Any] = [class_weight] * target.n_labels
    else:
        dicts = list(class_weight)
        if len(dicts) != target.n_labels or not all(isinstance(d, Mapping) for d in dicts):
            raise ValueError(
                f"class_weight must be None, 'balanced', a dict, or a list of {target.n_labels} dicts (one a label), "
                f"got {class_weight!r}."
            )
    no, yes = (0, 1) if target.multilabel else (target.classes[1 - target.positive], target.classes[target.positive])
    for weights in dicts:
        unknown = [key for key in weights if key not in (no, yes)]
        if unknown or any(w < 0 for w in weights.values()):
            raise ValueError(
                f"class_weight must give weights of at least 0 to the classes {[no, yes]}, got {dict(weights)!r}."
            )
    return [(float(weights.get(no, 1.0)), float(weights.get(yes, 1.0))) for weights in dicts]


def strata(answers: NDArray[np.float32], at_least: int) -> NDArray[np.intp]:
    """Return a stratum for every row: its combination of answers, rare ones put together by their number of yeses.

    Every stratum has at least `at_least` rows, unless there is one only.
    """
    _, stratum, counts = np.unique(answers, axis=0, return_inverse=True, return_counts=True)
    stratum = np.ravel(stratum)
    rare = counts[stratum] < at_least
    if answers.shape[1] > 1 and rare.any():
        stratum = np.where(rare, counts.size + answers.sum(axis=1).astype(np.intp), stratum)
    _, stratum, counts = np.unique(stratum, return_inverse=True, return_counts=True)
    few = counts < at_least
    if answers.shape[1] > 1 and few.any() and not few.all():
        stratum = np.where(few[stratum], np.argmax(counts), stratum)
    return stratum


def validation_split(
    answers: NDArray[np.float32], fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return training and validation rows: stratified, and shuffled by `seed`.

    A class with a single row stays in training. With too few rows to hold out anything, validation is empty.
    """
    n = len(answers)
    n_validation = int(np.ceil(fraction * n))
    groups = strata(answers, at_least=max(2, int(np.ceil(1 / fraction))) if answers.shape[1] > 1 else 1)
    counts = np.bincount(groups)
    keep = np.isin(groups, np.flatnonzero(counts == 1))
    rows = np.flatnonzero(~keep)
    n_validation = min(n_validation, len(rows) // 2)
    if n_validation < 1 or n < 4:
        return np.arange(n), np.zeros(0, np.intp)
    kinds = len(np.unique(groups[rows]))
    splitter: Any = ShuffleSplit if n_validation < kinds or len(rows) - n_validation < kinds else StratifiedShuffleSplit
    train, validation = next(splitter(1, test_size=n_validation, random_state=seed).split(rows, groups[rows]))
    return np.sort(np.concatenate([rows[train], np.flatnonzero(keep)])), np.sort(rows[validation])
