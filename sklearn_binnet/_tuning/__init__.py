"""Behind `ThresholdTunerCV`: models, evidence and the choice of a threshold.

- `_crossfit.py`: fits the folds and the refitted model; scores of rows that a model was not fitted on
- `_evidence.py`: these scores with what is known of their rows, a list with an entry for each label
- `_objective.py`: from what a user calls a score or a cost to a function of the counts
- `_tune.py`: what was asked for, and from evidence to a threshold for each label
- `_calibration.py`: from scores to probabilities, and decisions by each row's own costs
- `_prevalence.py`: the share of positives among rows without labels
- `_uncertain.py`: costs and shares of positives that are known up to a range
- `_by_group.py`: a threshold for each group of rows, with a tolerance for their difference
- `_refer.py`: two thresholds with a band of rows between them that are referred
- `_row_scorers.py`: scorers that are no function of the counts
"""

from sklearn_binnet._tuning._by_group import read_groups, row_thresholds, warn_of_groups
from sklearn_binnet._tuning._calibration import Calibration, calibrate, cheapest
from sklearn_binnet._tuning._crossfit import (
    average_response,
    binary_scores,
    cross_fit,
    fit_folds,
    label_scores,
    make_splits,
    route_unrouted,
    use_own,
    use_prefit,
)
from sklearn_binnet._tuning._evidence import Evidence, collect
from sklearn_binnet._tuning._objective import (
    asks_for_cost,
    check_new_costs,
    check_row_costs,
    resolve_scoring,
    routed_scorer,
)
from sklearn_binnet._tuning._prevalence import PrevalenceEstimate, estimate_prevalence
from sklearn_binnet._tuning._refer import label_decisions, warn_of_bands
from sklearn_binnet._tuning._tune import TuningConfig, recost, resolve_tuning_config, tune
from sklearn_binnet._tuning._uncertain import read_scenarios, worst_regret

__all__ = [
    "Calibration",
    "Evidence",
    "PrevalenceEstimate",
    "TuningConfig",
    "asks_for_cost",
    "average_response",
    "binary_scores",
    "calibrate",
    "cheapest",
    "check_new_costs",
    "check_row_costs",
    "collect",
    "cross_fit",
    "estimate_prevalence",
    "fit_folds",
    "label_decisions",
    "label_scores",
    "make_splits",
    "read_groups",
    "read_scenarios",
    "recost",
    "resolve_scoring",
    "resolve_tuning_config",
    "route_unrouted",
    "routed_scorer",
    "row_thresholds",
    "tune",
    "use_own",
    "use_prefit",
    "warn_of_bands",
    "warn_of_groups",
    "worst_regret",
]
