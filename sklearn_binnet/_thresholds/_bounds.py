"""Confidence bounds for metrics on a curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

from sklearn_binnet._thresholds._curve import Counts
from sklearn_binnet._thresholds._metrics import METRICS, Floats, Metric, ratio

BLOCKS = 500
"""Blocks of neighbouring cuts into which a curve is divided first."""
PARTS = 4
"""Into how many a block is divided that must be looked at more closely."""


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
    """Whether `metric_bound` is at least `value` ("lower") or at most that ("upper"), at each cut of a curve.

    A distribution is evaluated at `value`, several times quicker than to find the bound by inverting it. A long curve
    is judged in blocks of neighbouring cuts: along a curve no count turns back, so the counts at the ends of a block
    limit the bound at all of its cuts. Only blocks that these limits leave open are divided further.
    """
    if metric.name == "f1" and value < 2:  # as in `metric_bound`: F1 grows with the Jaccard index
        metric, value = METRICS["jaccard"], value / (2 - value)
    judge = _judge_proportion if metric.proportion is not None else _judge_corner
    n_cuts = len(counts.tp)
    edges = np.unique(np.linspace(0, n_cuts, BLOCKS + 1).astype(np.intp))
    first, last = edges[:-1], edges[1:] - 1
    begins, ends = np.zeros(n_cuts + 1), np.zeros(n_cuts + 1)  # of the blocks that keep the value
    while len(first):
        surely, possibly = judge(metric, counts, (first, last), alpha, side, value)
        begins[first[surely]] += 1
        ends[last[surely] + 1] += 1
        unclear = possibly & ~surely & (first < last)
        first, last = first[unclear], last[unclear]
        if len(first):
            size = last - first + 1
            inner = [first + (size * part) // PARTS for part in range(PARTS + 1)]
            first, last = np.concatenate(inner[:-1]), np.concatenate(inner[1:]) - 1
            first, last = first[first <= last], last[first <= last]
    return np.cumsum(begins - ends)[:-1] > 0


Blocks = tuple[NDArray[np.intp], NDArray[np.intp]]
"""First and last cut of each block; both are the same for a block of one cut."""


def _judge_proportion(
    metric: Metric, counts: Counts, blocks: Blocks, alpha: float, side: str, value: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether the bound keeps the value at each cut of a block, and whether it may at some of them."""
    assert metric.proportion is not None
    least, most = _proportion_limits(metric.proportion, counts, blocks)
    clipped = float(np.clip(value, 0, 1))

    def keeps(successes: Floats, failures: Floats, margin: Floats, unknown: bool) -> NDArray[np.bool_]:
        tiny = 1e-9 * np.maximum(successes + failures, 1)
        if side == "lower":
            inside = successes > tiny
            tail = betainc(np.where(inside, successes, 1.0), failures + 1, clipped)
            kept = np.where(inside & (value > 0), tail <= alpha * (1 + margin), value <= 0)
        else:
            inside = failures > tiny
            tail = betainc(successes + 1, np.where(inside, failures, 1.0), clipped)
            kept = np.where(inside & (value < 1), tail >= 1 - alpha * (1 + margin), value >= 1)
        return np.where(np.isfinite(tail) & np.isfinite(successes + failures), kept, unknown)

    # Of blocks of several cuts nothing is said that rounding could turn.
    margin = np.where(blocks[0] < blocks[1], 1e-9, 0.0)
    worst, best = (least, most) if side == "lower" else (most, least)
    return keeps(*worst, -margin, False), keeps(*best, margin, True)


def _judge_corner(
    metric: Metric, counts: Counts, blocks: Blocks, alpha: float, side: str, value: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """As `_judge_proportion`, for a metric that is bounded by the bounds of recall and specificity."""
    tp, fp, tp_sq, fp_sq = counts

    def bound(at_tp: NDArray[np.intp], at_fp: NDArray[np.intp]) -> Floats:
        at_tp, at_fp = np.append(at_tp, -1), np.append(at_fp, -1)
        return metric_bound(metric, Counts(tp[at_tp], fp[at_fp], tp_sq[at_tp], fp_sq[at_fp]), alpha, side)[:-1]

    first, last = blocks
    ends = np.array([bound(first, last), bound(last, first)])
    lowest, highest = ends.min(axis=0), ends.max(axis=0)  # NaN where either is
    margin = np.where(first < last, 1e-9 * max(1.0, abs(value)), 0.0)
    if side == "lower":
        surely, never = lowest >= value + margin, highest < value - margin
    else:
        surely, never = highest <= value - margin, lowest > value + margin
    return surely, ~never


def _proportion_limits(
    proportion: tuple[tuple[str, ...], tuple[str, ...]], counts: Counts, blocks: Blocks
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Limit successes and failures in each block: the least successes with the most failures, and the reverse."""
    names = ("tn", "fp", "fn", "tp")
    squared = Counts(counts.tp_sq, counts.fp_sq, counts.tp, counts.fp)
    numerator, denominator = proportion
    failed = [key for key in denominator if key not in numerator]
    limits = []  # of each sum, (lowest, highest)
    for part in (counts, squared):
        ends = np.array([part.at(np.append(cuts, -1)).confusion() for cuts in blocks])[..., :-1]
        low, high = (dict(zip(names, end, strict=True)) for end in (ends.min(axis=0), ends.max(axis=0)))
        limits += [[sum(end[key] for key in keys) for end in (low, high)] for keys in (numerator, failed)]
    (right, right_most), (wrong, wrong_most), (right_sq, right_sq_most), (wrong_sq, wrong_sq_most) = limits
    fewest = ratio((right + wrong) ** 2, right_sq_most + wrong_sq_most)
    most = ratio((right_most + wrong_most) ** 2, right_sq + wrong_sq, np.inf)
    most = np.where(right_most + wrong_most > 0, most, 0.0)
    lowest, highest = ratio(right, right + wrong_most), ratio(right_most, right_most + wrong)
    with np.errstate(invalid="ignore"):  # no success among an unknown number of trials
        return (lowest * fewest, (1 - lowest) * most), (highest * most, (1 - highest) * fewest)


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
