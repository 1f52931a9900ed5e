"""The examples run and their figures hold. Times are printed there and not asserted here."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xla,
    pytest.mark.filterwarnings("default"),  # Keras' and SciKeras' own
    pytest.mark.skipif(not EXAMPLES.exists(), reason="runs from the source folder"),
]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return what runs an example: it gives the names that the example defines."""

    def run_example(name):
        import matplotlib.pyplot as plt

        picture = tmp_path / "picture.png"
        monkeypatch.setattr("sys.argv", [name, str(picture)])
        monkeypatch.chdir(tmp_path)
        names = runpy.run_path(str(EXAMPLES / f"{name}.py"))
        plt.close("all")
        assert picture.stat().st_size > 5000
        return names

    return run_example


def test_probabilities_to_labels(run):
    names = run("plot_probabilities_to_labels")
    assert names["scores"]["tuned"] > names["scores"]["0.5"] + 0.02
    assert names["low"] <= names["tuned"].best_threshold_ <= names["high"]


def test_constant_lists(run):
    names = run("plot_constant_lists")
    assert names["accuracies"] == [1.0] * 10
    assert names["wrong_accuracy"] < 0.6
    assert names["mended_accuracy"] == 1.0
    assert "Dense(1, activation='sigmoid')" in names["refusal"]


def test_sigmoid_and_threshold(run):
    names = run("plot_sigmoid_and_threshold")
    assert names["same_loss"]
    assert len(set(names["accuracies"])) > 1
    assert names["low"] <= names["tuned"].best_threshold_ <= names["high"]
    assert names["search"].best_score_ > 0.85
    assert names["tuned"].best_score_ > 0.85


def test_multilabel(run):
    names = run("plot_multilabel")
    assert names["scores"]["a threshold each"] > names["scores"]["sigmoid at 0.5"] + 0.03
    np.testing.assert_allclose(names["shares"].sum(axis=1), 1, atol=1e-5)
    assert "4 softmax units" in names["refusal"]


def test_ionosphere(run):
    names = run("plot_ionosphere")
    assert names["figures"]["loss"] <= names["COURSE"]["loss"]
    assert names["figures"]["accuracy"] >= names["COURSE"]["accuracy"]


def test_overfitting(run):
    names = run("plot_overfitting")
    last, least = names["last"], names["least"]
    assert least["16 units"] < least["linear unit"]
    training, validation = last["deeper: 3 x 256 units"]
    assert training < 0.1 < validation - 0.5
    assert last["deeper, dropout 0.5"][1] < validation - 0.5
    assert last["deeper, both"][1] < validation - 0.5
    assert names["kept"] < validation - 0.5


def test_red_wine(run):
    names = run("plot_red_wine")
    assert names["median_error"] <= 0.080
    assert names["median_error"] < names["expected_error"]
    assert names["forest_error"] < names["median_error"]
    assert names["expected_root"] < names["median_root"]


def test_costs_and_constraints(run):
    names = run("plot_costs_and_constraints")
    (cost_before, *_), (cost_after, *_) = names["results"]["0.5"], names["results"]["costs"]
    assert cost_after < 0.8 * cost_before
    recall = {name: recall for name, (_, recall, _) in names["results"].items()}
    assert recall["recall 90 %, sure"] > recall["recall 90 %, here"] > recall["0.5"]
    assert names["line"]["bound"] >= 0.9
    assert not names["tuner"].constraint_satisfied_


def test_grid_search(run):
    names = run("plot_grid_search")
    assert (names["their_fits"], names["our_fits"], names["wide_fits"]) == (13, 13, 25)
    assert names["ours"].best_score_ > 0.75
    assert names["wide"].best_score_ >= names["ours"].best_score_ - 0.02


def test_from_scikeras(run):
    names = run("plot_from_scikeras")
    assert names["complaint"]
    assert names["alone"].shape != (1, 2)
    assert names["first"].predict_proba(names["X_test"][:1]).shape == (1, 2)
    assert names["after"].score(names["X_test"], names["y_test"]) > 0.8
    assert set(names["search"].best_params_) == {"model__units"}


def test_quickstart(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / "quickstart.py"))["main"]
    main(str(tmp_path / "picture.png"))
    assert (tmp_path / "picture.png").stat().st_size > 5000
    assert "recall" in capsys.readouterr().out
