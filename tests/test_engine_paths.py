"""The compiled path is a fast path, never a second meaning: it gives what `Model.fit` gives, and what NumPy gives.

Tolerance: 1e-4 of a weight after 4 epochs of 4 steps. Both paths compute in float32 and sum in another order; Adam-like
optimizers divide by small numbers, which enlarges that rounding.
"""

import keras
import numpy as np
import pytest
from scipy.special import expit

from sklearn_binnet._training import _compiled
from sklearn_binnet._training._engine import reason_for_keras
from sklearn_binnet._training._optimizers import ELEMENTWISE, parse_optimizer
from tests.engine_cases import assert_same, fast, general, make_data, make_member, make_network, make_settings

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


@pytest.fixture(autouse=True)
def plain_tensorflow(monkeypatch):
    """Leave XLA out: the same program in a quarter of the compile time. Tests marked `with_xla` ask for it."""
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)


@pytest.fixture
def with_xla(plain_tensorflow, monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: True)
    monkeypatch.setattr(_compiled, "XLA_FROM_STEPS", 0)


def assert_paths_agree(network, data, member, settings, **tolerance):
    assert reason_for_keras(network, settings) is None
    a, b = fast(network, data, member, settings), general(network, data, member, settings)
    assert_same(a, b, **{**TOLERANCE, **tolerance})
    assert any(np.any(w != start) for w, start in zip(a.weights, member.weights, strict=True))
    return a


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(),
    "momentum": lambda: keras.optimizers.SGD(momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(),
    "amsgrad": lambda: keras.optimizers.Adam(amsgrad=True, beta_2=0.9),
    "adamw": lambda: keras.optimizers.AdamW(weight_decay=0.1),
    "rmsprop": lambda: keras.optimizers.RMSprop(centered=True, momentum=0.5),
    "nadam": lambda: keras.optimizers.Nadam(),
    "adagrad": lambda: keras.optimizers.Adagrad(),
    "adadelta": lambda: keras.optimizers.Adadelta(),
    "adamax": lambda: keras.optimizers.Adamax(),
    "ftrl": lambda: keras.optimizers.Ftrl(l1_regularization_strength=0.01),
    "lion": lambda: keras.optimizers.Lion(),
    "weight_decay": lambda: keras.optimizers.SGD(weight_decay=0.3),
    "clipnorm": lambda: keras.optimizers.SGD(clipnorm=0.05),
    "global_clipnorm": lambda: keras.optimizers.SGD(global_clipnorm=0.05),
    "clipvalue": lambda: keras.optimizers.SGD(clipvalue=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    optimizer = parse_optimizer(OPTIMIZERS[name]())
    network, data = make_network(), make_data(weighted=True)
    rate = 1.0 if name in ("adadelta", "clipnorm", "global_clipnorm", "clipvalue") else 0.03
    member = make_member(network, learning_rate=rate, weight_decay=optimizer.weight_decay)
    settings = make_settings()
    settings = type(settings)(epochs=4, batch_size=16, optimizer=optimizer.config)
    assert_paths_agree(network, data, member, settings)


def test_every_elementwise_optimizer_is_compared():
    compared = {parse_optimizer(make()).config["class_name"] for make in OPTIMIZERS.values()}
    assert compared == ELEMENTWISE


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [
        (keras.optimizers.Adafactor, "Adafactor does not work element by element"),
        (lambda: keras.optimizers.Adam(use_ema=True), "use_ema=True"),
        (lambda: keras.optimizers.Adam(gradient_accumulation_steps=2), "gradient_accumulation_steps=2"),
        (lambda: keras.optimizers.Adam(loss_scale_factor=8.0), "loss_scale_factor=8.0"),
    ],
)
def test_optimizer_of_the_general_path(optimizer, reason):
    network, settings = make_network(), make_settings(optimizer())
    assert reason in reason_for_keras(network, settings)
    result = fast(network, make_data(), make_member(network), settings)  # `train` takes the general path
    assert result.history["loss"][-1] < result.history["loss"][0]


def test_own_optimizer_class_takes_the_general_path():
    class Adam(keras.optimizers.Adam):
        pass

    network, settings = make_network(), make_settings(Adam(), epochs=1)
    assert "not one of Keras' own" in reason_for_keras(network, settings)
    member = make_member(network)
    keras_own = fast(network, make_data(), member, make_settings("adam", epochs=1))
    assert_same(fast(network, make_data(), member, settings), keras_own, **TOLERANCE)


def test_binary_with_row_weights_and_short_last_batch():
    network, data = make_network(), make_data(weighted=True)
    trained = assert_paths_agree(network, data, make_member(network), make_settings())
    assert list(trained.history) == ["loss", "val_loss"]
    assert trained.n_epochs == trained.best_epoch == 4


@pytest.mark.usefixtures("with_xla")
def test_multilabel_with_a_weight_for_every_answer():
    network, data = make_network(n_labels=3), make_data(n_labels=3, weighted=True)
    assert_paths_agree(network, data, make_member(network), make_settings(metrics=["accuracy", "AUC"]))


@pytest.mark.usefixtures("with_xla")
def test_batch_normalization_leaves_padded_rows_out():
    network, data = make_network(batch_normalization=True), make_data()
    data.X[0] = 100.0  # fills no batch of a member that does not own it
    trained = assert_paths_agree(network, data, make_member(network, range(1, 51)), make_settings())
    moving_mean, start = trained.weights[4], np.zeros(5)
    assert np.abs(moving_mean - start).max() > 0.01


def test_zero_dropout_rate_is_no_dropout():
    network, data = make_network(dropout=0.5), make_data()
    a = fast(network, data, make_member(network, dropout_rates=[0.0]), make_settings())
    b = general(make_network(), data, make_member(network), make_settings())
    assert_same(a, b, **TOLERANCE)


def test_batch_larger_than_the_data():
    network, data = make_network(), make_data()
    assert_paths_agree(network, data, make_member(network), make_settings(batch_size=1000, epochs=6))


def test_without_validation_rows():
    network, data = make_network(), make_data()
    member = make_member(network, validation=())
    trained = assert_paths_agree(network, data, member, make_settings(metrics=["accuracy"], early_stopping=True))
    assert list(trained.history) == ["loss", "accuracy"]
    assert trained.best_epoch == 4


def test_early_stopping_over_several_calls_of_the_program():
    network, data = make_network(), make_data()
    member = make_member(network, learning_rate=0.01)
    settings = make_settings(early_stopping=True, patience=4, min_delta=0.002, epochs=100)
    trained = assert_paths_agree(network, data, member, settings)
    assert 32 < trained.best_epoch < trained.n_epochs < 100
    assert len(trained.history["val_loss"]) == trained.n_epochs


@pytest.mark.parametrize("schedule", ["cosine", "coslog4"])
def test_named_schedule(schedule):
    network, data = make_network(), make_data()
    assert_paths_agree(network, data, make_member(network), make_settings(schedule=schedule))


@pytest.mark.parametrize(
    "schedule",
    [
        keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5),
        keras.optimizers.schedules.PiecewiseConstantDecay([3, 6], [0.1, 0.01, 0.001]),
        keras.optimizers.schedules.CosineDecay(0.01, 12, warmup_target=0.1, warmup_steps=4),
    ],
    ids=lambda s: type(s).__name__,
)
def test_keras_schedule(schedule):
    network, data = make_network(), make_data()
    assert_paths_agree(network, data, make_member(network), make_settings(schedule=schedule))


def test_metrics_at_another_threshold():
    network, data = make_network(), make_data()
    metrics = [
        "accuracy",
        "Precision",
        "AUC",
        "F1Score",
        "mean_squared_error",
        keras.metrics.Recall(thresholds=0.9, name="careful"),
    ]
    settings = make_settings(metrics=metrics, threshold=np.array([0.3]))
    member = make_member(network)
    trained = assert_paths_agree(network, data, member, settings)
    z = np.tanh(data.X[50:] @ trained.weights[0] + trained.weights[1]) @ trained.weights[2] + trained.weights[3]
    p, y = expit(z)[:, 0], data.y[50:, 0]
    yes = p >= 0.3
    assert trained.history["val_accuracy"][-1] == pytest.approx(np.mean(yes == y), abs=1e-6)
    assert trained.history["val_precision"][-1] == pytest.approx(y[yes].mean(), abs=1e-6)
    assert trained.history["val_careful"][-1] == pytest.approx((p[y == 1] > 0.9).mean(), abs=1e-6)
    assert trained.history["val_mean_squared_error"][-1] == pytest.approx(np.mean((p - y) ** 2), abs=1e-5)


def test_kernel_regularizer():
    base = make_network()

    class Penalised(type(base)):
        """The built-in network with a penalty on its first kernel."""

        key = "penalised"

        def build(self, seed=0):
            inputs = keras.Input((4,))
            x = keras.layers.Dense(5, "tanh", kernel_regularizer=keras.regularizers.L2(0.1))(inputs)
            return keras.Model(inputs, keras.layers.Dense(1)(x))

    network = Penalised(base.spec, base.dropout, base.encoder)
    trained = assert_paths_agree(network, make_data(), make_member(network), make_settings())
    free = fast(base, make_data(), make_member(base), make_settings())
    assert np.sum(trained.weights[0] ** 2) < 0.9 * np.sum(free.weights[0] ** 2)
    assert trained.history["val_loss"][0] > free.history["val_loss"][0] + 0.05


def test_full_batch_gradient_descent_of_logistic_regression_in_numpy():
    network, data = make_network(sizes=()), make_data(weighted=True)
    rows, rate = np.arange(50), 0.5
    member = make_member(network, rows, (), learning_rate=rate, weight_decay=0.01)
    trained = fast(network, data, member, make_settings("sgd", batch_size=50, epochs=7))

    X, y = data.X[rows].astype(float), data.y[rows, 0].astype(float)
    w = data.weights[rows, 0] / data.weights[rows, 0].mean()
    kernel, bias, losses = member.weights[0][:, 0].astype(float), 0.0, []
    for _ in range(7):
        p = expit(X @ kernel + bias)
        losses.append(-np.mean(w * (y * np.log(p) + (1 - y) * np.log(1 - p))))
        slope = w * (p - y) / len(y)
        kernel, bias = kernel * (1 - rate * 0.01), bias * (1 - rate * 0.01)
        kernel, bias = kernel - rate * X.T @ slope, bias - rate * slope.sum()
    np.testing.assert_allclose(trained.weights[0][:, 0], kernel, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trained.weights[1], [bias], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trained.history["loss"], losses, rtol=1e-5)
