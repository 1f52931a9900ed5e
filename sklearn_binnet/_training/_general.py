"""The general path: the same training by `Model.fit`, for what the compiled program cannot run.

Rows come in the same order and batches as in the program, losses, metrics and early stopping mean the same; only the
time differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._contract import Data, EpochReport, Member, Network, Settings, Trained
from sklearn_binnet._training._fast import step_rates
from sklearn_binnet._training._isolation import isolated_random
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._optimizer import keras_optimizer
from sklearn_binnet._training._plan import RowOrder
from sklearn_binnet._training._watch import EarlyStopping, member_logs


def train_member(network: Network, data: Data, member: Member, settings: Settings) -> Trained:
    """Train one member by `Model.fit`."""
    batch = min(settings.batch_size, len(member.train))
    steps = -(-len(member.train) // batch)
    weights = data.weights * np.float32(1.0 / data.weights[member.train].mean())
    per_row = bool(np.all(weights == weights[:, :1]))
    metrics = MetricSet(settings.metrics)
    with isolated_random(member.seed):
        model = network.build()
        optimizer = keras_optimizer(settings, member)
        if per_row:
            loss, answers, targets, sample_weight = (
                network.keras_loss(),
                network.answers,
                network.targets(data.y),
                weights[:, 0],
            )
        else:
            loss, answers = _weighted_answers(network), lambda target: target[:, : network.n_labels]
            targets, sample_weight = np.concatenate([data.y, weights], axis=1), None
        running = metrics.running(answers, network.probabilities, settings.threshold)
        model.compile(optimizer=optimizer, loss=loss, metrics=running)
    for variable, value in zip(model.weights, member.weights, strict=True):
        variable.assign(value)
    if member.optimizer_state is not None:
        optimizer.build(model.trainable_variables)
        for variable, value in zip(optimizer.variables, member.optimizer_state, strict=True):
            variable.assign(value)
    watcher = _watcher(network, data, member, settings, metrics, steps)
    batches = _batches(data.X, targets, sample_weight, RowOrder(member.train, member.seed), batch, steps)
    with isolated_random(member.seed):
        model.fit(
            batches,
            epochs=settings.epochs,
            verbose=0,
            shuffle=False,
            callbacks=[watcher, *watcher.others],
        )
    return watcher.trained(optimizer)


def _weighted_answers(network: Network) -> Any:
    """Return a loss over targets [y | weight of every answer]: Keras itself knows weights of rows only."""
    import keras

    L = network.n_labels

    def weighted(target, outputs):
        return keras.ops.sum(network.losses(target[:, :L], outputs) * target[:, L:], axis=1) / L

    return weighted


def _batches(X: NDArray, targets: NDArray, weights: NDArray | None, order: RowOrder, batch: int, steps: int) -> Any:
    import keras

    class Batches(keras.utils.PyDataset):
        """One member's batches; a new row order each epoch."""

        def __init__(self):
            super().__init__()
            self._shuffle()

        def _shuffle(self):
            self._rows = order.rows()

        def __len__(self):
            return steps

        def __getitem__(self, i):
            rows = self._rows[i * batch : (i + 1) * batch]
            return (X[rows], targets[rows]) if weights is None else (X[rows], targets[rows], weights[rows])

        def on_epoch_end(self):
            self._shuffle()

    return Batches()


def _watcher(network: Network, data: Data, member: Member, settings: Settings, metrics: MetricSet, steps: int) -> Any:
    """Return the Keras callback that does between epochs what the fast path's host does."""
    import copy

    import keras

    names = ["loss", *metrics.names]
    rates = (
        step_rates(settings, steps) if settings.schedule != "constant" and isinstance(settings.schedule, str) else None
    )
    early = EarlyStopping(settings.patience, settings.min_delta)
    early_stopping = settings.early_stopping and len(member.validation) > 0

    def measured(model: Any, rows: NDArray) -> list[float]:
        """Weighted mean loss of rows, with penalties, and their metrics."""
        total, shown = 0.0, []
        for block in np.array_split(rows, max(-(-len(rows) // 2048), 1)):
            outputs = model(data.X[block], training=False)
            losses = keras.ops.convert_to_numpy(network.losses(keras.ops.convert_to_tensor(data.y[block]), outputs))
            total += float((losses * data.weights[block]).sum())
            shown.append(keras.ops.convert_to_numpy(network.probabilities(outputs)))
        loss = total / float(data.weights[rows].sum()) + float(sum(model.losses))
        if not metrics:
            return [loss]
        real = np.ones((1, len(rows)), np.float32)
        results = metrics.results(data.y[rows][None], np.concatenate(shown)[None], real, settings.threshold)
        return [loss, *keras.ops.convert_to_numpy(results)[0].tolist()]

    class Watcher(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.others = [copy.deepcopy(c) for c in settings.callbacks]
            self.rows: list[dict[str, float]] = []
            self._step = 0

        def on_train_batch_begin(self, batch, logs=None):
            if rates is not None:
                self.model.optimizer.learning_rate = member.learning_rate * float(rates[self._step])
            self._step += 1

        def on_epoch_end(self, epoch, logs=None):
            trained = [float(logs[name]) for name in names]
            validated = measured(self.model, member.validation) if len(member.validation) else [np.nan] * len(names)
            logs.update(member_logs(names, np.array(trained + validated)))
            self.rows.append({k: v for k, v in logs.items() if k.removeprefix("val_") in names})
            if early_stopping and early.observe(epoch + 1, validated[0], self._weights()):
                self.model.stop_training = True
            if not np.isfinite(trained[0]):
                self.model.stop_training = True
            report = EpochReport(epoch, [self.rows[-1]], lambda: [self._weights()])
            if settings.on_epoch is not None and settings.on_epoch(report):
                self.model.stop_training = True

        def on_train_end(self, logs=None):
            self._at_end = self._weights()

        def _weights(self):
            return [np.array(keras.ops.convert_to_numpy(v)) for v in self.model.weights]

        def trained(self, optimizer):
            weights = self._weights()
            restored = any(not np.array_equal(a, b) for a, b in zip(weights, self._at_end, strict=True))
            best_epoch = len(self.rows)
            if early_stopping and not restored:
                weights, best_epoch = early.best_weights, early.best_epoch
            history = {k: [row[k] for row in self.rows] for k in self.rows[0]}
            return Trained(weights, history, best_epoch, [np.array(v) for v in optimizer.variables])

    return Watcher()
