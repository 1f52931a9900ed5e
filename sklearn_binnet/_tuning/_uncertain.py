"""Costs and shares of positives that are known up to a range or a distribution."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import _thresholds as th
from sklearn_binnet._tuning._evidence import Evidence
from sklearn_binnet._tuning._objective import check_cost_matrix

REGRETS = ("mean", "worst")
NAMES = ("tn", "fp", "fn", "tp")


class Uncertain(NamedTuple):
    """A number that is not known exactly."""

    mean: float
    low: float
    high: float

    @property
    def ends(self) -> tuple[float, ...]:
        """The ends of its range; one number where it is known."""
        return (self.low,) if self.low == self.high else (self.low, self.high)


class Scenarios(NamedTuple):
    """What costs and share of positives may be."""

    mean_costs: NDArray[np.float64]
    mean_prevalence: float | None
    corners: list[tuple[NDArray[np.float64], float | None]]
    """Every combination of the ends of the ranges: a cost matrix and a share of positives."""


def read_scenarios(costs: Any, prevalence: Any, regret: str, n_labels: int) -> Scenarios:
    """Read a cost matrix and a share of positives whose numbers may be ranges or distributions.

    For the worst regret the ends of the ranges are needed, which some distributions do not have.
    """
    if regret not in REGRETS:
        raise ValueError(f"`regret` must be one of {list(REGRETS)}, got {regret!r}.")
    bounded = regret == "worst"
    if n_labels > 1 and (bounded or prevalence is not None):
        raise ValueError(
            f"regret='worst' and `prevalence` are for one yes/no question, and this tuner has {n_labels} labels; take "
            "regret='mean' without `prevalence`, or fit a tuner for each label."
        )
    rows = list(costs) if isinstance(costs, list | tuple | np.ndarray) else []
    if len(rows) != 2 or any(not isinstance(row, list | tuple | np.ndarray) or len(row) != 2 for row in rows):
        raise ValueError(
            "`costs` must be a 2x2 matrix [[tn, fp], [fn, tp]] whose entries are numbers, ranges (low, high) or frozen "
            f"distributions of scipy.stats, such as [[0, 1], [(3, 10), 0]]; got {costs!r}."
        )
    entries = [
        _read(entry, f"`costs` has an entry {name!r} that", bounded)
        for name, entry in zip(NAMES, [entry for row in rows for entry in row], strict=True)
    ]
    share = None if prevalence is None else _read(prevalence, "`prevalence`", bounded)
    if share is not None and not (0 < share.mean < 1 and share.low >= 0 and share.high <= 1):
        raise ValueError(
            "`prevalence` must lie between 0 and 1, and its mean may be neither, as it is the share of positives to "
            "expect: a number such as 0.05, a range such as (0.02, 0.1) or a distribution within these bounds; got "
            f"{prevalence!r}."
        )
    matrices = [
        check_cost_matrix(np.reshape(numbers, (2, 2)))
        for numbers in itertools.product(*(entry.ends if bounded else (entry.mean,) for entry in entries))
    ]
    shares: tuple[float | None, ...] = (None,) if share is None else share.ends
    mean_costs = check_cost_matrix(np.reshape([entry.mean for entry in entries], (2, 2)))
    corners = list(itertools.product(matrices, shares)) if bounded else []
    return Scenarios(mean_costs, None if share is None else share.mean, corners)


def _read(value: Any, subject: str, bounded: bool) -> Uncertain:
    """Read a number, a range or a frozen distribution."""
    if hasattr(value, "freeze"):
        raise ValueError(
            f"{subject} must be a frozen distribution, and scipy.stats.{value.name} has no parameters yet; call it "
            f"with them: scipy.stats.{value.name}(...)."
        )
    if hasattr(value, "mean") and hasattr(value, "support"):
        low, high = (float(end) for end in value.support())
        if bounded and not np.isfinite([low, high]).all():
            raise ValueError(
                f"{subject} has no bounds, and the worst regret is over a range: pass a range (low, high), or take "
                "regret='mean'."
            )
        return _checked(Uncertain(float(value.mean()), low, high), value, subject, ends=bounded)
    try:
        numbers = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if numbers.ndim != 1 or len(numbers) not in (1, 2):
        raise ValueError(
            f"{subject} must be a number, a range (low, high) or a frozen distribution of scipy.stats; got {value!r}."
        )
    low, high = float(numbers[0]), float(numbers[-1])
    return _checked(Uncertain((low + high) / 2, low, high), value, subject, ends=True)


def _checked(number: Uncertain, value: Any, subject: str, ends: bool) -> Uncertain:
    if not np.isfinite(number if ends else [number.mean]).all():
        raise ValueError(f"{subject} must be finite; got {value!r}.")
    if number.low > number.high:
        raise ValueError(f"{subject} must be a range (low, high), the lower end first; got {value!r}.")
    return number


def worst_regret(evidence: Evidence, scenarios: Scenarios) -> th.Metric:
    """Return the greatest regret over the scenarios as a metric, to be minimised.

    The regret of a threshold in a scenario is its mean cost, less that of the best threshold there on these scores. It
    is a convex function of each cost and of the share of positives alone, so that its maximum over ranges lies at a
    corner.
    """
    curve = evidence.curve
    here = curve.n_positive / (curve.n_positive + curve.n_negative)
    lines = np.array([_cost_line(matrix, here if share is None else share) for matrix, share in scenarios.corners])
    rates = _error_rates(*curve.counts.confusion())
    for line in lines:
        line[2] -= (line[0] * rates[0] + line[1] * rates[1] + line[2]).min()

    def worst(tn: Any, fp: Any, fn: Any, tp: Any) -> Any:
        misses, alarms = _error_rates(tn, fp, fn, tp)
        regret = -np.inf
        for of_misses, of_alarms, rest in lines:
            regret = np.maximum(regret, of_misses * misses + of_alarms * alarms + rest)
        return regret

    return th.Metric("worst_regret", worst, greater_is_better=False, bounds=(-np.inf, np.inf))


def _cost_line(matrix: NDArray[np.float64], share: float) -> tuple[float, float, float]:
    """Return what the mean cost of a row has of the rate of misses, of that of false alarms, and of neither."""
    (c_tn, c_fp), (c_fn, c_tp) = matrix
    return share * (c_fn - c_tp), (1 - share) * (c_fp - c_tn), share * c_tp + (1 - share) * c_tn


def _error_rates(tn: Any, fp: Any, fn: Any, tp: Any) -> tuple[Any, Any]:
    """Return the share of misses among positives and of false alarms among negatives, whatever the classes' shares."""
    return fn / np.maximum(tp + fn, 1e-300), fp / np.maximum(tn + fp, 1e-300)
