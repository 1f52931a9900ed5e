"""Keras optimizers as plain data. This is the only place that reads what a user passed as an optimizer."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sklearn_binnet._training._types import Member, Settings

ELEMENTWISE = frozenset(("SGD", "Adam", "AdamW", "RMSprop", "Nadam", "Adagrad", "Adadelta", "Adamax", "Ftrl", "Lion"))
"""Optimizers that treat every weight by itself, so that stacked networks do not disturb each other."""


class Optimizer(NamedTuple):
    """A Keras optimizer whose learning rate, schedule and weight decay stand beside the other options."""

    config: dict[str, Any]
    """What `keras.optimizers.serialize` returns, without the rates and the name. Holds the class itself under "class"
    if it is not one of Keras' own."""
    learning_rate: float
    """1.0 if there is a schedule."""
    schedule: Any
    """The `keras.optimizers.schedules.LearningRateSchedule`, or None."""
    weight_decay: float


def parse_optimizer(optimizer: Any) -> Optimizer:
    """Read an optimizer that is a name, a Keras object, or a dict as `keras.optimizers.serialize` returns it.

    Nothing that was passed is changed. A schedule inside an optimizer object is kept as it is, since a schedule of the
    user's own class may have no other copy.

    Raises
    ------
    ValueError
        If Keras cannot make an optimizer of it.
    """
    return _parse_name(optimizer) if isinstance(optimizer, str) else _parse(optimizer)


@functools.lru_cache(maxsize=64)
def _parse_name(name: str) -> Optimizer:
    return _parse(name)


def _parse(optimizer: Any) -> Optimizer:
    import keras

    # Keras writes into the dict that it deserializes.
    given = copy.deepcopy(optimizer) if isinstance(optimizer, dict) else optimizer
    try:
        found = keras.optimizers.get(given)
        if found is None:
            raise TypeError("Keras takes None for no optimizer.")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            "optimizer must be the name of a Keras optimizer (such as 'adam', 'sgd'), a keras.optimizers object or a "
            f"dict as keras.optimizers.serialize returns it, got {optimizer!r}."
        ) from error
    config = keras.optimizers.serialize(found)
    options = dict(config["config"])
    options.pop("name", None)  # Keras numbers names: "adam_1" is no other optimizer
    rate, decay = options.pop("learning_rate"), options.pop("weight_decay", None)
    schedule = None
    if isinstance(rate, dict):
        schedule = getattr(found, "_learning_rate", None) or keras.optimizers.schedules.deserialize(rate)
    own = {} if type(found).__module__.split(".")[0] == "keras" else {"class": type(found)}
    return Optimizer(
        config={**config, **own, "config": options},
        # Keras holds 0.001 as the float32 0.0010000000474974513; its shortest decimal is what the user wrote.
        learning_rate=1.0 if schedule is not None else float(str(np.float32(rate))),
        schedule=schedule,
        weight_decay=decay or 0.0,
    )


def make_optimizer(optimizer: Optimizer) -> Any:
    """Return a new Keras optimizer: the inverse of `parse_optimizer`."""
    import keras

    options = {**optimizer.config["config"], "learning_rate": optimizer.learning_rate}
    no_decay = 0.0 if optimizer.config["class_name"] == "AdamW" else None  # AdamW refuses None
    options["weight_decay"] = optimizer.weight_decay or no_decay
    own = optimizer.config.get("class")
    if own is None:
        made = keras.optimizers.deserialize({**optimizer.config, "config": options})
    else:
        made = own.from_config(options)
    if optimizer.schedule is not None:
        made.learning_rate = optimizer.schedule
    return made


def member_optimizer(settings: Settings, member: Member) -> Any:
    """Return a new Keras optimizer with the member's rates."""
    schedule = None if isinstance(settings.schedule, str) else settings.schedule
    return make_optimizer(Optimizer(settings.optimizer, member.learning_rate, schedule, member.weight_decay))


def stacked_optimizer(config: dict[str, Any], flat: Any) -> tuple[Callable[[list[Any]], list[Any]], Any, Any]:
    """Return gradient clipping, the optimizer built on the stacked parameters, and the holder of its rates."""
    import keras
    import tensorflow as tf

    class MemberRates(keras.optimizers.schedules.LearningRateSchedule):
        """Hands the optimizer the rates of the step being traced, one for each member."""

        now: Any = 0.0

        def __call__(self, step: Any) -> Any:
            return self.now

        def get_config(self) -> dict[str, Any]:
            return {}

    options = dict(config["config"])
    by_value, by_norm, by_global_norm = (options.pop(k, None) for k in ("clipvalue", "clipnorm", "global_clipnorm"))
    for key in ("learning_rate", "weight_decay", "name"):
        options.pop(key, None)
    if config["class_name"] == "AdamW":  # its decay is an input of the program, and all that sets it apart
        config = {**config, "class_name": "Adam"}
    rates = MemberRates()
    made = getattr(keras.optimizers, config["class_name"])
    optimizer = made(learning_rate=rates, name="optimizer", **options)  # Keras' own name counts optimizers
    optimizer.build([flat])
    # There is one replica, and nothing to sum. TensorFlow would register a gradient of the sum for good, and keep with
    # it the graph of every program that was ever traced.
    optimizer._all_reduce_sum_gradients = list

    def clip(gradients: list[Any]) -> list[Any]:
        if by_norm:
            return [tf.clip_by_norm(g, by_norm) for g in gradients]
        if by_global_norm:
            return tf.clip_by_global_norm(gradients, by_global_norm)[0]
        if by_value:
            return [tf.clip_by_value(g, -by_value, by_value) for g in gradients]
        return gradients

    return clip, optimizer, rates
