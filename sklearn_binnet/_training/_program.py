"""The compiled program: whole epochs of M members, data resident, validation and early stopping included.

A program owns the variables of its members (weights and optimizer state, stacked along a member axis) and one
`tf.function`. Everything that may differ between fits of one architecture is an input. Programs live in a bounded
cache; a fit borrows one, loads its members into it, and reads the results out.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._contract import Network
from sklearn_binnet._training._isolation import isolated_random
from sklearn_binnet._training._layers import Batch, mix, tracing, trainable_copy
from sklearn_binnet._training._metrics import MetricSet

MAX_PROGRAMS = 32


class Program:
    """Trains `members` networks of one architecture, `n_features` columns, with one optimizer and metric set."""

    def __init__(
        self,
        network: Network,
        optimizer: dict,
        members: int,
        n_features: int,
        metrics: MetricSet,
        xla: bool,
    ):
        import keras
        import tensorflow as tf

        self.lock = threading.Lock()
        self._network, self._metrics, self.members = network, metrics, members
        with isolated_random(0):
            self._model, self.dropout_rates = trainable_copy(network.build())
        if not self._model.built:
            self._model.build((None, n_features))
        self._trainable = [v.trainable for v in self._model.weights]
        self._shapes = [tuple(v.shape) for v in self._model.weights]
        self._sizes = [int(np.prod(s)) for s, t in zip(self._shapes, self._trainable, strict=True) if t]
        parameters = sum(self._sizes)
        self._flat = keras.Variable(tf.zeros((members, parameters)), name="parameters")
        self._states = [
            tf.Variable(tf.zeros((members, *s), v.dtype), trainable=False)
            for s, t, v in zip(self._shapes, self._trainable, self._model.weights, strict=True)
            if not t
        ]
        self._best_flat = tf.Variable(tf.zeros((members, parameters)), trainable=False)
        self._best_states = [tf.Variable(s, trainable=False) for s in self._states]
        self._clip, self._optimizer, self._rates = _member_optimizer(optimizer, self._flat)
        self._fresh_optimizer = [v.numpy() for v in self._optimizer.variables]
        self.run = tf.function(self._run, jit_compile=xla, autograph=False)

    # ------------------------------------------------------------- in and out
    def load(self, weights: Sequence[list[NDArray]], optimizer_states: Sequence[list[NDArray] | None]) -> None:
        """Set the members' weights and optimizer states (None: fresh)."""
        self.replace_weights(weights)
        for best, variable in zip([self._best_flat, *self._best_states], [self._flat, *self._states], strict=True):
            best.assign(variable)
        states = [
            s or [v[i : i + 1] if v.ndim else v for v in self._fresh_optimizer] for i, s in enumerate(optimizer_states)
        ]
        for variable, values in zip(self._optimizer.variables, zip(*states, strict=True), strict=True):
            variable.assign(np.concatenate(values) if values[0].ndim else values[0])

    def replace_weights(self, weights: Sequence[list[NDArray]]) -> None:
        """Set the members' weights in the midst of a training; optimizer and best weights stay."""
        self._flat.assign(np.stack([self._flatten(w) for w in weights]))
        fixed = [[w for w, t in zip(ws, self._trainable, strict=True) if not t] for ws in weights]
        for variable, values in zip(self._states, zip(*fixed, strict=True), strict=True):
            variable.assign(np.stack(values))

    def weights(self, best: bool) -> list[list[NDArray]]:
        """Return every member's weights in the order of `keras.Model.weights`."""
        flat = (self._best_flat if best else self._flat).numpy()
        states = [s.numpy() for s in (self._best_states if best else self._states)]
        ends = np.cumsum(self._sizes)[:-1]
        out = []
        for m in range(self.members):
            trained, fixed = iter(np.split(flat[m], ends)), iter(s[m] for s in states)
            out.append(
                [
                    (next(trained).reshape(shape) if t else next(fixed)).copy()
                    for shape, t in zip(self._shapes, self._trainable, strict=True)
                ]
            )
        return out

    def optimizer_states(self) -> list[list[NDArray]]:
        """Return every member's optimizer state, to go on from later."""
        values = [v.numpy() for v in self._optimizer.variables]
        return [[v[m : m + 1].copy() if v.ndim else v for v in values] for m in range(self.members)]

    def _flatten(self, weights: list[NDArray]) -> NDArray[np.float32]:
        parts = [np.ravel(w) for w, t in zip(weights, self._trainable, strict=True) if t]
        return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)

    # ------------------------------------------------------------- one member, one batch
    def _unflatten(self, flat: Any) -> list[Any]:
        import tensorflow as tf

        shapes = [s for s, t in zip(self._shapes, self._trainable, strict=True) if t]
        return [tf.reshape(part, s) for part, s in zip(tf.split(flat, self._sizes), shapes, strict=True)]

    def _gradient(self, args: tuple) -> tuple:
        """Gradient, new states, loss and probabilities of one member's batch."""
        import tensorflow as tf

        flat, states, x, y, w, mask, key, rates = args
        answers = tf.maximum(tf.reduce_sum(mask), 1.0) * self._network.n_labels
        parameters = self._unflatten(flat)
        with tf.GradientTape() as tape, tracing(Batch(mask, key, rates)):
            tape.watch(parameters)
            outputs, states, extra = self._model.stateless_call(
                parameters, states, x, training=True, return_losses=True
            )
            loss = tf.reduce_sum(self._network.losses(y, outputs) * w) / answers
            loss += tf.add_n(extra) if extra else 0.0
        gradients = self._clip(tape.gradient(loss, parameters, unconnected_gradients="zero"))
        gradient = tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)
        watched = self._network.probabilities(outputs) if self._metrics else tf.zeros((0, self._network.n_labels))
        return gradient, states, loss, watched

    def _evaluate(self, args: tuple) -> tuple:
        """Return summed loss, probabilities and penalties of one member's block of validation rows."""
        import tensorflow as tf

        flat, states, x, y, w = args
        outputs, _, extra = self._model.stateless_call(
            self._unflatten(flat), states, x, training=False, return_losses=True
        )
        loss = tf.reduce_sum(self._network.losses(y, outputs) * w)
        watched = self._network.probabilities(outputs) if self._metrics else tf.zeros((0, self._network.n_labels))
        return loss, watched, tf.add_n(extra) if extra else tf.zeros(())

    def _each_member(self, function: Any, args: tuple) -> Any:
        import tensorflow as tf

        if self.members > 1:
            return tf.vectorized_map(function, args)
        result = function(tf.nest.map_structure(lambda a: a[0], args))
        return tf.nest.map_structure(lambda r: r[None], result)

    # ------------------------------------------------------------- the program
    def _run(self, data: dict, plan: dict, watch: dict, first: Any, last: Any) -> tuple:
        """Run epochs `first` to `last` of the resident plan; return histories and the state of early stopping."""
        import tensorflow as tf

        epochs = plan["order"].shape[0]
        columns = 2 * (1 + len(self._metrics))
        history = tf.fill((epochs, self.members, columns), float("nan"))

        def running(epoch, watch, history):
            return (epoch < last) & ~tf.reduce_all(watch["stopped"])

        def one_epoch(epoch, watch, history):
            train = self._train_epoch(data, plan, epoch)
            validation = self._validate(data, plan)
            row = tf.concat([train, validation], 1)
            history = tf.tensor_scatter_nd_update(history, [[epoch - first]], row[None])
            return epoch + 1, self._observe(plan, watch, train[:, 0], validation[:, 0]), history

        _, watch, history = tf.while_loop(running, one_epoch, (first, watch, history), maximum_iterations=epochs)
        return history, watch

    def _train_epoch(self, data: dict, plan: dict, epoch: Any) -> Any:
        """Run all steps of an epoch; return loss and metrics, (M, 1 + metrics)."""
        import tensorflow as tf

        order = plan["order"][epoch]
        rates = plan["rate_factors"][epoch]
        members, steps_held, width = order.shape[0], order.shape[1], order.shape[2]
        batch, n_train = plan["batch_size"], plan["n_train"]
        watched = tf.TensorArray(
            tf.float32,
            steps_held if self._metrics else 0,
            element_shape=(members, width, self._network.n_labels),
        )

        def step(i, total, watched):
            rows = order[:, i]
            count = tf.clip_by_value(n_train - i * batch, 0, batch)
            mask = tf.cast(tf.range(width)[None] < count[:, None], tf.float32)
            x, y = tf.gather(data["X"], rows), tf.gather(data["y"], rows)
            w = tf.gather(data["weights"], rows) * (mask * plan["weight_scale"][:, None])[:, :, None]
            step_id = tf.cast((plan["epochs_before"] + epoch) * plan["steps"] + i, tf.uint32)
            keys = mix(plan["seeds"] + step_id * tf.constant(2246822519, tf.uint32))
            args = (
                self._flat.value,
                [s.value() for s in self._states],
                x,
                y,
                w,
                mask,
                keys,
                plan["dropout_rates"],
            )
            gradient, states, loss, probabilities = self._each_member(self._gradient, args)
            self._rates.now = rate = (plan["rates"] * rates[i])[:, None]
            self._flat.assign(self._flat.value * (1.0 - rate * plan["weight_decay"][:, None]))
            self._optimizer.apply([gradient], [self._flat])
            for variable, value in zip(self._states, states, strict=True):
                variable.assign(value)
            if self._metrics:
                watched = watched.write(i, probabilities)
            return i + 1, total + loss * tf.cast(count, tf.float32), watched

        start = (tf.constant(0), tf.zeros(members), watched)
        _, total, watched = tf.while_loop(lambda i, *_: i < plan["steps"], step, start, maximum_iterations=steps_held)
        loss = (total / tf.cast(n_train, tf.float32))[:, None]
        if not self._metrics:
            return loss
        shown = tf.reshape(tf.transpose(watched.stack(), (1, 0, 2, 3)), (members, steps_held * width, -1))
        place = tf.range(steps_held * width)
        position = place // width * batch + place % width
        real = (place % width < batch)[None] & (position[None] < n_train[:, None])
        rows = tf.reshape(order, (members, -1))
        return tf.concat(
            [
                loss,
                self._metrics.results(tf.gather(data["y"], rows), shown, real, data["threshold"]),
            ],
            1,
        )

    def _validate(self, data: dict, plan: dict) -> Any:
        """Return validation loss and metrics, (M, 1 + metrics); NaN without validation rows."""
        import tensorflow as tf

        rows = plan["validation"]
        members, blocks, width = rows.shape
        if blocks == 0:
            return tf.fill((members, 1 + len(self._metrics)), float("nan"))
        n_validation = plan["n_validation"]
        watched = tf.TensorArray(
            tf.float32,
            blocks if self._metrics else 0,
            element_shape=(members, width, self._network.n_labels),
        )

        def block(i, total, weight, extra, watched):
            idx = rows[:, i]
            mask = tf.cast((i * width + tf.range(width))[None] < n_validation[:, None], tf.float32)
            w = tf.gather(data["weights"], idx) * mask[:, :, None]
            states = [s.value() for s in self._states]
            args = (
                self._flat.value,
                states,
                tf.gather(data["X"], idx),
                tf.gather(data["y"], idx),
                w,
            )
            loss, probabilities, extra = self._each_member(self._evaluate, args)
            if self._metrics:
                watched = watched.write(i, probabilities)
            return i + 1, total + loss, weight + tf.reduce_sum(w, (1, 2)), extra, watched

        needed = (tf.reduce_max(n_validation) + width - 1) // width
        start = (tf.constant(0), tf.zeros(members), tf.zeros(members), tf.zeros(members), watched)
        _, total, weight, extra, watched = tf.while_loop(
            lambda i, *_: i < needed, block, start, maximum_iterations=blocks
        )
        loss = (total / weight + extra)[:, None]
        if not self._metrics:
            return loss
        shown = tf.reshape(tf.transpose(watched.stack(), (1, 0, 2, 3)), (members, blocks * width, -1))
        real = tf.range(blocks * width)[None] < n_validation[:, None]
        y = tf.gather(data["y"], tf.reshape(rows, (members, -1)))
        return tf.concat([loss, self._metrics.results(y, shown, real, data["threshold"])], 1)

    def _observe(self, plan: dict, watch: dict, train_loss: Any, loss: Any) -> dict:
        """Early stopping, per member: keep the best weights, count the epochs without a gain."""
        import tensorflow as tf

        alive = ~watch["stopped"]
        epochs = watch["epochs"] + tf.cast(alive, tf.int32)
        diverged = ~tf.math.is_finite(train_loss)
        if plan["validation"].shape[1] == 0:
            return {**watch, "epochs": epochs, "stopped": watch["stopped"] | diverged}
        better = alive & (loss < watch["best"])
        for best, now in [
            (self._best_flat, self._flat.value),
            *zip(self._best_states, self._states, strict=True),
        ]:
            pick = tf.reshape(better, [-1] + [1] * (len(best.shape) - 1))
            best.assign(tf.where(pick, tf.convert_to_tensor(now), best.value()))
        gained = loss < watch["reference"] - plan["min_delta"]
        waited = tf.where(gained, 0, watch["waited"] + 1)
        return {
            "epochs": epochs,
            "best_epoch": tf.where(better, epochs, watch["best_epoch"]),
            "best": tf.where(better, loss, watch["best"]),
            "reference": tf.where(alive & gained, loss, watch["reference"]),
            "waited": tf.where(alive, waited, watch["waited"]),
            "stopped": watch["stopped"] | (waited >= plan["patience"]) | diverged | ~tf.math.is_finite(loss),
        }


def _member_optimizer(config: dict, flat: Any) -> tuple[Any, Any, Any]:
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
        if by_norm is not None:
            return [tf.clip_by_norm(g, by_norm) for g in gradients]
        if by_global_norm is not None:
            return tf.clip_by_global_norm(gradients, by_global_norm)[0]
        if by_value is not None:
            return [tf.clip_by_value(g, -by_value, by_value) for g in gradients]
        return gradients

    return clip, optimizer, rates


_programs: OrderedDict[Hashable, Program] = OrderedDict()
_programs_lock = threading.Lock()


def borrow(network: Network, optimizer: dict, members: int, n_features: int, metrics: MetricSet, xla: bool) -> Program:
    """Return the program for this work, new or from the cache. Hold its lock while using it."""
    key = (
        network.key,
        json.dumps(optimizer, sort_keys=True, default=str),
        members,
        n_features,
        metrics.key,
        xla,
    )
    with _programs_lock:
        program = _programs.get(key)
        if program is None:
            program = _programs[key] = Program(network, optimizer, members, n_features, metrics, xla)
        _programs.move_to_end(key)
        while len(_programs) > MAX_PROGRAMS:
            _programs.popitem(last=False)
    return program


@functools.cache
def xla_works() -> bool:
    """Return whether this TensorFlow can compile with XLA on the device at hand."""
    import tensorflow as tf

    try:
        tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)(tf.constant(1.0))
    except (tf.errors.OpError, ValueError):
        return False
    return True
