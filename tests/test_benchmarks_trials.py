"""The trials and the study of optimism beside the quality benchmark, on tiny tables."""

from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics
from scipy.special import expit

pytest.importorskip("benchmarks.quality", reason="benchmarks are not part of the source archive")

from benchmarks.quality import data, optimism
from benchmarks.quality.trials import __main__ as trials_command
from benchmarks.quality.trials import figures, network, recipes, store
from benchmarks.quality.trials import report as trials_report
from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._networks._piecewise import PiecewiseLinear


@pytest.fixture
def folder(tmp_path):
    """Two tables with one question, one with two."""
    folder = tmp_path / "tables"
    folder.mkdir()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 3))
    answers = {name: X[:, 0] + noise * rng.normal(size=160) > 0 for name, noise in {"easy": 0.3, "hard": 2.0}.items()}
    answers["labels"] = np.column_stack(list(answers.values()))
    for name, y in answers.items():
        np.savez(folder / f"{name}.npz", X=X.astype("f4"), y=y.astype("i1"), feature_names=["a", "b", "c"])
    return folder


class TestTrials:
    def test_they_run_once_and_are_reported(self, folder, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(network, "XLA", False)
        tiny = replace(recipes.PRODUCT, hidden=(4,), epochs=2, bins=2)
        trials = {
            "product": tiny,
            "again": replace(tiny, draw=1),
            "others": replace(
                tiny, says="all the others", ntk=True, halving=False, shared=2, weight_decay=0.1, dropout=0.1
            ),
        }
        for module in (recipes, trials_command, trials_report):
            monkeypatch.setattr(module, "TRIALS", trials)
        arguments = ["--data", str(folder), "--out", str(tmp_path), "--sets", "easy,hard,labels"]
        assert trials_command.main(["run", *arguments]) == 0
        # two tables with one question, three trials; labels are left out
        ran = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
        assert sorted(ran) == [[trial, table] for trial in sorted(trials) for table in ("easy", "hard")]
        curves = store.read_curves(tmp_path, "others", ("easy", 0))
        assert curves.oof.shape == (2, 112)
        assert curves.test.shape == (2, 5, 48)
        assert np.isfinite(curves.oof).all()
        assert curves.seconds > 0

        monkeypatch.setitem(trials, "again", replace(tiny, draw=2))
        trials_command.main(["run", *arguments])
        again = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in again] == ["again"] * 2  # whose settings have changed

        trials_command.main(["report", *arguments])
        lines = capsys.readouterr().out.splitlines()
        own = figures.standard(curves)["log_loss"]
        product = figures.standard(store.read_curves(tmp_path, "product", ("easy", 0)))["log_loss"]
        [by_table] = [line for line in lines if line.startswith("| easy |")]
        assert by_table.split(" | ")[-1] == f"{own / product:.3f} |"
        [line] = [line for line in lines if line.startswith("| `others` | all the others")]
        assert line.split(" | ")[2:4] == ["2", "2"]
        assert any(line.startswith("| 2 times the members: with those of `again` | 2 | 2 |") for line in lines)

        with pytest.raises(ValueError, match="no result of 'product'"):
            trials_command.main(["report", *arguments, "--splits", "1,"])

    def test_unknown_trial(self, tmp_path, capsys):
        with pytest.raises(SystemExit):
            trials_command.main(["run", "--out", str(tmp_path), "--trials", "product,nonsense"])
        assert "there is no nonsense" in capsys.readouterr().err

    def test_report_of_nothing(self, tmp_path):
        with pytest.raises(ValueError, match="no result of 'product'"):
            trials_report.make(tmp_path)

    def test_epochs_that_are_chosen(self):
        loss = np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 0.5], [0.5, 0.6]])
        assert figures.own_epochs(loss).tolist() == [3, 2]
        assert figures.joint_epoch(loss).tolist() == [3, 3]
        assert figures.last_epoch(loss).tolist() == [3, 3]
        # both stop at the first epoch that is no gain; the second network's first was better
        best, ran = figures.patient(loss, 1)
        assert best.tolist() == [1, 0]
        assert ran == 3
        assert figures.patient(loss, 4)[1] == 4

    def test_each_row_is_judged_by_its_own_member(self):
        oof = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        test = np.arange(8.0).reshape(2, 2, 2)
        y = np.array([1, 0, 1], np.int8)
        curves = store.Curves(oof, test, np.array([0, 1, 0], np.int8), y, y[:2], 0.0)
        out, of_members = figures.picked(curves, np.array([1, 0]))
        assert out.tolist() == [4.0, 2.0, 6.0]
        assert of_members.tolist() == [[4.0, 5.0], [2.0, 3.0]]
        expected = sklearn.metrics.log_loss(y[[0, 2]], expit(oof[1][[0, 2]]), labels=[0, 1])
        assert figures.losses(curves)[1, 0] == pytest.approx(expected)

    def test_quantile_bins_that_coincide_are_one(self):
        X = np.r_[np.zeros(70), np.arange(1.0, 31.0)][:, None]
        encoder = network.with_quantile_bins(PiecewiseLinear.fit(X, None, 1), X, 4)
        encoded = encoder.transform(X)
        # three quantiles out of five are 0
        assert encoded.shape == (100, 3)
        assert encoded[:, 1:].mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
        ends = encoded[[0, -1], 1:]
        assert (ends[1] - ends[0]) == pytest.approx([1, 1], abs=1e-6)


class TestOptimism:
    def test_figures_of_one_fit(self, folder, capsys):
        arguments = ["--data", str(folder), "--sets", "easy,labels", "--epochs", "2"]
        assert optimism.main(arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        heads, values = (line.strip("| ").split(" | ") for line in (lines[0], lines[2]))
        line = dict(zip(heads, values, strict=True))
        X, y, X_test, y_test = data.arrays("easy", 0, folder)
        clf = BinaryNetClassifier(epochs=2, random_state=0).fit(X, y)
        assert float(line["log-loss: out-of-fold"]) == pytest.approx(
            sklearn.metrics.log_loss(y, clf.oof_proba_), abs=1e-4
        )
        p = clf.predict_proba(X_test)[:, 1]
        assert float(line["log-loss: ensemble"]) == pytest.approx(sklearn.metrics.log_loss(y_test, p), abs=1e-4)
        # a mean of log-odds costs at most the mean of what they cost
        assert float(line["log-loss: single networks"]) > float(line["log-loss: ensemble"])
        assert float(line["threshold: best"]) >= max(float(line["threshold: tuned"]), float(line["threshold: 0.5"]))
        assert sum(line.startswith("- ") for line in lines) == 5

    def test_best_score(self):
        y = np.array([0, 1, 0, 1, 1])
        p = np.array([0.1, 0.3, 0.3, 0.4, 0.9])
        every = [sklearn.metrics.balanced_accuracy_score(y, p >= t) for t in [*p, 2.0]]
        assert optimism.best_score(y, p) == pytest.approx(max(every))
