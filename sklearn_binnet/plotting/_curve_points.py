"""From an exact threshold curve to the points of a line, with their uncertainty: NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import _thresholds as th

# Up to this many distinct scores every step of the curve is drawn; above, no eye could tell.
EXACT_UP_TO = 1000
POINTS = 500


def metric_to_draw(name: str, costs: Any = None) -> th.Metric:
    """Return a metric of the decisions by its name.

    Parameters
    ----------
    name : str
        A metric of `ThresholdTunerCV`, an F-beta such as "f2", "queue_rate", or "cost".
    costs : array-like of shape (2, 2), optional
        ``[[tn, fp], [fn, tp]]``, for "cost".

    Raises
    ------
    ValueError
        The name is not known, or costs are missing.
    """
    if name == "cost":
        if costs is None or np.shape(costs) != (2, 2):
            raise ValueError(
                f"`metrics` names 'cost', which needs `costs` of shape (2, 2), [[tn, fp], [fn, tp]]; got {costs!r}."
            )
        return th.make_cost(np.asarray(costs, dtype=float))
    if metric := th.find_metric(name):
        return metric
    raise ValueError(
        f"`metrics` names {name!r}, which is unknown; choose from {sorted({*th.METRICS, *th.ALIASES})}, "
        "'cost' and F-betas such as 'f2'."
    )


def check_bands(bands: str | None, *known: str) -> None:
    """Refuse bands that a display does not draw."""
    if bands is not None and bands not in known:
        names = ", ".join(map(repr, known))
        raise ValueError(f"`bands` must be {names} or None, got {bands!r}.")


def band_name(bands: str | None, level: float) -> str | None:
    """Return what the bands are, for a legend."""
    names = {"bootstrap": f"{100 * level:g} % band (rows)", "folds": "span of the folds"}
    return None if bands is None else names[bands]


def grid(curve: th.ThresholdCurve) -> NDArray[np.float64]:
    """Return thresholds to draw a curve at, ascending; from 0 to 1 if the scores can be probabilities."""
    low, high = float(curve.scores[-1]), float(curve.scores[0])
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    if len(curve.scores) <= EXACT_UP_TO:  # both sides of every step
        inner = np.concatenate([curve.scores, np.nextafter(curve.scores, np.inf)])
    else:
        inner = np.concatenate([np.linspace(low, high, POINTS), curve.thresholds[curve.spaced_cuts(POINTS)]])
    points = np.unique(np.concatenate([[low, high], inner]))
    return points[(points >= low) & (points <= max(high, np.nextafter(curve.scores[0], np.inf)))]


def values(metric: th.Metric, confusion: Sequence[NDArray]) -> NDArray[np.float64]:
    """Return a metric in its own direction; NaN for shares of nothing, such as precision where nothing is called."""
    value = np.asarray(metric(*confusion), dtype=np.float64)
    if metric.proportion is None:
        return value
    named = dict(zip(("tn", "fp", "fn", "tp"), confusion, strict=True))
    return np.where(sum(named[key] for key in metric.proportion[1]) > 0, value, np.nan)


def at(curve: th.ThresholdCurve, thresholds: Any) -> list[NDArray]:
    """Return tn, fp, fn, tp at thresholds."""
    cuts = curve.index(thresholds)
    return [counts[cuts] for counts in curve.counts.confusion()]


def bootstrap_confusions(
    curve: th.ThresholdCurve, thresholds: NDArray[np.float64], n_bootstrap: int, rng: np.random.RandomState
) -> list[NDArray[np.float64]]:
    """Return tn, fp, fn, tp of Poisson bootstrap samples at ascending thresholds, each (n_bootstrap, n_thresholds).

    The rows between two neighbouring thresholds are a group.
    """
    cuts = curve.index(thresholds)[::-1]
    drawn = []
    for weight, square in ((curve.tp, curve.counts.tp_sq), (curve.fp, curve.counts.fp_sq)):
        sums = np.diff(np.concatenate([[0.0], weight[cuts], weight[-1:]]))
        squares = np.diff(np.concatenate([[0.0], square[cuts], square[-1:]]))
        drawn.append(th.poisson_sums(sums, squares, n_bootstrap, rng))
    (tp, fp), (n_positive, n_negative) = ([a[:, -2::-1] for a in drawn], [a[:, -1:] for a in drawn])
    return [n_negative - fp, fp, n_positive - tp, tp]


def bootstrap_bands(
    curve: th.ThresholdCurve,
    thresholds: NDArray[np.float64],
    metrics: dict[str, th.Metric],
    n_bootstrap: int,
    level: float,
    rng: np.random.RandomState,
) -> dict[str, NDArray[np.float64]]:
    """Return percentile bands of a Poisson bootstrap, (2, n_thresholds) for each metric."""
    confusion = bootstrap_confusions(curve, thresholds, n_bootstrap, rng)
    here = at(curve, thresholds)
    tails = [(1 - level) / 2, (1 + level) / 2]
    bands = {}
    for name, metric in metrics.items():
        samples = values(metric, confusion)
        known = ~np.isnan(values(metric, here)) & ~np.isnan(samples).all(axis=0)
        band = np.full((2, len(thresholds)), np.nan)
        whole = ~np.isnan(samples).any(axis=0)  # all columns at once; NumPy takes those with NaN one by one
        band[:, known & whole] = np.quantile(samples[:, known & whole], tails, axis=0)
        band[:, known & ~whole] = np.nanquantile(samples[:, known & ~whole], tails, axis=0)
        bands[name] = band
    return bands


def fold_bands(
    curves: Sequence[th.ThresholdCurve], thresholds: NDArray[np.float64], metrics: dict[str, th.Metric]
) -> dict[str, NDArray[np.float64]]:
    """Return the least and the greatest value over folds, (2, n_thresholds) for each metric."""
    bands = {}
    for name, metric in metrics.items():
        rows = np.array([values(metric, at(curve, thresholds)) for curve in curves])
        known = ~np.isnan(rows).all(axis=0)
        band = np.full((2, len(thresholds)), np.nan)
        band[:, known] = np.nanmin(rows[:, known], axis=0), np.nanmax(rows[:, known], axis=0)
        bands[name] = band
    return bands


def allowed(
    curve: th.ThresholdCurve, thresholds: NDArray[np.float64], constraints: list[th.Constraint], level: float
) -> NDArray[np.bool_] | None:
    """Return where constraints hold, (n_thresholds,); None without constraints."""
    outcome = th.find_feasible(curve, constraints, level)
    if outcome.feasible is None:
        return None
    return outcome.feasible[curve.index(thresholds)] & outcome.satisfied
