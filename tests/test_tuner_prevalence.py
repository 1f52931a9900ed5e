"""The share of positives among rows without labels, against simulations whose truth is known."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._tuning._prevalence import maximum_likelihood

DISTANCE = 1.5


class Normal(ClassifierMixin, BaseEstimator):
    """Two normal classes, of which one share of positives was known at the fit."""

    def __init__(self, slope=DISTANCE):
        self.slope = slope

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        p = expit(self.slope * (X[:, 0] - DISTANCE / 2))
        return np.column_stack([1 - p, p])


def draw(n, share, rng, shift=0.0):
    y = (rng.random(n) < share).astype(int)
    return (rng.normal(size=n) + DISTANCE * y + shift * (1 - y))[:, None], y


def tune(n, rng, slope=DISTANCE, **options):
    X, y = draw(n, 0.4, rng)
    return ThresholdTunerCV(Normal(slope).fit(X, y), cv="prefit", refit=False, **options).fit(X, y)


def saerens(p, here, steps=5000):
    """The EM iterations as published: new prior, new posteriors, and again."""
    share = here
    for _ in range(steps):
        odds = p / (1 - p) * (share / (1 - share)) / (here / (1 - here))
        new = np.mean(odds / (1 + odds))
        if abs(new - share) < 1e-13:
            break
        share = new
    return share


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
def test_the_estimate_is_the_fixed_point_of_the_em_iterations(seed, here):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 0.7, 60).clip(0.001, 0.999)
    ratio = p / (1 - p) * (1 - here) / here
    share = maximum_likelihood(ratio)
    published = saerens(p, here)

    def likelihood(w):
        return np.log(w * ratio + 1 - w).sum()

    assert likelihood(share) >= max(likelihood(w) for w in np.linspace(0, 1, 201)) - 1e-9
    if 0.02 < share < 0.98:  # at the ends the iterations take for ever
        assert share == pytest.approx(published, abs=1e-5)


def test_em_on_calibrated_probabilities():
    rng = np.random.default_rng(0)
    tuned = tune(4000, rng)
    new, _ = draw(2000, 0.1, rng)
    p = tuned.calibration_(tuned.predict_proba(new)[:, 1])
    here = tuned.curve_.n_positive / 4000
    assert tuned.estimate_prevalence(new).prevalence == pytest.approx(saerens(p, here), abs=1e-6)


@pytest.mark.filterwarnings("ignore:No share of positives")  # counted
@pytest.mark.parametrize(("share", "slope"), [(0.05, DISTANCE), (0.4, DISTANCE), (0.8, DISTANCE), (0.05, 4.0)])
def test_error_and_cover(share, slope):
    """100 samples: the standard error of a cover of 0.95 is 0.022. A slope of 4 makes the scores too sure."""
    rng = np.random.default_rng(1)
    errors, covered, found = {"em": [], "bbse": []}, {"em": 0, "bbse": 0}, []
    for _ in range(100):
        tuned = tune(500, rng, slope, selection="argmax")
        new, _ = draw(400, share, rng)
        for method in errors:
            found.append(tuned.estimate_prevalence(new, method=method))
            errors[method].append(found[-1].prevalence - share)
            low, high = found[-1].interval
            covered[method] += low <= share <= high
    for method, values in errors.items():
        assert np.sqrt(np.mean(np.square(values))) < 0.05, method
        assert abs(np.mean(values)) < 0.015, method
        assert covered[method] / 100 >= 0.89, method
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.12
    assert np.mean([not one.plausible for one in found]) <= 0.02


@pytest.mark.parametrize("share", [0.05, 0.4])
@pytest.mark.parametrize("n", [1, 5, 20])
def test_cover_with_few_new_rows(n, share):
    """Rows that all look alike leave doubt. 150 samples: the standard error of a cover of 0.95 is 0.018."""
    rng = np.random.default_rng(9)
    tuned = tune(500, rng, selection="argmax")
    intervals = [tuned.estimate_prevalence(draw(n, share, rng)[0]).interval for _ in range(150)]
    assert np.mean([low <= share <= high for low, high in intervals]) >= 0.91


def test_classes_that_are_told_apart_leave_wilsons_interval():
    """With scores that know the class only the number of new rows is left to chance."""
    y = np.arange(4000) % 2
    X = DISTANCE / 2 + 20.0 * (2 * y[:, None] - 1)
    tuned = ThresholdTunerCV(Normal().fit(X, y), cv="prefit", refit=False).fit(X, y)
    for n, positive in ((1, 1), (20, 20), (20, 19), (50, 5)):
        new = np.concatenate([X[y == 1][:positive], X[y == 0][: n - positive]])
        low, high = tuned.estimate_prevalence(new).interval
        wilson = binomtest(positive, n).proportion_ci(method="wilson")
        assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=0.005)


def test_the_interval_shrinks_with_the_rows():
    rng = np.random.default_rng(2)
    widths = []
    for n in (300, 3000, 30_000):
        found = tune(n, rng, selection="argmax").estimate_prevalence(draw(n, 0.2, rng)[0])
        widths.append(np.ptp(found.interval))
    assert 2 < widths[0] / widths[1] < 4.5
    assert 2 < widths[1] / widths[2] < 4.5


def test_scores_that_tell_nothing_give_the_widest_interval():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 1))
    y = np.arange(300) % 2
    tuned = ThresholdTunerCV(Normal().fit(X, y), cv="prefit", refit=False).fit(X, y)
    assert tuned.estimate_prevalence(rng.normal(size=(200, 1))).interval == (0.0, 1.0)


def test_drift_of_another_kind_is_told():
    rng = np.random.default_rng(4)
    tuned = tune(2000, rng)
    moved, _ = draw(2000, 0.2, rng, shift=-1.5)
    with pytest.warns(UserWarning, match=r"No share of positives explains the scores of X: .*cannot be trusted"):
        found = tuned.estimate_prevalence(moved)
    assert not found.plausible
    assert found.p_value < 1e-6
    few = tuned.estimate_prevalence(moved[:15])  # too few to tell
    assert np.isnan(few.p_value)
    assert few.plausible


@pytest.mark.parametrize("estimator", [LogisticRegression(), RandomForestClassifier(50, random_state=0)])
def test_models_of_folds_against_the_refitted_one_are_no_drift(estimator):
    """The out-of-fold scores come from other models than those of new rows."""
    rng = np.random.default_rng(5)

    def rows(n, share):
        y = (rng.random(n) < share).astype(int)
        return rng.normal(size=(n, 5)) + 0.6 * y[:, None], y

    X, y = rows(1500, 0.5)
    new, y_new = rows(1500, 0.15)
    tuned = ThresholdTunerCV(estimator, cv=5).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tuned.estimate_prevalence(new)
    assert found.prevalence == pytest.approx(y_new.mean(), abs=0.04)


def test_it_feeds_retune():
    rng = np.random.default_rng(6)
    tuned = tune(4000, rng, scoring="f1")
    new, _ = draw(4000, 0.05, rng)
    before = tuned.best_threshold_
    found = tuned.estimate_prevalence(new)
    assert found.prevalence == pytest.approx(0.05, abs=0.02)
    assert tuned.retune(prevalence=found.prevalence).best_threshold_ > before + 0.1
    again = tuned.estimate_prevalence(new)  # of the training rows' classes, whatever was tuned for since
    assert again.prevalence == found.prevalence


def test_weights_count_as_rows_do():
    rng = np.random.default_rng(7)
    X, y = draw(600, 0.4, rng)
    new, _ = draw(300, 0.2, rng)
    model = Normal().fit(X, y)
    tuner = ThresholdTunerCV(model, cv="prefit", refit=False)
    plain = tuner.fit(X, y).estimate_prevalence(new)
    weighted = tuner.fit(X, y, sample_weight=np.full(600, 3.0)).estimate_prevalence(new)
    assert weighted.interval == pytest.approx(plain.interval, abs=1e-3)
    assert weighted.prevalence == pytest.approx(plain.prevalence, abs=1e-3)
    assert weighted.p_value == pytest.approx(plain.p_value)


def test_several_labels():
    X, Y = make_multilabel_classification(1500, n_classes=3, random_state=0)
    tuned = ThresholdTunerCV(OneVsRestClassifier(LogisticRegression()), scoring="f1_macro", cv=3).fit(X[:800], Y[:800])
    found = tuned.estimate_prevalence(X[800:])
    assert [one.prevalence for one in found] == pytest.approx(Y[800:].mean(axis=0), abs=0.06)
    tuned.retune(prevalence=[one.prevalence for one in found])


def test_bad_requests():
    rng = np.random.default_rng(8)
    tuned = tune(100, rng)
    with pytest.raises(ValueError, match=r"`method` must be one of \['em', 'bbse'\], got 'guess'"):
        tuned.estimate_prevalence(draw(10, 0.5, rng)[0], method="guess")
    X = rng.normal(size=(50, 1))
    with pytest.warns(UserWarning, match="of one class"):
        one_sided = ThresholdTunerCV(Normal().fit(X, None), cv="prefit", refit=False).fit(X, np.ones(50, dtype=int))
    with pytest.raises(ValueError, match="only from out-of-fold scores of both classes"):
        one_sided.estimate_prevalence(X)
    for share in (0, 1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"`prevalence` must lie between 0 and 1, both excluded: .* None leaves"):
            tuned.retune(prevalence=share)
