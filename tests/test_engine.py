"""Members side by side, determinism, programs that are traced once, what the engine leaves alone.

Tolerance of company: 1e-5 of a weight after 6 epochs of 4 steps. Side by side the same products are summed in another
order, and nothing else differs.
"""

import gc
import logging
import random
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from sklearn_binnet._training import _compiled
from sklearn_binnet._training._cache import PROGRAMS, ProgramCache
from sklearn_binnet._training._engine import train
from sklearn_binnet._training._types import Member, TrainingDiverged
from tests.engine_cases import assert_same, fast, general, make_data, make_member, make_network, make_settings
from tests.small import X, net, y

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def xla_for_short_trainings(monkeypatch):
    monkeypatch.setattr(_compiled, "XLA_FROM_STEPS", 0)


@pytest.fixture
def plain_tensorflow(monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)


def programs():
    return [program for (kind, *_), program in PROGRAMS.items() if kind == "train"]


def n_traces():
    return sum(p.n_traces for p in programs())


# ------------------------------------------------------------------ company
RICH = {"batch_normalization": True, "dropout": 0.3}


def diverse_members(network):
    """Three members that differ in everything that members can differ in, 4 steps of 16 rows each."""
    return [
        make_member(network, range(50), range(50, 90), seed=1, learning_rate=0.05),
        make_member(network, range(30, 90), range(36), seed=2, learning_rate=0.004, weight_decay=0.1),
        make_member(network, range(10, 63), range(57, 90), seed=2**40 + 3, learning_rate=0.1, dropout_rates=[0.05]),
    ]


def test_member_in_company_equals_the_member_alone():
    network, data = make_network(**RICH), make_data(weighted=True)
    members, settings = diverse_members(network), make_settings(epochs=6, metrics=["accuracy"])
    together = train(network, data, members, settings)
    for member, result in zip(members, together, strict=True):
        assert_same(result, fast(network, data, member, settings))


def test_early_stopping_is_each_members_own():
    network, data = make_network(**RICH), make_data(weighted=True)
    members = diverse_members(network)
    settings = make_settings(epochs=40, metrics=["accuracy"], early_stopping=True, patience=2)
    together = train(network, data, members, settings)
    assert len({t.n_epochs for t in together}) > 1, "the case must have members that stop at different epochs"
    for member, result in zip(members, together, strict=True):
        alone = fast(network, data, member, settings)
        assert result.n_epochs == alone.n_epochs < 40
        assert_same(result, alone, rtol=1e-4, atol=1e-4)
        for a, b in zip(result.optimizer_state, alone.optimizer_state, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
        assert int(result.optimizer_state[0]) == 4 * result.n_epochs


@pytest.mark.usefixtures("plain_tensorflow")
def test_members_with_other_steps_validation_or_past_come_back_in_order():
    network, data, settings = make_network(), make_data(), make_settings(early_stopping=True, patience=2, epochs=3)
    begun = fast(network, data, make_member(network), settings)
    members = [
        make_member(network, range(50), seed=1),
        make_member(network, range(30), seed=2),
        make_member(network, range(50), (), seed=3),
        replace(make_member(network, range(50), seed=4), optimizer_state=begun.optimizer_state, weights=begun.weights),
        make_member(network, range(49), seed=5),
    ]
    together = train(network, data, members, settings)
    for member, result in zip(members, together, strict=True):
        assert_same(result, fast(network, data, member, settings))
        assert ("val_loss" in result.history) == (len(member.validation) > 0)


def test_best_weights_are_those_of_the_best_epoch():
    network, data = make_network(**RICH), make_data(weighted=True)
    member = make_member(network, learning_rate=0.1)
    settings = make_settings(epochs=40, metrics=["accuracy"], early_stopping=True, patience=3)
    stopped = fast(network, data, member, settings)
    assert stopped.best_epoch == 1 + np.argmin(stopped.history["val_loss"]) == stopped.n_epochs - 3
    as_long = fast(network, data, member, replace(settings, epochs=stopped.best_epoch, early_stopping=False))
    assert_same(as_long, replace(stopped, history={k: v[: stopped.best_epoch] for k, v in stopped.history.items()}))


# ------------------------------------------------------------------ determinism
def global_states():
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # noqa: NPY002 - the state that must stay
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "determinism": tf.config.experimental.is_op_determinism_enabled()
        if hasattr(tf.config.experimental, "is_op_determinism_enabled")
        else None,
        "jit": tf.config.optimizer.get_jit(),
        "eager": tf.config.functions_run_eagerly(),
        "reduce": keras.Model.__reduce__,
        "distribution": keras.distribution.distribution(),
    }


@pytest.mark.parametrize("path", [fast, general])
def test_same_seed_same_bits_whatever_ran_before(path, monkeypatch):
    network, data = make_network(**RICH), make_data(weighted=True)
    if path is general:
        network = make_network(batch_normalization=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    member = diverse_members(network)[0]
    before = global_states()
    first = path(network, data, replace(member, dropout_rates=None), settings)
    assert global_states() == before
    random.seed(7)
    other = make_network((3,))
    with monkeypatch.context() as plain:
        plain.setattr(_compiled, "xla_works", lambda: False)
        fast(other, make_data(seed=5), make_member(other, seed=9), make_settings(epochs=2))
    path(network, data, replace(member, seed=77, dropout_rates=None), settings)
    again = path(network, data, replace(member, dropout_rates=None), settings)
    assert_same(first, again, rtol=0, atol=0)
    for a, b in zip(first.optimizer_state, again.optimizer_state, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("plain_tensorflow")
def test_seed_moves_row_order_and_dropout():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    a, b = (fast(network, data, make_member(network, seed=s, weights_seed=0), settings) for s in (1, 2))
    assert not np.allclose(a.weights[0], b.weights[0])
    full = replace(settings, batch_size=64)  # one batch: row order plays no part but for dropout
    a, b = (fast(network, data, make_member(network, seed=s, weights_seed=0), full) for s in (1, 2))
    assert not np.allclose(a.weights[0], b.weights[0])


@pytest.mark.usefixtures("plain_tensorflow")
def test_inputs_stay_as_they_are():
    network, data = make_network(), make_data(weighted=True)
    member = make_member(network)
    kept = [a.copy() for a in (data.X, data.y, data.weights, member.train, member.validation, *member.weights)]
    for path in (fast, general):
        result = path(network, data, member, make_settings())
        now = (data.X, data.y, data.weights, member.train, member.validation, *member.weights)
        for a, b in zip(kept, now, strict=True):
            np.testing.assert_array_equal(a, b)
        assert not any(np.shares_memory(w, start) for w, start in zip(result.weights, member.weights, strict=True))


# ------------------------------------------------------------------ dropout
def test_dropout_drops_its_share_and_keeps_the_mean():
    from sklearn_binnet._training._layers import Batch, _classes, tracing

    layer = _classes()[0](0)
    x = tf.ones((1000, 50))
    for rate in (0.1, 0.5, 0.9):
        with tracing(Batch(tf.ones(1000), tf.constant(5, tf.uint32), tf.constant([rate]))):
            out = layer(x, training=True).numpy()
        assert np.mean(out == 0) == pytest.approx(rate, abs=0.01)
        assert out.max() == pytest.approx(1 / (1 - rate), rel=1e-5)
        kept = (out > 0).astype(float)
        assert np.abs(np.corrcoef(kept[:, :10].T) - np.eye(10)).max() < 0.15  # columns independent
        assert np.corrcoef(kept[:-1].ravel(), kept[1:].ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert layer(x, training=False) is x


def test_dropout_rate_one_in_company_leaves_others_alone():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    few, many = (fast(network, data, make_member(network, dropout_rates=[r]), settings) for r in (0.01, 0.8))
    assert few.history["loss"][-1] < many.history["loss"][-1]


# ------------------------------------------------------------------ programs
def test_nothing_is_traced_anew_for_other_values():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    fast(network, data, diverse_members(network)[0], settings)
    before, known = n_traces(), len(programs())
    heavier = replace(data, weights=data.weights * 7)
    for rows, held_out, options in [
        (range(3, 53), range(53, 90), {"learning_rate": 0.2}),
        (range(60), range(52, 90), {"seed": 11}),
        (range(49), range(50, 90), {"weight_decay": 0.5}),
        (range(52), range(52, 90), {"dropout_rates": [0.7]}),
    ]:
        fast(network, heavier, make_member(network, rows, held_out, **options), settings)
    more_rows = make_data(100, weighted=True)
    other_rate = make_network(batch_normalization=True, dropout=0.11)
    member = make_member(other_rate, range(60), range(60, 100))
    fast(other_rate, more_rows, member, replace(settings, epochs=9, schedule="cosine", threshold=np.array([0.2])))
    assert (n_traces(), len(programs())) == (before, known)


def test_cache_is_bounded_and_keeps_what_was_used_last():
    cache = ProgramCache(2)
    a, b = cache.get("a", object), cache.get("b", object)
    assert cache.get("a", object) is a
    c = cache.get("c", object)
    assert cache.items() == [("a", a), ("c", c)]
    assert cache.get("b", object) is not b
    cache.clear()
    assert cache.items() == []


DEADLOCK = """
import threading
from dataclasses import replace
import keras, numpy as np
from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training._engine import train
from tests.engine_cases import make_data, make_member, make_network, make_settings

in_function, at_cache = threading.Event(), threading.Event()
data, settings = make_data(), make_settings(epochs=1)
base = make_network()
member, inner = make_member(base), make_member(base)
make_optimizer = keras.optimizers.Adam  # Keras' lazy imports are done before the threads start

class Slow(type(base)):
    @property
    def key(self):
        # The engine asks for the key just before it looks for a program.
        at_cache.set()
        in_function.wait(60)
        return "slow"

def model(n_features):
    at_cache.wait(60)
    in_function.set()
    threading.Event().wait(0.3)  # the other thread goes for its program meanwhile
    train(base, data, [inner], settings)  # a user's model function that fits a network
    return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1)])

slow = Slow(base.spec, base.dropout, base.encoder)
X, y = data.X, data.y[:, 0].astype(int)
work = [
    lambda: train(slow, data, [member], settings),
    lambda: BinaryNetClassifier(model=model, epochs=1, batch_size=90, early_stopping=False).fit(X, y),
]
threads = [threading.Thread(target=f, daemon=True) for f in work]
for t in threads:
    t.start()
for t in threads:
    t.join(60)
print("deadlock" if any(t.is_alive() for t in threads) else "done", flush=True)
import os
os._exit(0)
"""


@pytest.mark.slow
def test_two_threads_where_a_model_function_fits_a_network_do_not_wait_for_each_other():
    """In a process of its own: threads that wait for ever would hold the locks of all later tests."""
    done = subprocess.run([sys.executable, "-c", DEADLOCK], capture_output=True, text=True, cwd=ROOT, timeout=150)
    assert done.stdout.strip() == "done", done.stderr


def test_two_threads_at_once():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    members = diverse_members(network)
    alone = [fast(network, data, m, settings) for m in members]
    results = [None] * 9

    def work(i):
        results[i] = fast(network, data, members[i % 3], settings)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i, result in enumerate(results):
        assert_same(result, alone[i % 3], rtol=0, atol=0)


def test_a_training_inside_a_training():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    first, second, _ = diverse_members(network)
    alone = fast(network, data, first, settings), fast(network, data, second, settings)
    inner = []

    def train_another(report):
        if report.epoch == 2:
            inner.append(fast(network, data, second, settings))
        return False

    outer = fast(network, data, first, replace(settings, on_epoch=train_another))
    assert_same(outer, alone[0], rtol=0, atol=0)
    assert_same(inner[0], alone[1], rtol=0, atol=0)


def test_without_xla_the_same_meaning(monkeypatch):
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    member = diverse_members(network)[0]
    with_xla = fast(network, data, member, settings)
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)
    assert_same(with_xla, fast(network, data, member, settings))
    keys = [key for key, _ in PROGRAMS.items()]
    *work, xla = keys[-1]
    assert not xla
    assert (*work, True) in keys


def test_fits_again_and_again_keep_no_memory():
    network, data = make_network(**RICH), make_data(weighted=True)
    settings = make_settings(epochs=6, metrics=["accuracy"])
    member = diverse_members(network)[0]

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        fast(network, data, member, settings)
    before = objects()
    for _ in range(10):
        fast(network, data, member, settings)
    assert objects() - before < 200  # a Keras model alone is thousands


# ------------------------------------------------------------------ going on
@pytest.mark.parametrize("path", [fast, general])
@pytest.mark.parametrize("schedule", ["constant", keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)])
def test_two_epochs_after_three_are_five(path, schedule, monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)
    network, data = make_network(), make_data()
    member = make_member(network)
    settings = make_settings(epochs=5, batch_size=50, schedule=schedule)  # full batch: the order of rows is all one
    five = path(network, data, member, settings)
    three = path(network, data, member, replace(settings, epochs=3))
    on = replace(member, weights=three.weights, optimizer_state=three.optimizer_state)
    two = path(network, data, on, replace(settings, epochs=2))
    for a, b in zip(five.weights, two.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(five.history["loss"], three.history["loss"] + two.history["loss"], rtol=1e-5)
    assert int(two.optimizer_state[0]) == 5


@pytest.mark.parametrize("path", [fast, general])
def test_going_on_with_another_learning_rate_or_optimizer(path, monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)
    network, data = make_network(), make_data()
    settings = make_settings()
    done = path(network, data, make_member(network), settings)
    on = replace(make_member(network), weights=done.weights, optimizer_state=done.optimizer_state)
    still = path(network, data, replace(on, learning_rate=1e-9), settings)
    np.testing.assert_allclose(still.weights[0], done.weights[0], atol=1e-6)
    fresh = replace(on, optimizer_state=None)
    a, b = (path(network, data, m, make_settings("rmsprop")) for m in (on, fresh))
    assert_same(a, b, rtol=0, atol=0)


# ------------------------------------------------------------------ divergence
@pytest.mark.parametrize("path", ["fast", "general"])
def test_divergence(path, monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)
    network, data = make_network(activation="linear"), make_data()
    if path == "general":
        network = replace(network, keras_reason="asked for by the test")
    calm = make_member(network)
    wild = replace(calm, learning_rate=1e20)
    settings = make_settings("sgd", epochs=50)
    reports = []
    watching = replace(settings, on_epoch=lambda report: reports.append(report.epoch))
    with pytest.raises(TrainingDiverged, match=r"loss is (nan|inf) in epoch \d+ of 50.*lower learning_rate"):
        train(network, data, [wild], watching)
    assert len(reports) < 50
    with pytest.raises(TrainingDiverged, match="loss of network 2 of 3 is"):
        train(network, data, [calm, wild, calm], settings)
    after = train(network, data, [calm], settings)[0]
    assert np.isfinite(after.history["loss"]).all()


class BreakAfterFirstEpoch(keras.callbacks.Callback):
    """Sets weights that are no numbers."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.set_weights([np.full_like(w, np.nan) for w in self.model.get_weights()])


@pytest.mark.usefixtures("plain_tensorflow")
@pytest.mark.parametrize("reason", [None, "asked for by the test"])
def test_divergence_after_the_first_epoch(reason):
    network = replace(make_network(), keras_reason=reason)
    settings = make_settings(callbacks=[BreakAfterFirstEpoch()])
    with pytest.raises(TrainingDiverged, match="loss is nan in epoch 2 of 4"):
        train(network, make_data(), [make_member(network)], settings)


@pytest.mark.usefixtures("plain_tensorflow")
@pytest.mark.parametrize("reason", [None, "asked for by the test"])
def test_divergence_that_only_validation_rows_show(reason):
    """The loss of the only step is taken before the step."""
    network = replace(make_network(), keras_reason=reason)
    member = make_member(network, learning_rate=3e38)
    with pytest.raises(TrainingDiverged, match=r"val_loss is (nan|inf) in epoch 1 of 1"):
        train(network, make_data(), [member], make_settings("sgd", epochs=1, batch_size=64))


# ------------------------------------------------------------------ numbers
@pytest.mark.usefixtures("plain_tensorflow")
@pytest.mark.parametrize("reason", [None, "asked for by the test"])
def test_numpy_integers_and_a_patience_without_end(reason):
    network, data = replace(make_network(), keras_reason=reason), make_data()
    expected = train(network, data, [make_member(network)], make_settings(early_stopping=True))[0]
    settings = make_settings(
        early_stopping=True, epochs=np.int64(4), batch_size=np.int32(16), patience=np.uint64(2**40)
    )
    assert_same(train(network, data, [make_member(network)], settings)[0], expected, rtol=0, atol=0)


# ------------------------------------------------------------------ hooks
@pytest.mark.parametrize("path", [fast, general])
def test_on_epoch_sees_weights_and_can_stop(path, monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)
    network, data = make_network(), make_data()
    reports, weights = [], []

    def on_epoch(report):
        reports.append(report)
        weights.append(report.weights()[0])
        return report.epoch == 2

    result = path(network, data, make_member(network), make_settings(epochs=9, on_epoch=on_epoch))
    assert [r.epoch for r in reports] == [0, 1, 2]
    assert [r.logs[0]["val_loss"] for r in reports] == result.history["val_loss"]
    assert result.n_epochs == result.best_epoch == 3
    three = path(network, data, make_member(network), make_settings(epochs=3))
    assert_same(result, three, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(weights[-1][0], result.weights[0])
    assert not np.array_equal(weights[0][0], weights[1][0])


def test_xla_is_for_trainings_of_many_steps(monkeypatch):
    monkeypatch.setattr(_compiled, "XLA_FROM_STEPS", 50)
    network = make_network()
    member = make_member(network)  # 50 rows: 4 steps of 16
    assert not _compiled.xla_pays([member], make_settings(epochs=12))
    assert _compiled.xla_pays([member], make_settings(epochs=13))


@pytest.mark.parametrize(
    ("cores", "company", "units", "xla"), [(2, 1, 512, False), (1, 1, 512, True), (2, 2, 512, True), (2, 1, 128, True)]
)
def test_one_wide_network_is_left_to_tensorflow_where_there_are_cores(monkeypatch, cores, company, units, xla):
    monkeypatch.setattr(_compiled, "XLA_FROM_STEPS", 0)
    monkeypatch.setattr(_compiled, "_cores", lambda: cores)
    weights = [np.zeros((11, units)), np.zeros((units, units)), np.zeros((units, units)), np.zeros((units, 1))]
    member = Member(np.arange(1119), np.arange(0), weights, seed=0)
    assert _compiled.xla_pays([member] * company, make_settings(batch_size=256)) == xla
    if not xla:  # few rows are few products
        assert _compiled.xla_pays([replace(member, train=np.arange(100))], make_settings(batch_size=256))


def test_a_program_that_is_gone_leaves_no_graph_behind(monkeypatch):
    """Keras' optimizer had TensorFlow register a gradient for good, and with it the graph of every program."""
    monkeypatch.setattr(logging.getLogger("tensorflow"), "disabled", True)  # pytest keeps records, which hold functions

    def graphs():
        gc.collect()
        return [thing for thing in gc.get_objects() if type(thing).__name__.endswith("FuncGraph")]

    def count_new():  # the bounded cache may drop older programs meanwhile, with their graphs
        return sum(graph not in older for graph in graphs())

    older = weakref.WeakSet(graphs())
    known = {key for key, _ in PROGRAMS.items()}
    net(hidden_layer_sizes=(11,), n_estimators=2, epochs=1).fit(X, y)
    assert count_new() > 0
    with PROGRAMS._lock:
        for key in [key for key in PROGRAMS._programs if key not in known]:
            del PROGRAMS._programs[key]
    assert count_new() == 0
