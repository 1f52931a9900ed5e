"""From evidence and a config to a threshold for each label: everything that needs no estimator any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import is_scorer, scorer_parts
from sklearn_binnet._tuning._by_group import check_classes, parse_parity, report_by_name
from sklearn_binnet._tuning._evidence import Evidence
from sklearn_binnet._tuning._objective import (
    ANY_COST,
    Objective,
    asks_for_cost,
    check_cost_matrix,
    check_row_costs,
    matrix_cost,
    resolve_scoring,
    row_cost,
    without_average,
)
from sklearn_binnet._tuning._refer import parse_abstain, refer
from sklearn_binnet._tuning._row_scorers import best_by_rows, tune_by_rows

AVERAGES = ("macro", "micro", "weighted")


@dataclass(frozen=True)
class TuningConfig:
    """What to tune for, resolved once."""

    objective: Objective
    constraints: list[list[th.Constraint]]
    """Those of each label."""
    average: str
    """How several labels are averaged: "macro", "micro" or "weighted"."""
    selection: str | Callable[..., Any]
    confidence_level: float
    thresholds: Any
    """Candidates, if they are restricted: None, a number of them, or an array."""
    matrix: NDArray[np.float64] | None = None
    """Costs of all rows, if the cost is the objective."""
    band: th.BandConfig | None = None
    """The rows that are to be referred, if any."""
    parity: list[th.Constraint] = field(default_factory=list)
    """How far groups may differ."""


class TunedLabel(NamedTuple):
    """The choice for one label, named as the attributes of `ThresholdTunerCV`."""

    best_threshold: float
    threshold_interval: tuple[float, float]
    fold_thresholds: NDArray[np.float64]
    curve: th.ThresholdCurve
    constraint_satisfied: bool
    constraint_report: list[dict[str, Any]]
    refer_band: tuple[float, float] | None
    refer_report: dict[str, Any] | None
    group_thresholds: dict[Any, float] | None
    group_report: dict[str, Any] | None


class Tuned(NamedTuple):
    """The choice for all labels; one yes/no question is a list of one."""

    labels: list[TunedLabel]
    score: float
    common: float | None
    """The best single threshold of several labels."""
    results: Callable[[], list[dict[str, NDArray[Any]]]]
    """Thresholds in ascending order with the objective at each, computed if they are wanted."""


# ------------------------------------------------------------------ what was asked for


def resolve_tuning_config(
    scoring: Any,
    constraint: Any,
    costs: Any,
    *,
    n_labels: int,
    row_costs: bool,
    selection: str | Callable[..., Any],
    confidence_level: float,
    thresholds: Any,
    abstain: Any,
    parity: Any,
) -> TuningConfig:
    """Read what a user asked for, as in `ThresholdTunerCV`; `row_costs` says whether each row has costs of its own."""
    several = n_labels > 1
    if several and (row_costs or thresholds is not None):
        raise ValueError(
            f"`costs` of each row and `thresholds` are for one yes/no question, and `y` has {n_labels} labels; leave "
            "them out."
        )
    by_label = constraint if several and isinstance(constraint, Mapping) else dict.fromkeys(range(n_labels), constraint)
    unknown = [label for label in by_label if label not in range(n_labels)]
    if unknown:
        raise ValueError(f"`constraint` names the labels {unknown}; `y` has the labels 0 to {n_labels - 1}.")
    matrix = None if costs is None else check_cost_matrix(costs)
    cost = None if matrix is None else matrix_cost(matrix)
    meant = ANY_COST if row_costs else cost
    objective, average = _resolve_labels(scoring, meant) if several else (resolve_scoring(scoring, meant), "macro")
    if row_costs and cost is None and asks_for_cost(None, by_label):
        raise ValueError(
            f"`constraint` {constraint!r} is on the cost, which needs one cost matrix for all rows, the parameter "
            "`costs`: costs that differ between rows have no exact bound. Give the matrix, or constrain another "
            "metric, such as recall."
        )
    known = None if matrix is None else {"cost": th.make_cost(matrix)}
    constraints = [th.parse_constraint(by_label.get(label), known) for label in range(n_labels)]
    if meant is not None and not objective.is_cost and not asks_for_cost(None, by_label):
        raise ValueError(
            "`costs` are given, but neither `scoring` nor `constraint` asks for them; pass scoring='cost'. Got "
            f"scoring={scoring!r}."
        )
    band = parse_abstain(abstain)
    matrix = matrix if objective.is_cost else None
    if band is not None and thresholds is not None:
        raise ValueError(
            "`thresholds` are the candidates of a single threshold, and `abstain` chooses two among all; leave one out."
        )
    asked, parity = parity, parse_parity(parity)
    if parity and (several or objective.metric is None or thresholds is not None or any(constraints) or band):
        raise ValueError(
            f"`parity` {asked!r} goes with one yes/no question and a `scoring` of the counts, without `constraint`, "
            "`abstain` and `thresholds`; leave these out, or drop `parity` with [] to ask without it."
        )
    return TuningConfig(objective, constraints, average, selection, confidence_level, thresholds, matrix, band, parity)


def _resolve_labels(scoring: Any, cost: Objective | None) -> tuple[Objective, str]:
    """Return what is asked of each of several labels, and how they are averaged."""
    single, average = scoring, "macro"
    if isinstance(scoring, str):
        name, _, ending = scoring.rpartition("_")
        if name and ending in (*AVERAGES, "samples"):
            single, average = name, ending
    elif is_scorer(scoring):
        average = scorer_parts(scoring)[2].get("average") or "macro"
        average = average if average in (*AVERAGES, "samples") else "macro"
        single = without_average(scoring)
    if average == "samples":
        raise ValueError(
            f"`scoring` {scoring!r} averages over rows, which no label can be tuned for by itself; take 'f1_micro' or "
            "'f1_macro'."
        )
    objective = resolve_scoring(single, cost)
    if objective.metric is None:
        raise ValueError(
            f"`scoring` {scoring!r} is no function of the counts tn, fp, fn, tp, which several labels need; take a "
            "metric by name or a callable f(tn, fp, fn, tp)."
        )
    if average == "micro" and objective.name not in ("f1", "f1_score", "jaccard", "jaccard_score"):
        raise ValueError(
            f"`scoring` {scoring!r} is not supported: of the micro averages, take 'f1_micro' (it has its optimum where "
            "'jaccard_micro' has)."
        )
    return objective, average


def recost(
    evidence: list[Evidence], scoring: Any, constraint: Any, costs: Any, default: Any, held_out: NDArray[np.bool_]
) -> tuple[list[Evidence], Any]:
    """Return evidence and cost matrix for new costs, a matrix or by row.

    Without new `costs` the old ones stay where `scoring` or `constraint` asks for them; `default` is the matrix of the
    tuner. `held_out` says which of the rows of the fit the evidence is about.
    """
    if costs is None and asks_for_cost(scoring, constraint):
        return evidence, default
    if len(evidence) > 1 or costs is None or np.ndim(costs) < 2 or np.shape(costs) == (2, 2):
        return [part if part.row_costs is None else part.with_costs(None) for part in evidence], costs
    otherwise = "One matrix for all rows has the shape (2, 2), [[tn, fp], [fn, tp]]."
    by_row = check_row_costs(costs, len(held_out), "retune", otherwise)[held_out]
    return [part.with_costs(by_row) for part in evidence], (default if asks_for_cost(None, constraint) else None)


# ------------------------------------------------------------------ the choice


def tune(evidence: list[Evidence], config: TuningConfig, seed: int) -> Tuned:
    """Choose a threshold for each label."""
    objective, level = config.objective.about(evidence[0].classes), config.confidence_level
    candidates = [_candidates(config.thresholds, part.curve) for part in evidence]
    outcomes = [
        th.find_feasible(part.curve, constraints, level, None if tried is None else np.unique(part.curve.index(tried)))
        for part, constraints, tried in zip(evidence, config.constraints, candidates, strict=True)
    ]
    problems: list[th.Problem] = []
    common, found = None, None
    if objective.metric is None:  # one question, as checked
        choice, found = tune_by_rows(
            evidence[0], objective, config.selection, level, outcomes[0].feasible, candidates[0]
        )
        chosen, score = [choice], choice.score
    else:
        problems = [
            _pose(part, objective, outcome.feasible, seed) for part, outcome in zip(evidence, outcomes, strict=True)
        ]
        if len(problems) == 1:
            choice = th.select(problems[0], config.selection, level)
            if candidates[0] is not None:
                choice = _snap(problems[0], candidates[0], choice)
            chosen, score = [choice], choice.score
        else:
            chosen, score, common = _select_labels(problems, objective, config)

    def results() -> list[dict[str, NDArray[Any]]]:
        if found is not None:
            return [found]
        if len(problems) > 1:
            return [{"thresholds": p.curve.thresholds[::-1], "scores": p.values[::-1]} for p in problems]
        (problem,) = problems
        values = problem.objective(*problem.counts.confusion())
        if candidates[0] is None:
            return [{"thresholds": problem.curve.thresholds[::-1], "scores": values[::-1]}]
        ascending = np.sort(candidates[0])
        return [{"thresholds": ascending, "scores": values[problem.curve.index(ascending)]}]

    labels = []
    for part, constraints, choice, outcome in zip(evidence, config.constraints, chosen, outcomes, strict=True):
        folds = _fold_thresholds(part, objective, constraints, level)
        report = th.report(part.curve, constraints, choice.threshold, outcome)
        tuned = (choice.threshold, choice.interval, folds, part.curve, outcome.satisfied, report)
        priced = "rows" if objective.is_cost and part.row_costs is not None else config.matrix
        band = refer(part, config.band, level, priced, config.selection != "argmax", seed)
        groups = (
            _choose_groups(part, problems[0], objective, config, choice.threshold) if config.parity else (None,) * 2
        )
        labels.append(TunedLabel(*tuned, *band, *groups))
    return Tuned(labels, score, common, results)


def _pose(evidence: Evidence, objective: Objective, feasible: NDArray[np.bool_] | None, seed: int = 0) -> th.Problem:
    """Pose what a selection rule is to solve."""
    worth, masses = None, None
    if objective.is_cost and evidence.row_costs is not None:
        objective, worth, masses = row_cost(evidence)
    rows = None
    if evidence.clusters is not None:
        if masses is None:
            weight = np.ones(len(evidence.scores)) if evidence.weight is None else evidence.weight
            masses = weight * evidence.positive, weight * ~evidence.positive
        rows = th.GroupedRows(evidence.clusters, evidence.scores, *masses)
    return th.Problem(
        evidence.curve,
        objective.utility,
        worth=worth,
        feasible=feasible,
        bayes=objective.bayes,
        seed=seed,
        probability=evidence.probability,
        rows=rows,
    )


def _choose_groups(
    evidence: Evidence, problem: th.Problem, objective: Objective, config: TuningConfig, common: float
) -> tuple[dict[Any, float], dict[str, Any]]:
    """Return the threshold of each group, and what they come to."""
    groups = evidence.groups
    if groups is None:
        raise ValueError("`parity` compares groups of rows; pass `sensitive`, the group of each row.")
    check_classes(groups, evidence.positive, config.parity)
    rows = [np.flatnonzero(groups.codes == code) for code in range(len(groups.names))]
    parts = [_pose(evidence.part((places, evidence.scores[places])), objective, None) for places in rows]
    choice = th.find_groups(
        [part.curve for part in parts],
        [part.worth for part in parts],
        problem.curve,
        problem.objective,
        config.parity,
        config.confidence_level,
        common,
    )
    return report_by_name(choice, groups.names)


def _select_labels(
    problems: list[th.Problem], objective: Objective, config: TuningConfig
) -> tuple[list[th.Selection], float, float]:
    """Return the choice for each of several labels, their average, and the best common threshold."""
    combine = _combine(problems, objective, config.average)
    common, _ = th.global_threshold(problems, combine)
    posed, level = problems, config.confidence_level
    if config.average == "micro":  # F1 as a ratio of sums has a linear form, label by label, at its optimum
        optimum, ratio = th.maximise_micro_f1(problems)
        posed = [replace(problem, objective=th.linear_objective(ratio), bayes=ratio / 2) for problem in problems]
    chosen = th.select_labels(posed, config.selection, level, common)
    if config.average == "micro" and config.selection == "argmax":
        chosen = [replace(choice, threshold=float(best)) for choice, best in zip(chosen, optimum, strict=True)]
    at_chosen = [th.confusion_at(p, choice.threshold) for p, choice in zip(problems, chosen, strict=True)]
    return chosen, float(combine(at_chosen)[0]), common


def _combine(problems: list[th.Problem], objective: Objective, average: str) -> Callable[[list[Any]], Any]:
    """Return the average over labels, as a function of their counts."""
    if average == "micro":
        jaccard = objective.name.startswith("jaccard")

        def micro(confusions: list[Any]) -> Any:
            value = th.micro_f1(confusions)
            return value / (2 - value) if jaccard else value

        return micro
    weight = np.ones(len(problems))
    if average == "weighted":
        weight = np.array([problem.curve.n_positive for problem in problems])
    weight = weight / max(weight.sum(), 1e-300)

    def mean(confusions: list[Any]) -> Any:
        return sum(share * objective.utility(*counts) for share, counts in zip(weight, confusions, strict=True))

    return mean


def _candidates(thresholds: Any, curve: th.ThresholdCurve) -> NDArray[np.float64] | None:
    if thresholds is None:
        return None
    if np.ndim(thresholds) == 0:
        return np.linspace(curve.scores[-1], curve.scores[0], int(thresholds))
    return np.asarray(thresholds, dtype=np.float64)


def _snap(problem: th.Problem, candidates: NDArray[np.float64], chosen: th.Selection) -> th.Selection:
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


def _fold_thresholds(
    evidence: Evidence, objective: Objective, constraints: list[th.Constraint], confidence_level: float
) -> NDArray[np.float64]:
    """Return the exact optimum of each fold, constraints taken by their estimates; NaN for folds of one class."""
    constraints = [replace(constraint, mode="empirical") for constraint in constraints]
    optima = []
    for fold in evidence.folds:
        part = evidence.part(fold)
        weight = np.ones(len(part.scores)) if part.weight is None else part.weight
        if weight[part.positive].sum() == 0 or weight[~part.positive].sum() == 0:
            optima.append(np.nan)
            continue
        feasible = th.find_feasible(part.curve, constraints, confidence_level).feasible
        if objective.metric is None:
            optima.append(best_by_rows(part, objective, feasible))
        else:
            optima.append(th.argmax_threshold(_pose(part, objective, feasible)))
    return np.array(optima)
