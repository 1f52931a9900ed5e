"""Selection rules: from a noisy curve to one threshold, and how sure it is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import chi2

from sklearn_binnet._thresholds._curve import Counts
from sklearn_binnet._thresholds._problem import Problem, first_peak
from sklearn_binnet._thresholds._smooth import BINS, beta_calibration, kernel_threshold, plug_in_threshold

BOOTSTRAPS = 200
BOOTSTRAP_BINS = 500
CHUNK = 25


@dataclass(frozen=True)
class Selection:
    """A chosen threshold.

    Attributes
    ----------
    threshold : float
    score : float
        Objective at the threshold, on the scores it was chosen from.
    interval : tuple of float
        Percentiles of the bootstrap optima, widened to hold `threshold`.
    deviation : float
        Bootstrap standard deviation on the logit-like scale.
    """

    threshold: float
    score: float
    interval: tuple[float, float]
    deviation: float = 0.0


def bootstrap_optima(problem: Problem, n_bootstraps: int = BOOTSTRAPS):
    """Best thresholds of Poisson bootstrap samples, on the logit-like scale.

    The samples are drawn on at most about 500 groups of scores: a sum of Poisson counts is a
    Poisson count, so the cost does not grow with the number of rows. For unequal weights the
    group's sum is a scaled Poisson count with the right mean and variance.

    Returns
    -------
    ndarray of shape (n_valid,)
        Fewer than `n_bootstraps` where samples lost a class altogether.
    """
    bins = problem.bins(BOOTSTRAP_BINS)
    rng = np.random.default_rng(problem.seed)
    sums = []
    for mass, squares in (
        (bins.positive, np.diff(bins.counts.tp_sq)),
        (bins.negative, np.diff(bins.counts.fp_sq)),
    ):
        unit = np.divide(squares, mass, out=np.ones_like(mass), where=mass > 0)
        drawn = rng.poisson(np.maximum(mass, 0) / unit, (n_bootstraps, len(mass))) * unit
        sums.append(np.hstack([np.zeros((n_bootstraps, 1)), np.cumsum(drawn, axis=1)]))
    tp, fp = sums
    valid = np.flatnonzero((tp[:, -1] > 0) & (fp[:, -1] > 0))
    best = []
    for start in range(0, len(valid), CHUNK):  # what stays in the processor's cache goes twice as fast
        part = Counts(*(tp[valid[start : start + CHUNK]], fp[valid[start : start + CHUNK]]) * 2)
        best.append(bins.mask(problem.objective(*part.confusion())).argmax(axis=1))
    return bins.z_cuts[np.concatenate(best)] if best else np.empty(0)


def argmax_threshold(problem):
    """Exact argmax of the curve; ties are broken by the middle of the first best run."""
    return float(problem.curve.thresholds[first_peak(problem.values)])


def _smooth_targets(problem):
    """Thresholds of the smooth rules, on the logit-like scale."""
    bins = problem.bins(BINS)
    probabilities = beta_calibration(problem, bins)
    targets = [plug_in_threshold(problem, bins, probabilities), kernel_threshold(problem, bins)]
    if problem.bayes is not None and _is_calibrated(problem, bins, probabilities):
        z = problem.scale.forward(problem.bayes)
        targets.append(float(z) if problem.allowed(problem.bayes) else None)
    return [target for target in targets if target is not None]


def _is_calibrated(problem, bins, probabilities):
    """Likelihood-ratio test: beta calibration does not improve on the probabilities themselves."""
    if not problem.scale.probability:
        return False
    if problem.worth is not None:  # costs by row: judge the rows, not the costs
        problem = replace(problem, worth=None)
        bins = problem.bins(BINS)
        probabilities = beta_calibration(problem, bins)

    def log_likelihood(p):
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return bins.positive @ np.log(p) + bins.negative @ np.log1p(-p)

    rescale = sum(bins.effective_size()) / max(bins.positive.sum() + bins.negative.sum(), 1e-300)
    gain = 2 * rescale * (log_likelihood(probabilities) - log_likelihood(bins.scores))
    return gain <= chi2.ppf(0.95, df=3)


def stable_z(problem, optima):
    """Limited translation of the bootstrap mean towards the smooth rules, on the scale.

    From the mean of the bootstrap optima two thirds of the way to the mean of the smooth rules,
    but at most one bootstrap standard deviation: where the data are many the curve decides,
    where they are few the smooth rules do.

    References
    ----------
    Efron, Morris (1972), "Limiting the risk of Bayes and empirical Bayes estimators", JASA 67.
    """
    centre, deviation = float(optima.mean()), float(optima.std())
    gap = float(np.mean(_smooth_targets(problem))) - centre
    return centre + float(np.clip(gap * 2 / 3, -deviation, deviation))


def select(problem: Problem, rule="stable", confidence_level=0.95) -> Selection:
    """Choose a threshold.

    Parameters
    ----------
    problem : Problem
        Curve, objective and allowed cuts (at least one).
    rule : {"stable", "argmax"} or callable
        A callable gets ``rule(curve, values)``, the `ThresholdCurve` and the objective at each of
        its cuts (minus infinity where a constraint forbids the cut), and returns a threshold.
    confidence_level : float
        Level of the interval.

    Returns
    -------
    Selection
    """
    if problem.one_sided():
        return _one_sided(problem)
    if len(problem.curve.scores) == 1:
        return _constant(problem)
    if not np.any(problem.values > -np.inf):
        return _undefined(problem)
    optima = bootstrap_optima(problem)
    if callable(rule):
        threshold = float(rule(problem.curve, problem.values))
        if np.isnan(threshold):
            raise ValueError("`selection` returned NaN; it must return a threshold.")
    elif rule == "argmax" or not len(optima):
        threshold = argmax_threshold(problem)
    else:
        threshold = float(problem.scale.inverse(stable_z(problem, optima)))
    threshold = problem.nearest_allowed(threshold)
    tail = (1 - confidence_level) / 2
    z = problem.scale.forward(threshold)
    ends = np.quantile(optima, [tail, 1 - tail]) if len(optima) else np.array([z, z])
    low, high = problem.scale.inverse(ends)
    return Selection(
        threshold,
        score_at(problem, threshold),
        (min(float(low), threshold), max(float(high), threshold)),
        float(optima.std()) if len(optima) else 0.0,
    )


def score_at(problem, threshold):
    """Objective of the decisions that a threshold makes on the curve's own rows."""
    cut = int(problem.curve.index(threshold))
    at_cut = problem.counts.at(np.array([cut, -1]))
    return float(problem.objective(*at_cut.confusion())[0])


def _neutral(problem):
    """Return the threshold of a classifier that nobody tuned: 0.5 for probabilities, else 0."""
    probability = problem.scale.probability if problem.probability is None else problem.probability
    return 0.5 if probability else 0.0


def _one_sided(problem):
    warnings.warn(
        "All rows that count are of one class, so no threshold can be judged; the default "
        f"({_neutral(problem)}) is kept. Pass rows of both classes with weights above zero.",
        UserWarning,
        stacklevel=3,
    )
    return _untuned(problem)


def _undefined(problem):
    warnings.warn(
        f"The objective has no value at any threshold, so the default ({_neutral(problem)}) is kept. Check `scoring`.",
        UserWarning,
        stacklevel=3,
    )
    return _untuned(problem)


def _untuned(problem):
    """Keep the default; it may be anywhere between the extreme scores."""
    threshold = problem.nearest_allowed(_neutral(problem))
    ends = problem.curve.thresholds[[-1, 0]]
    interval = min(float(ends[0]), threshold), max(float(ends[1]), threshold)
    return Selection(threshold, score_at(problem, threshold), interval)


def _constant(problem):
    """Constant scores: keep the default where it makes the better of the two decisions."""
    warnings.warn(
        "The provided estimator makes constant predictions: only 'all positive' and 'all "
        "negative' can be chosen, and the threshold says nothing about new rows.",
        UserWarning,
        stacklevel=3,
    )
    best = int(problem.values.argmax())
    if problem.values[0] == problem.values[1]:
        best = int(problem.curve.index(_neutral(problem)))
    elif problem.curve.index(_neutral(problem)) == best:
        threshold = _neutral(problem)
        return Selection(threshold, score_at(problem, threshold), (threshold, threshold))
    threshold = problem.nearest_allowed(float(problem.curve.thresholds[best]))
    return Selection(threshold, score_at(problem, threshold), (threshold, threshold))
