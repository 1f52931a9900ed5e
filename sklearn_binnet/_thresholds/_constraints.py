"""Constraints on metrics: reading them, and the cuts at which they hold with confidence."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from sklearn_binnet._thresholds._bounds import metric_bound
from sklearn_binnet._thresholds._metrics import ALIASES, METRICS, Metric, find_metric

MODES = ("confident", "strict", "empirical")
# Bounds are evaluated at no more cuts than this, equal steps along the ROC curve: 20,000 steps
# lose nothing that data could tell, and exact binomial bounds cost about a microsecond each.
MAX_CUTS = 20_000
STRICT_CUTS = 200
STRICT_STARTS = 8

_PATTERN = re.compile(
    r"^\s*(?P<metric>[A-Za-z_][\w.]*)\s*(?P<operator>>=|<=|≥|≤|>|<)\s*"
    r"(?P<value>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?:\[\s*(?P<mode>\w+)\s*\])?\s*$"
)
_COMPLEMENTS = {"fnr": "recall", "fpr": "specificity", "fdr": "precision", "for": "npv"}


@dataclass(frozen=True)
class Constraint:
    """A bound that a metric must keep.

    Parameters
    ----------
    metric : Metric
    at_least : bool
        ``metric >= value`` if true, ``metric <= value`` if not.
    value : float
    mode : {"confident", "strict", "empirical"}
        "confident" asks for a confidence bound beyond `value`; "strict" corrects for the search
        over thresholds too; "empirical" asks the estimate alone.
    """

    metric: Metric
    at_least: bool
    value: float
    mode: str = "confident"

    def __str__(self):
        sign = ">=" if self.at_least else "<="
        mode = "" if self.mode == "confident" else f" [{self.mode}]"
        return f"{self.metric.name} {sign} {self.value:g}{mode}"

    @property
    def side(self):
        """Side of the confidence bound that decides."""
        return "lower" if self.at_least else "upper"

    def holds(self, values):
        """Whether values (estimates or bounds) keep the constraint."""
        slack = 1e-12
        return values >= self.value - slack if self.at_least else values <= self.value + slack

    def margin(self, values):
        """How far values are on the good side; negative where they are not."""
        values = np.nan_to_num(values, nan=-np.inf if self.at_least else np.inf)
        return values - self.value if self.at_least else self.value - values

    def estimate(self, counts):
        """Compute the metric itself at each cut."""
        return np.asarray(self.metric(*counts.confusion()), dtype=np.float64)

    def bound(self, counts, alpha):
        """Value that decides at each cut, at error level `alpha` for this constraint.

        A metric that is monotone in the threshold is bounded at all cuts at once by its pointwise
        bounds (its feasible cuts end at an order statistic of one class, the Neyman-Pearson
        umbrella); any other metric is bounded at each cut at half the level.

        References
        ----------
        Tong, Feng, Li (2018), "Neyman-Pearson classification algorithms and NP receiver
        operating characteristics", Science Advances 4.
        """
        if self.mode == "empirical":
            return self.estimate(counts)
        alpha = alpha if self.metric.monotone else alpha / 2
        return metric_bound(self.metric, counts, alpha, self.side)

    def feasible(self, curve, alpha, candidates=()):
        """Cuts at which the constraint holds.

        Parameters
        ----------
        curve : ThresholdCurve
        alpha : float
            1 - confidence level.
        candidates : sequence of int
            Cuts that are judged in any case; of a long curve's others only some are.

        Returns
        -------
        ndarray of bool, shape (n_cuts,)
        """
        feasible = np.zeros(len(curve), dtype=bool)
        if self.mode == "strict" and not self.metric.monotone:
            cuts = np.union1d(_share_cuts(curve, STRICT_CUTS), candidates).astype(int)
            feasible[cuts] = self._fixed_sequences(curve.counts.at(cuts), alpha)
        elif self.mode == "empirical":
            feasible = self.holds(self.estimate(curve.counts))
        else:
            cuts = np.union1d(curve.spaced_cuts(MAX_CUTS), candidates).astype(int)
            feasible[cuts] = self.holds(self.bound(curve.counts.at(cuts), alpha))
        return feasible

    def _fixed_sequences(self, counts, alpha):
        """Fixed-sequence tests from several starts, each with its share of the level.

        The starts depend on the share of rows called positive only, never on the labels; from each
        the tests walk on until one fails, so that walking costs no level.

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


def _share_cuts(curve, n_cuts):
    """Cuts at equal steps of the number of distinct scores called positive, halving at both ends.

    They depend on the scores alone.
    """
    last = len(curve) - 1
    even = np.linspace(0, last, n_cuts // 2)
    ends = last * 2.0 ** -np.linspace(0, np.log2(max(last, 2)), n_cuts // 4)
    return np.unique(np.round(np.concatenate([even, ends, last - ends])).astype(int))


def parse_constraint(constraint, metrics=None):
    """Read constraints.

    Parameters
    ----------
    constraint : None, str, Constraint or sequence of these
        ``"recall >= 0.9"``, with ``[strict]`` or ``[empirical]`` at its end if wanted; several as a
        list, or joined by "and".
    metrics : dict of str to Metric, optional
        Metrics beyond the usual ones (such as "cost").

    Returns
    -------
    list of Constraint

    Raises
    ------
    ValueError
        For unknown metrics, values that a metric cannot take, contradictions.
    """
    if constraint is None:
        return []
    if isinstance(constraint, str | Constraint):
        constraint = [constraint]
    if not isinstance(constraint, list | tuple):
        raise TypeError(
            f"`constraint` must be a string such as 'recall >= 0.9' or a list of such strings, got {constraint!r}."
        )
    parsed: list[Constraint] = []
    for item in constraint:
        if isinstance(item, Constraint):
            parsed.append(item)
        elif isinstance(item, str):
            parts = re.split(r"\s+and\s+|,", item)
            parsed += [_parse_one(part, metrics or {}) for part in parts]
        else:
            raise TypeError(
                f"`constraint` must hold strings such as 'recall >= 0.9', got {item!r} of type {type(item).__name__}."
            )
    _check_contradictions(parsed)
    return parsed


def _parse_one(text, metrics):
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(
            f"`constraint` {text!r} is not understood; write '<metric> >= <number>' or "
            "'<metric> <= <number>', such as 'recall >= 0.9'."
        )
    name, mode = match["metric"].lower(), match["mode"] or "confident"
    metric = metrics.get(name) or find_metric(name)
    if name == "cost" and metric is None:
        raise ValueError(
            f"`constraint` {text!r} is on the cost, but no cost matrix is given; pass `costs=[[tn, fp], [fn, tp]]` to "
            "the constructor (or to `retune`)."
        )
    if metric is None:
        raise ValueError(
            f"`constraint` names the unknown metric {match['metric']!r}; choose one of "
            f"{sorted({*METRICS, *metrics, 'f2', 'f0.5'})} or of the aliases {sorted(ALIASES)}."
        )
    if mode not in MODES:
        raise ValueError(f"`constraint` {text!r} asks for the unknown mode {mode!r}; choose one of {MODES}.")
    value = float(match["value"])
    low, high = metric.bounds
    if not low <= value <= high:
        raise ValueError(
            f"`constraint` {text!r} can never matter: {metric.name} lies between {low:g} and {high:g}, got {value:g}."
        )
    return Constraint(metric, match["operator"] in (">=", "≥", ">"), value, mode)


def _check_contradictions(constraints):
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
                f"`constraint` contradicts itself: '{first}' and '{second}' cannot both hold; "
                "drop or relax one of them."
            )
