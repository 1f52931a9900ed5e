"""From stored scores to a threshold: everything that needs no estimator any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import type_of_target

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import num_samples
from sklearn_binnet._tuning._costs import check_cost_matrix, check_row_costs, cost_setup, row_cost_counts
from sklearn_binnet._tuning._evidence import Evidence
from sklearn_binnet._tuning._scoring import Objective, resolve_scoring
from sklearn_binnet._tuning._slow import best_of_fold, tune_slowly


@dataclass(frozen=True)
class Settings:
    """What to tune for.

    Attributes
    ----------
    objective : Objective
    constraints : list of Constraint
    selection : str or callable
    confidence_level : float
    thresholds : None, int or ndarray
        Candidates, if they are restricted.
    bayes : float or None
        Closed-form threshold for pure costs.
    seed : int
    """

    objective: Objective
    constraints: list = field(default_factory=list)
    selection: Any = "stable"
    confidence_level: float = 0.95
    thresholds: Any = None
    bayes: float | None = None
    seed: int = 0


def make_settings(scoring, constraint, costs, evidence=None, *, row_costs=False, **others):
    """Read what a user asked for.

    Parameters
    ----------
    scoring, constraint, costs
        As in `ThresholdTunerCV`.
    evidence : Evidence, optional
        Without it the request is only checked.
    row_costs : bool
        Whether each row has costs of its own.
    **others
        Further fields of `Settings`.

    Returns
    -------
    Settings
    """
    matrix = None if costs is None else check_cost_matrix(costs)
    matrix_metric, bayes = cost_setup(matrix)
    metric = matrix_metric
    if row_costs:
        metric, bayes = (th.make_cost([[0, 1], [1, 0]]), None)
        if evidence is not None:
            metric, bayes = cost_setup(None, evidence)
    objective = resolve_scoring(scoring, metric)
    constraints = th.parse_constraint(constraint, None if matrix_metric is None else {"cost": matrix_metric})
    used = {objective.name, *(item.metric.name for item in constraints)}
    if metric is not None and "cost" not in used:
        raise ValueError(
            "`costs` are given, but neither `scoring` nor `constraint` asks for them; pass "
            f"scoring='cost'. Got scoring={scoring!r}."
        )
    if evidence is not None and objective.pos_label not in (None, evidence.classes[1]):
        objective = swapped(objective, evidence.classes)
    return Settings(objective, constraints, bayes=bayes, **others)


def swapped(objective, classes):
    """Objective that is about the negative class of the tuner."""
    if objective.pos_label != classes[0]:
        raise ValueError(
            f"`scoring` has pos_label={objective.pos_label!r}, which is not among the classes {list(classes)}."
        )
    if objective.metric is None:
        return objective
    function = objective.metric.function
    metric = replace(objective.metric, function=lambda tn, fp, fn, tp: function(tp, fn, fp, tn))
    return replace(objective, metric=metric)


@dataclass(frozen=True)
class Tuned:
    """Outcome of `tune`; `results` is called when they are wanted."""

    threshold: float
    score: float
    interval: tuple[float, float]
    curve: th.ThresholdCurve
    satisfied: bool
    report: list
    deviation: float
    results: Callable[[], Any]


def tune(evidence: Evidence, settings: Settings) -> Tuned:
    """Choose a threshold.

    Parameters
    ----------
    evidence : Evidence
    settings : Settings

    Returns
    -------
    Tuned
    """
    curve = evidence.curve
    outcome = th.find_feasible(curve, settings.constraints, settings.confidence_level)
    feasible = outcome.feasible
    candidates = _candidates(settings.thresholds, evidence)
    if candidates is not None:
        reachable = np.zeros(len(curve), dtype=bool)
        reachable[curve.index(candidates)] = True
        both = reachable if feasible is None else reachable & feasible
        feasible = both if both.any() else feasible
    if settings.objective.metric is None:
        chosen, values = tune_slowly(evidence, settings, feasible, candidates)
        results: Callable[[], Any] = partial(dict, values)
    else:
        problem = build_problem(evidence, settings, feasible)
        chosen = th.select(problem, settings.selection, settings.confidence_level)
        if candidates is not None:
            chosen = _snap(problem, candidates, chosen)
        results = partial(_results, problem, settings, candidates)
    lines = th.report(curve, settings.constraints, chosen.threshold, outcome)
    return Tuned(
        chosen.threshold,
        chosen.score,
        chosen.interval,
        curve,
        outcome.satisfied,
        lines,
        chosen.deviation,
        results,
    )


def build_problem(evidence, settings, feasible):
    """Pose what a selection rule is to solve."""
    by_row = settings.objective.name == "cost" and evidence.row_costs is not None
    return th.Problem(
        evidence.curve,
        settings.objective.utility,
        counts=row_cost_counts(evidence) if by_row else evidence.curve.counts,
        feasible=feasible,
        bayes=settings.bayes if settings.objective.name == "cost" else None,
        seed=settings.seed,
    )


def _candidates(thresholds, evidence):
    if thresholds is None:
        return None
    if np.ndim(thresholds) == 0:
        scores = evidence.curve.scores
        return np.linspace(scores[-1], scores[0], int(thresholds))
    return np.asarray(thresholds, dtype=np.float64)


def _snap(problem, candidates, chosen):
    """Move a selection to the allowed candidate that lies nearest."""
    allowed = problem.allowed(candidates)
    kept = candidates[allowed] if allowed.any() else candidates
    forward, (low, high) = problem.scale.forward, chosen.interval
    threshold = float(kept[np.abs(forward(kept) - forward(chosen.threshold)).argmin()])
    return replace(
        chosen,
        threshold=threshold,
        score=th.score_at(problem, threshold),
        interval=(min(low, threshold), max(high, threshold)),
    )


def _results(problem, settings, candidates):
    """Thresholds in ascending order, with the objective at each."""
    values = settings.objective.utility(*problem.counts.confusion())
    if candidates is None:
        return {"thresholds": problem.curve.thresholds[::-1], "scores": values[::-1]}
    return {"thresholds": candidates, "scores": values[problem.curve.index(candidates)]}


def fold_thresholds(evidence: Evidence, settings: Settings):
    """Exact optimum of each fold, constraints taken by their estimates.

    Returns
    -------
    ndarray of shape (n_folds,)
        NaN where a fold holds one class only.
    """
    constraints = [replace(constraint, mode="empirical") for constraint in settings.constraints]
    out = []
    for rows, scores in evidence.folds:
        part = evidence.part(rows, scores)
        weight = np.ones(len(rows)) if part.weight is None else part.weight
        if weight[part.positive].sum() == 0 or weight[~part.positive].sum() == 0:
            out.append(np.nan)
            continue
        outcome = th.find_feasible(part.curve, constraints, settings.confidence_level)
        if settings.objective.metric is None:
            out.append(best_of_fold(part, settings, outcome.feasible))
            continue
        objective = settings.objective
        if objective.name == "cost" and part.row_costs is not None:
            objective = replace(objective, metric=cost_setup(None, part)[0])
        problem = build_problem(part, replace(settings, objective=objective), outcome.feasible)
        out.append(th.argmax_threshold(problem))
    return np.array(out)


def check_target(y):
    """Check the targets.

    Returns
    -------
    y : ndarray
    n_labels : int
        0 for one yes/no question.
    """
    if y is None:
        raise ValueError("ThresholdTunerCV requires y to be passed, but the target y is None.")
    if num_samples(y) == 0:
        raise ValueError("Found array with 0 sample(s): `y` must hold rows of two classes.")
    if not issparse(y):
        assert_all_finite(y, input_name="y")
    kind = type_of_target(y, input_name="y")
    if kind == "binary":
        return column_or_1d(y, warn=True), 0
    if kind == "multilabel-indicator":
        y = y.toarray() if issparse(y) else np.asarray(y)
        return y.astype(int), y.shape[1]
    raise ValueError(
        f"Only binary classification is supported. Unknown label type: {kind}. For more than two "
        "classes use OneVsRestClassifier(ThresholdTunerCV(...))."
    )


def find_labels(y, pos_label, scoring):
    """Find the negative and the positive label; None for an indicator matrix."""
    if y.ndim > 1:
        if pos_label not in (None, 1):
            raise ValueError(f"`pos_label` of an indicator matrix is 1, got {pos_label!r}.")
        return None
    # Two values at most, as checked: comparing is much quicker than sorting them all.
    classes = np.unique(np.concatenate([y[:1], y[y != y[0]][:1]]))
    if pos_label is None:
        pos_label = resolve_scoring(scoring, th.make_cost([[0, 1], [1, 0]])).pos_label
    if pos_label is None:
        return classes[[0, -1]]
    if pos_label not in classes:
        raise ValueError(f"`pos_label` must be one of the classes {classes.tolist()}, got {pos_label!r}.")
    positive = classes == pos_label
    return np.concatenate([classes[~positive], classes[positive]])[[0, -1]]


def recost(evidence, scoring, costs, default, held_out):
    """Evidence and cost matrix for new costs, a matrix or by row.

    Parameters
    ----------
    evidence : Evidence
    scoring : str or callable
    costs : array-like or None
        New costs; None keeps the old ones where `scoring` asks for them.
    default : array-like or None
        Cost matrix of the tuner.
    held_out : ndarray of bool, shape (n_samples,)
        Rows that `evidence` is about.

    Returns
    -------
    evidence : Evidence
    costs : array-like or None
    """
    if costs is None and scoring == "cost":
        return evidence, default
    if costs is None or np.ndim(costs) < 2 or np.shape(costs) == (2, 2):
        return replace(evidence, row_costs=None), costs
    return replace(evidence, row_costs=check_row_costs(costs, len(held_out))[held_out]), None
