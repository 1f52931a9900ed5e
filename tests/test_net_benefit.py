"""Net benefit: as a metric and as a display, against the published figures of the R package dcurves."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._thresholds import find_metric
from sklearn_binnet.plotting import DecisionCurveDisplay

CURVE = DecisionCurveDisplay
X, Y = make_classification(1000, weights=[0.8], flip_y=0.1, random_state=0)
FITTED = LogisticRegression().fit(X, Y)
PROBA = FITTED.predict_proba(X)[:, 1]


@pytest.fixture(autouse=True)
def close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


# ------------------------------------------------------------------ dcurves
# The first example of its vignette, dca(cancer ~ famhistory, data = df_binary): 750 men, 105 with cancer. Its yes/no
# test is given by two of the published rates, tp_rate 0.032 (24 men) and fp_rate 0.1213333 (91 men).
CANCER = np.repeat([1, 1, 0, 0], [24, 105 - 24, 91, 645 - 91])
FAMILY_HISTORY = np.repeat([1.0, 0.0, 1.0, 0.0], [24, 105 - 24, 91, 645 - 91])
# threshold: net benefit of "all", of "famhistory", as R prints them
PUBLISHED = {
    0.01: (0.13131313131313133, 0.030774410774410774),
    0.05: (0.09473684210526317, 0.025614035087719297),
    0.10: (0.04444444444444445, 0.018518518518518517),
    0.14: (0.0, 0.012248062015503873),
    0.15: (-0.011764705882352927, 0.010588235294117645),
    0.20: (-0.07499999999999998, 0.0016666666666666635),
    0.21: (-0.08860759493670883, -2.531645569620253e-4),
    0.25: (-0.1466666666666666, -0.008444444444444449),
    0.35: (-0.32307692307692315, -0.033333333333333354),
    0.50: (-0.72, -0.08933333333333335),
    0.99: (-84.99999999999993, -11.979999999999992),
}


def test_decision_curve_is_that_of_dcurves_to_the_printed_digits():
    display = CURVE.from_predictions(CANCER, {"famhistory": FAMILY_HISTORY}, thresholds=list(PUBLISHED), bands=None)
    everybody, test = np.array(list(PUBLISHED.values())).T
    np.testing.assert_allclose(display.treat_all, everybody, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(display.net_benefits["famhistory"], test, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("probability", sorted(PUBLISHED)[:-1])
def test_metric_is_that_of_dcurves_to_the_printed_digits(probability):
    metric = find_metric(f"net_benefit@{probability}")
    assert float(metric(645 - 91, 91, 105 - 24, 24)) == pytest.approx(PUBLISHED[probability][1], abs=1e-14)
    assert float(metric(0, 645, 0, 105)) == pytest.approx(PUBLISHED[probability][0], abs=1e-14)


def test_another_prevalence_as_in_a_case_control_study():
    """dca(casecontrol ~ cancerpredmarker, df_case_control, prevalence = 0.15) prints -0.13333333 for "all" at 0.25."""
    display = CURVE.from_predictions(CANCER, FAMILY_HISTORY, thresholds=[0.25], prevalence=0.15)
    assert display.treat_all[0] == pytest.approx(-0.13333333, abs=5e-9)
    recall, alarms = 24 / 105, 91 / 645
    assert display.net_benefits["model"][0] == pytest.approx(0.15 * recall - 0.85 * alarms / 3)
    weight = np.where(CANCER == 1, 0.15 / 105, 0.85 / 645)
    weighted = CURVE.from_predictions(CANCER, FAMILY_HISTORY, thresholds=[0.25], sample_weight=weight)
    assert weighted.net_benefits["model"] == pytest.approx(display.net_benefits["model"])


# ------------------------------------------------------------------ as a metric
def test_threshold_of_best_net_benefit_is_that_of_the_costs_it_stands_for():
    tuned = ThresholdTunerCV(FITTED, cv="prefit", refit=False, scoring="net_benefit@0.2", selection="argmax").fit(X, Y)
    value = {t: (t <= PROBA) @ np.where(Y == 1, 1, -0.25) / len(Y) for t in np.unique(PROBA)}
    assert tuned.best_score_ == pytest.approx(max(value.values()))
    assert value[min(PROBA[tuned.best_threshold_ <= PROBA])] == pytest.approx(max(value.values()))
    costs = ThresholdTunerCV(
        FITTED, cv="prefit", refit=False, scoring="cost", costs=[[0, 0.25], [1, 0]], selection="argmax"
    )
    assert tuned.best_threshold_ == pytest.approx(costs.fit(X, Y).best_threshold_)


def test_stable_rule_leans_on_the_threshold_probability_of_calibrated_scores():
    rng = np.random.default_rng(0)
    distance = []
    for seed in range(20):
        truth = rng.beta(1, 3, 200)
        rows, labels = truth[:, None], (rng.random(200) < truth).astype(int)
        model = LogisticRegression(C=1e6).fit(np.log(rows / (1 - rows)), labels)
        pair = []
        for scoring in ("net_benefit@0.3", lambda tn, fp, fn, tp: tp - 3 / 7 * fp):
            tuner = ThresholdTunerCV(model, cv="prefit", refit=False, scoring=scoring, random_state=seed)
            pair.append(abs(tuner.fit(np.log(rows / (1 - rows)), labels).best_threshold_ - 0.3))
        distance.append(pair)
    with_it, without = np.mean(distance, axis=0)
    assert with_it < without


def test_net_benefit_of_several_labels_is_the_mean_over_them():
    X, Y = make_multilabel_classification(400, n_classes=3, random_state=0)
    tuned = ThresholdTunerCV(
        OneVsRestClassifier(LogisticRegression()), scoring="net_benefit@0.3", selection="argmax"
    ).fit(X, Y)
    called = tuned.oof_scores_ >= tuned.best_threshold_
    assert tuned.best_score_ == pytest.approx(np.mean(called * np.where(Y == 1, 1, -3 / 7)))
    assert tuned.retune(scoring="net_benefit@0.3_macro").best_score_ == pytest.approx(tuned.best_score_)


def test_constraint_on_net_benefit():
    tuned = ThresholdTunerCV(FITTED, cv="prefit", refit=False, scoring="recall", constraint="net_benefit@0.2 >= 0.05")
    (line,) = tuned.fit(X, Y).constraint_report_
    assert tuned.constraint_satisfied_
    assert line["constraint"] == "net_benefit@0.2 >= 0.05"
    called = tuned.best_threshold_ <= PROBA
    assert line["estimate"] == pytest.approx(called @ np.where(Y == 1, 1, -0.25) / len(Y))
    assert 0.05 <= line["bound"] < line["estimate"]


@pytest.mark.parametrize("name", ["net_benefit", "net_benefit@", "net_benefit@0", "net_benefit@1", "net_benefit@20%"])
def test_net_benefit_without_a_threshold_probability_is_refused(name):
    with pytest.raises(ValueError, match=r"must say at which threshold probability between 0 and 1"):
        ThresholdTunerCV(LogisticRegression(), scoring=name).fit(X, Y)


# ------------------------------------------------------------------ the display
def test_lines_follow_their_definition_and_start_at_the_prevalence():
    display = CURVE.from_estimator(FITTED, X, Y)
    for p in (0.1, 0.25, 0.6):
        place = np.searchsorted(display.thresholds, p)
        assert display.thresholds[place] == pytest.approx(p)
        called = display.thresholds[place] <= PROBA
        odds = p / (1 - p)
        assert display.net_benefits["LogisticRegression"][place] == pytest.approx(
            (called & (Y == 1)).mean() - odds * (called & (Y == 0)).mean()
        )
        assert display.treat_all[place] == pytest.approx(Y.mean() - odds * (1 - Y.mean()))


def test_bands_are_as_wide_as_those_of_resampled_rows():
    display = CURVE.from_predictions(Y, PROBA, thresholds=[0.1, 0.3], n_bootstrap=2000)
    rng = np.random.default_rng(1)
    rows = rng.integers(len(Y), size=(2000, len(Y)))
    for place, p in enumerate(display.thresholds):
        gain = np.where(Y == 1, 1, -p / (1 - p)) * (p <= PROBA)
        expected = np.quantile(gain[rows].mean(axis=1), [0.025, 0.975])
        assert display.bands["model"][:, place] == pytest.approx(expected, abs=0.004)
    again = CURVE.from_predictions(Y, PROBA, thresholds=[0.1, 0.3], n_bootstrap=2000)
    np.testing.assert_array_equal(display.bands["model"], again.bands["model"])


def test_a_tuner_shows_its_out_of_fold_probabilities():
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    display = CURVE.from_estimator(tuned, thresholds=[0.3])
    gain = np.where(Y == 1, 1, -3 / 7) * (tuned.oof_scores_ >= 0.3)
    assert display.net_benefits["LogisticRegression"][0] == pytest.approx(gain.mean())
    rarer = CURVE.from_estimator(tuned.retune(prevalence=0.05), thresholds=[0.3])
    assert rarer.treat_all[0] == pytest.approx(0.05 - 3 / 7 * 0.95)
    same = CURVE.from_estimator(tuned.retune(), thresholds=[0.3], prevalence=0.05)
    assert same.net_benefits["LogisticRegression"] == pytest.approx(rarer.net_benefits["LogisticRegression"])


def test_labels_of_a_multilabel_tuner_are_drawn_one_by_one():
    X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
    tuned = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression())).fit(X, Y)
    display = CURVE.from_estimator(tuned, label=1, thresholds=[0.5])
    assert display.treat_all[0] == pytest.approx(2 * Y[:, 1].mean() - 1)
    with pytest.raises(ValueError, match="`label` must say which of the 3 labels to draw"):
        CURVE.from_estimator(tuned)


def test_what_is_drawn():
    models = {"this": PROBA, "that": np.full(len(Y), 0.2)}
    display = CURVE.from_predictions(Y, models, name="two models", confidence_level=0.9)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "this", "that", "act on all", "act on none", "90 % band (rows)",
    ]  # fmt: skip
    assert display.ax_.get_title() == "two models"
    assert display.ax_.get_xlabel() == "threshold probability"
    low, high = display.ax_.get_ylim()
    assert low < 0 < Y.mean() < high < 1
    assert display.plot(bands=False, legend=False).ax_.get_legend() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": [0.0, 0.5]}, "`thresholds` must hold threshold probabilities between 0 and 1"),
        ({"thresholds": []}, "`thresholds` must hold threshold probabilities"),
        ({"thresholds": "low"}, "`thresholds` must hold threshold probabilities .* got 'low'"),
        ({"thresholds": [0.5, np.nan]}, "`thresholds` must hold threshold probabilities"),
        ({"prevalence": 1.0}, "`prevalence` must lie between 0 and 1, both excluded"),
        ({"bands": "folds"}, "`bands` must be 'bootstrap' or None"),
        ({"y_proba": {}}, "at least one model"),
        ({"y_proba": 3 * PROBA}, "Net benefit needs probabilities of the positive class"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    arguments = {"y_true": Y, "y_proba": PROBA} | options
    with pytest.raises(ValueError, match=message):
        CURVE.from_predictions(**arguments)


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(ValueError, match="the scores of 'LinearSVC' range from"):
        CURVE.from_estimator(LinearSVC().fit(X, Y), X, Y)
    with pytest.raises(ValueError, match="X and y must be given"):
        CURVE.from_estimator(FITTED)
    with pytest.raises(ValueError, match="y must be given with X"):
        CURVE.from_estimator(FITTED, X)
