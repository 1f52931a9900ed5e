"""Two thresholds with a band between them: yes above, no below, and the rows between are referred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._thresholds._bounds import clopper_pearson
from sklearn_binnet._thresholds._constraints import Constraint, find_feasible
from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve, decide
from sklearn_binnet._thresholds._metrics import Floats, Metric, ratio
from sklearn_binnet._thresholds._problem import ScoreScale

UPPER = frozenset({"precision", "fdr", "recall", "fpr", "positive_rate"})
"""Metrics of the rows that are called positive, which the upper threshold alone decides about."""
LOWER = frozenset({"npv", "for", "specificity", "fnr"})
"""Metrics of the rows that are called negative, which the lower threshold alone decides about."""
REFERRAL_RATE = Metric("referral_rate", lambda *counts: np.nan, False)
"""Names the share of rows that are referred in a constraint. It is no function of four counts."""
TIE = 1e-9
BOOTSTRAPS = 100
BINS = 300


@dataclass(frozen=True)
class BandConfig:
    """What a band must keep, and what it should make small.

    Mistakes cost what `costs` says, and a referred row costs `referral`. Without `referral` the mistakes are made few
    if there is a `budget`, and the referred rows are if there is none.
    """

    bounds: list[Constraint] = field(default_factory=list)
    """On metrics of `UPPER` and `LOWER`."""
    budget: Constraint | None = None
    """On the share of rows that are referred."""
    referral: float | None = None


class Mistakes(NamedTuple):
    """What the decisions of a band cost, at each cut of a curve, by the class of the rows."""

    yes_positive: Floats
    """Cost of the positive rows above the cut if they are called positive; 0 at the first cut."""
    yes_negative: Floats
    no_positive: Floats
    """Cost of the positive rows below the cut if they are called negative; 0 at the last cut."""
    no_negative: Floats

    @classmethod
    def of_matrix(cls, curve: ThresholdCurve, matrix: Any = ((0.0, 1.0), (1.0, 0.0))) -> Mistakes:
        """Return those under ``matrix[true][called]``, by default 1 for each mistake."""
        (c_tn, c_fp), (c_fn, c_tp) = matrix
        tn, fp, fn, tp = curve.counts.confusion()
        return cls(c_tp * tp, c_fp * fp, c_fn * fn, c_tn * tn)


class Allowed(NamedTuple):
    """What the bounds and the budget allow: upper cuts, lower cuts, and the weight of rows between the two."""

    upper: NDArray[np.bool_]
    lower: NDArray[np.bool_]
    room: float


class Drawn(NamedTuple):
    """Lower and upper thresholds of bootstrap samples, on the logit-like scale."""

    low: Floats
    high: Floats
    scale: ScoreScale


@dataclass(frozen=True)
class Band:
    """A chosen band: no below `low`, yes from `high` on."""

    low: float
    high: float
    report: dict[str, Any]


def place(scores: Floats, low: float | Floats, high: float | Floats) -> NDArray[np.int_]:
    """Return 1 for yes, -1 for no and 0 for rows to be referred."""
    return np.where(decide(scores, high), 1, np.where(decide(scores, low), 0, -1))


def find_band(
    curve: ThresholdCurve,
    config: BandConfig,
    confidence_level: float,
    mistakes: Mistakes,
    *,
    stable: bool = True,
    probability: bool | None = None,
    seed: int = 0,
) -> Band:
    """Find the best band.

    Parameters
    ----------
    curve : ThresholdCurve
        Of the rows to choose on.
    config : BandConfig
        What is asked for.
    confidence_level : float
        At which all bounds hold together (Bonferroni).
    mistakes : Mistakes
        What decisions cost.
    stable : bool, default=True
        Whether both thresholds are the means of those of bootstrap samples, where mistakes or costs are to be few. It
        loses less on new rows than the best pair of a noisy curve does. Without it, and where referred rows are to be
        few, the band is the best of all pairs of cuts, exactly.
    probability : bool, optional
        Whether scores are probabilities; judged by their range if None.
    seed : int, default=0
        Of the bootstrap.

    Notes
    -----
    The cost of a pair is a sum of a term for each of its cuts. For each upper cut the lower cuts in reach of the budget
    are neighbours, so that a table of minima over runs of cuts finds the best of them: n log n steps for n cuts.
    """
    counted = sum(c.mode != "empirical" for c in [*config.bounds, *([config.budget] if config.budget else [])])
    alpha = (1 - confidence_level) / max(counted, 1)
    upper, upper_holds = _allowed(curve, [b for b in config.bounds if b.metric.name in UPPER], alpha, 0)
    lower, lower_holds = _allowed(curve, [b for b in config.bounds if b.metric.name in LOWER], alpha, len(curve) - 1)
    called = curve.tp + curve.fp
    allowed = Allowed(upper, lower, float(called[-1]) if config.budget is None else _room(curve, config.budget, alpha))
    yes, no = mistakes.yes_positive + mistakes.yes_negative, mistakes.no_positive + mistakes.no_negative
    stable = stable and not (config.referral is None and config.budget is None) and len(curve) > 2
    found, ends, intervals = None, None, None
    if stable:
        drawn = _bootstrap(curve, config, mistakes, allowed, probability, seed)
        if drawn is not None:
            tails = [(1 - confidence_level) / 2, (1 + confidence_level) / 2]
            intervals = tuple(tuple(map(float, drawn.scale.inverse(np.quantile(z, tails)))) for z in drawn[:2])
            ends = tuple(float(drawn.scale.inverse(z.mean())) for z in drawn[:2])
            found = _nearest_pair(called, allowed, int(curve.index(ends[1])), int(curve.index(ends[0])))
    if found is None:
        found = _best_pair(called, *_objective(called, config, yes, no), allowed)
    within = found is not None
    if found is None:  # the budget is too small for the bounds: the fewest rows beyond it
        found = _best_pair(called, -called, called, Allowed(upper, lower, float(called[-1])))
    if found is None:  # every row that one bound asks to be called positive another asks to be called negative
        middle = int(np.flatnonzero(upper)[0] + np.flatnonzero(lower)[-1]) // 2
        found = middle, middle
    report = {
        **_report(curve, config, alpha, found, (upper_holds, lower_holds)),
        "satisfied": within and upper_holds and lower_holds,
    }
    i, j = found
    if config.referral is not None:
        total = yes[i] + no[j] + config.referral * (called[j] - called[i])
        report["cost"] = float(total / max(called[-1], 1e-300))
    report["intervals"] = intervals
    low, high = float(curve.thresholds[j]), float(curve.thresholds[i])
    if ends is not None:  # the means themselves, where they make the same decisions
        low = ends[0] if int(curve.index(ends[0])) == j else low
        high = ends[1] if int(curve.index(ends[1])) == i else high
    # Without a row that is called positive no score would have been high enough: not even one beyond all of these.
    high, low = np.inf if i == 0 else high, -np.inf if j == len(curve) - 1 else low
    return Band(min(low, high), high, report)


def _objective(called: Floats, config: BandConfig, yes_cost: Floats, no_cost: Floats) -> tuple[Floats, Floats]:
    """Return the terms of the upper and of the lower cut; what is equally good refers fewer rows, or errs less."""
    referral = config.referral
    spans = (np.ptp(cost, axis=-1, keepdims=True) for cost in (yes_cost, no_cost))
    scale = np.maximum(np.maximum(*spans), 1e-300) / np.maximum(called[..., -1:], 1e-300)
    if referral is None and config.budget is None:
        share = TIE / scale
        return share * yes_cost - called, share * no_cost + called
    rate = (referral or 0.0) + TIE * scale
    return yes_cost - rate * called, no_cost + rate * called


def _allowed(
    curve: ThresholdCurve, bounds: Sequence[Constraint], alpha: float, nothing: int
) -> tuple[NDArray[np.bool_], bool]:
    """Return the cuts of one side that its bounds allow, and whether the bounds hold at any cut that decides rows.

    At the cut `nothing` no row is decided on this side, which keeps every bound on a share of the decided rows. Where
    bounds hold nowhere, there is that cut alone, or else the one that comes nearest.
    """
    if not bounds:
        return np.ones(len(curve), dtype=bool), True
    counted = sum(bound.mode != "empirical" for bound in bounds)
    outcome = find_feasible(curve, bounds, 1 - alpha * counted)
    assert outcome.feasible is not None
    allowed = outcome.feasible
    idle = curve.counts.at(np.array([nothing, -1]))
    if all(_is_empty(bound, idle) or bound.holds(bound.bound(idle, alpha)[0]) for bound in bounds):
        allowed = allowed & outcome.satisfied
        allowed[nothing] = True
    return allowed, outcome.satisfied


def _is_empty(bound: Constraint, counts: Counts) -> bool:
    """Whether no row is in the denominator of a share at the first cut of some counts."""
    assert bound.metric.proportion is not None
    named = dict(zip(("tn", "fp", "fn", "tp"), counts.confusion(), strict=True))
    return float(sum(named[key][0] for key in bound.metric.proportion[1])) <= 0


def _room(curve: ThresholdCurve, budget: Constraint, alpha: float) -> float:
    """Return the weight of rows that may be referred: the most for which the bound of the share keeps the budget."""
    total = curve.n_positive + curve.n_negative
    if budget.mode == "empirical":
        return budget.value * total * (1 + 1e-12)
    effective = total**2 / max(curve.counts.tp_sq[-1] + curve.counts.fp_sq[-1], 1e-300)
    low, high = 0.0, 1.0
    for _ in range(50):  # the bound grows with the share
        middle = (low + high) / 2
        low, high = (middle, high) if _share_bound(middle, effective, alpha) <= budget.value else (low, middle)
    return low * total * (1 + 1e-12)


def _share_bound(share: float, effective: float, alpha: float) -> float:
    """Bound a share of the rows from above; half the level, as for other proportions at cuts that labels chose."""
    return float(clopper_pearson(share * effective, effective, alpha / 2, "upper"))


def _best_pair(called: Floats, above: Floats, below: Floats, allowed: Allowed) -> tuple[int, int] | None:
    """Find the upper cut i and the lower cut j >= i of least above[i] + below[j] with at most `room` between them."""
    last = _last(called, allowed.room)
    table = _Minima(np.where(allowed.lower, below, np.inf))
    totals = np.where(allowed.upper, above + table.over(np.arange(len(called)), last), np.inf)
    i = int(totals.argmin())
    if not np.isfinite(totals[i]):
        return None
    return i, i + int(table.levels[0][i : last[i] + 1].argmin())


def _last(called: Floats, room: float) -> NDArray[np.intp]:
    """Return the furthest lower cut of each upper one."""
    return np.searchsorted(called, called + room, side="right") - 1


class _Minima:
    """Minima over runs of neighbours, along the last axis of some values."""

    def __init__(self, values: Floats) -> None:
        self.levels = [values]  # minima over runs of 1, 2, 4 ... values
        while 2 ** len(self.levels) <= values.shape[-1]:
            half = 2 ** (len(self.levels) - 1)
            self.levels.append(np.minimum(self.levels[-1][..., :-half], self.levels[-1][..., half:]))

    def over(self, first: NDArray[np.intp], last: NDArray[np.intp]) -> Floats:
        """Return the minimum of each run from `first` to `last`."""
        least = np.empty((*self.levels[0].shape[:-1], len(first)))
        level = np.frexp(last - first + 1.0)[1] - 1  # log2 of the length, rounded down
        for power, minima in enumerate(self.levels):
            here = np.flatnonzero(level == power)
            if len(here):
                least[..., here] = np.minimum(minima[..., first[here]], minima[..., last[here] - 2**power + 1])
        return least


def _nearest_pair(called: Floats, allowed: Allowed, i: int, j: int) -> tuple[int, int] | None:
    """Return the allowed pair of cuts next to a wished one, the upper cut first; None without any."""
    upper, lower, room = allowed
    if upper[i] and lower[j] and called[j] - called[i] <= room:
        return i, j
    last = _last(called, room)
    before = np.concatenate([[0], np.cumsum(lower)])
    possible = np.flatnonzero(upper & (before[last + 1] > before[np.arange(len(called))]))
    if not len(possible):
        return None
    i = int(possible[np.abs(possible - i).argmin()])
    reached = i + np.flatnonzero(lower[i : last[i] + 1])
    return i, int(reached[np.abs(reached - j).argmin()])


def _bootstrap(
    curve: ThresholdCurve,
    config: BandConfig,
    mistakes: Mistakes,
    allowed: Allowed,
    probability: bool | None,
    seed: int,
) -> Drawn | None:
    """Find the best bands of Poisson bootstrap samples, drawn on groups of neighbouring scores; None without any.

    What the bounds and the budget allow stays as it is on the rows themselves.
    """
    scale = ScoreScale.from_scores(curve.scores, probability)
    cuts = curve.spaced_cuts(BINS)
    rng = np.random.default_rng(seed)
    counts = curve.counts.at(cuts)
    factors = []
    for weight, square in ((counts.tp, counts.tp_sq), (counts.fp, counts.fp_sq)):
        rows = ratio(np.diff(weight) ** 2, np.diff(square))
        drawn = rng.poisson(rows, (BOOTSTRAPS, len(rows)))
        factors.append(np.divide(drawn, rows, out=np.zeros(drawn.shape), where=rows > 0))

    def resampled(positive: Floats, negative: Floats) -> Floats:
        steps = np.diff(positive[cuts]) * factors[0] + np.diff(negative[cuts]) * factors[1]
        return np.hstack([np.zeros((BOOTSTRAPS, 1)), np.cumsum(steps, axis=1)])

    called, yes = resampled(curve.tp, curve.fp), resampled(mistakes.yes_positive, mistakes.yes_negative)
    no = resampled(mistakes.no_positive, mistakes.no_negative)
    above, below = _objective(called, config, yes, no)
    lower, upper = allowed.lower[cuts], allowed.upper[cuts]
    last = _last((curve.tp + curve.fp)[cuts], allowed.room)
    table = _Minima(np.where(lower, below, np.inf))
    totals = np.where(upper, above + table.over(np.arange(len(cuts)), last), np.inf)
    best = totals.argmin(axis=1)
    if not np.isfinite(totals.min()):
        return None
    ends = np.array([i + table.levels[0][sample, i : last[i] + 1].argmin() for sample, i in enumerate(best)])
    z = scale.forward(curve.thresholds[cuts])
    return Drawn(z[ends], z[best], scale)


def _report(
    curve: ThresholdCurve, config: BandConfig, alpha: float, pair: tuple[int, int], holds: tuple[bool, bool]
) -> dict[str, Any]:
    """Say what a band comes to on the rows of the curve.

    `holds` says of the upper and of the lower side whether its bounds hold at any cut. If so, a side that decides no
    row keeps them too.
    """
    i, j = pair
    tn, _, fn, _ = (float(counts[j]) for counts in curve.counts.confusion())
    _, fp, _, tp = (float(counts[i]) for counts in curve.counts.confusion())
    total = curve.n_positive + curve.n_negative
    effective = total**2 / max(curve.counts.tp_sq[-1] + curve.counts.fp_sq[-1], 1e-300)
    referred = max(total - tn - fp - fn - tp, 0.0)
    lines = []
    for bound in config.bounds:
        upper = bound.metric.name in UPPER
        cut = i if upper else j
        here = curve.counts.at(np.array([cut, -1]))
        estimate, limit = float(bound.estimate(here)[0]), float(bound.bound(here, alpha)[0])
        satisfied = bool(bound.holds(limit))
        if _is_empty(bound, here):
            estimate, satisfied = np.nan, holds[0 if upper else 1]
        lines.append({"constraint": str(bound), "estimate": estimate, "bound": limit, "satisfied": satisfied})
    if (budget := config.budget) is not None:
        share = referred / total
        # Without a band no row is ever referred.
        limit = share if budget.mode == "empirical" or i == j else _share_bound(share, effective, alpha)
        kept = bool(limit <= budget.value + 1e-9)
        lines.append({"constraint": str(budget), "estimate": share, "bound": limit, "satisfied": kept})
    return {
        "referral_rate": referred / total,
        "error_rate": (fp + fn) / total,
        "precision": tp / (tp + fp) if tp + fp > 0 else np.nan,
        "npv": tn / (tn + fn) if tn + fn > 0 else np.nan,
        "constraints": lines,
    }
