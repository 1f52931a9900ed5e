"""Workers of a search hold TensorFlow to the share of the cores that joblib gives them."""

import multiprocessing

import joblib
import pytest
import tensorflow as tf
from joblib.externals.loky.backend.process import LokyProcess

from sklearn_binnet._training import _compiled, _share
from sklearn_binnet._training._share import limit_tensorflow, share_of_worker

from .small import X, net, y


def threads():
    """Return how many threads TensorFlow is held to, within operations and between them; 0 stands for all cores."""
    held = tf.config.threading
    return held.get_intra_op_parallelism_threads(), held.get_inter_op_parallelism_threads()


@pytest.fixture
def worker(monkeypatch):
    """Make this process look like a worker of joblib."""
    monkeypatch.setattr(multiprocessing, "current_process", lambda: LokyProcess())
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")


def test_outside_of_workers_nothing_is_held(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = threads()
    assert share_of_worker() is None
    limit_tensorflow()
    assert threads() == before


@pytest.mark.parametrize(("value", "share"), [("2", 2), ("", 2), ("many", 2), ("0", 2), ("1", 2), ("8", 8)])
def test_a_worker_takes_the_most_that_it_was_given(value, share, worker, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert share_of_worker() == share


def test_a_worker_that_was_given_nothing_is_not_held(worker, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name)
    assert share_of_worker() is None


@pytest.mark.parametrize("name", ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"])
def test_what_somebody_set_for_tensorflow_stays(name, worker, monkeypatch):
    asked = []
    monkeypatch.setattr(tf.config.threading, "set_intra_op_parallelism_threads", asked.append)
    monkeypatch.setattr(tf.config.threading, "set_inter_op_parallelism_threads", asked.append)
    monkeypatch.setenv(name, "7")
    limit_tensorflow()
    assert asked == []
    monkeypatch.delenv(name)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 7)
    limit_tensorflow()
    assert asked == []


def test_a_worker_whose_tensorflow_has_started_goes_on(worker):
    tf.constant(1.0)
    before = threads()
    limit_tensorflow()
    assert threads() == before


def test_a_limit_of_ours_does_not_decide_how_a_network_is_compiled(monkeypatch):
    usual = _compiled._cores()
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 1)
    assert _compiled._cores() == 1  # the user's own
    monkeypatch.setattr(_share, "_limit", 1)
    assert _compiled._cores() == usual
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert _compiled._cores() == 1


def fit_and_look():
    net(epochs=1).fit(X, y)
    return threads()


@pytest.mark.slow
@pytest.mark.parametrize("share", [1, 2])
def test_a_worker_fits_with_its_share(share):
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=share):
        assert joblib.Parallel()([joblib.delayed(fit_and_look)()]) == [(share, share)]
