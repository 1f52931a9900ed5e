"""What a selection rule is given: a curve, an objective on it, and the cuts it may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve
from sklearn_binnet._thresholds._scale import ScoreScale

TIE = 1e-12


def first_peak(values):
    """Middle of the first run of values that equal the maximum up to rounding; NaN never wins."""
    values = np.where(np.isnan(values), -np.inf, values)
    best = values.max()
    tied = values >= best - TIE * max(1.0, abs(best)) if np.isfinite(best) else values == best
    start = int(tied.argmax())
    rest = ~tied[start:]
    stop = start + int(rest.argmax()) if rest.any() else len(values)
    return (start + stop - 1) // 2


@dataclass(frozen=True, eq=False)
class Problem:
    """A threshold to choose.

    Parameters
    ----------
    curve : ThresholdCurve
        Curve of the scores.
    objective : callable
        ``objective(tn, fp, fn, tp) -> array``, to maximise.
    worth : Counts, optional
        Counts that the objective is computed from, where they are not the curve's own (costs by
        row are counts of their own: a row weighs what its decision is worth).
    feasible : ndarray of bool, shape (n_cuts,), optional
        Cuts that the constraints allow; all if None.
    bayes : float, optional
        Closed-form threshold on calibrated probabilities, for objectives that are pure costs.
    seed : int
        Seed of the bootstrap.
    probability : bool, optional
        Whether the scores are probabilities; judged by their range if None.
    """

    curve: ThresholdCurve
    objective: Callable
    worth: Counts | None = None
    feasible: np.ndarray | None = None
    bayes: float | None = None
    seed: int = 0
    probability: bool | None = None

    @property
    def counts(self):
        """Counts that the objective is computed from."""
        return self.curve.counts if self.worth is None else self.worth

    @cached_property
    def scale(self):
        """Scale on which thresholds are averaged."""
        return ScoreScale.from_scores(self.curve.scores, self.probability)

    @cached_property
    def values(self):
        """Objective at each cut, minus infinity where a constraint forbids it."""
        values = np.asarray(self.objective(*self.counts.confusion()), dtype=np.float64)
        return values if self.feasible is None else np.where(self.feasible, values, -np.inf)

    def one_sided(self):
        """Whether one of the classes has no weight, so that scores cannot be judged."""
        return self.counts.tp[-1] <= 0 or self.counts.fp[-1] <= 0

    def allowed(self, thresholds):
        """Whether the constraints allow each threshold."""
        if self.feasible is None:
            return np.ones(np.shape(thresholds), dtype=bool)
        return self.feasible[self.curve.index(thresholds)]

    def nearest_allowed(self, threshold):
        """`threshold` itself where it is allowed, else the allowed cut next to it."""
        if self.feasible is None or self.allowed(threshold):
            return float(threshold)
        cuts = np.flatnonzero(self.feasible)
        here = self.curve.index(threshold)
        return float(self.curve.thresholds[cuts[np.abs(cuts - here).argmin()]])

    def bins(self, n_bins):
        """`Bins` of at most about `n_bins` groups of neighbouring scores."""
        cuts = self.curve.spaced_cuts(n_bins)
        if self.feasible is not None and len(cuts) < len(self.curve):
            # Constrained optima sit at the ends of the feasible runs: keep these cuts.
            ends = np.flatnonzero(np.diff(self.feasible.astype(np.int8)))
            if len(ends) > n_bins:
                ends = ends[np.linspace(0, len(ends) - 1, n_bins).astype(int)]
            cuts = np.union1d(cuts, np.concatenate([ends, ends + 1]))
        return Bins(self, cuts)


class Bins:
    """Neighbouring scores in groups: what the smooth rules and the bootstrap work on."""

    def __init__(self, problem, cuts):
        curve, scale = problem.curve, problem.scale
        self.cuts = cuts
        self.counts = problem.counts.at(cuts)
        self.positive = np.diff(self.counts.tp)
        self.negative = np.diff(self.counts.fp)
        self.scores = curve.scores[(cuts[:-1] + cuts[1:] - 1) // 2]
        self.z = scale.forward(self.scores)
        self.z_cuts = scale.forward(curve.thresholds[cuts])
        self.feasible = None if problem.feasible is None else problem.feasible[cuts]

    def mask(self, values):
        """`values` at the cuts, minus infinity where they are forbidden."""
        return values if self.feasible is None else np.where(self.feasible, values, -np.inf)

    def effective_size(self):
        """Kish's number of equally weighted rows of each class."""
        tp, fp, tp_sq, fp_sq = (a[-1] for a in self.counts)
        return tp * tp / max(tp_sq, 1e-300), fp * fp / max(fp_sq, 1e-300)
