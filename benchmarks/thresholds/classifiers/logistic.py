"""Logistic regression on scaled columns."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def make(seed):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
