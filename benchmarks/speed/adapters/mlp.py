"""scikit-learn's `MLPClassifier`: no dropout, no batch normalisation."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def load() -> None:
    """Imported with this module."""


def lacks(shape, kind) -> str:
    if shape.dropout or shape.batch_normalization:
        return "has no dropout and no batch normalisation"
    return ""


def build(shape, seed):
    net = MLPClassifier(
        shape.hidden,
        solver="adam",
        alpha=0.0,
        learning_rate_init=shape.learning_rate,
        batch_size=shape.batch,
        max_iter=shape.epochs,
        # it stops when the loss stands still for more epochs than this: never
        n_iter_no_change=shape.epochs,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), net)


def grid(architectures, learning_rates):
    return {
        "mlpclassifier__hidden_layer_sizes": list(architectures),
        "mlpclassifier__learning_rate_init": list(learning_rates),
    }
