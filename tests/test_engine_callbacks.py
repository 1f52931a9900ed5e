"""Keras callbacks see the member's model and steer its training, on both paths alike."""

import csv
import random
from dataclasses import replace
from itertools import pairwise

import keras
import numpy as np
import pytest

from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._training import _compiled
from sklearn_binnet._training._engine import reason_for_keras, train
from tests.engine_cases import assert_same, fast, make_data, make_member, make_network, make_settings

# Keras 3.15 reads its own variables in a way that NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(autouse=True)
def plain_tensorflow(monkeypatch):
    monkeypatch.setattr(_compiled, "xla_works", lambda: False)


@pytest.fixture(params=["fast", "general"])
def network(request):
    """The small network, on each path by its turn."""
    reason = None if request.param == "fast" else "asked for by the test"
    return replace(make_network(), keras_reason=reason)


class Spy(keras.callbacks.Callback):
    """Notes what it sees in a class attribute: fits work with copies of the object."""

    notes: list = []  # noqa: RUF012 - shared on purpose

    def note(self, name, epoch=None, logs=None):
        self.notes.append((name, epoch, dict(logs or {}), dict(self.params)))

    def on_train_begin(self, logs=None):
        self.note("train_begin", logs=logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note("epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch_end", epoch, logs)

    def on_train_end(self, logs=None):
        self.note("train_end", logs=logs)


def run(network, *callbacks, member=None, **options):
    member = make_member(network) if member is None else member
    return fast(network, make_data(), member, make_settings(callbacks=callbacks, **options))


def test_order_of_hooks_and_what_they_are_told(network):
    Spy.notes = []
    result = run(network, Spy(), epochs=2, metrics=["accuracy"])
    names = [(name, epoch) for name, epoch, _, _ in Spy.notes]
    epochs = [(name, epoch) for epoch in (0, 1) for name in ("epoch_begin", "epoch_end")]
    assert names == [("train_begin", None), *epochs, ("train_end", None)]
    ends = [logs for name, _, logs, _ in Spy.notes if name == "epoch_end"]
    assert [logs["val_accuracy"] for logs in ends] == result.history["val_accuracy"]
    assert sorted(ends[0]) == sorted(["loss", "accuracy", "val_loss", "val_accuracy"])
    assert all(params["epochs"] == 2 and params["steps"] == 4 for *_, params in Spy.notes)
    assert Spy.notes[-1][2] == ends[-1]


def test_looking_changes_nothing(network):
    assert_same(run(network, Spy(), epochs=3), run(network, epochs=3), rtol=0, atol=0)


def test_early_stopping_of_keras_restores_its_weights(network):
    options = {"epochs": 60, "member": make_member(network, learning_rate=0.1)}
    callback = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    result = run(network, callback, **options)
    own = run(network, early_stopping=True, patience=3, **options)
    assert result.n_epochs == own.n_epochs < 60
    for a, b in zip(result.weights, own.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert callback.stopped_epoch == result.n_epochs - 1
    assert callback.model is None


def test_reduce_on_plateau_acts_on_the_rate_without_the_schedules_factor(network):
    rates = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: rates.append(logs["learning_rate"]))
    reduce = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=100.0, min_lr=0)
    result = run(network, reduce, watch, epochs=4, schedule="cosine")
    np.testing.assert_allclose(rates, [0.03, 0.03, 0.003, 0.0003], rtol=1e-5)
    free = run(network, epochs=4, schedule="cosine")
    assert result.history["loss"][:2] == free.history["loss"][:2]
    assert result.history["loss"][2:] != free.history["loss"][2:]


def test_paths_agree_under_callbacks_that_steer():
    def nudge(epoch, logs, model):
        if epoch == 1:
            model.set_weights([w * 0.5 for w in model.get_weights()])

    class Nudge(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            nudge(epoch, logs, self.model)

    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else rate),
        Nudge(),
    ]
    base = make_network()
    results = [
        run(replace(base, keras_reason=reason), *callbacks, epochs=5, schedule="coslog4") for reason in (None, "asked")
    ]
    assert_same(*results, rtol=1e-4, atol=1e-4)
    assert not np.allclose(results[0].weights[0], run(base, epochs=5, schedule="coslog4").weights[0])


def test_learning_rate_scheduler_that_stops_learning(network):
    three = run(network, epochs=3)
    frozen = run(network, keras.callbacks.LearningRateScheduler(lambda e, rate: rate if e < 3 else 0.0), epochs=6)
    np.testing.assert_allclose(frozen.weights[0], three.weights[0], atol=1e-7)


def test_files(network, tmp_path):
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", save_best_only=True, save_weights_only=True),
    ]
    result = run(network, *callbacks, epochs=3)
    with open(tmp_path / "log.csv") as file:
        table = list(csv.DictReader(file))
    np.testing.assert_allclose([float(row["val_loss"]) for row in table], result.history["val_loss"], rtol=1e-6)
    model, variables = network.view()
    if network.keras_reason is None:
        model.load_weights(tmp_path / "best.weights.h5")
        np.testing.assert_array_equal(variables[0].numpy(), result.weights[0])
    assert (tmp_path / "best.weights.h5").exists()
    assert callbacks[0].csv_file.closed


def test_tensorboard(network, tmp_path):
    run(network, keras.callbacks.TensorBoard(tmp_path, write_graph=False), epochs=2)
    assert list(tmp_path.rglob("events*"))


class PredictRaw(keras.callbacks.Callback):
    """Predicts raw columns after each epoch."""

    X = None
    seen: list = []  # noqa: RUF012 - shared on purpose

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(self.model.predict(self.X, verbose=0)[:, 0])


class PredictRawAtBatches(PredictRaw):
    """The same, and busy at batches."""

    batches: list = []  # noqa: RUF012 - shared on purpose

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append((batch, logs["loss"], self.model.get_weights()[0]))


@pytest.mark.parametrize("kind", [PredictRaw, PredictRawAtBatches])
def test_model_goes_from_raw_columns_to_the_probability(kind):
    data = make_data()
    raw = data.X.astype(np.float64) * 50 + 1000
    network = make_network()
    encoder = ColumnEncoder.fit("standardize", raw)
    network = replace(network, encoder=encoder)
    encoded = replace(data, X=encoder.transform(raw))
    kind.X, kind.seen, PredictRawAtBatches.batches = raw, [], []
    settings = make_settings(callbacks=[kind()], epochs=2)
    assert (reason_for_keras(network, settings) is None) == (kind is PredictRaw)
    result = train(network, encoded, [make_member(network)], settings)[0]
    fitted = network.fitted([result.weights])
    expected = 1 / (1 + np.exp(-fitted.logits(raw)[:, 0]))
    np.testing.assert_allclose(kind.seen[-1], expected, atol=1e-5)
    assert len(kind.seen) == 2
    if kind is PredictRawAtBatches:
        assert [b for b, *_ in kind.batches] == [0, 1, 2, 3] * 2
        kernels = [kernel for *_, kernel in kind.batches]
        assert all(not np.array_equal(a, b) for a, b in pairwise(kernels))


@pytest.mark.parametrize(
    ("callback", "at_batches"),
    [
        (keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: None), False),
        (keras.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None), True),
        (keras.callbacks.TensorBoard(), False),
        (keras.callbacks.TensorBoard(update_freq=5), True),
        (keras.callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True), False),
        (keras.callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True, save_freq=7), True),
        (keras.callbacks.EarlyStopping(), False),
        (PredictRawAtBatches(), True),
    ],
)
def test_which_callbacks_need_batches(callback, at_batches):
    reason = reason_for_keras(make_network(), make_settings(callbacks=[callback]))
    assert reason == (f"{type(callback).__name__} acts on batches" if at_batches else None)


def test_batch_callback_stops_and_sets_the_rate_in_the_midst_of_an_epoch():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.0

        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    network = make_network()
    member = make_member(network)
    result = run(network, Stop(), member=member, epochs=5)
    assert result.n_epochs == 1
    np.testing.assert_array_equal(result.weights[0], member.weights[0])


class StopAt(keras.callbacks.Callback):
    """Stops a member after as many epochs as it can count in its copy."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        if logs["loss"] < 0.45:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        Spy.notes.append(self.count)


def test_a_member_that_a_callback_stopped_rests_while_others_go_on():
    network, data = make_network(), make_data()
    members = [make_member(network, learning_rate=rate) for rate in (0.2, 0.02)]
    settings = make_settings(callbacks=[StopAt()], epochs=8)
    Spy.notes = []
    together = train(network, data, members, settings)
    counts = Spy.notes
    assert counts == [t.n_epochs for t in together]
    assert counts[0] < counts[1]
    for member, result in zip(members, together, strict=True):
        alone = fast(network, data, member, settings)
        assert_same(result, alone)
        for a, b in zip(result.optimizer_state, alone.optimizer_state, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_several_members_leave_the_users_objects_alone(network):
    stopper, counter = keras.callbacks.EarlyStopping(patience=1), StopAt()
    kept = {k: v for k, v in vars(stopper).items() if k != "best"}
    settings = make_settings(callbacks=[stopper, counter], epochs=3)
    train(network, make_data(), [make_member(network), make_member(network, seed=4)], settings)
    assert {k: v for k, v in vars(stopper).items() if k != "best"} == kept
    assert counter.count == 0
    assert counter.model is None


def test_one_member_calls_the_users_objects(network):
    counter = StopAt()
    state = random.getstate()
    result = run(network, counter, epochs=3)
    assert counter.count == result.n_epochs
    assert counter.model is None
    assert random.getstate() == state
