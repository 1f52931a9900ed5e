"""Metrics as functions of the four weighted counts, for whole curves at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


def ratio(numerator, denominator, empty=0.0):
    """Elementwise division, `empty` where the denominator is not above zero."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, empty, dtype=np.float64)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


@dataclass(frozen=True)
class Metric:
    """A metric of the decisions.

    Parameters
    ----------
    name : str
        Name for messages and reports.
    function : callable
        ``function(tn, fp, fn, tp) -> array``, over arrays of weighted counts.
    greater_is_better : bool
        Direction of the metric itself; a tuner always maximises.
    bounds : tuple of float
        Lowest and highest value that the metric can take.
    proportion : tuple of two str tuples, optional
        Counts in the numerator and in the denominator, for metrics that are a proportion of rows:
        those have exact binomial bounds.
    monotone : {-1, 0, 1}
        1 where the metric can only grow when more rows are called positive, -1 where it can only
        fall. Its bounds then hold at all thresholds at once.
    """

    name: str
    function: Callable
    greater_is_better: bool = True
    bounds: tuple[float, float] = (0.0, 1.0)
    proportion: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    monotone: int = 0

    def __call__(self, tn, fp, fn, tp):
        """Value of the metric, in its own direction."""
        return self.function(tn, fp, fn, tp)

    def utility(self, tn, fp, fn, tp):
        """Value to maximise; undefined values never win."""
        value = np.asarray(self.function(tn, fp, fn, tp), dtype=np.float64)
        value = value if self.greater_is_better else -value
        return np.where(np.isnan(value), -np.inf, value)


def _share(numerator, denominator):
    """Proportion of the counts named, 0 (or `empty`) where there are no such rows."""

    def function(tn, fp, fn, tp, empty=0.0):
        counts = {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        return ratio(
            sum(counts[name] for name in numerator),
            sum(counts[name] for name in denominator),
            empty,
        )

    return function


def fbeta(tn, fp, fn, tp, beta=1.0, empty=0.0):
    """F-beta: weighted harmonic mean of precision and recall."""
    square = beta * beta
    return ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp, empty)


def jaccard(tn, fp, fn, tp, empty=0.0):
    """Intersection over union of the true and the predicted positives."""
    return ratio(tp, tp + fp + fn, empty)


def _rates(tn, fp, fn, tp):
    return ratio(tp, tp + fn), ratio(tn, tn + fp)


def balanced_accuracy(tn, fp, fn, tp, adjusted=False):
    """Mean of recall and specificity; a class without rows does not take part."""
    recall, specificity = _rates(tn, fp, fn, tp)
    has_positive, has_negative = (tp + fn) > 0, (tn + fp) > 0
    value = ratio(recall + specificity, has_positive * 1.0 + has_negative)
    if adjusted:
        chance = ratio(1.0, has_positive * 1.0 + has_negative)
        value = np.where(chance < 1, (value - chance) / np.where(chance < 1, 1 - chance, 1), value)
    return value


def youden(tn, fp, fn, tp):
    """Youden's J, recall + specificity - 1."""
    recall, specificity = _rates(tn, fp, fn, tp)
    return recall + specificity - 1


def geometric_mean(tn, fp, fn, tp):
    """Geometric mean of recall and specificity."""
    recall, specificity = _rates(tn, fp, fn, tp)
    return np.sqrt(recall * specificity)


def matthews(tn, fp, fn, tp):
    """Matthews correlation coefficient, 0 where it is undefined."""
    # Rates before products: four products of counts in a row overflow for large weights.
    total = np.maximum(tn + fp + fn + tp, 1e-300)
    actual, called = (tp + fn) / total, (tp + fp) / total
    spread = np.sqrt(np.maximum(actual * (1 - actual), 0) * np.maximum(called * (1 - called), 0))
    spread = np.where(spread > 1e-12, spread, 0.0)
    return ratio((tp / total) * (tn / total) - (fp / total) * (fn / total), spread)


def cohen_kappa(tn, fp, fn, tp):
    """Cohen's kappa, agreement beyond chance."""
    return ratio(2 * (tp * tn - fp * fn), (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def positive_likelihood_ratio(tn, fp, fn, tp):
    """Recall over false positive rate, NaN where that is zero."""
    return ratio(ratio(tp, tp + fn), ratio(fp, fp + tn), np.nan)


def negative_likelihood_ratio(tn, fp, fn, tp):
    """Compute false negative rate over specificity, NaN where that is zero."""
    return ratio(ratio(fn, tp + fn), ratio(tn, fp + tn), np.nan)


_ALL = ("tn", "fp", "fn", "tp")


def _proportion(name, numerator, denominator, greater_is_better=True, monotone=0):
    return Metric(
        name,
        _share(numerator, denominator),
        greater_is_better,
        proportion=(numerator, denominator),
        monotone=monotone,
    )


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
        Metric("youden", youden, bounds=(-1.0, 1.0)),
        Metric("geometric_mean", geometric_mean),
        Metric("matthews_corrcoef", matthews, bounds=(-1.0, 1.0)),
        Metric("cohen_kappa", cohen_kappa, bounds=(-1.0, 1.0)),
        Metric("positive_likelihood_ratio", positive_likelihood_ratio, bounds=(0.0, np.inf)),
        Metric("negative_likelihood_ratio", negative_likelihood_ratio, False, bounds=(0.0, np.inf)),
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


def make_fbeta(beta):
    """F-beta as a metric."""
    return Metric(f"f{beta:g}", lambda tn, fp, fn, tp: fbeta(tn, fp, fn, tp, beta=beta))


def find_metric(name) -> Metric | None:
    """Metric of a name or alias, F-beta of any beta (``"f2"``) included; None if there is none."""
    name = ALIASES.get(name, name)
    if name in METRICS:
        return METRICS[name]
    match = re.fullmatch(r"f(\d+(?:\.\d*)?|\.\d+)", name)
    return make_fbeta(float(match[1])) if match else None


def make_cost(matrix):
    """Mean cost of a row under ``matrix[true][predicted]``."""
    (c_tn, c_fp), (c_fn, c_tp) = matrix

    def cost(tn, fp, fn, tp):
        total = c_tn * tn + c_fp * fp + c_fn * fn + c_tp * tp
        return total / np.maximum(tn + fp + fn + tp, 1e-300)

    low, high = float(np.min(matrix)), float(np.max(matrix))
    return Metric("cost", cost, greater_is_better=False, bounds=(low, high))


def averaged(function, average):
    """Average of a metric over the two classes: "macro", "weighted" or "micro"."""

    def macro(tn, fp, fn, tp):
        return (function(tn, fp, fn, tp) + function(tp, fn, fp, tn)) / 2

    def weighted(tn, fp, fn, tp):
        share = ratio(tp + fn, tn + fp + fn + tp)
        return share * function(tn, fp, fn, tp) + (1 - share) * function(tp, fn, fp, tn)

    def micro(tn, fp, fn, tp):
        right, wrong = tn + tp, fp + fn
        return function(right, wrong, wrong, right)

    return {"macro": macro, "weighted": weighted, "micro": micro}[average]
