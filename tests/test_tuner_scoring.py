"""What may be given as `scoring`."""

import numpy as np
import pytest
from sklearn import config_context, metrics
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, make_scorer
from sklearn.naive_bayes import GaussianNB

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._tuning import resolve_scoring

X, Y = make_classification(300, weights=[0.7], flip_y=0.2, class_sep=0.6, random_state=1)
OOF = ThresholdTunerCV(GaussianNB(), cv=3).fit(X, Y).oof_scores_

NAMES = [
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "jaccard",
    "jaccard_macro",
    "jaccard_weighted",
    "matthews_corrcoef",
    "precision_macro",
    "precision_weighted",
    "recall_macro",
    "fowlkes_mallows_score",
    "rand_score",
    "neg_mean_absolute_error",
]


def tuned_on(scoring, **options):
    options = {"selection": "argmax", "cv": 3, **options}
    return ThresholdTunerCV(GaussianNB(), scoring=scoring, **options).fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("name", NAMES)
def test_names_of_scikit_learn(name):
    tuned = tuned_on(name)
    score_func, sign = get_scorer(name)._score_func, get_scorer(name)._sign
    kwargs = {k: v for k, v in get_scorer(name)._kwargs.items() if k != "pos_label"}

    def value(threshold):
        return sign * score_func(Y, (threshold <= OOF).astype(int), **kwargs)

    assert tuned.best_score_ == pytest.approx(value(tuned.best_threshold_))
    best = max(value(t) for t in np.unique(OOF))
    exact = resolve_scoring(name).metric is not None
    assert tuned.best_score_ == pytest.approx(best) if exact else tuned.best_score_ > best - 0.02


@pytest.mark.parametrize("name", ["precision", "recall", "positive_likelihood_ratio"])
def test_one_sided_metrics_run_to_their_end(name):
    with np.errstate(invalid="raise"):
        assert np.isfinite(tuned_on(name).best_score_)


@pytest.mark.parametrize(
    ("scorer", "kwargs"),
    [
        (metrics.fbeta_score, {"beta": 2}),
        (metrics.f1_score, {"average": "macro"}),
        (metrics.precision_score, {"zero_division": 1.0}),
        (metrics.balanced_accuracy_score, {"adjusted": True}),
        (metrics.accuracy_score, {"normalize": False}),
        (metrics.jaccard_score, {"average": "weighted"}),
        (metrics.cohen_kappa_score, {}),
    ],
)
def test_scorers_with_parameters_are_exact_and_equal(scorer, kwargs):
    objective = resolve_scoring(make_scorer(scorer, **kwargs))
    assert objective.metric is not None
    for threshold in (0.2, 0.5, 0.8):
        predicted = threshold <= OOF
        counts = [
            np.sum(a)
            for a in (
                ~predicted & (Y == 0),
                predicted & (Y == 0),
                ~predicted & (Y == 1),
                predicted & (Y == 1),
            )
        ]
        ours = float(objective.metric(*counts))
        assert ours == pytest.approx(scorer(Y, predicted, **kwargs))


def test_smaller_is_better():
    objective = resolve_scoring(make_scorer(metrics.accuracy_score, greater_is_better=False))
    assert float(objective.metric(5, 1, 1, 3)) == pytest.approx(-0.8)
    assert tuned_on("fpr").best_score_ == 0
    assert tuned_on("error_rate").best_score_ == pytest.approx(tuned_on("accuracy").best_score_ - 1)


def test_fbeta_by_name_equals_the_scorer():
    by_name, by_scorer = tuned_on("f2"), tuned_on(make_scorer(metrics.fbeta_score, beta=2))
    assert by_name.best_threshold_ == by_scorer.best_threshold_
    assert tuned_on("f0.5").best_threshold_ > by_name.best_threshold_


@pytest.mark.parametrize("alias", [("mcc", "matthews_corrcoef"), ("sensitivity", "recall"), ("youden_j", "youden")])
def test_aliases(alias):
    assert tuned_on(alias[0]).best_score_ == tuned_on(alias[1]).best_score_


def test_callable_on_counts_is_exact():
    def kappa(tn, fp, fn, tp):
        return 2 * (tp * tn - fp * fn) / ((tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))

    assert tuned_on(kappa).best_score_ == pytest.approx(tuned_on("cohen_kappa").best_score_)


def test_other_scorers_are_called_for_each_threshold_and_come_close():
    calls = []

    def own(y_true, y_pred):
        calls.append(len(y_pred))
        return metrics.f1_score(y_true, y_pred)

    exact = tuned_on("f1")
    for selection in ("argmax", "stable"):
        slow = tuned_on(make_scorer(own), selection=selection)
        assert slow.best_score_ > exact.best_score_ - 0.03
        low, high = slow.threshold_interval_
        assert low < slow.best_threshold_ < high
    assert len(calls) < 1500
    assert np.isfinite(slow.fold_thresholds_).all()


def test_scorer_of_estimator_and_rows_sees_the_decisions():
    def scorer(estimator, X, y):
        assert X.shape == (300, 20)
        assert estimator.predict_proba(X).shape == (300, 2)
        assert estimator.decision_function(X).shape == (300,)
        return metrics.f1_score(y, estimator.predict(X))

    # the interval and the folds' thresholds look at parts of the rows
    def tolerant(estimator, X, y):
        return scorer(estimator, X, y) if len(X) == 300 else metrics.f1_score(y, estimator.predict(X))

    assert tuned_on(tolerant).best_score_ == pytest.approx(tuned_on("f1").best_score_, abs=0.03)


def test_slow_scorers_obey_constraints_candidates_and_callables():
    slow = make_scorer(lambda y, p: metrics.precision_score(y, p, zero_division=0))
    tuned = tuned_on(slow, constraint="recall >= 0.5")
    assert tuned.constraint_satisfied_
    assert tuned.constraint_report_[0]["bound"] >= 0.5
    assert tuned_on(slow, thresholds=[0.3, 0.6]).best_threshold_ in (0.3, 0.6)
    middle = tuned_on(slow, selection=lambda curve, values: 0.5).best_threshold_
    assert middle == pytest.approx(0.5, abs=0.1)


def test_slow_scorer_on_one_prefit_sample_has_the_widest_interval():
    slow = make_scorer(lambda y, p: metrics.f1_score(y, p))
    model = GaussianNB().fit(X, Y)
    tuned = ThresholdTunerCV(model, scoring=slow, cv="prefit", refit=False).fit(X, Y)
    scores = tuned.curve_.scores
    assert tuned.threshold_interval_[0] == pytest.approx(scores[-1])
    assert tuned.threshold_interval_[1] >= scores[0]


@config_context(enable_metadata_routing=True)
def test_metadata_of_a_scorer():
    amount = np.random.default_rng(0).random(300)

    def gain(y_true, y_pred, amount):
        return float(amount @ (np.where(y_true == 1, 1.0, -0.5) * y_pred))

    scorer = make_scorer(gain).set_score_request(amount=True)
    tuned = ThresholdTunerCV(GaussianNB(), scoring=scorer, cv=3, selection="argmax")
    tuned.fit(X, Y, amount=amount)
    values = [gain(Y, t <= OOF, amount) for t in np.unique(OOF)]
    assert tuned.best_score_ > 0.97 * max(values)


def test_candidates_restrict_the_threshold():
    for selection in ("stable", "argmax"):
        tuned = tuned_on("f1", thresholds=[0.9, 0.1, 0.35], selection=selection, store_cv_results=True)
        assert tuned.best_threshold_ in (0.1, 0.35, 0.9)
        values = [metrics.f1_score(Y, t <= OOF) for t in (0.1, 0.35, 0.9)]
        np.testing.assert_allclose(tuned.cv_results_["scores"], values)
        assert tuned.best_score_ == pytest.approx(values[[0.1, 0.35, 0.9].index(tuned.best_threshold_)])
    assert tuned.best_score_ == pytest.approx(max(values))
    grid = tuned_on("f1", thresholds=30, store_cv_results=True)
    assert grid.cv_results_["thresholds"].shape == (30,)
    assert grid.best_threshold_ in grid.cv_results_["thresholds"]


def test_weights_reach_every_kind_of_metric():
    weight = np.where(Y == 1, 4.0, 1.0)
    model = LogisticRegression()
    by_name = ThresholdTunerCV(model, scoring="accuracy").fit(X, Y, sample_weight=weight)
    slow = make_scorer(lambda y, p, sample_weight=None: metrics.accuracy_score(y, p, sample_weight=sample_weight))
    by_slow = ThresholdTunerCV(model, scoring=slow).fit(X, Y, sample_weight=weight)
    predicted = by_name.oof_scores_ >= by_name.best_threshold_
    assert by_name.best_score_ == pytest.approx(metrics.accuracy_score(Y, predicted, sample_weight=weight))
    assert by_slow.best_score_ == pytest.approx(by_name.best_score_, abs=0.03)


def test_scores_that_a_scorer_asks_for_stand_in_the_order_of_the_classes():
    labels = np.where(Y == 1, "bad", "good")

    def scorer(estimator, X, y):
        assert list(estimator.classes_) == ["bad", "good"]
        decided = estimator.predict(X) == "bad"
        scores = estimator.predict_proba(X)[:, 0]
        assert scores[decided].min(initial=1) >= scores[~decided].max(initial=0)
        margins = estimator.decision_function(X)
        assert margins[decided].max(initial=-1) <= margins[~decided].min(initial=0)
        return metrics.f1_score(y, estimator.predict(X), pos_label="bad")

    tuned = ThresholdTunerCV(GaussianNB(), scoring=scorer, pos_label="bad", cv=2).fit(X, labels)
    assert tuned.best_score_ > 0.5
