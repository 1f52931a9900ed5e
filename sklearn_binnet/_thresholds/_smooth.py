"""Smooth rules: thresholds from calibrated probabilities and from kernel densities."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from sklearn_binnet._thresholds._curve import Counts
from sklearn_binnet._thresholds._problem import first_peak

BINS = 2000
GRID = 4096
RIDGE = 1e-3


def _features(problem, bins):
    """Columns 1, ln p and -ln(1 - p) of beta calibration, for the groups of scores."""
    if problem.scale.probability:
        p = np.clip(bins.scores, problem.scale.low, 1 - problem.scale.high)
        rise, fall = np.log(p), -np.log1p(-p)
    else:
        rise, fall = -np.logaddexp(0, -bins.z), np.logaddexp(0, bins.z)
    return np.column_stack([np.ones_like(rise), rise, fall])


def fit_logistic(features, positive, negative, max_iter=50):
    """Logistic regression on grouped rows, by Newton's method with halved steps.

    Parameters
    ----------
    features : ndarray of shape (n_groups, n_features)
    positive, negative : ndarray of shape (n_groups,)
        Weight of each class in each group.

    Returns
    -------
    ndarray of shape (n_features,)
        Coefficients. A light ridge keeps separable data finite.
    """
    total = positive + negative
    coef = np.zeros(features.shape[1])

    def loss(coef):
        z = features @ coef
        return total @ np.logaddexp(0, z) - positive @ z + RIDGE / 2 * coef @ coef

    current = loss(coef)
    for _ in range(max_iter):
        p = expit(features @ coef)
        gradient = features.T @ (positive - total * p) - RIDGE * coef
        curvature = np.maximum(total * p * (1 - p), 1e-12 * total.mean())
        hessian = features.T @ (features * curvature[:, None])
        step = np.linalg.solve(hessian + RIDGE * np.eye(len(coef)), gradient)
        size = 1.0
        while size > 1e-4 and not loss(coef + size * step) <= current:
            size /= 2
        if size <= 1e-4:
            break
        coef = coef + size * step
        previous, current = current, loss(coef)
        if previous - current < 1e-9 * (1 + abs(previous)):
            break
    return coef


def beta_calibration(problem, bins):
    """Beta-calibrated probability of each group of scores.

    References
    ----------
    Kull, Silva Filho, Flach (2017), "Beta calibration: a well-founded and easily implemented
    improvement on logistic calibration for binary classifiers", AISTATS.
    """
    features = _features(problem, bins)
    return expit(features @ fit_logistic(features, bins.positive, bins.negative))


def plug_in_threshold(problem, bins, probabilities):
    """Best cut (on the logit-like scale) for the expected counts under `probabilities`.

    For costs this is the closed-form Bayes rule on calibrated probabilities.
    """
    weight = bins.positive + bins.negative
    tp, fp = weight * probabilities, weight * (1 - probabilities)
    tp, fp = (np.concatenate([[0.0], np.cumsum(part)]) for part in (tp, fp))
    values = problem.objective(*Counts(tp, fp, tp, fp).confusion())
    return bins.z_cuts[first_peak(bins.mask(values))]


def kernel_threshold(problem, bins):
    """Best threshold (on the logit-like scale) for Gaussian-smoothed class densities."""
    low, high = bins.z.min() - 1, bins.z.max() + 1
    step = (high - low) / GRID
    cell = np.minimum(((bins.z - low) / step).astype(int), GRID - 1)
    tails = []
    for mass, size in zip((bins.positive, bins.negative), bins.effective_size(), strict=True):
        width = _bandwidth(bins.z, mass, size) / step
        density = np.bincount(cell, mass, GRID)
        density = gaussian_filter1d(density, max(width, 1e-3), mode="nearest")
        tail = np.concatenate([[0.0], np.cumsum(density[::-1])])
        tails.append(tail * (mass.sum() / max(tail[-1], 1e-300)))
    values = problem.objective(*Counts(*tails, *tails).confusion())
    grid = high - np.arange(GRID + 1) * step
    if problem.feasible is not None:
        allowed = problem.allowed(problem.scale.inverse(grid))
        if not allowed.any():
            return None
        values = np.where(allowed, values, -np.inf)
    return grid[first_peak(values)]


def _bandwidth(z, mass, effective_size):
    """Silverman's normal-reference bandwidth for weighted values (`z` descending)."""
    share = mass / max(mass.sum(), 1e-300)
    mean = share @ z
    deviation = np.sqrt(share @ (z - mean) ** 2)
    cumulated = np.cumsum(share)
    quartiles = z[np.searchsorted(cumulated, [0.25, 0.75]).clip(0, len(z) - 1)]
    iqr = (quartiles[0] - quartiles[1]) / 1.34
    spread = min(deviation, iqr) if iqr > 0 else deviation
    return 1.06 * spread * max(effective_size, 1.0) ** -0.2
