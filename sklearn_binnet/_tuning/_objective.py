"""From what a user calls a score to a function of the counts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics as skm
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import is_scorer, scorer_parts
from sklearn_binnet._thresholds import _metrics as formulas


@dataclass(frozen=True)
class Objective:
    """What a tuner maximises.

    Exactly one of `metric` and `score_labels` is there: a metric of the counts, or a function
    ``score_labels(X, y, predicted, scores, **metadata) -> float`` that has to be called once for
    each candidate threshold (with a `sample_weight` only if it `takes_weight`).
    """

    name: str
    metric: th.Metric | None = None
    score_labels: Callable | None = None
    pos_label: Any = None
    takes_weight: bool = True

    def utility(self, tn, fp, fn, tp):
        """Value to maximise at each cut."""
        assert self.metric is not None
        return self.metric.utility(tn, fp, fn, tp)


class CurveWeights:
    """Asks metadata routing for the `sample_weight` of metrics that are given by name."""

    def get_metadata_routing(self):
        """Request `sample_weight` for scoring."""
        request = MetadataRequest(owner="scoring")
        request.score.add_request(param="sample_weight", alias=True)
        return request


def routed_scorer(scoring):
    """Return the object that metadata routing should ask on behalf of `scoring`."""
    return scoring if is_scorer(scoring) else CurveWeights()


def resolve_scoring(scoring, cost_metric=None) -> Objective:
    """Find the objective that `scoring` names.

    Parameters
    ----------
    scoring : str or callable
        See `ThresholdTunerCV`.
    cost_metric : Metric, optional
        What ``"cost"`` means; None where no costs are given.

    Returns
    -------
    Objective

    Raises
    ------
    ValueError
        For unknown names, and for metrics that rank or rate scores and know no threshold.
    """
    if isinstance(scoring, str):
        return _resolve_name(scoring, cost_metric)
    if isinstance(scoring, th.Metric):
        return Objective(scoring.name, scoring)
    if is_scorer(scoring):
        return _resolve_scorer(scoring, getattr(scoring._score_func, "__name__", "scorer"))
    if callable(scoring):
        return _resolve_callable(scoring)
    raise ValueError(
        "`scoring` must be the name of a metric, a scorer made by make_scorer, or a callable "
        f"f(tn, fp, fn, tp) or f(estimator, X, y); got {scoring!r}. For several metrics, tune one "
        "and put the others into `constraint`."
    )


def _resolve_name(name, cost_metric):
    if name == "cost":
        if cost_metric is None:
            raise ValueError(
                "`scoring='cost'` needs costs: pass `costs=[[tn, fp], [fn, tp]]`, or the costs of "
                "each row to `fit(X, y, costs=...)`."
            )
        return Objective("cost", cost_metric)
    if metric := th.find_metric(name):
        return Objective(name, metric)
    if name == "fbeta":
        raise ValueError("`scoring='fbeta'` does not say which beta; write it into the name, such as 'f2' or 'f0.5'.")
    if name not in get_scorer_names():
        raise ValueError(
            f"`scoring` names the unknown metric {name!r}; choose one of "
            f"{sorted([*th.METRICS, *th.ALIASES, 'cost', 'f2', 'f0.5'])} or a threshold metric of "
            "sklearn.metrics.get_scorer_names()."
        )
    return _resolve_scorer(get_scorer(name), name)


def _resolve_scorer(scorer, name):
    score_func, sign, kwargs, response_method = scorer_parts(scorer)
    if response_method != "predict":
        raise ValueError(
            f"`scoring` {name!r} judges the scores themselves (it calls {response_method!r}), so "
            "it is the same at every threshold and cannot choose one. Take a metric of the "
            "decisions, such as 'balanced_accuracy', 'f1' or 'cost'."
        )
    pos_label = kwargs.pop("pos_label", None)
    function = _counts_function(score_func, kwargs)
    if function is not None:
        metric = th.Metric(name, lambda tn, fp, fn, tp: sign * function(tn, fp, fn, tp))
        return Objective(name, metric, pos_label=pos_label)
    if pos_label is not None:
        kwargs["pos_label"] = pos_label

    def score_labels(X, y, predicted, scores, **metadata):
        return sign * score_func(y, predicted, **kwargs, **metadata)

    return Objective(name, score_labels=score_labels, pos_label=pos_label, takes_weight=takes_weight(score_func))


def takes_weight(function):
    """Whether a function can be called with a `sample_weight`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in, without a signature
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def without_average(scorer):
    """Return the same scorer for one label, without its argument `average`."""
    score_func, sign, kwargs, response_method = scorer_parts(scorer)
    if kwargs.pop("average", None) is None:
        return scorer
    return make_scorer(score_func, greater_is_better=sign > 0, response_method=response_method, **kwargs)


def _resolve_callable(function):
    name = getattr(function, "__name__", type(function).__name__)
    if getattr(function, "__module__", "").startswith("sklearn.metrics."):
        raise ValueError(f"`scoring` is the metric {name} itself; wrap it, make_scorer({name}), or give its name.")
    required = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) == 4:
        return Objective(name, th.Metric(name, function))
    if len(required) == 3:

        def score_labels(X, y, predicted, scores, **metadata):
            return function(_Replay(y, predicted, scores), X, y, **metadata)

        return Objective(name, score_labels=score_labels, takes_weight=takes_weight(function))
    raise ValueError(
        f"`scoring` {name} must take the four counts f(tn, fp, fn, tp), or be a scorer "
        f"f(estimator, X, y); it takes {len(required)} arguments."
    )


class _Replay:
    """Stands in for an estimator: gives back the decisions that one threshold makes."""

    _estimator_type = "classifier"

    def __init__(self, y, predicted, scores):
        self.classes_ = np.unique(y)
        self._predicted, self._scores = predicted, scores

    def predict(self, X):
        return self._predicted

    def predict_proba(self, X):
        return np.column_stack([1 - self._scores, self._scores])

    def decision_function(self, X):
        return self._scores


def _counts_function(score_func, kwargs):
    """Find the formula on the counts of a scikit-learn metric, None if there is none."""
    build = _BUILDERS.get(score_func)
    try:
        return None if build is None else build(**kwargs)
    except (TypeError, KeyError):  # an argument that the formulas do not know
        return None


def _precision_like(function):
    def build(average="binary", zero_division="warn", **kwargs):
        empty = 0.0 if zero_division == "warn" else float(zero_division)

        def plain(tn, fp, fn, tp):
            return function(tn, fp, fn, tp, empty=empty, **kwargs)

        if kwargs:
            plain(1.0, 1.0, 1.0, 1.0)  # unknown arguments fail here
        return plain if average == "binary" else th.averaged(plain, average)

    return build


def _simple(function):
    return lambda: function


_BUILDERS: dict[Any, Callable] = {
    skm.accuracy_score: lambda normalize=True: (
        formulas.METRICS["accuracy"].function if normalize else lambda tn, fp, fn, tp: tn + tp
    ),
    skm.balanced_accuracy_score: lambda adjusted=False: (
        lambda tn, fp, fn, tp: formulas.balanced_accuracy(tn, fp, fn, tp, adjusted=adjusted)
    ),
    skm.f1_score: _precision_like(formulas.fbeta),
    skm.fbeta_score: _precision_like(formulas.fbeta),
    skm.precision_score: _precision_like(formulas.METRICS["precision"].function),
    skm.recall_score: _precision_like(formulas.METRICS["recall"].function),
    skm.jaccard_score: _precision_like(formulas.jaccard),
    skm.matthews_corrcoef: _simple(formulas.matthews),
    skm.cohen_kappa_score: _simple(formulas.cohen_kappa),
}
