"""Rows that are referred to a person: reading what was asked for, and the band of each label."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import _thresholds as th
from sklearn_binnet._tuning._evidence import Evidence

FORMS = (
    "a share of rows such as 0.1, bounds such as ['precision >= 0.95', 'npv >= 0.99'], or a dict with some of the keys "
    "'budget', 'constraint' and 'cost'"
)


def parse_abstain(abstain: Any) -> th.BandConfig | None:
    """Read the parameter `abstain`; None and an empty list ask for no band."""
    if abstain is None or (isinstance(abstain, list | tuple) and not abstain):
        return None
    parts: dict[str, Any]
    if isinstance(abstain, Mapping):
        parts = dict(abstain)
        if not parts or (unknown := parts.keys() - {"budget", "constraint", "cost"}):
            raise ValueError(f"`abstain` must be {FORMS}; got {abstain!r}" + (f", with {unknown}." if parts else "."))
    elif _as_share(abstain) is not None:
        parts = {"budget": abstain}
    elif isinstance(abstain, str | list | tuple):
        parts = {"constraint": abstain}
    else:
        raise TypeError(f"`abstain` must be {FORMS}; got {abstain!r}.")
    bounds: list[th.Constraint] = []
    budgets: list[th.Constraint] = []
    for bound in _parse_bounds(parts.get("constraint")):
        (budgets if bound.metric is th.REFERRAL_RATE else bounds).append(bound)
    if parts.get("budget") is not None:
        share = _as_share(parts["budget"])
        if share is None or not 0 <= share <= 1:
            raise ValueError(
                "The budget of `abstain` is the share of rows that may be referred, from 0 to 1; got "
                f"{parts['budget']!r}."
            )
        budgets.append(th.Constraint(th.REFERRAL_RATE, False, share))
    if len(budgets) > 1:
        raise ValueError(f"`abstain` names more than one budget: {', '.join(map(str, budgets))}; keep one.")
    cost = parts.get("cost")
    if cost is not None and not (_is_number(cost) and 0 <= cost < np.inf):
        raise ValueError(
            "The cost of `abstain` is what a referred row costs, a finite number of at least 0, beside mistakes that "
            f"cost 1 or what `costs` says; got {cost!r}."
        )
    if cost is None and not bounds and not budgets:
        return None
    return th.BandConfig(bounds, budgets[0] if budgets else None, None if cost is None else float(cost))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _as_share(value: Any) -> float | None:
    """Read a number, or a string that holds one, such as "0.1" or "10 %"."""
    if _is_number(value):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None


def _parse_bounds(constraint: Any) -> list[th.Constraint]:
    parsed = th.parse_constraint(constraint, {"referral_rate": th.REFERRAL_RATE}, parameter="abstain")
    for bound in parsed:
        if bound.metric is th.REFERRAL_RATE:
            if bound.at_least or bound.mode == "strict":
                raise ValueError(
                    f"`abstain` {str(bound)!r} is no budget; write 'referral_rate <= {bound.value:g}', with "
                    "[empirical] where the estimate alone is meant."
                )
        elif bound.metric.name not in th.UPPER | th.LOWER:
            raise ValueError(
                f"`abstain` {str(bound)!r} depends on both thresholds of the band at once. Bound what one of them "
                f"decides about: {sorted(th.UPPER)} of the rows called positive, {sorted(th.LOWER)} of those called "
                "negative, or the 'referral_rate'."
            )
    return parsed


def refer(
    evidence: Evidence, config: th.BandConfig | None, confidence_level: float, costs: Any, stable: bool, seed: int
) -> tuple[tuple[float, float] | None, dict[str, Any] | None]:
    """Return the band of one label and what it comes to; None twice where no band is asked for.

    A mistake costs 1 where `costs` is None, or what that matrix says, or what the rows say where it is "rows".
    """
    if config is None:
        return None, None
    curve = evidence.curve
    if isinstance(costs, str) and evidence.row_costs is not None:
        weight = np.ones(len(evidence.scores)) if evidence.weight is None else evidence.weight
        positive = evidence.positive
        sums = [
            curve.accumulate(weight * cost * rows)
            for cost, rows in zip(evidence.row_costs.T, (~positive, ~positive, positive, positive), strict=True)
        ]
        c_tn, c_fp, c_fn, c_tp = sums
        mistakes = th.Mistakes(c_tp, c_fp, c_fn[-1] - c_fn, c_tn[-1] - c_tn)
    else:
        mistakes = th.Mistakes.of_matrix(curve) if costs is None else th.Mistakes.of_matrix(curve, costs)
    probability = evidence.probability
    band = th.find_band(curve, config, confidence_level, mistakes, stable=stable, probability=probability, seed=seed)
    return (band.low, band.high), band.report


def warn_of_bands(reports: list[dict[str, Any] | None]) -> None:
    """Say which of the bounds of a band could not be shown, and what was done instead."""
    failed = [report for report in reports if report is not None and not report["satisfied"]]
    if not failed:
        return
    lines = [line for report in failed for line in report["constraints"] if not line["satisfied"]]
    said = "; ".join(f"'{line['constraint']}' (bound {line['bound']:.4g})" for line in lines)
    warnings.warn(
        f"No band satisfies `abstain` at the confidence level: {said or 'its bounds exclude each other'}. Where a "
        "bound on precision or npv holds at no threshold, no row is called so and all of them are referred; a budget "
        "that is too small for the bounds is exceeded by as few rows as possible. Relax the bounds, add rows, or ask "
        "of the estimate alone with [empirical].",
        UserWarning,
        stacklevel=4,
    )


def label_decisions(
    decisions: NDArray[np.int_], single: NDArray[np.bool_], labels: NDArray[Any] | None, referred: Any
) -> NDArray[Any]:
    """Return labels for decisions of -1, 0 and 1; `labels` are the negative and the positive one, None for 0 and 1.

    Referred rows get the label `referred`, or are masked where it is None; `single` says what one threshold would
    decide, which stands under the mask.
    """
    yes = np.where(decisions == 0, single, decisions > 0).astype(int)
    answers = yes if labels is None else labels[yes]
    if referred is None:
        return np.ma.array(answers, mask=decisions == 0)
    kind = np.asarray(referred).dtype
    same = answers.dtype.kind == kind.kind or {answers.dtype.kind, kind.kind} <= set("iuf")
    answers = answers.astype(np.result_type(answers.dtype, kind) if same else object)
    answers[decisions == 0] = referred
    return answers
