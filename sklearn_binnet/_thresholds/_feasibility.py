"""The cuts that several constraints allow together, and what to say when there are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sklearn_binnet._thresholds._constraints import Constraint
from sklearn_binnet._thresholds._curve import Counts

MAX_GROWTH = 2.0**24


@dataclass(frozen=True)
class Feasibility:
    """Outcome of a set of constraints on a curve.

    Attributes
    ----------
    feasible : ndarray of bool, shape (n_cuts,), or None
        Cuts to choose from; where nothing satisfies the constraints, the one cut that comes
        nearest.  None without constraints.
    satisfied : bool
    alpha : float
        Error level of each constraint.
    candidates : ndarray of int or None
        The only cuts there were to choose from; None for all.
    """

    feasible: np.ndarray | None
    satisfied: bool
    alpha: float
    candidates: np.ndarray | None = None


def find_feasible(curve, constraints: list[Constraint], confidence_level, candidates=None) -> Feasibility:
    """Cuts at which all constraints hold together at the confidence level (Bonferroni).

    Parameters
    ----------
    curve : ThresholdCurve
    constraints : list of Constraint
    confidence_level : float
    candidates : ndarray of int, optional
        The only cuts that may be chosen, ascending.

    Returns
    -------
    Feasibility
    """
    counted = sum(constraint.mode != "empirical" for constraint in constraints)
    alpha = (1 - confidence_level) / max(counted, 1)
    if not constraints and candidates is None:
        return Feasibility(None, True, alpha)
    feasible = np.ones(len(curve), dtype=bool)
    if candidates is not None:
        feasible[:] = False
        feasible[candidates] = True
    for constraint in constraints:
        feasible &= constraint.feasible(curve, alpha, () if candidates is None else candidates)
    if feasible.any():
        return Feasibility(feasible, True, alpha, candidates)
    cuts, counts = _sampled(curve, candidates)
    margins = [constraint.margin(constraint.bound(counts, alpha))[: len(cuts)] for constraint in constraints]
    feasible[cuts[int(np.min(margins, axis=0).argmax())]] = True
    return Feasibility(feasible, False, alpha, candidates)


def _sampled(curve, candidates):
    """Cuts to look at, the candidates or some of all, and their counts with the totals at the end."""
    cuts = curve.spaced_cuts(2000) if candidates is None else candidates
    return cuts, curve.counts.at(np.append(cuts, -1))


def report(curve, constraints, threshold, outcome: Feasibility):
    """Say what each constraint comes to at the chosen threshold.

    Parameters
    ----------
    curve : ThresholdCurve
    constraints : list of Constraint
    threshold : float
    outcome : Feasibility

    Returns
    -------
    list of dict
        For each constraint: ``constraint`` (its text), ``estimate`` and ``bound`` at the
        threshold, ``satisfied``, ``nearest`` (the best bound that any candidate reaches) and
        ``positives_needed`` (rows of the positive class that it would take, with these scores, to
        satisfy it; infinite if more rows alone do not help; None where it is satisfied).
    """
    cut = int(curve.index(threshold))
    here = curve.counts.at(np.array([cut, -1]))
    cuts, counts = _sampled(curve, outcome.candidates)
    judged = () if outcome.candidates is None else outcome.candidates
    lines = []
    for constraint in constraints:
        bound = float(constraint.bound(here, outcome.alpha)[0])
        bounds = constraint.bound(counts, outcome.alpha)[: len(cuts)]
        nearest = float(bounds[constraint.margin(bounds).argmax()])
        holds = constraint.feasible(curve, outcome.alpha, judged)
        reachable = bool(holds.any() if outcome.candidates is None else holds[outcome.candidates].any())
        lines.append(
            {
                "constraint": str(constraint),
                "estimate": float(constraint.estimate(here)[0]),
                "bound": bound,
                "satisfied": bool(outcome.satisfied or constraint.holds(bound)),
                "nearest": nearest,
                "positives_needed": None if reachable else positives_needed(constraint, counts, outcome.alpha),
            }
        )
    return lines


def positives_needed(constraint, counts, alpha):
    """Rows of the positive class at which the constraint could be shown, with curves like these.

    Parameters
    ----------
    constraint : Constraint
    counts : Counts
        At the cuts to choose from, and the totals once more at the end.
    alpha : float

    Returns
    -------
    float
        Infinite where the estimate itself nowhere keeps the constraint.
    """

    def enough(growth):
        grown = Counts(*(values * growth for values in counts))
        # Whole numbers of rows keep exact bounds exact; the squares grow like the rows.
        return bool(constraint.holds(constraint.bound(grown, alpha)[:-1]).any())

    if not enough(MAX_GROWTH):
        return np.inf
    low, high = 1.0, 2.0
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * low:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    positives = counts.tp[-1] ** 2 / max(counts.tp_sq[-1], 1e-300)
    return float(np.ceil(high * positives - 1e-6))


def shortfall_message(lines):
    """Warning text for constraints that nothing satisfies."""
    parts = []
    for line in lines:
        if line["positives_needed"] is None:
            continue
        needed = line["positives_needed"]
        help_text = (
            "more rows alone would not help, as the scores do not reach it"
            if np.isinf(needed)
            else f"about {needed:.0f} rows of the positive class would be needed"
        )
        parts.append(
            f"'{line['constraint']}' cannot be shown: the nearest bound that any threshold "
            f"reaches is {line['nearest']:.4g}, and {help_text}"
        )
    if not parts:
        texts = ", ".join(f"'{line['constraint']}'" for line in lines)
        parts.append(f"each of {texts} can be satisfied, but no threshold satisfies them together")
    return (
        "No threshold satisfies the constraint at the confidence level: "
        + "; ".join(parts)
        + ". The threshold that comes nearest is used, and `constraint_satisfied_` is False."
    )
