"""Faults: interrupts, callbacks that raise, memory and disks that are refused, killed workers, clocks that jump.

What was fitted goes on working. Each kind of fault has a mark, from which the documentation's table is made.
"""

import contextlib
import copy
import inspect
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import sklearn_binnet
from sklearn_binnet import ThresholdTunerCV, load
from sklearn_binnet._training._schedule import epochs_until_heard
from tests.small import X, net, y
from tests.tried import came

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


PACKAGE = str(Path(sklearn_binnet.__file__).parent)


def entered(call, moment=None):
    """Call, interrupt as the package enters its function number `moment`, and return how many it has entered."""
    number = 0

    def trace(frame, event, arg):
        nonlocal number
        code = frame.f_code
        # Entering a generator again is no moment at which Python hears a signal.
        if event == "call" and code.co_filename.startswith(PACKAGE) and not code.co_flags & inspect.CO_GENERATOR:
            number += 1
            if number - 1 == moment:
                raise KeyboardInterrupt

    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(earlier)
    return number


def interrupted_at(call, moment):
    """Call, and interrupt at a moment; return False if the call had ended before."""
    try:
        number = entered(call, moment)
    except KeyboardInterrupt:
        return True
    assert number <= moment, "the interrupt was lost"
    return False


def moments(call, n=20):
    """Return moments from the first to the last, evenly spaced, and leave out those that only a first call has."""
    call()
    last = entered(call)
    return [int(moment) for moment in np.linspace(0, last - 1, n)]


def globals_now():
    return random.getstate(), np.random.get_state()[1].tolist(), list(warnings.filters), dict(os.environ)  # noqa: NPY002


@pytest.mark.slow
@pytest.mark.fault("an interrupt at any moment of a fit", "the earlier fit stays as it was, global states too")
@pytest.mark.parametrize("params", [{}, {"n_estimators": 2, "retrieval": True, "epochs": 1}], ids=["one", "families"])
def test_an_interrupt_at_each_of_many_moments_of_a_fit(params):
    clf = net(**params).fit(X, y)
    expected, state, states = clf.predict_proba(X), dict(vars(clf)), globals_now()
    heard = 0
    for moment in moments(lambda: net(**params).fit(X[:, ::-1], y)):
        if not interrupted_at(lambda: clf.fit(X[:, ::-1], y), moment):
            clf.__dict__.clear()  # this fit entered a function or two fewer, and is whole
            clf.__dict__.update(state)
            continue
        assert vars(clf) == state
        assert globals_now() == states
        came("tried")
        heard += 1
    assert heard >= 15
    np.testing.assert_array_equal(clf.predict_proba(X), expected)
    np.testing.assert_array_equal(net(**params).fit(X, y).predict_proba(X), expected)


@pytest.mark.slow
@pytest.mark.fault("an interrupt at any moment of a tuning", "the earlier tuning stays as it was")
@pytest.mark.parametrize("network", [False, True])
def test_an_interrupt_at_each_of_many_moments_of_a_tuning(network):
    tuner = ThresholdTunerCV(net(n_estimators=2) if network else LogisticRegression(), random_state=0).fit(X, y)
    state, threshold = dict(vars(tuner)), tuner.best_threshold_
    calls = {"fit": lambda: tuner.fit(X[::-1], y[::-1]), "retune": lambda: tuner.retune(scoring="f1")}
    for name, call in calls.items():
        found, heard = moments(call), 0
        tuner.__dict__.clear()
        tuner.__dict__.update(state)
        for moment in found:
            if not interrupted_at(call, moment):
                tuner.__dict__.clear()
                tuner.__dict__.update(state)
                continue
            assert vars(tuner) == state, name
            came("tried")
            heard += 1
        assert heard >= 15, name
    assert tuner.fit(X, y).best_threshold_ == threshold


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


@pytest.mark.fault("a callback that raises", "its error comes through; the earlier fit stays")
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


@pytest.mark.fault("a function of the user's that raises", "its error comes through; the earlier fit stays")
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


@pytest.mark.fault("a loss that diverges", "`ValueError` says in which epoch; the earlier fit stays")
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


ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits as Linux knows them")


@pytest.mark.fault("memory refused (`RLIMIT_AS`) in `fit` and in `predict`", "`MemoryError`; then all works as before")
@pytest.mark.slow
@ON_LINUX
def test_memory_that_is_refused():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", MEMORY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["refused", "refused", "well"]
    came("tried", 2)


@pytest.mark.fault("another thread draws random numbers meanwhile", "it draws what it would alone")
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


# ------------------------------------------------------------------ workers


def ending():
    """Return a class of which workers get the code, so that they need not import this module and Keras."""

    class Ending(LogisticRegression):
        def fit(self, X, y):
            if self.C == 3:  # as the system does when memory is short
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(X, y)

    return Ending


@pytest.mark.fault("a worker killed in a search or a tuning", "an error says so; the next one works as if nothing was")
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in other ways")
def test_a_worker_that_is_killed():
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    Ending = ending()
    tuner = ThresholdTunerCV(Ending(), n_jobs=2, random_state=0).fit(X, y)
    state = dict(vars(tuner))
    search = GridSearchCV(ThresholdTunerCV(Ending(), cv=2), {"estimator__C": [1, 3]}, n_jobs=2, cv=2)
    for killed in (tuner.set_params(estimator=Ending(C=3)), search):
        with pytest.raises(TerminatedWorkerError):
            killed.fit(X, y)
        came("tried")
    assert vars(tuner) == state | {"estimator": tuner.estimator}
    assert tuner.set_params(estimator=Ending()).fit(X, y).best_threshold_ == state["best_threshold_"]


# ------------------------------------------------------------------ disks


FULL = "File too large|No space left"


@contextlib.contextmanager
def full_disk(room):
    """Let no file grow beyond so many bytes: the system refuses the write itself, as it does when a disk is full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault("a disk that is full while saving", "`OSError`; the earlier file stays, and no other")
@ON_LINUX
def test_a_disk_that_is_full_while_saving(tmp_path, fitted):
    path = tmp_path / "clf.binnet"
    other = net(random_state=1).fit(X, y)
    other.save(path)
    earlier = path.read_bytes()
    for room in (0, 1, 100, len(earlier) // 2, len(earlier) - 1):
        with full_disk(room), pytest.raises(OSError, match=FULL):
            fitted.save(path)
        assert [p.name for p in tmp_path.iterdir()] == ["clf.binnet"]
        assert path.read_bytes() == earlier
        came("tried")
    np.testing.assert_array_equal(load(path).predict_proba(X), other.predict_proba(X))
    fitted.save(path)
    np.testing.assert_array_equal(load(path).predict_proba(X), fitted.predict_proba(X))


@pytest.mark.fault(
    "a disk that is full while a checkpoint is written", "`OSError`; the fit goes on from the last whole one"
)
@ON_LINUX
@pytest.mark.parametrize("epoch", [0, 2])
def test_a_disk_that_is_full_while_a_checkpoint_is_written(epoch, tmp_path, fitted):
    clf = copy.deepcopy(fitted)
    with contextlib.ExitStack() as disk:
        fills = [lambda now, logs: disk.enter_context(full_disk(100)) if now == epoch else None]
        clf.set_params(epochs=5, checkpoint=tmp_path, callbacks=fills)
        state = dict(vars(clf))
        with pytest.raises(OSError, match=FULL):
            clf.fit(X, y)
    assert vars(clf) == state
    assert len(list(tmp_path.iterdir())) == (epoch > 0)
    epochs = []
    again = net(epochs=5, checkpoint=tmp_path, callbacks=[lambda now, logs: epochs.append(now)]).fit(X, y)
    assert epochs[0] == epoch
    np.testing.assert_array_equal(again.predict_proba(X), net(epochs=5).fit(X, y).predict_proba(X))


@pytest.mark.fault("an interrupt while a file is written", "the earlier file stays, and no other")
def test_an_interrupt_while_saving(tmp_path, fitted):
    path = tmp_path / "clf.binnet"
    fitted.save(path)
    earlier = path.read_bytes()
    other = net(random_state=1).fit(X, y)
    for moment in moments(lambda: other.save(tmp_path / "other"), 10):
        (tmp_path / "other").unlink(missing_ok=True)
        assert interrupted_at(lambda: other.save(path), moment)
        assert path.read_bytes() == earlier
        assert [p.name for p in tmp_path.iterdir()] == ["clf.binnet"]
        came("tried")


@pytest.mark.fault("a folder as a file, no file, an empty file", "an error names the path")
def test_paths_that_hold_no_estimator(tmp_path, fitted):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for path, error in ((tmp_path, OSError), (tmp_path / "none", FileNotFoundError), (empty, ValueError)):
        with pytest.raises(error, match=path.name):
            load(path)
        came("tried")
    with pytest.raises(OSError, match="none"):
        fitted.save(tmp_path / "none" / "clf.binnet")


CACHE = """
import json, os, resource, shutil, sys, time, warnings
import sklearn_binnet
from sklearn_binnet._training import _compile_cache
sklearn_binnet.set_compile_cache(sys.argv[1])
cache = _compile_cache.active()
from tests.small import X, net, y
def proba(units):
    return net(hidden_layer_sizes=(units,), epochs=15).fit(X, y).predict_proba(X).tolist()
found = {"kept": proba(2)}
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    found["full"] = proba(3)
found["told"] = [str(one.message) for one in told if issubclass(one.category, RuntimeWarning)]
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
clock = time.time
time.time = lambda: clock() + 10 * 365 * 86400  # of a process that starts after the clock has jumped
_compile_cache.CompileCache(cache.folder).close()
time.time = clock
assert not cache.run_folder.exists()
found["clock"] = proba(4)
shutil.rmtree(sys.argv[1])
found["gone"] = proba(5)
print(json.dumps([found, cache.counts]))
"""
UNITS = {"kept": 2, "full": 3, "clock": 4, "gone": 5}


@pytest.mark.fault(
    "a disk that is full while the compile cache writes", "a warning; the network is trained without XLA"
)
@pytest.mark.fault("the compile cache's files vanish during a fit", "the program is compiled again, to the same bits")
@pytest.mark.slow
@pytest.mark.xla
@ON_LINUX
def test_a_compile_cache_that_cannot_write(tmp_path):
    """With a cache, without one, and with one that fails: the same network."""
    command = [sys.executable, "-W", "ignore", "-c", CACHE, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found, counts = json.loads(done.stdout.splitlines()[-1])
    (told,) = found.pop("told")
    assert "The compile cache can't be written to" in told
    assert counts == {"misses": 3}
    for case, units in UNITS.items():
        expected = net(hidden_layer_sizes=(units,), epochs=15).fit(X, y).predict_proba(X)
        if case == "full":
            np.testing.assert_allclose(found[case], expected, atol=1e-5)
        else:
            np.testing.assert_array_equal(found[case], expected)


# ------------------------------------------------------------------ clocks


@pytest.mark.fault("a clock that jumps", "the same bits as with a steady clock")
@pytest.mark.parametrize("jump", [-1e9, 1e9, 0.0])
def test_a_clock_that_jumps(jump, monkeypatch, tmp_path, fitted):
    """Forwards and backwards by thirty years at each call, or standing still."""
    net(verbose=1).fit(X, y)  # imports what keeps the clock's functions, such as tqdm
    start = time.time()
    for name in ("time", "monotonic", "perf_counter"):
        calls = itertools.count(1)
        monkeypatch.setattr(time, name, lambda calls=calls: start + jump * (next(calls) % 3))
    again = net(verbose=1, checkpoint=tmp_path).fit(X, y)
    tuned = ThresholdTunerCV(net(n_estimators=2), random_state=0).fit(X, y)
    again.save(tmp_path / "file")
    monkeypatch.undo()
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(load(tmp_path / "file").predict_proba(X), fitted.predict_proba(X))
    steady = ThresholdTunerCV(net(n_estimators=2), random_state=0).fit(X, y)
    assert tuned.best_threshold_ == steady.best_threshold_
