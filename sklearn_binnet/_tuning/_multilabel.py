"""Tuning several labels: what `scoring` means for them, and one threshold each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sklearn_binnet import _thresholds as th
from sklearn_binnet._compat import is_scorer, scorer_parts
from sklearn_binnet._tuning._costs import asks_for_cost, check_cost_matrix, check_costs_are_used, cost_setup
from sklearn_binnet._tuning._objective import Objective, resolve_scoring, without_average
from sklearn_binnet._tuning._tune import build_problem, fold_thresholds, make_settings, tune

AVERAGES = ("macro", "micro", "weighted")


@dataclass(frozen=True)
class TunedLabels:
    """Outcome of `tune_labels`, named as in `Tuned`; lists and arrays have one entry a label."""

    threshold: np.ndarray
    score: float
    interval: np.ndarray
    curve: list
    satisfied: np.ndarray
    report: list
    results: Callable[[], list]
    common: float


def split_average(scoring):
    """Metric of one label, and how labels are averaged.

    Parameters
    ----------
    scoring : str or callable

    Returns
    -------
    scoring : str or callable
        For one label.
    average : {"macro", "micro", "weighted"}

    Raises
    ------
    ValueError
        For averages that are no function of the counts of each label.
    """
    average = "macro"
    if isinstance(scoring, str):
        name, _, ending = scoring.rpartition("_")
        if ending in AVERAGES and name:
            scoring, average = name, ending
        elif ending == "samples":
            raise ValueError(
                f"`scoring` {scoring!r} averages over rows, which no label can be tuned for by "
                "itself; take 'f1_micro' or 'f1_macro'."
            )
    elif is_scorer(scoring):
        given = scorer_parts(scoring)[2].get("average") or "macro"
        if given == "samples":
            return split_average(f"{scoring._score_func.__name__}_samples")
        average = given if given in AVERAGES else "macro"
        scoring = without_average(scoring)
    if average == "micro" and scoring not in ("f1", "jaccard") and not is_scorer(scoring):
        raise ValueError(
            f"`scoring` '{scoring}_micro' is not supported: of the micro averages, take 'f1_micro' "
            "(it has its optimum where 'jaccard_micro' has)."
        )
    return scoring, average


def label_objective(scoring, cost_metric=None) -> tuple[Objective, str]:
    """Objective of one label, and how labels are averaged."""
    single, average = split_average(scoring)
    objective = resolve_scoring(single, cost_metric)
    if objective.metric is None:
        raise ValueError(
            f"`scoring` {scoring!r} is no function of the counts tn, fp, fn, tp, which several "
            "labels need; take a metric by name or a callable f(tn, fp, fn, tp)."
        )
    if average == "micro" and objective.name not in ("f1", "f1_score", "jaccard", "jaccard_score"):
        raise ValueError(f"`scoring` {scoring!r} is not supported: of the micro averages, take 'f1_micro'.")
    return objective, average


def label_settings(scoring, constraint, costs, *, n_labels, **others):
    """Read what was asked for, for each label.

    Parameters
    ----------
    scoring, constraint, costs
        As in `ThresholdTunerCV`; `constraint` may be a dict from label number to constraint.
    n_labels : int
    **others
        Further fields of `Settings`.

    Returns
    -------
    settings : list of Settings
    average : str
    """
    single, average = split_average(scoring)
    by_label = constraint
    if not isinstance(constraint, dict):
        by_label = dict.fromkeys(range(n_labels), constraint)
    unknown = [label for label in by_label if label not in range(n_labels)]
    if unknown:
        raise ValueError(f"`constraint` names the labels {unknown}; `y` has the labels 0 to {n_labels - 1}.")
    matrix = None if costs is None else check_cost_matrix(costs)
    if matrix is not None:
        check_costs_are_used(single, by_label)
    objective, _ = label_objective(scoring, cost_setup(matrix)[0])
    settings = []
    for label in range(n_labels):
        own = by_label.get(label)
        setting = make_settings(single, own, costs if asks_for_cost(single, own) else None, **others)
        settings.append(replace(setting, objective=objective))
    return settings, average


def tune_labels(evidences, settings, average):
    """Choose a threshold for each label.

    Parameters
    ----------
    evidences : list of Evidence
    settings : list of Settings
        One a label: constraints may differ.
    average : {"macro", "micro", "weighted"}

    Returns
    -------
    TunedLabels
    """
    outcomes, problems = [], []
    for evidence, setting in zip(evidences, settings, strict=True):
        outcome = th.find_feasible(evidence.curve, setting.constraints, setting.confidence_level)
        outcomes.append(outcome)
        problems.append(build_problem(evidence, setting, outcome.feasible))
    combine = _combine(problems, settings[0].objective, average)
    common, _ = th.global_threshold(problems, combine)
    rule = settings[0].selection
    if average == "micro":
        chosen = _select_micro(problems, settings[0], common)
    else:
        chosen = th.select_labels(problems, rule, settings[0].confidence_level, common)
    thresholds = np.array([selection.threshold for selection in chosen])
    at_chosen = [th.confusion_at(p, t) for p, t in zip(problems, thresholds, strict=True)]

    def results():
        return [{"thresholds": p.curve.thresholds[::-1], "scores": p.values[::-1]} for p in problems]

    return TunedLabels(
        thresholds,
        float(combine(at_chosen)[0]),
        np.array([selection.interval for selection in chosen]),
        [evidence.curve for evidence in evidences],
        np.array([outcome.satisfied for outcome in outcomes]),
        [
            th.report(e.curve, s.constraints, t, o)
            for e, s, t, o in zip(evidences, settings, thresholds, outcomes, strict=True)
        ],
        results,
        common,
    )


def _combine(problems, objective, average):
    """Average over labels as a function of their counts."""
    if average == "micro":
        jaccard = objective.name.startswith("jaccard")

        def micro(confusions):
            value = th.micro_f1(confusions)
            return value / (2 - value) if jaccard else value

        return micro
    weight = np.ones(len(problems))
    if average == "weighted":
        weight = np.array([problem.curve.n_positive for problem in problems])
    weight = weight / max(weight.sum(), 1e-300)

    def mean(confusions):
        return sum(share * objective.utility(*counts) for share, counts in zip(weight, confusions, strict=True))

    return mean


def _select_micro(problems, setting, common):
    """Thresholds for micro F1: its exact optimum, or stable ones for its linear form."""
    optimum, ratio = th.maximise_micro_f1(problems)
    linear = [replace(problem, objective=th.linear_objective(ratio), bayes=ratio / 2) for problem in problems]
    if setting.selection == "argmax":
        chosen = [th.select(p, "argmax", setting.confidence_level) for p in linear]
        return [replace(s, threshold=float(t)) for s, t in zip(chosen, optimum, strict=True)]
    return th.select_labels(linear, setting.selection, setting.confidence_level, common)


def choose(evidence, scoring, constraint, costs, *, thresholds, **options):
    """Choose a threshold for one question, or one for each label.

    Parameters
    ----------
    evidence : Evidence or list of Evidence
        A list has one entry a label.
    scoring, constraint, costs, thresholds
        As in `ThresholdTunerCV`.
    **options
        Further fields of `Settings`.

    Returns
    -------
    tuned : Tuned or TunedLabels
    folds : ndarray of shape (n_folds,) or (n_folds, n_labels)
        Optima of the folds.
    lines : list of dict
        Report on all constraints.
    """
    if isinstance(evidence, list):
        settings, average = label_settings(scoring, constraint, costs, n_labels=len(evidence), **options)
        labels = tune_labels(evidence, settings, average)
        return labels, label_fold_thresholds(evidence, settings), [line for report in labels.report for line in report]
    row_costs = evidence.row_costs is not None
    setting = make_settings(scoring, constraint, costs, evidence, row_costs=row_costs, thresholds=thresholds, **options)
    tuned = tune(evidence, setting)
    return tuned, fold_thresholds(evidence, setting), tuned.report


def label_fold_thresholds(evidences, settings):
    """Exact optimum of each label in each fold.

    Returns
    -------
    ndarray of shape (n_folds, n_labels)
    """
    columns = [fold_thresholds(e, s) for e, s in zip(evidences, settings, strict=True)]
    return np.column_stack(columns)
