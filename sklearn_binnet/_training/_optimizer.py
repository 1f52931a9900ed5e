"""Keras optimizers as plain data: what they are, and their rates apart."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from sklearn_binnet._training._contract import Member, Settings


class Optimizer(NamedTuple):
    """A Keras optimizer with its rates taken out."""

    config: dict
    """As `keras.optimizers.serialize` gives it."""
    learning_rate: float
    schedule: Any
    """A Keras `LearningRateSchedule`, or None."""
    weight_decay: float


def describe(optimizer: Any) -> Optimizer:
    """Take apart an optimizer given by name, as an object or as `keras.optimizers.serialize` gives it.

    Raises
    ------
    ValueError
        If Keras knows no such optimizer.
    """
    if isinstance(optimizer, str):
        return _describe_name(optimizer)
    return _describe(optimizer)


@functools.lru_cache(maxsize=64)
def _describe_name(name: str) -> Optimizer:
    return _describe(name)


def _describe(optimizer: Any) -> Optimizer:
    import keras

    try:
        found = keras.optimizers.get(optimizer)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "optimizer must be the name of a Keras optimizer (such as 'adam', 'sgd') or a keras.optimizers object, "
            f"got {optimizer!r}."
        ) from error
    config = keras.optimizers.serialize(found)
    options = dict(config["config"])
    options.pop("name", None)  # Keras numbers names: "adam_1" is no other optimizer
    rate, decay = options.pop("learning_rate"), options.pop("weight_decay", None)
    schedule = keras.optimizers.schedules.deserialize(rate) if isinstance(rate, dict) else None
    return Optimizer(
        {**config, "config": options}, 1.0 if schedule is not None else float(np.float32(rate)), schedule, decay or 0.0
    )


def keras_optimizer(settings: Settings, member: Member) -> Any:
    """Return a new Keras optimizer with the member's rates."""
    import keras

    options = {**settings.optimizer["config"], "learning_rate": member.learning_rate}
    options["weight_decay"] = member.weight_decay or None
    if not isinstance(settings.schedule, str):
        options["learning_rate"] = keras.optimizers.schedules.serialize(settings.schedule)
    return keras.optimizers.deserialize({**settings.optimizer, "config": options})
