"""scikit-learn's TunedThresholdClassifierCV, its defaults."""

from measures import COST_SCORER
from sklearn.model_selection import TunedThresholdClassifierCV


def tune(estimator, X, y, folds, metric, seed):
    scoring = COST_SCORER if metric == "cost" else metric
    return TunedThresholdClassifierCV(estimator, scoring=scoring, cv=folds).fit(X, y)
