"""The host's side of the compiled path: lay out the plan, call the program, look in between epochs if asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._at_once import end_if_called_off
from sklearn_binnet._training._callbacks import CallbackView, member_logs
from sklearn_binnet._training._checkpoint import Checkpoint
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._program import (
    EarlyStoppingState,
    Program,
    ProgramData,
    ProgramPlan,
    ProgramState,
    borrow,
    xla_works,
)
from sklearn_binnet._training._resident import room_for, tensor_of
from sklearn_binnet._training._schedule import (
    RowOrder,
    bucket,
    epochs_a_call,
    epochs_until_heard,
    step_rates,
)
from sklearn_binnet._training._share import threads_of_user
from sklearn_binnet._training._types import VALIDATION_BLOCK, Data, EpochReport, Member, Network, Settings, Trained

_JUDGES = 2
"""The validation shows this many times the candidates of a training step."""
XLA_FROM_STEPS = 50
_PLAIN_FROM_PRODUCTS = 100_000_000
"""Weights times rows of a step. With 512 units in three layers and 256 rows there are 136 million."""


def train_together(network: Network, data: Data, members: Sequence[Member], settings: Settings) -> list[Trained]:
    """Train members that take the same number of steps an epoch in one compiled program."""
    metrics = MetricSet(settings.metrics)
    program = borrow(
        network, settings.optimizer, len(members), data.X.shape[1], metrics, xla_pays(members, settings) and xla_works()
    )
    return _Training(network, program, data, members, settings, ["loss", *metrics.names]).run()


def xla_pays(members: Sequence[Member], settings: Settings) -> bool:
    """Return whether XLA should compile the program, and not TensorFlow alone run it operation by operation.

    XLA saves a fraction of a millisecond a step of a small network and costs a second or more once, so that a single
    pass over a few batches (`partial_fit`) is better off without, for hundreds of calls. Of a single wide network it
    keeps one core busy and TensorFlow all of them: 1.11 and 0.72 s for 512 units in three layers on two cores. Decided
    from the plan and the cores alone: the same training takes the same way, whatever ran before.
    """
    largest = max(len(m.train) for m in members)
    if settings.epochs * -(-largest // settings.batch_size) <= XLA_FROM_STEPS:
        return False
    products = sum(w.size for w in members[0].weights) * min(settings.batch_size, largest)
    return len(members) > 1 or products < _PLAIN_FROM_PRODUCTS or _cores() == 1


def _cores() -> int:
    """Return how many cores the user lets TensorFlow use for one operation.

    The share of a worker of joblib does not count: the same training takes the same way with any `n_jobs`.
    """
    held = threads_of_user()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(held, cores) if held > 0 else cores


def steps_done(state: list[NDArray] | None) -> int:
    """Return how many steps led to an optimizer state: Keras keeps the count in its first variable."""
    return int(state[0]) if state else 0


class _Training:
    """One training in one program."""

    def __init__(
        self,
        network: Network,
        program: Program,
        data: Data,
        members: Sequence[Member],
        settings: Settings,
        names: list[str],
    ):
        kept = settings.checkpoints
        self._checkpoint: Checkpoint | None = None if kept is None else kept.of(network, data, members, settings)
        self._program, self._members, self._settings, self._names = program, members, settings, names
        self._validated = len(members[0].validation) > 0  # the same for all members
        largest = max(len(m.train) for m in members)
        self._batch = min(settings.batch_size, largest)
        self._width = settings.batch_size if self._batch == settings.batch_size else bucket(self._batch)
        self._steps = -(-largest // self._batch)
        self._steps_held = bucket(self._steps)
        self._epochs_held = epochs_a_call(len(members), self._steps_held, self._width)
        self._epochs_unheard = epochs_until_heard(len(members), self._steps, self._batch, program.layout.n_parameters)
        self._orders = [RowOrder(m.train, m.seed) for m in members]
        states = [m.optimizer_state for m in members]
        if not all(s is not None and program.fits(s) for s in states):
            states = [None] * len(members)
        self._state = program.state([m.weights for m in members], states)
        self._factors = step_rates(settings, self._steps, steps_done(states[0]))
        self._rates = np.array([m.learning_rate for m in members], np.float32)
        if not isinstance(settings.schedule, str):
            self._rates[:] = 1.0
        self._views = [CallbackView(network, m, settings, self._steps) for m in members] if settings.callbacks else []
        self._data = self._resident(data)
        self._fixed = self._fixed_plan(data, network.candidates)

    # ------------------------------------------------------------- inputs
    def _resident(self, data: Data) -> ProgramData:
        import tensorflow as tf

        def padded(a: NDArray) -> Any:
            out = room_for(len(a), a.shape[1])
            out[: len(a)] = a
            return tensor_of(out)

        threshold = np.broadcast_to(self._settings.threshold, (data.y.shape[1],)).astype(np.float32)
        X = padded(data.X) if data.held is None else tensor_of(data.held)
        return ProgramData(X, padded(data.y), padded(data.weights), tf.constant(threshold))

    def _fixed_plan(self, data: Data, candidates: int) -> dict[str, Any]:
        """Return the part of `ProgramPlan` that stays the same during the training."""
        import tensorflow as tf

        members, settings, never = self._members, self._settings, np.iinfo(np.int32).max
        n_validation = [len(m.validation) for m in members]
        width = min(VALIDATION_BLOCK, bucket(max(n_validation)))
        blocks = bucket(-(-max(n_validation) // width)) if max(n_validation) else 0
        validation = np.zeros((len(members), blocks * width), np.int32)
        for row, member in zip(validation, members, strict=True):
            row[:] = member.validation[0] if blocks else 0
            row[: len(member.validation)] = member.validation
        largest = bucket(max(len(m.train) for m in members))
        judges = np.zeros((len(members), min(_JUDGES * candidates, largest)), np.int32)
        n_judges = [min(len(m.train), judges.shape[1]) for m in members]
        for row, member, n in zip(judges, members, n_judges, strict=True):
            row[:n] = np.random.default_rng(member.seed).permutation(member.train)[:n]
        rates = [self._program.dropout_rates if m.dropout_rates is None else m.dropout_rates for m in members]
        return {
            "batch_size": tf.constant(self._batch),
            "steps": tf.constant(self._steps),
            "n_train": tf.constant([len(m.train) for m in members]),
            "weight_scale": tf.constant([1.0 / data.weights[m.train].mean() for m in members], tf.float32),
            "seeds": tf.constant([m.seed % 2**32 for m in members], tf.uint32),
            "dropout_rates": tf.constant(np.reshape(rates, (len(members), -1)), tf.float32),
            "weight_decay": tf.constant([m.weight_decay for m in members], tf.float32),
            "validation": tf.constant(validation.reshape(len(members), blocks, width)),
            "n_validation": tf.constant(n_validation),
            "window": tf.range(min(candidates, largest)),
            "judges": tf.constant(judges),
            "n_judges": tf.constant(n_judges),
            "min_delta": tf.constant(settings.min_delta, tf.float32),
            "patience": tf.constant(min(settings.patience, never) if settings.early_stopping else never),
        }

    def _plan(self, first: int, epochs: int) -> ProgramPlan:
        """Return the plan of `epochs` epochs from `first` (0-based)."""
        import tensorflow as tf

        shape = (self._epochs_held, len(self._members), self._steps_held, self._width)
        order = np.zeros(shape, np.int32)
        factors = np.zeros((self._epochs_held, self._steps_held), np.float32)
        for e in range(epochs):
            for m, rows in enumerate(self._orders):
                order[e, m] = rows.batches(self._batch, self._steps_held, self._width)
            at = (first + e) * self._steps
            factors[e, : self._steps] = self._factors[at : at + self._steps]
        return ProgramPlan(
            **self._fixed,
            order=tf.constant(order),
            rate_factors=tf.constant(factors),
            epochs_before=tf.constant(first),
            rates=tf.constant(self._rates),
        )

    # ------------------------------------------------------------- the training
    def run(self) -> list[Trained]:
        """Train; return the members in their order."""
        try:
            return self._run()
        finally:
            for view in self._views:
                view.let_go()

    def _run(self) -> list[Trained]:
        import tensorflow as tf

        epochs = self._settings.epochs
        watch = EarlyStoppingState.begin(len(self._members))
        rows: list[NDArray] = []
        stepwise = bool(self._views or self._settings.on_epoch or self._checkpoint)
        found = self._checkpoint.read() if self._checkpoint else None
        if found is not None:
            rows, watch = self._go_on_from(found)
        if self._views:
            for view, weights in zip(self._views, self._weights(), strict=True):
                view.begin(weights)
        while len(rows) < epochs and not np.all(watch.stopped):
            first = len(rows)
            planned = min(self._epochs_held, epochs - first)
            plan = self._plan(first, planned)
            done = 0
            while done < planned and not np.all(watch.stopped):
                end_if_called_off()
                last = done + 1 if stepwise else min(done + self._epochs_unheard, planned)
                alive = ~watch.stopped.numpy()
                if self._views:
                    plan = plan._replace(rates=tf.constant(self._begin_epoch(first + done, alive)))
                self._state, history, watch = self._program.run(
                    self._state, self._data, plan, watch, tf.constant(done), tf.constant(last)
                )
                rows.extend(history.numpy()[: int(max(watch.epochs)) - len(rows)])
                if stepwise:
                    stop = self._end_epoch(first + done, alive, rows[-1])
                    watch = watch._replace(stopped=watch.stopped | stop)
                if self._checkpoint:
                    self._checkpoint.write(self._written_down(rows, watch))
                done = last
        return self._results(np.array(rows), watch)

    def _written_down(self, rows: list[NDArray], watch: EarlyStoppingState) -> dict[str, Any]:
        """Return all that has changed since the training began, as plain data."""
        return {
            "rows": np.array(rows),
            "last": [a.numpy() for a in self._state.last],
            "best": [a.numpy() for a in self._state.best],
            "watch": {name: value.numpy() for name, value in watch._asdict().items()},
        }

    def _go_on_from(self, found: dict[str, Any]) -> tuple[list[NDArray], EarlyStoppingState]:
        """Take a state that was written down; row orders go on where they were."""
        import tensorflow as tf

        self._state = ProgramState(*([tf.constant(a) for a in found[part]] for part in ("last", "best")))
        for order in self._orders:
            for _ in range(len(found["rows"])):
                order.rows()
        return list(found["rows"]), EarlyStoppingState(**{k: tf.constant(v) for k, v in found["watch"].items()})

    def _weights(self) -> list[list[NDArray]]:
        return self._program.weights(self._state, best=False)

    def _begin_epoch(self, epoch: int, alive: NDArray[np.bool_]) -> NDArray[np.float32]:
        for m in np.flatnonzero(alive):
            self._views[m].begin_epoch(epoch)
            rate = self._views[m].learning_rate
            if rate is not None:
                self._rates[m] = rate
        return self._rates

    def _end_epoch(self, epoch: int, alive: NDArray[np.bool_], row: NDArray) -> Any:
        """Show the epoch to callbacks of members that ran it; return which members they want stopped."""
        import tensorflow as tf

        logs = [member_logs(self._names, r, self._validated) for r in row]
        stop = np.zeros(len(self._members), bool)
        if self._views:
            weights = self._weights()
            changed = False
            for m in np.flatnonzero(alive):
                new = self._views[m].end_epoch(epoch, weights[m], dict(logs[m]))
                stop[m] = self._views[m].stopped
                if new is not None:
                    weights[m], changed = new, True
            if changed:
                self._state = self._program.replace_weights(self._state, weights)
        if self._settings.on_epoch is not None:
            ran = [logs[m] for m in np.flatnonzero(alive)]
            stop |= bool(self._settings.on_epoch(EpochReport(epoch, ran, self._weights)))
        return tf.constant(stop)

    def _results(self, rows: NDArray, watch: EarlyStoppingState) -> list[Trained]:
        best = self._settings.early_stopping and self._validated
        weights = self._program.weights(self._state, best=best)
        states = self._program.optimizer_states(self._state)
        out = []
        for m in range(len(self._members)):
            epochs = int(watch.epochs[m])
            logs = [member_logs(self._names, row[m], self._validated) for row in rows[:epochs]]
            history = {k: [log[k] for log in logs] for k in logs[0]}
            best_epoch = int(watch.best_epoch[m]) if best else epochs
            if self._views:
                changed = self._views[m].end(logs[-1])
                weights[m] = weights[m] if changed is None else changed
            out.append(Trained(weights[m], history, best_epoch, states[m]))
        return out
