"""Probabilities from the out-of-fold scores, and decisions by the costs of each row."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV

from .small import net

X, Y = make_classification(800, weights=[0.7], flip_y=0.1, random_state=0)
ROW_COSTS = np.random.default_rng(0).gamma(1.0, [1.0, 4.0], (800, 2))


def logistic_rows(n, seed):
    """Rows whose probabilities are known; one in twenty is positive."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3))
    probability = expit(rows @ [1.5, -1.0, 0.5] - 4)
    return rows, (rng.random(n) < probability).astype(int), probability


class Undersampled(ClassifierMixin, BaseEstimator):
    """Trains on as many rows of the common class as there are of the rare one, as samplers do."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
        kept = np.random.default_rng(0).choice(negative, len(positive), replace=False)
        rows = np.concatenate([positive, kept])
        self.estimator_ = clone(self.estimator).fit(X[rows], y[rows])
        self.classes_ = self.estimator_.classes_
        return self

    def predict_proba(self, X):
        return self.estimator_.predict_proba(X)


class Column(ClassifierMixin, BaseEstimator):
    """Rows are probabilities already."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


def prefit(probability, y, **options):
    model = Column().fit(probability[:, None], y)
    return ThresholdTunerCV(model, cv="prefit", refit=False, **options).fit(probability[:, None], y)


# ------------------------------------------------------------------ calibration


def test_calibration_is_the_logistic_regression_of_beta_calibration():
    tuned = ThresholdTunerCV(LogisticRegression(class_weight="balanced")).fit(X, Y)
    oof = tuned.oof_scores_
    features = np.column_stack([np.log(oof), -np.log1p(-oof)])
    expected = LogisticRegression(C=1e6, tol=1e-10, max_iter=1000).fit(features, Y).predict_proba(features)[:, 1]
    found = tuned.calibration_
    assert min(found.rise, found.fall) > 0
    np.testing.assert_allclose(found(oof), expected, atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(8, 60), st.booleans())
def test_calibrated_probabilities_never_fall_where_the_score_grows(seed, n, margin):
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.4
    y[:2] = True, False
    scores = rng.normal(size=n) + rng.normal() * y
    scores = scores if margin else expit(2 * scores)
    probability = prefit_scores(scores, y).calibration_(np.sort(scores))
    assert np.all(np.diff(probability) >= -1e-12)
    assert np.all((probability >= 0) & (probability <= 1))


def prefit_scores(scores, y):
    class Scores(Column):
        def decision_function(self, X):
            return X[:, 0]

    method = "predict_proba" if scores.min() >= 0 and scores.max() <= 1 else "decision_function"
    model = Scores().fit(None, y.astype(int))
    tuner = ThresholdTunerCV(model, cv="prefit", refit=False, response_method=method, selection="argmax")
    return tuner.fit(scores[:, None], y.astype(int))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        Undersampled(LogisticRegression()),
        LinearSVC(class_weight="balanced"),
    ],
    ids=["class_weight", "sampler", "margins"],
)
def test_calibrate_gives_back_the_true_probabilities(estimator):
    rows, y, _ = logistic_rows(6000, 0)
    new, _, expected = logistic_rows(3000, 1)
    tuned = ThresholdTunerCV(estimator, scoring="f1", calibrate=True).fit(rows, y)
    found = tuned.predict_proba(new)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert np.abs(found[:, 1] - expected).mean() < 0.01
    assert np.abs(np.mean(found[:, 1]) - expected.mean()) < 0.006
    if hasattr(tuned.estimator_, "predict_proba"):
        assert np.abs(tuned.estimator_.predict_proba(new)[:, 1] - expected).mean() > 0.1
    np.testing.assert_array_equal(tuned.predict(new), found[:, 1] >= tuned.best_threshold_)
    np.testing.assert_allclose(tuned.predict_log_proba(new), np.log(found))
    assert tuned.oof_scores_.mean() == pytest.approx(y.mean(), abs=0.002)


def test_calibrate_undoes_the_class_weights_of_boosting():
    rows, y, _ = logistic_rows(3000, 0)
    new, y_new, truth = logistic_rows(3000, 1)
    boosting = HistGradientBoostingClassifier(max_iter=15, class_weight="balanced", random_state=0)
    tuner = ThresholdTunerCV(boosting, cv=2, calibrate=True).fit(rows, y)
    plain, tuned = (model.predict_proba(new)[:, 1] for model in (tuner.estimator_, tuner))
    assert plain.mean() > 3 * truth.mean()
    assert tuned.mean() == pytest.approx(truth.mean(), abs=0.01)
    assert log_loss(y_new, tuned) < log_loss(y_new, plain) - 0.05


def test_calibrate_undoes_the_class_weights_of_a_network():
    plain = ThresholdTunerCV(net(class_weight={0: 1, 1: 8}, epochs=10), cv=3, calibrate=True).fit(X[:, :4], Y)
    assert plain.estimator_.predict_proba(X[:, :4])[:, 1].mean() > Y.mean() + 0.1
    assert plain.predict_proba(X[:, :4])[:, 1].mean() == pytest.approx(Y.mean(), abs=0.03)


@pytest.mark.parametrize("pos_label", ["no", "yes"])
def test_either_class_may_be_the_positive_one(pos_label):
    names = np.array(["no", "yes"])[Y]
    weighted = LogisticRegression(class_weight="balanced")
    tuned = ThresholdTunerCV(weighted, pos_label=pos_label, calibrate=True).fit(X, names)
    proba = tuned.predict_proba(X)
    assert proba[:, 1].mean() == pytest.approx(Y.mean(), abs=0.01)
    column = proba[:, list(tuned.classes_).index(pos_label)]
    np.testing.assert_array_equal(tuned.predict(X) == pos_label, column >= tuned.best_threshold_)
    decided = tuned.predict(X, costs=ROW_COSTS)
    probability = tuned.calibration_(column)
    expected = probability * ROW_COSTS[:, 1] >= (1 - probability) * ROW_COSTS[:, 0]
    np.testing.assert_array_equal(decided == pos_label, expected)


def test_calibrate_several_labels():
    rows, labels = make_multilabel_classification(600, n_classes=3, random_state=0)
    base = OneVsRestClassifier(LogisticRegression(class_weight="balanced"))
    tuned = ThresholdTunerCV(base, scoring="f1_macro", calibrate=True, cv=3).fit(rows, labels)
    proba = tuned.predict_proba(rows)
    np.testing.assert_allclose(proba.mean(axis=0), labels.mean(axis=0), atol=0.02)
    np.testing.assert_array_equal(tuned.predict(rows), proba >= tuned.best_threshold_)
    assert len(tuned.calibration_) == 3
    with pytest.raises(ValueError, match="this tuner has 3 labels; leave them out"):
        tuned.predict(rows, costs=np.ones((600, 2)))


def test_without_calibrate_nothing_changes_and_margins_have_no_probabilities():
    plain = ThresholdTunerCV(LinearSVC()).fit(X, Y)
    assert not hasattr(plain, "predict_proba")
    assert not hasattr(plain, "predict_log_proba")
    assert hasattr(ThresholdTunerCV(LinearSVC(), calibrate=True), "predict_proba")
    with pytest.raises(NotFittedError):
        ThresholdTunerCV(LinearSVC(), calibrate=True).predict_proba(X)


def test_calibrated_tuner_comes_out_of_a_pickle():
    tuned = ThresholdTunerCV(LogisticRegression(class_weight="balanced"), calibrate=True).fit(X, Y)
    again = pickle.loads(pickle.dumps(tuned))
    np.testing.assert_array_equal(again.predict_proba(X), tuned.predict_proba(X))
    np.testing.assert_array_equal(again.predict(X, costs=ROW_COSTS), tuned.predict(X, costs=ROW_COSTS))


# ------------------------------------------------------------------ costs of each row


def as_matrices(costs):
    zeros = np.zeros(len(costs))
    return np.stack([np.stack([zeros, costs[:, 0]], axis=1), np.stack([costs[:, 1], zeros], axis=1)], axis=1)


def test_each_row_gets_the_decision_of_least_expected_cost():
    tuned = ThresholdTunerCV(LogisticRegression(class_weight="balanced")).fit(X, Y)
    probability = tuned.calibration_(tuned.predict_proba(X)[:, 1])
    rng = np.random.default_rng(1)
    four = rng.normal(size=(800, 4))  # gains and mistakes that pay among them
    decided = tuned.predict(X, costs=four)
    for row in range(0, 800, 7):
        p, (c_tn, c_fp, c_fn, c_tp) = probability[row], four[row]
        yes, no = p * c_tp + (1 - p) * c_fp, p * c_fn + (1 - p) * c_tn
        assert decided[row] == (yes <= no)


def test_forms_of_costs_agree():
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    expected = tuned.predict(X, costs=ROW_COSTS)
    matrices = as_matrices(ROW_COSTS)
    np.testing.assert_array_equal(tuned.predict(X, costs=matrices), expected)
    np.testing.assert_array_equal(tuned.predict(X, costs=matrices.reshape(800, 4)), expected)
    np.testing.assert_array_equal(tuned.predict(X[:2], costs=ROW_COSTS[:2]), expected[:2])
    assert 0 < expected.mean() < 1


def test_known_probabilities_reach_the_least_cost_that_there_is():
    _, y, probability = logistic_rows(20_000, 0)
    _, _, new = logistic_rows(20_000, 1)
    costs = np.random.default_rng(2).gamma(1.0, [1.0, 20.0], (20_000, 2))
    tuned = prefit(expit(logit(probability) + 2), y, scoring="cost", costs=[[0, 1], [20, 0]])  # too sure
    rows = expit(logit(new) + 2)[:, None]

    def cost(decided):
        return np.where(decided == 1, costs[:, 0] * (1 - new), costs[:, 1] * new).mean()

    least = cost(new * costs[:, 1] >= (1 - new) * costs[:, 0])
    by_row, by_threshold = cost(tuned.predict(rows, costs=costs)), cost(tuned.predict(rows))
    assert least <= by_row < least * 1.01
    assert by_threshold > least * 1.2


def test_probabilities_follow_the_share_of_positives():
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    scores = tuned.predict_proba(X)[:, 1]
    before = tuned.calibration_(scores)
    after = tuned.retune(prevalence=0.05).calibration_(scores)
    here = Y.mean()
    odds = before / (1 - before) * (0.05 / 0.95) / (here / (1 - here))
    np.testing.assert_allclose(after, odds / (1 + odds), rtol=1e-9)
    assert (
        tuned.predict(X, costs=ROW_COSTS).mean()
        < ThresholdTunerCV(LogisticRegression()).fit(X, Y).predict(X, costs=ROW_COSTS).mean()
    )


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (np.ones((799, 2)), r"`costs` in predict must have one entry for each row \(800\).* got shape \(799, 2\)"),
        (np.ones((800, 3)), r"got shape \(800, 3\)"),
        ([[0, 1], [5, 0]], r"got shape \(2, 2\).* `retune\(costs=...\)`"),
        (np.full((800, 2), np.nan), "`costs` must be finite"),
        ("cheap", "`costs` must be an array of numbers, got 'cheap'"),
        (np.full((800, 2), "cheap"), r"`costs` must be an array of numbers, got .{,40}\.$"),
    ],
)
def test_bad_costs(costs, message):
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    with pytest.raises(ValueError, match=message):
        tuned.predict(X, costs=costs)


def test_costs_pass_over_no_band_and_no_groups():
    sensitive = np.where(X[:, 0] > 0, "a", "b")
    tuned = ThresholdTunerCV(LogisticRegression(), abstain=0.1).fit(X, Y, sensitive=sensitive)
    expected = ThresholdTunerCV(LogisticRegression()).fit(X, Y).predict(X, costs=ROW_COSTS)
    for asked in ({"abstain": 0.1}, {"abstain": [], "parity": "equal_opportunity <= 0.5"}):
        with pytest.raises(ValueError, match=r"`costs` decide each row by itself.*retune\(abstain=\[\], parity=\[\]\)"):
            tuned.retune(**asked).predict(X, costs=ROW_COSTS)
    np.testing.assert_array_equal(tuned.retune(abstain=[], parity=[]).predict(X, costs=ROW_COSTS), expected)


def test_a_band_of_calibrated_probabilities():
    tuned = ThresholdTunerCV(LinearSVC(class_weight="balanced"), abstain=0.1, calibrate=True).fit(X, Y)
    low, high = tuned.refer_band_
    probability = tuned.predict_proba(X)[:, 1]
    np.testing.assert_array_equal(tuned.decide(X), np.where(probability >= high, 1, np.where(probability < low, -1, 0)))
    assert 0 < low < high < 1


def test_bad_calibrate():
    with pytest.raises(ValueError, match="'calibrate' parameter"):
        ThresholdTunerCV(LogisticRegression(), calibrate="isotonic").fit(X, Y)


def test_calibrated_probabilities_are_not_calibrated_again():
    """They decide the rows with costs of their own, as they are given; the costs' quotient is Elkan's threshold."""
    rng = np.random.default_rng(0)
    labels = (rng.random(3000) < 0.3).astype(int)
    rows = (rng.normal(size=3000) + 1.5 * labels + (rng.random(3000) < 0.1) * rng.normal(size=3000) * 4)[:, None]
    costs = rng.uniform(0.1, 5, size=(3000, 2))
    tuned = ThresholdTunerCV(LogisticRegression(class_weight="balanced"), calibrate=True).fit(rows, labels)
    p = tuned.predict_proba(rows)[:, 1]
    decided = tuned.predict(rows, costs=costs)
    clear = np.abs(p - costs[:, 0] / costs.sum(axis=1)) > 1e-9
    np.testing.assert_array_equal(decided[clear], (p >= costs[:, 0] / costs.sum(axis=1))[clear])
    tuned.retune(prevalence=0.1)
    odds = p / (1 - p) * (0.1 / 0.9) / (labels.mean() / (1 - labels.mean()))
    np.testing.assert_allclose(tuned.calibration_(p), odds / (1 + odds), atol=2e-6)  # clipped at 1e-6
