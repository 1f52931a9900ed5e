"""A threshold for each group of rows, with a tolerance for how far the groups may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._thresholds._bounds import clopper_pearson
from sklearn_binnet._thresholds._constraints import Constraint
from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve
from sklearn_binnet._thresholds._metrics import CountsFunction, Floats, Metric, ratio

GRID = 2000  # steps along the ROC curve of all rows that thresholds are chosen from
WINDOWS = {1: 2000, 2: 100}  # places of the lowest rate that are tried, by the number of rates compared
PARTS = (0.72, 0.85, 1.0)  # of the intervals that a window must hold; half of the square root of 2 is the least
NODES = 400  # places at which confidence bounds are computed; between them they are interpolated
PASSES = 20
SLACK = 1e-12
TIE = 1e-9

PARITIES = {
    "equal_opportunity": ("recall",),
    "predictive_equality": ("fpr",),
    "demographic_parity": ("positive_rate",),
    "equalized_odds": ("recall", "fpr"),
}
"""What may be asked of groups, and the rates that it compares."""
PARITY_METRICS = {name: Metric(name, lambda *counts: np.nan, False) for name in PARITIES}
"""They name a difference between groups in a constraint. They are no functions of four counts."""


class GroupChoice(NamedTuple):
    """A threshold for each group, and what these come to; the groups stand in the order of their curves."""

    thresholds: Floats
    report: dict[str, Any]


class Window(NamedTuple):
    """A rate of each group at each cut, from below and from above, both rising; all must fit into a width."""

    low: Floats
    high: Floats
    width: float


@dataclass(frozen=True)
class GroupCounts:
    """Counts of every group, (n_groups, n_cuts), at thresholds that are the same for all of them."""

    tp: Floats
    fp: Floats
    n_positive: Floats  # effective numbers of rows of each class (Kish)
    n_negative: Floats

    @classmethod
    def at(cls, curves: Sequence[ThresholdCurve], thresholds: Floats) -> GroupCounts:
        """Look the groups up."""
        cuts = [curve.index(thresholds) for curve in curves]
        tp, fp = (
            np.array([part[c] for part, c in zip(parts, cuts, strict=True)])
            for parts in ([curve.tp for curve in curves], [curve.fp for curve in curves])
        )
        counts = [curve.counts for curve in curves]
        n_positive = np.array([float(ratio(c.tp[-1] ** 2, c.tp_sq[-1])) for c in counts])
        n_negative = np.array([float(ratio(c.fp[-1] ** 2, c.fp_sq[-1])) for c in counts])
        return cls(tp, fp, n_positive, n_negative)

    def rate(self, name: str) -> tuple[Floats, Floats]:
        """Return a rate of each group at each cut, and the effective number of rows behind it."""
        if name == "recall":
            return _shares(self.tp), self.n_positive
        if name == "fpr":
            return _shares(self.fp), self.n_negative
        positives, negatives = self.tp[:, -1], self.fp[:, -1]
        squares = ratio(positives**2, self.n_positive) + ratio(negatives**2, self.n_negative)
        return _shares(self.tp + self.fp), ratio((positives + negatives) ** 2, squares)

    def drawn(self, own: tuple[Floats, Floats]) -> GroupCounts:
        """Draw the groups towards all rows."""
        return GroupCounts(draw(self.tp, own[0]), draw(self.fp, own[1]), self.n_positive, self.n_negative)


def find_groups(
    curves: Sequence[ThresholdCurve],
    worth: Sequence[Counts | None],
    pooled: ThresholdCurve,
    objective: CountsFunction,
    parity: Sequence[Constraint],
    confidence_level: float,
    common: float,
) -> GroupChoice:
    """Choose a threshold for each group: the best objective of all rows together, within the tolerances.

    A tolerance asks that the confidence bound of the largest difference keeps it; with [empirical] the difference
    itself. Thresholds that do are found by windows: the rates of all groups, with a part of their confidence intervals,
    must fit into a window of the width of the tolerance. For each place of the window, each group has a run of
    thresholds to choose from by itself. So an objective that is linear in the counts is maximised exactly over the
    thresholds that are tried. Any other is maximised by a sequence of linear ones, which finds the optimum of a ratio
    such as F1 (Dinkelbach 1967), and of others a local one. Small groups are drawn towards all rows before they are
    judged (see `own_weight`). Where no thresholds can be shown to keep a tolerance, these drawn rates keep it.

    Parameters
    ----------
    curves : sequence of ThresholdCurve
        One for each group.
    worth : sequence of Counts or None
        What the objective counts in each group, if not its rows.
    pooled : ThresholdCurve
        Of all rows.
    objective : callable
        ``f(tn, fp, fn, tp)`` of all rows together, to be maximised.
    parity : sequence of Constraint
        Tolerances, on metrics of `PARITY_METRICS`.
    confidence_level : float
        At which all tolerances hold together (Bonferroni).
    common : float
        The threshold of all rows. Of equally good thresholds a group takes the one next to it.
    """
    thresholds = pooled.thresholds[pooled.spaced_cuts(GRID)]
    groups = GroupCounts.at(curves, thresholds)
    judged = groups if worth[0] is None else _worth_at(curves, worth, thresholds)
    asked = [(rate, bound) for bound in parity for rate in PARITIES[bound.metric.name]]
    alpha = (1 - confidence_level) / max(sum(bound.mode != "empirical" for _, bound in asked), 1)
    start = int(np.abs(pooled.index(thresholds) - pooled.index(common)).argmin())
    own = own_weight(groups.tp, groups.n_positive), own_weight(groups.fp, groups.n_negative)
    if all(bound.mode == "empirical" for bound in parity):  # about these very rows
        own = np.ones(len(curves)), np.ones(len(curves))
    drawn, objects = groups.drawn(own), judged.drawn(own)
    shown = False
    intervals = [(_interval(groups, rate, bound, alpha), bound.value) for rate, bound in asked]
    for part in PARTS:  # the narrower the intervals, the better the thresholds, if their bound is kept
        windows = [Window(p + part * (a - p), p + part * (b - p), width) for (p, a, b), width in intervals]
        cuts = _search(objects, windows, objective, start)
        if cuts is not None and all(line["satisfied"] for line in _report(groups, parity, alpha, cuts)["constraints"]):
            shown = True
            break
    if not shown:
        estimates = [drawn.rate(rate)[0] for rate, _ in asked]
        windows = [Window(rate, rate, bound.value) for rate, (_, bound) in zip(estimates, asked, strict=True)]
        cuts = _search(objects, windows, objective, start)
    assert cuts is not None  # nobody positive in any group keeps every tolerance
    report = _report(groups, parity, alpha, cuts)
    for line, threshold, positives, negatives in zip(report["groups"], thresholds[cuts], *own, strict=True):
        line |= {"threshold": float(threshold), "own_weight": (float(positives), float(negatives))}
    everybody = np.full(len(curves), start)
    report |= {"score": _score(judged, objective, cuts), "common_score": _score(judged, objective, everybody)}
    report["satisfied"] = shown
    return GroupChoice(thresholds[cuts], report)


def _worth_at(curves: Sequence[ThresholdCurve], worth: Sequence[Counts | None], thresholds: Floats) -> GroupCounts:
    """Look up what the objective counts."""
    cuts = [curve.index(thresholds) for curve in curves]
    parts = [c for c in worth if c is not None]
    tp = np.array([c.tp[at] for c, at in zip(parts, cuts, strict=True)])
    fp = np.array([c.fp[at] for c, at in zip(parts, cuts, strict=True)])
    return GroupCounts(tp, fp, tp[:, -1], fp[:, -1])


def _shares(counts: Floats) -> Floats:
    """Divide the counts of each group by its total."""
    return ratio(counts, counts[:, -1:])


# ------------------------------------------------------------------ small groups


def own_weight(counts: Floats, sizes: Floats) -> Floats:
    """Return the weight that each group's own shares get beside those of all rows, by empirical Bayes.

    The groups' shares differ by chance and in truth. What chance makes of them is known from their sizes; the rest of
    the variance, taken at nine thresholds, is the truth (DerSimonian and Laird 1986). At least a tenth of what is seen
    is taken for the truth, as its estimate from few groups may well be 0.

    References
    ----------
    Morris (1983), "Parametric empirical Bayes inference: theory and applications", JASA 78.
    """
    shares, total = _shares(counts), max(float(sizes.sum()), 1e-300)
    all_rows = sizes @ shares / total
    places = np.unique(np.searchsorted(all_rows, np.linspace(0.1, 0.9, 9)).clip(0, len(all_rows) - 1))
    variance = all_rows[places] * (1 - all_rows[places])
    places, variance = places[variance > 1e-9], variance[variance > 1e-9]
    spread = total - float(sizes @ sizes) / total
    if not len(places) or spread <= 0:
        return np.ones(len(sizes))
    seen = float(np.mean(sizes @ (shares[:, places] - all_rows[places]) ** 2 / variance))
    truth = max(seen - (len(sizes) - 1), 0.1 * seen) / spread
    return truth * sizes / (1 + truth * sizes)


def draw(counts: Floats, own: Floats) -> Floats:
    """Draw the shares of each group towards those of all rows; a group keeps its total."""
    totals = counts[:, -1:]
    everybody = counts.sum(axis=0) / max(float(totals.sum()), 1e-300)
    return totals * (own[:, None] * _shares(counts) + (1 - own[:, None]) * everybody)


# ------------------------------------------------------------------ the search


def _interval(groups: GroupCounts, rate: str, bound: Constraint, alpha: float) -> tuple[Floats, Floats, Floats]:
    """Return a rate of each group at each cut, and the ends of its interval; with [empirical] the rate three times."""
    shares, sizes = groups.rate(rate)
    if bound.mode == "empirical":
        return shares, shares, shares
    tail = _tail(alpha, len(sizes))
    nodes = np.sin(np.linspace(0, np.pi / 2, NODES)) ** 2  # closer together where bounds bend
    low, high = (
        np.array(
            [
                np.interp(share, nodes, clopper_pearson(nodes * size, size, tail, side))
                for share, size in zip(shares, sizes, strict=True)
            ]
        )
        for side in ("lower", "upper")
    )
    return shares, low, high


def _search(groups: GroupCounts, windows: list[Window], objective: CountsFunction, start: int) -> NDArray[Any] | None:
    """Find the cut of each group; None where no place of the windows lets every group in."""
    first, last = _runs(windows)
    if not len(first):
        return None
    cuts = np.full(len(groups.tp), start)
    best, value = None, -np.inf
    for _ in range(PASSES):
        gain, loss = _slopes(groups, objective, cuts)
        cuts = _best_linear(gain * groups.tp + loss * groups.fp, first, last, start)
        reached = _score(groups, objective, cuts)
        if best is not None and not reached > value + SLACK * max(1.0, abs(value)):
            break
        best, value = cuts, reached
    return best


def _runs(windows: list[Window]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first and the last cut of each group, (n_places, n_groups), for each place of the windows."""
    first = last = None
    for low, high, width in windows:
        places = np.unique(low)
        if len(places) > WINDOWS[len(windows)]:
            places = places[np.linspace(0, len(places) - 1, WINDOWS[len(windows)]).astype(int)]
        begin = np.column_stack([np.searchsorted(row, places - SLACK, side="left") for row in low])
        end = np.column_stack([np.searchsorted(row, places + width + SLACK, side="right") - 1 for row in high])
        if first is None or last is None:
            first, last = begin, end
        else:
            first = np.maximum(first[:, None], begin[None]).reshape(-1, begin.shape[1])
            last = np.minimum(last[:, None], end[None]).reshape(-1, begin.shape[1])
    assert first is not None
    assert last is not None
    fits = (first <= last).all(axis=1)
    return first[fits], last[fits]


def _slopes(groups: GroupCounts, objective: CountsFunction, cuts: NDArray[Any]) -> tuple[float, float]:
    """Return how the objective changes with a true positive and with a false one, at the counts of some cuts."""
    rows = np.arange(len(cuts))
    tp, fp = float(groups.tp[rows, cuts].sum()), float(groups.fp[rows, cuts].sum())
    positives, negatives = float(groups.tp[:, -1].sum()), float(groups.fp[:, -1].sum())
    slopes = []
    for step_tp, step_fp in ((1e-4 * positives, 0.0), (0.0, 1e-4 * negatives)):
        below = max(tp - step_tp, 0.0), max(fp - step_fp, 0.0)
        above = min(tp + step_tp, positives), min(fp + step_fp, negatives)
        values = [objective(negatives - f, f, positives - t, t) for t, f in (below, above)]
        size = sum(above) - sum(below)
        slope = (float(values[1]) - float(values[0])) / size if size > 0 else 0.0
        slopes.append(slope if np.isfinite(slope) else 0.0)
    return slopes[0], slopes[1]


def _best_linear(utility: Floats, first: NDArray[Any], last: NDArray[Any], start: int) -> NDArray[Any]:
    """Return the cuts of the best place; `utility` is that of each group at each cut."""
    n_cuts = utility.shape[1]
    scale = max(float(np.abs(utility).max()), 1e-300)
    utility = utility - TIE * scale * np.abs(np.arange(n_cuts) - start) / n_cuts
    level = np.frexp(last - first + 1.0)[1] - 1  # log2 of the length of each run, rounded down
    total = np.zeros(len(first))
    for group, row in enumerate(utility):
        table = np.full((int(level[:, group].max()) + 1, n_cuts), -np.inf)  # maxima over runs of 1, 2, 4 ... cuts
        table[0] = row
        for power in range(1, len(table)):
            half = 2 ** (power - 1)
            table[power, : n_cuts - 2 * half + 1] = np.maximum(
                table[power - 1, : n_cuts - 2 * half + 1], table[power - 1, half : n_cuts - half + 1]
            )
        power = level[:, group]
        total += np.maximum(
            table[power, first[:, group]], table[power, last[:, group] - 2 ** power.astype(np.intp) + 1]
        )
    place = int(total.argmax())
    runs = zip(utility, first[place], last[place], strict=True)
    return np.array([int(a) + int(row[a : b + 1].argmax()) for row, a, b in runs])


def _score(groups: GroupCounts, objective: CountsFunction, cuts: NDArray[Any]) -> float:
    """Return the objective of all rows together."""
    rows = np.arange(len(cuts))
    tp, fp = groups.tp[rows, cuts].sum(), groups.fp[rows, cuts].sum()
    return float(objective(groups.fp[:, -1].sum() - fp, fp, groups.tp[:, -1].sum() - tp, tp))


# ------------------------------------------------------------------ what came of it


def _tail(alpha: float, n_groups: int) -> float:
    """Return the level of one end of one interval, so that the differences of all pairs are bounded together."""
    return alpha / (n_groups * (n_groups - 1))


def _difference_bound(shares: Floats, low: Floats, high: Floats) -> float:
    """Bound the largest difference between two groups, from the one-sided bounds of each of them.

    Two estimates are seldom off in opposite directions at once. So the distances to their bounds are added as squares.

    References
    ----------
    Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in Medicine
    17. Zou, Donner (2008), "Construction of confidence limits about effect measures", Statistics in Medicine 27.
    """
    difference = shares[:, None] - shares
    reach = np.hypot((high - shares)[:, None], shares - low)
    np.fill_diagonal(reach, 0.0)
    return float(np.minimum(difference + reach, 1.0).max())


def _report(groups: GroupCounts, parity: Sequence[Constraint], alpha: float, cuts: NDArray[Any]) -> dict[str, Any]:
    """Say how far the groups differ on the rows at hand, and at most in truth."""
    rows = np.arange(len(cuts))
    tail = _tail(alpha, len(cuts))
    lines: list[dict[str, Any]] = [
        {"n_positive": float(groups.tp[row, -1]), "n_negative": float(groups.fp[row, -1])} for row in rows
    ]
    constraints = []
    for bound in parity:
        differences, limits = [], []
        for rate in PARITIES[bound.metric.name]:
            shares, sizes = groups.rate(rate)
            here = shares[rows, cuts]
            low, high = (clopper_pearson(here * sizes, sizes, tail, side) for side in ("lower", "upper"))
            for line, share, *interval in zip(lines, here, low, high, strict=True):
                line |= {rate: float(share), f"{rate}_interval": tuple(map(float, interval))}
            differences.append(float(np.ptp(here)))
            limits.append(_difference_bound(here, low, high))
        limit = max(differences if bound.mode == "empirical" else limits)
        constraints.append(
            {
                "constraint": str(bound),
                "estimate": max(differences),
                "bound": limit,
                "satisfied": bool(limit <= bound.value + 1e-6),
            }
        )
    return {"groups": lines, "constraints": constraints}
