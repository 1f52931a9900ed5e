"""Keras metrics over probabilities and 0/1 answers, padded rows and thresholds included."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training._metrics import MetricSet

RNG = np.random.default_rng(0)
N = 40


def case(n_labels):
    y = RNG.integers(0, 2, (N, n_labels)).astype(np.float32)
    p = RNG.uniform(size=(N, n_labels)).astype(np.float32)
    return y, p


def padded_results(metrics, y, p, threshold):
    """Two members: the rows as they are, and with as many wrong rows behind them that are not real."""
    wrong = np.concatenate([y, 1 - y]), np.concatenate([p, np.where(y > 0.5, 1.0, 0.0)]).astype(np.float32)
    answers, shown = (np.stack([a, a[::-1]]) for a in wrong)
    real = np.stack([np.arange(2 * N) < N, np.arange(2 * N) >= N])
    out = metrics.results(*map(tf.constant, (answers, shown, real)), tf.constant(threshold, tf.float32))
    assert out.shape == (2, len(metrics))
    return out.numpy()


METRICS = [
    "accuracy",
    "precision",
    "recall",
    "AUC",
    "F1Score",
    "binary_crossentropy",
    "mean_squared_error",
    keras.metrics.AUC(curve="PR", name="pr"),
    keras.metrics.PrecisionAtRecall(0.7),
    keras.metrics.FalseNegatives(),
    keras.metrics.Precision(thresholds=0.8, name="strict"),
]


@pytest.mark.parametrize("n_labels", [1, 2])
@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m if isinstance(m, str) else m.name)
def test_padded_rows_do_not_count(metric, n_labels):
    y, p = case(n_labels)
    threshold = np.full(n_labels, 0.3)
    metrics = MetricSet([metric])
    expected = metrics.once(y, p, threshold)
    assert metrics.once(y, p, threshold) == expected, "a metric keeps nothing of what it measured before"
    np.testing.assert_allclose(padded_results(metrics, y, p, threshold), [expected, expected], atol=1e-5)


def test_values_against_numpy():
    y, p = case(1)
    names = ["accuracy", "precision", "F1Score", "mean_squared_error", "AUC"]
    strict = keras.metrics.Precision(thresholds=0.8, name="strict")
    accuracy, precision, f1, mse, auc, at_08 = MetricSet([*names, strict]).once(y, p, np.array([0.3]))
    yes, true = p >= 0.3, y == 1
    assert accuracy == pytest.approx(np.mean(yes == true))
    assert precision == pytest.approx(true[yes].mean())
    assert f1 == pytest.approx(2 * (yes & true).sum() / (yes.sum() + true.sum()))
    assert mse == pytest.approx(np.mean((p - y) ** 2), rel=1e-5)
    assert auc == pytest.approx(roc_auc_score(y, p), abs=0.02)  # Keras' AUC has 200 thresholds
    assert at_08 == pytest.approx(true[p > 0.8].mean())


def test_a_threshold_for_every_label_and_ties_are_positive():
    p = np.array([[0.2, 0.2], [0.2, 0.9]], np.float32)
    y = np.array([[1, 0], [1, 1]], np.float32)
    (accuracy,) = MetricSet(["accuracy"]).once(y, p, np.array([0.2, 0.5]))
    assert accuracy == 1.0


def test_names_do_not_depend_on_what_keras_made_before():
    keras.metrics.AUC(), keras.metrics.AUC()
    metrics = MetricSet(["acc", "AUC", "Precision", keras.losses.binary_focal_crossentropy])
    assert metrics.names == ["acc", "auc", "precision", "binary_focal_crossentropy"]


def test_key_tells_metrics_apart():
    key = MetricSet(["AUC", "accuracy"]).key
    assert MetricSet(["AUC", "accuracy"]).key == key
    assert MetricSet(["accuracy", "AUC"]).key != key
    assert MetricSet([keras.metrics.AUC(num_thresholds=50, name="auc"), "accuracy"]).key != key


def test_users_metric_object_is_not_touched():
    metric = keras.metrics.Recall(name="mine")
    MetricSet([metric]).once(*case(1), np.array([0.5]))
    assert float(metric.result()) == 0
    assert float(metric.true_positives.numpy()[0]) == 0


def own_function(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


class OwnMetric(keras.metrics.Metric):
    """Largest probability; knows no weights."""

    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.largest = self.add_weight(name="largest", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.largest.assign(keras.ops.maximum(self.largest, keras.ops.max(y_pred)))

    def result(self):
        return self.largest


@pytest.mark.parametrize("metric", [own_function, OwnMetric(), keras.metrics.BinaryIoU(name="iou")])
def test_metrics_that_may_not_heed_weights_need_keras(metric):
    assert "may not heed the weights" in MetricSet(["AUC", metric]).keras_reason
    assert MetricSet(["AUC", "mean_squared_error", keras.metrics.F1Score()]).keras_reason is None


def test_own_metrics_measure():
    y, p = case(1)
    error, largest = MetricSet([own_function, OwnMetric()]).once(y, p, np.array([0.5]))
    assert error == pytest.approx(np.abs(y - p).mean(), rel=1e-5)
    assert largest == p.max()


@pytest.mark.parametrize(
    "metric",
    [own_function, lambda y_true, y_pred: own_function(y_true, y_pred), keras.metrics.MeanMetricWrapper(own_function)],
    ids=["function", "lambda", "wrapper"],
)
def test_classifier_records_a_function_of_the_users(metric):
    X = RNG.normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    clf = BinaryNetClassifier(hidden_layer_sizes=(3,), n_estimators=1, epochs=2, metrics=[metric], random_state=0)
    measured = list(clf.fit(X, y).history_.values())
    assert len(measured) == 4  # the loss and the metric, each on both parts
    assert all(len(values) == 2 and 0 < values[-1] < 1 for values in measured)


@pytest.mark.parametrize("metric", ["no_such_metric", 3])
def test_unknown_metric(metric):
    with pytest.raises(ValueError, match="metrics must hold names of Keras metrics"):
        MetricSet([metric])


def test_two_metrics_of_one_name():
    with pytest.raises(ValueError, match=r"metrics must have different names, got \['auc', 'auc'\]"):
        MetricSet(["AUC", keras.metrics.AUC(curve="PR", name="auc")])
