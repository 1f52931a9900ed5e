"""Several labels: thresholds for macro and micro averages, constraints, predictions."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, recall_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._thresholds import (
    METRICS,
    Problem,
    ThresholdCurve,
    maximise_micro_f1,
    select,
    select_labels,
)

X, Y = make_multilabel_classification(400, n_classes=4, n_labels=2, random_state=3)
Y = np.column_stack([Y, np.random.default_rng(0).random(400) < 0.03]).astype(int)
BASE = OneVsRestClassifier(LogisticRegression())


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**31))
def test_micro_f1_is_the_best_over_all_combinations(n_labels, seed):
    rng = np.random.default_rng(seed)
    positive = rng.random((7, n_labels)) < 0.4
    scores = rng.integers(0, 6, (7, n_labels)) / 5
    curves = [ThresholdCurve.from_scores(positive[:, k], scores[:, k]) for k in range(n_labels)]
    problems = [Problem(curve, METRICS["f1"].utility) for curve in curves]
    thresholds, ratio = maximise_micro_f1(problems)

    def micro(chosen):
        return f1_score(positive.ravel(), (scores >= np.array(chosen)).ravel(), zero_division=0.0)

    # True positives, and all that are called positive, at each threshold of each label: counted row by row.
    called = [scores[:, k] >= curve.thresholds[:, None] for k, curve in enumerate(curves)]
    hits = [(c & positive[:, k]).sum(axis=1) for k, c in enumerate(called)]
    sizes = [c.sum(axis=1) for c in called]
    places = list(itertools.product(*(range(len(c)) for c in curves)))
    tp, total = (np.array([sum(n[i] for n, i in zip(of, p, strict=True)) for p in places]) for of in (hits, sizes))
    values = 2 * tp / np.maximum(total + positive.sum(), 1)
    best = places[values.argmax()]
    assert values.max() == pytest.approx(micro([c.thresholds[i] for c, i in zip(curves, best, strict=True)]))
    assert ratio == pytest.approx(values.max())
    assert micro(thresholds) == pytest.approx(values.max())


def test_argmax_maximises_each_label_for_macro_f1():
    tuned = ThresholdTunerCV(BASE, scoring="f1_macro", selection="argmax").fit(X, Y)
    oof = tuned.oof_scores_
    for label in range(5):
        called = oof[:, label] >= np.unique(oof[:, label])[:, None]
        best = (2 * (called @ Y[:, label]) / (called.sum(axis=1) + Y[:, label].sum())).max()
        own = f1_score(Y[:, label], oof[:, label] >= tuned.best_threshold_[label])
        assert own == pytest.approx(best)
    expected = f1_score(Y, oof >= tuned.best_threshold_, average="macro")
    assert tuned.best_score_ == pytest.approx(expected)


def test_micro_f1_beats_every_common_threshold_out_of_fold():
    tuned = ThresholdTunerCV(BASE, scoring="f1_micro", selection="argmax").fit(X, Y)
    oof = tuned.oof_scores_
    reached = f1_score(Y, oof >= tuned.best_threshold_, average="micro")
    assert tuned.best_score_ == pytest.approx(reached)
    common = max(f1_score(Y, oof >= t, average="micro") for t in np.unique(oof)[::7])
    assert reached >= common
    stable = ThresholdTunerCV(BASE, scoring="f1_micro").fit(X, Y)
    assert stable.best_score_ > common - 0.02


@pytest.mark.parametrize(
    "estimator",
    [
        BASE,
        RandomForestClassifier(20, random_state=0),
        pytest.param(
            MLPClassifier((8,), max_iter=20, random_state=0),
            marks=pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
        ),
    ],
)
def test_every_form_of_multilabel_probabilities(estimator):
    tuned = ThresholdTunerCV(estimator, scoring="f1_macro", cv=3).fit(X, Y)
    assert tuned.best_threshold_.shape == (5,)
    assert tuned.threshold_interval_.shape == (5, 2)
    assert tuned.fold_thresholds_.shape == (3, 5)
    assert tuned.oof_scores_.shape == Y.shape
    assert len(tuned.curve_) == 5
    proba = tuned.predict_proba(X)
    assert proba.shape == Y.shape
    predicted = tuned.predict(X)
    np.testing.assert_array_equal(predicted, proba >= tuned.best_threshold_)
    assert predicted.dtype == Y.dtype
    untuned = f1_score(Y, tuned.oof_scores_ >= 0.5, average="macro", zero_division=0.0)
    assert tuned.best_score_ > untuned
    low, high = tuned.threshold_interval_.T
    assert np.all(low < high)


def test_decision_function_of_labels():
    tuned = ThresholdTunerCV(BASE, scoring="f1_macro", response_method="decision_function", cv=3)
    tuned.fit(X, Y)
    margins = tuned.decision_function(X)
    np.testing.assert_array_equal(tuned.predict(X), margins >= tuned.best_threshold_)


def labels_like(n_labels, n_rows, rate, seed):
    """Labels whose best thresholds are all the same."""
    rng = np.random.default_rng(seed)
    problems = []
    for _ in range(n_labels):
        positive = rng.random(n_rows) < rate
        positive[:3] = True, True, False
        z = rng.normal(size=n_rows) + 1.5 * positive
        problems.append(Problem(ThresholdCurve.from_scores(positive, z), METRICS["balanced_accuracy"].utility))
    return problems


def test_rare_labels_lean_on_the_common_threshold_and_frequent_ones_do_not():
    centre = 0.75
    rare = labels_like(12, 150, 0.05, seed=1)
    frequent = labels_like(1, 5000, 0.5, seed=2)
    alone = [select(p, "stable").threshold for p in rare + frequent]
    together = [s.threshold for s in select_labels(rare + frequent, "stable", 0.95, centre)]
    before, after = np.abs(np.array(alone) - centre), np.abs(np.array(together) - centre)
    assert after[:-1].mean() < 0.7 * before[:-1].mean()
    assert after[-1] == pytest.approx(before[-1], abs=0.05)


def test_retune_labels():
    tuned = ThresholdTunerCV(BASE, scoring="f1_macro").fit(X, Y)
    micro = pickle.loads(pickle.dumps(tuned)).retune(scoring="f1_micro").best_threshold_
    np.testing.assert_array_equal(micro, ThresholdTunerCV(BASE, scoring="f1_micro").fit(X, Y).best_threshold_)
    rates = np.clip(2 * Y.mean(axis=0), 0, 0.9)
    shifted = tuned.retune(scoring="accuracy", prevalence=rates)
    assert np.all(shifted.best_threshold_ <= tuned.retune(scoring="accuracy").best_threshold_)
    assert tuned.curve_[0].n_positive == Y[:, 0].sum()
    tuned.retune(scoring="accuracy", prevalence=0.5)
    assert tuned.curve_[0].n_positive == pytest.approx(200)
    cheap = tuned.retune(costs=[[0, 1], [9, 0]]).best_threshold_
    dear = tuned.retune(costs=[[0, 9], [1, 0]]).best_threshold_
    assert np.all(cheap[:4] < dear[:4])  # the last label is best never called at either cost


def test_constraints_for_each_label():
    tuned = ThresholdTunerCV(BASE, scoring="precision", constraint={0: "recall >= 0.7"})
    tuned.fit(X, Y)
    assert tuned.constraint_satisfied_.all()
    assert [len(report) for report in tuned.constraint_report_] == [1, 0, 0, 0, 0]
    oof = tuned.oof_scores_[:, 0] >= tuned.best_threshold_[0]
    assert recall_score(Y[:, 0], oof) > 0.7
    everywhere = ThresholdTunerCV(BASE, scoring="f1_macro", constraint="recall >= 0.9")
    with pytest.warns(UserWarning, match="rows of the positive class would be needed|more rows"):
        everywhere.fit(X, Y)
    assert not everywhere.constraint_satisfied_[4]


def test_weighted_average_and_scorers():
    weighted = ThresholdTunerCV(BASE, scoring="f1_weighted", selection="argmax").fit(X, Y)
    predicted = weighted.oof_scores_ >= weighted.best_threshold_
    assert weighted.best_score_ == pytest.approx(f1_score(Y, predicted, average="weighted"))
    for average in ("macro", "micro"):
        by_scorer = ThresholdTunerCV(BASE, scoring=make_scorer(f1_score, average=average))
        by_name = ThresholdTunerCV(BASE, scoring=f"f1_{average}")
        np.testing.assert_array_equal(by_scorer.fit(X, Y).best_threshold_, by_name.fit(X, Y).best_threshold_)
    jaccard = ThresholdTunerCV(BASE, scoring="jaccard_micro").fit(X, Y)
    micro = ThresholdTunerCV(BASE, scoring="f1_micro").fit(X, Y)
    np.testing.assert_array_equal(jaccard.best_threshold_, micro.best_threshold_)
    assert jaccard.best_score_ == pytest.approx(micro.best_score_ / (2 - micro.best_score_))


def test_positive_label_of_a_scorer_is_taken_for_each_label():
    options = {"cv": 2, "selection": "argmax"}
    tuned = ThresholdTunerCV(BASE, scoring=make_scorer(f1_score, pos_label=0), **options).fit(X, Y)
    decided = tuned.oof_scores_ >= tuned.best_threshold_
    expected = np.mean([f1_score(Y[:, k], decided[:, k], pos_label=0) for k in range(5)])
    assert tuned.best_score_ == pytest.approx(expected)
    by_name = ThresholdTunerCV(BASE, scoring="f1_macro", **options).fit(X, Y)
    assert np.all(tuned.best_threshold_ >= by_name.best_threshold_)


class OwnFolds(ClassifierMixin, BaseEstimator):
    """Offers out-of-fold probabilities of all labels."""

    def fit(self, X, y):
        self.model_ = OneVsRestClassifier(LogisticRegression()).fit(X, y)
        self.classes_ = self.model_.classes_
        self.oof_proba_ = np.clip(self.model_.predict_proba(X) * 0.9, 0, 1)
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


def test_own_out_of_fold_probabilities_of_labels():
    tuned = ThresholdTunerCV(OwnFolds(), scoring="f1_macro").fit(X, Y)
    np.testing.assert_allclose(tuned.oof_scores_, tuned.estimator_.oof_proba_)
    assert tuned.predict(X).shape == Y.shape


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scoring": "f1_samples"}, "averages over rows"),
        ({"scoring": make_scorer(f1_score, average="samples")}, "averages over rows"),
        ({"scoring": "precision_micro"}, "take 'f1_micro'"),
        ({"scoring": make_scorer(recall_score, average="micro")}, "take 'f1_micro'"),
        ({"scoring": "rand_score"}, "no function of the counts"),
        ({"constraint": {7: "recall >= 0.5"}}, r"names the labels \[7\]"),
        ({"thresholds": 10}, "one yes/no question"),
        ({"pos_label": 0}, "pos_label must be None or 1 when y is an indicator matrix, got 0"),
        ({"estimator": LogisticRegression()}, r"tune OneVsRestClassifier\(LogisticRegression"),
    ],
)
def test_bad_requests_for_labels(params, message):
    params = {"estimator": BASE, "scoring": "f1_macro", **params}
    with pytest.raises(ValueError, match=message):
        ThresholdTunerCV(**params).fit(X, Y)


def test_costs_of_rows_are_for_one_question():
    with pytest.raises(ValueError, match="one yes/no question"):
        ThresholdTunerCV(BASE, scoring="f1_macro").fit(X, Y, costs=np.ones((400, 2)))


@pytest.mark.parametrize("values", [(1, 2), (0, 2), (-1, 1)])
@pytest.mark.parametrize("as_given", [np.asarray, sparse.csr_matrix])
def test_indicator_matrices_hold_zeros_and_ones(values, as_given):
    with pytest.raises(ValueError, match="indicator matrix of 0s and 1s"):
        ThresholdTunerCV(BASE, scoring="f1_macro").fit(X, as_given(np.array(values)[Y]))


@pytest.mark.parametrize("as_given", [np.asarray, sparse.csr_matrix, np.ndarray.tolist])
def test_one_hot_is_one_question(as_given):
    answers = Y[:, 0]
    tuned = ThresholdTunerCV(LogisticRegression(), cv=2)
    with pytest.warns(UserWarning, match="one yes/no question in one-hot form"):
        tuned.fit(X, as_given(np.eye(2, dtype=int)[answers]))
    plain = ThresholdTunerCV(LogisticRegression(), cv=2).fit(X, answers)
    assert tuned.best_threshold_ == plain.best_threshold_
    np.testing.assert_array_equal(tuned.predict(X), plain.predict(X))
