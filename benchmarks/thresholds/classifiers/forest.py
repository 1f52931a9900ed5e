"""Random forest of 100 trees."""

from sklearn.ensemble import RandomForestClassifier


def make(seed):
    return RandomForestClassifier(100, min_samples_leaf=2, random_state=seed)
