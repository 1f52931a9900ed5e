"""The models behind a tuned threshold, and scores of rows that they were not fitted on."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import (
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from sklearn_binnet._compat import num_samples, safe_indexing
from sklearn_binnet._tuning._folds import fit_folds, last_step, response


@dataclass
class CrossFit:
    """Fitted models and their responses to held-out rows.

    Attributes
    ----------
    model : estimator
        The model that stays.
    fold_models : list of estimators
        Models of the folds; empty where none were fitted.
    method : str
        Name of the response method.
    folds : list of (rows, values, classes)
        Held-out rows of each fold, the response to them as it comes and the classes of the model.
    """

    model: Any
    method: str
    folds: list
    fold_models: list = field(default_factory=list)


def make_splits(cv, X, y, *, refit, random_state, multilabel, split_params):
    """Draw the splits, once.

    Returns
    -------
    list of (train, test), or None for ``cv="prefit"`` and ``cv="oof"``
    """
    if isinstance(cv, str):  # "prefit" or "oof", as validated
        return None
    if isinstance(cv, Real) and 0 < float(cv) < 1:
        shuffle = ShuffleSplit if multilabel else StratifiedShuffleSplit
        splitter = shuffle(n_splits=1, test_size=cv, random_state=random_state)
    elif cv is None and not multilabel:
        largest = np.unique(np.asarray(y), return_counts=True)[1].max()
        splitter = StratifiedKFold(max(2, min(5, int(largest))))
    else:
        splitter = check_cv(cv, y=y, classifier=True)
    splits = list(splitter.split(X, y, **split_params))
    if not refit and len(splits) > 1:
        raise ValueError(
            "When cv has several folds, refit cannot be False. Pass refit=True, or a cv with one "
            f"split; got {len(splits)} splits."
        )
    return splits


def fit_models(estimator, X, y, splits, *, cv, methods, refit, own_oof, fit_params, n_jobs):
    """Fit the models, or take the one that is fitted already.

    Parameters
    ----------
    estimator : estimator
    X, y : array-like
    splits : list of (train, test) or None
        None for ``cv="prefit"`` and ``cv="oof"``.
    cv : object
        As given to the tuner.
    methods, refit, own_oof, fit_params, n_jobs
        As in `cross_fit`.

    Returns
    -------
    CrossFit
    """
    if splits is None:
        return use_own(estimator, X, methods) if cv == "oof" else use_prefit(estimator, X, y, methods)
    options = {"methods": methods, "refit": refit, "own_oof": own_oof, "fit_params": fit_params, "n_jobs": n_jobs}
    try:
        return cross_fit(estimator, X, y, splits, **options)
    except ValueError as error:
        if y.ndim > 1 and not get_tags(estimator).classifier_tags.multi_label:
            name = type(estimator).__name__
            error.add_note(
                f"`y` is an indicator matrix of {y.shape[1]} labels. Only binary classification is supported where the "
                f"classifier takes no such matrix: if {name} does not, tune OneVsRestClassifier({name}(...))."
            )
        raise


def use_prefit(estimator, X, y, methods):
    """Scores of an estimator that is fitted already, on rows that it has not seen."""
    values, method = response(estimator, X, methods)
    if y.ndim > 1 and values.shape != y.shape:
        raise ValueError(
            f"`y` has {y.shape[1]} labels, but {method} of the fitted {type(estimator).__name__} has shape "
            f"{values.shape}, not {y.shape}. Pass the labels that it was fitted to."
        )
    if method == "predict_proba" and _looks_seen(estimator, values):
        warnings.warn(
            f"The rows look like those that this {type(last_step(estimator)).__name__} was fitted on: its predictions "
            "follow its out-of-fold probabilities, row by row. Scores of rows that a model has seen are too good to "
            "choose a threshold by. Pass cv='oof' to use the out-of-fold ones, or rows that it has not seen.",
            UserWarning,
            stacklevel=4,
        )
    return CrossFit(estimator, method, [(np.arange(num_samples(X)), values, estimator.classes_)])


def _looks_seen(estimator, values):
    """Whether probabilities of some rows follow the out-of-fold ones that the estimator holds of as many rows."""
    own = own_proba(estimator, len(values))
    if own is None:
        return False
    rows, own, _ = _own_fold(estimator, own)
    own, values = (part - part.mean(axis=0) for part in (own, np.asarray(values[rows], dtype=np.float64)))
    size = np.linalg.norm(own) * np.linalg.norm(values)
    return own.shape == values.shape and np.sum(own * values) > 0.5 * size


def use_own(estimator, X, methods):
    """Out-of-fold probabilities that a fitted estimator holds of the rows it was fitted on."""
    proba = own_proba(estimator, num_samples(X))
    name = type(last_step(estimator)).__name__
    if proba is None:
        raise ValueError(
            f"When cv='oof', `estimator` must hold out-of-fold probabilities of each row of X in `oof_proba_`; this "
            f"{name} {_shortcoming(estimator, num_samples(X))}. Pass the rows it was fitted on, or another cv."
        )
    if methods[0] != "predict_proba":
        raise ValueError(
            f"When cv='oof', the scores are probabilities, so `response_method` must be 'auto' or 'predict_proba', "
            f"got {methods[0]!r}."
        )
    return CrossFit(estimator, "predict_proba", [_own_fold(estimator, proba)])


def own_proba(estimator, n_samples):
    """Out-of-fold probabilities that a fitted estimator holds, one a row; None if it has none that are."""
    proba = getattr(last_step(estimator), "oof_proba_", None)
    usable = proba is not None and len(proba) == n_samples and _keeps_rows_and_secrets(estimator)
    return np.asarray(proba) if usable else None


def _shortcoming(estimator, n_samples):
    proba = getattr(last_step(estimator), "oof_proba_", None)
    if proba is None:
        return "has none"
    if len(proba) != n_samples:
        return f"has those of {len(proba)} rows, and X has {n_samples}"
    return (
        "stands behind a step that has learnt from y, the answers of every fold included, or of which it is not known "
        "that it has not (it is known of scikit-learn's own transformers)"
    )


def cross_fit(estimator, X, y, splits, *, methods, refit, own_oof, fit_params, n_jobs):
    """Fit the model that stays and the models of the folds.

    Parameters
    ----------
    estimator : estimator
    X, y : array-like
    splits : list of (train, test)
    methods : list of str
        Response methods in the order of preference.
    refit : bool
        Whether the model that stays is fitted on all rows.
    own_oof : bool
        Whether out-of-fold probabilities that the model offers itself may replace the folds.
    fit_params : dict
    n_jobs : int or None

    Returns
    -------
    CrossFit
    """
    model = None
    wanted = own_oof and methods[0] == "predict_proba" and _keeps_rows_and_secrets(estimator)
    if refit and wanted and may_hold_out(estimator) and not _holds_other_rows(estimator):
        (model,) = fit_folds(estimator, X, y, [None], fit_params, n_jobs)
        proba = own_proba(model, num_samples(X))
        if proba is not None:
            return CrossFit(model, "predict_proba", [_own_fold(model, proba)])
    splits = _with_both_classes(y, splits)
    row_sets = [np.asarray(train) for train, _ in splits]
    if refit and model is None:
        model, *models = fit_folds(estimator, X, y, [None, *row_sets], fit_params, n_jobs)
    else:
        models = fit_folds(estimator, X, y, row_sets, fit_params, n_jobs)
    if not refit and not models:
        (model,) = fit_folds(estimator, X, y, [None], fit_params, n_jobs)
    folds, method = [], methods[0]
    for fitted, (_, test) in zip(models, splits, strict=True):
        values, method = response(fitted, safe_indexing(X, test), methods)
        folds.append((np.asarray(test), values, fitted.classes_))
    if not refit and models:
        return CrossFit(models[0], method, folds)
    return CrossFit(model, method, folds, models)


def _holds_other_rows(estimator):
    """Whether out-of-fold probabilities are there before the fit, as those of a frozen model: of other rows."""
    return hasattr(last_step(clone(estimator)), "oof_proba_")


def may_hold_out(estimator):
    """Whether it is worth fitting to all rows first, to see whether out-of-fold probabilities come of it.

    Not where one network is trained, which has no folds of its own: it is trained side by side with the tuner's.
    """
    step = last_step(estimator)
    n_estimators = getattr(step, "n_estimators", None)
    single = n_estimators is None and getattr(step, "model", None) is not None  # a user's network, one by default
    return n_estimators != 1 and not single


def _keeps_rows_and_secrets(model):
    """Whether out-of-fold scores of the last step are out of fold for the whole model, row by row.

    Not behind a step that learns from y, as it has seen the answers of every fold; nor in a pipeline of another
    kind, which may resample rows.
    """
    if not isinstance(model, Pipeline):
        return True
    return type(model) is Pipeline and all(never_sees_y(step) for _, step in model.steps[:-1])


def never_sees_y(step):
    """Whether it is known that a transformer, and all that it is made of, learns nothing from y.

    It is known of scikit-learn's own transformers, by their tags. A class from elsewhere may use y whatever its
    signature says.
    """
    if step is None or isinstance(step, str):  # "passthrough" and "drop"
        return True
    if not type(step).__module__.startswith("sklearn."):
        return False
    from sklearn.feature_selection import SelectorMixin  # late: it brings half of scikit-learn along

    if isinstance(step, SelectorMixin) or get_tags(step).target_tags.required:
        return False
    return all(never_sees_y(part) for value in step.get_params(deep=False).values() for part in _parts(value))


def _parts(value):
    """Estimators in a parameter, in lists of tuples too."""
    if isinstance(value, list | tuple):
        return [part for item in value for part in _parts(item)]
    return [value] if hasattr(value, "fit") and not isinstance(value, type) else []


def _own_fold(model, proba):
    """One fold of all rows from the out-of-fold probabilities of a model."""
    classes = model.classes_
    if proba.ndim == 1:
        # One column is P(positive class of the model), which need not be its last class.
        positive = getattr(last_step(model), "pos_label_", None)
        flip = positive is not None and positive == classes[0] != classes[1]
        proba = np.column_stack([proba, 1 - proba] if flip else [1 - proba, proba])
    rows = np.flatnonzero(np.isfinite(proba).all(axis=1))
    return rows, proba[rows], classes


def _with_both_classes(y, splits):
    """Keep the splits whose training rows hold two classes (any, for multilabel targets)."""
    y = np.asarray(y)
    if y.ndim > 1:
        return splits
    kept = [(train, test) for train, test in splits if len(np.unique(y[train])) > 1]
    counts = np.unique(y, return_counts=True)[1]
    if not kept and len(counts) > 1 and counts.min() > 1:
        warnings.warn(
            "None of the folds of `cv` has training rows of both classes; two stratified folds are used instead. "
            "Pass a splitter that shuffles or stratifies.",
            UserWarning,
            stacklevel=4,
        )
        return list(StratifiedKFold(2).split(y, y))
    if len(kept) < len(splits) and len(np.unique(y)) > 1:
        warnings.warn(
            f"{len(splits) - len(kept)} of {len(splits)} folds have training rows of one class "
            "only and are left out; use fewer or stratified folds.",
            UserWarning,
            stacklevel=4,
        )
        return kept
    return splits


def average_response(models, X, methods):
    """Mean response of several models."""
    total, method = response(models[0], X, methods)
    total = total.astype(np.float64)
    for model in models[1:]:
        total = total + response(model, X, methods)[0]
    return total / len(models), method
