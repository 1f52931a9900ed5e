"""Keras' own models, optimizers, schedules and metrics as plain data, for pickles, skops and files.

Keras writes them down as a config, and reads it in its safe mode, in which no code from the config runs. What is
made of the user's own code stays as it is, and is Keras' own or pickle's business.
"""

from __future__ import annotations

import json
import warnings
from typing import Any

from sklearn_binnet._files._plain import Kind, register_kind
from sklearn_binnet._networks._keras_copy import foreign_part, is_graph, operations_of


def _is_keras_object(value: Any) -> bool:
    """Return whether a value is an object of a class of Keras, or of the user's own class of such; imports nothing."""
    return not isinstance(value, type) and any(c.__module__.split(".")[0] == "keras" for c in type(value).__mro__)


def _write(value: Any) -> dict[str, Any] | None:
    """Return the config and the weights, or None where that is not all there is."""
    import keras

    state: dict[str, Any] = {"weights": None}
    if isinstance(value, keras.Model):
        if not is_graph(value) or foreign_part(value) is not None:
            return None
        if value.built:
            state["weights"] = value.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing that Keras warns of is kept
        try:
            config = keras.saving.serialize_keras_object(value)
            state["config"] = json.dumps(config)
        except (TypeError, ValueError, NotImplementedError, AttributeError):  # of a class that Keras cannot write down
            return None
    return state if _is_keras_config(config) else None


def _is_keras_config(config: Any) -> bool:
    """Return whether every class and function in a config is Keras' own."""
    if isinstance(config, list | tuple):
        return all(map(_is_keras_config, config))
    if not isinstance(config, dict):
        return True
    if "class_name" in config and "config" in config:
        if config["class_name"] == "function":
            return _is_keras_function(config["config"])
        module = config.get("module", "keras")  # numbers and tensors have none; None is a class of the user's script
        if config["class_name"] == "__lambda__" or module is None or module.split(".")[0] != "keras":
            return False
    return all(map(_is_keras_config, config.values()))


def _is_keras_function(name: Any) -> bool:
    """Return whether Keras finds a function by this name among its own."""
    import keras

    homes = (keras.activations, keras.losses, keras.metrics, keras.initializers, keras.regularizers)
    return isinstance(name, str) and any(hasattr(home, name) for home in homes)


def _read(state: dict[str, Any]) -> Any:
    import keras

    value = keras.saving.deserialize_keras_object(json.loads(state["config"]), safe_mode=True)
    if state["weights"] is not None:
        value.set_weights(state["weights"])
        for layer in operations_of(value):
            if hasattr(layer, "adapt") and hasattr(layer, "finalize_state"):
                layer.finalize_state()
    return value


register_kind("keras", Kind(_is_keras_object, _write, _read))
