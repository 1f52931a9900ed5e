"""Small networks, data and members that the engine's tests share; equal shapes share compiled programs."""

import numpy as np

from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._training import _keras_fit
from sklearn_binnet._training._engine import train
from sklearn_binnet._training._optimizers import parse_optimizer
from sklearn_binnet._training._types import Data, Member, Settings

N_FEATURES = 4


def make_network(sizes=(5,), *, batch_normalization=False, dropout=0.0, n_labels=1, activation="tanh"):
    spec = Spec(N_FEATURES, tuple(sizes), activation, batch_normalization, n_labels)
    return BuiltinNetwork(spec, (dropout,) * len(sizes), ColumnEncoder.fit(None, np.zeros((1, N_FEATURES))))


def make_data(n=90, n_labels=1, *, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    truth = X @ rng.normal(size=(N_FEATURES, n_labels)) + 0.5 * rng.normal(size=(n, n_labels))
    y = (truth > 0).astype(np.float32)
    weights = np.ones_like(y)
    if weighted:  # rows for one question, answers for several
        weights = rng.uniform(0.2, 3.0, size=y.shape).astype(np.float32)
    return Data(X, y, weights)


def make_member(network, train_rows=range(50), validation=range(50, 90), *, seed=3, weights_seed=None, **options):
    return Member(
        train=np.asarray(train_rows, np.intp),
        validation=np.asarray(validation, np.intp),
        weights=network.initial_weights(seed if weights_seed is None else weights_seed),
        seed=seed,
        **{"learning_rate": 0.03, **options},
    )


def make_settings(optimizer="adam", **options):
    return Settings(**{"epochs": 4, "batch_size": 16, "optimizer": parse_optimizer(optimizer).config, **options})


def fast(network, data, member, settings):
    """Train one member by the compiled program."""
    return train(network, data, [member], settings)[0]


def general(network, data, member, settings):
    """Train one member by `Model.fit`."""
    return _keras_fit.train_member(network, data, member, settings)


def assert_same(a, b, rtol=1e-5, atol=1e-5):
    """Assert equal weights, histories and epochs within a tolerance; 0 asks for equal bits."""
    assert a.best_epoch == b.best_epoch
    assert a.history.keys() == b.history.keys()
    for name in a.history:
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=rtol, atol=atol, err_msg=name)
    for i, (u, v) in enumerate(zip(a.weights, b.weights, strict=True)):
        np.testing.assert_allclose(u, v, rtol=rtol, atol=atol, err_msg=f"weights[{i}]")
