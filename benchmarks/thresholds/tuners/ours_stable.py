"""ThresholdTunerCV, one refitted model."""

from measures import MISS

from sklearn_binnet import ThresholdTunerCV


def tune(estimator, X, y, folds, metric, seed, selection="stable", ensemble=False):
    costs = [[0, 1], [MISS, 0]] if metric == "cost" else None
    return ThresholdTunerCV(
        estimator,
        scoring=metric,
        costs=costs,
        cv=folds,
        selection=selection,
        ensemble=ensemble,
        random_state=seed,
    ).fit(X, y)
