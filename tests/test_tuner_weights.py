"""The tuner's weights, and answers of a user's functions that cannot be used."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._thresholds import poisson_sums

X, Y = make_classification(400, weights=[0.7], flip_y=0.1, random_state=0)
MODEL = LogisticRegression().fit(X[:200], Y[:200])
X, Y = X[200:], Y[200:]
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, 200)


def prefit(**options):
    return ThresholdTunerCV(MODEL, cv="prefit", refit=False, **{"scoring": "f1"} | options)


@pytest.mark.parametrize("factor", [2.0**1000, 1e300, 1e-300, 2.0**-1060])
@pytest.mark.parametrize(
    "options", [{}, {"scoring": "cost", "costs": [[0, 1], [5, 0]]}, {"constraint": "recall >= 0.6"}]
)
def test_the_scale_of_the_weights_plays_no_part(factor, options):
    weight = np.ldexp(np.round(WEIGHT * 64), -6)  # six digits after the point survive any scale
    usual = prefit(**options).fit(X, Y, sample_weight=weight)
    tuned = prefit(**options).fit(X, Y, sample_weight=weight * factor)
    assert tuned.best_threshold_ == pytest.approx(usual.best_threshold_, rel=1e-9)
    np.testing.assert_allclose(tuned.threshold_interval_, usual.threshold_interval_, rtol=1e-9)
    assert tuned.best_score_ == pytest.approx(usual.best_score_, rel=1e-9)


@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 1e-200])
def test_rows_that_weigh_next_to_nothing_do_not_count(tiny):
    weight = np.where(np.arange(200) % 4 == 0, tiny, 1.0)
    without = prefit(selection="argmax").fit(X, Y, sample_weight=np.where(weight == 1, 1.0, 0.0))
    tuned = prefit(selection="argmax").fit(X, Y, sample_weight=weight)
    assert tuned.best_score_ == pytest.approx(without.best_score_)


def test_a_class_that_weighs_next_to_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tuned = prefit(scoring="balanced_accuracy").fit(X, Y, sample_weight=np.where(Y == 1, 5e-324, 1.0))
    assert np.isfinite(tuned.best_threshold_)


@pytest.mark.parametrize("scale", [1e-200, 1e-160, 1.0, 1e150])
def test_bootstrap_sums_have_the_mean_of_the_weights(scale):
    weight = np.array([3.0, 0.5, 2.0]) * scale
    squares = np.array([3.0, 0.25, 4.0]) * scale**2
    sums = poisson_sums(weight, squares, 4000, np.random.default_rng(0))
    np.testing.assert_allclose(sums.mean(axis=0) / scale, np.cumsum([3.0, 0.5, 2.0]), rtol=0.06)


BAD = {
    "nan": (np.where(np.arange(200) == 3, np.nan, 1.0), "`sample_weight` must be finite and not negative"),
    "infinite": (np.where(np.arange(200) == 3, np.inf, 1.0), "`sample_weight` must be finite and not negative"),
    "negative": (-np.ones(200), "`sample_weight` must be finite and not negative"),
    "scalar": (2.0, r"`sample_weight` must hold one number for each of the 200 rows.*got shape \(\)"),
    "matrix": (np.ones((200, 2)), r"`sample_weight` must hold one number .*got shape \(200, 2\)"),
    "short": (np.ones(3), r"`sample_weight` must hold one number .*got shape \(3,\)"),
    "words": (np.full(200, "heavy"), "`sample_weight` must hold numbers"),
    "zeros": (np.zeros(200), "`sample_weight` is 0 for every row"),
    "masked": (np.ma.masked_array(np.ones(200), np.arange(200) == 1), "`sample_weight` is an array with 1 masked"),
}


@pytest.mark.parametrize(("weight", "message"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("cv", ["prefit", 3])
def test_weights_that_are_none(weight, message, cv):
    tuned = prefit().fit(X, Y) if cv == "prefit" else ThresholdTunerCV(LogisticRegression(), cv=cv).fit(X, Y)
    before = vars(tuned).copy()
    with pytest.raises(ValueError, match=message):
        tuned.fit(X, Y, sample_weight=weight)
    assert vars(tuned) == before


def test_masked_labels_are_missing():
    labels = np.ma.masked_array(Y, np.arange(200) < 5)
    with pytest.raises(ValueError, match="`y` is an array with 5 masked entries, which are missing values"):
        prefit().fit(X, labels)
    prefit().fit(X, np.ma.masked_array(Y, np.zeros(200, bool)))


# ------------------------------------------------------------------ answers of a user's functions


@pytest.mark.parametrize("options", [{}, {"constraint": "recall >= 0.6"}, {"selection": "argmax"}, {"thresholds": 5}])
def test_a_scoring_that_is_the_same_everywhere(options):
    tuned = prefit(scoring=lambda tn, fp, fn, tp: 3.0, **options).fit(X, Y)
    assert tuned.best_score_ == 3
    assert np.isfinite(tuned.best_threshold_)


def test_a_scoring_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"`scoring` .* must return a number for each entry .* got shape \(2,\)"):
        prefit(scoring=lambda tn, fp, fn, tp: np.ones(2)).fit(X, Y)


@pytest.mark.parametrize("answer", [np.inf, -np.inf, np.nan, None, "half", np.array([0.1, 0.2]), 1j])
@pytest.mark.parametrize("scoring", ["f1", lambda estimator, X, y: 0.5])
def test_a_selection_that_returns_no_threshold(answer, scoring):
    tuned = prefit().fit(X, Y)
    before = tuned.best_threshold_
    tuned.set_params(selection=lambda curve, values: answer, scoring=scoring)
    with pytest.raises(ValueError, match=r"`selection` returned .*; it must return a threshold, one finite number"):
        tuned.fit(X, Y)
    assert tuned.best_threshold_ == before


@pytest.mark.parametrize("scoring", ["f1", lambda estimator, X, y: float(np.mean(estimator.predict(X) == y))])
def test_results_of_given_thresholds_ascend(scoring):
    given = [0.7, 0.2, 0.5, 0.4]
    tuned = prefit(scoring=scoring, thresholds=given, store_cv_results=True).fit(X, Y)
    np.testing.assert_array_equal(tuned.cv_results_["thresholds"], sorted(given))
    for threshold, score in zip(tuned.cv_results_["thresholds"], tuned.cv_results_["scores"], strict=True):
        again = prefit(scoring=scoring, thresholds=[threshold]).fit(X, Y)
        assert again.best_score_ == pytest.approx(score)
