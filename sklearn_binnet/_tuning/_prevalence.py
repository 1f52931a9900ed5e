"""The share of positives among rows without labels, from their scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from sklearn_binnet._tuning._calibration import Calibration
from sklearn_binnet._tuning._evidence import Evidence

Floats = NDArray[np.float64]

METHODS = ("em", "bbse")
BINS = 12
ROWS_A_BIN = 10
MATERIAL = 0.05
"""Difference between shares of rows below which a misfit is none to act on, however many rows show it."""
SIGNIFICANT = 0.001


@dataclass(frozen=True)
class PrevalenceEstimate:
    """Share of positives among unlabelled rows.

    Attributes
    ----------
    prevalence : float
        The estimate, between 0 and 1.
    interval : tuple of float
        Where it lies at the confidence level asked for. It counts the chance in the new rows and in the out-of-fold
        rows.
    misfit : float
        How far the scores are from every mixture of the two classes' out-of-fold scores: the greatest difference
        between the two cumulative shares of rows, from 0 to 1.
    p_value : float
        How often a difference as large as this comes by chance where only the share of positives has changed (a chi
        squared test); NaN with too few rows.
    """

    prevalence: float
    interval: tuple[float, float]
    misfit: float
    p_value: float

    @property
    def plausible(self) -> bool:
        """Whether another share of positives alone can explain the scores."""
        return not (self.p_value < SIGNIFICANT and self.misfit > MATERIAL)


def estimate_prevalence(
    evidence: Sequence[Evidence], scores: Floats, method: str, confidence_level: float
) -> PrevalenceEstimate | list[PrevalenceEstimate]:
    """Estimate the share of positives among rows, from their scores by each of k models; may warn.

    `scores` has the shape (k, n), or (k, n, L) for several labels, each of which gets an estimate.
    """
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {list(METHODS)}, got {method!r}.")
    columns = np.moveaxis(scores.reshape(*scores.shape[:2], -1), 2, 0)
    estimates = [
        _estimate(part, column, method, confidence_level) for part, column in zip(evidence, columns, strict=True)
    ]
    for label, found in enumerate(estimates):
        if not found.plausible:
            which = "" if len(estimates) == 1 else f" for label {label}"
            warnings.warn(
                f"No share of positives explains the scores of X{which}: they differ from every mixture of the two "
                f"classes' out-of-fold scores by up to {found.misfit:.2f} of the rows (p = {found.p_value:.1g}). The "
                "rows themselves, or how they go with y, have changed, so the estimate cannot be trusted. Check how X "
                "was made, or label some of its rows.",
                UserWarning,
                stacklevel=3,
            )
    return estimates[0] if len(estimates) == 1 else estimates


def _estimate(evidence: Evidence, scores: Floats, method: str, confidence_level: float) -> PrevalenceEstimate:
    """Estimate the share of positives among rows with these scores, (k, n).

    Both methods take it that the rows of each class are as before, and that only the share of the classes has changed.
    """
    known = _Known.of(evidence)
    share = maximum_likelihood(known.odds_ratio(scores))
    # The function of the scores that tells most at this share. At 0 or 1 itself single rows would outweigh all others.
    inner = (share * scores.shape[1] + 1) / (scores.shape[1] + 2)
    new = _information(known.odds_ratio(scores), inner).mean(axis=0)  # rows are drawn by chance, models are not
    old = _information(known.odds_ratio(known.scores), inner)
    middle, interval = _black_box(known, new, old, confidence_level)
    if method == "em":
        middle = share
    misfit, p_value = _misfit(known, scores)
    return PrevalenceEstimate(middle, (min(interval[0], middle), max(interval[1], middle)), misfit, p_value)


class _Known(NamedTuple):
    """Out-of-fold scores with labels and weights, and their calibration."""

    scores: Floats
    weights: tuple[Floats, Floats]
    """Weight of each row as a negative and as a positive; each sums to 1."""
    sizes: tuple[float, float]
    """Kish's number of equally weighted rows of each class."""
    prevalence: float
    calibration: Calibration

    @classmethod
    def of(cls, evidence: Evidence) -> _Known:
        weight = np.ones(len(evidence.scores)) if evidence.weight is None else evidence.weight
        parts = [weight * (evidence.positive == label) for label in (False, True)]
        totals = [part.sum() for part in parts]
        if min(totals) <= 0:
            raise ValueError(
                "The share of positives can be estimated only from out-of-fold scores of both classes, and the stored "
                "ones are of one class. Fit the tuner to rows of both."
            )
        negative, positive = (part / total for part, total in zip(parts, totals, strict=True))
        sizes = float(1 / (negative**2).sum()), float(1 / (positive**2).sum())
        share = float(totals[1] / sum(totals))
        return cls(evidence.scores, (negative, positive), sizes, share, Calibration.from_evidence(evidence))

    def odds_ratio(self, scores: Floats) -> Floats:
        """Return how much likelier each score is in a positive than in a negative row."""
        p = np.clip(self.calibration(scores), 1e-12, 1 - 1e-12)
        return (p / (1 - p)) * ((1 - self.prevalence) / self.prevalence)


def maximum_likelihood(ratio: Floats) -> float:
    """Return the share of positives that makes rows with these likelihood ratios likeliest.

    It is the fixed point of the EM iterations of Saerens, Latinne, Decaestecker (2002), "Adjusting the outputs of a
    classifier to new a priori probabilities: a simple procedure", Neural Computation 14. The likelihood is concave in
    the share, so its derivative is brought to zero directly.
    """

    def slope(share: float) -> float:
        return float(_information(ratio, share).mean())

    if slope(0.0) <= 0:
        return 0.0
    if slope(1.0) >= 0:
        return 1.0
    return float(brentq(slope, 0.0, 1.0, xtol=1e-10))


def _information(ratio: Floats, share: float) -> Floats:
    """Return the derivative of each row's log-likelihood with respect to the share of positives."""
    return (ratio - 1) / (1 + share * (ratio - 1))


def _black_box(known: _Known, new: Floats, old: Floats, level: float) -> tuple[float, tuple[float, float]]:
    """Return the share at which a function of the scores has the mean that it has among new rows, and its interval.

    Black-box shift estimation (Lipton, Wang, Smola 2018, "Detecting and correcting for label shift with black box
    predictors", ICML), with the most informative function of the scores in place of the predicted label. It holds
    whether or not the probabilities are calibrated. The interval holds the shares that a z-test does not refute
    (Fieller's method), with the variance of all three means. The new rows' variance is that of the mixture with the
    share in question, as in Wilson's interval: a few new rows that all look alike would else seem to leave no doubt.
    """
    means, spreads, variances = [], [], []
    for weight, size in zip(known.weights, known.sizes, strict=True):
        mean = float(weight @ old)
        means.append(mean)
        spreads.append(float(weight @ (old - mean) ** 2))
        variances.append(spreads[-1] / size)
    gap = means[1] - means[0]
    if gap <= 0:
        return known.prevalence, (0.0, 1.0)  # the scores tell nothing
    above = float(new.mean()) - means[0]
    middle = float(np.clip(above / gap, 0, 1))
    z2 = norm.ppf((1 + level) / 2) ** 2
    n = len(new)
    a = gap**2 - z2 * (sum(variances) - gap**2 / n)
    b = above * gap - z2 * (variances[0] - (spreads[1] - spreads[0] + gap**2) / (2 * n))
    c = above**2 - z2 * (variances[0] + spreads[0] / n)
    inside = b * b - a * c
    if a <= 0 or inside < 0:
        return middle, (0.0, 1.0)
    low, high = np.clip((b + np.array([-1, 1]) * np.sqrt(inside)) / a, 0, 1)
    return middle, (float(low), float(high))


def _misfit(known: _Known, scores: Floats) -> tuple[float, float]:
    """Return how far the scores are from every mixture of the classes, and a p-value of the test that they are one."""
    n_rows, scores = scores.shape[1], scores.ravel()
    pooled = np.concatenate([known.scores, scores])
    bins = int(min(BINS, min(known.sizes[0], known.sizes[1], float(n_rows)) // ROWS_A_BIN))
    if bins < 3:
        return 0.0, float("nan")
    edges = np.unique(np.quantile(pooled, np.linspace(0, 1, bins + 1)[1:-1]))
    place, new = np.searchsorted(edges, known.scores, side="right"), np.searchsorted(edges, scores, side="right")
    n_bins = len(edges) + 1
    shares = [np.bincount(place, weight, n_bins) for weight in known.weights]
    found = np.bincount(new, minlength=n_bins) / len(scores)
    step, above = shares[1] - shares[0], found - shares[0]
    share = known.prevalence
    for _ in range(5):  # generalised least squares, whose weights depend a little on the share
        spread = _multinomial(found, n_rows)
        for label, weight in enumerate((1 - share, share)):
            spread = spread + weight**2 * _multinomial(shares[label], known.sizes[label])
        inverse = np.linalg.pinv(spread[:-1, :-1], rcond=1e-10)
        along = inverse @ step[:-1]
        free = float(along @ above[:-1]) / max(float(along @ step[:-1]), 1e-300)
        share = min(max(free, 0.0), 1.0)
    rest = above - share * step
    statistic = float(rest[:-1] @ inverse @ rest[:-1])
    degrees = n_bins - 1 - (share == free)
    p_value = float(chi2.sf(statistic, degrees)) if degrees > 0 else float("nan")
    return float(np.abs(np.cumsum(rest)).max()), p_value


def _multinomial(shares: NDArray[Any], size: float) -> NDArray[Any]:
    """Return the covariance of shares of `size` rows."""
    return (np.diag(shares) - np.outer(shares, shares)) / size
