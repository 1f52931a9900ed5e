"""The display of costs that are not known exactly, against counted costs and the Brier score."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.plotting import CostCurveDisplay

X, Y = make_classification(600, weights=[0.7], flip_y=0.1, random_state=0)
SKEWED = LogisticRegression(class_weight="balanced")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tuned():
    return ThresholdTunerCV(SKEWED, scoring="cost", costs=[[0, 1], [4, 0]]).fit(X, Y)


def counted(decided, share, weight=None):
    mistakes = 2 * np.where(Y == 1, (1 - share) * ~decided, share * decided)
    return np.average(mistakes, weights=weight)


def test_the_area_under_the_brier_curve_is_the_brier_score(tuned):
    for scores in (tuned.oof_scores_, np.random.default_rng(0).random(600)):
        display = CostCurveDisplay.from_predictions(Y, scores)
        score = brier_score_loss(Y, scores)
        assert display.mean_costs()["threshold = cost share"] == pytest.approx(score, abs=2e-3)
    calibrated = CostCurveDisplay.from_estimator(tuned).mean_costs()["the same, calibrated"]
    expected = brier_score_loss(Y, tuned.calibration_(tuned.oof_scores_))
    assert calibrated == pytest.approx(expected, abs=2e-3)
    assert expected < brier_score_loss(Y, tuned.oof_scores_) - 0.005


def test_the_lines_are_counted_costs(tuned):
    display = CostCurveDisplay.from_estimator(tuned)
    scores, probability = tuned.oof_scores_, tuned.calibration_(tuned.oof_scores_)
    for place in range(0, 501, 41):
        share = display.shares[place]
        expected = {
            "threshold = cost share": counted(scores >= share, share),
            "the same, calibrated": counted(probability >= share, share),
            "best threshold at each share": min(counted(scores >= t, share) for t in [*np.unique(scores), 2]),
            "this threshold": counted(scores >= tuned.best_threshold_, share),
            "all or none positive": min(counted(scores >= t, share) for t in (0, 2)),
        }
        assert {line: cost[place] for line, cost in display.costs.items()} == pytest.approx(expected)
    assert all(np.all(cost >= display.costs["best threshold at each share"] - 1e-12) for cost in display.costs.values())


def test_the_shaded_range_is_averaged(tuned):
    display = CostCurveDisplay.from_estimator(tuned, miss_costs=(3, 9))
    means = display.mean_costs()
    inside = (display.shares >= 0.1) & (display.shares <= 0.25)
    for line, cost in display.costs.items():
        assert means[line] == pytest.approx(cost[inside].mean(), rel=0.03)
    assert "a miss costs 3 to 9" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_weights_count():
    weight = np.random.default_rng(0).integers(1, 4, 600)
    scores = SKEWED.fit(X, Y).predict_proba(X)[:, 1]
    weighted = CostCurveDisplay.from_predictions(Y, scores, sample_weight=weight, threshold=0.4)
    repeated = CostCurveDisplay.from_predictions(np.repeat(Y, weight), np.repeat(scores, weight), threshold=0.4)
    for line, cost in weighted.costs.items():
        np.testing.assert_allclose(cost, repeated.costs[line])
    assert weighted.costs["this threshold"][250] == pytest.approx(counted(scores >= 0.4, 0.5, weight))


def test_margins_have_no_brier_curve():
    tuned = ThresholdTunerCV(LinearSVC()).fit(X, Y)
    lines = CostCurveDisplay.from_estimator(tuned).costs
    assert "threshold = cost share" not in lines
    assert "the same, calibrated" in lines


def test_one_label_of_several_and_drawing_again():
    rows, labels = make_multilabel_classification(200, n_classes=3, random_state=0)
    tuned = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression()), scoring="f1_macro", cv=3).fit(rows, labels)
    display = CostCurveDisplay.from_estimator(tuned, label=1, name="second label")
    assert display.ax_.get_title() == "second label"
    assert display.costs["threshold = cost share"].max() > 0
    figure, ax = plt.subplots()
    assert display.plot(ax, legend=False, linewidth=3) is display
    assert display.figure_ is figure
    assert {line.get_linewidth() for line in ax.lines} == {3}
    with pytest.raises(ValueError, match="`label` must say which of the 3 labels"):
        CostCurveDisplay.from_estimator(tuned)


@pytest.mark.parametrize("miss_costs", [(10, 3), (0, 5), 4, (1, 2, 3), ("a", "b"), (1, np.inf)])
def test_a_range_that_is_none(tuned, miss_costs):
    with pytest.raises(ValueError, match=r"`miss_costs` must be a range \(low, high\)"):
        CostCurveDisplay.from_estimator(tuned, miss_costs=miss_costs)


def test_only_tuners_have_out_of_fold_scores():
    with pytest.raises(ValueError, match=r"must be a fitted ThresholdTunerCV.*got LogisticRegression"):
        CostCurveDisplay.from_estimator(LogisticRegression().fit(X, Y))
    with pytest.raises(ValueError, match="y must hold two classes"):
        CostCurveDisplay.from_predictions([0, 1, 2], [0.1, 0.2, 0.3])
