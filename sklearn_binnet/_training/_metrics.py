"""Keras metrics of probabilities and 0/1 labels, inside a program and outside."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet._training._random import isolated_random


class MetricSet:
    """Metrics that all members of a training report each epoch.

    Metrics that would cut probabilities at Keras' default of 0.5 (`BinaryAccuracy`, `Precision`, ...) get decisions
    instead, made at the estimator's threshold, so that they report what `predict` would do. A metric that was given
    another threshold keeps it.
    """

    def __init__(self, metrics: Sequence[Any]):
        self._given = list(metrics)
        self._metrics = [_resolve(m) for m in metrics]
        self._decides = [_cuts_at_default(m) for m in self._metrics]
        self.names = [m.name for m in self._metrics]
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"metrics must have different names, got {self.names}; give each object its own `name`.")

    @property
    def key(self) -> Hashable:
        """Equal keys mean equal metrics."""
        import keras

        return repr([keras.metrics.serialize(m) for m in self._metrics])

    @property
    def keras_reason(self) -> str | None:
        """Why these metrics need `Model.fit`, None if the program can measure them.

        The program marks padded rows by weight 0, which a metric of the user's own, or one of the IoU family, need not
        heed.
        """
        import keras

        for given, metric in zip(self._given, self._metrics, strict=True):
            by_name, wrapped = isinstance(given, str), type(metric) is keras.metrics.MeanMetricWrapper
            foreign = not type(metric).__module__.startswith("keras.")
            if foreign or isinstance(metric, keras.metrics.IoU) or (wrapped and not by_name):
                return f"the metric {metric.name} may not heed the weights of rows"
        return None

    def __len__(self) -> int:
        return len(self._metrics)

    def results(self, y: Any, probabilities: Any, real: Any, threshold: Any) -> Any:
        """Return all metrics of every member, (M, metrics), from tensors (M, n, L) and the mask `real` (M, n)."""
        import tensorflow as tf

        decisions = tf.cast(probabilities >= threshold, tf.float32)
        weight = tf.cast(real, tf.float32)
        rows = []
        for m in range(y.shape[0]):
            row = []
            for metric, decides in zip(self._metrics, self._decides, strict=True):
                shown = (decisions if decides else probabilities)[m]
                state = [tf.convert_to_tensor(v) for v in metric.variables]
                state = metric.stateless_update_state(state, y[m], shown, sample_weight=weight[m])
                row.append(tf.reduce_mean(tf.cast(metric.stateless_result(state), tf.float32)))
            rows.append(tf.stack(row))
        return tf.stack(rows)

    def once(self, y: NDArray, probabilities: NDArray, threshold: NDArray) -> list[float]:
        """Return all metrics of one member from arrays (n, L)."""
        import keras

        decisions = (probabilities >= threshold.astype(np.float32)).astype(np.float32)
        values = []
        for metric, decides in zip(self._metrics, self._decides, strict=True):
            metric.reset_state()
            metric.update_state(y, decisions if decides else probabilities)
            values.append(float(keras.ops.mean(metric.result())))
            metric.reset_state()
        return values

    def running(self, labels_of: Any, probabilities: Any, threshold: Any) -> list[Any]:
        """Return metrics for `Model.compile`: `labels_of` and `probabilities` read targets and outputs."""
        import keras

        cut = keras.ops.convert_to_tensor(threshold, "float32")

        class Reading(keras.metrics.Metric):
            """Gives a metric 0/1 labels and probabilities where Keras gives targets and outputs."""

            def __init__(self, metric: Any, decides: bool) -> None:
                super().__init__(name=metric.name)
                self._metric, self._decides = metric, decides

            def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
                shown = probabilities(y_pred)
                shown = keras.ops.cast(shown >= cut, "float32") if self._decides else shown
                self._metric.update_state(labels_of(y_true), shown)

            def result(self) -> Any:
                return keras.ops.mean(self._metric.result())

            def reset_state(self) -> None:
                self._metric.reset_state()

        return [Reading(_resolve(m), d) for m, d in zip(self._given, self._decides, strict=True)]


def _resolve(metric: Any) -> Any:
    """Return a fresh Keras metric from a name or an object."""
    import keras

    with isolated_random(0, own_code=not isinstance(metric, str)):
        if isinstance(metric, keras.metrics.Metric):
            return _fresh(metric)
        if isinstance(metric, str) and metric.lower() in ("accuracy", "acc"):
            return keras.metrics.BinaryAccuracy(name=metric)
        try:
            found = keras.metrics.get(metric)
        except (ValueError, TypeError):
            found = None
        if isinstance(found, keras.metrics.Metric):
            name = re.sub(r"_\d+$", "", found.name)  # Keras numbers them through the process: auc, auc_1, ...
            return _fresh(found, name)
        if callable(found):
            name = metric if isinstance(metric, str) else getattr(found, "__name__", "metric")
            return keras.metrics.MeanMetricWrapper(found, name=name)
    raise ValueError(
        f"metrics must hold names of Keras metrics (such as 'accuracy', 'AUC', 'mean_squared_error'), keras.metrics "
        f"objects or functions of (y_true, y_pred); got {metric!r}."
    )


def _fresh(metric: Any, name: str | None = None) -> Any:
    """Return a metric of the same configuration that has measured nothing yet."""
    import keras

    if type(metric) is keras.metrics.MeanMetricWrapper:  # its configuration cannot bring back a function of the user's
        return keras.metrics.MeanMetricWrapper(metric._fn, name or metric.name, metric.dtype, **metric._fn_kwargs)
    config = metric.get_config() | ({} if name is None else {"name": name})
    try:
        return type(metric).from_config(config)
    except TypeError:  # an own class without the argument that Keras' own configuration always holds
        config.pop("dtype", None)
        return type(metric).from_config(config)


def _cuts_at_default(metric: Any) -> bool:
    """Return whether a metric compares probabilities with Keras' default threshold."""
    import keras

    with_default = (
        keras.metrics.BinaryAccuracy,
        keras.metrics.BinaryIoU,
        keras.metrics.FBetaScore,
        keras.metrics.Precision,
        keras.metrics.Recall,
        keras.metrics.TruePositives,
        keras.metrics.TrueNegatives,
        keras.metrics.FalsePositives,
        keras.metrics.FalseNegatives,
    )
    if not isinstance(metric, with_default):
        return False
    config = metric.get_config()
    return config.get("thresholds", config.get("threshold")) in (None, 0.5, [0.5])
