"""Reading the targets y, for both estimators: labels to 0/1 targets and back, weights, which rows to validate on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from sklearn_binnet._compat import BaseSearchCV, _safe_indexing
from sklearn_binnet._files._plain import stored
from sklearn_binnet._telling import tell

ONE_HOT_MESSAGE = (
    "y has two columns and exactly one 1 in every row, so it is read as one yes/no question in one-hot form, with "
    "classes_ [0, 1] and answer 1 where the second column is 1. Pass y[:, 1] (or y.argmax(axis=1)) to say so yourself. "
    "Two labels that exclude each other are one question; several independent ones would not sum to 1 in every row."
)

EXCLUSIVE_MESSAGE = (
    "y has {n} columns and exactly one 1 in every row, as a one-hot target of {n} classes that exclude each other has. "
    "It is read as {n} independent yes/no labels. For classes, pass y.argmax(axis=1) to "
    "OneVsRestClassifier({classifier}), which answers with one of them."
)

ClassWeights = list[tuple[float, float]]
"""Weight of 0 and weight of 1, for each label."""


@stored
@dataclass(frozen=True)
class Target:
    """How the labels of a fit stand for 0 and 1."""

    classes: NDArray[Any]
    positive: int
    """Index in `classes` of the positive class (binary)."""
    n_labels: int
    multilabel: bool
    dtype: np.dtype

    @classmethod
    def learn(cls, y: ArrayLike, pos_label: Any = None) -> Target:
        """Learn the labels from y: (n,), (n, 1), or an indicator matrix (n, L)."""
        labels, several = read_labels(y, tell=False)
        if several:
            check_indicator_label(pos_label)
            return cls(np.arange(labels.shape[1]), 1, labels.shape[1], True, labels.dtype)
        classes = _unique(labels, "y")
        if len(classes) < 2:
            raise ValueError(
                f"y must hold two classes, got one class only: {classes.tolist()}. There is nothing to tell apart."
            )
        positive = 1 if pos_label is None else positive_index(classes, pos_label)
        return cls(classes, positive, 1, False, classes.dtype)

    def encode(self, y: ArrayLike, name: str = "y") -> NDArray[np.float32]:
        """Return the targets, 0 or 1, as (n, L)."""
        if not self.multilabel and np.ndim(y) == 1:
            return self._encode_labels(np.asarray(y), name)
        kind = _kind(y, name)
        if self.multilabel:
            matrix = _dense(y) if kind in ("multilabel-indicator", "binary") else np.zeros((0, 0))
            if matrix.ndim != 2 or matrix.shape[1] != self.n_labels or not np.isin(matrix, (0, 1)).all():
                raise ValueError(
                    f"{name} must be an indicator matrix of 0s and 1s with {self.n_labels} columns, as in fit; got "
                    f"{kind} labels of shape {np.shape(y)}."
                )
            return matrix.astype(np.float32)
        labels = binary_labels(y)
        if labels.ndim == 2 and labels.shape[1] != 1:
            raise ValueError(
                f"{name} must hold one label for each row, as in fit; got {kind} labels of shape {np.shape(y)}. A "
                "matrix of two columns stands for one question only where every row holds exactly one 1."
            )
        return self._encode_labels(column_or_1d(labels), name)

    def _encode_labels(self, labels: NDArray[Any], name: str) -> NDArray[np.float32]:
        known = set(self.classes.tolist())
        unknown = [label for label in _unique(labels, name).tolist() if label not in known]
        if unknown:
            raise ValueError(
                f"{name} must hold the labels {self.classes.tolist()} that fit has seen; got {unknown} too."
            )
        return (labels == self.classes[self.positive]).astype(np.float32)[:, None]

    def decode(self, yes: NDArray[np.bool_]) -> NDArray[Any]:
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


def read_labels(
    y: Any, *, several: bool | None = None, tell: bool = True, classifier: str = "BinaryNetClassifier()"
) -> tuple[NDArray[Any], bool]:
    """Read the targets of a fit; both estimators read them here.

    Returns labels (n,) and False for one yes/no question, or an indicator matrix of 0s and 1s (n, L) and True for
    several. A matrix of two columns with exactly one 1 in every row is one question, which a warning says if `tell`;
    with `several` true it stays a matrix, because the estimator at hand was fitted to two labels. With more columns of
    that kind it is several questions, and a warning asks whether it should be, unless `several` says what the estimator
    at hand was fitted to. `classifier` is named in messages.
    """
    refuse_masked(y, "y")
    kind = _kind(y, "y")
    if kind == "multilabel-indicator":
        if not several and is_one_hot(y):
            return (binary_labels(y) if tell else _dense(y).argmax(axis=1)), False
        matrix = _dense(y)
        if several is None:
            tell_of_exclusive_labels(matrix, classifier)
        if not np.isin(matrix, (0, 1)).all():
            raise ValueError(
                "y with several columns must be an indicator matrix of 0s and 1s, one column for each label, got "
                f"values {np.unique(matrix).tolist()}. Turn it into one yourself, for example with (y > 0).astype(int)."
            )
        return matrix, True
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. y must hold two labels, or be an indicator matrix of 0s and 1s; for "
            "a number to predict, use a regressor, or turn the numbers into labels, for example with y > 3."
        )
    labels = column_or_1d(y, warn=True)
    if kind == "multiclass":
        raise ValueError(
            "Only binary classification is supported. The type of the target is multiclass: "
            f"y has {len(_unique(labels, 'y'))} classes. Use OneVsRestClassifier({classifier}) for more than two "
            "classes, or an indicator matrix if several may be true at once."
        )
    return labels, False


def check_indicator_label(pos_label: Any) -> None:
    """Refuse a positive label other than 1 for an indicator matrix."""
    if pos_label not in (None, 1):
        raise ValueError(
            f"pos_label must be None or 1 when y is an indicator matrix, got {pos_label!r}: its columns are "
            "the questions and 1 is yes."
        )


def positive_index(classes: NDArray[Any], pos_label: Any, owner: str = "pos_label", of: str = "the labels in y") -> int:
    """Return the place of the positive label among the classes; `owner` and `of` say in a message whose they are."""
    matches = [i for i, label in enumerate(classes.tolist()) if label == pos_label]
    if not matches:
        raise ValueError(f"{owner} must be one of {of}, {classes.tolist()}; got {pos_label!r}.")
    return matches[0]


def deciding_estimator(estimator: Any, fitted: bool) -> tuple[Any, bool]:
    """Return the classifier that decides, and whether it is fitted.

    It is the last step of a pipeline, what a search tunes, or what is frozen, down to the innermost. A fitted search
    decides with its best estimator.
    """
    while isinstance(estimator, Pipeline | BaseSearchCV | FrozenEstimator):
        fitted = fitted or isinstance(estimator, FrozenEstimator)
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif fitted and hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            estimator = estimator.estimator
    return estimator, fitted


def predicts_several(estimator: Any, X: Any) -> bool:
    """Return whether a fitted classifier predicts several labels: it is asked about the first row of X."""
    return np.ndim(estimator.predict(_safe_indexing(X, [0]))) > 1


def own_pos_label(estimator: Any, fitted: bool) -> Any:
    """Return the positive label that the deciding classifier names, or None if it names none.

    A fitted one tells it in `pos_label_`, one to be fitted in its parameter `pos_label`.
    """
    estimator, fitted = deciding_estimator(estimator, fitted)
    parameter = getattr(estimator, "pos_label", None)
    if parameter is None and not fitted and hasattr(estimator, "pos_label") and hasattr(estimator, "estimator"):
        return own_pos_label(estimator.estimator, fitted)  # a tuner takes that of its own estimator
    return getattr(estimator, "pos_label_", parameter) if fitted else parameter


def two_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Return the labels in y, sorted, of which there are at most two: comparing is quicker than sorting all of y."""
    return np.unique(np.concatenate([y[:1], y[y != y[0]][:1]]))


def fitted_classes(estimator: Any, y: NDArray[Any], option: str) -> NDArray[Any]:
    """Return the two classes of a classifier that is fitted already; they must hold the labels in y.

    `option` is the value of `cv`, for messages.
    """
    name, classes = type(estimator).__name__, estimator.classes_
    if isinstance(classes, list) or np.ndim(classes) != 1 or len(classes) != 2:
        raise ValueError(
            f"When cv={option!r}, `estimator` must have been fitted to two classes, but the classes_ of this {name} "
            f"are {classes!r}. For more than two classes fit OneVsRestClassifier(ThresholdTunerCV(...)) anew."
        )
    classes = np.asarray(classes)
    unknown = [label for label in two_labels(y).tolist() if label not in classes.tolist()]
    if unknown:
        raise ValueError(
            f"`y` has the labels {unknown}, which the fitted {name} does not know: its classes_ are "
            f"{classes.tolist()}. Encode `y` as it was encoded for its fit."
        )
    return classes


def _kind(y: ArrayLike, name: str) -> str:
    """Return scikit-learn's type of the target; mixed labels are an error of ours, not of sorting."""
    try:
        kind = type_of_target(y, input_name=name)
    except TypeError as error:
        raise _not_of_one_kind(name) from error
    if kind == "unknown":
        raise _not_of_one_kind(name)
    return kind


def _unique(labels: NDArray[Any], name: str) -> NDArray[Any]:
    try:
        return np.unique(labels)
    except TypeError as error:
        raise _not_of_one_kind(name) from error


def _not_of_one_kind(name: str) -> ValueError:
    return ValueError(
        f"Unknown label type: {name} must hold labels of one kind, all strings or all numbers, with none missing. Drop "
        "rows without a label first."
    )


def is_one_hot(y: ArrayLike) -> bool:
    """Return whether an indicator matrix is one binary target in one-hot form."""
    if np.ndim(y) != 2 or np.shape(y)[1] != 2:
        return False
    matrix = _dense(y)
    return bool(np.isin(matrix, (0, 1)).all() and np.all(matrix.sum(axis=1) == 1))


def tell_of_exclusive_labels(matrix: NDArray[Any], classifier: str) -> None:
    """Warn of a matrix of three columns or more that looks like one target of as many classes in one-hot form."""
    n, columns = matrix.shape
    if columns < 3 or n <= columns:  # in a few rows it may look so by chance
        return
    if np.all(matrix.sum(axis=1) == 1) and np.isin(matrix, (0, 1)).all():
        tell(EXCLUSIVE_MESSAGE.format(n=columns, classifier=classifier), key=EXCLUSIVE_MESSAGE, stacklevel=4)


def binary_labels(y: ArrayLike) -> NDArray[Any]:
    """Return the labels of a one-hot matrix, with a warning; anything else unchanged."""
    if type_of_target(y) == "multilabel-indicator" and is_one_hot(y):
        warnings.warn(ONE_HOT_MESSAGE, UserWarning, stacklevel=3)
        return _dense(y).argmax(axis=1)
    return _dense(y)


def _dense(y: Any) -> NDArray[Any]:
    return y.toarray() if sparse.issparse(y) else np.asarray(y)


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, Python's or NumPy's."""
    return isinstance(value, int | float | np.integer | np.floating)


def row_weights(sample_weight: Any, n_samples: int) -> NDArray[np.float64]:
    """Check the weights of rows, and return them as numbers whose squares can be summed."""
    refuse_masked(sample_weight, "sample_weight")
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`sample_weight` must hold numbers, one for each row; got {sample_weight!r}.") from error
    if weight.shape != (n_samples,):
        raise ValueError(
            f"`sample_weight` must hold one number for each of the {n_samples} rows, so have shape ({n_samples},); got "
            f"shape {weight.shape}. Leave it out to weigh all rows alike."
        )
    if not np.all(np.isfinite(weight)) or np.any(weight < 0):
        raise ValueError("`sample_weight` must be finite and not negative; drop or correct such rows.")
    if not weight.any():
        raise ValueError("`sample_weight` is 0 for every row; at least one row must weigh something.")
    return moderate(weight)


def moderate(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights whose squares can be summed: huge and tiny ones are multiplied by a power of two, exactly."""
    exponent = int(np.frexp(weight.max(initial=0.0))[1])
    return weight if abs(exponent) < 300 else np.ldexp(weight, -exponent)


def group_numbers(groups: Any, n_samples: int) -> NDArray[np.intp]:
    """Check the groups of rows, labels of any kind, and return them as numbers from 0."""
    refuse_masked(groups, "groups")
    values = np.asarray(groups)
    if values.shape != (n_samples,):
        raise ValueError(
            f"`groups` must hold one label for each of the {n_samples} rows, so have shape ({n_samples},); got shape "
            f"{values.shape}."
        )
    labels = values.tolist()
    if any(label is None or label != label for label in labels):  # NaN is not itself
        raise ValueError("`groups` must hold a label for every row, but some are missing. Give these rows one each.")
    try:  # in their order, by which scikit-learn's splitters go
        return np.unique(values, return_inverse=True)[1]
    except TypeError:  # labels of several kinds
        place = {label: i for i, label in enumerate(dict.fromkeys(labels))}
        return np.array([place[label] for label in labels], dtype=np.intp)


def refuse_masked(values: Any, name: str) -> None:
    """Refuse an array with masked entries, whose mask NumPy would drop without a word."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        masked = int(np.ma.getmaskarray(values).sum())
        raise ValueError(
            f"`{name}` is an array with {masked} masked entries, which are missing values. Leave these rows out, "
            f"or fill them in, as in {name}.filled(value)."
        )


def target_weights(
    targets: NDArray[np.float32], sample_weight: NDArray[Any], pairs: ClassWeights | None
) -> NDArray[np.float32]:
    """Return the weight of every target, (n, L): sample weights of mean 1 times class weights."""
    weights = np.repeat((sample_weight / sample_weight.mean())[:, None], targets.shape[1], axis=1)
    if pairs is not None:
        no, yes = np.transpose(pairs)
        weights *= np.where(targets == 1, yes, no)
    return weights.astype(np.float32)


def class_weights(
    targets: NDArray[np.float32], sample_weight: NDArray[Any], class_weight: Any, target: Target
) -> ClassWeights | None:
    """Return what the parameter `class_weight` means for these rows, None for no difference.

    "balanced" gives 0 and 1 of a label the same total weight and leaves the sum as it is.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        yes = sample_weight @ targets.astype(np.float64)
        total = sample_weight.sum()
        # A label that is always 0 or always 1 has no balance to restore.
        return [
            (float(total / (2 * (total - p))), float(total / (2 * p))) if 0 < p < total else (1.0, 1.0) for p in yes
        ]
    dicts = [class_weight] * target.n_labels if isinstance(class_weight, Mapping) else list(class_weight)
    if len(dicts) != target.n_labels or not all(isinstance(d, Mapping) for d in dicts):
        raise ValueError(
            f"class_weight must be None, 'balanced', a dict, or a list of {target.n_labels} dicts (one for each "
            f"label), got {class_weight!r}."
        )
    labels = [0, 1] if target.multilabel else target.classes.tolist()
    no, yes_label = labels[1 - target.positive], labels[target.positive]
    for weights in dicts:
        known = all(key in labels for key in weights)
        numbers = all(is_number(w) and 0 <= w < np.inf for w in weights.values())
        if not (known and numbers) or not any(weights.get(label, 1) for label in labels):
            raise ValueError(
                f"class_weight must give finite weights of at least 0, not all 0, to the classes {labels}; got "
                f"{dict(weights)!r}."
            )
    return [(float(weights.get(no, 1.0)), float(weights.get(yes_label, 1.0))) for weights in dicts]


def strata(targets: NDArray[np.float32], at_least: int) -> NDArray[np.intp]:
    """Return a stratum for every row: its combination of 0s and 1s.

    With several labels, combinations of fewer than `at_least` rows are put together by their number of 1s, and what is
    still rarer goes to the largest stratum.
    """
    _, stratum, counts = np.unique(targets, axis=0, return_inverse=True, return_counts=True)
    stratum = np.ravel(stratum)
    if targets.shape[1] == 1:
        return stratum
    rare = counts[stratum] < at_least
    if rare.any():
        stratum = np.where(rare, counts.size + targets.sum(axis=1).astype(np.intp), stratum)
    _, stratum, counts = np.unique(stratum, return_inverse=True, return_counts=True)
    few = counts < at_least
    if few.any() and not few.all():
        stratum = np.where(few[stratum], np.argmax(counts), stratum)
    return np.unique(stratum, return_inverse=True)[1]


def validation_split(
    targets: NDArray[np.float32], fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return training and validation rows: stratified, and drawn by `seed`.

    Every stratum of two rows or more is on both sides; a single row stays in training. Of fewer than four rows none
    is held out.
    """
    n = len(targets)
    if n < 4:
        return np.arange(n), np.zeros(0, np.intp)
    groups = strata(targets, at_least=max(2, int(np.ceil(1 / fraction))))
    counts = np.bincount(groups)
    wanted = counts * fraction
    held_out = np.clip(np.floor(wanted).astype(int), np.minimum(counts - 1, 1), counts - 1)
    # Whole rows for the largest remainders, until the sum is right as well.
    for stratum in np.argsort(held_out - wanted, kind="stable"):
        if held_out.sum() >= np.ceil(fraction * n):
            break
        held_out[stratum] += held_out[stratum] < min(wanted[stratum], counts[stratum] - 1)
    rows = np.random.default_rng(seed).permutation(n)
    rows = rows[np.argsort(groups[rows], kind="stable")]  # by stratum, in random order within
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    out = place < held_out[groups[rows]]
    return np.sort(rows[~out]), np.sort(rows[out])
