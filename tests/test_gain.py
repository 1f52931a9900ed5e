"""Gain and lift: their definition, ties, bands, and what they refuse."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet.plotting import CumulativeGainDisplay

GAIN = CumulativeGainDisplay
X, Y = make_classification(1000, weights=[0.8], flip_y=0.1, random_state=0)
FITTED = LogisticRegression().fit(X, Y)
PROBA = FITTED.predict_proba(X)[:, 1]


@pytest.fixture(autouse=True)
def close_figures():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_gain_and_lift_are_what_the_first_rows_hold(share):
    display = GAIN.from_predictions(Y, PROBA)
    place = int(np.abs(display.shares - share).argmin())
    first = np.argsort(-PROBA)[: int(share * len(Y))]
    found = Y[first].sum() / Y.sum()
    assert display.gains["model"][place] == pytest.approx(found)
    assert display.lifts["model"][place] == pytest.approx(found / share)
    assert display.lifts["model"][place] == pytest.approx(Y[first].mean() / Y.mean())


def test_rows_of_equal_score_come_in_random_order():
    display = GAIN.from_predictions([0, 1, 1, 0, 0], [0.9, 0.5, 0.5, 0.5, 0.5], bands=None)
    assert display.gains["model"][display.shares.searchsorted(0.6)] == pytest.approx(0.5)
    flat = GAIN.from_predictions(Y, np.zeros(len(Y)), bands=None)
    np.testing.assert_allclose(flat.gains["model"], flat.shares)


def test_weight_two_is_a_row_twice():
    weight = np.where(np.arange(len(Y)) % 3 == 0, 2, 1)
    twice = np.repeat(np.arange(len(Y)), weight)
    weighted = GAIN.from_predictions(Y, PROBA, sample_weight=weight, bands=None)
    repeated = GAIN.from_predictions(Y[twice], PROBA[twice], bands=None)
    np.testing.assert_allclose(weighted.gains["model"], repeated.gains["model"])
    assert weighted.prevalence == pytest.approx(repeated.prevalence)


def test_bands_are_as_wide_as_those_of_resampled_rows():
    display = GAIN.from_predictions(Y, PROBA, n_bootstrap=1000)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(1000):
        rows = rng.integers(len(Y), size=len(Y))
        first = rows[np.argsort(-PROBA[rows])[:200]]
        drawn.append(Y[first].sum() / Y[rows].sum())
    place = int(np.abs(display.shares - 0.2).argmin())
    assert display.bands["model"][:, place] == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.015)
    again = GAIN.from_predictions(Y, PROBA, n_bootstrap=1000)
    np.testing.assert_array_equal(display.bands["model"], again.bands["model"])


def test_estimators_scores_of_any_kind_and_labels():
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    own = GAIN.from_estimator(tuned, bands=None).gains["LogisticRegression"]
    np.testing.assert_allclose(own, GAIN.from_predictions(Y, tuned.oof_scores_, bands=None).gains["model"])
    svm = LinearSVC().fit(X, Y)
    lines = GAIN.from_estimator(svm, X, Y, bands=None).gains["LinearSVC"]
    np.testing.assert_allclose(lines, GAIN.from_predictions(Y, svm.decision_function(X), bands=None).gains["model"])
    other = GAIN.from_estimator(FITTED, X, Y, pos_label=0, bands=None).gains["LogisticRegression"]
    np.testing.assert_allclose(other, GAIN.from_predictions(1 - Y, -PROBA, bands=None).gains["model"])
    X3, Y3 = make_multilabel_classification(200, n_classes=3, random_state=0)
    several = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression())).fit(X3, Y3)
    assert GAIN.from_estimator(several, label=1, bands=None).prevalence == pytest.approx(Y3[:, 1].mean())


def test_what_is_drawn():
    display = GAIN.from_predictions(Y, {"this": PROBA, "that": X[:, 0]}, name="two", confidence_level=0.9)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "this", "that", "perfect order", "random order", "90 % band (rows)",
    ]  # fmt: skip
    assert display.ax_.get_ylabel() == "share of positives found"
    perfect = display.ax_.get_lines()[2].get_ydata()
    assert perfect[np.searchsorted(display.shares, display.prevalence + 1e-9)] == 1
    lift = display.plot(kind="lift", legend=False)
    assert lift.ax_.get_ylabel() == "lift"
    assert np.nanmax(lift.ax_.get_lines()[2].get_ydata()) == pytest.approx(1 / Y.mean())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "loss"}, r"`kind` must be one of \('gain', 'lift'\), got 'loss'"),
        ({"bands": "folds"}, "`bands` must be 'bootstrap' or None"),
        ({"y_score": {}}, "at least one model"),
        ({"sample_weight": np.where(Y == 1, 0, 1)}, "need rows of the positive class"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        GAIN.from_predictions(**{"y_true": Y, "y_score": PROBA} | options)
