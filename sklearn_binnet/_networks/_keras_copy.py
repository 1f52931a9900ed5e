"""The user's Keras models as material.

- `fresh_copy` copies a model with newly drawn weights and never changes the original.
- `check_width` refuses a model that cannot take the matrix X.
- `read_compilation` reads what a model was compiled with.
- `architecture_key` names what a model computes, whatever its layers are called.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from sklearn_binnet._training._optimizers import Optimizer, parse_optimizer

_TRUSTED_MODULES = ("keras", "tensorflow", "numpy", "math", "jax", "torch", "builtins")


def is_keras(thing: Any) -> bool:
    """Whether a class, an instance or a function comes from Keras itself."""
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return module.split(".")[0] == "keras"


def is_keras_model(model: Any) -> bool:
    """Whether `model` is a Keras 3 model."""
    import keras

    return isinstance(model, keras.Model)


def is_graph(model: Any) -> bool:
    """Whether Keras knows the layers of `model` as a graph: `Sequential` or functional, not a subclass with `call`."""
    return type(model).__name__ in ("Sequential", "Functional") and is_keras(type(model))


def is_symbolic(model: Any) -> bool:
    """Whether `model` is a graph with known inputs and outputs: not one whose layers run on real values only."""
    try:
        return is_graph(model) and bool(model.inputs) and bool(model.outputs)
    except AttributeError:
        return False


def quiet_config(thing: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the Keras config of a layer, a model or a compilation, without warnings about lambdas in files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is saved here
        return thing()


def operations_of(model: Any) -> list[Any]:
    """Return every layer and operation of a model, those of nested models after the model that holds them."""
    found: list[Any] = []
    for operation in getattr(model, "operations", None) or model.layers:
        found.append(operation)
        if hasattr(operation, "layers"):
            found.extend(operations_of(operation))
    return found


def fresh_copy(model: Any, n_features: int) -> Any:
    """Return a built, uncompiled copy of a Keras model with newly drawn weights; the original stays as it is.

    Layers that are frozen (`trainable=False`) or hold what `adapt` learnt keep the original's values. A model of the
    user's own class that cannot be made anew from its `get_config` is a ValueError.
    """
    try:
        copy = _copy_graph(model) if is_graph(model) else type(model).from_config(quiet_config(model.get_config))
    except Exception as error:  # a user's code ran, and may raise anything
        own = foreign_part(model) or "something"
        raise ValueError(
            f"model is a Keras model with {own}, and cannot be copied ({type(error).__name__}: {error}). Pass a "
            "function that builds and returns it instead, `model=build`, or give your class a working get_config."
        ) from error
    ensure_built(copy, n_features)
    _keep_fixed_values(model, copy)
    return copy


def _copy_graph(model: Any) -> Any:
    """Copy a Sequential or functional model without its compilation, which newer versions of Keras would clone too."""
    import keras

    if type(model).__name__ == "Sequential":
        begin = [keras.Input(batch_shape=i.shape, dtype=i.dtype) for i in model.inputs] if is_symbolic(model) else []
        return keras.Sequential([*begin, *map(_copy_layer, model.layers)], name=model.name)
    single = len(model.inputs) == len(model.outputs) == 1
    ends = (model.inputs[0], model.outputs[0]) if single else (model.input, model.output)
    return keras.models.clone_model(keras.Model(*ends, name=model.name), clone_function=_copy_layer)


def _copy_layer(layer: Any) -> Any:
    """Copy one layer with new weights. A Lambda keeps its function: it is the user's object, nothing is loaded."""
    if is_graph(layer):
        return _copy_graph(layer)
    config = quiet_config(layer.get_config)
    if type(layer).__name__ == "Lambda" and is_keras(type(layer)):
        config.update(function=layer.function, arguments=layer.arguments)
        config.update(mask=layer.mask if callable(layer.mask) else None)
        config["output_shape"] = getattr(layer, "_output_shape", None)
        return type(layer)(**config)
    config.update(own_parts(layer))
    return type(layer).from_config(config)


def own_parts(layer: Any) -> dict[str, Any]:
    """Return the functions and objects of the user's own that a layer was made with, by the argument's name."""
    found = {}
    for name, value in vars(layer).items():
        if name[0] == "_" or name.rsplit("_", 1)[-1] not in ("activation", "regularizer", "initializer", "constraint"):
            continue
        if not (value is None or isinstance(value, str | bool) or is_keras(value)):
            found[name] = value
    return found


def _keep_fixed_values(source: Any, copy: Any) -> None:
    """Give frozen and adapted layers of `copy` the values they have in `source`."""
    if not source.built:
        return
    for old, new in zip(operations_of(source), operations_of(copy), strict=True):
        if not getattr(old, "weights", None) or hasattr(old, "layers"):
            continue
        if hasattr(old, "adapt") or not old.trainable:
            new.set_weights(old.get_weights())
            if hasattr(new, "finalize_state"):
                new.finalize_state()


def ensure_built(model: Any, n_features: int) -> None:
    """Create the weights of a model that waits for its first input."""
    if model.built and (model.weights or not model.layers):
        return
    if is_graph(model):
        model.build((None, n_features))
    if not is_symbolic(model):
        model(np.zeros((1, n_features), dtype=np.float32))


def check_width(model: Any, n_features: int) -> None:
    """Refuse a built model that cannot take a float matrix of `n_features` columns, with the change to make."""
    if not is_symbolic(model):
        return  # it was built on a matrix of this width
    if len(model.inputs) != 1:
        raise ValueError(
            f"model has {len(model.inputs)} inputs; one matrix X is all there is. Take one "
            f"keras.Input(({n_features},)) and cut it into parts inside the model, x[:, :3] and so on."
        )
    tensor = model.inputs[0]
    shape = tuple(tensor.shape)
    if str(tensor.dtype) == "string":
        raise ValueError("model takes strings; encode the columns as numbers before.")
    if len(shape) != 2:
        raise ValueError(
            f"model takes inputs of shape {('rows', *shape[1:])}; X is a matrix. Begin with "
            f"keras.Input(({n_features},)) and a Reshape layer."
        )
    if shape[1] not in (None, n_features):
        raise ValueError(
            f"model takes {shape[1]} columns, but X has {n_features}. Build it with "
            f"keras.Input(({n_features},)), or pass a function with the argument n_features, which "
            "gets the number of columns."
        )


@dataclass(frozen=True)
class Compilation:
    """What a user compiled a model with."""

    optimizer: Optimizer | None = None
    loss: Any = None
    metrics: tuple[Any, ...] = ()
    run_eagerly: bool = False


def read_compilation(model: Any) -> Compilation:
    """Return what the user compiled `model` with; the model stays as it is. `loss_weights` are refused."""
    if not model.compiled:
        return Compilation()
    config = _compile_config(model)
    if config.get("loss_weights") is not None:
        raise ValueError(
            "model is compiled with loss_weights, which has no meaning with one output; leave it out and "
            "use class_weight or sample_weight."
        )
    metrics = [*_flat(config.get("metrics")), *_flat(config.get("weighted_metrics"))]
    return Compilation(
        optimizer=None if model.optimizer is None else parse_optimizer(model.optimizer),
        loss=model.loss,
        metrics=tuple(copy for copy in map(_copy_metric, metrics) if copy is not None),
        run_eagerly=bool(model.run_eagerly),
    )


def _compile_config(model: Any) -> dict[str, Any]:
    try:
        return quiet_config(model.get_compile_config) or {}
    except (TypeError, ValueError, NotImplementedError):  # a loss or metric that Keras cannot write down
        return {}


def _flat(metrics: Any) -> list[Any]:
    """Return the metrics of one output as a list, however they were nested."""
    if metrics is None:
        return []
    if isinstance(metrics, dict) and "class_name" not in metrics:
        return [entry for value in metrics.values() for entry in _flat(value)]
    if isinstance(metrics, list | tuple):
        return [entry for value in metrics for entry in _flat(value)]
    return [metrics]


def _copy_metric(metric: Any) -> Any:
    """Return a name as it is, a metric from its config, or None with a warning where Keras cannot make it."""
    import keras

    if isinstance(metric, str):
        return metric
    try:
        copy = keras.metrics.deserialize(metric)
    except (TypeError, ValueError):
        copy = None
    if not callable(copy):  # Keras gives back the name of a function that it cannot find
        name = metric["config"] if isinstance(metric["config"], str) else metric["class_name"]
        warnings.warn(
            f"the metric {name!r} that model is compiled with cannot be copied and is not recorded; pass it "
            "to the classifier: metrics=[...].",
            UserWarning,
            stacklevel=2,
        )
        return None
    return copy


def architecture_key(model: Any) -> str | None:
    """Return a digest of what `model` computes but for its weights, or None where only its own code can tell.

    Names, initialisers and seeds are left out, so that the counters behind automatic names do not matter.
    """
    if foreign_part(model, initializers=False) is not None:
        return None
    try:
        text = json.dumps(_without_names(quiet_config(model.get_config)), sort_keys=True)
    except TypeError:  # something in the graph that Keras does not write as plain data
        return None
    shapes = [tuple(weight.shape) for weight in model.weights]
    return hashlib.sha256(f"{type(model).__name__}{text}{shapes}".encode()).hexdigest()


def _without_names(config: Any, order: dict[str, int] | None = None) -> Any:
    """Copy a Keras config, layer names replaced by their position in the model that holds them."""
    if isinstance(config, dict):
        if str(config.get("class_name", "")).endswith("DTypePolicy"):
            return config  # its name is what it means
        if "layers" in config and isinstance(config["layers"], list):
            names = [entry.get("name") for entry in config["layers"] if isinstance(entry, dict)]
            order = {name: position for position, name in enumerate(names) if name}
        result = {}
        dropout = config.get("class_name") == "Dropout"
        for key, value in config.items():
            if dropout and key == "config":
                value = {k: v for k, v in value.items() if k != "rate"}  # an input of the compiled program
            if key in ("name", "seed", "build_config", "shared_object_id") or key.endswith("initializer"):
                continue
            if key in ("keras_history", "input_layers", "output_layers"):
                result[key] = _positions(value, order or {})
            else:
                result[key] = _without_names(value, order)
        return result
    if isinstance(config, list | tuple):
        return [_without_names(item, order) for item in config]
    return config


def _positions(reference: Any, order: dict[str, int]) -> Any:
    if isinstance(reference, str):
        return order.get(reference, reference)
    if isinstance(reference, list | tuple):
        return [_positions(item, order) for item in reference]
    return reference


def foreign_part(model: Any, *, initializers: bool = True) -> str | None:
    """Name the first part of `model` that its Keras config alone would not bring back, or None.

    `initializers=False` asks about the computation only, not about how the weights begin.
    """
    if not is_graph(model):
        return f"the model's own class {type(model).__name__}"
    for operation in operations_of(model):
        name = type(operation).__name__
        if not is_keras(type(operation)):
            return f"your own layer {name}"
        if name == "Lambda":
            return "a Lambda layer"
        if hasattr(operation, "adapt") and getattr(operation, "input_mean", None) is None:
            return f"a {name} layer with adapted state"
        for name, value in own_parts(operation).items():
            if initializers or not name.endswith("initializer"):
                return f"your own {name.replace('_', ' ')} {_title(value)} in layer {operation.name}"
    return None


def _title(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__)


def function_identity(function: Any) -> Hashable | None:
    """Return a value that two functions share only if they compute the same, or None where that cannot be told.

    It holds the bytecode and the values that the function reads: defaults, its closure, variables of its module. What
    is no plain value and no part of a numeric library could change without notice: None.
    """
    if not isinstance(function, FunctionType):
        return None
    parts: list[Hashable] = [function.__code__]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    names = sorted(_names_in(function.__code__) & function.__globals__.keys())
    for value in [*cells, *defaults, *(function.__globals__[name] for name in names)]:
        identity = _value_identity(value)
        if identity is None:
            return None
        parts.append(identity)
    return tuple(parts)


def _names_in(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names


def _value_identity(value: Any) -> Hashable | None:
    if isinstance(value, bool | int | float | str | bytes | type(None)):
        return (type(value).__name__, value)
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    trusted = module is not None and module.split(".")[0] in _TRUSTED_MODULES
    if trusted and isinstance(value, ModuleType):
        return ("module", value.__name__)
    if trusted and hasattr(value, "__qualname__"):
        return (module, value.__qualname__)
    return None
