"""Keras optimizers as plain data: what they are, and their rates apart."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from sklearn_binnet._training._types import Member, Settings


class Optimizer(NamedTuple):
    """A Keras optimizer with its rates taken out."""

    config: dict
    """As `keras.optimizers.serialize` gives it, with the class itself under "class" if it is not Keras' own."""
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
    own = {} if type(found).__module__.split(".")[0] == "keras" else {"class": type(found)}
    return Optimizer(
        {**config, **own, "config": options},
        1.0 if schedule is not None else float(np.float32(rate)),
        schedule,
        decay or 0.0,
    )


def keras_optimizer(settings: Settings, member: Member) -> Any:
    """Return a new Keras optimizer with the member's rates."""
    import keras

    options = {**settings.optimizer["config"], "learning_rate": member.learning_rate}
    none = 0.0 if settings.optimizer["class_name"] == "AdamW" else None  # AdamW refuses None
    options["weight_decay"] = member.weight_decay or none
    own = settings.optimizer.get("class")
    if own is None:
        optimizer = keras.optimizers.deserialize({**settings.optimizer, "config": options})
    else:
        optimizer = own.from_config(options)
    if not isinstance(settings.schedule, str):
        optimizer.learning_rate = settings.schedule
    return optimizer


def member_optimizer(config: dict, flat: Any) -> tuple[Any, Any, Any]:
    """Return gradient clipping, the optimizer built on the stacked parameters, and the holder of its rates."""
    import keras
    import tensorflow as tf

    class MemberRates(keras.optimizers.schedules.LearningRateSchedule):
        """Hands the optimizer the rates of the step being traced, one a member."""

        now: Any = 0.0

        def __call__(self, step):
            return self.now

        def get_config(self):
            return {}

    options = dict(config["config"])
    by_value, by_norm, by_global_norm = (options.pop(k, None) for k in ("clipvalue", "clipnorm", "global_clipnorm"))
    for key in ("learning_rate", "weight_decay", "name"):
        options.pop(key, None)
    if config["class_name"] == "AdamW":  # its decay is an input of the program, and all that sets it apart
        config = {**config, "class_name": "Adam"}
    rates = MemberRates()
    optimizer = getattr(keras.optimizers, config["class_name"])(learning_rate=rates, **options)
    optimizer.build([flat])

    def clip(gradients):
        if by_norm:
            return [tf.clip_by_norm(g, by_norm) for g in gradients]
        if by_global_norm:
            return tf.clip_by_global_norm(gradients, by_global_norm)[0]
        if by_value:
            return [tf.clip_by_value(g, -by_value, by_value) for g in gradients]
        return gradients

    return clip, optimizer, rates
