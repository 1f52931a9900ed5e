"""A process that was forked after TensorFlow ran: it predicts, and refuses at once what would hang there."""

import json
import os
import pickle
import select
import subprocess
import sys
import warnings

import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from tests.small import X, net, y

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
PATIENCE = 60
"""Seconds after which a child counts as hanging."""


def in_fork(ask):
    """Return what `ask` returns in a forked child, or the error that it raises; fail if the child hangs."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forking beside threads
        pid = os.fork()
    if pid == 0:
        try:
            answer = ask()
        except BaseException as error:
            answer = error
        try:
            os.write(writing, pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], PATIENCE)
    if not ready:
        os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert ready, "the forked process hangs"
    with os.fdopen(reading, "rb") as pipe:
        return pickle.loads(pipe.read())


@pytest.fixture(scope="module")
def fitted():
    return net().fit(X, y)


@pytest.mark.fault("a fork after TensorFlow ran", "NumPy prediction works, the rest is refused at once")
def test_the_builtin_network_predicts_in_a_fork(fitted):
    np.testing.assert_array_equal(in_fork(lambda: fitted.predict_proba(X)), fitted.predict_proba(X))


def with_own_network():
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])


ASKS = {
    "fit": lambda clf: net().fit(X, y),
    "fit_many": lambda clf: net().fit_many([(X, y, {}), (X, y, {})]),
    "partial_fit": lambda clf: clf.partial_fit(X, y),
    "warm_start": lambda clf: clf.set_params(warm_start=True).fit(X, y),
    "own network": lambda clf: net(model=with_own_network, encoding="standardize").fit(X, y),
    "model_": lambda clf: clf.model_,
    "models_": lambda clf: clf.models_,
}


@pytest.mark.fault("a fork after TensorFlow ran", "NumPy prediction works, the rest is refused at once")
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_what_needs_tensorflow_is_refused_in_a_fork(ask, fitted):
    error = in_fork(lambda: ask(pickle.loads(pickle.dumps(fitted))))
    assert isinstance(error, RuntimeError)
    for word in ("fork", "'spawn'", "'forkserver'", "'loky'"):
        assert word in str(error)


@pytest.mark.fault("a fork after TensorFlow ran", "NumPy prediction works, the rest is refused at once")
@pytest.mark.filterwarnings("ignore:hidden_layer_sizes:UserWarning", "ignore:activation:UserWarning")
def test_an_own_network_refuses_to_predict_in_a_fork():
    clf = net(model=with_own_network).fit(X, y)
    error = in_fork(lambda: clf.predict(X))
    assert isinstance(error, RuntimeError)
    assert "Predicting with a network of your own needs TensorFlow" in str(error)


@pytest.mark.fault("a fork after TensorFlow ran", "NumPy prediction works, the rest is refused at once")
def test_a_refused_fit_leaves_the_classifier_as_it_was(fitted):
    def ask():
        with pytest.raises(RuntimeError, match="needs TensorFlow"):
            fitted.fit(X, y)
        return fitted.predict_proba(X)

    np.testing.assert_array_equal(in_fork(ask), fitted.predict_proba(X))


def test_a_fork_before_the_first_fit_may_fit():
    """A server that imports the package, forks and then trains: nothing of TensorFlow ran before the fork."""
    code = """
import json, os, sys
import tensorflow
from tests.small import X, net, y
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, json.dumps(net(epochs=1).fit(X, y).n_iter_).encode())
    os._exit(0)
os.close(writing)
print(os.read(reading, 100).decode())
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=10 * PATIENCE
    )
    assert json.loads(done.stdout.splitlines()[-1]) == 1, done.stderr


def test_the_other_ways_to_start_a_process_work(fitted):
    """joblib's loky and multiprocessing's spawn begin anew, and inherit nothing."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        n_iter = pool.apply(fit_and_count, (pickle.dumps(BinaryNetClassifier(**net().get_params())),))
    assert n_iter == fitted.n_iter_


def fit_and_count(pickled):
    return pickle.loads(pickled).fit(X, y).n_iter_
