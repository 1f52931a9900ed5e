"""A threshold for each group of rows: reading what was asked for, and choosing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_binnet import _thresholds as th
from sklearn_binnet._files._plain import stored


@stored
@dataclass(frozen=True)
class Groups:
    """The group of each row."""

    names: NDArray[Any]
    codes: NDArray[np.intp]
    """Place of the group of each row in `names`."""

    def at(self, rows: NDArray[Any]) -> Groups:
        """Return the groups of some rows."""
        return Groups(self.names, self.codes[rows])


def read_groups(sensitive: ArrayLike, n_samples: int) -> Groups:
    """Read the group of each row."""
    values = _column(sensitive, n_samples)
    names, codes = np.unique(values, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"`sensitive` must name at least two groups, got {names.tolist()} only.")
    sizes = np.bincount(codes)
    if sizes.min() < 2:
        few = names[sizes < 2].tolist()
        raise ValueError(
            f"`sensitive` has fewer than two rows of the groups {few}, and nothing can be learnt from one; put them "
            "into a larger group."
        )
    return Groups(names, codes)


def _column(sensitive: ArrayLike, n_samples: int) -> NDArray[Any]:
    values = np.asarray(sensitive)
    if values.shape != (n_samples,):
        raise ValueError(
            f"`sensitive` must hold the group of each row, shape ({n_samples},), got shape {values.shape}. Join "
            "several columns into one first."
        )
    missing = [value for value in values.tolist() if value is None or value != value]
    if missing:
        raise ValueError(f"`sensitive` has {len(missing)} missing values; give these rows a group of their own.")
    if values.dtype != object:
        return values
    words = [isinstance(value, str) for value in values.tolist()]
    if all(words):
        return values.astype(str)
    if any(words):
        raise ValueError("`sensitive` must hold values of one kind, got strings and others; make strings of them all.")
    return values


def parse_parity(parity: Any) -> list[th.Constraint]:
    """Read the parameter `parity`; None and an empty list ask for nothing."""
    if parity is None or (isinstance(parity, list | tuple) and not parity):
        return []
    if not isinstance(parity, str | list | tuple) or not all(isinstance(item, str) for item in parity):
        raise TypeError(
            "`parity` must say how far groups may differ, such as 'equal_opportunity <= 0.05', or be a list of such "
            f"strings; got {parity!r}. The group of each row is `sensitive`."
        )
    parsed = th.parse_constraint(parity, th.PARITY_METRICS, parameter="parity", usual=False)
    known = sorted(th.PARITIES)
    for bound in parsed:
        if bound.at_least or bound.mode == "strict":
            raise ValueError(
                f"`parity` {str(bound)!r} is no tolerance; write '{bound.metric.name} <= {bound.value:g}', with "
                "[empirical] where the rows at hand alone are meant."
            )
    if sum(len(th.PARITIES[bound.metric.name]) for bound in parsed) > 2:
        raise ValueError(
            f"`parity` {parity!r} compares more than two rates; name one or two of {known}, 'equalized_odds' alone."
        )
    return parsed


def report_by_name(choice: th.GroupChoice, names: NDArray[Any]) -> tuple[dict[Any, float], dict[str, Any]]:
    """Return the threshold of each group, and the report, by the names of the groups."""
    keys = names.tolist()
    thresholds = dict(zip(keys, choice.thresholds.tolist(), strict=True))
    return thresholds, {**choice.report, "groups": dict(zip(keys, choice.report["groups"], strict=True))}


def check_classes(groups: Groups, positive: NDArray[np.bool_], parity: list[th.Constraint]) -> None:
    """Refuse groups without a row of a class whose rate is to be compared."""
    rates = {rate for bound in parity for rate in th.PARITIES[bound.metric.name]}
    for rate, rows, kind in (("recall", positive, "positive"), ("fpr", ~positive, "negative")):
        counts = np.bincount(groups.codes[rows], minlength=len(groups.names))
        if rate in rates and not counts.all():
            empty = groups.names[counts == 0].tolist()
            raise ValueError(
                f"`sensitive` has no {kind} rows of the groups {empty}, so their {rate} is unknown; put them into a "
                "larger group, or compare another rate."
            )


def warn_of_groups(report: dict[str, Any] | None) -> None:
    """Say which tolerance could not be shown."""
    if report is None or report["satisfied"]:
        return
    lines = [line for line in report["constraints"] if not line["satisfied"]]
    said = "; ".join(
        f"'{line['constraint']}': {line['estimate']:.4g} on these rows, at most {line['bound']:.4g}" for line in lines
    )
    warnings.warn(
        f"No thresholds are shown to keep `parity` at the confidence level ({said}). Those are used that keep it as "
        "far as these rows can tell. Bounds of the smallest group decide: add rows to it, relax the tolerance, or ask "
        "of these rows alone with [empirical].",
        UserWarning,
        stacklevel=4,
    )


def row_thresholds(sensitive: ArrayLike | None, n_samples: int, thresholds: dict[Any, float]) -> NDArray[np.float64]:
    """Return the threshold of each row to decide about."""
    known = list(thresholds)
    if sensitive is None:
        raise ValueError(
            f"The thresholds differ between the groups {known}; pass `sensitive`, the group of each row, or drop them "
            "with retune(parity=[])."
        )
    values = _column(sensitive, n_samples).tolist()
    unseen = sorted({repr(value) for value in values if value not in thresholds})
    if unseen:
        raise ValueError(
            f"`sensitive` names groups that the tuner has not seen: {', '.join(unseen)}; it knows {known}. Decide "
            "about such rows with the threshold of all, `best_threshold_`, or fit with rows of these groups."
        )
    return np.array([thresholds[value] for value in values], dtype=np.float64)
