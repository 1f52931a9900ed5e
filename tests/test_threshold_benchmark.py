"""The benchmarks of the tuner run from end to end, with our own network too."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn

FOLDER = Path(__file__).parent.parent / "benchmarks" / "thresholds"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.exists(), reason="benchmarks are not part of the source archive"),
]
MODULES = {path.stem for path in FOLDER.glob("*.py")} | {"classifiers", "tuners", "load"}
LOAD = """
import numpy as np

def names():
    return ["tiny", "labels"]

def load(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 3))
    y = (X[:, 0] + rng.normal(size=160) > 0.5).astype(int)
    return {"X": X, "y": y if name == "tiny" else np.column_stack([y, X[:, 1] > 0, X[:, 2] > 1]), "cat": []}
"""


@pytest.fixture
def study(monkeypatch, tmp_path):
    """Return a function that runs one of the scripts on tiny data, with a store of its own."""
    (tmp_path / "load.py").write_text(LOAD)
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def run(script, *options):
        module = importlib.import_module(script)
        if hasattr(module, "CACHE"):
            monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
        monkeypatch.setattr(sys, "argv", [script, *options])
        module.main()

    run.folder = tmp_path
    yield run
    for name in set(sys.modules) - before:
        if name.split(".")[0] in MODULES:
            del sys.modules[name]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_regret_of_our_network(study, capsys):
    classifiers = ["logistic", "binarynet"]
    study("models", "--data", str(study.folder), "--repeats", "1", "--classifiers", *classifiers)
    cases = sorted(path.stem for path in (study.folder / "cache").glob("*.npz"))
    assert cases == sorted(f"tiny-{name}-0" for name in classifiers)
    stored = np.load(study.folder / "cache" / "tiny-binarynet-0.npz")
    assert stored["proba"].shape == (6, 160)
    assert np.all((stored["proba"] > 0) & (stored["proba"] < 1))
    capsys.readouterr()
    study("regret", "--classifiers", *classifiers)
    lines = capsys.readouterr().out.splitlines()
    assert "binarynet" in lines[2]
    assert any(line.startswith("| scikit_learn | 1.000 | 1.00 to 1.00 | 1.00") for line in lines)
    regrets = json.loads((study.folder / "cache" / "regret.json").read_text())
    assert len(regrets) == 2 * 4 * 5
    of_one_model = [value for key, value in regrets.items() if not key.endswith("ours_ensemble")]
    assert min(of_one_model) > -1e-12  # the best threshold in hindsight is not beaten


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_several_labels(study, capsys):
    options = ["--set", "labels", "--models", "logistic", "network", "--repeats", "1", "--folds", "2"]
    study("multilabel", "--data", str(study.folder), *options)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:2] for row in rows] == [[f"| {m}", a] for m in ("logistic", "network") for a in ("macro", "micro")]
    assert all(0 < float(value) < 1 for row in rows for value in row[2:6])


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_share_of_positives_on_stored_models(study, capsys):
    study("models", "--data", str(study.folder), "--repeats", "1", "--classifiers", "logistic")
    capsys.readouterr()
    study("prevalence", "--classifiers", "logistic")
    head, _, *rows, warned = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert head[:3] == ["classifier", "odds", "method"]
    assert [row[1:3] for row in rows] == [
        [odds, method] for odds in ("x 0.1", "x 0.5", "x 2") for method in ("unadjusted", "em", "bbse")
    ]
    assert all(0 <= float(row[3]) < 0.6 for row in rows)
    assert any("warned" in cell for cell in warned)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_costs_of_each_row(study, monkeypatch, capsys):
    row_costs = importlib.import_module("row_costs")
    costs = np.tile([0.0, 1.0, 3.0, 0.0], (160, 1))
    monkeypatch.setattr(row_costs, "COSTS", {"tiny": lambda data: costs})
    options = ["--data", str(study.folder), "--sets", "tiny", "--models", "logistic", "--repeats", "1"]
    study("row_costs", *options)
    head, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows] == [["tiny", "logistic"], ["tiny", "logistic, balanced"]]
    assert float(rows[0][head.index("ours, by row")]) > 0
    y = np.array([0, 0, 1, 1])
    assert row_costs.saved(y == 1, y, costs[:4]) == 1
    assert row_costs.saved(y == 0, y, costs[:4]) == 1 - 8 / 2


def test_tuning_one_network(study, monkeypatch):
    network = importlib.import_module("network")
    for name, value in {"ROWS": 120, "HIDDEN": (4,), "EPOCHS": 2, "FOLDS": 2}.items():
        monkeypatch.setattr(network, name, value)
    # scikit-learn 1.6 goes by the tags of SciKeras' own time, which cannot be repaired.
    theirs = ["scikit-learn's tuner, SciKeras"] if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 7) else []
    for name in ["our tuner, our network", *theirs]:
        result = network.run(name, 1)
        assert len(result["seconds"]) == 2
        assert 0 <= result["score"] <= 1


def test_constraints_are_judged_by_the_truth(monkeypatch, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("threshold_coverage", FOLDER / "coverage.py")
    coverage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(coverage)
    for name, value in {"HERE": tmp_path, "SIZES": (400,), "DRAWS": 2}.items():
        monkeypatch.setattr(coverage, name, value)
    for name in ("ours", "ours_empirical"):
        coverage.run(name)
    capsys.readouterr()
    coverage.compare()
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| constraint | n | ours | ours_empirical |"
    assert [row.split(" | ")[0] for row in rows] == [
        "| recall >= 0.85; specificity",
        "| fpr <= 0.1; recall",
        "| precision >= 0.75; recall",
    ]
    # a known threshold: half of the positives lie above their own mean
    cut = coverage.expit(coverage.DISTANCE**2 / 2 + coverage.logit(coverage.SHARE))
    assert coverage.truth(cut)["recall"] == pytest.approx(0.5)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_truth_of_the_refitted_model(study, monkeypatch, capsys):
    refitted = importlib.import_module("refitted")
    for name, value in {"TRUTH": 3000, "SIZES": (120,), "CACHE": study.folder / "cache"}.items():
        monkeypatch.setattr(refitted, name, value)
    refitted.run(["logistic"], 1, refitted.SIZES)
    study("refitted", "--run", "logistic", "--repeats", "2", "--compare")  # what is there is not done again
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[:3] for row in rows] == [
        [f"logistic, {which}", n, "2"] for which in ("refitted", "average") for n in ("120", "all")
    ]
    # probabilities as labels: two rows, positive by a quarter at 0.3 and by three quarters at 0.8
    proba, scores = np.array([0.25, 0.75]), np.array([0.3, 0.8])
    assert refitted.true_value(proba, scores, 0.5, "recall") == 0.75
    assert refitted.true_value(proba, scores, 0.8, "fpr") == 0.25
    curve = refitted.true_curve(proba, scores)
    assert curve.tp.tolist() == [0, 0.75, 1]


def rows_of(printed):
    """Return the rows of a printed table, by their first two columns."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in printed.splitlines() if line[0] == "|"]
    return {tuple(cells[:2]): dict(zip(lines[0][2:], cells[2:], strict=True)) for cells in lines[2:]}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_rows_to_refer(study, capsys):
    study("refer", "--draws", "2", "--truth", "2000", "--train", "400")
    rows = rows_of(capsys.readouterr().out)
    assert {("bounds", "ours"), ("budget", "ours"), ("budget", "ours, cross-fitted")} <= set(rows)
    assert rows["budget", "ours"]["found"] == "100%"
    assert 0 < float(rows["budget", "ours"]["referred"]) < 0.3


def test_thresholds_of_groups(study, capsys):
    study("groups", "--draws", "2", "--points", "501", "--sizes", "2000")
    rows = rows_of(capsys.readouterr().out)
    apart = {way: float(row["apart"]) for (_, way), row in rows.items()}
    assert apart["one threshold"] > 0.4
    assert apart["ours"] < 0.2
    assert apart["ours, [empirical]"] < 0.2
    assert rows["2000", "ours, [empirical]"]["shown"] == "100%"
    assert rows["2000", "ours"]["lots"] == "0.0%"


def test_speed_of_the_threshold_step(study, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["speed", "--rows", "500", "--repeats", "1"])
    importlib.import_module("speed").main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1] for row in rows] == ["scikit-learn", "exact sweep", "ours, argmax", "ours, stable"]
    assert rows[1][4] == rows[2][4]  # the same maximum


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_other_rules_on_stored_models(study, capsys):
    study("models", "--data", str(study.folder), "--repeats", "1", "--classifiers", "logistic")
    capsys.readouterr()
    study("rules", "--classifiers", "logistic")
    title, head, _, *rows = [line for line in capsys.readouterr().out.splitlines() if line]
    assert title == "At most 3,000 training rows, 1 cases"
    assert head.startswith("| rule | ratio | 95 % interval | logistic | f1 | ")
    found = {row.split(" | ")[0].strip("| "): float(row.split(" | ")[1]) for row in rows}
    assert {"stable", "no step", "exact maximum", "plateau", "textbook unless told"} <= set(found)
    assert found["stable"] == found["step without a limit"]  # below 500 rows of a class there is none
    rules = importlib.import_module("rules")
    case = next((study.folder / "cache").glob("*.npz"))
    one = {
        (metric, rule): value for metric in ("f1", "cost") for rule, value in (("stable", 0.1), ("scikit_learn", 0.4))
    }
    assert (
        "| stable | 0.250 | 0.25 to 0.25 |"
        in rules.compare(
            {
                case.stem: one
                | dict.fromkeys(
                    [(m, r) for m in ("balanced_accuracy", "matthews_corrcoef") for r in ("stable", "scikit_learn")],
                    0.0,
                )
            }
        )[2]
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_question_is_answered_and_timed(study, capsys):
    study("questions", "--rows", "300", "--repeats", "1")
    _, _, *rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    names = [row.split(" | ")[0].strip("| ") for row in rows]
    questions = importlib.import_module("questions")
    assert names == list(questions.questions(50))
    assert all(0 <= float(cell) < 10_000 for row in rows for cell in row.split(" | ")[1:3])
    with pytest.raises(SystemExit):
        study("questions", "--rows", "50", "--only", "none of these")
    assert "unknown questions ['none of these']" in capsys.readouterr().err


def test_intervals_hold_the_best_threshold(study, monkeypatch, capsys):
    intervals = importlib.import_module("intervals")
    monkeypatch.setattr(intervals, "SIZES", [(1 / 3, 25), (0.1, 25)])
    study("intervals", "--repeats", "2")
    head, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert head[2:] == list(intervals.OBJECTIVES)
    assert [row[:2] for row in rows] == [["0.33", "25"], ["0.10", "25"]]
    cells = [cell.strip("%)").split(" (") for row in rows for cell in row[2:]]
    assert all(float(value) in (0, 50, 100) for pair in cells for value in pair)
    # the costs' best threshold is known without a search, and so is that of balanced accuracy
    assert intervals.best_threshold(intervals.OBJECTIVES["cost 1 : 5"], 0.1) == pytest.approx(1 / 6, abs=1e-3)
    assert intervals.best_threshold(intervals.OBJECTIVES["balanced accuracy"], 0.1) == pytest.approx(0.1, abs=1e-3)
    monkeypatch.setattr(intervals, "GROUPED_SIZES", [(1 / 3, 25)])
    study("intervals", "--repeats", "2", "--groups")
    assert capsys.readouterr().out.splitlines()[2].startswith("| 0.33 | 25 | ")
    y, scores, groups = intervals.draw(1 / 3, 2000, 5, np.random.default_rng(0))
    z = intervals.logit(scores) / intervals.DISTANCE  # the rows of each class by themselves are as without groups
    for label in (0, 1):
        by_group = z[y == label].reshape(-1, 5)
        assert by_group.std() == pytest.approx(1, abs=0.05)
        assert by_group.mean(axis=1).var() == pytest.approx(0.5 + 0.5 / 5, abs=0.05)
    assert groups.tolist() == np.repeat(np.arange(6000), 5).tolist()
