"""Faults: interrupts at any moment, callbacks that raise, memory that is refused. What was fitted goes on working."""

import copy
import os
import signal
import subprocess
import sys
import threading
import warnings

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._training._schedule import epochs_until_heard
from tests.small import X, net, y

WAYS = {"compiled": {}, "keras": {"optimizer": keras.optimizers.Adam(use_ema=True)}}
"""The two paths of a training; the optimizer asks for Keras' own `fit`."""


@pytest.fixture(scope="module")
def fitted():
    return net().fit(X, y)


def interrupted(call, after):
    """Call, and interrupt by a signal after so many seconds; return whether it came to its end."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    earlier = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            call()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return False
    finally:
        signal.signal(signal.SIGALRM, earlier)
    return True


BY_CHANCE = pytest.mark.skipif(
    "SKLEARN_BINNET_TEST_CHANCE" not in os.environ or not hasattr(signal, "setitimer"),
    reason="where the signals fall is chance: set SKLEARN_BINNET_TEST_CHANCE=1 to run it",
)
SWALLOWED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Python itself drops an interrupt that lands in a callback of its garbage collector, and says so."""
MOMENTS = np.geomspace(1e-3, 0.3, 12)
"""Seconds; where in the fit they fall depends on the machine, and is different each time."""


@BY_CHANCE
@SWALLOWED
def test_an_interrupt_at_any_moment_of_a_fit(fitted):
    clf, before = copy.deepcopy(fitted), dict(vars(fitted))
    clf.set_params(epochs=40)
    state = dict(vars(clf))
    for after in MOMENTS:
        if not interrupted(lambda: clf.fit(X[:, :3], y), after):
            assert vars(clf) == state
            np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
        clf.__dict__.clear()
        clf.__dict__.update(state)
    again = net().fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert vars(fitted).keys() == before.keys()


@BY_CHANCE
@SWALLOWED
@pytest.mark.parametrize("network", [False, True])
def test_an_interrupt_at_any_moment_of_a_tuning(network, fitted):
    tuner = ThresholdTunerCV(net(n_estimators=2) if network else LogisticRegression(), random_state=0)
    usual = tuner.fit(X, y)
    state, threshold = dict(vars(usual)), usual.best_threshold_
    for after in MOMENTS[:: 2 if network else 1]:
        if not interrupted(lambda: tuner.fit(X[:, :2], y), after):
            assert vars(tuner) == state
        tuner.__dict__.clear()
        tuner.__dict__.update(state)
        if not interrupted(lambda: tuner.retune(scoring="f1"), after):
            assert vars(tuner) == state
        tuner.__dict__.clear()
        tuner.__dict__.update(state)
    assert tuner.fit(X, y).best_threshold_ == threshold


@BY_CHANCE
@SWALLOWED
def test_an_interrupt_leaves_global_states_as_they_were():
    import random

    def build(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1, "sigmoid")])

    clf = net(model=build, hidden_layer_sizes=(128, 128, 128), activation="selu")
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - what must stay
    before = random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters)  # noqa: NPY002
    for after in MOMENTS:
        interrupted(lambda: clf.fit(X, y), after)
        now = random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters)  # noqa: NPY002
        assert now == before


@pytest.mark.parametrize(
    ("members", "steps", "batch", "parameters"), [(5, 7, 256, 45_000), (1, 400, 256, 45_000), (5, 200, 1024, 10**7)]
)
def test_a_training_listens_between_its_epochs(members, steps, batch, parameters):
    """One call of a program runs for about a second; the cut falls at the same epochs whatever the clock says."""
    epochs = epochs_until_heard(members, steps, batch, parameters)
    assert epochs >= 1
    assert epochs == 1 or epochs * 6 * steps * batch * parameters * members < 2.1e10


def test_cutting_a_training_changes_nothing(monkeypatch, fitted):
    from sklearn_binnet._training import _compiled

    for epochs in (1, 2):
        monkeypatch.setattr(_compiled, "epochs_until_heard", lambda *sizes, epochs=epochs: epochs)
        again = net().fit(X, y)
        np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
        assert again.history_ == fitted.history_


HOOKS = ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras under NumPy 2
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("way", WAYS)
def test_a_callback_that_raises(hook, way, fitted):
    class Raising(keras.callbacks.Callback):
        pass

    def fails(self, *args, **kwargs):
        raise ZeroDivisionError(hook)

    setattr(Raising, hook, fails)
    clf = copy.deepcopy(fitted).set_params(callbacks=[Raising()], **WAYS[way])
    state = dict(vars(clf))
    with pytest.raises(ZeroDivisionError, match=hook):
        clf.fit(X, y)
    assert vars(clf) == state
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(net().fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_a_function_of_the_users_that_raises(fitted):
    def build():
        raise ZeroDivisionError("no network today")

    clf = copy.deepcopy(fitted).set_params(model=build)
    state = dict(vars(clf))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ZeroDivisionError, match="no network today"):
            clf.fit(X, y)
    assert vars(clf) == state
    np.testing.assert_array_equal(net().fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_a_fold_that_diverges_leaves_the_tuner_as_it_was():
    tuner = ThresholdTunerCV(net(n_estimators=2), random_state=0).fit(X, y)
    state = dict(vars(tuner))
    tuner.set_params(estimator=net(optimizer="sgd", learning_rate=1e30))
    parameters = {"estimator": tuner.estimator}
    with pytest.raises(ValueError, match=r"Training diverged: loss.* is nan in epoch 1"):
        tuner.fit(X, y)
    assert vars(tuner) == state | parameters


MEMORY = """
import resource, numpy as np
from tests.small import X, net, y
clf = net().fit(X, y)
big = np.zeros((3_000_000, 4))
expected = clf.predict_proba(X)
def used():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
soft, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used() + 50_000_000, hard))
for ask in (lambda: clf.predict_proba(big), lambda: clf.fit(big, np.arange(3_000_000) % 2)):
    try:
        ask()
    except MemoryError:
        print("refused")
resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
assert np.array_equal(clf.predict_proba(X), expected)
assert np.array_equal(net().fit(X, y).predict_proba(X), expected)
print("well")
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory as Linux knows them")
def test_memory_that_is_refused():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["refused", "refused", "well"]


def test_a_thread_that_draws_from_numpy_meanwhile_draws_what_it_would():
    """A fit of the built-in network leaves NumPy's global generator alone, also for a moment."""
    np.random.seed(3)  # noqa: NPY002 - the point of it
    expected = [np.random.random() for _ in range(20_000)]  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    drawn, stop = [], threading.Event()

    def draw():
        while len(drawn) < 20_000 and not stop.is_set():
            drawn.append(np.random.random())  # noqa: NPY002

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        net(hidden_layer_sizes=(7,)).fit(X, y)  # an architecture that nobody has compiled yet
    finally:
        stop.set()
        thread.join()
    assert drawn == expected[: len(drawn)]
