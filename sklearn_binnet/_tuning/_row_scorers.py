"""Scorers that are no function of the counts: called once for each candidate threshold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.stats import t as student

from sklearn_binnet import _thresholds as th
from sklearn_binnet._tuning._evidence import Evidence
from sklearn_binnet._tuning._objective import Decided, Objective

CANDIDATES = 100


def tune_by_rows(
    evidence: Evidence,
    objective: Objective,
    selection: str | Callable[..., Any],
    confidence_level: float,
    feasible: NDArray[np.bool_] | None,
    candidates: NDArray[np.float64] | None,
) -> tuple[th.Selection, dict[str, NDArray[Any]]]:
    """Choose a threshold among at most about 100 candidates along the ROC curve.

    The interval comes from the spread of the folds' optima (Student's t), as a bootstrap would call the scorer ten
    thousand times. The thresholds tried (ascending) and their scores come along.
    """
    assert evidence.rows is not None
    curve = evidence.curve
    if "sample_weight" in evidence.rows.metadata and not objective.takes_weight:
        warnings.warn(
            f"`scoring` {objective.name} takes no sample_weight, so it counts every row once; the weights "
            "serve the constraints and the estimator.",
            UserWarning,
            stacklevel=5,
        )
    cuts, tried = _candidates(curve, feasible, candidates)
    values = _values(evidence, objective, tried)
    allowed = np.ones(len(cuts), dtype=bool) if feasible is None else feasible[cuts]
    if callable(selection):
        over_all_cuts = np.full(len(curve), -np.inf)
        over_all_cuts[cuts] = values
        wished = th.asked_threshold(selection, curve, over_all_cuts)
        best = int(np.where(allowed, np.abs(tried - wished), np.inf).argmin())
    else:
        judged = _smooth_along(curve, cuts, values) if selection == "stable" else values
        best = _peak_among(allowed, judged)
    threshold = float(tried[best])
    interval = _fold_interval(evidence, objective, confidence_level, threshold)
    results = {"thresholds": tried[::-1], "scores": values[::-1]}
    return th.Selection(threshold, float(values[best]), interval), results


def best_by_rows(part: Evidence, objective: Objective, feasible: NDArray[np.bool_] | None) -> float:
    """Return the best candidate of one fold."""
    cuts, tried = _candidates(part.curve, feasible, None)
    allowed = np.ones(len(cuts), dtype=bool) if feasible is None else feasible[cuts]
    return float(tried[_peak_among(allowed, _values(part, objective, tried))])


def _peak_among(allowed: NDArray[np.bool_], values: NDArray[np.float64]) -> int:
    """Return the first peak of the values that are allowed, even where none of them is above minus infinity."""
    inside = np.flatnonzero(allowed)
    return int(inside[th.first_peak(values[inside])])


def _candidates(
    curve: th.ThresholdCurve, feasible: NDArray[np.bool_] | None, candidates: NDArray[np.float64] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return cuts to try, at least one of them feasible, with their thresholds in descending order."""
    if candidates is not None:
        tried = np.sort(candidates)[::-1]
        return curve.index(tried), tried
    cuts = curve.spaced_cuts(CANDIDATES)
    if feasible is not None and not feasible[cuts].any():
        inside = np.flatnonzero(feasible)
        cuts = np.union1d(cuts, inside[np.linspace(0, len(inside) - 1, 10).astype(int)])
    return cuts, curve.thresholds[cuts]


def _values(evidence: Evidence, objective: Objective, tried: NDArray[Any]) -> NDArray[np.float64]:
    assert evidence.rows is not None
    assert objective.score_rows is not None
    X, y, metadata = evidence.rows
    if not objective.takes_weight:
        metadata = {key: value for key, value in metadata.items() if key != "sample_weight"}
    values = []
    for threshold in tried:
        decided = Decided(th.decide(evidence.scores, threshold), evidence.scores, evidence.classes)
        values.append(objective.score_rows(decided, X, y, **metadata))
    return np.array(values, dtype=np.float64)


def _smooth_along(curve: th.ThresholdCurve, cuts: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smooth over the length of the ROC curve, with a bandwidth of order n ** (-1 / 3)."""
    if not np.isfinite(values).all() or len(values) < 3:
        return values
    n_eff = 2 / (1 / max(curve.n_positive, 1e-9) + 1 / max(curve.n_negative, 1e-9))
    arc = curve.arc()[cuts]
    grid = np.linspace(arc[0], arc[-1], 1001)
    width = 0.5 * max(n_eff, 1.0) ** (-1 / 3) / max(grid[1] - grid[0], 1e-12)
    smooth = gaussian_filter1d(np.interp(grid, arc, values), width, mode="nearest")
    return np.interp(arc, grid, smooth)


def _fold_interval(
    evidence: Evidence, objective: Objective, confidence_level: float, threshold: float
) -> tuple[float, float]:
    """Return the interval of the mean of the folds' optima, around the threshold."""
    parts = [evidence.part(fold) for fold in evidence.folds]
    optima = [best_by_rows(part, objective, None) for part in parts if part.positive.any() and not part.positive.all()]
    if len(optima) < 2:
        ends = evidence.curve.thresholds[[-1, 0]]
        return min(float(ends[0]), threshold), max(float(ends[1]), threshold)
    scale = th.ScoreScale.from_scores(evidence.curve.scores, evidence.probability)
    z = scale.forward(np.array(optima))
    quantile = student.ppf((1 + confidence_level) / 2, len(z) - 1)
    half = quantile * z.std(ddof=1) / np.sqrt(len(z))
    low, high = scale.inverse(scale.forward(threshold) + np.array([-half, half]))
    return min(float(low), threshold), max(float(high), threshold)
