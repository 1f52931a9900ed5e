"""scikit-learn's TunedThresholdClassifierCV, its defaults.

`tune` repeats its rule with counts instead of two thousand calls of a metric function; `check`
compares it with the class itself (``python regret.py --check``).
"""

import numpy as np
from measures import COST_SCORER, METRICS
from sklearn.base import clone
from sklearn.model_selection import TunedThresholdClassifierCV

POINTS = 100


class Thresholded:
    def __init__(self, model, threshold):
        self.model, self.best_threshold_ = model, threshold

    def predict(self, X):
        return (self.model.predict_proba(X)[:, 1] >= self.best_threshold_).astype(int)


def tune(estimator, X, y, folds, metric, seed):
    """Mean over folds of curves on 100 equidistant thresholds, interpolated; their maximum."""
    curves = []
    for train, test in folds:
        scores = clone(estimator).fit(X[train], y[train]).predict_proba(X[test])[:, 1]
        grid = np.linspace(scores.min(), scores.max(), POINTS)
        positive, negative = (np.sort(scores[y[test] == label]) for label in (1, 0))
        fn, tn = np.searchsorted(positive, grid), np.searchsorted(negative, grid)
        curves.append((grid, METRICS[metric](tn, len(negative) - tn, fn, len(positive) - fn)))
    grid = np.linspace(min(points[0] for points, _ in curves), max(points[-1] for points, _ in curves), POINTS)
    mean = np.mean([np.interp(grid, *curve) for curve in curves], axis=0)
    return Thresholded(clone(estimator).fit(X, y), grid[mean.argmax()])


def check(estimator, X, y, folds, metric):
    """Whether the class itself finds the same threshold."""
    scoring = COST_SCORER if metric == "cost" else metric
    theirs = TunedThresholdClassifierCV(estimator, scoring=scoring, cv=folds).fit(X, y)
    ours = tune(estimator, X, y, folds, metric, 0)
    return bool(np.isclose(theirs.best_threshold_, ours.best_threshold_, rtol=1e-6, atol=1e-9))
