"""Thresholds for any scores, in NumPy and SciPy alone: curve, metrics, constraints, selection."""

from ._constraints import Constraint, parse_constraint
from ._curve import Counts, ThresholdCurve, decide
from ._feasibility import Feasibility, find_feasible, report, shortfall_message
from ._labels import (
    confusion_at,
    global_threshold,
    linear_objective,
    maximise_micro_f1,
    micro_f1,
    select_labels,
)
from ._metrics import ALIASES, METRICS, Metric, averaged, make_cost, make_fbeta
from ._problem import Problem, first_peak
from ._scale import ScoreScale
from ._selection import Selection, argmax_threshold, score_at, select

__all__ = [
    "ALIASES",
    "METRICS",
    "Constraint",
    "Counts",
    "Feasibility",
    "Metric",
    "Problem",
    "ScoreScale",
    "Selection",
    "ThresholdCurve",
    "argmax_threshold",
    "averaged",
    "confusion_at",
    "decide",
    "find_feasible",
    "first_peak",
    "global_threshold",
    "linear_objective",
    "make_cost",
    "make_fbeta",
    "maximise_micro_f1",
    "micro_f1",
    "parse_constraint",
    "report",
    "score_at",
    "select",
    "select_labels",
    "shortfall_message",
]
