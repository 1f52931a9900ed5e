"""Constraints on metrics: reading them, the cuts that they allow, and what to say when there are none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_binnet._thresholds._bounds import bound_keeps, metric_bound
from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve
from sklearn_binnet._thresholds._metrics import ALIASES, METRICS, Floats, Metric, find_metric

MODES = ("confident", "strict", "empirical")
STRICT_CUTS = 200
STRICT_STARTS = 8
MAX_GROWTH = 2.0**24
SLACK = 1e-12

_PATTERN = re.compile(
    r"^\s*(?P<metric>[A-Za-z_][\w.@]*)\s*(?P<operator>>=|<=|≥|≤|>|<)\s*"
    r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?:\[\s*(?P<mode>\w+)\s*\])?\s*$"
)
_COMPLEMENTS = {"fnr": "recall", "fpr": "specificity", "fdr": "precision", "for": "npv"}


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric must keep.

    The mode "confident" asks for a confidence bound beyond `value`; "strict" corrects for the
    search over thresholds too; "empirical" asks for the estimate alone.
    """

    metric: Metric
    at_least: bool  # ``metric >= value`` if true, ``metric <= value`` if not
    value: float
    mode: str = "confident"

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        mode = "" if self.mode == "confident" else f" [{self.mode}]"
        return f"{self.metric.name} {sign} {self.value:g}{mode}"

    @property
    def side(self) -> str:
        """Side of the confidence bound that decides."""
        return "lower" if self.at_least else "upper"

    def holds(self, values: ArrayLike) -> NDArray[np.bool_]:
        """Whether values (estimates or bounds) keep the constraint."""
        values = np.asarray(values)
        return values >= self.value - SLACK if self.at_least else values <= self.value + SLACK

    def margin(self, values: Floats) -> Floats:
        """Compute how far values are on the good side; negative where they are not."""
        values = np.nan_to_num(values, nan=-np.inf if self.at_least else np.inf)
        return values - self.value if self.at_least else self.value - values

    def estimate(self, counts: Counts) -> Floats:
        """Compute the metric itself at each cut."""
        return np.asarray(self.metric(*counts.confusion()), dtype=np.float64)

    def bound(self, counts: Counts, alpha: float) -> Floats:
        """Compute the value that decides at each cut, at error level `alpha` for this constraint.

        A metric that is monotone in the threshold is bounded at all cuts at once by its pointwise
        bounds, because its feasible cuts end at an order statistic of one class (the
        Neyman-Pearson umbrella). Any other metric is bounded at each cut at half the level.

        References
        ----------
        Tong, Feng, Li (2018), "Neyman-Pearson classification algorithms and NP receiver
        operating characteristics", Science Advances 4.
        """
        if self.mode == "empirical":
            return self.estimate(counts)
        alpha = alpha if self.metric.monotone else alpha / 2
        return metric_bound(self.metric, counts, alpha, self.side)

    def feasible(
        self, curve: ThresholdCurve, alpha: float, candidates: NDArray[np.intp] | None = None
    ) -> NDArray[np.bool_]:
        """Find the cuts at which the constraint holds at error level `alpha`.

        In the mode "strict", the cuts of some metrics are judged only in part; the candidates are judged in any case.
        """
        feasible = np.zeros(len(curve), dtype=bool)
        if self.mode == "strict" and not self.metric.monotone:
            cuts = _with_candidates(_share_cuts(curve, STRICT_CUTS), candidates)
            feasible[cuts] = self._fixed_sequences(curve.counts.at(cuts), alpha)
        elif self.mode == "empirical":
            feasible = self.holds(self.estimate(curve.counts))
        else:
            feasible = self._keeps(curve.counts, alpha)
        return feasible

    def _keeps(self, counts: Counts, alpha: float) -> NDArray[np.bool_]:
        """Whether the bound holds, as ``holds(bound(counts, alpha))`` but quicker."""
        alpha = alpha if self.metric.monotone else alpha / 2
        value = self.value - SLACK if self.at_least else self.value + SLACK
        return bound_keeps(self.metric, counts, alpha, self.side, value)

    def _fixed_sequences(self, counts: Counts, alpha: float) -> NDArray[np.bool_]:
        """Run fixed-sequence tests from several starts, each with its share of the level.

        The starts depend on the share of rows called positive alone, never on the labels. From
        each start the tests walk on until one fails, so that walking costs no level.

        References
        ----------
        Angelopoulos, Bates, Candès, Jordan, Lei (2025), "Learn then test: calibrating predictive
        algorithms to achieve risk control", Annals of Applied Statistics 19.
        """
        called = counts.tp + counts.fp
        share = called / max(float(called[-1]), 1e-300)
        denominator = set(self.metric.proportion[1]) if self.metric.proportion else set()
        halves = 2.0 ** -np.arange(STRICT_STARTS)
        if denominator == {"tp", "fp"}:  # tests gain rows as more are called positive
            walks = [(start, 1) for start in halves]
        elif denominator == {"tn", "fn"}:
            walks = [(1 - start, -1) for start in halves]
        else:
            starts = (np.arange(STRICT_STARTS) + 0.5) / STRICT_STARTS
            walks = [(start, step) for start in starts for step in (1, -1)]
        passed = self.holds(metric_bound(self.metric, counts, alpha / len(walks), self.side))
        feasible = np.zeros(len(passed), dtype=bool)
        for start, step in walks:
            first = int(np.abs(share - start).argmin())
            path = np.arange(first, len(passed) if step > 0 else -1, step)
            failed = np.flatnonzero(~passed[path])
            feasible[path[: failed[0]] if len(failed) else path] = True
        return feasible


def _with_candidates(cuts: NDArray[np.intp], candidates: NDArray[np.intp] | None) -> NDArray[np.intp]:
    return cuts if candidates is None else np.union1d(cuts, candidates).astype(np.intp)


def _share_cuts(curve: ThresholdCurve, n_cuts: int) -> NDArray[np.intp]:
    """Choose cuts, by the scores alone: equal steps in distinct scores called positive, halving at both ends."""
    last = len(curve) - 1
    even = np.linspace(0, last, n_cuts // 2)
    ends = last * 2.0 ** -np.linspace(0, np.log2(max(last, 2)), n_cuts // 4)
    return np.unique(np.round(np.concatenate([even, ends, last - ends])).astype(np.intp))


def parse_constraint(
    constraint: object,
    metrics: Mapping[str, Metric] | None = None,
    *,
    parameter: str = "constraint",
    usual: bool = True,
) -> list[Constraint]:
    """Read constraints; refuse unknown metrics, values that a metric cannot take, and contradictions.

    Parameters
    ----------
    constraint : None, str, Constraint or sequence of these
        ``"recall >= 0.9"``, with ``[strict]`` or ``[empirical]`` at its end if wanted; several as a
        list, or joined by "and".
    metrics : mapping of str to Metric, optional
        Metrics beyond the usual ones, such as "cost".
    parameter : str, default="constraint"
        What messages call `constraint`.
    usual : bool, default=True
        Whether the usual metrics may be named beside `metrics`.
    """
    if constraint is None:
        return []
    if isinstance(constraint, str | Constraint):
        constraint = [constraint]
    if not isinstance(constraint, list | tuple):
        raise TypeError(
            f"`{parameter}` must be a string such as 'recall >= 0.9' or a list of such strings, got {constraint!r}."
        )
    parsed: list[Constraint] = []
    for item in constraint:
        if isinstance(item, Constraint):
            parsed.append(item)
        elif isinstance(item, str):
            parts = re.split(r"\s+and\s+|,", item)
            parsed += [_parse_one(part, metrics or {}, parameter, usual) for part in parts]
        else:
            raise TypeError(
                f"`{parameter}` must hold strings such as 'recall >= 0.9', got {item!r} of type {type(item).__name__}."
            )
    _check_contradictions(parsed, parameter)
    return parsed


def _parse_one(text: str, metrics: Mapping[str, Metric], parameter: str, usual: bool) -> Constraint:
    """Read one constraint from its text."""
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(
            f"`{parameter}` {text!r} is not understood; write '<metric> >= <number>' or "
            "'<metric> <= <number>', such as 'recall >= 0.9'."
        )
    name, mode = match["metric"].lower(), match["mode"] or "confident"
    metric = find_metric(name, metrics) if usual else metrics.get(name)
    if name == "cost" and metric is None:
        raise ValueError(
            f"`{parameter}` {text!r} is on the cost, but no cost matrix is given; pass `costs=[[tn, fp], [fn, tp]]` to "
            "the constructor (or to `retune`)."
        )
    if metric is None:
        raise ValueError(
            f"`{parameter}` names the unknown metric {match['metric']!r}; choose one of {_names(metrics, usual)}."
        )
    if mode not in MODES:
        raise ValueError(f"`{parameter}` {text!r} asks for the unknown mode {mode!r}; choose one of {MODES}.")
    value = float(match["value"])
    low, high = metric.bounds
    if not low <= value <= high:
        raise ValueError(
            f"`{parameter}` {text!r} always holds or never: {metric.name} lies between {low:g} and {high:g}, and the "
            f"number to compare it with must too; got {value:g}."
        )
    return Constraint(metric, match["operator"] in (">=", "≥", ">"), value, mode)


def _names(metrics: Mapping[str, Metric], usual: bool) -> str:
    """Return the metrics that a constraint may name, for a message."""
    if not usual:
        return str(sorted(metrics))
    known = sorted({*METRICS, *metrics, "f2", "f0.5", "net_benefit@0.2"})
    return f"{known} or of the aliases {sorted(ALIASES)}"


def _check_contradictions(constraints: Sequence[Constraint], parameter: str) -> None:
    """Refuse ``a >= x`` with ``a <= y < x``, complements (recall and fnr) included."""
    floors: dict[str, tuple[float, Constraint]] = {}
    ceilings: dict[str, tuple[float, Constraint]] = {}
    for constraint in constraints:
        name, at_least, value = constraint.metric.name, constraint.at_least, constraint.value
        if name in _COMPLEMENTS:
            name, at_least, value = _COMPLEMENTS[name], not at_least, 1 - value
        known = floors if at_least else ceilings
        tighter = max if at_least else min
        known[name] = tighter(known.get(name, (value, constraint)), (value, constraint), key=lambda pair: pair[0])
    for name in floors.keys() & ceilings.keys():
        (floor, first), (ceiling, second) = floors[name], ceilings[name]
        if floor > ceiling + 1e-12:
            raise ValueError(
                f"`{parameter}` contradicts itself: '{first}' and '{second}' cannot both hold; "
                "drop or relax one of them."
            )


@dataclass(frozen=True)
class Feasibility:
    """Outcome of a set of constraints on a curve."""

    # Cuts to choose from; where nothing satisfies the constraints, the one cut that comes nearest.
    # None without constraints.
    feasible: NDArray[np.bool_] | None
    satisfied: bool
    alpha: float  # error level of each constraint
    candidates: NDArray[np.intp] | None = None  # the only cuts there were to choose from; all if None


def find_feasible(
    curve: ThresholdCurve,
    constraints: Sequence[Constraint],
    confidence_level: float,
    candidates: NDArray[np.intp] | None = None,
) -> Feasibility:
    """Find the cuts at which all constraints hold together at the confidence level (Bonferroni).

    If candidates (cuts, ascending) are given, only these may be chosen.
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
        feasible &= constraint.feasible(curve, alpha, candidates)
    if feasible.any():
        return Feasibility(feasible, True, alpha, candidates)
    cuts, counts = _sampled(curve, candidates)
    margins = [constraint.margin(constraint.bound(counts, alpha))[: len(cuts)] for constraint in constraints]
    feasible[cuts[int(np.min(margins, axis=0).argmax())]] = True
    return Feasibility(feasible, False, alpha, candidates)


def _sampled(curve: ThresholdCurve, candidates: NDArray[np.intp] | None) -> tuple[NDArray[np.intp], Counts]:
    """Cuts to look at, the candidates or some of all, and their counts with the totals at the end."""
    cuts = curve.spaced_cuts(2000) if candidates is None else candidates
    return cuts, curve.counts.at(np.append(cuts, -1))


def report(
    curve: ThresholdCurve, constraints: Sequence[Constraint], threshold: float, outcome: Feasibility
) -> list[dict[str, Any]]:
    """Say what each constraint comes to at the chosen threshold.

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
    lines = []
    for constraint in constraints:
        bound = float(constraint.bound(here, outcome.alpha)[0])
        bounds = constraint.bound(counts, outcome.alpha)[: len(cuts)]
        nearest = float(bounds[constraint.margin(bounds).argmax()])
        reachable = outcome.satisfied
        if not reachable:
            holds = constraint.feasible(curve, outcome.alpha, outcome.candidates)
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


def positives_needed(constraint: Constraint, counts: Counts, alpha: float) -> float:
    """Find how many rows of the positive class it takes to show the constraint, with curves like these.

    The counts are those of the cuts to choose from, with the totals once more at the end. The
    number is infinite where the estimate itself nowhere keeps the constraint.
    """

    def enough(growth: float) -> bool:
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


def shortfall_message(lines: Sequence[Mapping[str, Any]]) -> str:
    """Write the warning for constraints that nothing satisfies, from the lines of `report`."""
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
