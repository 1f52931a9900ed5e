"""This package. It standardises the columns itself."""

from __future__ import annotations

from importlib import import_module


def load() -> None:
    # the package imports TensorFlow late; here, so that a first fit has no import in it
    for name in ("tensorflow", "keras", "sklearn_binnet"):
        import_module(name)


def lacks(shape, kind) -> str:
    return ""


def build(shape, seed):
    from sklearn_binnet import BinaryNetClassifier

    return BinaryNetClassifier(
        hidden_layer_sizes=shape.hidden,
        activation="relu",
        encoding="standardize",
        dropout=shape.dropout,
        batch_normalization=shape.batch_normalization,
        learning_rate=shape.learning_rate,
        learning_rate_schedule="constant",
        batch_size=shape.batch,
        epochs=shape.epochs,
        n_estimators=1,
        early_stopping=False,
        random_state=seed,
    )


def grid(architectures, learning_rates):
    return {"hidden_layer_sizes": list(architectures), "learning_rate": list(learning_rates)}
