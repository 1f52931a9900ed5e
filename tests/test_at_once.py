"""The networks and the retrieval members trained at once: same bits as in turn, and the same errors."""

import threading
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from sklearn_binnet import BinaryNetClassifier, _fit
from sklearn_binnet._telling import tell, telling_once
from sklearn_binnet._training import _at_once, _compiled
from sklearn_binnet._training._at_once import at_once
from sklearn_binnet._training._program import Program
from tests.small import X, y

SMALL = {"hidden_layer_sizes": (4,), "epochs": 3, "n_estimators": 2, "random_state": 0}


@pytest.fixture
def threads(monkeypatch):
    """Return the threads that trained, filled by fits on two cores."""
    seen = []
    train = _fit.train

    def watched(*args, **kwargs):
        seen.append(threading.current_thread())
        return train(*args, **kwargs)

    monkeypatch.setattr(_fit, "train", watched)
    monkeypatch.setattr(_fit, "cores", lambda: 2)
    return seen


def test_same_bits_as_in_turn(threads, monkeypatch):
    both = BinaryNetClassifier(**SMALL).fit(X, y)
    assert len(set(threads)) == 2
    monkeypatch.setattr(_fit, "cores", lambda: 1)
    threads.clear()
    in_turn = BinaryNetClassifier(**SMALL).fit(X, y)
    assert set(threads) == {threading.current_thread()}
    np.testing.assert_array_equal(both.predict_proba(X), in_turn.predict_proba(X))
    np.testing.assert_array_equal(both.oof_proba_, in_turn.oof_proba_)


def test_several_fits_at_once(threads):
    several = BinaryNetClassifier(**SMALL).fit_many([(X, y, {}), (X[:150], y[:150], {})])
    assert len(set(threads)) == 2
    for model, n in zip(several, (200, 150), strict=True):
        alone = BinaryNetClassifier(**SMALL).fit(X[:n], y[:n])
        np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    "params",
    [
        {"callbacks": [lambda epoch, logs: None]},
        {"callbacks": [keras.callbacks.TerminateOnNaN()]},
        {"metrics": ["accuracy"]},
    ],
)
def test_in_turn_beside_what_may_run_code_of_the_users(params, threads):
    BinaryNetClassifier(**SMALL, **params).fit(X, y)
    assert set(threads) == {threading.current_thread()}


def test_in_turn_where_tables_are_large(threads, monkeypatch):
    monkeypatch.setattr(_fit, "_AT_ONCE_VALUES", len(X))
    BinaryNetClassifier(**SMALL).fit(X, y)
    assert set(threads) == {threading.current_thread()}


def test_in_turn_where_a_device_may_have_been_chosen(threads, monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [] if kind else ["CPU:0", "GPU:0"])
    BinaryNetClassifier(**SMALL).fit(X, y)
    assert set(threads) == {threading.current_thread()}


def test_an_interrupt_ends_both_trainings(threads, monkeypatch):
    epochs, run = [], Program.run

    def interrupted(program, *args):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        assert _at_once._called_off.get().wait(60)
        epochs.append(1)
        return run(program, *args)

    monkeypatch.setattr(Program, "run", interrupted)
    monkeypatch.setattr(_compiled, "epochs_until_heard", lambda *_: 1)
    with pytest.raises(KeyboardInterrupt):
        BinaryNetClassifier(**SMALL).fit(X, y)
    assert len(set(threads)) == 2
    assert len(epochs) <= 1  # of three


def fails(error):
    raise error


def test_the_first_error_is_the_one_that_is_raised():
    with pytest.raises(ValueError, match="first"):
        at_once(lambda: fails(ValueError("first")), lambda: fails(TypeError("second")))
    with pytest.raises(TypeError, match="second"):
        at_once(lambda: 1, lambda: fails(TypeError("second")))


def test_the_second_one_ends_with_the_call():
    ended = threading.Event()
    go_on = threading.Event()

    def second():
        go_on.wait(10)
        ended.set()

    def first():
        go_on.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at_once(first, second)
    assert ended.is_set()


def test_the_thread_has_what_belongs_to_the_caller():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert at_once(lambda: 1, lambda: keras.config.dtype_policy().name) == (1, "mixed_float16")
    finally:
        keras.config.set_dtype_policy("float32")
    with telling_once(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tell("once")
        at_once(lambda: tell("once"), lambda: tell("once"))
    assert len(caught) == 1
