"""What can be wrong with a request before anything is fitted."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_regressor

from sklearn_binnet._tuning._multilabel import label_settings
from sklearn_binnet._tuning._tune import make_settings


def check_estimator(estimator):
    """Refuse what is no classifier with scores."""
    # Some, such as a stack, know only after their fit which of their class's methods they have.
    methods = ("predict_proba", "decision_function")
    responds = any(hasattr(owner, method) for owner in (estimator, type(estimator)) for method in methods)
    if not hasattr(estimator, "fit") or not responds or _is_regressor(estimator):
        raise ValueError(
            f"`estimator` must be a classifier with fit and predict_proba or decision_function, got {estimator!r}."
        )


def _is_regressor(estimator):
    try:
        return is_regressor(estimator)
    except (AttributeError, TypeError):  # wrappers without tags are taken at their word
        return False


def check_request(tuner, n_labels, row_costs):
    """Check the parameters of a `ThresholdTunerCV` against each other and against the kind of target.

    Parameters
    ----------
    tuner : ThresholdTunerCV
    n_labels : int
        0 for one yes/no question.
    row_costs : bool
        Whether each row has costs of its own.
    """
    if np.ndim(tuner.thresholds) > 0:
        candidates = np.asarray(tuner.thresholds, dtype=np.float64)
        if candidates.ndim != 1 or not candidates.size or np.isnan(candidates).any():
            raise ValueError(
                "`thresholds` must hold at least one threshold and no NaN, got "
                f"{tuner.thresholds!r}; None tries every threshold there is."
            )
    if tuner.ensemble is True and (isinstance(tuner.cv, str) or not tuner.refit):
        raise ValueError(
            "`ensemble=True` averages the refitted model and the models of the folds, but "
            f"cv={tuner.cv!r}, refit={tuner.refit} leaves one model only. Pass ensemble='auto'."
        )
    if isinstance(tuner.cv, str) and tuner.refit:
        raise ValueError(
            f"When cv={tuner.cv!r}, refit cannot be True. Pass refit=False to keep the fitted estimator, or another cv."
        )
    request = (tuner.scoring, tuner.constraint, tuner.costs)
    if not n_labels:
        make_settings(*request, row_costs=row_costs)
        return
    label_settings(*request, n_labels=n_labels)
    if row_costs or tuner.thresholds is not None:
        raise ValueError(
            "`costs` of each row and `thresholds` are for one yes/no question, and `y` has "
            f"{n_labels} labels; leave them out."
        )
