"""scikit-learn's gradient boosting, what every ratio refers to."""

from __future__ import annotations

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.multiclass import OneVsRestClassifier

from . import Model

LIBRARIES = ("scikit-learn",)
MODELS = {
    "hgb": Model("HistGradientBoosting", multilabel=True),
    "hgb_native": Model("HistGradientBoosting, own categories and missing values", form="raw", base="hgb"),
}


def build(model: Model, seed: int, n_labels: int | None = None):
    estimator = HistGradientBoostingClassifier(random_state=seed, **model.settings)
    return estimator if n_labels is None else OneVsRestClassifier(estimator)
