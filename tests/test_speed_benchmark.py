"""The speed benchmark judges and reports what it measured; its figures are not tested here."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytest.importorskip("benchmarks.speed", reason="benchmarks are not part of the source archive")

from benchmarks.speed import __main__ as command
from benchmarks.speed import adapters, checkouts, data, first, large, memory, report, resident, runner, scaling
from benchmarks.speed.adapters import mlp, roofline
from benchmarks.speed.tasks import (
    BY_NAME,
    IMPORT_ONLY,
    OURS,
    SCALING,
    TASKS,
    Limit,
    Shape,
    faster,
    quick,
)


def medians(**peers):
    return {"task": {peer: {m: {"median": v} for m, v in metrics.items()} for peer, metrics in peers.items()}}


class TestJudge:
    def test_ratio_to_a_peer(self):
        figures = medians(sklearn_binnet={"warm": 1.0}, mlp={"warm": 5.0})
        assert report.judge(faster("mlp", 5), "task", figures) == "met (5 times faster)"
        assert report.judge(faster("mlp", 5.1), "task", figures) == "MISSED (5 times faster)"

    def test_the_fastest_peer_counts_and_the_roofline_is_none(self):
        figures = medians(sklearn_binnet={"warm": 1.0}, mlp={"warm": 0.9}, torch={"warm": 2}, roofline={"warm": 9})
        assert report.judge(faster("every peer", 1), "task", figures).startswith("MISSED (0.9")

    def test_multiple_of_another(self):
        limit = Limit("warm", 2.5, "", "roofline")
        figures = medians(sklearn_binnet={"warm": 2.6}, roofline={"warm": 1.0})
        assert report.judge(limit, "task", figures) == "MISSED (2.6)"

    def test_own_other_task(self):
        limit = Limit("warm", 2.5, "", task="other")
        figures = {**medians(sklearn_binnet={"warm": 2.0})}
        figures["other"] = {OURS: {"warm": {"median": 1.0}}}
        assert report.judge(limit, "task", figures) == "met (2)"

    def test_absolute(self):
        figures = medians(sklearn_binnet={"growth_mb": 120.0})
        assert report.judge(Limit("growth_mb", 100, ""), "task", figures) == "MISSED (120)"

    @pytest.mark.parametrize("figures", [{}, medians(mlp={"warm": 1.0}), medians(sklearn_binnet={"warm": 1.0})])
    def test_missing_figures_are_told(self, figures):
        assert report.judge(faster("mlp", 2), "task", figures) == "not measured"


def test_medians_are_over_all_processes():
    answers = [{"first": 9.0, "warm": [1.0, 2.0]}, {"first": 7.0, "warm": [3.0]}, {"lacks": "x"}]
    summary = report.summarise(answers)
    assert summary == {
        "first": {"median": 8.0, "low": 7.0, "high": 9.0},
        "warm": {"median": 2.0, "low": 1.0, "high": 3.0},
    }


def test_table_shows_ratios_and_reasons():
    answers = {
        OURS: [{"first": 1.0, "warm": [0.01], "auc": [0.8]}],
        "mlp": [{"first": 3.0, "warm": [0.5], "auc": [0.7]}],
        "torch": [{"lacks": "cannot be imported: torch"}],
        "skorch": [{"failed": "ValueError: no"}],
    }
    text = "\n".join(report.table(BY_NAME["fit-2000x20"], answers))
    lines = {line.split("|")[1].strip(): line for line in text.splitlines()}
    assert [cell.strip() for cell in lines["mlp"].split("|")[2:7]] == [
        "3 s", "3", "0.5 s", "50", "0.7",
    ]  # fmt: skip
    assert "10 ms" in lines[OURS]
    assert "cannot be imported: torch" in lines["torch"]
    assert "failed: ValueError: no" in lines["skorch"]


@pytest.mark.parametrize("columns", [10, 33])
def test_data_can_be_learnt_and_stay_the_same(columns):
    X, y, X_test, y_test = data.make(2_000, columns)
    assert X.dtype == np.float32
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    assert roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]) > 0.65
    for array, again in zip((X, y, X_test, y_test), data.make(2_000, columns), strict=True):
        np.testing.assert_array_equal(array, again)
    np.testing.assert_array_equal(data.make(500, columns)[2], X_test)


def test_roofline_makes_every_product_of_a_training(monkeypatch):
    shape = Shape(rows=70, columns=5, hidden=(4, 3), batch=32, epochs=2)
    flops, multiply = [], np.matmul

    def counted(a, b, out):
        flops.append(2 * a.shape[0] * a.shape[1] * b.shape[1])
        return multiply(a, b, out=out)

    estimator = roofline.build(shape, 0)
    monkeypatch.setattr(np, "matmul", counted)
    estimator.fit(None, None)
    # forward and weight gradients in all layers, gradients to the layer below in all but the first
    sizes = np.array([5 * 4, 4 * 3, 3 * 1])
    assert sum(flops) == 2 * 70 * 2 * (2 * sizes.sum() + sizes[1:].sum())


def test_every_adapter_offers_the_interface():
    for name, module in adapters.ADAPTERS.items():
        source = adapters.__path__[0] + f"/{module}.py"
        with open(source, encoding="utf-8") as file:
            body = ast.parse(file.read()).body
        offered = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        assert {"load", "lacks", "build"} <= offered, name
        if name not in ("keras", "roofline"):
            assert "grid" in offered, name


def test_mlp_lacks_what_it_lacks():
    assert "dropout" in mlp.lacks(BY_NAME["fit-2000x20-regularised"].shape, "fit")
    assert mlp.lacks(BY_NAME["fit-2000x20"].shape, "fit") == ""


def test_scores_of_one_flat_row():
    class Flat:
        def predict_proba(self, X):
            return np.array([0.3, 0.7])

    np.testing.assert_array_equal(adapters.scores(Flat(), np.zeros((1, 2))), [0.7])


def test_who_takes_part():
    peers = list(adapters.ADAPTERS)
    assert runner.peers_of("fit-246x33", peers) == peers
    assert runner.peers_of("five-at-once", peers) == [OURS]
    assert "roofline" not in runner.peers_of("grid-search", peers)
    assert runner.peers_of("new-process", ["mlp"]) == ["mlp", IMPORT_ONLY]


def test_limits_name_what_is_there():
    for task in TASKS:
        for limit in task.limits:
            assert limit.peer in (None, "every peer", *adapters.ADAPTERS)
            assert limit.task in (None, *BY_NAME)
        assert quick(task).shape.rows <= 300


def test_command_measures_in_new_processes_and_writes_results(tmp_path, capsys):
    chosen = ["--quick", "--out", str(tmp_path), "--peers", "mlp"]
    assert command.main(["--task", "fit-246x33", *chosen, "roofline"]) == 0
    assert command.main(["--task", "fit-2000x20-regularised", *chosen]) == 0
    printed = capsys.readouterr().out
    records = json.loads((tmp_path / "cache" / "quick" / report.RAW).read_text())
    assert list(records) == ["fit-246x33", "fit-2000x20-regularised"]
    (answer,) = records["fit-246x33"]["answers"]["mlp"]
    assert answer["first"] > 0
    assert len(answer["warm"]) == 1
    assert 0 <= answer["auc"][0] <= 1
    assert "has no dropout" in printed
    text = (tmp_path / "cache" / "quick" / "speed.md").read_text()
    assert "fit 246 x 33" in text
    assert "not measured" in text


def test_curves_are_drawn(tmp_path):
    curves = {"mlp": {"rows": [[10, 0.1], [100, 1.0]]}, OURS: {"members": [[1, 0.2], [2, 0.3]]}}
    scaling.draw(curves, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_ends_when_a_fit_takes_too_long(monkeypatch):
    monkeypatch.setattr(scaling, "PATIENCE", -1.0)
    points = scaling.curve((1, 2, 3), lambda size: lambda: None, repeats=1)
    assert [size for size, _ in points] == [1]


def test_list(capsys):
    assert command.main(["--list"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {*BY_NAME, SCALING}


def test_two_checkouts_are_compared(capsys):
    here = str(Path(command.__file__).parents[2])
    assert checkouts.main([here, here, "--quick", "--task", "predict-1", "--rounds", "1", "--repeats", "1"]) == 0
    name, before, after, ratio, each = capsys.readouterr().out.splitlines()[1].split()
    assert name == "predict-1"
    assert float(ratio) == pytest.approx(float(after) / float(before), abs=2e-3, rel=2e-3)  # as printed
    assert float(each) > 0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from Linux")
class TestMemory:
    def test_the_peak_of_a_step_counts_for_those_around_it(self):
        class Steps:
            @staticmethod
            def inner():
                return np.ones(8 << 20).sum()  # 64 MB, which are given back

            @staticmethod
            def outer():
                return Steps.inner()

        watch = memory.Watch(resident.resident()[0])
        for name in ("inner", "outer"):
            watch.around(Steps, name)
        resident.reset()
        assert Steps.outer() == 8 << 20
        (inner, *first), (outer, *second) = watch.stages
        assert (inner, outer) == ("inner", "outer")
        for before, peak, after in (first, second):
            assert peak - before > 56
            assert after - before < 32
        assert watch.peak - watch.start > 56


class TestLarge:
    def test_a_busy_machine_is_refused(self, monkeypatch, capsys):
        monkeypatch.setattr(large, "used_by_others", lambda: 0.5)
        monkeypatch.setattr(large, "in_new_process", lambda *_: pytest.fail("it measured"))
        assert large.main([]) == 2
        told = capsys.readouterr()
        assert "50%" in told.err
        assert "--anyway" in told.err
        assert told.out == ""

    def test_it_stops_when_others_begin(self, monkeypatch, capsys):
        shares = iter([0.0, 0.9])
        monkeypatch.setattr(large, "used_by_others", lambda: next(shares))
        found = {"first": 1.0, "warm": None, "cpu": 2.0, "log_loss": 0.3, "auc": 0.9}
        monkeypatch.setattr(large, "in_new_process", lambda *_: found)
        assert large.main(["--rows", "100", "200", "--models", "catboost"]) == 2
        rows = [text for text in capsys.readouterr().out.splitlines() if "catboost" in text]
        assert rows == ["| 100 | catboost | 1.00 s |  | 2.0 s | 0.3000 | 0.9000 |"]

    def test_a_model_is_measured(self):
        found = large.measure("hist_gradient_boosting", 300, 20)
        assert found["first"] > 0
        assert found["warm"] > 0
        assert 0 < found["log_loss"] < 1
        assert found["auc"] > 0.6

    def test_the_network_is_the_default_one(self):
        assert large.build("network", 3).get_params()["n_estimators"] is None
        one = large.build("one network", 3)
        assert (one.n_estimators, one.random_state) == (1, 3)


class TestFirst:
    def test_a_busy_machine_is_refused(self, monkeypatch):
        monkeypatch.setattr(large, "used_by_others", lambda: 0.5)
        monkeypatch.setattr(first, "run", lambda *_: pytest.fail("it measured"))
        assert first.main([]) == 2

    def test_the_cache_is_filled_first_and_seen_by_its_own_line_alone(self, monkeypatch):
        calls = []
        monkeypatch.setattr(first, "run", lambda code, checkout, cache: calls.append((code, cache)) or (1.0, 2.0))
        found = first.measure([first.OURS, first.CACHED], 2, Path())
        (_, filled), *rounds = calls
        assert filled is not None
        assert [cache for _, cache in rounds] == [None, filled] * 2
        assert found == {first.OURS: [(1.0, 2.0)] * 2, first.CACHED: [(1.0, 2.0)] * 2}

    def test_the_table_counts_from_tensorflows_import(self):
        runs = {first.TENSORFLOW: [(4.0, 3.0), (6.0, 3.0), (5.0, 3.0)], first.OURS: [(7.5, 6.0)]}
        *_, floor, ours = first.table(runs)
        assert floor == "| import TensorFlow | 5.00 (4.00 to 6.00) | 3.00 | +0.00 s |  |"
        assert ours == "| ours | 7.50 (7.50 to 7.50) | 6.00 | +2.50 s | +2.2 s |"

    def test_a_process_runs_the_package_of_the_checkout(self, tmp_path):
        package = tmp_path / "sklearn_binnet"
        package.mkdir()
        (package / "__init__.py").write_text("import os\nassert os.environ['SKLEARN_BINNET_CACHE'] == 'here'\n")
        seconds, cpu = first.run("import sklearn_binnet, benchmarks.speed", tmp_path, "here")
        assert seconds > 0
        assert cpu > 0
