"""What a user sees of a training while it runs."""

import io

import numpy as np
import pandas as pd
import pytest

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training._progress import progress_bar
from sklearn_binnet._training._types import EpochReport

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
y = (X[:, 0] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (3,), "epochs": 3, "retrieval": False, "random_state": 0}


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
    shown = terminal.getvalue()
    assert "val_loss=" in shown
    BinaryNetClassifier(verbose=0, **SMALL).fit(X, y)
    assert terminal.getvalue() == shown


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


def test_scikit_learns_scoring_monitor_reads_tables_with_categories():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    table = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 0, "red", "blue"))
    words = np.array(["no", "yes"])[y]
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = BinaryNetClassifier(early_stopping=False, **SMALL).set_callbacks(monitor).fit(table, words)
    scores = [row["accuracy"] for row in monitor.get_logs().data]
    assert len(scores) >= 3
    assert clf.score(table, words) in scores


def test_callbacks_see_what_the_user_passed():
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    seen = []

    class Look:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, *, X, y):
            seen.append((X, y))

        def on_fit_task_end(self, estimator, context, *, X, y):
            seen.append((X, y))

        def teardown(self, estimator, context):
            seen.append("end")

    table, labels = pd.DataFrame(X), y.tolist()
    clf = BinaryNetClassifier(**SMALL).set_callbacks(Look()).fit(table, labels)
    assert seen.pop() == "end"
    assert all(a is table and b is labels for a, b in seen)
    seen.clear()
    clf.partial_fit(table, labels)
    assert seen[-1] == "end"
    assert len(seen) == 5  # the call and its only epoch: begin and end


def test_callbacks_follow_every_fit_of_many():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    clf = BinaryNetClassifier(early_stopping=False, **SMALL).set_callbacks(monitor)
    one, two = clf.fit_many([(X, y, {}), (X[:100], y[:100], {})])
    logs = monitor.get_logs(select="all")
    assert [log.data[-1]["accuracy"] for log in logs] == [one.score(X, y), two.score(X[:100], y[:100])]


def test_divergence_counts_the_networks_of_one_fit():
    diverging = {"optimizer": "sgd", "learning_rate": 1e30}
    with pytest.raises(ValueError, match="loss of network 1 of 2 is nan"):
        BinaryNetClassifier(**SMALL, **diverging, n_estimators=2).fit_many([(X, y, {}), (X, y, {})])
    with pytest.raises(ValueError, match=r"diverged: (val_)?loss is nan"):
        BinaryNetClassifier(**SMALL, **diverging, n_estimators=1).fit_many([(X, y, {}), (X, y, {})])


def test_scikit_learns_progress_bar_runs():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    with_bar = BinaryNetClassifier(**SMALL).set_callbacks(callback.ProgressBar()).fit(X, y)
    without = BinaryNetClassifier(**SMALL).fit(X, y)
    np.testing.assert_array_equal(with_bar.predict_proba(X), without.predict_proba(X))
