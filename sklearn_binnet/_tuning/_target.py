"""Targets: what kind they are, which label is the positive one, and whether a fitted classifier knows them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import num_samples
from sklearn_binnet._tuning._objective import resolve_scoring


def check_target(y):
    """Check the targets.

    Returns
    -------
    y : ndarray
    n_labels : int
        0 for one yes/no question.
    """
    if y is None:
        raise ValueError("ThresholdTunerCV requires y to be passed, but the target y is None.")
    if num_samples(y) == 0:
        raise ValueError("Found array with 0 sample(s): `y` must hold rows of two classes.")
    if not issparse(y):
        assert_all_finite(y, input_name="y")
    kind = type_of_target(y, input_name="y")
    if kind == "binary":
        return column_or_1d(y, warn=True), 0
    if kind == "multilabel-indicator":
        y = y.toarray() if issparse(y) else np.asarray(y)
        return y.astype(int), y.shape[1]
    raise ValueError(
        f"Only binary classification is supported. Unknown label type: {kind}. For more than two "
        "classes use OneVsRestClassifier(ThresholdTunerCV(...))."
    )


def find_labels(y, pos_label, scoring, classes=None):
    """Find the negative and the positive label; None for an indicator matrix.

    Parameters
    ----------
    y : ndarray
        As `check_target` returns it.
    pos_label : label or None
    scoring : str or callable
        Its own positive label counts where `pos_label` is None.
    classes : ndarray of shape (2,), optional
        Labels that a fitted classifier knows; those in `y` if None.

    Returns
    -------
    ndarray of shape (2,) or None
    """
    if y.ndim > 1:
        if pos_label not in (None, 1):
            raise ValueError(f"`pos_label` of an indicator matrix is 1, got {pos_label!r}.")
        return None
    classes = np.unique(_two_values(y)) if classes is None else classes
    if pos_label is None:
        pos_label = resolve_scoring(scoring, th.make_cost([[0, 1], [1, 0]])).pos_label
    if pos_label is None:
        return classes[[0, -1]]
    if pos_label not in classes:
        raise ValueError(f"`pos_label` must be one of the classes {classes.tolist()}, got {pos_label!r}.")
    positive = classes == pos_label
    return np.concatenate([classes[~positive], classes[positive]])[[0, -1]]


def _two_values(y):
    """Both labels (there are no more, as checked): comparing is much quicker than sorting them all."""
    return np.concatenate([y[:1], y[y != y[0]][:1]])


def prefit_classes(estimator, y, option):
    """Classes of a classifier that is fitted already; they must hold the labels in `y`.

    Parameters
    ----------
    estimator : estimator
    y : ndarray
        As `check_target` returns it.
    option : str
        The value of `cv`, for messages.

    Returns
    -------
    ndarray of shape (2,), or None for an indicator matrix
    """
    try:
        check_is_fitted(estimator)
        classes = estimator.classes_
    except (NotFittedError, AttributeError) as error:
        raise NotFittedError(
            f"When cv={option!r}, `estimator` must be fitted: call its fit before, or choose another cv."
        ) from error
    if y.ndim > 1:
        return None
    name = type(estimator).__name__
    if isinstance(classes, list) or np.ndim(classes) != 1 or len(classes) != 2:
        raise ValueError(
            f"When cv={option!r}, `estimator` must have been fitted to two classes, but the classes_ of this {name} "
            f"are {classes!r}. For more than two classes fit OneVsRestClassifier(ThresholdTunerCV(...)) anew."
        )
    classes = np.asarray(classes)
    unknown = [label for label in _two_values(y).tolist() if label not in classes.tolist()]
    if unknown:
        raise ValueError(
            f"`y` has the labels {unknown}, which the fitted {name} does not know: its classes_ are "
            f"{classes.tolist()}. Encode `y` as it was encoded for its fit."
        )
    return classes
