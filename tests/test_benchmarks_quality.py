"""The quality benchmark's protocol, cache and report, on tiny tables; its figures are not tested here.

The study of out-of-fold figures beside it, too.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

pytest.importorskip("benchmarks.quality", reason="benchmarks are not part of the source archive")

from benchmarks.quality import __main__ as command
from benchmarks.quality import (
    adapters,
    cache,
    compare,
    data,
    limits,
    made,
    metrics,
    optimism,
    prediction,
    report,
    runner,
    worker,
)
from sklearn_binnet import BinaryNetClassifier

MIXED = """cat:colour,size,y,cost_a
red,1.5,1,3
NA,,0,1
,2.5,0,1
red,3.5,1,2
"""

TRIALS = """
import os, time
from benchmarks.quality.adapters import Model
from sklearn.dummy import DummyClassifier

LIBRARIES = ("no-such-library",)
MODELS = {
    "dummy": Model("dummy", {"strategy": "prior"}, compiles=True, multilabel=True),
    "raises": Model("raises"),
    "dies": Model("dies"),
    "hangs": Model("hangs"),
}

def build(model, seed, n_labels=None):
    if model.says == "raises":
        raise RuntimeError("no such luck")
    if model.says == "dies":
        os._exit(3)
    if model.says == "hangs":
        time.sleep(600)
    return DummyClassifier(random_state=seed, **model.settings)
"""


@pytest.fixture
def folder(tmp_path):
    """Two plain tables, one with categories and gaps, one with three labels."""
    folder = tmp_path / "tables"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, noise in {"easy": 0.3, "hard": 2.0}.items():
        X = rng.normal(size=(160, 3))
        y = X[:, 0] + noise * rng.normal(size=160) > 0
        np.savez(folder / f"{name}.npz", X=X.astype("f4"), y=y.astype("i1"), feature_names=["a", "b", "c"])
    y = np.column_stack([y, ~y, rng.random(160) < 0.5]).astype("i1")
    np.savez(folder / "labels.npz", X=X, y=y, feature_names=["a", "b", "c"])
    frame = pd.DataFrame({"cat:colour": rng.choice(["red", "green", ""], 160), "size": X[:, 0], "y": (X[:, 0] > 0) * 1})
    frame.loc[::7, "size"] = np.nan
    frame.to_csv(folder / "mixed.csv.gz", index=False)
    return folder


class TestData:
    def test_a_table_with_words_and_gaps(self, tmp_path):
        with gzip.open(tmp_path / "mixed.csv.gz", "wt") as file:
            file.write(MIXED)
        table = data.load("mixed", tmp_path)
        assert list(table.X.columns) == ["colour", "size"]
        assert table.categories == ["colour"]
        # "NA" is a word, an empty field is missing
        assert table.X["colour"].tolist()[:2] == ["red", "NA"]
        assert table.X.isna().to_numpy().tolist() == [[False, False], [False, True], [True, False], [False, False]]
        assert table.X["size"].dtype == float
        assert table.y.tolist() == [1, 0, 0, 1]
        assert not table.plain

    def test_numbers(self, folder):
        table = data.load("easy", folder)
        assert table.X.shape == (160, 3)
        assert set(map(str, table.X.dtypes)) == {"float64"}
        assert table.plain
        assert data.load("labels", folder).y.shape == (160, 3)
        assert table.digest == data.load("easy", folder).digest != data.load("hard", folder).digest

    def test_names(self, folder):
        built_in = ["breast_cancer", "made_outer_percent", "made_rare_rule", "made_long_counts"]
        assert data.names(folder) == ["easy", "hard", "labels", "mixed", *built_in]
        assert data.names(None) == built_in
        assert data.load("breast_cancer", None).X.shape == (569, 30)
        with pytest.raises(ValueError, match=r"No table 'huge'; there are easy, hard"):
            data.load("huge", folder)

    def test_made_tables_are_what_they_say(self):
        tails = data.load("made_outer_percent", None)
        first, second = tails.X["x0"], tails.X["x1"]
        low = second < second.quantile(0.02)
        assert not tails.y[low].any()
        assert tails.y[(first > first.quantile(0.98)) & ~low].all()
        rare = data.load("made_rare_rule", None)
        assert 0.01 < rare.y.mean() < 0.03
        counts = data.load("made_long_counts", None)
        values = counts.X.to_numpy()
        assert (values == np.floor(values)).all()
        assert values.max() > 1000
        rule = ((values[:, 0] >= 12) & (values[:, 1] < 30)) | (values[:, 2] >= 150)
        np.testing.assert_array_equal(counts.y, rule)
        for name in made.MAKERS:
            assert data.load(name, None).digest == data.load(name, None).digest
            assert data.load(name, None).X.shape == (6_000, 8)

    def test_rows_are_drawn_and_split_by_class(self):
        table = data.load("breast_cancer", None)
        part = data.split(table, seed=1, rows=200)
        assert (len(part.train), len(part.test)) == (140, 60)
        assert not set(part.train) & set(part.test)
        assert np.mean(part.y_train) == pytest.approx(table.y.mean(), abs=0.01)
        assert np.mean(part.y_test) == pytest.approx(table.y.mean(), abs=0.01)
        np.testing.assert_array_equal(part.train, data.split(table, seed=1, rows=200).train)
        assert set(part.train) != set(data.split(table, seed=2, rows=200).train)
        assert len(data.split(table, seed=1).train) == 398

    def test_the_common_columns(self, folder):
        X_train, y_train, X_test, y_test = data.arrays("mixed", 0, folder)
        raw, _, raw_test, _ = data.arrays("mixed", 0, folder, form="raw")
        # a number, then three levels: missing is one
        assert X_train.shape == (112, 4)
        assert X_test.shape == (48, 4)
        assert (len(y_train), len(y_test)) == (112, 48)
        np.testing.assert_array_equal(X_train[:, 1:].sum(axis=1), 1)
        filled = X_test[raw_test["size"].isna().to_numpy(), 0]
        assert len(filled)
        # the median is that of the training rows
        np.testing.assert_array_equal(filled, raw["size"].median())
        assert isinstance(raw["colour"].dtype, pd.CategoricalDtype)

    def test_a_level_that_training_lacks_is_all_zero(self):
        X = pd.DataFrame({"level": pd.Categorical(["a", "b"] * 2 + ["c"])})
        part = data.Split(data.Table("t", X, np.array([0, 1, 0, 1, 1], "i1")), 0, np.arange(4), np.array([4]))
        np.testing.assert_array_equal(part.columns("encoded")[1], [[0, 0]])


class TestMetrics:
    def test_against_scikit_learn(self):
        rng = np.random.default_rng(1)
        y, p = rng.integers(0, 2, 300), rng.random(300)
        found = metrics.figures(y, p)
        assert list(found) == list(metrics.METRICS)
        assert found["log_loss"] == pytest.approx(sklearn.metrics.log_loss(y, p))
        assert found["brier"] == pytest.approx(sklearn.metrics.brier_score_loss(y, p))
        assert found["auc_error"] == pytest.approx(1 - sklearn.metrics.roc_auc_score(y, p))
        assert found["accuracy"] == pytest.approx(np.mean((p > 0.5) == y))

    def test_certain_errors_cost_a_limited_loss(self):
        assert metrics.log_loss(np.array([1]), np.array([0.0], "f4")) == pytest.approx(-np.log(1e-7))
        assert metrics.log_loss(np.array([0]), np.array([1.0], "f4")) == pytest.approx(-np.log(1e-7), rel=1e-3)

    def test_perfect_ranks_have_a_floor(self):
        assert metrics.auc_error(np.array([0, 1]), np.array([0.1, 0.2])) == metrics.FLOOR
        assert np.isnan(metrics.auc_error(np.array([1, 1]), np.array([0.1, 0.2])))

    def test_calibration_error_by_hand(self):
        # two bins of three rows: means 0.25 and 0.75, shares 1/3 and 2/3
        p = np.array([0.15, 0.25, 0.35, 0.65, 0.75, 0.85])
        y = np.array([0, 0, 1, 0, 1, 1])
        assert metrics.ece(y, p, bins=2) == pytest.approx(1 / 3 - 0.25)
        # each row has one of ten equal parts to itself
        assert metrics.ece(y, p, bins=10, width=True) == pytest.approx(np.mean(np.abs(p - y)))

    @pytest.mark.parametrize("width", [False, True])
    def test_calibration_error_of_one_probability(self, width):
        y = np.array([1, 0, 0, 0])
        assert metrics.ece(y, np.full(4, 0.25), width=width) == pytest.approx(0)
        assert metrics.ece(y, np.full(4, 1.0), width=width) == pytest.approx(0.75)

    def test_labels_are_averaged(self):
        y = np.array([[0, 1], [1, 1], [1, 0]])
        p = np.array([[0.2, 0.6], [0.7, 0.9], [0.4, 0.3]])
        each = [metrics.figures(y[:, i], p[:, i]) for i in range(2)]
        found = metrics.figures(y, p)
        assert found["brier"] == pytest.approx(np.mean([one["brier"] for one in each]))
        with pytest.raises(ValueError, match=r"shape \(3, 2\) need as many probabilities, got shape \(3,\)"):
            metrics.figures(y, p[:, 0])


class TestAdapters:
    def test_every_module_offers_the_interface(self):
        names = adapters.known()
        assert len(names) == len(set(names))
        for name in names:
            module, model = adapters.module_of(name), adapters.model_of(name)
            assert callable(module.build)
            assert isinstance(module.LIBRARIES, tuple)
            assert (model.form == "raw") == (model.base is not None)
            assert model.base in (None, *names)

    def test_unknown(self, tmp_path):
        with pytest.raises(ValueError, match=r"No model 'oracle'; there are logistic, hgb"):
            adapters.model_of("oracle")
        with pytest.raises(ValueError, match="is no Python file"):
            adapters.model_of(f"{tmp_path}/none.py:oracle")

    def test_our_key_knows_every_parameter(self):
        found = adapters.depends_on("binnet_tutorial")
        assert found["settings"]["learning_rate"] == found["parameters"]["learning_rate"] == 1e-3
        assert "dropout" in found["parameters"]
        assert len(found["sources"]) == 16

    def test_shapes_of_answers(self):
        class Flat:
            def predict_proba(self, X):
                return np.array([0.3, 0.7])

        class Listed:
            def predict_proba(self, X):
                return [np.array([[0.1, 0.9]]), np.array([[0.8, 0.2]])]

        np.testing.assert_array_equal(adapters.positive(Flat(), np.zeros((1, 2)), None), [0.7])
        np.testing.assert_array_equal(adapters.positive(Listed(), np.zeros((1, 2)), 2), [[0.9, 0.2]])


class Here:
    """A worker without a process, which takes seconds to start."""

    def __init__(self, model, options):
        self.model = model
        self.warm = set()

    def answer(self, job):
        return worker.answer(job, self.warm)

    def stop(self):
        self.model = None


class TestRuns:
    @pytest.fixture
    def here(self, monkeypatch):
        monkeypatch.setattr(runner, "Worker", Here)
        with threadpool_limits(1):  # as the worker's process has it
            yield

    @pytest.fixture
    def trials(self, tmp_path):
        path = tmp_path / "trials.py"
        path.write_text(TRIALS)
        return path

    def run(self, folder, tmp_path, *more):
        return command.main(["run", "--data", str(folder), "--out", str(tmp_path / "out"), *more])

    @pytest.mark.usefixtures("here")
    def test_a_run_is_resumed_and_reported(self, folder, tmp_path, capsys):
        models = "logistic,hgb,hgb_native"
        assert self.run(folder, tmp_path, "--models", models, "--splits", "2") == 0
        # hgb_native only where raw and encoded differ, and not for labels
        assert len(capsys.readouterr().err.splitlines()) == 2 * (4 + 4 + 1)
        assert self.run(folder, tmp_path, "--models", models, "--splits", "2,") == 0
        assert len(capsys.readouterr().err.splitlines()) == 4 + 4 + 1
        assert self.run(folder, tmp_path, "--models", models, "--splits", "3") == 0
        assert capsys.readouterr().err == ""

        results = tmp_path / "results"
        out = ["--out", str(tmp_path / "out"), "--results", str(results), "--ours", "logistic"]
        assert command.main(["report", *out]) == 0
        text = (results / "quality.md").read_text()
        assert text.strip() == capsys.readouterr().out.strip()
        assert "3 tables, splits 0, 1, 2. Ratios to hgb." in text
        assert "own categories and missing values" in text
        assert "labels: 3 labels" in text
        assert (results / "quality.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.usefixtures("here")
    def test_predictions_are_kept(self, folder, tmp_path):
        self.run(folder, tmp_path, "--models", "logistic", "--sets", "easy", "--splits", "1")
        ((place, record),) = cache.answers(tmp_path / "out")
        y, p = cache.probabilities(place)
        np.testing.assert_array_equal(y, data.arrays("easy", 0, folder)[3])
        assert p.dtype == np.float32
        assert record["metrics"]["log_loss"] == pytest.approx(metrics.log_loss(y, p), rel=1e-5)
        assert record["fit_cpu"] > 0
        assert record["depends_on"]["settings"] == {"max_iter": 1000}

    def test_what_compiles_is_fitted_twice(self, folder, tmp_path, trials):
        job = worker.Job(f"{trials}:dummy", "labels", 0, 100, folder, tmp_path / "out")
        record = worker.answer(job, set())
        assert {"first_cpu", "fit_cpu"} <= record.keys()
        assert record["depends_on"]["versions"] == {"no-such-library": "absent"}
        assert record["n_labels"] == 3
        ((place, _),) = cache.answers(tmp_path / "out")
        assert cache.probabilities(place)[1].shape == (30, 3)

    @pytest.mark.slow
    def test_failures_are_records(self, folder, tmp_path, trials, capsys):
        models = ",".join(f"{trials}:{name}" for name in ("raises", "dies", "dummy"))
        chosen = ["--sets", "easy", "--splits", "1", "--models"]
        assert self.run(folder, tmp_path, *chosen, models) == 1
        told = capsys.readouterr().err.splitlines()
        assert told[0].endswith("RuntimeError: no such luck")
        assert told[1].endswith("the process ended with status 3")
        assert "log-loss" in told[2]
        # known failures stay, unless they are to be tried again
        assert self.run(folder, tmp_path, *chosen, models) == 0
        assert capsys.readouterr().err == ""
        assert self.run(folder, tmp_path, *chosen, f"{trials}:raises", "--retry") == 1
        assert len(capsys.readouterr().err.splitlines()) == 1
        text = report.make(tmp_path / "out", base="dummy", ours="dummy")
        assert "- raises, easy, split 0: RuntimeError: no such luck" in text

    def test_a_fit_that_hangs_is_given_up(self, folder, tmp_path, trials, capsys):
        chosen = ["--sets", "easy", "--splits", "1", "--limit", "0.5"]
        assert self.run(folder, tmp_path, *chosen, "--models", f"{trials}:hangs") == 1
        assert "given up after 0.5 s" in capsys.readouterr().err

    def test_other_settings_get_another_place(self, folder, tmp_path, trials):
        table = data.load("easy", folder)
        job = worker.Job(f"{trials}:dummy", "easy", 0, 100, folder, tmp_path)
        other = tmp_path / "other.py"
        other.write_text(TRIALS.replace('"prior"', '"stratified"'))
        places = {
            job.place(table).record,
            worker.Job(f"{other}:dummy", "easy", 0, 100, folder, tmp_path).place(table).record,
            worker.Job(f"{trials}:dummy", "easy", 0, 90, folder, tmp_path).place(table).record,
        }
        assert len(places) == 3

    def test_environment_is_put_back(self, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
        with runner.one_thread():
            assert runner.os.environ["OMP_NUM_THREADS"] == runner.os.environ["MKL_NUM_THREADS"] == "1"
        assert runner.os.environ["OMP_NUM_THREADS"] == "7"
        assert "MKL_NUM_THREADS" not in runner.os.environ

    def test_list(self, capsys):
        assert command.main(["list"]) == 0
        assert "hgb" in capsys.readouterr().out


def comparison(**losses):
    values = np.array(list(losses.values()), float)
    tables = [f"t{i}" for i in range(values.shape[1])]
    return compare.Comparison(list(losses), tables, [0], dict.fromkeys([*metrics.METRICS, "fit_cpu"], values))


class TestCompare:
    def test_ratio_rank_wins_and_losses(self):
        found = comparison(a=[1, 2, 3], b=[2, 2, 1.5], c=[4, 8, 12])
        assert found.ratio("log_loss", "a", "b") == pytest.approx(1.0)
        assert found.ratio("log_loss", "c", "a") == pytest.approx(4)
        np.testing.assert_allclose(found.ranks("log_loss"), [1.5, 1.5, 3])
        assert found.wins("log_loss", "a", "b") == 1.5
        assert found.worse("log_loss", "a", "b") == ["t2"]

    def test_test_over_tables(self):
        base = np.linspace(1, 2, 12)
        found = comparison(a=base, b=base * np.linspace(1.1, 1.3, 12), c=base)
        # all twelve differences have one sign: 2 / 2^12
        assert found.p_value("log_loss", "a", "b") == pytest.approx(2 / 2**12)
        assert found.p_value("log_loss", "a", "c") == 1
        assert found.all_pairs("log_loss")["a", "b"] == pytest.approx(3 * 2 / 2**12)

    def test_holm(self):
        np.testing.assert_allclose(compare.holm([0.01, 0.04, 0.03, 0.5]), [0.04, 0.09, 0.09, 0.5])
        p = [0.2, 0.001, 0.9]
        assert np.all(np.array(compare.holm(p)) >= false_discovery_control(p))

    def test_bars_join_what_does_not_differ(self):
        base = np.linspace(1, 2, 12)
        mixed = base * np.tile([0.98, 1.03], 6)
        found = comparison(a=base, far=base * np.linspace(2, 3, 12), b=mixed)
        (run,) = compare.cliques(found, "log_loss")
        order = [found.models[i] for i in np.argsort(found.ranks("log_loss"), kind="stable")]
        assert run == (0, 1)
        assert set(order[:2]) == {"a", "b"}

    def test_limits(self):
        base = np.linspace(1, 2, 12)
        lines = limits.judge(comparison(hgb=base, ours=base * 0.87, far=base * 2), "hgb", "ours")
        assert lines[0] == "- log-loss at most 0.820 times hgb's: **missed** (0.870)"
        assert lines[1] == "- 1 - AUC at most 0.816 times hgb's: **missed** (0.870)"
        assert lines[3] == "- first in mean rank, log-loss: met (1.00; hgb 2.00)"
        assert "missed" not in "".join(lines[2:])
        near = limits.judge(comparison(hgb=base, ours=base * 0.81, far=base * 2), "hgb", "ours")
        assert "missed" not in "".join(near)
        tied = limits.judge(comparison(hgb=base, ours=base, far=base * 1.5), "hgb", "ours")
        assert tied[4] == "- first in mean rank, AUC: **missed** (1.50; hgb 1.50)"
        worse = limits.judge(comparison(hgb=base, ours=[1.06, *base[1:]]), "hgb", "ours")
        assert worse[6] == "- no table with log-loss more than 5 % above hgb's: **missed** (t0)"
        slow = limits.judge(comparison(hgb=base + 99, ours=[*base[1:] + 3, 16]), "hgb", "ours")
        assert slow[7] == "- at most 4.0 CPU seconds for a warm fit, median: **missed** (4.59)"
        assert slow[8] == "- at most 15.0 CPU seconds for a warm fit, slowest table: **missed** (16.00)"

    def test_limits_of_several_labels(self):
        lines = limits.judge_labels(comparison(hgb=[0.5], ours=[0.45], mlp=[0.44]), "ours")
        assert [("met" in line, "hgb" in line) for line in lines] == [(True, True)] * 2 + [(False, False)] * 2
        yeast = comparison(ours=[0.35])
        yeast.tables[:] = ["ml_yeast"]
        assert limits.judge_labels(yeast, "ours") == [
            "- log-loss at most 0.43: met (0.3500)",
            "- 1 - macro AUC at most 0.288: **missed** (0.3500)",
        ]

    def test_our_raw_model_takes_the_place_of_its_base(self):
        frame = self.frame(hgb={"t0": [0], "t1": [0]}, native={"t1": [0]}, other={"t1": [0]})
        cells = compare.Cells(frame, {}, {"native": "hgb"}, {}, [])
        assert set(report.same_columns(cells, "other")["model"]) == {"hgb", "other"}
        found = report.same_columns(cells, "native")
        assert sorted(found["model"]) == ["native", "native", "other"]

    def frame(self, **seeds):
        lines = [
            {"model": m, "table": t, "seed": s, "n_labels": 0, "plain": t == "t0", "log_loss": 0.1 * (s + 1)}
            for m, of_model in seeds.items()
            for t, of_table in of_model.items()
            for s in of_table
        ]
        filled = dict.fromkeys({*metrics.METRICS, *compare.SECONDS} - {"log_loss"}, 1.0)
        return pd.DataFrame(lines).assign(**filled)

    def test_splits_are_averaged_and_whole(self):
        frame = self.frame(a={"t0": [0, 1], "t1": [0, 1]}, b={"t0": [0, 1], "t1": [0]})
        assert compare.complete(frame, ["t0", "t1"], [0, 1]) == ["a"]
        assert compare.complete(frame, ["t0", "t1"], [0]) == ["a", "b"]
        found = compare.compare(frame, ["a"], ["t0", "t1"], [0, 1])
        np.testing.assert_allclose(found.of("log_loss", "a"), 0.15)

    def test_partial_models_meet_the_others_on_what_they_share(self):
        whole = {f"t{i}": [0, 1] for i in range(3)}
        frame = self.frame(a=whole, hgb=whole, late={t: [1] for t in whole}, few={"t0": [0], "t2": [0]})
        cells = compare.Cells(frame, {m: m for m in ("a", "hgb", "late", "few")}, {}, {}, [])
        main = compare.compare(frame, ["a", "hgb"], ["t0", "t1", "t2"], [0, 1])
        text = "\n".join(report.fewer(frame, main, cells, "hgb", "a"))
        whole_split, two_tables = text.split("2 tables, splits 0.")
        assert "3 tables, splits 1." in whole_split
        assert "| late |" in whole_split
        assert "| few |" not in whole_split
        assert "| few |" in two_tables
        assert "| late |" not in two_tables

    def test_raw_models_are_their_base_on_plain_tables(self):
        frame = self.frame(hgb={"t0": [0], "t1": [0]}, native={"t1": [0]})
        found = compare.completed(compare.Cells(frame, {}, {"native": "hgb"}, {}, []))
        assert compare.complete(found, ["t0", "t1"], [0]) == ["hgb", "native"]

    def test_the_settings_of_the_last_fit_count(self, tmp_path):
        y, p = np.array([0, 1]), np.array([0.1, 0.8])
        common = {"says": "m", "base": None, "rows": 9, "n_labels": None, "plain": True, "fit_cpu": 1, "fit_wall": 1}
        for day, version, table in [(1, "1", "t0"), (1, "1", "t1"), (2, "2", "t0")]:
            record = {**common, "date": f"2026-01-0{day}", "depends_on": {"versions": {"m": version}}}
            cache.Place(tmp_path, table, "m", version, 0).write(record, y, p)
        cells = compare.collect(tmp_path)
        assert cells.frame["table"].tolist() == ["t0"]
        assert cells.versions == {"m": {"m": "2"}}

    def test_stored_figures_stand_in_for_models_that_were_not_run(self, tmp_path):
        y, p = np.array([0, 1]), np.array([0.1, 0.8])
        record = {"says": "ours", "base": None, "rows": 9, "n_labels": None, "plain": True, "fit_cpu": 1, "fit_wall": 1}
        record |= {"date": "2026-01-01", "depends_on": {"versions": {}}}
        for table in ("t0", "t1"):
            cache.Place(tmp_path, table, "binnet", "1", 0).write(record, y, p)
        own = compare.collect(tmp_path)
        stored = own.frame.assign(model="hgb", log_loss=own.frame["log_loss"] * 2)
        elsewhere = stored.iloc[:1].assign(table="another")
        stale = own.frame.assign(log_loss=9.0)
        pd.concat([stored, elsewhere, stale]).to_csv(tmp_path / "peers.csv", index=False)
        assert compare.with_stored(own, tmp_path / "peers.csv", ["catboost"]).stored == []
        cells = compare.with_stored(own, tmp_path / "peers.csv")
        assert (cells.stored, cells.says["hgb"], cells.base) == (["hgb"], "HistGradientBoosting", {})
        assert sorted(cells.frame["model"]) == ["binnet"] * 2 + ["hgb"] * 2
        assert set(cells.frame["table"]) == {"t0", "t1"}
        found = compare.compare(cells.frame, ["hgb", "binnet"], ["t0", "t1"], [0])
        assert found.ratio("log_loss", "binnet", "hgb") == pytest.approx(0.5)
        text = report.make(tmp_path, peers=tmp_path / "peers.csv")
        assert "- Not run anew, figures of an earlier run: hgb" in text

    def test_figures_of_all_peers_are_stored(self):
        stored = pd.read_csv(Path(report.__file__).parent / "results" / "peers.csv")
        assert {"hgb", "catboost", "lightgbm", "forest", "mlp"} <= set(stored["model"]) <= set(adapters.known())
        assert not stored.duplicated(["model", "table", "seed"]).any()

    def test_ratios_need_their_base(self, tmp_path):
        with pytest.raises(ValueError, match="There is no answer of 'hgb'"):
            report.make(tmp_path)

    def test_records_are_plain_json(self, tmp_path):
        place = cache.Place(tmp_path, "t", "m-with-dash", "00000000", 4)
        place.write({"rows": 3})
        assert json.loads(place.record.read_text()) == {"rows": 3, "table": "t", "model": "m-with-dash", "seed": 4}
        ((found, _),) = cache.answers(tmp_path)
        assert found == place


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


@pytest.mark.slow
def test_cost_of_predictions_is_told_with_its_limits(monkeypatch, capsys):
    monkeypatch.setattr(prediction, "MANY_ROWS", 500)
    monkeypatch.setattr(prediction, "SINGLE_ROWS", 3)
    monkeypatch.setattr(prediction, "MOST_MEGABYTES", 1e-6)
    assert prediction.main(["--rows", "80", "--columns", "3", "--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:4]] == ["| default", "| `retrieval=False`"]
    assert [float(cell) >= 0 for cell in lines[2].strip("| ").split(" | ")[1:]] == [True] * 4
    assert "- a pickle of at most 1e-06 MB: **missed**" in lines[-1]
