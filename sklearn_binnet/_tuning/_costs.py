"""Costs: one matrix for all rows, or the costs of each row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklearn_binnet import _thresholds as th


def check_cost_matrix(costs):
    """Validate a 2x2 matrix ``costs[true][predicted]``.

    Returns
    -------
    ndarray of shape (2, 2)
    """
    matrix = _numbers(costs)
    if matrix.shape != (2, 2):
        raise ValueError(
            "`costs` must be a 2x2 matrix [[tn, fp], [fn, tp]], rows the truth and columns the "
            f"decision; got shape {matrix.shape}. Costs that differ between rows go to "
            "fit(X, y, costs=...)."
        )
    (c_tn, c_fp), (c_fn, c_tp) = matrix
    if c_fp < c_tn or c_fn < c_tp:
        raise ValueError(
            "`costs` [[tn, fp], [fn, tp]] make a wrong decision cheaper than the right one: got "
            f"{matrix.tolist()}. Gains are negative costs; check the order."
        )
    if c_fp == c_tn and c_fn == c_tp:
        raise ValueError("`costs` are the same for every decision, so no threshold is better.")
    return matrix


def check_row_costs(costs, n_samples):
    """Validate the costs of each row.

    Parameters
    ----------
    costs : array-like of shape (n_samples, 2), (n_samples, 4) or (n_samples, 2, 2)
        Cost of a false positive and of a false negative; or of tn, fp, fn, tp; or a matrix
        ``[[tn, fp], [fn, tp]]`` for each row.
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples, 4)
        tn, fp, fn, tp.
    """
    values = _numbers(costs)
    if len(values.shape) not in (2, 3) or values.shape[0] != n_samples:
        raise ValueError(
            f"`costs` in fit must have one entry a row ({n_samples}), with shape (n, 2) for fp, "
            f"fn; (n, 4) for tn, fp, fn, tp; or (n, 2, 2); got shape {values.shape}. One matrix "
            "for all rows is the constructor's parameter `costs`."
        )
    if values.shape[1:] == (2,):
        zeros = np.zeros(n_samples)
        return np.column_stack([zeros, values[:, 0], values[:, 1], zeros])
    if values.shape[1:] in ((4,), (2, 2)):
        return values.reshape(n_samples, 4)
    raise ValueError(
        "`costs` in fit must have shape (n, 2) for fp, fn; (n, 4) for tn, fp, fn, tp; or "
        f"(n, 2, 2); got shape {values.shape}."
    )


def _numbers(costs):
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`costs` must be an array of numbers, got {costs!r}.") from error
    if not np.isfinite(values).all():
        raise ValueError("`costs` must be finite; got NaN or infinity.")
    return values


def asks_for_cost(scoring, constraint):
    """Whether the cost is what is to be minimised or kept.

    Parameters
    ----------
    scoring : str or callable
    constraint : None, str, list, or dict of these by label

    Returns
    -------
    bool
    """
    parts = constraint.values() if isinstance(constraint, dict) else [constraint]
    placeholder = {"cost": replace(th.make_cost([[0, 1], [1, 0]]), bounds=(-np.inf, np.inf))}
    named = [item.metric.name for part in parts for item in th.parse_constraint(part, placeholder)]
    return (isinstance(scoring, str) and scoring == "cost") or "cost" in named


def check_costs_are_used(scoring, constraint):
    """Refuse costs that nothing asks for."""
    if not asks_for_cost(scoring, constraint):
        raise ValueError(
            "`costs` are given, but neither `scoring` nor `constraint` asks for them; pass "
            f"scoring='cost'. Got scoring={scoring!r}."
        )


def cost_setup(costs, evidence=None):
    """Metric and closed-form threshold of a cost matrix, or of the costs of each row.

    Returns
    -------
    metric : Metric or None
    bayes : float or None
        Cheapest threshold on calibrated probabilities.
    """
    if evidence is not None and evidence.row_costs is not None:
        return _row_cost_metric(evidence), _bayes(*_mean_costs(evidence))
    if costs is None:
        return None, None
    (c_tn, c_fp), (c_fn, c_tp) = costs
    return th.make_cost(costs), _bayes(c_tn, c_fp, c_fn, c_tp)


def _bayes(c_tn, c_fp, c_fn, c_tp):
    false_alarm, miss = c_fp - c_tn, c_fn - c_tp
    return false_alarm / (false_alarm + miss) if false_alarm > 0 and miss > 0 else None


def _mean_costs(evidence):
    """Mean cost of each outcome over the rows that can have it."""
    weight = np.ones(len(evidence.scores)) if evidence.weight is None else evidence.weight
    means = []
    for column, rows in enumerate((~evidence.positive, ~evidence.positive, evidence.positive, evidence.positive)):
        mass = weight * rows
        means.append(float(mass @ evidence.row_costs[:, column] / max(mass.sum(), 1e-300)))
    return means


def _gains(evidence):
    """Return what calling each row positive saves, against calling it negative."""
    c_tn, c_fp, c_fn, c_tp = evidence.row_costs.T
    return np.where(evidence.positive, c_fn - c_tp, c_tn - c_fp)


def row_cost_counts(evidence):
    """Compute counts in which each row weighs what its decision is worth."""
    gains, curve = _gains(evidence), evidence.curve
    weight = np.ones(len(gains)) if evidence.weight is None else evidence.weight
    save, lose = np.maximum(gains, 0), np.maximum(-gains, 0)
    return th.Counts(
        curve.accumulate(weight * save),
        curve.accumulate(weight * lose),
        curve.accumulate((weight * save) ** 2),
        curve.accumulate((weight * lose) ** 2),
    )


def _row_cost_metric(evidence):
    """Mean cost of a row, from the counts of `row_cost_counts`."""
    weight = np.ones(len(evidence.scores)) if evidence.weight is None else evidence.weight
    best = np.where(
        evidence.positive,
        evidence.row_costs[:, 2:].min(axis=1),
        evidence.row_costs[:, :2].min(axis=1),
    )
    floor, total = float(weight @ best), float(weight.sum())

    def cost(tn, fp, fn, tp):
        return (floor + fn + fp) / total

    return th.Metric("cost", cost, greater_is_better=False, bounds=(-np.inf, np.inf))
