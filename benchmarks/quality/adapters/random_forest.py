"""scikit-learn's random forest of 200 trees."""

from __future__ import annotations

from sklearn.ensemble import RandomForestClassifier

from . import Model

LIBRARIES = ("scikit-learn",)
MODELS = {"forest": Model("random forest (200)", {"n_estimators": 200}, multilabel=True)}


def build(model: Model, seed: int, n_labels: int | None = None):
    return RandomForestClassifier(random_state=seed, n_jobs=1, **model.settings)
