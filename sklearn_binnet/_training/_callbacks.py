"""What happens between epochs: Keras callbacks on a model that shows the member's weights, and early stopping."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._optimizers import member_optimizer
from sklearn_binnet._training._random import isolated_random
from sklearn_binnet._training._types import Member, Network, Settings

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def needs_batches(callback: Any) -> bool:
    """Return whether a Keras callback does something at single batches of the training."""
    import keras

    if isinstance(callback, keras.callbacks.TensorBoard):
        return callback.update_freq != "epoch"
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        return callback.save_freq != "epoch"
    base = keras.callbacks.Callback
    return any(
        hook in vars(callback) or getattr(type(callback), hook) is not getattr(base, hook) for hook in _BATCH_HOOKS
    )


def values_of(variables: Sequence[Any]) -> list[NDArray]:
    """Return copies of Keras variables as arrays."""
    return [np.array(v.numpy()) for v in variables]


class CallbackView:
    """A member's callbacks, and the Keras model they look at.

    A member that is alone in its fit calls the user's own objects. One of several gets copies, since callbacks such as
    early stopping have a state for one training.

    Parameters
    ----------
    model : keras.Model or None
        Compiled model to show; None shows the network's own view.
    """

    def __init__(self, network: Network, member: Member, settings: Settings, steps: int, model: Any = None):
        import keras

        if model is None:
            with isolated_random(member.seed, network.own_code):
                model, variables = network.view()
            model.compile(optimizer=member_optimizer(settings, member), loss="binary_crossentropy")
        else:
            variables = model.weights
        self.model, self._variables = model, variables
        alone = member.place is None or member.place[1] == 1
        self._members_own = list(settings.callbacks) if alone else [_copied(c, member) for c in settings.callbacks]
        self._callbacks = keras.callbacks.CallbackList(
            self._members_own,
            model=self.model,
            epochs=settings.epochs,
            steps=steps,
            verbose=0,
        )
        self._scheduled = not isinstance(settings.schedule, str)
        self._shown: list[NDArray] = []

    @property
    def stopped(self) -> bool:
        """Whether a callback wants to stop."""
        return bool(self.model.stop_training)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate that callbacks want; None under a Keras schedule."""
        return None if self._scheduled else float(np.asarray(self.model.optimizer.learning_rate))

    def begin(self, weights: list[NDArray]) -> None:
        """Start the training."""
        self.model.stop_training = False
        self._show(weights)
        self._callbacks.on_train_begin()

    def begin_epoch(self, epoch: int) -> None:
        """Start an epoch."""
        self._callbacks.on_epoch_begin(epoch)

    def begin_batch(self, batch: int) -> None:
        """Start a step."""
        self._callbacks.on_train_batch_begin(batch)

    def end_batch(self, batch: int, weights: list[NDArray], logs: dict[str, float]) -> list[NDArray] | None:
        """Show a step's weights and logs; return weights only if a callback changed them."""
        self._show(weights)
        self._callbacks.on_train_batch_end(batch, logs)
        return self._changed()

    def end_epoch(self, epoch: int, weights: list[NDArray], logs: dict[str, float]) -> list[NDArray] | None:
        """Show an epoch's weights and logs; return weights only if a callback changed them."""
        self._show(weights)
        self._callbacks.on_epoch_end(epoch, logs)
        return self._changed()

    def end(self, logs: dict[str, float]) -> list[NDArray] | None:
        """End the training; return weights only if a callback changed them."""
        self._callbacks.on_train_end(logs)
        return self._changed()

    def let_go(self) -> None:
        """Take the model away from the callbacks, so that a pickle of the user's estimator holds none."""
        import keras

        for callback in self._members_own:
            keras.callbacks.Callback.set_model(callback, None)

    def _show(self, weights: list[NDArray]) -> None:
        self._shown = weights
        for variable, value in zip(self._variables, weights, strict=True):
            variable.assign(value)

    def _changed(self) -> list[NDArray] | None:
        now = values_of(self._variables)
        same = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(now, self._shown, strict=True))
        return None if same else now


def _copied(callback: Any, member: Member) -> Any:
    try:
        return copy.deepcopy(callback)
    except Exception as error:  # what a user's object holds may raise anything
        of = member.place[1] if member.place else 1
        raise ValueError(
            f"callbacks has a {type(callback).__name__} that cannot be copied for each of {of} networks "
            f"({type(error).__name__}: {error}). Train one network, n_estimators=1, or pass a function of (epoch, "
            "logs)."
        ) from error


class EarlyStopping:
    """One member's early stopping, on the host; the compiled program does the same to all of its members."""

    def __init__(self, patience: int, min_delta: float):
        self._patience, self._min_delta = patience, min_delta
        self._best = self._reference = np.float32(np.inf)
        self._waited = 0
        self.best_epoch = 0
        self.best_weights: list[NDArray] = []

    def observe(self, epoch: int, loss: float, weights: list[NDArray]) -> bool:
        """Take in the validation loss of an epoch (1-based); return whether to stop."""
        value = np.float32(loss)
        if value < self._best:
            self._best, self.best_epoch, self.best_weights = value, epoch, weights
        if value < self._reference - np.float32(self._min_delta):
            self._reference, self._waited = value, 0
        else:
            self._waited += 1
        return self._waited >= self._patience or not np.isfinite(value)


def member_logs(names: Sequence[str], row: NDArray, validated: bool) -> dict[str, float]:
    """Return a member's logs of one epoch from a row of the history; without validation rows nothing with `val_`."""
    half = len(row) // 2
    logs = dict(zip(names, map(float, row[:half]), strict=True))
    if validated:
        logs |= dict(zip([f"val_{n}" for n in names], map(float, row[half:]), strict=True))
    return logs
