"""The one place that imports private names of scikit-learn."""

from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import _check_method_params as index_params
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "Interval",
    "RealNotInt",
    "StrOptions",
    "index_params",
    "is_scorer",
    "num_samples",
    "safe_indexing",
    "scorer_parts",
]


def is_scorer(scoring):
    """Whether an object was made by :func:`sklearn.metrics.make_scorer`."""
    return hasattr(scoring, "_score_func") and hasattr(scoring, "_sign")


def scorer_parts(scorer):
    """Score function, sign, keyword arguments and response method of a scorer."""
    return scorer._score_func, scorer._sign, dict(scorer._kwargs), scorer._response_method
