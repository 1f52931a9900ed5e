"""What a fit holds in memory, and what a user is told when there is too little of it."""

import errno
import functools
import gc
import os
import tracemalloc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from sklearn_binnet import BinaryNetClassifier, _classifier, _fit
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._training import _resident
from sklearn_binnet._training._cache import PROGRAMS
from sklearn_binnet._training._memory import explaining_lack_of_memory
from sklearn_binnet._training._program import Program
from sklearn_binnet._training._resident import room_for, tensor_of

from .small import X, net, y

MEGABYTE = 1 << 20
BEYOND = 1 << 50
"""Numbers that no machine has room for."""
OWN = {"model": keras.Sequential(), "retrieval": True, "encoding": "piecewise_linear"}


# ------------------------------------------------------------------ tables
@pytest.mark.parametrize(("n", "d"), [(0, 3), (1, 1), (5, 3), (1000, 7), (70_000, 1)])
def test_tensorflow_reads_the_table_that_numpy_wrote(n, d):
    held = room_for(n, d)
    assert len(held) >= n
    held[:n] = np.random.default_rng(0).normal(size=(n, d))
    tensor = tensor_of(held)
    np.testing.assert_array_equal(tensor.numpy(), held)
    assert not held[n:].any()
    assert tensor.dtype == tf.float32


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU has memory of its own")
def test_the_tensor_is_the_same_memory_and_holds_on_to_it():
    held = room_for(1000, 7)
    tensor = tensor_of(held)
    held[3, 2] = 5.0
    assert tensor.numpy()[3, 2] == 5.0
    del held
    assert tensor.numpy()[3, 2] == 5.0


def test_an_array_that_tensorflow_cannot_take_is_copied():
    held = room_for(64, 8)
    for table in (held[:, 1:], held.reshape(-1)[1:9].reshape(2, 4), np.broadcast_to(np.float32(2), (4, 4))):
        np.testing.assert_array_equal(tensor_of(table).numpy(), table)


@pytest.mark.parametrize("encoding", [None, "standardize", "piecewise_linear"])
def test_blocks_of_rows_are_encoded_to_the_bits_of_the_whole(encoding, monkeypatch):
    monkeypatch.setattr("sklearn_binnet._networks._encoder._WRITTEN_VALUES", 500)
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=(1003, 3)), rng.integers(-1, 3, 1003), rng.integers(-1, 40, 1003)])
    if encoding is not None:
        rows[::7, 1] = np.nan
    encoder = ColumnEncoder.fit(encoding, rows, n_levels=(0, 0, 0, 3, 40))
    out = np.full((len(rows), encoder.n_encoded), np.nan, np.float32)
    encoder.write(rows, out)
    np.testing.assert_array_equal(out, encoder.transform(rows))


def traced_peak(call):
    """Return the result and the largest sum of NumPy's arrays during a call, in bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = call()
        return result, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def many_rows(n):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 10)).astype(np.float32)
    return rows, (rows[:, 0] + rng.normal(size=n) > 0).astype(int)


def test_a_training_holds_its_encoded_rows_once(monkeypatch):
    rows, labels = many_rows(20_000)
    tiny = {"hidden_layer_sizes": (2,), "n_bins": 64, "n_estimators": 1, "retrieval": False}
    clf = BinaryNetClassifier(**tiny, epochs=1, batch_size=8192)
    encoded = _fit._encoded

    def from_here_on(fits):
        tracemalloc.reset_peak()  # learning the bins has a block of its own in float64
        return encoded(fits)

    monkeypatch.setattr(_fit, "_encoded", from_here_on)
    _, peak = traced_peak(lambda: clf.fit(rows, labels))
    table = 20_480 * 650 * 4
    assert peak < 2 * table, f"{peak / MEGABYTE:.0f} MB for a table of {table / MEGABYTE:.0f} MB"


def test_networks_and_retrieval_members_share_a_table_of_as_many_bins():
    rows, labels = many_rows(300)
    tiny = {"hidden_layer_sizes": (2,), "n_estimators": 2, "epochs": 1}
    shared, apart = (BinaryNetClassifier(**tiny, n_bins=n).fit(rows, labels) for n in (8, 9))
    first, second = shared._fitted.families
    assert first.encoder is second.encoder
    first, second = apart._fitted.families
    assert first.encoder is not second.encoder


def test_no_encoded_table_outlives_its_fit(monkeypatch):
    tables = []
    encoded = _fit._encoded

    def watched(fits):
        data = encoded(fits)
        tables.append(weakref.ref(data.held if data.held.base is None else data.held.base))
        return data

    monkeypatch.setattr(_fit, "_encoded", watched)
    PROGRAMS.clear()
    net(n_estimators=2, retrieval=True, encoding="piecewise_linear", n_bins=9).fit(X, y)
    gc.collect()
    assert len(tables) == 2
    assert all(table() is None for table in tables)


# ------------------------------------------------------------------ out of memory
@functools.cache
def tensorflows_error():
    """Return TensorFlow's own error, for which it waits ten seconds."""
    try:
        return tf.zeros([BEYOND])
    except tf.errors.OpError as error:
        return error.with_traceback(None)


def lacks_in_tensorflow(*_, **__):
    raise tensorflows_error()


def lacks_in_numpy(*_, **__):
    return np.ones(BEYOND)


@pytest.mark.parametrize(
    ("room", "name", "lacks"),
    [(Program, "run", lacks_in_tensorflow), (ColumnEncoder, "transform", lacks_in_numpy)],
    ids=["TensorFlow", "NumPy"],
)
def test_a_fit_without_memory_says_what_to_set(room, name, lacks, monkeypatch):
    clf = net().fit(X, y)
    before = clf.predict_proba(X)
    monkeypatch.setattr(room, name, lacks)
    clf.set_params(n_estimators=3, n_bins=None, retrieval="auto", batch_size=1000, encoding="piecewise_linear")
    with pytest.raises(MemoryError, match=f"a fit of {len(X):,} rows and {X.shape[1]} columns") as caught:
        clf.fit(X, y)
    for word in ("n_bins=8", "retrieval=False", "n_estimators=1", "batch_size below 1000", "partial_fit"):
        assert word in str(caught.value)
    assert caught.value.__cause__ is not None
    monkeypatch.undo()
    np.testing.assert_array_equal(clf.predict_proba(X), before)


def test_what_is_set_already_is_not_advised(monkeypatch):
    monkeypatch.setattr(ColumnEncoder, "write", lacks_in_numpy)
    clf = net(n_estimators=1, encoding="standardize", retrieval=False)
    with pytest.raises(MemoryError, match="Memory ran out in a fit") as caught:
        clf.fit(X.astype(np.float32), y)
    for word in ("n_bins", "retrieval", "n_estimators", "float32", "batch_size"):
        assert word not in str(caught.value)


@pytest.mark.parametrize(
    ("n_rows", "params", "advice"),
    [
        (200, {"retrieval": True}, "n_bins=8"),
        (200, {"retrieval": True, "n_bins": 9}, "n_bins=8"),
        (200, {"retrieval": True, "n_bins": 8}, None),
        (200, {"retrieval": True, "n_bins": 4}, "n_bins=8 (networks and retrieval members then share"),
        (
            200,
            OWN | {"n_bins": 4},
            "n_bins=2",
        ),
        (200, OWN | {"n_bins": 2}, None),
        (200, OWN | {"encoding": "auto"}, None),
        (1 << 22, {"retrieval": True}, None),
        (1 << 22, {"retrieval": False}, "n_bins=2"),
        (200, {"retrieval": False, "n_bins": 8}, "n_bins=2"),
        (200, {"retrieval": False, "n_bins": 2}, None),
    ],
)
def test_bins_are_advised_where_fewer_need_less(n_rows, params, advice):
    table = np.broadcast_to(np.float32(0), (n_rows, 4))
    text = BinaryNetClassifier(**params)._memory_advice(table)
    assert ("n_bins" in text) == (advice is not None)
    assert advice is None or advice in text


def advice_of(clf, *, stream=False):
    """Return the names of the parameters that are advised."""
    text = clf._memory_advice(X, stream=stream)
    assert ("fewer rows a call" in text) == stream
    assert ("partial_fit" in text) == (not stream)
    return {name for name in ("n_bins", "retrieval", "n_estimators") if f"{name}=" in text}


def test_retrieval_beside_a_model_of_the_users_can_be_left_out():
    model = keras.Sequential([keras.layers.Dense(1)])
    assert advice_of(BinaryNetClassifier(model=model)) == set()  # one network, no retrieval
    assert advice_of(BinaryNetClassifier(model=model, retrieval=True)) == {"retrieval"}
    assert advice_of(BinaryNetClassifier(model=model, retrieval=True, n_estimators=3)) == {"retrieval", "n_estimators"}


def test_a_fit_that_goes_on_is_not_advised_to_change_what_it_goes_on_from():
    clf = net(n_estimators=2, retrieval=True, encoding="piecewise_linear", warm_start=True)
    assert advice_of(clf) == {"n_bins", "retrieval", "n_estimators"}
    clf.fit(X, y)
    assert advice_of(clf) == {"retrieval"}
    assert advice_of(clf.set_params(retrieval=False)) == set()
    clf.fit(X, y)
    assert advice_of(clf.set_params(retrieval="auto")) == set()  # there are none any more
    assert advice_of(clf.set_params(warm_start=False, retrieval=True)) == {"n_bins", "retrieval", "n_estimators"}


def test_a_stream_has_no_retrieval_members_to_leave_out(monkeypatch):
    clf = net(n_estimators=2, retrieval="auto", encoding="auto")
    assert advice_of(clf, stream=True) == {"n_estimators"}
    assert advice_of(clf.set_params(encoding="piecewise_linear"), stream=True) == {"n_bins", "n_estimators"}
    clf.partial_fit(X, y, classes=[0, 1])
    assert advice_of(clf, stream=True) == set()
    monkeypatch.setattr(Program, "run", lacks_in_tensorflow)
    with pytest.raises(MemoryError, match="fewer rows a call"):
        clf.partial_fit(X, y)


class Delayed:
    """Stands for a number that is not computed yet, as in the shape of a Dask table."""


class Table:
    def __init__(self, *shape):
        self.shape = shape


@pytest.mark.parametrize("table", [Table(Delayed(), 3), Table(float("nan"), 3), Table(), iter(())])
def test_a_table_that_does_not_say_its_size(table):
    for text in (BinaryNetClassifier()._memory_advice(table), _classifier._prediction_memory_advice(table)):
        assert "of this table. " in text


def test_the_explained_error_lets_the_tables_go():
    tables = []

    def fails():
        table = np.zeros(1000)
        tables.append(weakref.ref(table))
        raise MemoryError

    with pytest.raises(MemoryError, match="too large") as caught, explaining_lack_of_memory(lambda: "too large"):
        fails()
    assert tables[0]() is None
    assert caught.value.__cause__ is not None


def test_several_fits_at_once_say_so(monkeypatch):
    monkeypatch.setattr(Program, "run", lacks_in_tensorflow)
    with pytest.raises(MemoryError, match="fit the 2 classifiers one by one"):
        net().fit_many([(X, y, {}), (X, y, {})])


def test_a_prediction_without_memory_says_how_to_go_on(monkeypatch):
    clf = net().fit(X, y)
    monkeypatch.setattr(ColumnEncoder, "transform", lacks_in_numpy)
    for method in (clf.predict, clf.predict_proba, clf.decision_function):
        with pytest.raises(MemoryError, match=f"prediction of {len(X):,} rows .* in parts"):
            method(X)


def test_other_errors_stay_what_they_are():
    for error in (ValueError("RESOURCE_EXHAUSTED"), tf.errors.InvalidArgumentError(None, None, "shape")):
        with pytest.raises(type(error)), explaining_lack_of_memory(lambda: "too large"):
            raise error


def test_an_error_that_names_what_to_set_is_not_explained_again():
    with (
        pytest.raises(MemoryError, match="inner"),
        explaining_lack_of_memory(lambda: "outer"),
        explaining_lack_of_memory(lambda: "inner"),
    ):
        raise MemoryError


def test_a_gpu_gets_a_copy(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU:0"])
    held = room_for(8, 2)
    tensor = _resident.tensor_of(held)
    held[0, 0] = 1.0
    assert tensor.numpy()[0, 0] == 0.0


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EMFILE", "ENFILE"])
def test_a_full_disk_or_too_many_open_files_is_no_lack_of_memory(name):
    if not hasattr(errno, name):
        pytest.skip("this platform has no such error")
    error = tf.errors.ResourceExhaustedError(None, None, f"x; {os.strerror(getattr(errno, name))}")
    with pytest.raises(tf.errors.ResourceExhaustedError), explaining_lack_of_memory(lambda: "smaller batches"):
        raise error
