"""Thresholds for several labels at once: macro averages, micro F1, shrinkage of rare labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from sklearn_binnet._thresholds._metrics import CountsFunction, Floats
from sklearn_binnet._thresholds._problem import Problem, first_peak
from sklearn_binnet._thresholds._selection import Rule, Selection, argmax_threshold, score_at, select

Confusion = tuple[Floats, ...]

GRID = 500
MAX_PASSES = 50


def global_threshold(problems: Sequence[Problem], average: Callable[[list[Confusion]], Floats]) -> tuple[float, float]:
    """Find the best single threshold for all labels, and the average that it reaches.

    `average` gets a list of ``(tn, fp, fn, tp)``, one for each label.
    """
    grid = np.unique(
        np.concatenate([problem.curve.thresholds[problem.curve.spaced_cuts(GRID)] for problem in problems])
    )
    if len(grid) > 4 * GRID:
        grid = grid[np.linspace(0, len(grid) - 1, 4 * GRID).astype(int)]
    values = average([confusion_at(problem, grid) for problem in problems])
    best = first_peak(values)
    return float(grid[best]), float(values[best])


def confusion_at(problem: Problem, thresholds: ArrayLike) -> Confusion:
    """Look up the counts of one label at any thresholds."""
    cuts = np.append(np.atleast_1d(problem.curve.index(np.asarray(thresholds, dtype=np.float64))), -1)
    return tuple(values[:-1] for values in problem.counts.at(cuts).confusion())


def select_labels(problems: Sequence[Problem], rule: Rule, confidence_level: float, centre: float) -> list[Selection]:
    """Choose a threshold for each label.

    The rule "stable" draws the labels towards one common threshold, `centre`, by empirical Bayes.
    A label whose threshold is known within `deviation` keeps the share
    ``spread ** 2 / (spread ** 2 + deviation ** 2)`` of its distance to `centre`, where `spread` is
    how far labels truly differ. So rare labels lean on the others, and frequent ones stand alone.

    References
    ----------
    Morris (1983), "Parametric empirical Bayes inference: theory and applications", JASA 78.
    """
    chosen = [select(problem, rule, confidence_level) for problem in problems]
    if rule != "stable" or len(problems) < 2:
        return chosen
    scales = [problem.scale for problem in problems]
    common = np.array([float(scale.forward(centre)) for scale in scales])
    own = np.array([float(scale.forward(s.threshold)) for scale, s in zip(scales, chosen, strict=True)])
    deviation = np.array([selection.deviation for selection in chosen])
    known = np.array([not problem.one_sided() for problem in problems])
    distance = (own - common)[known]
    noise = float(np.mean(deviation[known] ** 2)) if known.any() else 0.0
    spread = float(np.mean(distance**2)) if known.any() else 0.0
    between = max(spread - noise, 0.1 * spread)
    keep = np.where(known, between / np.maximum(between + deviation**2, 1e-300), 0.0)
    shrunken = []
    for problem, selection, z in zip(problems, chosen, common + keep * (own - common), strict=True):
        threshold = problem.nearest_allowed(float(problem.scale.inverse(z)))
        interval = min(selection.interval[0], threshold), max(selection.interval[1], threshold)
        score = score_at(problem, threshold)
        shrunken.append(replace(selection, threshold=threshold, score=score, interval=interval))
    return shrunken


def micro_f1(confusions: Sequence[Confusion]) -> Floats:
    """Compute the micro-averaged F1 from the counts of each label."""
    _, fp, fn, tp = (sum(parts) for parts in zip(*confusions, strict=True))
    return np.asarray(2 * tp / np.maximum(2 * tp + fp + fn, 1e-300))


def linear_objective(ratio: float) -> CountsFunction:
    """Return what micro F1 comes to for one label once its optimum `ratio` is known.

    A row is worth calling positive where its probability is at least ``ratio / 2``.
    """

    def utility(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
        return (2 - ratio) * tp - ratio * fp

    return utility


def maximise_micro_f1(problems: Sequence[Problem]) -> tuple[Floats, float]:
    """Find the thresholds of globally best micro F1, and that F1; the problems' objectives are not used.

    Micro F1 is a ratio of two sums over labels. Dinkelbach's method maximises the numerator minus
    `ratio` times the denominator, which falls apart into labels, and takes the ratio reached as
    the next one until it no longer grows.

    References
    ----------
    Dinkelbach (1967), "On nonlinear fractional programming", Management Science 13.
    """
    ratio, thresholds = 0.0, np.zeros(len(problems))
    for _ in range(MAX_PASSES):
        stage = [replace(problem, objective=linear_objective(ratio)) for problem in problems]
        thresholds = np.array([argmax_threshold(problem) for problem in stage])
        reached = float(micro_f1([confusion_at(p, t) for p, t in zip(stage, thresholds, strict=True)])[0])
        if reached <= ratio * (1 + 1e-12):
            break
        ratio = reached
    return thresholds, ratio
