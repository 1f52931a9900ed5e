"""scikit-learn's logistic regression on standardised columns."""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import Model

LIBRARIES = ("scikit-learn",)
MODELS = {"logistic": Model("logistic regression, scaled", {"max_iter": 1000}, multilabel=True)}


def build(model: Model, seed: int, n_labels: int | None = None):
    estimator = LogisticRegression(**model.settings)
    return make_pipeline(StandardScaler(), estimator if n_labels is None else OneVsRestClassifier(estimator))
