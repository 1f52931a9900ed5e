"""The models behind a tuned threshold, and scores of rows that they were not fitted on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, get_tags
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from sklearn_binnet._compat import BaseSearchCV, _check_method_params, _num_samples, _safe_indexing
from sklearn_binnet._telling import tell

Rows = NDArray[np.intp]
PREDICTORS = ("classifier", "regressor")


class HeldOut(NamedTuple):
    """Rows that a model was not fitted on, its response to them as it comes, and its classes."""

    rows: Rows
    values: NDArray[Any]
    classes: Any


class CrossFit(NamedTuple):
    """Fitted models and their responses to held-out rows."""

    model: Any
    """The model that stays."""
    method: str
    """Name of the response method."""
    folds: list[HeldOut]
    fold_models: Sequence[Any] = ()
    """Models of the folds; empty where none were fitted."""


def make_splits(
    cv: Any,
    X: Any,
    y: NDArray[Any],
    *,
    refit: bool,
    random_state: Any,
    split_params: dict[str, Any],
    groups: NDArray[np.intp] | None = None,
) -> list[tuple[Rows, Rows]]:
    """Draw the splits into training and test rows, once. Folds of our own keep `groups` together."""
    multilabel = y.ndim > 1
    if groups is not None and (cv is None or isinstance(cv, Real)):
        splitter, split_params = _group_splitter(cv, y, groups, random_state), {"groups": groups}
    elif isinstance(cv, Real) and 0 < float(cv) < 1:
        shuffle = ShuffleSplit if multilabel else StratifiedShuffleSplit
        splitter = shuffle(n_splits=1, test_size=cv, random_state=random_state)
    elif cv is None and not multilabel:
        largest = np.unique(y, return_counts=True)[1].max()
        splitter = StratifiedKFold(max(2, min(5, int(largest))))
    else:
        splitter = check_cv(cv, y=y, classifier=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)  # looked at below
        splits = list(splitter.split(X, y, **split_params))
    if not refit and len(splits) > 1:
        raise ValueError(
            "When cv has several folds, refit cannot be False. Pass refit=True, or a cv with one split; got "
            f"{len(splits)} splits."
        )
    if groups is not None and any(np.isin(groups[test], groups[train]).any() for train, test in splits):
        tell(
            f"cv={cv} puts rows of one group on both sides of a fold, so that the scores of such rows, and the "
            "threshold, are better than for a new group. Take cv=None or a number of folds, which keep `groups` "
            "together, or a splitter that does, such as GroupKFold."
        )
    return splits


def _group_splitter(cv: Any, y: NDArray[Any], groups: NDArray[np.intp], random_state: Any) -> Any:
    """Return the splitter that stands for None, a number of folds or a share of the rows where rows come in groups."""
    if cv is not None and 0 < float(cv) < 1:
        return GroupShuffleSplit(n_splits=1, test_size=cv, random_state=random_state)
    if y.ndim > 1:
        available = len(np.unique(groups))
    else:  # groups that hold the rarer class
        available = min(len(np.unique(groups[y == label])) for label in np.unique(y))
    if available < 2:
        raise ValueError(
            f"`groups` must have at least two groups with rows of each class, to tune on groups that a model has not "
            f"seen; of the rarer class there is {available}. Take a fitted classifier with cv='prefit' and rows of "
            "other groups."
        )
    n_splits = min(5, available) if cv is None else int(cv)
    return GroupKFold(n_splits) if y.ndim > 1 else StratifiedGroupKFold(n_splits)


def cross_fit(
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    splits: list[tuple[Rows, Rows]],
    *,
    methods: Sequence[str],
    refit: bool,
    own_oof: bool,
    fit_params: dict[str, Any],
    n_jobs: int | None,
    groups: NDArray[np.intp] | None = None,
) -> CrossFit:
    """Fit the model that stays, on all rows if `refit`, and the models of the folds.

    With `own_oof`, out-of-fold probabilities that the model itself holds after its fit replace the folds, unless its
    folds cut `groups`.
    """
    own_oof = own_oof and refit and methods[0] == "predict_proba" and may_hold_out(estimator)
    models: list[Any] = []
    try:
        if own_oof:
            models = fit_folds(estimator, X, y, [None], fit_params, n_jobs)
            if _shortcoming(models[0], _num_samples(X), groups) is None:
                return CrossFit(models[0], "predict_proba", [_own_fold(models[0])])
        splits = _with_both_classes(y, splits)
        row_sets: list[Rows | None] = [np.asarray(train) for train, _ in splits]
        if not own_oof and (refit or not row_sets):
            row_sets = [None, *row_sets]
        models += fit_folds(estimator, X, y, row_sets, fit_params, n_jobs)
    except ValueError as error:
        if y.ndim > 1 and not get_tags(estimator).classifier_tags.multi_label:
            name = type(estimator).__name__
            error.add_note(
                f"`y` is an indicator matrix of {y.shape[1]} labels. Only binary classification is supported where the "
                f"classifier takes no such matrix: if {name} does not, tune OneVsRestClassifier({name}(...))."
            )
        raise
    fold_models = models[len(models) - len(splits) :]
    folds, method = [], methods[0]
    for fitted, (_, test) in zip(fold_models, splits, strict=True):
        values, method = response(fitted, _safe_indexing(X, test), methods)
        folds.append(HeldOut(np.asarray(test), values, fitted.classes_))
    if isinstance(last_step(estimator), FrozenEstimator) and method == "predict_proba":
        _tell_if_seen(models[0], response(models[0], X, methods)[0])
    return CrossFit(models[0], method, folds, fold_models if refit else [])


def _with_both_classes(y: NDArray[Any], splits: list[tuple[Rows, Rows]]) -> list[tuple[Rows, Rows]]:
    """Keep the splits whose training rows hold two classes (any, for multilabel targets)."""
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
    if len(kept) < len(splits) and len(counts) > 1:
        warnings.warn(
            f"{len(splits) - len(kept)} of {len(splits)} folds have training rows of one class "
            "only and are left out; use fewer or stratified folds.",
            UserWarning,
            stacklevel=4,
        )
        return kept
    return splits


# ------------------------------------------------------------------ what a fitted estimator knows already


def use_prefit(estimator: Any, X: Any, y: NDArray[Any], methods: Sequence[str]) -> CrossFit:
    """Take the scores of an estimator that is fitted already, on rows that it has not seen."""
    values, method = response(estimator, X, methods)
    if y.ndim > 1 and values.shape != y.shape:
        raise ValueError(
            f"`y` has {y.shape[1]} labels, but {method} of the fitted {type(estimator).__name__} has shape "
            f"{values.shape}, not {y.shape}. Pass the labels that it was fitted to."
        )
    if method == "predict_proba":
        _tell_if_seen(estimator, values)
    return CrossFit(estimator, method, [HeldOut(np.arange(_num_samples(X)), values, estimator.classes_)])


def _tell_if_seen(estimator: Any, values: NDArray[Any]) -> None:
    """Warn where a fitted estimator seems to have been fitted on the rows that it gives these probabilities of."""
    if _looks_seen(estimator, values):
        tell(
            f"The rows look like those that this {type(_last_fitted_step(estimator)).__name__} was fitted on: its "
            "predictions "
            "follow its out-of-fold probabilities, row by row. Scores of rows that a model has seen are too good to "
            "choose a threshold by. Pass cv='oof' to use the out-of-fold ones, or rows that it has not seen.",
            stacklevel=4,
        )


def _thawed(estimator: Any) -> Any:
    """Return what stands inside of scikit-learn's FrozenEstimator."""
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    return estimator


def _looks_seen(estimator: Any, values: NDArray[Any]) -> bool:
    """Return whether probabilities follow the out-of-fold ones that the estimator holds of as many rows."""
    if len(getattr(_last_fitted_step(estimator), "oof_proba_", ())) != len(values):
        return False
    rows, own, _ = _own_fold(estimator)
    own, values = (part - part.mean(axis=0) for part in (own, np.asarray(values[rows], dtype=np.float64)))
    size = np.linalg.norm(own) * np.linalg.norm(values)
    return bool(own.shape == values.shape and np.sum(own * values) > 0.5 * size)


def use_own(estimator: Any, X: Any, methods: Sequence[str], groups: NDArray[np.intp] | None = None) -> CrossFit:
    """Take the out-of-fold probabilities that a fitted estimator holds of the rows it was fitted on."""
    shortcoming = _shortcoming(estimator, _num_samples(X), groups)
    if shortcoming is not None:
        raise ValueError(
            f"When cv='oof', `estimator` must hold out-of-fold probabilities of each row of X in `oof_proba_`; this "
            f"{type(_last_fitted_step(estimator)).__name__} {shortcoming}. Pass the rows it was "
            "fitted on, or another cv."
        )
    if methods[0] != "predict_proba":
        raise ValueError(
            "When cv='oof', the scores are probabilities, so `response_method` must be 'auto' or 'predict_proba', got "
            f"{methods[0]!r}."
        )
    return CrossFit(estimator, "predict_proba", [_own_fold(estimator)])


def _shortcoming(estimator: Any, n_samples: int, groups: NDArray[np.intp] | None = None) -> str | None:
    """Say why the `oof_proba_` of a fitted estimator cannot serve for as many rows, in groups; None where they can."""
    proba = getattr(_last_fitted_step(estimator), "oof_proba_", None)
    if proba is None:
        return "has none"
    if len(proba) != n_samples:
        return f"has those of {len(proba)} rows, and X has {n_samples}"
    if groups is not None and _cuts_groups(getattr(_last_fitted_step(estimator), "oof_fold_", None), groups):
        return "has those of folds that cut `groups`, as far as is known: it must be fitted with the same groups"
    if _keeps_rows_and_secrets(estimator):
        return None
    return (
        "stands behind a step that has learnt from y, the labels of every fold included, or of which it is not known "
        "that it has not (it is known of scikit-learn's own transformers)"
    )


def _cuts_groups(folds: NDArray[np.intp] | None, groups: NDArray[np.intp]) -> bool:
    """Return whether rows of one group are in several of the folds, given by their numbers, -1 for none."""
    if folds is None:
        return True
    known = folds >= 0
    pairs = np.unique(np.column_stack([groups, folds])[known], axis=0)
    return len(pairs) > len(np.unique(groups[known]))


def may_hold_out(estimator: Any) -> bool:
    """Return whether it is worth fitting to all rows first, to see whether out-of-fold probabilities come of it.

    Not where the last step is one network, which has no folds of its own: it is trained side by side with the tuner's.
    Not where a clone holds some already: those of a frozen model are of other rows.
    """
    step = last_step(estimator)
    n_estimators = getattr(step, "n_estimators", None)
    # A user's network is one by default, unless `cv` makes the folds of several.
    single = n_estimators is None and getattr(step, "model", None) is not None and getattr(step, "cv", None) is None
    if n_estimators == 1 or single or not _keeps_rows_and_secrets(estimator):
        return False
    return not hasattr(_last_fitted_step(clone(estimator)), "oof_proba_")


def _keeps_rows_and_secrets(model: Any) -> bool:
    """Return whether out-of-fold scores of the last step are out of fold for the whole model, row by row.

    Not behind a step that learns from y, as it has seen the labels of every fold; nor in a pipeline of another
    kind, which may resample rows.
    """
    model = _thawed(model)
    if not isinstance(model, Pipeline):
        return True
    return type(model) is Pipeline and all(never_sees_y(step) for _, step in model.steps[:-1])


def never_sees_y(step: Any) -> bool:
    """Return whether it is known that a transformer, and all that it is made of, learns nothing from y.

    It is known of scikit-learn's own transformers, by their tags. A class from elsewhere may use y whatever its
    signature says. Searches and the transformers of `sklearn.cross_decomposition` use it, though their tags do not
    require it.
    """
    if step is None or isinstance(step, str):  # "passthrough" and "drop"
        return True
    if not type(step).__module__.startswith("sklearn."):
        return False
    from sklearn.feature_selection import SelectorMixin  # late: it brings half of scikit-learn along

    tags = get_tags(step)
    if isinstance(step, SelectorMixin | BaseSearchCV) or tags.target_tags.required or tags.estimator_type in PREDICTORS:
        return False
    if type(step).__module__.startswith("sklearn.cross_decomposition."):  # their tags say that they need no y
        return False
    return all(never_sees_y(part) for value in step.get_params(deep=False).values() for part in _parts(value))


def _parts(value: Any) -> list[Any]:
    """Return the estimators in a parameter, in lists of tuples too."""
    if isinstance(value, list | tuple):
        return [part for item in value for part in _parts(item)]
    return [value] if hasattr(value, "fit") and not isinstance(value, type) else []


def _own_fold(model: Any) -> HeldOut:
    """Return one fold of all rows, from the out-of-fold probabilities that a model holds."""
    step = _last_fitted_step(model)
    classes, proba = model.classes_, np.asarray(step.oof_proba_)
    if proba.ndim == 1:
        # One column is P(positive class of the model), which need not be its last class.
        positive = getattr(step, "pos_label_", None)
        flip = positive is not None and positive == classes[0] != classes[1]
        proba = np.column_stack([proba, 1 - proba] if flip else [1 - proba, proba])
    rows = np.flatnonzero(np.isfinite(proba).all(axis=1))
    return HeldOut(rows, proba[rows], classes)


# ------------------------------------------------------------------ fitting


def fit_folds(
    estimator: Any,
    X: Any,
    y: Any,
    row_sets: Sequence[Rows | None],
    fit_params: dict[str, Any] | None = None,
    n_jobs: int | None = None,
) -> list[Any]:
    """Fit a clone of an estimator on each of several sets of rows; None means all rows.

    If the estimator, or the last step of a pipeline, has a method ``fit_many(fits) -> list of fitted estimators``,
    all fits are handed to it at once, as a list of ``(X, y, fit_params)``; it is called on an unfitted clone and keeps
    their order. In a pipeline each fit gets rows that were transformed by transformers fitted on these rows alone.
    Parameters of `fit` with one value for each row are cut to the rows of each fit.
    """
    fit_params = fit_params or {}
    if len(row_sets) > 1:
        together = _fit_together(estimator, X, y, row_sets, fit_params)
        if together is not None:
            return together
    # X goes to each worker once, whole. What is in a tuple travels with its task: joblib's Dask backend keeps a bare
    # array on one worker alone, and the tasks that need it are lost with that worker.
    return Parallel(n_jobs=n_jobs)(delayed(_fit_one)(clone(estimator), X, (y, fit_params, rows)) for rows in row_sets)


def _fit_one(estimator: Any, X: Any, fold: tuple[Any, dict[str, Any], Rows | None]) -> Any:
    X, y, params = _cut(X, *fold)
    return estimator.fit(X, y, **params)


def _cut(X: Any, y: Any, params: dict[str, Any], rows: Rows | None) -> tuple[Any, Any, dict[str, Any]]:
    if rows is None:
        return X, y, _check_method_params(X, params)
    return _safe_indexing(X, rows), _safe_indexing(y, rows), _check_method_params(X, params, indices=rows)


def _fit_together(
    estimator: Any, X: Any, y: Any, row_sets: Sequence[Rows | None], fit_params: dict[str, Any]
) -> list[Any] | None:
    """Fit through `fit_many`, or return None where there is none or it would not be the same."""
    last = last_step(estimator)
    if getattr(last, "_skl_callbacks", None):  # they follow one fit at a time
        return None
    # A method of the class itself: a wrapper such as FrozenEstimator hands on the methods of what is inside.
    if not hasattr(type(last), "fit_many"):
        return None
    if last is estimator:
        return clone(estimator).fit_many([_cut(X, y, fit_params, rows) for rows in row_sets])
    if type(estimator) is not Pipeline or getattr(estimator, "transform_input", None):
        return None  # other pipelines may resample, and `transform_input` asks for fit parameters to be transformed
    params = _last_step_params(estimator, fit_params)
    if params is None:
        return None
    fronts, fits = [], []
    for rows in row_sets:
        X_rows, y_rows, step_params = _cut(X, y, params, rows)
        front = clone(estimator[:-1]) if len(estimator) > 1 else None
        fronts.append(front)
        fits.append((X_rows if front is None else front.fit_transform(X_rows, y_rows), y_rows, step_params))
    models = clone(last).fit_many(fits)
    return [_assemble(estimator, front, model) for front, model in zip(fronts, models, strict=True)]


def _last_step_params(pipeline: Pipeline, fit_params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of the last step; None if a transformer is to get some too."""
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


def _assemble(pipeline: Pipeline, front: Pipeline | None, model: Any) -> Pipeline:
    fitted = clone(pipeline)
    fitted.steps = [*(front.steps if front is not None else []), (pipeline.steps[-1][0], model)]
    return fitted


def last_step(estimator: Any) -> Any:
    """Return the estimator itself, or the last step of a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _last_fitted_step(estimator: Any) -> Any:
    """Return the last step of a pipeline, frozen or not, or the estimator itself."""
    return _thawed(last_step(_thawed(estimator)))


# ------------------------------------------------------------------ scores


def response(estimator: Any, X: Any, methods: Sequence[str]) -> tuple[NDArray[Any], str]:
    """Return the response of an estimator as it comes, by the first of `methods` it has, and the method's name."""
    for method in methods:
        if hasattr(estimator, method):
            values = getattr(estimator, method)(X)
            if isinstance(values, list):  # multilabel trees: one (n, 2) array a label
                values = _stack_labels(values, estimator.classes_)
            return np.asarray(values), method
    raise ValueError(
        f"`response_method` asks for {' or '.join(methods)}, which {type(estimator).__name__} does not have."
    )


def average_response(models: Sequence[Any], X: Any, methods: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean response of several models."""
    total = response(models[0], X, methods)[0].astype(np.float64)
    for model in models[1:]:
        total = total + response(model, X, methods)[0]
    return total / len(models)


def _stack_labels(values: list[NDArray[Any]], classes: Any) -> NDArray[Any]:
    """Return one array (n, L) of the probability of 1 from a list of arrays, one for each label."""
    columns = []
    for proba, known in zip(values, classes, strict=True):
        hit = np.flatnonzero(np.asarray(known) == 1)
        columns.append(proba[:, hit[0]] if hit.size else np.zeros(len(proba)))
    return np.column_stack(columns)


def label_scores(values: NDArray[Any], method: str, classes: Any, pos_label: Any, several: bool) -> NDArray[np.float64]:
    """Return the score of each label (n, L) from a response; that of the positive class, (n, 1), for one question."""
    scores = np.asarray(values) if several else binary_scores(values, method, classes, pos_label)[:, None]
    return scores.astype(np.float64, copy=False)


def binary_scores(values: NDArray[Any], method: str, classes: Any, pos_label: Any) -> NDArray[Any]:
    """Return the scores of the positive class (n,) from the response of a binary classifier with these classes."""
    classes = np.asarray(classes)
    index = np.flatnonzero(classes == pos_label)
    if len(classes) > 1 and not index.size:
        raise ValueError(
            f"`estimator` answers with the classes {classes.tolist()}, and the positive label {pos_label!r} is not "
            "among them; it must keep the labels of `y`."
        )
    if len(classes) == 1:  # a model that has seen one class only is sure of it
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


# ------------------------------------------------------------------ metadata


def route_unrouted(estimator: Any, params: dict[str, Any], groups: Any = None, fits: bool = True) -> Bunch:
    """Send metadata where it belongs when metadata routing is off; return what `process_routing` would.

    `sample_weight` goes to the estimator (its last step, or the one inside a search), unless nothing is fitted, and to
    the curve; `groups` to the splitter, and to the estimator (its last step) if it takes them; the rest to the
    estimator.
    """
    params = dict(params)
    weight = params.pop("sample_weight", None)
    if groups is not None and (key := _groups_key(estimator)) is not None:
        params[key] = groups
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


def _groups_key(estimator: Any) -> str | None:
    """Return the name under which `fit` takes the groups of rows without metadata routing; None where it does not."""
    if isinstance(estimator, Pipeline):
        key = _groups_key(estimator[-1])
        return None if key is None else f"{estimator.steps[-1][0]}__{key}"
    return "groups" if has_fit_parameter(estimator, "groups") else None


def _weight_key(estimator: Any) -> tuple[str | None, Any]:
    """Return the name under which `fit` takes the weights of rows without metadata routing; None and who refuses."""
    if isinstance(estimator, Pipeline):
        key, refuses = _weight_key(estimator[-1])
        return (None if key is None else f"{estimator.steps[-1][0]}__{key}"), refuses
    kinds = {kind.__name__ for kind in type(estimator).__mro__}
    if isinstance(estimator, BaseSearchCV) or type(estimator).__name__ == "RFE":  # these hand all parameters on
        return _weight_key(estimator.estimator)
    if kinds & {"VotingClassifier", "StackingClassifier"}:  # these hand on this name alone
        members = [member for _, member in estimator.estimators if not isinstance(member, str)]
        if getattr(estimator, "final_estimator", None) is not None:
            members.append(estimator.final_estimator)
        refusing = [member for member in members if not has_fit_parameter(member, "sample_weight")]
        return (None, refusing[0]) if refusing else ("sample_weight", None)
    return ("sample_weight", None) if has_fit_parameter(estimator, "sample_weight") else (None, estimator)
