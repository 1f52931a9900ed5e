"""SciKeras around the Dense stack of its tutorials, on standardised columns.

It compiles anew in every fit: no fit is warmer than another.
"""

from __future__ import annotations

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from . import Model

LIBRARIES = ("scikeras", "keras", "tensorflow")
MODELS = {
    "scikeras": Model(
        "SciKeras, tutorial net, scaled",
        {"model__hidden": (64, 32), "optimizer__learning_rate": 1e-3, "batch_size": 32, "epochs": 50},
    )
}


def network(meta, hidden):
    import keras

    layers = [keras.layers.Dense(units, activation="relu") for units in hidden]
    inputs = keras.Input((meta["n_features_in_"],))
    return keras.Sequential([inputs, *layers, keras.layers.Dense(1, activation="sigmoid")])


def build(model: Model, seed: int, n_labels: int | None = None):
    import keras
    from scikeras.wrappers import KerasClassifier

    # its own random_state would turn on TensorFlow's slower deterministic kernels
    keras.utils.set_random_seed(seed)
    net = KerasClassifier(model=network, loss="binary_crossentropy", optimizer="adam", verbose=0, **model.settings)
    return make_pipeline(StandardScaler(), net)
