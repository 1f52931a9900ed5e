"""The parameters of one fit, resolved. What None stands for is decided here and nowhere else.

The defaults depend on `model` alone: the built-in network has the ones that its study settled, and a user's network is
trained as Keras users are used to. A stream (`partial_fit`) is the one exception, since it has no last step that a
schedule could plan for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_binnet._labels import is_number
from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._training._optimizers import Optimizer, parse_optimizer
from sklearn_binnet._training._schedule import bucket

NUMBERS = (
    "learning_rate",
    "weight_decay",
    "batch_size",
    "epochs",
    "n_estimators",
    "n_bins",
    "dropout",
    "validation_fraction",
    "patience",
    "min_delta",
    "threshold",
)
"""Parameters that are, or may be, one number."""
LAYERS = ("hidden_layer_sizes", "activation", "dropout", "batch_normalization")
"""Parameters that describe the layers of the built-in network."""


@dataclass(frozen=True)
class FitConfig:
    """The parameters of the network and of its training in one fit, checked and resolved.

    Two wait for what only the fit knows: `optimizer_for` takes the optimizer that a user's model was compiled with, and
    `batch_size_for` the number of training rows. `metrics` of None stands for those of a compiled model.
    """

    model: Any
    """The user's model, or None for the built-in network."""
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    dropout: tuple[float, ...]
    """One rate for each hidden layer."""
    batch_normalization: bool
    encoding: str | None
    encoding_given: bool
    """Whether the user chose the encoding; otherwise a fit that goes on keeps the one it finds."""
    n_bins: int | None
    optimizer: Optimizer | None
    """None if the user said nothing."""
    learning_rate: float | None
    """None takes the optimizer's own."""
    keras_schedule: Any
    """A `LearningRateSchedule` of Keras that was passed as `learning_rate`, or None."""
    schedule: str
    weight_decay: float | None
    """None takes the optimizer's own."""
    batch_size: int | None
    epochs: int
    n_estimators: int
    n_estimators_given: int | None
    cv: Any
    """The splitter that makes the folds of the networks, or None."""
    calibration: str | None
    retrieval: bool | str
    """Whether there are retrieval members beside the networks; "auto" waits for the folds."""
    early_stopping: bool
    validation_fraction: float
    patience: int
    min_delta: float
    class_weight: Any
    metrics: tuple[Any, ...] | None
    callbacks: tuple[Any, ...]
    """Keras callbacks."""
    on_epoch: tuple[Callable[[int, dict[str, float]], Any], ...]
    """Functions among the callbacks."""
    checkpoint: str | None
    """Folder of the states after each epoch."""
    threshold: NDArray[np.float64]
    random_state: np.random.RandomState
    stream: bool
    """Whether this is a call of `partial_fit`: one epoch on all rows, without validation."""

    @classmethod
    def resolve(
        cls,
        given: Mapping[str, Any],
        defaults: Mapping[str, Any],
        *,
        n_features: int,
        n_labels: int,
        n_rows: int,
        stream: bool = False,
        validation_rows: bool = False,
    ) -> FitConfig:
        """Resolve the parameters of the estimator.

        A SciKeras wrapper's own parameters stand where the estimator's are at their `defaults`. Parameters that have no
        effect in this fit are named in a warning if they are not at their defaults. `validation_rows` says whether the
        user passed rows to validate on.
        """
        params = _plain_numbers(_with_wrapper(given, defaults, n_features, n_labels, n_rows))
        builtin = params["model"] is None
        for name in ("epochs", "batch_size"):  # a wrapper's own have passed no check yet
            if params[name] is not None and params[name] < 1:
                raise ValueError(f"{name} must be at least 1, got {params[name]!r}.")
        sizes = _hidden_layer_sizes(params["hidden_layer_sizes"]) if builtin else ()
        optimizer = None if params["optimizer"] is None else parse_optimizer(params["optimizer"])
        rate, keras_schedule = _learning_rate(params["learning_rate"])
        follows_keras = keras_schedule is not None or (
            rate is None and optimizer is not None and optimizer.schedule is not None
        )
        if rate is None and keras_schedule is None and optimizer is None and builtin:
            rate = _step_size(sizes, stream)
        schedule = params["learning_rate_schedule"]
        if stream or schedule is None:
            schedule = "coslog4" if builtin and not (stream or follows_keras) else "constant"
        callbacks = _callbacks(params["callbacks"])
        n_estimators = params["n_estimators"]
        if n_estimators is None:
            n_estimators = constants.N_ESTIMATORS if builtin else 1
        retrieval = _retrieval(params["retrieval"])
        epochs = params["epochs"]
        if stream or epochs is None:
            several = n_estimators > 1 or params["cv"] is not None
            beside = builtin and (several if retrieval == "auto" else bool(retrieval))
            epochs = 1 if stream else _planned_epochs(n_rows, beside) if builtin else constants.OPEN_EPOCHS
        config = cls(
            model=params["model"],
            hidden_layer_sizes=sizes,
            activation=params["activation"],
            dropout=_dropout_rates(params["dropout"], len(sizes)) if builtin else (),
            batch_normalization=bool(params["batch_normalization"]),
            encoding=encoding_of(params, stream),
            encoding_given=params["encoding"] != "auto",
            n_bins=params["n_bins"],
            optimizer=optimizer,
            learning_rate=rate,
            keras_schedule=keras_schedule,
            schedule=schedule,
            weight_decay=None if params["weight_decay"] is None else float(params["weight_decay"]),
            batch_size=params["batch_size"],
            epochs=epochs,
            n_estimators=n_estimators,
            n_estimators_given=params["n_estimators"],
            cv=params["cv"],
            calibration=params["calibration"],
            retrieval=retrieval,
            early_stopping=bool(params["early_stopping"]) and not stream,
            validation_fraction=params["validation_fraction"],
            patience=min(params["patience"], epochs),  # longer waiting is the same, and may overflow TensorFlow's int32
            min_delta=params["min_delta"],
            class_weight=params["class_weight"],
            metrics=None if params["metrics"] is None else tuple(params["metrics"]),
            callbacks=tuple(c for c in callbacks if not callable(c)),
            on_epoch=tuple(c for c in callbacks if callable(c)),
            checkpoint=None if stream else _checkpoint(params, callbacks),
            threshold=np.atleast_1d(np.asarray(params["threshold"], dtype=float)),
            random_state=check_random_state(params["random_state"]),
            stream=stream,
        )
        config._tell_what_has_no_effect(params, defaults, validation_rows)
        return config

    def batch_size_for(self, n_rows: int) -> int:
        """Return the rows of one training step, of `n_rows` that are trained on.

        The default is 256, or about a quarter of the rows of a smaller table. For a user's network and for streams it
        is a power of two between 32 and 1,024 that makes about 64 steps an epoch.
        """
        if self.batch_size is not None:
            return self.batch_size
        if self.model is None and not self.stream:
            return min(bucket(-(-n_rows // 4)), 256)
        return int(np.clip(1 << (max(n_rows // 64, 1).bit_length() - 1), 32, 1024))

    def n_bins_for(self, n_rows: int, n_columns: int, retrieval: bool) -> int:
        """Return the bins of a column of numbers."""
        return default_bins(n_rows, n_columns, retrieval) if self.n_bins is None else self.n_bins

    def optimizer_for(self, compiled: Optimizer | None) -> Optimizer:
        """Return the optimizer with its rates; `compiled` is the one that the user's model was compiled with."""
        optimizer = self.optimizer or compiled or parse_optimizer("adam")
        if self.weight_decay is not None:
            optimizer = optimizer._replace(weight_decay=self.weight_decay)
        if self.learning_rate is not None:
            optimizer = optimizer._replace(learning_rate=self.learning_rate, schedule=None)
        elif self.keras_schedule is not None:
            optimizer = optimizer._replace(learning_rate=1.0, schedule=self.keras_schedule)
        if optimizer.schedule is not None and self.schedule != "constant":
            raise ValueError(
                "learning_rate_schedule must be 'constant' or None when the learning rate is a Keras schedule already, "
                f"got {self.schedule!r}."
            )
        return optimizer

    def _tell_what_has_no_effect(
        self, params: Mapping[str, Any], defaults: Mapping[str, Any], validation_rows: bool
    ) -> None:
        """Warn of parameters that the user set and this fit does not use."""
        unused: dict[str, str] = {}
        if self.model is not None:
            unused |= dict.fromkeys(LAYERS, "it describes the built-in network, and `model` brings its own layers")
        if self.stream:
            if params["learning_rate_schedule"] not in (None, "constant"):
                unused["learning_rate_schedule"] = (
                    "partial_fit keeps the learning rate constant, since a stream has no last step to plan for"
                )
            if self.retrieval is True:
                unused["retrieval"] = "partial_fit keeps no rows that could vote"
        else:
            if self.encoding != "piecewise_linear":
                unused["n_bins"] = f"only encoding='piecewise_linear' has bins, and here it is {self.encoding!r}"
            if not self.early_stopping:
                no_stopping = "early_stopping=False"
                unused |= dict.fromkeys(("validation_fraction", "patience", "min_delta"), no_stopping)
            if validation_rows:
                unused |= dict.fromkeys(("validation_fraction", "cv"), "the rows X_val are validated on")
            elif self.cv is not None:
                unused["validation_fraction"] = "each network is validated on one fold of `cv`"
            elif self.n_estimators > 1:
                unused["validation_fraction"] = (
                    f"each of the {self.n_estimators} networks is validated on one fold of the rows; only a single "
                    "network, n_estimators=1, holds out a fraction"
                )
        for name, reason in unused.items():
            if name == "learning_rate_schedule" or not _equal(params[name], defaults[name]):
                warnings.warn(f"{name}={params[name]!r} has no effect: {reason}.", UserWarning, stacklevel=2)


def default_bins(n_rows: int, n_columns: int, retrieval: bool) -> int:
    """Return the bins of a column of numbers where the user has set none.

    There are 8. Beside retrieval members there are 64, and fewer where the encoded columns would be more than about a
    thousand, or their values more than memory should hold.
    """
    if not retrieval:
        return constants.N_BINS
    values = constants.MAX_BINNED_VALUES // max(n_rows, 1)
    room = min(constants.MAX_BINNED_COLUMNS, values) // max(n_columns, 1)
    return int(np.clip(room, constants.N_BINS, constants.N_BINS_BESIDE_RETRIEVAL))


def encoding_of(params: Mapping[str, Any], stream: bool = False) -> str | None:
    """Return the encoding that these parameters ask for.

    The first rows of a stream may be too few for the bins of all that follow, so the default there is "standardize".
    """
    encoding: str | None = params["encoding"]
    if encoding != "auto":
        return encoding
    return "piecewise_linear" if params["model"] is None and not stream else "standardize"


def _with_wrapper(
    params: Mapping[str, Any], defaults: Mapping[str, Any], n_features: int, n_labels: int, n_rows: int
) -> dict[str, Any]:
    """Return the parameters, those of a SciKeras wrapper where the estimator's are at their defaults."""
    if params["model"] is None:
        return dict(params)
    from sklearn_binnet._networks._scikeras import wrapper_parameters  # late: most fits never need it

    given = wrapper_parameters(params["model"], n_features, n_labels, n_rows)
    return dict(params) | {k: v for k, v in given.items() if _equal(params[k], defaults[k])}


def _retrieval(value: Any) -> bool | str:
    return "auto" if isinstance(value, str) else bool(value)


def _equal(value: Any, default: Any) -> bool:
    """Return whether a parameter is at its default; a list may stand for a tuple."""
    return value is default or bool(np.array_equal(value, default))


def _plain_numbers(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters with Python's numbers in place of NumPy's; refuse True where a number is meant."""
    plain = {}
    for name in NUMBERS:
        value = params[name]
        if isinstance(value, bool | np.bool_):
            raise ValueError(f"{name} must be a number, got {value!r}. True and False do not stand for 1 and 0 here.")
        if isinstance(value, np.integer | np.floating):
            plain[name] = value.item()
    return params | plain


def _learning_rate(rate: Any) -> tuple[float | None, Any]:
    """Return the learning rate as a number or None, and as a Keras schedule or None."""
    if rate is None:
        return None, None
    if is_number(rate):
        return float(rate), None
    if not hasattr(rate, "get_config"):
        raise ValueError(
            "learning_rate must be a number above 0, a keras.optimizers.schedules.LearningRateSchedule or None, "
            f"got {rate!r}. Wrap a function of the step in a subclass of LearningRateSchedule."
        )
    return None, rate


def _checkpoint(params: Mapping[str, Any], callbacks: Sequence[Any]) -> str | None:
    """Return the folder of the checkpoints; refuse it where a fit could not go on to the same bits."""
    if params["checkpoint"] is None:
        return None
    if params["random_state"] is None:
        raise ValueError(
            "checkpoint needs a random_state, such as random_state=0: without one the fit that goes on would draw "
            "other folds and other weights than the one that was ended."
        )
    if not all(callable(c) for c in callbacks):
        raise ValueError(
            "checkpoint and Keras callbacks do not go together: what a callback has seen is in no checkpoint. "
            "Leave one of them out; functions of the epoch and its logs can stay among the callbacks."
        )
    return os.fspath(params["checkpoint"])


def _callbacks(callbacks: Any) -> Sequence[Any]:
    for callback in callbacks or ():
        if isinstance(callback, type) or not (callable(callback) or hasattr(callback, "on_epoch_end")):
            raise ValueError(
                "callbacks must hold Keras callbacks, as in [keras.callbacks.TerminateOnNaN()], or functions of "
                f"(epoch, logs), got {callback!r}."
            )
    return callbacks or ()


def _step_size(hidden_layer_sizes: Sequence[int], stream: bool) -> float:
    """Return the default learning rate of the built-in network: the wider the layers, the smaller it is."""
    widest = max(hidden_layer_sizes, default=1)
    if stream:
        return float(np.clip(constants.OPEN_STEP / widest, 0.001, 0.01))
    return float(constants.PLANNED_STEP / widest**0.5)


def _planned_epochs(n_rows: int, beside_retrieval: bool) -> int:
    """Return the default number of epochs of the built-in network, with or without retrieval members beside it.

    The steps are rounded, so that the folds of a table, which differ by a row, are trained for as many epochs.
    """
    steps = (constants.PLANNED_EPOCHS, 24, 16, 12)
    epochs = next((epochs for epochs in steps if epochs * n_rows <= constants.PLANNED_VISITS), constants.FEWEST_EPOCHS)
    return min(epochs, constants.EPOCHS_BESIDE_RETRIEVAL) if beside_retrieval else epochs


def _hidden_layer_sizes(sizes: Any) -> tuple[int, ...]:
    whole = not isinstance(sizes, str) and all(
        isinstance(units, int | np.integer) and not isinstance(units, bool) and units > 0 for units in sizes
    )
    if not whole:
        raise ValueError(
            "hidden_layer_sizes must hold whole numbers of at least 1, one for each hidden layer, as in (64, 32), or "
            f"be () for none; got {sizes!r}."
        )
    return tuple(int(units) for units in sizes)


def _dropout_rates(dropout: Any, n_layers: int) -> tuple[float, ...]:
    rates = [dropout] * n_layers if np.ndim(dropout) == 0 else list(dropout)
    numbers = all(is_number(rate) and not isinstance(rate, bool) and 0 <= rate < 1 for rate in rates)
    if len(rates) != n_layers or not numbers:
        raise ValueError(
            f"dropout must be one rate in [0, 1), or one for each of the {n_layers} hidden layers, got {dropout!r}."
        )
    return tuple(float(rate) for rate in rates)
