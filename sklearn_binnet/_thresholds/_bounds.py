"""Confidence bounds for metrics on a curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from sklearn_binnet._thresholds._curve import Counts
from sklearn_binnet._thresholds._metrics import METRICS, Floats, Metric, ratio


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, alpha: float, side: str) -> Floats:
    """Compute the one-sided exact binomial bound of a proportion, "lower" or "upper".

    `alpha` is the probability that the bound is wrong. Successes and trials need not be whole
    numbers, since weighted counts come as effective ones. Without trials the bound is 0 (lower) or
    1 (upper).

    References
    ----------
    Clopper, Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of
    the binomial", Biometrika 26.
    """
    successes, trials = np.broadcast_arrays(
        np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    )
    failures = np.maximum(trials - successes, 0)
    # Weighted sums carry rounding noise: a trace of a success is none.
    tiny = 1e-9 * np.maximum(trials, 1)
    if side == "lower":
        inside = successes > tiny
        value = betaincinv(np.where(inside, successes, 1.0), failures + 1, alpha)
        return np.where(inside, value, 0.0)
    inside = failures > tiny
    value = betaincinv(successes + 1, np.where(inside, failures, 1.0), 1 - alpha)
    return np.where(inside, value, 1.0)


def bound_keeps(metric: Metric, counts: Counts, alpha: float, side: str, value: float) -> NDArray[np.bool_]:
    """Whether the bound of a proportion, `metric_bound`, is at least `value` ("lower") or at most that ("upper").

    The distribution is evaluated once, at `value`: several times quicker than to find the bound by inverting it.
    """
    assert metric.proportion is not None
    estimate, trials = _proportion_counts(metric.proportion, counts)
    successes = estimate * trials
    failures = np.maximum(trials - successes, 0)
    tiny = 1e-9 * np.maximum(trials, 1)
    if side == "lower":
        inside = successes > tiny
        tail = betainc(np.where(inside, successes, 1.0), failures + 1, np.clip(value, 0, 1))
        return np.where(inside & (value > 0), tail <= alpha, value <= 0)
    inside = failures > tiny
    tail = betainc(successes + 1, np.where(inside, failures, 1.0), np.clip(value, 0, 1))
    return np.where(inside & (value < 1), tail >= 1 - alpha, value >= 1)


def _proportion_counts(proportion: tuple[tuple[str, ...], tuple[str, ...]], counts: Counts) -> tuple[Floats, Floats]:
    """Compute a proportion and its effective number of trials (Kish) at each cut."""
    names = ("tn", "fp", "fn", "tp")
    named = dict(zip(names, counts.confusion(), strict=True))
    squared = Counts(counts.tp_sq, counts.fp_sq, counts.tp, counts.fp)
    squares = dict(zip(names, squared.confusion(), strict=True))
    numerator, denominator = proportion
    weight = sum(named[key] for key in denominator)
    weight_sq = sum(squares[key] for key in denominator)
    return ratio(sum(named[key] for key in numerator), weight), ratio(weight * weight, weight_sq)


def _corner(metric: Metric, counts: Counts, alpha: float, better: bool) -> Floats:
    """Compute a metric at the joint bound of recall and specificity, each at half the level.

    At the class sizes observed, any metric that does not fall when recall or specificity rise is
    at least its value at this corner.
    """
    tp, fp, tp_sq, fp_sq = counts
    n_positive, n_negative = tp[..., -1:], fp[..., -1:]
    size_positive = ratio(n_positive**2, tp_sq[..., -1:])
    size_negative = ratio(n_negative**2, fp_sq[..., -1:])
    side = "upper" if better else "lower"
    recall = clopper_pearson(ratio(tp, n_positive) * size_positive, size_positive, alpha / 2, side)
    specificity = clopper_pearson((1 - ratio(fp, n_negative)) * size_negative, size_negative, alpha / 2, side)
    value: Floats = metric(
        specificity * n_negative,
        (1 - specificity) * n_negative,
        (1 - recall) * n_positive,
        recall * n_positive,
    )
    return value


def metric_bound(metric: Metric, counts: Counts, alpha: float, side: str) -> Floats:
    """Bound the true value of a metric, "lower" or "upper", at each cut by itself.

    `alpha` is the probability that the bound of one cut is wrong.
    """
    if metric.proportion is not None:
        estimate, trials = _proportion_counts(metric.proportion, counts)
        return clopper_pearson(estimate * trials, trials, alpha, side)
    if metric.name == "f1":
        # F1 = 2 J / (1 + J) with J the Jaccard index, a proportion of the rows that are not
        # true negatives.
        bound = metric_bound(METRICS["jaccard"], counts, alpha, side)
        return 2 * bound / (1 + bound)
    return _corner(metric, counts, alpha, (side == "upper") == metric.greater_is_better)
