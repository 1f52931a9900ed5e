"""Thresholds for any scores, in NumPy and SciPy alone: curve, metrics, constraints, selection."""

from sklearn_binnet._thresholds._band import (
    LOWER,
    REFERRAL_RATE,
    UPPER,
    Band,
    BandRequest,
    find_band,
    place,
)
from sklearn_binnet._thresholds._bounds import bound_keeps, clopper_pearson, metric_bound
from sklearn_binnet._thresholds._constraints import (
    Constraint,
    find_feasible,
    parse_constraint,
    report,
    shortfall_message,
)
from sklearn_binnet._thresholds._curve import Counts, ThresholdCurve, decide
from sklearn_binnet._thresholds._groups import PARITIES, PARITY_METRICS, GroupChoice, find_groups
from sklearn_binnet._thresholds._labels import (
    confusion_at,
    global_threshold,
    linear_objective,
    maximise_micro_f1,
    micro_f1,
    select_labels,
)
from sklearn_binnet._thresholds._metrics import ALIASES, METRICS, Metric, averaged, find_metric, make_cost
from sklearn_binnet._thresholds._problem import GroupedRows, Problem, ScoreScale, first_peak, poisson_sums
from sklearn_binnet._thresholds._selection import (
    Selection,
    argmax_threshold,
    asked_threshold,
    beta_calibration,
    bootstrap_optima,
    fit_logistic,
    score_at,
    select,
    smooth_optima,
)

__all__ = [
    "ALIASES",
    "LOWER",
    "METRICS",
    "PARITIES",
    "PARITY_METRICS",
    "REFERRAL_RATE",
    "UPPER",
    "Band",
    "BandRequest",
    "Constraint",
    "Counts",
    "GroupChoice",
    "GroupedRows",
    "Metric",
    "Problem",
    "ScoreScale",
    "Selection",
    "ThresholdCurve",
    "argmax_threshold",
    "asked_threshold",
    "averaged",
    "beta_calibration",
    "bootstrap_optima",
    "bound_keeps",
    "clopper_pearson",
    "confusion_at",
    "decide",
    "find_band",
    "find_feasible",
    "find_groups",
    "find_metric",
    "first_peak",
    "fit_logistic",
    "global_threshold",
    "linear_objective",
    "make_cost",
    "maximise_micro_f1",
    "metric_bound",
    "micro_f1",
    "parse_constraint",
    "place",
    "poisson_sums",
    "report",
    "score_at",
    "select",
    "select_labels",
    "shortfall_message",
    "smooth_optima",
]
