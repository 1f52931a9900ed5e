"""The examples run, in one process, and the figures that they quote and print hold. Times are not asserted.

Tolerances leave room for another machine's rounding and other versions of the libraries.
"""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

approx = pytest.approx
EXAMPLES = Path(__file__).parents[1] / "examples"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # Keras' and SciKeras' own
    pytest.mark.skipif(not EXAMPLES.exists(), reason="runs from the source folder"),
]


def says(name, sentence):
    """Whether the example's prose has the sentence, however its lines are broken."""
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    return sentence in re.sub(r"\s+(# )?", " ", text)


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
    assert says("plot_probabilities_to_labels", "One trip in thirteen has no tip")
    assert 1 / names["y"].mean() == approx(13, abs=0.5)
    assert says("plot_probabilities_to_labels", 'no trip reaches 0.5, so all of them are called "tip"')
    assert names["proba"].max() < 0.5
    assert names["tuned"].best_threshold_ == approx(0.067, abs=0.015)
    assert names["scores"] == approx({"0.5": 0.5, "tuned": 0.555}, abs=0.025)
    assert 0 < names["low"] < names["high"] < 1


def test_constant_lists(run):
    names = run("plot_constant_lists")
    assert names["accuracies"] == [1.0] * 5
    assert says("plot_constant_lists", "right in half of the cases")
    assert names["wrong_accuracy"] == approx(0.5, abs=0.1)
    assert names["mended_accuracy"] == 1.0
    assert "Dense(1, activation='sigmoid')" in names["refusal"]


def test_sigmoid_and_threshold(run):
    names = run("plot_sigmoid_and_threshold")
    params = names["network"]().get_params()
    assert says("plot_sigmoid_and_threshold", "two layers of 124 units, dropout of 0.5 and 0.1")
    assert (params["hidden_layer_sizes"], params["dropout"]) == ((124, 124), (0.5, 0.1))
    assert says("plot_sigmoid_and_threshold", "SGD with learning rate 0.1 and momentum 0.003")
    assert (params["learning_rate"], params["optimizer"].momentum) == (0.1, 0.003)
    assert names["same_loss"]
    assert names["losses"][0][-1] == approx(0.153, abs=0.02)
    assert names["accuracies"] == approx([0.877, 0.915, 0.934, 0.953, 0.953], abs=0.03)
    assert len(set(names["accuracies"])) > 1
    assert 0 < names["low"] < names["high"] < 1
    assert names["search"].best_score_ == approx(names["tuned"].best_score_, abs=0.03)


def test_multilabel(run):
    names = run("plot_multilabel")
    expected = {"softmax at 0.5": 0.357, "sigmoid at 0.5": 0.370, "a threshold each": 0.453}
    assert names["scores"] == approx(expected, abs=0.04)
    assert names["scores"]["a threshold each"] > names["scores"]["sigmoid at 0.5"] + 0.03
    assert says("plot_multilabel", "All four lie below 0.5")
    assert np.all(names["tuned"].best_threshold_ < 0.5)
    assert says("plot_multilabel", "about a hundred positive rows")
    assert names["Y_train"].sum(axis=0).mean() == approx(110, abs=15)
    np.testing.assert_allclose(names["shares"].sum(axis=1), 1, atol=1e-5)
    assert "4 softmax units" in names["refusal"]


def test_ionosphere(run):
    names = run("plot_ionosphere")
    assert says("plot_ionosphere", "less than 0.001 for ten epochs")
    assert (names["clf"].min_delta, names["clf"].patience) == (0.001, 10)
    assert says("plot_ionosphere", "With 246 rows and eight hidden units")
    assert len(names["X_train"]) == 246
    assert names["figures"] == approx({"loss": 0.323, "accuracy": 0.8905}, abs=0.02)
    assert names["figures"]["loss"] <= names["COURSE"]["loss"]
    assert names["figures"]["accuracy"] >= names["COURSE"]["accuracy"]
    assert says("plot_ionosphere", "The defaults of the package do better")
    assert names["loss"] < names["figures"]["loss"] - 0.05
    assert names["accuracy"] > names["figures"]["accuracy"] + 0.02


def test_overfitting(run):
    names = run("plot_overfitting")
    last, least = names["last"], names["least"]
    assert least["16 units"] < least["linear unit"]
    assert last["linear unit"] == approx((0.539, 0.503), abs=0.03)  # both high and close together
    training, validation = last["deeper: 3 x 128 units"]
    assert training == min(loss for loss, _ in last.values())
    assert training == approx(0.06, abs=0.06)
    assert validation == approx(1.5, abs=0.4)
    for name in ("deeper, dropout 0.5", "deeper, both"):
        assert last[name] == approx((0.47, 0.50), abs=0.05)
    assert names["kept"] == approx(0.51, abs=0.03)


def test_red_wine(run):
    names = run("plot_red_wine")
    assert says("plot_red_wine", "an error of 0.0927")
    assert names["median_error"] == approx(0.077, abs=0.003)
    assert names["expected_error"] == approx(0.096, abs=0.003)
    assert names["forest_error"] == approx(0.0675, abs=0.003)
    assert names["expected_root"] == approx(0.124, abs=0.004)
    assert names["median_root"] == approx(0.133, abs=0.004)


def test_costs_and_constraints(run):
    names = run("plot_costs_and_constraints")
    assert says("plot_costs_and_constraints", "1 / (1 + 5) = 0.17")
    assert names["thresholds"]["costs"] == approx(1 / 6, abs=0.02)
    (cost_before, *_), (cost_after, *_) = names["results"]["0.5"], names["results"]["costs"]
    assert (cost_before, cost_after) == approx((0.794, 0.409), abs=0.06)
    recall = {name: recall for name, (_, recall, _) in names["results"].items()}
    assert recall["recall 90 %, sure"] > recall["recall 90 %, here"] > recall["0.5"]
    assert names["line"]["bound"] == approx(0.9, abs=0.01)
    assert names["line"]["bound"] >= 0.9
    assert not names["tuner"].constraint_satisfied_


def test_decision_curve(run):
    names = run("plot_decision_curve")
    assert says("plot_decision_curve", "The AUC is 0.88")
    assert names["aucs"] == approx({"plain": 0.876, "balanced": 0.875}, abs=0.01)
    assert says("plot_decision_curve", "At 0.5 the balanced model has less than half the benefit of the plain one")
    plain, balanced, _ = names["rows"][0.5]
    assert balanced < plain / 2
    assert names["tuned"].best_score_ == approx(plain, abs=0.03)  # a threshold mends it
    assert names["rows"][0.2] == approx([0.174, 0.179, 0.092], abs=0.02)


def test_refer(run):
    names = run("plot_refer")
    assert says("plot_refer", "Of those called benign one in eleven is malignant")
    results = names["results"]
    assert 1 / (1 - results["0.4 to 0.6"][2]) == approx(11, abs=1)
    assert results["bounds"] == approx((0.253, 1.0, 0.966), abs=0.04)
    assert min(results["bounds"][1:]) >= 0.9
    assert results["budget of 10 %"][0] <= 0.1
    assert results["a look costs 0.1"][2] >= results["bounds"][2]
    assert set(names["named"]) == {-1, 0, 1}


def test_groups(run):
    names = run("plot_groups")
    assert says("plot_groups", "One trip in thirteen has no tip")
    apart = {name: np.ptp(rates) for name, rates in names["results"].items()}
    assert apart["one threshold"] == approx(0.92, abs=0.05)
    assert apart["a threshold each"] <= 0.15
    assert names["line"]["bound"] <= 0.15
    assert names["report"]["satisfied"]
    assert names["report"]["score"] == approx(names["report"]["common_score"], abs=0.01)
    assert names["scores"] == approx({0.05: 0.514, 0.1: 0.536, 0.15: 0.542, 0.3: 0.551}, abs=0.012)
    assert says("plot_groups", "and broken on new ones")
    assert names["broken"] > 0.05


def test_row_costs(run):
    names = run("plot_row_costs")
    results = names["results"]
    expected = {"no reminder": 835, "one threshold": 757, "by each trip's costs": 690}
    assert {name: results[name] for name in expected} == approx(expected, rel=0.06)
    assert min(results, key=results.get) == "by each trip's costs"
    own = names["needless"] / (names["needless"] + names["missed"])
    np.testing.assert_array_equal(names["decided"] == 1, names["probability"] >= own)


def test_class_weights(run):
    names = run("plot_class_weights")
    assert says("plot_class_weights", "Now the model says 38 % on average")
    mean, loss, _ = zip(*names["figures"].values(), strict=True)
    assert mean == approx([0.078, 0.079, 0.382, 0.077, 0.472, 0.076], abs=0.02)
    assert loss[2] > loss[3] + 0.2
    assert loss[4] > loss[5] + 0.3
    assert loss[1::2] == approx([loss[0]] * 3, abs=0.01)


def test_prevalence(run):
    names = run("plot_prevalence")
    assert says("plot_prevalence", "only every sixth poor wine is left")
    low, high = names["found"].interval
    assert low <= names["y_new"].mean() <= high
    assert names["found"].prevalence == approx(names["y_new"].mean(), abs=0.03)
    assert names["tuner"].best_threshold_ > names["before"] + 0.1
    assert names["results"]["new threshold"] > names["results"]["old threshold"]
    assert len(names["caught"]) == 1
    assert names["found"].plausible


def test_uncertain_costs(run):
    names = run("plot_uncertain_costs")
    means, worsts = ({name: pair[i] for name, pair in names["results"].items()} for i in (0, 1))
    assert min(means, key=means.get) == "least mean regret"
    assert min(worsts, key=worsts.get) == "least worst regret"
    assert worsts["textbook"] > 3 * worsts["least worst regret"]
    assert -names["tuner"].best_score_ == approx(worsts["least worst regret"], abs=1e-9)


def test_grid_search(run):
    names = run("plot_grid_search")
    assert (names["their_fits"], names["our_fits"], names["wide_fits"]) == (5, 5, 17)
    assert says("plot_grid_search", "four times as many candidates")
    assert len(names["wide"].cv_results_["params"]) == 4 * len(names["ours"].cv_results_["params"])
    for name, expected in {"theirs": 0.88, "ours": 0.87, "wide": 0.88}.items():
        assert names[name].best_score_ == approx(expected, abs=0.04)


def test_from_scikeras(run):
    names = run("plot_from_scikeras")
    assert names["complaint"]
    assert names["alone"].shape != (1, 2)
    assert names["first"].predict_proba(names["X_test"][:1]).shape == (1, 2)
    assert names["after"].score(names["X_test"], names["y_test"]) == approx(0.87, abs=0.05)
    assert set(names["search"].best_params_) == {"model__units"}


@pytest.mark.xla  # as users train
def test_quickstart(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLES / "quickstart.py"))["main"]
    main(str(tmp_path / "picture.png"))
    assert (tmp_path / "picture.png").stat().st_size > 5000
    printed = capsys.readouterr().out
    threshold = float(re.search(r"Tuned threshold ([\d.]+)", printed)[1])
    assert threshold == approx(0.138, abs=0.03)
    table = dict(re.findall(r"^(precision|recall|F1) +([\d.]+ +[\d.]+)", printed, flags=re.MULTILINE))
    assert [float(value) for value in table["recall"].split()] == approx([0.921, 0.974], abs=0.03)
    assert [float(value) for value in table["precision"].split()] == approx([0.972, 0.841], abs=0.04)
