"""What a selection rule is given: a curve, an objective on it, and the cuts it may use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.special import expit
from scipy.stats import poisson

from sklearn_binnet._files._plain import stored
from sklearn_binnet._thresholds._curve import SCORE_LIMIT, Counts, ThresholdCurve
from sklearn_binnet._thresholds._metrics import CountsFunction, Floats

TIE = 1e-12


def first_peak(values: Floats) -> int:
    """Find the middle of the first run of values that equal the maximum up to rounding; NaN never wins."""
    values = np.where(np.isnan(values), -np.inf, values)
    best = values.max()
    tied = values >= best - TIE * max(1.0, abs(best)) if np.isfinite(best) else values == best
    start = int(tied.argmax())
    rest = ~tied[start:]
    stop = start + int(rest.argmax()) if rest.any() else len(values)
    return (start + stop - 1) // 2


def poisson_sums(
    weight: Floats, squares: Floats, n_samples: int, rng: np.random.Generator | np.random.RandomState
) -> Floats:
    """Draw Poisson bootstrap samples of groups of rows, and sum each sample from its first group on.

    `weight` and `squares` are the sums of the weights and of the squared weights in each group;
    the result has the shape (n_samples, n_groups). A row counts a Poisson number of times in a
    sample. A sum of Poisson counts is a Poisson count, so one draw serves all rows of a group.
    Where the rows of a group have unequal weights, it draws a scaled Poisson count with the mean
    and the variance of their sum.
    """
    unit = np.divide(squares, weight, out=np.ones_like(weight), where=weight > 0)
    # A weight that is tiny beside the others has a square of 0, or one lost in rounding: it counts as one row.
    unit = np.where(unit > 1e-12 * weight, unit, weight)
    drawn = rng.poisson(np.maximum(weight, 0) / unit, (n_samples, len(weight)))
    return np.cumsum(drawn * unit, axis=1)


MOST_DRAWN = 11
"""Larger Poisson numbers of mean 1 come once in a billion draws: `_times_drawn` gives none."""


def _times_drawn(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draw Poisson numbers of mean 1 from a table of 2**16 equal shares, several times as fast as NumPy's own.

    No probability is off by more than 2**-16, which is far below what a bootstrap can tell.
    """
    ends = np.round(poisson.cdf(np.arange(MOST_DRAWN + 1), 1.0) * 2**16).astype(int)
    times = np.searchsorted(ends, np.arange(2**16), side="right").astype(np.uint16)
    return times[rng.integers(0, 2**16, shape, dtype=np.uint16)]


@dataclass(frozen=True, eq=False)
class GroupedRows:
    """Rows that come in groups, such as those of one patient: they are alike, so that a sample is one of groups."""

    groups: NDArray[np.intp]
    """Number of each row's group, from 0, (n,)."""
    scores: Floats
    positive: Floats
    """What each row adds to the true positives where it is called positive, (n,)."""
    negative: Floats
    """What it adds to the false positives, (n,)."""

    def poisson_sums(
        self, curve: ThresholdCurve, cuts: NDArray[np.intp], n_samples: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Draw Poisson bootstrap samples of whole groups; return true and false positives at each of the cuts.

        References
        ----------
        Field, Welsh (2007), "Bootstrapping clustered data", JRSS B 69.
        """
        scores = np.clip(self.scores, -SCORE_LIMIT, SCORE_LIMIT)
        cells = np.searchsorted(-curve.thresholds[cuts[1:]], -scores)  # first cut that calls the row positive
        drawn = _times_drawn((int(self.groups.max()) + 1, n_samples), rng)
        sums = []
        for mass in (self.positive, self.negative):
            rows = np.flatnonzero(mass > 0)
            inner = _sum_cells(mass[rows], cells[rows], self.groups[rows], len(cuts) - 1, drawn)
            sums.append(np.hstack([np.zeros((n_samples, 1)), np.cumsum(inner.T, axis=1)]))
        return sums[0], sums[1]


def _sum_cells(
    mass: Floats, cells: NDArray[np.intp], groups: NDArray[np.intp], n_cells: int, drawn: NDArray[np.uint16]
) -> Floats:
    """Sum rows in each cell and sample, a row as often as its group is drawn; (n_cells, n_samples).

    Equal masses, or whole numbers of one mass, are summed as small whole numbers, which is exact and several times as
    fast. Other masses are rounded to the seven digits of float32 first.
    """
    if not mass.size:
        return np.zeros((n_cells, drawn.shape[1]))
    unit = mass.min()
    most = np.bincount(cells, mass / unit, n_cells).max() * MOST_DRAWN
    kind: type[np.generic] = np.uint16
    if not (most < 2**16 and np.array_equal(mass / unit, np.rint(mass / unit))):
        unit, kind = mass.max(), np.float32
    table = sparse.csr_array(((mass / unit).astype(kind), (cells, groups)), shape=(n_cells, len(drawn)))
    sums: Floats = (table @ drawn.astype(kind, copy=False)).astype(np.float64) * unit
    return sums


@stored
@dataclass(frozen=True)
class ScoreScale:
    """Monotone map between scores and the unbounded, logit-like scale on which thresholds are averaged.

    Probabilities go through the logit, clipped to [`low`, 1 - `high`]; any other score is centred
    and divided by its spread, so that it behaves like a logit.
    """

    probability: bool
    low: float = 1e-6
    high: float = 1e-6
    centre: float = 0.0
    spread: float = 1.0

    @classmethod
    def from_scores(cls, scores: Floats, probability: bool | None = None) -> ScoreScale:
        """Fit the scale to distinct scores in descending order (`ThresholdCurve.scores`).

        If `probability` is None, scores within [0, 1] are taken for probabilities.
        """
        if probability is not False and scores[-1] >= 0 and scores[0] <= 1:
            # Rare classes can live below 1e-6 altogether: never clip more than the outer percent.
            start, stop = int(scores[0] == 1), len(scores) - int(scores[-1] == 0)
            inner, margin = scores[start:stop], (stop - start) // 100
            if not inner.size:
                return cls(True)
            low, high = min(1e-6, inner[-1 - margin]), min(1e-6, 1 - inner[margin])
            return cls(True, max(float(low), 1e-300), max(float(high), 1e-16))
        inner = scores[np.abs(scores) < SCORE_LIMIT]
        inner = inner if inner.size else np.zeros(1)
        q25, q50, q75 = (inner[int(share * (len(inner) - 1))] for share in (0.75, 0.5, 0.25))
        spread = (q75 - q25) / 2 or float(np.ptp(inner)) / 4 or 1.0
        spread = spread if np.isfinite(spread) else 1.0
        return cls(False, centre=float(q50), spread=float(spread))

    def forward(self, scores: ArrayLike) -> Floats:
        """Map scores to the logit-like scale."""
        if self.probability:
            clipped: Floats = np.clip(scores, self.low, 1 - self.high)
            return np.log(clipped) - np.log1p(-clipped)
        with np.errstate(over="ignore"):  # clipped infinities over a small spread
            z: Floats = np.clip((np.asarray(scores) - self.centre) / self.spread, -50.0, 50.0)
        return z

    def inverse(self, z: ArrayLike) -> Floats:
        """Map the logit-like scale back to scores."""
        score: Floats = expit(z) if self.probability else self.centre + self.spread * np.asarray(z)
        return score


@dataclass(frozen=True, eq=False)
class Problem:
    """A threshold to choose."""

    curve: ThresholdCurve
    objective: CountsFunction  # to maximise
    # Counts that the objective is computed from, where they are not the curve's own. Costs by row
    # need them: a row then weighs what its decision is worth.
    worth: Counts | None = None
    feasible: NDArray[np.bool_] | None = None  # cuts that the constraints allow; all if None
    bayes: float | None = None  # closed-form threshold on calibrated probabilities, for pure costs
    seed: int = 0  # of the bootstrap
    probability: bool | None = None  # whether scores are probabilities; judged by their range if None
    rows: GroupedRows | None = None  # for the bootstrap, where rows come in groups

    @property
    def counts(self) -> Counts:
        """Counts that the objective is computed from."""
        return self.curve.counts if self.worth is None else self.worth

    @cached_property
    def scale(self) -> ScoreScale:
        """Scale on which thresholds are averaged."""
        return ScoreScale.from_scores(self.curve.scores, self.probability)

    @cached_property
    def values(self) -> Floats:
        """Objective at each cut, minus infinity where a constraint forbids it."""
        values = np.asarray(self.objective(*self.counts.confusion()), dtype=np.float64)
        return values if self.feasible is None else np.where(self.feasible, values, -np.inf)

    def one_sided(self) -> bool:
        """Whether one of the classes has no weight, so that scores cannot be judged."""
        return bool(self.counts.tp[-1] <= 0 or self.counts.fp[-1] <= 0)

    def allowed(self, thresholds: Floats | float) -> NDArray[np.bool_]:
        """Whether the constraints allow each threshold."""
        if self.feasible is None:
            return np.ones(np.shape(thresholds), dtype=bool)
        return np.asarray(self.feasible[self.curve.index(thresholds)])

    def nearest_allowed(self, threshold: float) -> float:
        """Return `threshold` itself where it is allowed, else the allowed cut next to it."""
        if self.feasible is None or self.allowed(threshold):
            return float(threshold)
        cuts = np.flatnonzero(self.feasible)
        here = self.curve.index(threshold)
        return float(self.curve.thresholds[cuts[np.abs(cuts - here).argmin()]])

    def bins(self, n_bins: int) -> Bins:
        """Put neighbouring scores into at most about `n_bins` groups."""
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

    def __init__(self, problem: Problem, cuts: NDArray[np.intp]) -> None:
        curve, scale = problem.curve, problem.scale
        self.counts = problem.counts.at(cuts)
        self.positive: Floats = np.diff(self.counts.tp)
        self.negative: Floats = np.diff(self.counts.fp)
        self.scores = curve.scores[(cuts[:-1] + cuts[1:] - 1) // 2]
        self.z = scale.forward(self.scores)
        self.z_cuts = scale.forward(curve.thresholds[cuts])
        self.feasible = None if problem.feasible is None else problem.feasible[cuts]
        self.cuts = cuts

    def mask(self, values: Floats) -> Floats:
        """Set values at the cuts to minus infinity where a constraint forbids the cut."""
        return values if self.feasible is None else np.where(self.feasible, values, -np.inf)

    def effective_size(self) -> tuple[float, float]:
        """Compute Kish's number of equally weighted rows of each class."""
        tp, fp, tp_sq, fp_sq = (a[-1] for a in self.counts)
        return tp * tp / max(tp_sq, 1e-300), fp * fp / max(fp_sq, 1e-300)
