"""From stored scores to a threshold: everything that needs no estimator any more."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from . import _thresholds as th
from ._compat import index_params, safe_indexing
from ._costs import check_cost_matrix, cost_setup, row_cost_counts
from ._scoring import Objective, resolve_scoring
from ._slow import best_of_fold, tune_slowly


@dataclass(eq=False)
class Evidence:
    """Scores of rows that the scoring model was not fitted on, and what is known of these rows.

    Attributes
    ----------
    positive : ndarray of bool, shape (n_samples,)
    scores : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,) or None
    folds : list of (rows, scores)
        Scores fold by fold; a row may be in several.
    row_costs : ndarray of shape (n_samples, 4) or None
        Costs of each row: tn, fp, fn, tp.
    labels : ndarray of shape (n_samples,)
        Targets as they were given.
    classes : tuple of two labels
        Negative and positive label.
    X : object
        Rows, kept only for scorers that ask for them.
    metadata : dict
        Other arguments of the scorer.
    """

    positive: np.ndarray
    scores: np.ndarray
    weight: np.ndarray | None = None
    folds: list = field(default_factory=list)
    row_costs: np.ndarray | None = None
    labels: np.ndarray | None = None
    classes: tuple = (0, 1)
    X: Any = None
    metadata: dict = field(default_factory=dict)

    @cached_property
    def curve(self):
        """Exact curve of all rows."""
        return th.ThresholdCurve.from_scores(self.positive, self.scores, self.weight)

    def __getstate__(self):
        """Leave out what can be computed again, and the rows themselves."""
        state = {key: value for key, value in self.__dict__.items() if key != "curve"}
        return {**state, "X": None}

    def part(self, rows, scores):
        """Evidence of some rows, with the scores of one fold."""
        return Evidence(
            self.positive[rows],
            scores,
            None if self.weight is None else self.weight[rows],
            row_costs=None if self.row_costs is None else self.row_costs[rows],
            labels=None if self.labels is None else self.labels[rows],
            classes=self.classes,
            X=None if self.X is None else safe_indexing(self.X, rows),
            metadata=index_params(self.scores, self.metadata, indices=rows),
        )

    def at_prevalence(self, prevalence):
        """Evidence reweighted to another share of positives."""
        weight = np.ones(len(self.scores)) if self.weight is None else self.weight
        here = weight[self.positive].sum() / weight.sum()
        if not 0 < here < 1:
            raise ValueError(
                "`prevalence` needs rows of both classes to reweight, and the stored scores have one class only."
            )
        factor = np.where(self.positive, prevalence / here, (1 - prevalence) / (1 - here))
        folds = list(self.folds)
        return replace(self, weight=weight * factor, folds=folds)


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
    """Outcome of `tune`."""

    threshold: float
    score: float
    interval: tuple[float, float]
    curve: th.ThresholdCurve
    satisfied: bool
    report: list
    deviation: float
    results: dict


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
        chosen, results = tune_slowly(evidence, settings, feasible, candidates)
    else:
        problem = _problem(evidence, settings, feasible)
        chosen = th.select(problem, settings.selection, settings.confidence_level)
        if candidates is not None:
            chosen = _snap(problem, candidates, chosen)
        results = _results(problem, settings, candidates)
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


def _problem(evidence, settings, feasible):
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
        problem = _problem(part, replace(settings, objective=objective), outcome.feasible)
        out.append(th.argmax_threshold(problem))
    return np.array(out)
