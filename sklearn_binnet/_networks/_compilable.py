"""What the compiled program can train, and what a model wants to see: judged from its layers and its optimizer."""

from __future__ import annotations

from typing import Any

from sklearn_binnet._networks._keras_copy import foreign_part, is_graph, is_keras, is_symbolic, operations_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Each row's output depends on that row alone (BatchNormalization: through statistics that the engine masks).
_ROW_WISE_LAYERS = _names(
    "InputLayer Dense EinsumDense Activation ReLU LeakyReLU PReLU ELU Softmax Identity Dropout"
    " BatchNormalization LayerNormalization UnitNormalization Rescaling Flatten Reshape Permute Add Subtract"
    " Multiply Average Maximum Minimum Concatenate Sequential Functional"
)
_ROW_WISE_OPERATIONS = _names(
    "Add Subtract Multiply Divide TrueDivide Negative Absolute Square Sqrt Exp Expm1 Log Log1p Sin Cos Tanh"
    " Sigmoid Relu Relu6 Silu Gelu Elu Selu Softplus Softsign LeakyRelu HardSigmoid HardSilu LogSigmoid Celu"
    " Mish Maximum Minimum Clip"
)
_SWAPPED = ("Dropout", "BatchNormalization")  # the fast program has its own, put in at the top level of a model
_RAW_INPUT_LAYERS = _names(
    "Embedding IntegerLookup StringLookup Hashing CategoryEncoding Discretization Normalization HashedCrossing"
    " TextVectorization FeatureSpace"
)


def needs_raw_input(model: Any) -> bool:
    """Whether a layer of `model` reads categories or its own statistics from raw columns."""
    return any(type(o).__name__ in _RAW_INPUT_LAYERS for o in operations_of(model))


def reason_for_keras(model: Any) -> str | None:
    """Say why only `Model.fit` can train `model`, or return None if the fast program can."""
    import keras

    if not is_graph(model):
        return f"the model's own class {type(model).__name__} may have its own training step"
    if not is_symbolic(model):
        return "its layers run on real values only"
    if keras.backend.standardize_dtype(model.inputs[0].dtype) != "float32":
        return f"its input is {model.inputs[0].dtype}, not float32"
    for operation in operations_of(model):
        if reason := _reason_of_operation(operation):
            return reason
    return foreign_part(model, initializers=False)


def _reason_of_operation(operation: Any) -> str | None:
    kind = type(operation).__name__
    if not is_keras(type(operation)):
        return f"layer {operation.name} is of your own class {kind}"
    if not hasattr(operation, "weights"):
        return None if kind in _ROW_WISE_OPERATIONS else f"the operation keras.ops {kind} may mix rows"
    if kind not in _ROW_WISE_LAYERS and getattr(operation, "input_mean", None) is None:
        return f"layer {operation.name} ({kind}) is not known to treat rows one by one"
    if getattr(operation, "axis", None) in (0, [0], (0,)):
        return f"layer {operation.name} works across rows (axis=0)"
    if getattr(operation, "synchronized", False):
        return f"layer {operation.name} synchronises its statistics across devices"
    if kind == "BatchNormalization" and operation.input_spec is not None and operation.input_spec.ndim != 2:
        return f"layer {operation.name} normalises more than one axis of a row"
    if hasattr(operation, "layers") and any(type(o).__name__ in _SWAPPED for o in operations_of(operation)):
        return f"the model {operation.name} inside it has dropout or batch normalisation"
    if getattr(operation, "noise_shape", None) is not None:
        return f"layer {operation.name} has a noise_shape"
    if operation.dtype_policy.name != "float32":
        return f"layer {operation.name} computes in {operation.dtype_policy.name}"
    if getattr(operation, "activity_regularizer", None) is not None:
        return f"layer {operation.name} has an activity regularizer"
    for attribute, value in vars(operation).items():
        if attribute.endswith("_constraint") and value is not None:
            return f"layer {operation.name} has a weight constraint ({attribute})"
    return None
