"""Two thresholds with a band between them: yes above, no below, and the rows between are referred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._thresholds._bounds import clopper_pearson
from sklearn_binnet._thresholds._constraints import Constraint, find_feasible
from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve, decide
from sklearn_binnet._thresholds._metrics import Floats, Metric

UPPER = frozenset({"precision", "fdr", "recall", "fpr", "positive_rate"})
"""Metrics of the rows that are called positive, which the upper threshold alone decides about."""
LOWER = frozenset({"npv", "for", "specificity", "fnr"})
"""Metrics of the rows that are called negative, which the lower threshold alone decides about."""
REFERRAL_RATE = Metric("referral_rate", lambda *counts: np.nan, False)
"""Names the share of rows that are referred in a constraint. It is no function of four counts."""
TIE = 1e-9


@dataclass(frozen=True)
class BandRequest:
    """What a band must keep, and what it should make small.

    Mistakes cost what `costs` says, and a referred row costs `referral`. Without `referral` the mistakes are made few
    if there is a `budget`, and the referred rows are if there is none.
    """

    bounds: list[Constraint] = field(default_factory=list)
    """On metrics of `UPPER` and `LOWER`."""
    budget: Constraint | None = None
    """On the share of rows that are referred."""
    referral: float | None = None


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
    curve: ThresholdCurve, request: BandRequest, confidence_level: float, yes_cost: Floats, no_cost: Floats
) -> Band:
    """Find the best band exactly: over all pairs of cuts of the curve.

    Parameters
    ----------
    curve : ThresholdCurve
        Of the rows to choose on.
    request : BandRequest
        What is asked for.
    confidence_level : float
        At which all bounds hold together (Bonferroni).
    yes_cost : ndarray of shape (n_cuts,)
        Cost of the rows above each cut if all of them are called positive.
    no_cost : ndarray of shape (n_cuts,)
        Cost of the rows below each cut if all of them are called negative.

    Notes
    -----
    The cost of a pair is a sum of a term for each of its cuts. For each upper cut the lower cuts in reach of the budget
    are neighbours, so that a table of minima over runs of cuts finds the best of them: n log n steps for n cuts.
    """
    counted = sum(c.mode != "empirical" for c in [*request.bounds, *([request.budget] if request.budget else [])])
    alpha = (1 - confidence_level) / max(counted, 1)
    upper, upper_holds = _allowed(curve, [b for b in request.bounds if b.metric.name in UPPER], alpha, 0)
    lower, lower_holds = _allowed(curve, [b for b in request.bounds if b.metric.name in LOWER], alpha, len(curve) - 1)
    called = curve.tp + curve.fp
    room = called[-1] if request.budget is None else _room(curve, request.budget, alpha)
    above, below = _objective(called, request, yes_cost, no_cost)
    found = _best_pair(called, above, below, upper, lower, room)
    within = found is not None
    if found is None:  # the budget is too small for the bounds: the fewest rows beyond it
        found = _best_pair(called, -called, called, upper, lower, float(called[-1]))
    if found is None:  # every row that one bound asks to be called positive another asks to be called negative
        middle = int(np.flatnonzero(upper)[0] + np.flatnonzero(lower)[-1]) // 2
        found = middle, middle
    report = {**_report(curve, request, alpha, found), "satisfied": within and upper_holds and lower_holds}
    if request.referral is not None:
        i, j = found
        total = yes_cost[i] + no_cost[j] + request.referral * (called[j] - called[i])
        report["cost"] = float(total / max(called[-1], 1e-300))
    i, j = found
    # Without a row that is called positive no score would have been high enough: not even one beyond all of these.
    high = float(curve.thresholds[i]) if i > 0 else np.inf
    low = float(curve.thresholds[j]) if j < len(curve) - 1 else -np.inf
    return Band(low, high, report)


def _objective(called: Floats, request: BandRequest, yes_cost: Floats, no_cost: Floats) -> tuple[Floats, Floats]:
    """Return the terms of the upper and of the lower cut; what is equally good refers fewer rows, or errs less."""
    referral = request.referral
    scale = max(float(yes_cost[-1] - yes_cost[0]), float(no_cost[0] - no_cost[-1]), 1e-300) / max(called[-1], 1e-300)
    if referral is None and request.budget is None:
        share = TIE / max(scale, 1e-300)
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


def _best_pair(
    called: Floats, above: Floats, below: Floats, upper: NDArray[np.bool_], lower: NDArray[np.bool_], room: float
) -> tuple[int, int] | None:
    """Find the upper cut i and the lower cut j >= i of least above[i] + below[j] with at most `room` between them."""
    last = np.searchsorted(called, called + room, side="right") - 1  # furthest lower cut of each upper one
    table = [np.where(lower, below, np.inf)]  # minima over runs of 1, 2, 4 ... cuts
    while 2 ** len(table) <= len(called):
        half = 2 ** (len(table) - 1)
        table.append(np.minimum(table[-1][:-half], table[-1][half:]))
    first = np.arange(len(called))
    level = np.frexp(last - first + 1.0)[1] - 1  # log2 of the length of each run, rounded down
    least = np.empty(len(called))
    for power, minima in enumerate(table):
        here = np.flatnonzero(level == power)
        least[here] = np.minimum(minima[first[here]], minima[last[here] - 2**power + 1])
    totals = np.where(upper, above + least, np.inf)
    i = int(totals.argmin())
    if not np.isfinite(totals[i]):
        return None
    return i, i + int(table[0][i : last[i] + 1].argmin())


def _report(curve: ThresholdCurve, request: BandRequest, alpha: float, pair: tuple[int, int]) -> dict[str, Any]:
    """Say what a band comes to on the rows of the curve."""
    i, j = pair
    tn, _, fn, _ = (float(counts[j]) for counts in curve.counts.confusion())
    _, fp, _, tp = (float(counts[i]) for counts in curve.counts.confusion())
    total = curve.n_positive + curve.n_negative
    effective = total**2 / max(curve.counts.tp_sq[-1] + curve.counts.fp_sq[-1], 1e-300)
    referred = max(total - tn - fp - fn - tp, 0.0)
    lines = []
    for bound in request.bounds:
        cut = i if bound.metric.name in UPPER else j
        here = curve.counts.at(np.array([cut, -1]))
        estimate, limit = float(bound.estimate(here)[0]), float(bound.bound(here, alpha)[0])
        if _is_empty(bound, here):
            estimate = np.nan
        lines.append(
            {"constraint": str(bound), "estimate": estimate, "bound": limit, "satisfied": bool(bound.holds(limit))}
        )
    if (budget := request.budget) is not None:
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
