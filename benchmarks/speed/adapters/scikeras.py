"""SciKeras around a Keras model with one sigmoid unit."""

from __future__ import annotations

from importlib import import_module

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def load() -> None:
    for name in ("tensorflow", "keras", "scikeras.wrappers"):
        import_module(name)


def lacks(shape, kind) -> str:
    return ""


def network(meta, hidden, dropout, batch_normalization):
    from .keras_wrapper import body

    return body(meta["n_features_in_"], hidden, dropout, batch_normalization, 1, "sigmoid")


def build(shape, seed):
    import keras
    from scikeras.wrappers import KerasClassifier

    # its own random_state would turn on TensorFlow's slower deterministic kernels
    keras.utils.set_random_seed(seed)
    net = KerasClassifier(
        model=network,
        model__hidden=shape.hidden,
        model__dropout=shape.dropout,
        model__batch_normalization=shape.batch_normalization,
        loss="binary_crossentropy",
        optimizer="adam",
        optimizer__learning_rate=shape.learning_rate,
        batch_size=shape.batch,
        epochs=shape.epochs,
        verbose=0,
    )
    return make_pipeline(StandardScaler(), net)


def grid(architectures, learning_rates):
    return {
        "kerasclassifier__model__hidden": list(architectures),
        "kerasclassifier__optimizer__learning_rate": list(learning_rates),
    }
