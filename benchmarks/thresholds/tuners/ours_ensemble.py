"""ThresholdTunerCV, refitted and fold models averaged."""

from tuners.ours_stable import tune as stable


def tune(estimator, X, y, folds, metric, seed):
    return stable(estimator, X, y, folds, metric, seed, ensemble=True)
