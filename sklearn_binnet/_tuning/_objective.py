"""From what a user calls a score or a cost to a function of the counts."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics as skm
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import is_scorer, scorer_parts
from sklearn_binnet._thresholds import _metrics as formulas
from sklearn_binnet._tuning._evidence import Evidence


@dataclass(frozen=True)
class Objective:
    """What a tuner maximises.

    Exactly one of `metric` and `score_rows` is there: a metric of the counts, or a function
    ``score_rows(decided, X, y, **metadata) -> float`` of the decisions that one threshold makes, which has to be
    called once for each candidate threshold (with a `sample_weight` only if it `takes_weight`).
    """

    name: str
    metric: th.Metric | None = None
    score_rows: Callable[..., float] | None = None
    pos_label: Any = None
    takes_weight: bool = True
    is_cost: bool = False
    bayes: float | None = None
    """For costs and net benefit: the best threshold on calibrated probabilities."""

    def utility(self, tn: Any, fp: Any, fn: Any, tp: Any) -> Any:
        """Return the value to maximise at each cut."""
        assert self.metric is not None
        return self.metric.utility(tn, fp, fn, tp)

    def about(self, classes: tuple[Any, Any]) -> Objective:
        """Return the objective for these negative and positive labels: turned around where it is about the other."""
        if self.pos_label in (None, classes[1]):
            return self
        if self.pos_label != classes[0]:
            raise ValueError(
                f"`scoring` has pos_label={self.pos_label!r}, which is not among the classes {list(classes)}."
            )
        if self.metric is None:
            return self
        function = self.metric.function
        return replace(self, metric=replace(self.metric, function=lambda tn, fp, fn, tp: function(tp, fn, fp, tn)))


class Decided:
    """Stands in for an estimator: gives back the decisions that one threshold makes, and the scores."""

    _estimator_type = "classifier"

    def __init__(self, positive: NDArray[np.bool_], scores: NDArray[Any], classes: tuple[Any, Any]) -> None:
        self.classes_ = np.unique(np.array(classes))
        self._flip = self.classes_[-1] != classes[1]
        self._labels = np.where(positive, classes[1], classes[0])
        self._scores = scores

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the decisions."""
        return self._labels

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the scores as probabilities, in the order of `classes_`."""
        columns = [1 - self._scores, self._scores]
        return np.column_stack(columns[::-1] if self._flip else columns)

    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the scores of the last class."""
        return -self._scores if self._flip else self._scores


class CurveWeights:
    """Asks metadata routing for the `sample_weight` of metrics that are given by name."""

    def get_metadata_routing(self) -> MetadataRequest:
        """Request `sample_weight` for scoring."""
        request = MetadataRequest(owner="scoring")
        request.score.add_request(param="sample_weight", alias=True)
        return request


def routed_scorer(scoring: Any) -> Any:
    """Return the object that metadata routing should ask on behalf of `scoring`."""
    return scoring if is_scorer(scoring) else CurveWeights()


# ------------------------------------------------------------------ scores


def resolve_scoring(scoring: Any, cost: Objective | None = None) -> Objective:
    """Find the objective that `scoring` names; `cost` is what "cost" means, None where no costs are given.

    Unknown names are refused, and so are metrics that rank or rate scores and know no threshold.
    """
    if isinstance(scoring, str):
        return _resolve_name(scoring, cost)
    if isinstance(scoring, th.Metric):
        return Objective(scoring.name, scoring)
    if is_scorer(scoring):
        return _resolve_scorer(scoring, getattr(scorer_parts(scoring)[0], "__name__", "scorer"))
    if callable(scoring):
        return _resolve_callable(scoring)
    raise ValueError(
        "`scoring` must be the name of a metric, a scorer made by make_scorer, or a callable f(tn, fp, fn, tp) or "
        f"f(estimator, X, y); got {scoring!r}. For several metrics, tune one and put the others into `constraint`."
    )


def _resolve_name(name: str, cost: Objective | None) -> Objective:
    if name == "cost":
        if cost is None:
            raise ValueError(
                "`scoring='cost'` needs costs: pass `costs=[[tn, fp], [fn, tp]]`, or the costs of each row to "
                "`fit(X, y, costs=...)`."
            )
        return cost
    if metric := th.find_metric(name):
        return Objective(name, metric, bayes=metric.bayes)
    if name == "fbeta":
        raise ValueError("`scoring='fbeta'` does not say which beta; write it into the name, such as 'f2' or 'f0.5'.")
    if name not in get_scorer_names():
        raise ValueError(
            f"`scoring` names the unknown metric {name!r}; choose one of "
            f"{sorted([*th.METRICS, *th.ALIASES, 'cost', 'f2', 'f0.5', 'net_benefit@0.2'])} or a threshold metric of "
            "sklearn.metrics.get_scorer_names()."
        )
    return _resolve_scorer(get_scorer(name), name)


def _resolve_scorer(scorer: Any, name: str) -> Objective:
    score_func, sign, kwargs, response_method = scorer_parts(scorer)
    if response_method != "predict":
        raise ValueError(
            f"`scoring` {name!r} judges the scores themselves (it calls {response_method!r}), so it is the same at "
            "every threshold and cannot choose one. Take a metric of the decisions, such as 'balanced_accuracy', "
            "'f1' or 'cost'."
        )
    pos_label = kwargs.pop("pos_label", None)
    function = _counts_function(score_func, kwargs)
    if function is not None:
        metric = th.Metric(name, lambda tn, fp, fn, tp: sign * function(tn, fp, fn, tp))
        return Objective(name, metric, pos_label=pos_label)
    if pos_label is not None:
        kwargs["pos_label"] = pos_label

    def score_rows(decided: Decided, X: Any, y: NDArray[Any], **metadata: Any) -> float:
        return sign * score_func(y, decided.predict(X), **kwargs, **metadata)

    return Objective(name, score_rows=score_rows, pos_label=pos_label, takes_weight=_takes_weight(score_func))


def _resolve_callable(function: Callable[..., Any]) -> Objective:
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
        return Objective(name, score_rows=function, takes_weight=_takes_weight(function))
    raise ValueError(
        f"`scoring` {name} must take the four counts f(tn, fp, fn, tp), or be a scorer f(estimator, X, y); it takes "
        f"{len(required)} arguments."
    )


def _takes_weight(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # built in, without a signature
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def without_average(scorer: Any) -> Any:
    """Return the same scorer for one label, without its argument `average`."""
    score_func, sign, kwargs, response_method = scorer_parts(scorer)
    if kwargs.pop("average", None) is None:
        return scorer
    return make_scorer(score_func, greater_is_better=sign > 0, response_method=response_method, **kwargs)


def _counts_function(score_func: Any, kwargs: dict[str, Any]) -> Callable[..., Any] | None:
    """Find the formula on the counts of a scikit-learn metric, None if there is none."""
    build = _BUILDERS.get(score_func)
    try:
        return None if build is None else build(**kwargs)
    except (TypeError, KeyError):  # an argument that the formulas do not know
        return None


def _precision_like(function: Callable[..., Any]) -> Callable[..., Any]:
    def build(average: str = "binary", zero_division: Any = "warn", **kwargs: Any) -> Callable[..., Any]:
        empty = 0.0 if zero_division == "warn" else float(zero_division)

        def plain(tn: Any, fp: Any, fn: Any, tp: Any) -> Any:
            return function(tn, fp, fn, tp, empty=empty, **kwargs)

        if kwargs:
            plain(1.0, 1.0, 1.0, 1.0)  # unknown arguments fail here
        return plain if average == "binary" else th.averaged(plain, average)

    return build


_BUILDERS: dict[Any, Callable[..., Any]] = {
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
    skm.matthews_corrcoef: lambda: formulas.matthews,
    skm.cohen_kappa_score: lambda: formulas.cohen_kappa,
}


# ------------------------------------------------------------------ costs


def check_cost_matrix(costs: ArrayLike) -> NDArray[np.float64]:
    """Validate a 2x2 matrix ``costs[true][predicted]``."""
    matrix = _numbers(costs)
    if matrix.shape != (2, 2):
        raise ValueError(
            "`costs` must be a 2x2 matrix [[tn, fp], [fn, tp]], rows the truth and columns the decision; got shape "
            f"{matrix.shape}. Costs that differ between rows go to fit(X, y, costs=...)."
        )
    (c_tn, c_fp), (c_fn, c_tp) = matrix
    if c_fp < c_tn or c_fn < c_tp:
        raise ValueError(
            "`costs` [[tn, fp], [fn, tp]] make a wrong decision cheaper than the right one: got "
            f"{matrix.tolist()}. Gains are negative costs; check the order."
        )
    if c_fp == c_tn and c_fn == c_tp:
        raise ValueError(
            "`costs` [[tn, fp], [fn, tp]] are the same for every decision, so no threshold is better: got "
            f"{matrix.tolist()}. Say what a false positive costs more than a true negative, or a false negative more "
            "than a true positive."
        )
    return matrix


def check_row_costs(
    costs: ArrayLike,
    n_samples: int,
    method: str = "fit",
    otherwise: str = "One matrix for all rows is the constructor's parameter `costs`.",
) -> NDArray[np.float64]:
    """Validate the costs of each row, (n, 2), (n, 4) or (n, 2, 2); return those of tn, fp, fn and tp, (n, 4)."""
    values = _numbers(costs)
    if values.shape[:1] != (n_samples,) or values.shape[1:] not in ((2,), (4,), (2, 2)):
        raise ValueError(
            f"`costs` in {method} must have one entry for each row ({n_samples}), with shape (n, 2) for fp, fn; (n, 4) "
            f"for tn, fp, fn, tp; or (n, 2, 2); got shape {values.shape}. {otherwise}"
        )
    if values.shape[1:] == (2,):
        zeros = np.zeros(n_samples)
        values = np.column_stack([zeros, values[:, 0], values[:, 1], zeros])
    values = values.reshape(n_samples, 4)
    if method != "predict" and np.array_equal(values[:, [0, 2]], values[:, [1, 3]]):
        raise ValueError(
            f"`costs` in {method} are the same for every decision in all {n_samples} rows, so no threshold is better. "
            "Say what a false positive costs more than a true negative, or a false negative more than a true positive."
        )
    return values


def check_new_costs(costs: ArrayLike, n_samples: int, n_labels: int, shared: bool) -> NDArray[np.float64]:
    """Validate the costs of each row to decide on; return those of tn, fp, fn and tp, (n, 4).

    `shared` says that the tuner has one threshold for all rows, and no band of rows to refer.
    """
    if not shared:
        raise ValueError(
            "`costs` decide each row by itself, but this tuner refers a band of rows or has a threshold for each "
            "group, which `costs` would pass over. Leave `costs` out, or drop these: retune(abstain=[], parity=[])."
        )
    if n_labels > 1:
        raise ValueError(
            f"`costs` of each row are for one yes/no question, and this tuner has {n_labels} labels; leave them out, "
            "or fit a tuner for each label."
        )
    return check_row_costs(costs, n_samples, "predict", "Give one matrix for all rows to `retune(costs=...)`.")


def _numbers(costs: ArrayLike) -> NDArray[np.float64]:
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`costs` must be an array of numbers, got {reprlib.repr(costs)}.") from error
    if not np.isfinite(values).all():
        raise ValueError("`costs` must be finite; got NaN or infinity.")
    return values


def asks_for_cost(scoring: Any, constraint: Any) -> bool:
    """Return whether the cost is what is to be minimised, or what a constraint (a dict of them, by label) is about."""
    parts = constraint.values() if isinstance(constraint, Mapping) else [constraint]
    placeholder = {"cost": replace(th.make_cost([[0, 1], [1, 0]]), bounds=(-np.inf, np.inf))}
    named = [item.metric.name for part in parts for item in th.parse_constraint(part, placeholder)]
    return (isinstance(scoring, str) and scoring == "cost") or "cost" in named


def _bayes(c_tn: float, c_fp: float, c_fn: float, c_tp: float) -> float | None:
    false_alarm, miss = c_fp - c_tn, c_fn - c_tp
    return false_alarm / (false_alarm + miss) if false_alarm > 0 and miss > 0 else None


def matrix_cost(matrix: Any) -> Objective:
    """Return the mean cost of a row under one matrix for all rows, as an objective."""
    (c_tn, c_fp), (c_fn, c_tp) = matrix
    return Objective("cost", th.make_cost(matrix), is_cost=True, bayes=_bayes(c_tn, c_fp, c_fn, c_tp))


ANY_COST = matrix_cost([[0.0, 1.0], [1.0, 0.0]])
"""Stands for costs of each row until the rows are known."""


def row_cost(evidence: Evidence) -> tuple[Objective, th.Counts, tuple[NDArray[Any], NDArray[Any]]]:
    """Return the mean cost of a row under costs of its own, as an objective, and the counts that it is a function of.

    In these counts each row weighs what its decision is worth: saved where it is right to call the row positive, and
    lost where it is wrong. These two weights of the rows come last.
    """
    assert evidence.row_costs is not None
    positive, costs, curve = evidence.positive, evidence.row_costs, evidence.curve
    weight = np.ones(len(positive)) if evidence.weight is None else evidence.weight
    c_tn, c_fp, c_fn, c_tp = costs.T
    gains = weight * np.where(positive, c_fn - c_tp, c_tn - c_fp)  # what calling the row positive saves
    ordered = th.order_rows(curve, gains)
    save, lose = np.maximum(ordered, 0), np.maximum(-ordered, 0)
    counts = th.Counts(*(th.sum_ordered(curve, values) for values in (save, lose, save * save, lose * lose)))
    cheapest = np.where(positive, np.minimum(c_fn, c_tp), np.minimum(c_tn, c_fp))
    floor, total = float(weight @ cheapest), float(weight.sum())

    def cost(tn: Any, fp: Any, fn: Any, tp: Any) -> Any:
        return (floor + fn + fp) / total

    metric = th.Metric("cost", cost, greater_is_better=False, bounds=(-np.inf, np.inf))
    means = []  # of each cost, over the rows that can have it
    for mass, columns in ((weight * ~positive, (c_tn, c_fp)), (weight * positive, (c_fn, c_tp))):
        size = max(mass.sum(), 1e-300)
        means += [float(mass @ column / size) for column in columns]
    bayes = _bayes(*means)
    return Objective("cost", metric, is_cost=True, bayes=bayes), counts, (np.maximum(gains, 0), np.maximum(-gains, 0))
