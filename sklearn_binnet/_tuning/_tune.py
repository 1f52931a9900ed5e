"""From stored scores to a threshold: everything that needs no estimator any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from sklearn_binnet import _thresholds as th
from sklearn_binnet._tuning._costs import (
    asks_for_cost,
    check_cost_matrix,
    check_costs_are_used,
    check_row_costs,
    cost_setup,
    row_cost_counts,
)
from sklearn_binnet._tuning._evidence import Evidence
from sklearn_binnet._tuning._objective import Objective, resolve_scoring
from sklearn_binnet._tuning._row_scorers import best_of_fold, tune_slowly


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
    if row_costs and matrix is None and asks_for_cost(None, constraint):
        raise ValueError(
            f"`constraint` {constraint!r} is on the cost, which needs one cost matrix for all rows, the parameter "
            "`costs`: costs that differ between rows have no exact bound. Give the matrix, or constrain another "
            "metric, such as recall."
        )
    constraints = th.parse_constraint(constraint, None if matrix_metric is None else {"cost": matrix_metric})
    if metric is not None:
        check_costs_are_used(scoring, constraint)
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
    candidates = _candidates(settings.thresholds, evidence)
    cuts = None if candidates is None else np.unique(curve.index(candidates))
    outcome = th.find_feasible(curve, settings.constraints, settings.confidence_level, cuts)
    if settings.objective.metric is None:
        chosen, values = tune_slowly(evidence, settings, outcome.feasible, candidates)
        results: Callable[[], Any] = partial(dict, values)
    else:
        problem = build_problem(evidence, settings, outcome.feasible)
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
        worth=row_cost_counts(evidence) if by_row else None,
        feasible=feasible,
        bayes=settings.bayes if settings.objective.name == "cost" else None,
        seed=settings.seed,
        probability=evidence.probability,
    )


def _candidates(thresholds, evidence):
    if thresholds is None:
        return None
    if np.ndim(thresholds) == 0:
        scores = evidence.curve.scores
        return np.linspace(scores[-1], scores[0], int(thresholds))
    return np.asarray(thresholds, dtype=np.float64)


def _snap(problem, candidates, chosen):
    """Move a selection to an allowed candidate: one of the same decisions, else the nearest."""
    kept = candidates[problem.allowed(candidates)]
    same = problem.curve.index(kept) == problem.curve.index(chosen.threshold)
    kept = kept[same] if same.any() else kept
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


def recost(evidence, scoring, constraint, costs, default, held_out):
    """Evidence and cost matrix for new costs, a matrix or by row.

    Parameters
    ----------
    evidence : Evidence
    scoring : str or callable
    constraint : None, str or list
    costs : array-like or None
        New costs; None keeps the old ones where `scoring` or `constraint` asks for them.
    default : array-like or None
        Cost matrix of the tuner.
    held_out : ndarray of bool, shape (n_samples,)
        Rows that `evidence` is about.

    Returns
    -------
    evidence : Evidence
    costs : array-like or None
    """
    if costs is None and asks_for_cost(scoring, constraint):
        return evidence, default
    if costs is None or np.ndim(costs) < 2 or np.shape(costs) == (2, 2):
        return replace(evidence, row_costs=None), costs
    matrix = default if asks_for_cost(None, constraint) else None
    return replace(evidence, row_costs=check_row_costs(costs, len(held_out))[held_out]), matrix
