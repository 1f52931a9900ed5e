"""Metrics as functions of the four weighted counts, for whole curves at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Names = tuple[str, ...]
CountsFunction = Callable[..., Any]
"""``f(tn, fp, fn, tp) -> array``; users may pass their own."""


def ratio(numerator: ArrayLike, denominator: ArrayLike, empty: float = 0.0) -> Floats:
    """Divide element by element; the result is `empty` where the denominator is not above zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out: Floats = np.full(numerator.shape, empty, dtype=np.float64)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


@dataclass(frozen=True)
class Metric:
    """A metric of the decisions."""

    name: str  # for messages and reports
    function: CountsFunction
    greater_is_better: bool = True  # direction of the metric itself; a tuner always maximises
    bounds: tuple[float, float] = (0.0, 1.0)  # lowest and highest value that the metric can take
    # Counts in the numerator and in the denominator of a metric that is a proportion of rows: such
    # a metric has exact binomial bounds.
    proportion: tuple[Names, Names] | None = None
    # 1 where the metric can only grow when more rows are called positive, -1 where it can only
    # fall. Its bounds then hold at all thresholds at once.
    monotone: int = 0
    bayes: float | None = None  # best threshold on calibrated probabilities, where it is known beforehand

    def __call__(self, tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        """Compute the metric in its own direction."""
        return self.function(tn, fp, fn, tp)

    def utility(self, tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
        """Compute the value to maximise; an undefined value never wins."""
        value = np.asarray(self.function(tn, fp, fn, tp), dtype=np.float64)
        if value.shape != np.shape(tp):
            if value.ndim:
                raise ValueError(
                    f"`scoring` {self.name} must return a number for each entry of the counts, an array of shape "
                    f"{np.shape(tp)}; got shape {value.shape}. The counts tn, fp, fn, tp are arrays of that shape."
                )
            value = np.full(np.shape(tp), value)  # the same whatever is decided
        value = value if self.greater_is_better else -value
        return np.where(np.isnan(value), -np.inf, value)


def fbeta(tn: Floats, fp: Floats, fn: Floats, tp: Floats, beta: float = 1.0, empty: float = 0.0) -> Floats:
    """F-beta: weighted harmonic mean of precision and recall."""
    square = beta * beta
    return ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp, empty)


def jaccard(tn: Floats, fp: Floats, fn: Floats, tp: Floats, empty: float = 0.0) -> Floats:
    """Intersection over union of the true and the predicted positives."""
    return ratio(tp, tp + fp + fn, empty)


def balanced_accuracy(tn: Floats, fp: Floats, fn: Floats, tp: Floats, adjusted: bool = False) -> Floats:
    """Mean of recall and specificity; a class without rows does not take part."""
    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    has_positive, has_negative = (tp + fn) > 0, (tn + fp) > 0
    value = ratio(recall + specificity, has_positive * 1.0 + has_negative)
    if adjusted:
        chance = ratio(1.0, has_positive * 1.0 + has_negative)
        value = np.where(chance < 1, (value - chance) / np.where(chance < 1, 1 - chance, 1), value)
    return value


def matthews(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Matthews correlation coefficient, 0 where it is undefined."""
    # Rates before products: four products of counts in a row overflow for large weights.
    total = np.maximum(tn + fp + fn + tp, 1e-300)
    actual, called = (tp + fn) / total, (tp + fp) / total
    spread = np.sqrt(np.maximum(actual * (1 - actual), 0) * np.maximum(called * (1 - called), 0))
    spread = np.where(spread > 1e-12, spread, 0.0)
    return ratio((tp / total) * (tn / total) - (fp / total) * (fn / total), spread)


def cohen_kappa(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Cohen's kappa, agreement beyond chance."""
    return ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


_ALL = ("tn", "fp", "fn", "tp")


def _proportion(
    name: str, numerator: Names, denominator: Names, greater_is_better: bool = True, monotone: int = 0
) -> Metric:
    """Make a metric that is a proportion of rows; it is `empty` where no row is in the denominator."""

    def share(tn: Floats, fp: Floats, fn: Floats, tp: Floats, empty: float = 0.0) -> Floats:
        counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        return ratio(sum(counts[key] for key in numerator), sum(counts[key] for key in denominator), empty)

    return Metric(name, share, greater_is_better, proportion=(numerator, denominator), monotone=monotone)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _proportion("accuracy", ("tn", "tp"), _ALL),
        _proportion("precision", ("tp",), ("tp", "fp")),
        _proportion("recall", ("tp",), ("tp", "fn"), monotone=1),
        _proportion("specificity", ("tn",), ("tn", "fp"), monotone=-1),
        _proportion("npv", ("tn",), ("tn", "fn")),
        _proportion("fpr", ("fp",), ("tn", "fp"), False, monotone=1),
        _proportion("fnr", ("fn",), ("tp", "fn"), False, monotone=-1),
        _proportion("fdr", ("fp",), ("tp", "fp"), False),
        _proportion("for", ("fn",), ("tn", "fn"), False),
        _proportion("error_rate", ("fp", "fn"), _ALL, False),
        _proportion("positive_rate", ("tp", "fp"), _ALL, False, monotone=1),
        Metric("jaccard", jaccard, proportion=(("tp",), ("tp", "fp", "fn"))),
        Metric("f1", fbeta),
        Metric("balanced_accuracy", balanced_accuracy),
        Metric("youden", lambda tn, fp, fn, tp: ratio(tp, tp + fn) + ratio(tn, tn + fp) - 1, bounds=(-1.0, 1.0)),
        Metric("geometric_mean", lambda tn, fp, fn, tp: np.sqrt(ratio(tp, tp + fn) * ratio(tn, tn + fp))),
        Metric("matthews_corrcoef", matthews, bounds=(-1.0, 1.0)),
        Metric("cohen_kappa", cohen_kappa, bounds=(-1.0, 1.0)),
        Metric(  # recall over false positive rate, NaN where that is zero
            "positive_likelihood_ratio",
            lambda tn, fp, fn, tp: ratio(ratio(tp, tp + fn), ratio(fp, fp + tn), np.nan),
            bounds=(0.0, np.inf),
        ),
        Metric(  # false negative rate over specificity, NaN where that is zero
            "negative_likelihood_ratio",
            lambda tn, fp, fn, tp: ratio(ratio(fn, tp + fn), ratio(tn, fp + tn), np.nan),
            False,
            bounds=(0.0, np.inf),
        ),
    )
}

ALIASES = {
    "sensitivity": "recall",
    "tpr": "recall",
    "true_positive_rate": "recall",
    "tnr": "specificity",
    "true_negative_rate": "specificity",
    "false_positive_rate": "fpr",
    "false_negative_rate": "fnr",
    "false_discovery_rate": "fdr",
    "false_omission_rate": "for",
    "ppv": "precision",
    "queue_rate": "positive_rate",
    "negative_predictive_value": "npv",
    "youden_j": "youden",
    "gmean": "geometric_mean",
    "kappa": "cohen_kappa",
    "mcc": "matthews_corrcoef",
    "cohen_kappa_score": "cohen_kappa",
    "neg_negative_likelihood_ratio": "negative_likelihood_ratio",
}


def make_fbeta(beta: float) -> Metric:
    """Make F-beta a metric."""
    return Metric(f"f{beta:g}", lambda tn, fp, fn, tp: fbeta(tn, fp, fn, tp, beta=beta))


def make_net_benefit(probability: float) -> Metric:
    """Make the net benefit at a threshold probability a metric: true positives less false ones at their exchange rate.

    Whoever acts from a probability of `probability` on takes ``(1 - probability) / probability`` false alarms for one
    true positive. The unit is the true positive for each row.

    References
    ----------
    Vickers, Elkin (2006), "Decision curve analysis: a novel method for evaluating prediction models", Medical Decision
    Making 26.
    """
    odds = probability / (1 - probability)

    def net_benefit(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        return (tp - odds * fp) / np.maximum(tn + fp + fn + tp, 1e-300)

    return Metric(f"net_benefit@{probability:g}", net_benefit, bounds=(-odds, 1.0), bayes=probability)


def find_metric(name: object, metrics: Mapping[str, Metric] | None = None) -> Metric | None:
    """Find the metric that a user names, or return None: the one reading of such names.

    Parameters
    ----------
    name : object
        A name or an alias, F-beta of any beta (``"f2"``), or the net benefit at a threshold probability
        (``"net_benefit@0.2"``). Anything but a string names no metric.
    metrics : mapping of str to Metric, optional
        Metrics beyond the usual ones, such as "cost" where there is a cost matrix.

    Raises
    ------
    ValueError
        A net benefit without a threshold probability between 0 and 1.
    """
    if not isinstance(name, str):
        return None
    name = ALIASES.get(name, name)
    if known := {**METRICS, **(metrics or {})}.get(name):
        return known
    if name.partition("@")[0] == "net_benefit":
        match = re.fullmatch(r"net_benefit@(\d*\.?\d+)", name)
        if match is None or not 0 < float(match[1]) < 1:
            raise ValueError(
                f"{name!r} must say at which threshold probability between 0 and 1 the net benefit is meant, such as "
                "'net_benefit@0.2': the probability from which on you would act."
            )
        return make_net_benefit(float(match[1]))
    match = re.fullmatch(r"f(\d+(?:\.\d*)?|\.\d+)", name)
    return make_fbeta(float(match[1])) if match else None


def make_cost(matrix: Any) -> Metric:
    """Make the mean cost of a row under ``matrix[true][predicted]`` a metric."""
    (c_tn, c_fp), (c_fn, c_tp) = matrix

    def cost(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        total = c_tn * tn + c_fp * fp + c_fn * fn + c_tp * tp
        return total / np.maximum(tn + fp + fn + tp, 1e-300)

    low, high = float(np.min(matrix)), float(np.max(matrix))
    return Metric("cost", cost, greater_is_better=False, bounds=(low, high))


def averaged(function: CountsFunction, average: str) -> CountsFunction:
    """Average a metric over the two classes: "macro", "weighted" or "micro"."""

    def macro(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        return (function(tn, fp, fn, tp) + function(tp, fn, fp, tn)) / 2

    def weighted(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        share = ratio(tp + fn, tn + fp + fn + tp)
        return share * function(tn, fp, fn, tp) + (1 - share) * function(tp, fn, fp, tn)

    def micro(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Any:
        right, wrong = tn + tp, fp + fn
        return function(right, wrong, wrong, right)

    return {"macro": macro, "weighted": weighted, "micro": micro}[average]
