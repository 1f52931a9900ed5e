"""Keras layers as the compiled program needs them: aware of padded rows, and of rates and seeds that are inputs.

A program pads the last batch with rows of weight 0. Dense layers don't mind; BatchNormalization must leave those
rows out of its statistics. Keras' Dropout draws from a generator that XLA compiles to very slow code on the CPU;
here the mask is a hash of position, step and seed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple


class Batch(NamedTuple):
    """What the layers must know of the batch that is being traced, all tensors of one member."""

    mask: Any
    """1 for real rows, 0 for padding, float32 (batch,)."""
    key: Any
    """Seeds the dropout of this step, uint32 scalar."""
    dropout_rates: Any
    """float32 (number of dropout layers,)."""


_batch: ContextVar[Batch | None] = ContextVar("batch", default=None)


@contextlib.contextmanager
def tracing(batch: Batch) -> Iterator[None]:
    """Let the layers called inside see `batch`."""
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)


def mix(h: Any) -> Any:
    """Return well-mixed bits of a uint32 tensor (the multiply-xorshift finaliser "lowbias32" of Wellons 2018)."""
    import tensorflow as tf

    def shifted(h: Any, bits: int) -> Any:
        return tf.bitwise.bitwise_xor(h, tf.bitwise.right_shift(h, tf.constant(bits, tf.uint32)))

    h = shifted(h, 16) * tf.constant(0x7FEB352D, tf.uint32)
    h = shifted(h, 15) * tf.constant(0x846CA68B, tf.uint32)
    return shifted(h, 16)


@functools.cache
def _classes() -> tuple[Any, Any]:
    import keras
    import tensorflow as tf

    class HashDropout(keras.layers.Layer):
        """Dropout whose mask is a hash; its rate is entry `index` of the batch's rates."""

        def __init__(self, index: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.index = index

        def call(self, inputs: Any, training: bool = False) -> Any:
            batch = _batch.get()
            if not training or batch is None:
                return inputs
            rate = batch.dropout_rates[self.index]
            key = mix(batch.key + tf.constant(2654435769 * (self.index + 1) % 2**32, tf.uint32))
            shape = tf.shape(inputs)
            position = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape)), shape), tf.uint32)
            bits = tf.cast(tf.bitwise.right_shift(mix(position + key), tf.constant(8, tf.uint32)), tf.int32)
            keep = tf.cast(bits, tf.float32) >= rate * 2.0**24
            return tf.where(keep, inputs / (1.0 - rate), 0.0)

    class MaskedBatchNormalization(keras.layers.BatchNormalization):
        """BatchNormalization whose statistics leave padded rows out."""

        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            batch = _batch.get()
            if not training or batch is None:
                return super().call(inputs, training=training, mask=mask)
            rank = len(inputs.shape)
            per_row = tf.reshape(batch.mask, [-1] + [1] * (rank - 2))
            return super().call(inputs, training=True, mask=tf.broadcast_to(per_row, tf.shape(inputs)[:-1]))

    return HashDropout, MaskedBatchNormalization


def dropout_layers(model: Any) -> list[Any]:
    """Return the dropout layers that `trainable_copy` swaps, in the order of their rates."""
    import keras

    return [layer for layer in model.layers if type(layer) is keras.layers.Dropout]


def _config_of(layer: Any) -> dict[str, Any]:
    """Return the config of a layer, without Keras' warning of the functions in it: nothing is saved."""
    if not hasattr(layer, "function"):  # Python's filters of warnings belong to all threads
        return dict(layer.get_config())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(layer.get_config())


def trainable_copy(model: Any) -> tuple[Any, list[float]]:
    """Return a copy of a Keras model with this module's layers in it, and the rates of its dropout layers."""
    import keras

    dropout_class, normalization_class = _classes()
    dropouts = dropout_layers(model)
    numbers = itertools.count()

    def swap(layer: Any) -> Any:
        name = f"layer_{next(numbers)}"  # Keras' own depend on how many layers there were before
        if layer in dropouts:
            return dropout_class(dropouts.index(layer), name=name)
        kind: Any = normalization_class if type(layer) is keras.layers.BatchNormalization else type(layer)
        config = _config_of(layer)
        if "name" in config:  # operations of older Keras have none
            config["name"] = name
        # Weights are set later; an initialiser of the user's own may not survive its config.
        return kind.from_config({k: "zeros" if k.endswith("_initializer") else v for k, v in config.items()})

    return keras.models.clone_model(model, clone_function=swap), [layer.rate for layer in dropouts]
