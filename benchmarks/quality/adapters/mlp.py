"""scikit-learn's neural network on standardised columns, as it comes and with early stopping."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import Model

LIBRARIES = ("scikit-learn",)
MODELS = {
    "mlp": Model("`MLPClassifier`, scaled", multilabel=True),
    "mlp_early": Model("`MLPClassifier(early_stopping=True)`, scaled", {"early_stopping": True}, multilabel=True),
}


def build(model: Model, seed: int, n_labels: int | None = None):
    return make_pipeline(StandardScaler(), MLPClassifier(random_state=seed, **model.settings))
