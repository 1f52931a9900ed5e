"""scikit-learn's histogram gradient boosting, its defaults."""

from sklearn.ensemble import HistGradientBoostingClassifier


def make(seed):
    return HistGradientBoostingClassifier(random_state=seed)
