"""Scorers that are no function of the counts: called once for each candidate threshold."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import t as student

from sklearn_binnet import _thresholds as th

CANDIDATES = 100


def tune_slowly(evidence, settings, feasible, candidates):
    """Choose a threshold among at most about 100 candidates along the ROC curve.

    Parameters
    ----------
    evidence : Evidence
    settings : Settings
    feasible : ndarray of bool, shape (n_cuts,), or None
    candidates : ndarray or None

    Returns
    -------
    selection : Selection
        Its interval comes from the spread of the folds' optima (Student's t), as a bootstrap
        would call the scorer ten thousand times.
    results : dict
        ``thresholds`` (ascending) and ``scores``.
    """
    curve = evidence.curve
    if "sample_weight" in evidence.metadata and not settings.objective.takes_weight:
        warnings.warn(
            f"`scoring` {settings.objective.name} takes no sample_weight, so it counts every row once; the weights "
            "serve the constraints and the estimator.",
            UserWarning,
            stacklevel=5,
        )
    cuts, tried = _candidates(curve, feasible, candidates)
    values = _values(evidence, settings, tried)
    results = {"thresholds": tried[::-1], "scores": values[::-1]}
    allowed = np.ones(len(cuts), dtype=bool) if feasible is None else feasible[cuts]
    if callable(settings.selection):
        wished = float(settings.selection(curve, _over_all_cuts(curve, cuts, values)))
        distance = np.where(allowed, np.abs(tried - wished), np.inf)
        best = int(distance.argmin())
    else:
        judged = values
        if settings.selection == "stable":
            judged = _smooth_along(curve, cuts, values)
        best = _peak_among(allowed, judged)
    threshold = float(tried[best])
    interval = _fold_interval(evidence, settings, threshold)
    return th.Selection(threshold, float(values[best]), interval), results


def best_of_fold(part, settings, feasible):
    """Best candidate of one fold."""
    cuts, tried = _candidates(part.curve, feasible, None)
    values = _values(part, settings, tried)
    allowed = np.ones(len(cuts), dtype=bool) if feasible is None else feasible[cuts]
    return float(tried[_peak_among(allowed, values)])


def _peak_among(allowed, values):
    """First peak of the values that are allowed, even where none of them is above minus infinity."""
    inside = np.flatnonzero(allowed)
    return int(inside[th.first_peak(values[inside])])


def _candidates(curve, feasible, candidates):
    """Cuts to try, at least one of them feasible, with their thresholds in descending order."""
    if candidates is not None:
        tried = np.sort(candidates)[::-1]
        return curve.index(tried), tried
    cuts = curve.spaced_cuts(CANDIDATES)
    if feasible is not None and not feasible[cuts].any():
        inside = np.flatnonzero(feasible)
        cuts = np.union1d(cuts, inside[np.linspace(0, len(inside) - 1, 10).astype(int)])
    return cuts, curve.thresholds[cuts]


def _values(evidence, settings, tried):
    negative, positive = evidence.classes
    metadata = evidence.metadata
    if not settings.objective.takes_weight:
        metadata = {key: value for key, value in metadata.items() if key != "sample_weight"}
    return np.array(
        [
            settings.objective.score_labels(
                evidence.X,
                evidence.labels,
                np.where(th.decide(evidence.scores, threshold), positive, negative),
                evidence.scores,
                **metadata,
            )
            for threshold in tried
        ],
        dtype=np.float64,
    )


def _over_all_cuts(curve, cuts, values):
    """Values at every cut of the curve; minus infinity where none was computed."""
    out = np.full(len(curve), -np.inf)
    out[cuts] = values
    return out


def _smooth_along(curve, cuts, values):
    """Smooth over the length of the ROC curve, with a bandwidth of order n ** (-1 / 3)."""
    if not np.isfinite(values).all() or len(values) < 3:
        return values
    n_eff = 2 / (1 / max(curve.n_positive, 1e-9) + 1 / max(curve.n_negative, 1e-9))
    arc = curve.arc()[cuts]
    grid = np.linspace(arc[0], arc[-1], 1001)
    width = 0.5 * max(n_eff, 1.0) ** (-1 / 3) / max(grid[1] - grid[0], 1e-12)
    smooth = gaussian_filter1d(np.interp(grid, arc, values), width, mode="nearest")
    return np.interp(arc, grid, smooth)


def _fold_interval(evidence, settings, threshold):
    """Interval of the mean of the folds' optima, around the threshold."""
    optima = []
    for rows, scores in evidence.folds:
        part = evidence.part(rows, scores)
        if part.positive.any() and not part.positive.all():
            optima.append(best_of_fold(part, settings, None))
    if len(optima) < 2:
        ends = evidence.curve.thresholds[[-1, 0]]
        return min(float(ends[0]), threshold), max(float(ends[1]), threshold)
    scale = th.ScoreScale.from_scores(evidence.curve.scores, evidence.probability)
    z = scale.forward(np.array(optima))
    quantile = student.ppf((1 + settings.confidence_level) / 2, len(z) - 1)
    half = quantile * z.std(ddof=1) / np.sqrt(len(z))
    low, high = scale.inverse(scale.forward(threshold) + np.array([-half, half]))
    return min(float(low), threshold), max(float(high), threshold)
