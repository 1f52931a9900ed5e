"""Fitting an estimator on several sets of rows, and the scores it gives."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from sklearn_binnet._compat import index_params, safe_indexing


def fit_folds(estimator, X, y, row_sets, fit_params=None, n_jobs=None):
    """Fit a clone of an estimator on each of several sets of rows.

    If the estimator, or the last step of a pipeline, has a method
    ``fit_many(fits) -> list of fitted estimators``, all fits are handed to it at once, as a list
    of ``(X, y, fit_params)``; it is called on an unfitted clone and keeps their order. In a
    pipeline each fit gets rows that were transformed by transformers fitted on these rows alone.

    Parameters
    ----------
    estimator : estimator
        Never changed.
    X, y : array-like
        All rows.
    row_sets : list of (ndarray or None)
        Row numbers of each fit; None means all rows.
    fit_params : dict, optional
        Parameters of `fit`; those with one value a row are cut to the rows of each fit.
    n_jobs : int, optional
        Fits at a time, where the estimator has no `fit_many`.

    Returns
    -------
    list of fitted estimators
    """
    fit_params = fit_params or {}
    if len(row_sets) > 1:
        together = _fit_together(estimator, X, y, row_sets, fit_params)
        if together is not None:
            return together
    return Parallel(n_jobs=n_jobs)(
        delayed(_fit_one)(clone(estimator), *_cut(X, y, fit_params, rows)) for rows in row_sets
    )


def _fit_one(estimator, X, y, params):
    return estimator.fit(X, y, **params)


def _cut(X, y, params, rows):
    if rows is None:
        return X, y, index_params(X, params)
    return (
        safe_indexing(X, rows),
        safe_indexing(y, rows),
        index_params(X, params, indices=rows),
    )


def _fit_together(estimator, X, y, row_sets, fit_params):
    """Fit through `fit_many`, or return None where there is none or it would not be the same."""
    if getattr(last_step(estimator), "_skl_callbacks", None):  # they follow one fit at a time
        return None
    if hasattr(type(estimator), "fit_many"):  # of its own: a wrapper such as FrozenEstimator hands on what is inside
        return clone(estimator).fit_many([_cut(X, y, fit_params, rows) for rows in row_sets])
    if type(estimator) is not Pipeline or not hasattr(type(estimator[-1]), "fit_many"):
        return None
    if getattr(estimator, "transform_input", None):  # the pipeline transforms fit parameters too
        return None
    params = _last_step_params(estimator, fit_params)
    if params is None:
        return None
    fronts, fits = [], []
    for rows in row_sets:
        X_rows, y_rows, step_params = _cut(X, y, params, rows)
        front = clone(estimator[:-1]) if len(estimator) > 1 else None
        fronts.append(front)
        fits.append((X_rows if front is None else front.fit_transform(X_rows, y_rows), y_rows, step_params))
    models = clone(estimator[-1]).fit_many(fits)
    return [_assemble(estimator, front, model) for front, model in zip(fronts, models, strict=True)]


def _last_step_params(pipeline, fit_params):
    """Parameters of the last step; None if a transformer is to get some too."""
    last = pipeline.steps[-1][0]
    if not fit_params:
        return {}
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(pipeline, "fit", **fit_params)
        others = [step for name, step in routed.items() if name != last]
        if any(params for step in others for params in step.values()):
            return None
        return dict(routed[last].fit)
    if any(not key.startswith(f"{last}__") for key in fit_params):
        return None
    return {key.removeprefix(f"{last}__"): value for key, value in fit_params.items()}


def _assemble(pipeline, front, model):
    fitted = clone(pipeline)
    steps = [] if front is None else list(front.steps)
    fitted.steps = [*steps, (pipeline.steps[-1][0], model)]
    return fitted


def last_step(estimator):
    """Return the estimator itself, or the last step of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def response(estimator, X, methods):
    """Response of an estimator as it comes, by the first of `methods` it has.

    Returns
    -------
    values : ndarray
    method : str
    """
    for method in methods:
        if hasattr(estimator, method):
            values = getattr(estimator, method)(X)
            if isinstance(values, list):  # multilabel trees: one (n, 2) array a label
                values = _stack_labels(values, estimator.classes_)
            return np.asarray(values), method
    raise ValueError(
        f"`response_method` asks for {' or '.join(methods)}, which {type(estimator).__name__} does not have."
    )


def _stack_labels(values, classes):
    """One array (n, L) of the probability of 1 from a list of arrays, one a label."""
    columns = []
    for proba, known in zip(values, classes, strict=True):
        hit = np.flatnonzero(np.asarray(known) == 1)
        columns.append(proba[:, hit[0]] if hit.size else np.zeros(len(proba)))
    return np.column_stack(columns)


def binary_scores(values, method, classes, pos_label):
    """Scores of the positive class from the response of a binary classifier.

    Parameters
    ----------
    values : ndarray
        Response of `predict_proba` or `decision_function`.
    method : str
    classes : ndarray
        Classes of the estimator that responded.
    pos_label : label

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    classes = np.asarray(classes)
    index = np.flatnonzero(classes == pos_label)
    if len(classes) > 1 and not index.size:
        raise ValueError(
            f"`estimator` answers with the classes {classes.tolist()}, and the positive label {pos_label!r} is not "
            "among them; it must keep the labels of `y`."
        )
    if len(classes) == 1:  # a model that has seen one class only knows one answer
        sure = 1.0 if index.size else 0.0
        sure = sure if method == "predict_proba" else np.copysign(1.0, sure - 0.5)
        return np.full(len(values), sure)
    positive_last = index[0] == 1
    if method == "decision_function":
        values = values.reshape(-1)
        return values if positive_last else -values
    if values.ndim == 2 and values.shape[1] == 2:
        return values[:, index[0]]
    if values.ndim == 1 and values.size == 2 and np.isclose(values.sum(), 1):
        return values[index]  # one row, squeezed
    values = values.reshape(-1)  # P(classes[1]) alone
    return values if positive_last else 1 - values


def _weight_key(estimator):
    """Name under which `fit` takes the weights of rows without metadata routing; None and who refuses them."""
    if isinstance(estimator, Pipeline):
        key, refuses = _weight_key(estimator[-1])
        return (None if key is None else f"{estimator.steps[-1][0]}__{key}"), refuses
    kinds = {kind.__name__ for kind in type(estimator).__mro__}
    if "BaseSearchCV" in kinds or type(estimator).__name__ == "RFE":  # these hand all parameters on
        return _weight_key(estimator.estimator)
    if kinds & {"VotingClassifier", "StackingClassifier"}:  # these hand on this name alone
        members = [member for _, member in estimator.estimators if not isinstance(member, str)]
        if getattr(estimator, "final_estimator", None) is not None:
            members.append(estimator.final_estimator)
        refusing = [member for member in members if not has_fit_parameter(member, "sample_weight")]
        return (None, refusing[0]) if refusing else ("sample_weight", None)
    return ("sample_weight", None) if has_fit_parameter(estimator, "sample_weight") else (None, estimator)


def unrouted(estimator, params, fits=True):
    """Send metadata where it belongs when metadata routing is off.

    Parameters
    ----------
    estimator : estimator
    params : dict
        `sample_weight` goes to the estimator (its last step, or the one inside a search) and the
        curve, `groups` to the splitter, the rest to the estimator.
    fits : bool
        Whether the estimator will be fitted.

    Returns
    -------
    Bunch
        As `process_routing` returns it.
    """
    params = dict(params)
    weight, groups = params.pop("sample_weight", None), params.pop("groups", None)
    if weight is not None:
        key, refuses = _weight_key(estimator)
        if key is not None:
            params[key] = weight
        elif fits:
            warnings.warn(
                f"{type(refuses).__name__}.fit takes no sample_weight without metadata routing, so the weights serve "
                "the threshold only.",
                UserWarning,
                stacklevel=4,
            )
    return Bunch(
        estimator=Bunch(fit=params),
        splitter=Bunch(split={} if groups is None else {"groups": groups}),
        scorer=Bunch(score={} if weight is None else {"sample_weight": weight}),
    )
