"""Keras' own `SKLearnClassifier`. It hands the model one-hot labels: two softmax units."""

from __future__ import annotations

from importlib import import_module

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def load() -> None:
    for name in ("tensorflow", "keras"):
        import_module(name)


def lacks(shape, kind) -> str:
    if kind == "grid":
        return "its clone drops fit_kwargs, so that a search would train one epoch"
    return ""


def body(columns, hidden, dropout, batch_normalization, units, activation):
    """Return the uncompiled network that both Keras wrappers train."""
    import keras

    layers = [keras.Input((columns,))]
    for width in hidden:
        layers.append(keras.layers.Dense(width, activation="relu"))
        if batch_normalization:
            layers.append(keras.layers.BatchNormalization(momentum=0.9))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential([*layers, keras.layers.Dense(units, activation=activation)])


def network(X, y, learning_rate, **spec):
    import keras

    model = body(X.shape[1], units=2, activation="softmax", **spec)
    model.compile(keras.optimizers.Adam(learning_rate), "categorical_crossentropy")
    return model


def build(shape, seed):
    import keras

    keras.utils.set_random_seed(seed)
    net = keras.wrappers.SKLearnClassifier(
        network,
        model_kwargs={
            "hidden": shape.hidden,
            "dropout": shape.dropout,
            "batch_normalization": shape.batch_normalization,
            "learning_rate": shape.learning_rate,
        },
        fit_kwargs={"batch_size": shape.batch, "epochs": shape.epochs, "verbose": 0},
    )
    return make_pipeline(StandardScaler(), net)
