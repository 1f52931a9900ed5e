"""The general path: the same training by `Model.fit`, for what the compiled program cannot run.

Rows come in the same order and batches as in the program, losses, metrics, callbacks and early stopping mean the
same; only the time differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._callbacks import CallbackView, EarlyStopping, member_logs, needs_batches, values_of
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._optimizers import member_optimizer
from sklearn_binnet._training._random import isolated_random
from sklearn_binnet._training._schedule import RowOrder, rate_factors
from sklearn_binnet._training._types import VALIDATION_BLOCK, Data, EpochReport, Member, Network, Settings, Trained


def train_member(network: Network, data: Data, member: Member, settings: Settings) -> Trained:
    """Train one member by `Model.fit`."""
    batch = min(settings.batch_size, len(member.train))
    steps = -(-len(member.train) // batch)
    metrics = MetricSet(settings.metrics)
    weights = data.weights * np.float32(1.0 / data.weights[member.train].mean())
    with isolated_random(member.seed, network.own_code):
        model = network.build(member.seed)
        optimizer = member_optimizer(settings, member)
        loss, labels_of, targets, sample_weight = _weighted_loss(network, data.y, weights)
        running = metrics.running(labels_of, network.probabilities, settings.threshold)
        model.compile(optimizer=optimizer, loss=loss, metrics=running, run_eagerly=network.eager)
    for variable, value in zip(model.weights, member.weights, strict=True):
        variable.assign(value)
    optimizer.build(model.trainable_variables)
    _go_on(optimizer, member.optimizer_state)
    watcher = _watcher(network, data, member, settings, metrics, model, steps)
    batches = _batches(data.X, targets, sample_weight, RowOrder(member.train, member.seed), batch)
    try:
        model.fit(batches, epochs=settings.epochs, steps_per_epoch=steps, verbose=0, shuffle=False, callbacks=[watcher])
    finally:
        watcher.let_go()
    return watcher.trained(_state_of(optimizer))


def _state_of(optimizer: Any) -> list[Any]:
    """Return the optimizer's variables without its learning rate, which is the member's."""
    return [v for v in optimizer.variables if v is not optimizer.learning_rate]


def _go_on(optimizer: Any, state: list[NDArray] | None) -> None:
    variables = _state_of(optimizer)
    if state is not None and [np.shape(s) for s in state] == [tuple(v.shape) for v in variables]:
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)


def _weighted_loss(network: Network, y: NDArray, weights: NDArray) -> tuple[Any, Any, NDArray, NDArray | None]:
    """Return a Keras loss, what reads 0/1 labels from its targets, the targets and the weights of rows."""
    import keras

    if np.all(weights == weights[:, :1]):
        return network.keras_loss(), network.labels_of, network.targets(y), weights[:, 0]

    L = network.n_labels

    def weighted(target: Any, outputs: Any) -> Any:
        return keras.ops.sum(network.losses(target[:, :L], outputs) * target[:, L:], axis=1) / L

    # Keras itself knows weights of rows only: those of single labels travel with the targets.
    return weighted, lambda target: target[:, :L], np.concatenate([y, weights], axis=1), None


def _batches(
    X: NDArray, targets: NDArray, weights: NDArray | None, order: RowOrder, batch: int
) -> Iterator[tuple[NDArray, ...]]:
    """Yield batches without end; a new row order each epoch.

    Not a `PyDataset`: Keras reads its first batches once more than it trains on them.
    """
    arrays = (X, targets) if weights is None else (X, targets, weights)
    while True:
        rows = order.rows()
        for start in range(0, len(rows), batch):
            yield tuple(a[rows[start : start + batch]] for a in arrays)


def told(logs: dict[str, Any], name: str) -> Any:
    """Return what the model's training step reports; its loss is needed, a metric may be missing."""
    if name not in logs and name == "loss":
        raise ValueError(
            f"model has a train_step that reports {sorted(logs)} but no 'loss'. Return the loss under that name, as in "
            "{m.name: m.result() for m in self.metrics}."
        )
    return logs.get(name, np.nan)


class _Validation:
    """Loss and metrics of a member's validation rows."""

    def __init__(self, network: Network, data: Data, rows: NDArray, metrics: MetricSet, threshold: NDArray):
        self._network, self._data, self._rows = network, data, rows
        self._metrics, self._threshold = metrics, threshold

    def __call__(self, model: Any) -> list[float]:
        """Return the weighted mean loss, with penalties, and the metrics; NaN without rows."""
        import keras

        network, data, rows = self._network, self._data, self._rows
        if not len(rows):
            return [np.nan] * (1 + len(self._metrics))
        total, shown = 0.0, []
        for start in range(0, len(rows), VALIDATION_BLOCK):
            block = rows[start : start + VALIDATION_BLOCK]
            outputs = model(data.X[block], training=False)
            losses = keras.ops.convert_to_numpy(network.losses(keras.ops.convert_to_tensor(data.y[block]), outputs))
            with np.errstate(over="ignore"):  # an infinite loss is the engine's to report
                total += float((losses * data.weights[block]).sum())
            shown.append(keras.ops.convert_to_numpy(network.probabilities(outputs)))
        loss = total / float(data.weights[rows].sum()) + float(sum(model.losses))
        return [loss, *self._metrics.once(data.y[rows], np.concatenate(shown), self._threshold)]


def _watcher(
    network: Network, data: Data, member: Member, settings: Settings, metrics: MetricSet, model: Any, steps: int
) -> Any:
    """Return the Keras callback that does between epochs what the fast path's host does."""
    import keras

    names = ["loss", *metrics.names]
    scheduled = not isinstance(settings.schedule, str)
    factors = None if scheduled else rate_factors(settings.schedule, settings.epochs * steps)
    early = EarlyStopping(settings.patience, settings.min_delta)
    early_stopping = settings.early_stopping and len(member.validation) > 0
    validation = _Validation(network, data, member.validation, metrics, settings.threshold)
    # A network that needs Keras' own training may have more to steer than weights: show callbacks the very model.
    shown = model if network.keras_reason else None
    view = CallbackView(network, member, settings, steps, shown) if settings.callbacks else None
    at_batches = any(needs_batches(c) for c in settings.callbacks)

    class Watcher(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.rows: list[dict[str, float]] = []
            self._step, self._rate = 0, member.learning_rate
            self._at_end: list[NDArray] | None = None

        def on_train_begin(self, logs: Any = None) -> None:
            if view:
                view.begin(self._weights())

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if view:
                view.begin_epoch(epoch)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if view and at_batches:
                view.begin_batch(batch)
            if view and view.learning_rate is not None:
                self._rate = view.learning_rate
            if factors is not None:
                model.optimizer.learning_rate = self._rate * float(factors[self._step])
            self._step += 1

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self._wish_rate()
            if view and at_batches:
                self._take(view.end_batch(batch, self._weights(), {k: float(v) for k, v in logs.items()}))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            validated = validation(model)
            measured = np.array([float(told(logs, name)) for name in names] + validated)
            row = member_logs(names, measured, len(member.validation) > 0)
            self.rows.append(row)
            if early_stopping and early.observe(epoch + 1, validated[0], self._weights()):
                model.stop_training = True
            if not np.isfinite([v for k, v in row.items() if k in ("loss", "val_loss")]).all():
                model.stop_training = True
            if view:
                self._take(view.end_epoch(epoch, self._weights(), dict(row)))
            report = EpochReport(epoch, [row], lambda: [self._weights()])
            if settings.on_epoch is not None and settings.on_epoch(report):
                model.stop_training = True

        def on_train_end(self, logs: Any = None) -> None:
            self._at_end = view.end(self.rows[-1]) if view else None

        def let_go(self) -> None:
            if view:
                view.let_go()

        def _wish_rate(self) -> None:
            """Between steps callbacks see and set the rate without the schedule's factor."""
            if view and not scheduled:
                view.model.optimizer.learning_rate = self._rate

        def _take(self, changed: list[NDArray] | None) -> None:
            """Take over what callbacks want."""
            for variable, value in zip(model.weights, changed or [], strict=bool(changed)):
                variable.assign(value)
            if view and view.stopped:
                model.stop_training = True
            if view and view.learning_rate is not None:
                self._rate = view.learning_rate

        def _weights(self) -> list[NDArray]:
            return values_of(model.weights)

        def trained(self, optimizer_state: list[Any]) -> Trained:
            weights, best_epoch = self._weights(), len(self.rows)
            if early_stopping:
                weights, best_epoch = early.best_weights, early.best_epoch
            if self._at_end is not None:
                weights = self._at_end
            history = {k: [row[k] for row in self.rows] for k in self.rows[0]}
            return Trained(weights, history, best_epoch, values_of(optimizer_state))

    return Watcher()
