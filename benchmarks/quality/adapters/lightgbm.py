"""LightGBM with its defaults."""

from __future__ import annotations

from sklearn.multiclass import OneVsRestClassifier

from . import Model

LIBRARIES = ("lightgbm",)
MODELS = {
    "lightgbm": Model("LightGBM", multilabel=True),
    "lightgbm_native": Model("LightGBM, own categories and missing values", form="raw", base="lightgbm"),
}


def build(model: Model, seed: int, n_labels: int | None = None):
    from lightgbm import LGBMClassifier

    estimator = LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1, **model.settings)
    return estimator if n_labels is None else OneVsRestClassifier(estimator)
