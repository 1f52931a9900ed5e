"""What a user sees of a training while it runs."""

import io

import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training._progress import progress_bar
from sklearn_binnet._training._types import EpochReport

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
y = (X[:, 0] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (3,), "epochs": 3, "random_state": 0}


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self):
        return True


def report(epoch, *losses):
    logs = [{"loss": loss, "val_loss": 2 * loss} for loss in losses]
    return EpochReport(epoch, logs, list)


def test_bar_on_a_terminal():
    file = Terminal()
    with progress_bar(3, file) as advance:
        for epoch in range(3):
            assert advance(report(epoch, 0.5, 0.25)) is False
    last = file.getvalue().split("\r")[-1]
    assert "3/3" in last
    assert "epoch" in last
    assert "loss=0.3750, val_loss=0.7500" in last


def test_bar_shows_no_validation_loss_without_validation():
    file = Terminal()
    with progress_bar(1, file) as advance:
        advance(EpochReport(0, [{"loss": 0.5}], list))
    assert "loss=0.5000" in file.getvalue()
    assert "val_loss" not in file.getvalue()


def test_no_bar_in_a_pipe():
    file = io.StringIO()
    with progress_bar(3, file) as advance:
        advance(report(0, 0.5))
    assert file.getvalue() == ""


def test_verbose_is_quiet_in_a_pipe_and_shows_on_a_terminal(capsys, monkeypatch):
    BinaryNetClassifier(verbose=1, **SMALL).fit(X, y)
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    BinaryNetClassifier(verbose=1, **SMALL).fit(X, y)
    assert "3/3" in terminal.getvalue()
    assert "val_loss=" in terminal.getvalue()
    BinaryNetClassifier(verbose=0, **SMALL).fit(X, y)
    assert terminal.getvalue().count("3/3") == 1


def test_absent_where_scikit_learn_has_no_callbacks():
    try:
        import sklearn.callback  # noqa: F401
    except ImportError:
        assert not hasattr(BinaryNetClassifier(), "set_callbacks")
    else:
        assert callable(BinaryNetClassifier().set_callbacks)


def test_scikit_learns_scoring_monitor_sees_every_epoch():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = BinaryNetClassifier(early_stopping=False, **SMALL).set_callbacks(monitor).fit(X, y)
    epochs = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(epochs) == 3
    assert epochs[-1] == clf.score(X, y)


def test_scikit_learns_progress_bar_runs():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    with_bar = BinaryNetClassifier(**SMALL).set_callbacks(callback.ProgressBar()).fit(X, y)
    without = BinaryNetClassifier(**SMALL).fit(X, y)
    np.testing.assert_array_equal(with_bar.predict_proba(X), without.predict_proba(X))
