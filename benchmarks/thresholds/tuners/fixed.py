"""No tuning: 0.5."""

from sklearn.base import clone


def tune(estimator, X, y, folds, metric, seed):
    return clone(estimator).fit(X, y)
