"""Checkpoints: a fit that was ended goes on to the same bits, and no fit takes the state of another."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training import _checkpoint
from tests.small import X, Y, net, y

TRAINED = {
    "one": {"epochs": 6},
    "several": {"n_estimators": 3, "epochs": 6, "patience": 2, "min_delta": 0.01},
    "dropout, norm and metrics": {"dropout": 0.2, "batch_normalization": True, "metrics": ["AUC"], "epochs": 6},
    "sgd": {"optimizer": "sgd", "epochs": 6, "learning_rate_schedule": "cosine"},
    "long": {"epochs": 36, "early_stopping": False},
}


class Ended(BaseException):
    pass


def bits(clf):
    return b"".join(w.tobytes() for member in clf._fitted.weights for w in member)


def write_few(monkeypatch, n):
    """Let the process end right after the n-th checkpoint is written."""
    write, written = _checkpoint.Checkpoint.write, []

    def writing(self, state):
        write(self, state)
        written.append(1)
        if len(written) == n:
            raise Ended

    monkeypatch.setattr(_checkpoint.Checkpoint, "write", writing)


@pytest.mark.fault("a killed fit with a checkpoint", "it goes on to the same bits")
@pytest.mark.parametrize("case", TRAINED)
def test_a_fit_that_was_ended_goes_on_to_the_same_bits(case, tmp_path, monkeypatch):
    whole = net(**TRAINED[case]).fit(X, y)
    with monkeypatch.context() as patch:
        write_few(patch, 34 if case == "long" else 3)
        with pytest.raises(Ended):
            net(**TRAINED[case], checkpoint=tmp_path).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 1
    epochs = []
    again = net(**TRAINED[case], checkpoint=tmp_path, callbacks=[lambda epoch, logs: epochs.append(epoch)]).fit(X, y)
    assert epochs[0] == (34 if case == "long" else 3)
    assert bits(again) == bits(whole)
    assert again.history_ == whole.history_
    assert again.best_iter_ == whole.best_iter_
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("a killed fit with a checkpoint", "it goes on to the same bits")
@pytest.mark.xla
def test_a_killed_process_goes_on_to_the_same_bits(tmp_path):
    code = (
        "import os, sys\n"
        "from tests.small import X, net, y\n"
        "def end(epoch, logs):\n"
        "    if epoch == 4: os._exit(9)\n"
        "clf = net(epochs=30, n_estimators=2, checkpoint=sys.argv[1], callbacks=[end])\n"
        "clf.fit(X, y)\n"
    )
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", code, str(tmp_path / "folder")]
    assert subprocess.run(command, cwd=root, env=os.environ, capture_output=True).returncode == 9
    assert len(list((tmp_path / "folder").iterdir())) == 1
    epochs = []
    clf = net(epochs=30, n_estimators=2, checkpoint=tmp_path / "folder", callbacks=[lambda e, logs: epochs.append(e)])
    assert bits(clf.fit(X, y)) == bits(net(epochs=30, n_estimators=2).fit(X, y))
    assert epochs[0] == 4


@pytest.mark.fault("the checkpoint of another fit, or a damaged one", "not taken, or `ValueError`")
def test_no_fit_takes_the_state_of_another(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        write_few(patch, 2)
        with pytest.raises(Ended):
            net(checkpoint=tmp_path).fit(X, y)
    (left,) = tmp_path.iterdir()
    state = left.read_bytes()
    others = [({"random_state": 1}, X, y), ({"learning_rate": 0.02}, X, y), ({"epochs": 4}, X, y), ({}, X[::-1], y)]
    others += [({}, X, Y[:, 1]), ({"metrics": ["AUC"]}, X, y), ({"hidden_layer_sizes": (9,)}, X, y)]
    for params, A, target in others:
        clf = net(**params, checkpoint=tmp_path).fit(A, target)
        assert bits(clf) == bits(net(**params).fit(A, target))
        assert left.read_bytes() == state
    with monkeypatch.context() as patch:
        write_few(patch, 1)
        with pytest.raises(Ended):
            net(random_state=1, checkpoint=tmp_path).fit(X, y)
    (other,) = set(tmp_path.iterdir()) - {left}
    other.write_bytes(state)
    with pytest.raises(ValueError, match="holds the state of another training than this one"):
        net(random_state=1, checkpoint=tmp_path).fit(X, y)
    other.write_bytes(state[:-100])
    with pytest.raises(ValueError, match="is not a whole file"):
        net(random_state=1, checkpoint=tmp_path).fit(X, y)


def test_what_could_not_go_on_to_the_same_bits_is_refused(tmp_path):
    with pytest.raises(ValueError, match="checkpoint needs a random_state"):
        net(checkpoint=tmp_path, random_state=None).fit(X, y)
    with pytest.raises(ValueError, match="checkpoint and Keras callbacks do not go together"):
        net(checkpoint=tmp_path, callbacks=[keras.callbacks.TerminateOnNaN()]).fit(X, y)

    def share(y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)

    with pytest.raises(ValueError, match="checkpoint is for networks that the compiled program trains"):
        net(checkpoint=tmp_path, metrics=[share]).fit(X, y)
    assert not list(tmp_path.iterdir())


def test_a_users_network_of_keras_own_layers(tmp_path, monkeypatch):
    def build(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1, "sigmoid")])

    params = {"model": build, "epochs": 4, "random_state": 0}
    with monkeypatch.context() as patch:
        write_few(patch, 2)
        with pytest.raises(Ended):
            BinaryNetClassifier(**params, checkpoint=tmp_path).fit(X, y)
    again = BinaryNetClassifier(**params, checkpoint=tmp_path).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), BinaryNetClassifier(**params).fit(X, y).predict_proba(X))


@pytest.mark.fault("a loss that diverges", "`ValueError` says in which epoch; the earlier fit stays")
def test_a_stream_and_a_diverged_training_leave_nothing(tmp_path):
    net(checkpoint=tmp_path).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="Training diverged"):
        net(checkpoint=tmp_path, learning_rate=1e30, optimizer="sgd").fit(X, y)
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("a killed fit with a checkpoint", "it goes on to the same bits")
def test_networks_and_retrieval_members_go_on(tmp_path, monkeypatch):
    params = {"hidden_layer_sizes": (8,), "epochs": 3, "n_estimators": 2, "random_state": 0}
    whole = BinaryNetClassifier(**params).fit(X, y)
    with monkeypatch.context() as patch:
        write_few(patch, 5)
        with pytest.raises(Ended):
            BinaryNetClassifier(**params, checkpoint=tmp_path).fit(X, y)
    assert len(list(tmp_path.iterdir())) == 2
    epochs = []
    options = {"checkpoint": tmp_path, "callbacks": [lambda epoch, logs: epochs.append(epoch)]}
    again = BinaryNetClassifier(**params, **options).fit(X, y)
    assert not epochs  # the networks had come to their end
    np.testing.assert_array_equal(again.predict_proba(X), whole.predict_proba(X))
    assert not list(tmp_path.iterdir())
