"""What a parameter of None stands for, what is published of it, and parameters that have no effect."""

import itertools
import warnings
from dataclasses import FrozenInstanceError

import keras
import numpy as np
import pytest
from sklearn.model_selection import KFold

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._config import FitConfig
from tests.small import X, net, y

DEFAULTS = BinaryNetClassifier().get_params(deep=False)
ROWS = (1, 10, 100, 560, 1024, 3000, 100_000)
FALLING = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)


def resolve(stream=False, n_rows=200, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # grids hold parameters without effect
        return FitConfig.resolve(DEFAULTS | params, DEFAULTS, n_features=4, n_labels=1, n_rows=n_rows, stream=stream)


def own_model(optimizer=None):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1, "sigmoid")])
    if optimizer is not None:
        model.compile(optimizer, "binary_crossentropy")
    return model


def test_defaults_of_the_built_in_network():
    config = resolve()
    assert (config.encoding, config.n_estimators, config.schedule, config.epochs) == (
        "piecewise_linear",
        5,
        "coslog4",
        16,
    )
    assert [config.batch_size_for(n) for n in ROWS] == [1, 3, 28, 160, 256, 256, 256]
    sizes = ((), (8,), (128,) * 3, (32, 512), (1024,))
    rates = [0.045, 0.01590990257669732, 0.00397747564417433, 0.001988737822087165, 0.00140625]
    assert [resolve(hidden_layer_sizes=s).optimizer_for(None).learning_rate for s in sizes] == rates


def test_larger_tables_have_fewer_epochs():
    rows = (2, 9_999, 10_000, 10_001, 13_333, 16_000, 20_000, 20_001, 26_666, 26_667, 10**6)
    alone = [32, 32, 32, 24, 24, 16, 16, 12, 12, 8, 8]
    for params in ({"retrieval": False}, {"n_estimators": 1}):
        assert [resolve(n_rows=n, **params).epochs for n in rows] == alone
    for params in ({}, {"retrieval": True, "n_estimators": 1}, {"cv": KFold(3), "n_estimators": 1}):
        assert [resolve(n_rows=n, **params).epochs for n in rows] == [min(epochs, 16) for epochs in alone]
    for params in ({"epochs": 32}, {"model": own_model, "epochs": 32}):
        assert resolve(n_rows=10**6, **params).epochs == 32
    assert resolve(n_rows=10**6, model=own_model).epochs == 200
    assert resolve(n_rows=10**6).patience == 8  # the schedule runs to its end


def test_defaults_of_a_users_network():
    config = resolve(model=own_model)
    assert (config.encoding, config.n_estimators, config.schedule, config.epochs) == ("standardize", 1, "constant", 200)
    assert [config.batch_size_for(n) for n in ROWS] == [32, 32, 32, 32, 32, 32, 1024]
    assert config.optimizer_for(None).learning_rate == pytest.approx(0.001)


@pytest.mark.parametrize("model", [None, own_model], ids=["built-in", "own"])
def test_defaults_depend_on_the_model_alone(model):
    grid = {
        "learning_rate_schedule": (None, "constant", "cosine", "coslog4"),
        "optimizer": (None, "adam", "sgd", keras.optimizers.SGD(0.1)),
        "learning_rate": (None, 0.1),
        "encoding": ("auto", None, "standardize"),
        "weight_decay": (None, 0.1),
    }
    plain = resolve(model=model)
    for values in itertools.product(*grid.values()):
        params = dict(zip(grid, values, strict=True))
        config = resolve(model=model, **params)
        assert (config.epochs, config.n_estimators) == (plain.epochs, plain.n_estimators)
        assert [config.batch_size_for(n) for n in ROWS] == [plain.batch_size_for(n) for n in ROWS]
        assert config.schedule == (params["learning_rate_schedule"] or plain.schedule)
        if params["learning_rate"] is None and params["optimizer"] is None:
            assert config.optimizer_for(None).learning_rate == plain.optimizer_for(None).learning_rate


def test_adam_is_keras_adam_as_a_name_and_as_an_object():
    named, given = (resolve(optimizer=o).optimizer_for(None) for o in ("adam", keras.optimizers.Adam()))
    assert named == given
    assert named.learning_rate == pytest.approx(0.001)
    assert resolve().optimizer_for(None).learning_rate == pytest.approx(0.045 / 128**0.5)


@pytest.mark.parametrize(
    "own",
    [{"optimizer": keras.optimizers.Adam(FALLING)}, {"learning_rate": FALLING}],
    ids=["optimizer", "learning_rate"],
)
def test_a_keras_schedule_needs_no_other(own):
    config = resolve(**own)
    assert (config.schedule, config.epochs) == ("constant", 16)
    assert config.optimizer_for(None).schedule is FALLING


def test_a_config_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        resolve().epochs = 3


def test_a_compiled_model_keeps_its_optimizer_unless_another_is_named():
    model = own_model(keras.optimizers.SGD(0.25))
    for optimizer, rate, name in ((None, 0.25, "SGD"), ("adam", 0.001, "Adam"), ("rmsprop", 0.001, "RMSprop")):
        clf = BinaryNetClassifier(model=model, optimizer=optimizer, epochs=1, random_state=0).fit(X, y)
        assert clf.learning_rate_ == pytest.approx(rate)
        assert clf._resume.optimizer["class_name"] == name


def test_what_was_resolved_is_published():
    clf = BinaryNetClassifier(hidden_layer_sizes=(9,), retrieval=False, random_state=0).fit(X, y)
    assert (clf.learning_rate_, clf.batch_size_, clf.epochs_) == (0.015, 40, 32)  # 160 rows of 200 are trained on
    clf = net(learning_rate=0.02, batch_size=np.int64(50), epochs=2).fit(X, y)
    assert (clf.learning_rate_, clf.batch_size_, clf.epochs_) == (0.02, 50, 2)
    clf.partial_fit(X, y)
    assert (clf.learning_rate_, clf.batch_size_, clf.epochs_) == (0.02, 50, 1)
    clf = net(learning_rate=FALLING).fit(X, y)
    assert clf.learning_rate_ == pytest.approx(0.01)


def test_streams_have_defaults_of_their_own():
    config = resolve(stream=True, learning_rate_schedule="cosine", epochs=7, early_stopping=True)
    assert (config.encoding, config.schedule, config.epochs) == ("standardize", "constant", 1)
    assert not config.early_stopping
    assert [config.batch_size_for(n) for n in ROWS] == [32, 32, 32, 32, 32, 32, 1024]
    assert config.optimizer_for(None).learning_rate == 0.001
    assert resolve(stream=True, hidden_layer_sizes=(16,)).optimizer_for(None).learning_rate == 0.128 / 16


NO_EFFECT = {
    "validation_fraction with folds": ({"validation_fraction": 0.3, "n_estimators": 2}, {}),
    "validation_fraction with rows": ({"validation_fraction": 0.3}, {"X_val": X[:20], "y_val": y[:20]}),
    "validation_fraction without stopping": ({"validation_fraction": 0.3, "early_stopping": False}, {}),
    "patience": ({"patience": 3, "early_stopping": False}, {}),
    "min_delta": ({"min_delta": 0.1, "early_stopping": False}, {}),
    "n_bins": ({"n_bins": 4}, {}),
}
LAYERS = {"hidden_layer_sizes": (8,), "activation": "relu", "dropout": 0.1, "batch_normalization": True}


@pytest.mark.parametrize(("params", "rows"), NO_EFFECT.values(), ids=NO_EFFECT)
def test_parameters_without_effect_are_named(params, rows):
    name = next(iter(params))
    with pytest.warns(UserWarning, match=f"{name}=.* has no effect: ") as said:
        net(epochs=1, **params).fit(X, y, **rows)
    assert len(said) == 1


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_the_built_in_network_have_no_effect_on_a_model(name):
    with pytest.warns(UserWarning, match=f"{name}=.* has no effect: .*`model` brings its own layers"):
        BinaryNetClassifier(model=own_model(), epochs=1, **{name: LAYERS[name]}).fit(X, y)


def test_defaults_and_parameters_in_use_are_not_warned_of():
    # Warnings are errors here.
    net(epochs=1, validation_fraction=0.3, patience=2, min_delta=0.1).fit(X, y)
    net(epochs=1, early_stopping=False, n_estimators=2, calibration=None).fit(X, y)
    BinaryNetClassifier(model=own_model(), hidden_layer_sizes=[128, 128, 128], epochs=1).fit(X, y)
    net(encoding="piecewise_linear", n_bins=4, epochs=1).fit(X, y)
    net(epochs=1, patience=2).partial_fit(X, y, classes=[0, 1])
