"""Selection rules: from a noisy curve to one threshold, and how sure it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit

from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve
from sklearn_binnet._thresholds._metrics import Floats
from sklearn_binnet._thresholds._problem import TIE, Bins, Problem, first_peak, poisson_sums

Rule = str | Callable[[ThresholdCurve, Floats], Any]
BOOTSTRAPS = 200
BOOTSTRAP_BINS = 500
CHUNK = 25
MOVED_ROWS = 20_000  # in groups; the intervals of more rows are drawn without smoothing
SMOOTH_BINS = 2000
FADE_ROWS = 500
"""Rows of a class (the harmonic mean of both) from which the smooth rules lose their say."""
KERNEL_GRID = 4096
RIDGE = 1e-3


@dataclass(frozen=True)
class Selection:
    """A chosen threshold, with the objective at it on the scores that it was chosen from."""

    threshold: float
    score: float
    interval: tuple[float, float]  # percentiles of the smoothed bootstrap's optima, widened to hold `threshold`
    deviation: float = 0.0  # bootstrap standard deviation on the logit-like scale


def select(problem: Problem, rule: Rule = "stable", confidence_level: float = 0.95) -> Selection:
    """Choose a threshold by the rule "stable" or "argmax", or by a user's function.

    A function gets ``rule(curve, values)``: the `ThresholdCurve` and the objective at each of its
    cuts, minus infinity where a constraint forbids the cut. It returns a threshold; where that is
    forbidden, the nearest cut that is allowed takes its place.
    """
    if problem.one_sided():
        return _untuned(
            problem,
            "All rows that count are of one class, so no threshold can be judged; the default "
            f"({_neutral(problem)}) is kept. Pass rows of both classes with weights above zero.",
        )
    if len(problem.curve.scores) == 1:
        return _constant(problem)
    if not np.any(problem.values > -np.inf):
        return _untuned(
            problem,
            f"The objective has no value at any threshold, so the default ({_neutral(problem)}) is kept. "
            "Check `scoring`.",
        )
    optima = bootstrap_optima(problem)
    if callable(rule):
        threshold = asked_threshold(rule, problem.curve, problem.values)
    elif rule == "argmax" or not len(optima):
        threshold = argmax_threshold(problem)
    else:
        threshold = float(problem.scale.inverse(stable_z(problem, optima)))
    threshold = problem.nearest_allowed(threshold)
    tail = (1 - confidence_level) / 2
    z = problem.scale.forward(threshold)
    spread = smooth_optima(problem)
    spread = spread if len(spread) else optima
    ends = np.quantile(spread, [tail, 1 - tail]) if len(spread) else np.array([z, z])
    low, high = problem.scale.inverse(ends)
    return Selection(
        threshold,
        score_at(problem, threshold),
        (min(float(low), threshold), max(float(high), threshold)),
        float(optima.std()) if len(optima) else 0.0,
    )


def asked_threshold(rule: Callable[[ThresholdCurve, Floats], Any], curve: ThresholdCurve, values: Floats) -> float:
    """Return what a user's function answers; refuse what is no threshold."""
    answer = rule(curve, values)
    try:
        threshold = float(answer)
    except (TypeError, ValueError):
        threshold = np.nan
    if not np.isfinite(threshold):
        raise ValueError(
            f"`selection` returned {answer!r}; it must return a threshold, one finite number. To call no row positive "
            "return curve.thresholds[0], to call all positive curve.thresholds[-1]."
        )
    return threshold


def score_at(problem: Problem, threshold: float) -> float:
    """Compute the objective of the decisions that a threshold makes on the curve's own rows."""
    cut = int(problem.curve.index(threshold))
    at_cut = problem.counts.at(np.array([cut, -1]))
    return float(problem.objective(*at_cut.confusion())[0])


def argmax_threshold(problem: Problem) -> float:
    """Find the exact argmax of the curve; ties are broken by the middle of the first best run."""
    return float(problem.curve.thresholds[first_peak(problem.values)])


def bootstrap_optima(problem: Problem, n_bootstraps: int = BOOTSTRAPS) -> Floats:
    """Find the best thresholds of Poisson bootstrap samples, on the logit-like scale.

    The samples are drawn on at most about 500 groups of scores, so that the cost does not grow
    with the number of rows. Where the rows themselves come in groups, samples of whole groups are
    drawn. Samples that lost a class altogether are left out.
    """
    bins = problem.bins(BOOTSTRAP_BINS)
    rng = np.random.default_rng(problem.seed)
    if problem.rows is not None:
        tp, fp = problem.rows.poisson_sums(problem.curve, bins.cuts, n_bootstraps, rng)
    else:
        tp, fp = (
            np.hstack([np.zeros((n_bootstraps, 1)), poisson_sums(weight, np.diff(squares), n_bootstraps, rng)])
            for weight, squares in ((bins.positive, bins.counts.tp_sq), (bins.negative, bins.counts.fp_sq))
        )
    valid = np.flatnonzero((tp[:, -1] > 0) & (fp[:, -1] > 0))
    best = []
    for start in range(0, len(valid), CHUNK):  # what stays in the processor's cache goes twice as fast
        part = Counts(*(tp[valid[start : start + CHUNK]], fp[valid[start : start + CHUNK]]) * 2)
        best.append(bins.mask(problem.objective(*part.confusion())).argmax(axis=1))
    return bins.z_cuts[np.concatenate(best)] if best else np.empty(0)


def smooth_optima(problem: Problem, n_bootstraps: int = BOOTSTRAPS) -> Floats:
    """Find the best thresholds of samples from smoothed class densities, on the logit-like scale.

    The maximum of a step function is where a bootstrap of the rows is not consistent: it finds the
    steps of the one sample again and again, and its optima lie too close together. Samples from
    smoothed densities have steps of their own. Where the rows come in groups, whole groups are
    drawn, and each of their scores is moved at random.

    References
    ----------
    Léger, MacGibbon (2006), "On the bootstrap in cube root asymptotics", Canadian Journal of
    Statistics 34. Silverman, Young (1987), "The bootstrap: to smooth or not to smooth?", Biometrika 74.
    """
    bins = problem.bins(SMOOTH_BINS)
    grid, tails, widths = _smooth_tails(bins)
    arc = sum(tail / max(tail[-1], 1e-300) for tail in tails)
    steps = np.searchsorted(arc, np.linspace(0, arc[-1], BOOTSTRAP_BINS + 1)).clip(0, KERNEL_GRID)
    cells = np.unique(np.concatenate([[0], steps, [KERNEL_GRID]]))
    allowed = problem.allowed(problem.scale.inverse(grid[cells]))
    if not allowed.any():
        return np.empty(0)
    rng = np.random.default_rng([problem.seed, 1])
    if problem.rows is None:
        tp, fp = (
            np.hstack([np.zeros((n_bootstraps, 1)), _poisson_masses(np.diff(tail[cells]), size, n_bootstraps, rng)])
            for tail, size in zip(tails, bins.effective_size(), strict=True)
        )
    elif len(problem.rows.groups) <= MOVED_ROWS:
        tp, fp = _moved_sums(problem, grid[cells], widths, n_bootstraps, rng)
    else:
        return np.empty(0)
    kept = np.flatnonzero((tp[:, -1] > 0) & (fp[:, -1] > 0))
    best = []
    for start in range(0, len(kept), CHUNK):
        part = Counts(*(tp[kept[start : start + CHUNK]], fp[kept[start : start + CHUNK]]) * 2)
        values = np.where(allowed, problem.objective(*part.confusion()), -np.inf)
        highest = values.max(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):  # of an objective without a value
            tied = (values >= highest - TIE * np.maximum(1, np.abs(highest))) & np.isfinite(values)
        first = tied.argmax(axis=1)
        after = np.arange(len(cells)) >= first[:, None]
        stop = np.where((after & ~tied).any(axis=1), (after & ~tied).argmax(axis=1), len(cells))
        best.append((grid[cells[first]] + grid[cells[stop - 1]]) / 2)
    return np.concatenate(best) if best else np.empty(0)


def _poisson_masses(mass: Floats, size: float, n_samples: int, rng: np.random.Generator) -> Floats:
    """Draw samples of as many rows as `size` from a density, and sum each from its first cell on."""
    unit = mass.sum() / max(size, 1.0) or 1.0
    return np.cumsum(rng.poisson(np.maximum(mass, 0) / unit, (n_samples, len(mass))) * unit, axis=1)


def _moved_sums(
    problem: Problem, edges: Floats, widths: Sequence[float], n_samples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw samples of whole groups whose scores are moved at random; return their counts at descending edges."""
    rows = problem.rows
    assert rows is not None
    z = problem.scale.forward(rows.scores)
    drawn = rng.poisson(1.0, (n_samples, int(rows.groups.max()) + 1))
    sums = []
    for mass, width in zip((rows.positive, rows.negative), widths, strict=True):
        here = np.flatnonzero(mass > 0)
        out = np.empty((n_samples, len(edges)))
        for sample, times in zip(out, drawn, strict=True):
            moved = z[here] + width * rng.standard_normal(len(here))
            cell = np.searchsorted(-edges, -moved).clip(max=len(edges) - 1)
            sample[:] = np.cumsum(np.bincount(cell, mass[here] * times[rows.groups[here]], len(edges)))
        sums.append(out)
    return sums[0], sums[1]


def stable_z(problem: Problem, optima: Floats) -> float:
    """Move the bootstrap mean towards a smooth rule, by a step on the logit-like scale that fades as rows grow.

    For pure costs the step goes all the way to the Bayes threshold on recalibrated probabilities. For other
    objectives it goes two thirds of the way to the mean of the smooth rules, but is at most one bootstrap
    standard deviation long. From `FADE_ROWS` rows of each class on, s = sqrt(FADE_ROWS / rows) is below 1: the step
    for costs is limited to 1 / (1 - s) standard deviations, and then every step is multiplied by s. The smooth rules
    have a bias that does not vanish as rows grow, so that the curve decides where the data are many.

    References
    ----------
    Efron, Morris (1972), "Limiting the risk of Bayes and empirical Bayes estimators", JASA 67.
    """
    centre, deviation = float(optima.mean()), float(optima.std())
    bins = problem.bins(SMOOTH_BINS)
    plug_in = plug_in_threshold(problem, bins, beta_calibration(problem, bins))
    rows = 2 / sum(1 / max(size, 1e-300) for size in bins.effective_size())
    fade = min(1.0, float(np.sqrt(FADE_ROWS / rows)))
    if problem.bayes is not None:
        limit = deviation / (1 - fade) if fade < 1 else np.inf
        step = float(np.clip(plug_in - centre, -limit, limit))
    else:
        kernel = kernel_threshold(problem, bins)
        target = plug_in if kernel is None else (plug_in + kernel) / 2
        step = float(np.clip((target - centre) * 2 / 3, -deviation, deviation))
    return centre + step * fade


def plug_in_threshold(problem: Problem, bins: Bins, probabilities: Floats) -> float:
    """Find the best cut (on the logit-like scale) for the expected counts under `probabilities`.

    For costs this is the closed-form Bayes rule on calibrated probabilities.
    """
    weight = bins.positive + bins.negative
    tp, fp = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (weight * probabilities, weight * (1 - probabilities))
    )
    values = problem.objective(*Counts(tp, fp, tp, fp).confusion())
    return float(bins.z_cuts[first_peak(bins.mask(values))])


def kernel_threshold(problem: Problem, bins: Bins) -> float | None:
    """Find the best threshold (on the logit-like scale) for Gaussian-smoothed class densities."""
    grid, tails, _ = _smooth_tails(bins)
    values = problem.objective(*Counts(*tails, *tails).confusion())
    if problem.feasible is not None:
        allowed = problem.allowed(problem.scale.inverse(grid))
        if not allowed.any():
            return None
        values = np.where(allowed, values, -np.inf)
    return float(grid[first_peak(values)])


def _smooth_tails(bins: Bins) -> tuple[Floats, list[Floats], list[float]]:
    """Smooth the class densities by a Gaussian kernel.

    Returns a descending grid on the logit-like scale, the mass of the positive and of the negative
    class above each of its points, and the width of each kernel.
    """
    low, high = bins.z.min() - 1, bins.z.max() + 1
    step = (high - low) / KERNEL_GRID
    cell = np.minimum(((bins.z - low) / step).astype(int), KERNEL_GRID - 1)
    tails, widths = [], []
    for mass, size in zip((bins.positive, bins.negative), bins.effective_size(), strict=True):
        widths.append(_bandwidth(bins.z, mass, size))
        width = max(widths[-1] / step, 1e-3)
        density = gaussian_filter1d(np.bincount(cell, mass, KERNEL_GRID), width, mode="nearest")
        tail = np.concatenate([[0.0], np.cumsum(density[::-1])])
        tails.append(tail * (mass.sum() / max(tail[-1], 1e-300)))
    return high - np.arange(KERNEL_GRID + 1) * step, tails, widths


def _bandwidth(z: Floats, mass: Floats, effective_size: float) -> float:
    """Compute Silverman's normal-reference bandwidth for weighted values (`z` descending)."""
    share = mass / max(mass.sum(), 1e-300)
    mean = share @ z
    deviation = np.sqrt(share @ (z - mean) ** 2)
    quartiles = z[np.searchsorted(np.cumsum(share), [0.25, 0.75]).clip(0, len(z) - 1)]
    iqr = (quartiles[0] - quartiles[1]) / 1.34
    spread = min(deviation, iqr) if iqr > 0 else deviation
    return float(1.06 * spread * max(effective_size, 1.0) ** -0.2)


def beta_calibration(problem: Problem, bins: Bins) -> Floats:
    """Compute the beta-calibrated probability of each group of scores: a logistic fit on ln p and -ln(1 - p).

    References
    ----------
    Kull, Silva Filho, Flach (2017), "Beta calibration: a well-founded and easily implemented
    improvement on logistic calibration for binary classifiers", AISTATS.
    """
    if problem.scale.probability:
        p = np.clip(bins.scores, problem.scale.low, 1 - problem.scale.high)
        rise, fall = np.log(p), -np.log1p(-p)
    else:
        rise, fall = -np.logaddexp(0, -bins.z), np.logaddexp(0, bins.z)
    features = np.column_stack([np.ones_like(rise), rise, fall])
    probabilities: Floats = expit(features @ fit_logistic(features, bins.positive, bins.negative))
    return probabilities


def fit_logistic(features: Floats, positive: Floats, negative: Floats) -> Floats:
    """Fit a logistic regression to groups of rows, by Newton's method with halved steps.

    `positive` and `negative` hold the weight of each class in each group. A light ridge keeps the
    coefficients of separable data finite.
    """
    # Not scipy.optimize: its Newton methods change the last digits and take about four times as long.
    total = positive + negative
    coef = np.zeros(features.shape[1])

    def loss(coef: Floats) -> float:
        z = features @ coef
        return float(total @ np.logaddexp(0, z) - positive @ z + RIDGE / 2 * coef @ coef)

    current = loss(coef)
    for _ in range(50):
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


def _neutral(problem: Problem) -> float:
    """Return the threshold of a classifier that nobody tuned: 0.5 for probabilities, else 0."""
    probability = problem.scale.probability if problem.probability is None else problem.probability
    return 0.5 if probability else 0.0


def _untuned(problem: Problem, why: str) -> Selection:
    """Keep the default and warn; the best threshold may be anywhere between the extreme scores."""
    warnings.warn(why, UserWarning, stacklevel=3)
    threshold = problem.nearest_allowed(_neutral(problem))
    low, high = (float(end) for end in problem.curve.thresholds[[-1, 0]])
    return Selection(threshold, score_at(problem, threshold), (min(low, threshold), max(high, threshold)))


def _constant(problem: Problem) -> Selection:
    """Keep the default for constant scores where it makes the better of the two decisions."""
    warnings.warn(
        "The provided estimator makes constant predictions: only 'all positive' and 'all "
        "negative' can be chosen, and the threshold says nothing about new rows.",
        UserWarning,
        stacklevel=3,
    )
    threshold = _neutral(problem)
    best, default = int(problem.values.argmax()), int(problem.curve.index(threshold))
    tied = problem.values[0] == problem.values[1]
    if tied or default != best:
        threshold = problem.nearest_allowed(float(problem.curve.thresholds[default if tied else best]))
    return Selection(threshold, score_at(problem, threshold), (threshold, threshold))
