"""The compiled program: whole epochs of M members, data resident, validation and early stopping included.

To the host a program is a function of tensors: what may differ between fits of one architecture goes in, and the
members' state comes out. Inside, the optimizer works on variables, loaded at the start of a call. Programs live in a
bounded cache.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training import _compile_cache
from sklearn_binnet._training._cache import PROGRAMS
from sklearn_binnet._training._layers import Batch, mix, tracing, trainable_copy
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._optimizers import stacked_optimizer
from sklearn_binnet._training._random import isolated_random
from sklearn_binnet._training._types import Candidates, Network

_tracing = threading.RLock()
"""Held while a program is traced. That is work for Python, which two threads would slow down for each other; what comes
after it is not."""


class ProgramState(NamedTuple):
    """The members' variables between two calls of a program, all of them tensors."""

    last: list[Any]
    """The stacked weights as `Layout.pack` gives them, then the optimizer's variables with a member axis in front. Each
    member's are those that its last epoch left."""
    best: list[Any]
    """The stacked weights of each member's best epoch."""


class ProgramData(NamedTuple):
    """All rows of a training, as tensors that stay on the device."""

    X: Any
    y: Any
    weights: Any
    threshold: Any
    """Cuts probabilities for metrics, float32 (L,)."""


class ProgramPlan(NamedTuple):
    """What a program is to do, as tensors. M is the number of members."""

    batch_size: Any
    steps: Any
    """Training steps of an epoch."""
    n_train: Any
    """Training rows of each member, (M,)."""
    weight_scale: Any
    """Brings the weights of each member's rows to mean 1, (M,)."""
    seeds: Any
    """Seeds dropout, (M,)."""
    dropout_rates: Any
    """(M, number of dropout layers)"""
    weight_decay: Any
    """(M,)"""
    validation: Any
    """Validation rows in blocks, (M, blocks, width)."""
    n_validation: Any
    """(M,)"""
    min_delta: Any
    patience: Any
    order: Any
    """Rows of every step, (epochs, M, steps, width)."""
    rate_factors: Any
    """Share of the learning rate at every step, (epochs, steps)."""
    epochs_before: Any
    """Epochs of the training that ran before this plan."""
    rates: Any
    """Learning rates, (M,)."""
    window: Any
    """0, 1, ...: the candidates of a step, as places in the row order counted from its batch; else (0,)."""
    judges: Any
    """Candidates of the validation, (M, width); else (M, 0)."""
    n_judges: Any
    """How many of these are real, (M,)."""


class EarlyStoppingState(NamedTuple):
    """What early stopping knows of each member, tensors of shape (M,)."""

    epochs: Any
    """Epochs run."""
    best_epoch: Any
    """Epoch of the least validation loss, from 1."""
    waited: Any
    """Epochs since the last gain of `min_delta`."""
    best: Any
    """The least validation loss."""
    reference: Any
    """The validation loss that the next gain is measured from."""
    stopped: Any

    @classmethod
    def begin(cls, members: int) -> EarlyStoppingState:
        """Return the state before the first epoch."""
        import tensorflow as tf

        none, far = tf.zeros([members], tf.int32), tf.fill([members], np.float32(np.inf))
        return cls(none, none, none, far, far, tf.zeros([members], tf.bool))


class Layout:
    """How the weights of M members lie in stacked arrays, in the order of `keras.Model.weights`.

    All trained variables of a member lie in one row, so that the optimizer updates a whole network in one operation.
    Each variable that is not trained has an array of its own.
    """

    def __init__(self, model: Any):
        self._trained = [bool(v.trainable) for v in model.weights]
        self._shapes = [tuple(v.shape) for v in model.weights]
        self._sizes = [int(np.prod(s)) for s, t in zip(self._shapes, self._trained, strict=True) if t]
        self._fixed_types = [v.dtype for v, t in zip(model.weights, self._trained, strict=True) if not t]

    @property
    def n_parameters(self) -> int:
        """Length of a member's row."""
        return sum(self._sizes)

    def pack(self, members: Sequence[list[NDArray]]) -> list[NDArray]:
        """Return the rows (M, n_parameters), then every fixed variable (M, ...)."""
        rows = [
            [np.ravel(w) for w, t in zip(weights, self._trained, strict=True) if t] + [np.zeros(0)]
            for weights in members
        ]
        fixed = [[w for w, t in zip(weights, self._trained, strict=True) if not t] for weights in members]
        return [
            np.stack([np.concatenate(row).astype(np.float32) for row in rows]),
            *(np.stack(v).astype(t) for v, t in zip(zip(*fixed, strict=True), self._fixed_types, strict=True)),
        ]

    def unpack(self, arrays: Sequence[NDArray]) -> list[list[NDArray]]:
        """Return every member's weights from what `pack` returns; nothing is shared."""
        rows, *fixed = arrays
        ends = np.cumsum(self._sizes)[:-1]
        out = []
        for m, row in enumerate(rows):
            parts, others = iter(np.split(row, ends)), iter(f[m] for f in fixed)
            weights = zip(self._shapes, self._trained, strict=True)
            out.append([(next(parts).reshape(s) if t else np.asarray(next(others))).copy() for s, t in weights])
        return out

    def split(self, row: Any) -> list[Any]:
        """Return the trained variables as tensors, from one member's row as a tensor."""
        import tensorflow as tf

        shapes = [s for s, t in zip(self._shapes, self._trained, strict=True) if t]
        return [tf.reshape(part, s) for part, s in zip(tf.split(row, self._sizes), shapes, strict=True)]


class Program:
    """Trains `members` networks of one architecture, `n_features` columns, with one optimizer and metric set."""

    def __init__(self, network: Network, optimizer: dict, members: int, n_features: int, metrics: MetricSet, xla: bool):
        import keras
        import tensorflow as tf

        self._lock = threading.Lock()
        network = network.without_rows()  # the cache keeps the program, and with it what the network holds
        self._network, self._metrics, self.members = network, metrics, members
        with isolated_random(0, network.own_code):
            self._model, self.dropout_rates = trainable_copy(network.build())
        if not self._model.built:
            self._model.build((None, n_features))
        self.layout = Layout(self._model)
        self._flat = keras.Variable(tf.zeros((members, self.layout.n_parameters)), name="parameters")
        self._clip, self._optimizer, self._rates = stacked_optimizer(optimizer, self._flat)
        self._fresh = [v.numpy() for v in self._optimizer.variables]
        self._key = network.key, json.dumps(optimizer, sort_keys=True, default=str), members, n_features, metrics.key
        self._xla = xla
        self._compiled: dict[Hashable, Any] = {}

    # ------------------------------------------------------------- for the host
    def run(
        self,
        state: ProgramState,
        data: ProgramData,
        plan: ProgramPlan,
        watch: EarlyStoppingState,
        first: Any,
        last: Any,
    ) -> tuple[ProgramState, Any, EarlyStoppingState]:
        """Run epochs `first` to `last` of the resident plan; return state, history and state of early stopping."""
        import tensorflow as tf

        # Each set of shapes has a function of its own, since TensorFlow warns of one that it has traced five times. A
        # partial, not the method: TensorFlow counts by code object, over all programs.
        shapes = tuple(tuple(a.shape) for a in (data.X, plan.order, plan.validation, plan.window, plan.judges))
        args = state, data, plan, watch, first, last

        def call_new(xla: bool = self._xla) -> Any:
            run = functools.partial(self._run)
            self._compiled[shapes] = tf.function(run, jit_compile=xla, autograph=False)
            with _tracing:
                self._compiled[shapes].get_concrete_function(*args)
            return self._compiled[shapes](*args)

        with self._lock:
            if shapes in self._compiled:
                return self._compiled[shapes](*args)
            cache = _compile_cache.active() if self._xla else None
            if cache is None:
                return call_new()
            return cache.first_call((self._key, shapes), call_new, lambda: call_new(xla=False))

    def state(self, weights: Sequence[list[NDArray]], optimizer_states: Sequence[list[NDArray] | None]) -> ProgramState:
        """Return the state that starts a training; an optimizer state of None starts afresh."""
        import tensorflow as tf

        stacked = [tf.constant(a) for a in self.layout.pack(weights)]
        fresh = [v[0] if v.ndim else v for v in self._fresh]
        members = zip(*[fresh if s is None else s for s in optimizer_states], strict=True)
        optimizer = [tf.constant(np.stack(values), v.dtype) for v, values in zip(self._fresh, members, strict=True)]
        return ProgramState(stacked + optimizer, stacked)

    def weights(self, state: ProgramState, best: bool) -> list[list[NDArray]]:
        """Return every member's weights in the order of `keras.Model.weights`."""
        n_stacked = len(state.best)
        return self.layout.unpack([a.numpy() for a in (state.best if best else state.last)[:n_stacked]])

    def replace_weights(self, state: ProgramState, weights: Sequence[list[NDArray]]) -> ProgramState:
        """Return the state with other weights in the midst of a training; optimizer and best weights stay."""
        import tensorflow as tf

        stacked = [tf.constant(a) for a in self.layout.pack(weights)]
        return state._replace(last=stacked + state.last[len(stacked) :])

    def optimizer_states(self, state: ProgramState) -> list[list[NDArray]]:
        """Return every member's optimizer state, to go on from later."""
        values = [a.numpy() for a in state.last[len(state.best) :]]
        return [[v[m].copy() for v in values] for m in range(self.members)]

    @property
    def n_traces(self) -> int:
        """How often TensorFlow traced the program: once for every set of shapes."""
        return sum(compiled.experimental_get_tracing_count() for compiled in self._compiled.values())

    def fits(self, optimizer_state: list[NDArray]) -> bool:
        """Return whether an optimizer state was left by the same optimizer on the same architecture."""
        expected = [v.shape[1:] for v in self._fresh]
        return [np.shape(v) for v in optimizer_state] == expected

    # ------------------------------------------------------------- one member, one batch
    def _gradient(self, args: tuple) -> tuple:
        """Gradient, new states, loss and probabilities of one member's batch."""
        import tensorflow as tf

        flat, states, x, y, w, mask, key, rates, beside = args
        n_targets = tf.maximum(tf.reduce_sum(mask), 1.0) * self._network.n_labels
        parameters = self.layout.split(flat)
        with tf.GradientTape() as tape, tracing(Batch(mask, key, rates)):
            tape.watch(parameters)
            outputs, states, extra = self._model.stateless_call(
                parameters, states, _inputs(x, beside), training=True, return_losses=True
            )
            loss = tf.reduce_sum(self._network.losses(y, outputs) * w) / n_targets
            loss += tf.add_n(extra) if extra else 0.0
        gradients = self._clip(tape.gradient(loss, parameters, unconnected_gradients="zero"))
        gradient = tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)
        watched = self._network.probabilities(outputs) if self._metrics else tf.zeros((0, self._network.n_labels))
        return gradient, states, loss, watched

    def _evaluate(self, args: tuple) -> tuple:
        """Return summed loss, probabilities and penalties of one member's block of validation rows."""
        import tensorflow as tf

        flat, states, x, y, w, beside = args
        outputs, _, extra = self._model.stateless_call(
            self.layout.split(flat), states, _inputs(x, beside), training=False, return_losses=True
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
    def _run(
        self,
        state: ProgramState,
        data: ProgramData,
        plan: ProgramPlan,
        watch: EarlyStoppingState,
        first: Any,
        last: Any,
    ) -> tuple[ProgramState, Any, EarlyStoppingState]:
        import tensorflow as tf

        n_stacked = len(state.best)
        flat, *fixed = state.last[:n_stacked]
        self._flat.assign(flat)
        training = tf.argmin(tf.cast(watch.stopped, tf.int32))
        for variable, value in zip(self._optimizer.variables, state.last[n_stacked:], strict=True):
            variable.assign(value if variable.shape.rank else value[training])  # scalars count steps: same for all
        epochs = plan.order.shape[0]
        history = tf.fill((epochs, self.members, 2 * (1 + len(self._metrics))), float("nan"))

        def running(epoch: Any, *loop: Any) -> Any:
            return (epoch < last) & ~tf.reduce_all(loop[-1].stopped)

        def one_epoch(epoch: Any, fixed: Any, state: Any, history: Any, watch: Any) -> Any:
            fixed, train = self._train_epoch(fixed, data, plan, epoch)
            validation = self._validate(fixed, data, plan)
            row = tf.concat([train, validation], 1)
            history = tf.tensor_scatter_nd_update(history, [[epoch - first]], row[None])
            now = [self._flat.value, *fixed, *(v.value for v in self._optimizer.variables)]
            state, watch = _observe(plan, now, state, watch, train[:, 0], validation[:, 0])
            return epoch + 1, fixed, state, history, watch

        loop = (first, fixed, state, history, watch)
        _, _, state, history, watch = tf.while_loop(running, one_epoch, loop, maximum_iterations=epochs)
        return state, history, watch

    def _train_epoch(self, fixed: list, data: ProgramData, plan: ProgramPlan, epoch: Any) -> tuple:
        """Run all steps of an epoch; return the new fixed variables, and loss and metrics, (M, 1 + metrics)."""
        import tensorflow as tf

        order, factors = plan.order[epoch], plan.rate_factors[epoch]
        members, steps_held, width = order.shape
        n_train = plan.n_train

        def step(i: Any, fixed: Any, total: Any, watched: Any) -> Any:
            rows = order[:, i]
            count = tf.clip_by_value(n_train - i * plan.batch_size, 0, plan.batch_size)
            mask = tf.cast(tf.range(width)[None] < count[:, None], tf.float32)
            x, y = tf.gather(data.X, rows), tf.gather(data.y, rows)
            w = tf.gather(data.weights, rows) * (mask * plan.weight_scale[:, None])[:, :, None]
            step_id = tf.cast((plan.epochs_before + epoch) * plan.steps + i, tf.uint32)
            keys = mix(plan.seeds + step_id * tf.constant(2246822519, tf.uint32))
            beside = self._candidates(data, rows, *_window(plan, order, i))
            args = (self._flat.value, fixed, x, y, w, mask, keys, plan.dropout_rates, beside)
            gradient, fixed, loss, shown = self._each_member(self._gradient, args)
            self._rates.now = rate = (plan.rates * factors[i])[:, None]
            self._flat.assign(self._flat.value * (1.0 - rate * plan.weight_decay[:, None]))
            self._optimizer.apply([gradient], [self._flat])
            if self._metrics:
                watched = watched.write(i, shown)
            return i + 1, fixed, total + loss * tf.cast(count, tf.float32), watched

        start = (tf.constant(0), fixed, tf.zeros(members), self._watched(steps_held, width))
        _, fixed, total, watched = tf.while_loop(
            lambda i, *_: i < plan.steps, step, start, maximum_iterations=steps_held
        )
        loss = (total / tf.cast(n_train, tf.float32))[:, None]
        if not self._metrics:
            return fixed, loss
        place = tf.range(steps_held * width)
        column = place % width
        position = place // width * plan.batch_size + column
        real = (column < plan.batch_size)[None] & (position[None] < n_train[:, None])
        return fixed, tf.concat([loss, self._measure(order, watched, real, data)], 1)

    def _validate(self, fixed: list, data: ProgramData, plan: ProgramPlan) -> Any:
        """Return validation loss and metrics, (M, 1 + metrics); NaN without validation rows."""
        import tensorflow as tf

        rows, n_rows = plan.validation, plan.n_validation
        members, blocks, width = rows.shape
        if blocks == 0:
            return tf.fill((members, 1 + len(self._metrics)), float("nan"))

        def block(i: Any, total: Any, weight: Any, penalty: Any, watched: Any) -> Any:
            idx = rows[:, i]
            mask = tf.cast((i * width + tf.range(width))[None] < n_rows[:, None], tf.float32)
            w = tf.gather(data.weights, idx) * mask[:, :, None]
            beside = self._candidates(data, idx, plan.judges, judging)
            args = (self._flat.value, fixed, tf.gather(data.X, idx), tf.gather(data.y, idx), w, beside)
            loss, shown, penalty = self._each_member(self._evaluate, args)
            if self._metrics:
                watched = watched.write(i, shown)
            return i + 1, total + loss, weight + tf.reduce_sum(w, (1, 2)), penalty, watched

        judging = tf.range(plan.judges.shape[1])[None] < plan.n_judges[:, None]
        needed = (tf.reduce_max(n_rows) + width - 1) // width
        none = tf.zeros(members)
        start = (tf.constant(0), none, none, none, self._watched(blocks, width))
        _, total, weight, penalty, watched = tf.while_loop(
            lambda i, *_: i < needed, block, start, maximum_iterations=blocks
        )
        loss = (total / weight + penalty)[:, None]
        if not self._metrics:
            return loss
        real = tf.range(blocks * width)[None] < n_rows[:, None]
        return tf.concat([loss, self._measure(rows, watched, real, data)], 1)

    # ------------------------------------------------------------- candidates
    def _candidates(self, data: ProgramData, rows: Any, candidates: Any, real: Any) -> tuple[Any, ...]:
        """Return the fields of `Candidates` for rows (M, batch) beside candidates (M, C); nothing if C is 0."""
        import tensorflow as tf

        if candidates.shape[1] == 0:
            return ()
        weights = tf.gather(data.weights, candidates) * tf.cast(real, tf.float32)[:, :, None]
        return Candidates(rows, tf.gather(data.X, candidates), tf.gather(data.y, candidates), weights, candidates)

    # ------------------------------------------------------------- metrics
    def _watched(self, batches: int, width: int) -> Any:
        """Return an array for the probabilities of every batch; of length 0 if no metric asks for them."""
        import tensorflow as tf

        shape = (self.members, width, self._network.n_labels)
        return tf.TensorArray(tf.float32, batches if self._metrics else 0, element_shape=shape)

    def _measure(self, rows: Any, watched: Any, real: Any, data: ProgramData) -> Any:
        """Return the metrics (M, metrics) of rows (M, batches, width) with the probabilities watched."""
        import tensorflow as tf

        n = int(np.prod(rows.shape[1:]))
        shown = tf.reshape(tf.transpose(watched.stack(), (1, 0, 2, 3)), (self.members, n, self._network.n_labels))
        labels = tf.gather(data.y, tf.reshape(rows, (self.members, n)))
        return self._metrics.results(labels, shown, real, data.threshold)


def _inputs(x: Any, beside: Sequence[Any]) -> Any:
    """Return what the model takes: rows, or rows and what stands beside them."""
    return [x, *beside] if beside else x


def _window(plan: ProgramPlan, order: Any, step: Any) -> tuple[Any, Any]:
    """Return the rows (M, C) that follow in the order (M, steps, width) from a step's batch on, and which are real.

    The end of the order goes on with its beginning; a member with fewer rows than C has all of them once.
    """
    import tensorflow as tf

    n_train, batch = plan.n_train[:, None], plan.batch_size
    position = (step * batch + plan.window)[None] % n_train
    members, steps, width = order.shape
    rows = tf.reshape(order, (members, steps * width))
    return tf.gather(rows, position // batch * width + position % batch, batch_dims=1), plan.window[None] < n_train


def _observe(
    plan: ProgramPlan, now: list, state: ProgramState, watch: EarlyStoppingState, train_loss: Any, loss: Any
) -> tuple[ProgramState, EarlyStoppingState]:
    """End an epoch: early stopping, per member. Those that stopped before keep their state as it was."""
    import tensorflow as tf

    def where(chosen: Any, new: Any, old: Any) -> Any:
        return tf.where(tf.reshape(chosen, [-1] + [1] * (len(old.shape) - 1)), new, old)

    alive = ~watch.stopped
    epochs = watch.epochs + tf.cast(alive, tf.int32)
    lost = tf.reduce_any(~tf.math.is_finite(train_loss) & alive)  # the training fails: no member needs to go on
    last = [where(alive, new, old) for new, old in zip(now, state.last, strict=True)]
    if plan.validation.shape[1] == 0:
        return state._replace(last=last), watch._replace(epochs=epochs, stopped=watch.stopped | lost)
    lost |= tf.reduce_any(~tf.math.is_finite(loss) & alive)
    better = alive & (loss < watch.best)
    best = [where(better, new, old) for new, old in zip(now, state.best, strict=False)]
    gained = loss < watch.reference - plan.min_delta
    waited = tf.where(gained, 0, watch.waited + 1)
    return ProgramState(last, best), EarlyStoppingState(
        epochs=epochs,
        best_epoch=tf.where(better, epochs, watch.best_epoch),
        waited=tf.where(alive, waited, watch.waited),
        best=tf.where(better, loss, watch.best),
        reference=tf.where(alive & gained, loss, watch.reference),
        stopped=watch.stopped | (waited >= plan.patience) | lost,
    )


def borrow(network: Network, optimizer: dict, members: int, n_features: int, metrics: MetricSet, xla: bool) -> Program:
    """Return the program for this work, new or from the cache."""
    text = json.dumps(optimizer, sort_keys=True, default=str)
    key = ("train", network.key, text, members, n_features, metrics.key, xla)
    return PROGRAMS.get(key, lambda: Program(network, optimizer, members, n_features, metrics, xla))


_xla_works: bool | None = None
"""What was found out; not while the disk of a compile cache is full."""


def xla_works() -> bool:
    """Return whether this TensorFlow can compile with XLA on the device at hand."""
    import tensorflow as tf

    global _xla_works
    if _xla_works is None:
        try:
            tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)(tf.constant(1.0))
        except (tf.errors.OpError, ValueError):
            cache = _compile_cache.active()
            if cache is not None and not cache.takes_files():
                return False
            _xla_works = False
        else:
            _xla_works = True
    return _xla_works
