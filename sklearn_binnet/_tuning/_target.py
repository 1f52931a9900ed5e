"""Targets: what kind they are, which label is the positive one, and whether a fitted classifier knows them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import NotFittedError
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import num_samples, safe_indexing
from sklearn_binnet._labels import check_indicator_label, is_one_hot, own_pos_label, positive_index, read_labels
from sklearn_binnet._tuning._objective import resolve_scoring


def check_target(y, X, estimator, option):
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
    several = None
    if isinstance(option, str) and is_one_hot(y):  # what the estimator was fitted to decides how these rows are read
        check_fitted(estimator, option)
        several = np.ndim(estimator.predict(safe_indexing(X, [0]))) > 1
    y, several = read_labels(y, several=several, classifier="ThresholdTunerCV(...)")
    return (y.astype(int), y.shape[1]) if several else (y, 0)


def find_labels(y, pos_label, scoring, estimator, fitted, classes=None):
    """Find the negative and the positive label; None for an indicator matrix.

    Parameters
    ----------
    y : ndarray
        As `check_target` returns it.
    pos_label : label or None
    scoring : str or callable
        Its own positive label counts where `pos_label` is None, then that of the estimator.
    estimator : estimator
    fitted : bool
        Whether the estimator stays as it was fitted.
    classes : ndarray of shape (2,), optional
        Labels that a fitted classifier knows; those in `y` if None.

    Returns
    -------
    ndarray of shape (2,) or None
    """
    if y.ndim > 1:
        check_indicator_label(pos_label)
        return None
    places = "the labels in y" if classes is None else "the labels of `estimator`"
    classes = np.unique(_two_values(y)) if classes is None else classes
    owner = "pos_label"
    if pos_label is None:
        owner, pos_label = "pos_label of `scoring`", resolve_scoring(scoring, th.make_cost([[0, 1], [1, 0]])).pos_label
    if pos_label is None:
        owner, pos_label = "pos_label of `estimator`", own_pos_label(estimator, fitted)
    last = len(classes) - 1
    positive = last if pos_label is None else positive_index(classes, pos_label, owner, places)
    return classes[[last - positive, positive]]


def _two_values(y):
    """Both labels (there are no more, as checked): comparing is much quicker than sorting them all."""
    return np.concatenate([y[:1], y[y != y[0]][:1]])


def check_fitted(estimator, option):
    """Refuse an estimator that is not fitted."""
    try:
        check_is_fitted(estimator)
        return estimator.classes_
    except (NotFittedError, AttributeError) as error:
        raise NotFittedError(
            f"When cv={option!r}, `estimator` must be fitted: call its fit before, or choose another cv."
        ) from error


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
    classes = check_fitted(estimator, option)
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
