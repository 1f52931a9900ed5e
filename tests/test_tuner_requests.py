"""Requests in combination: candidates with constraints, costs kept by `retune`, weights that some cannot take."""

import warnings

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV

X, Y = make_classification(600, weights=[0.7], flip_y=0.1, random_state=0)
FITTED = LogisticRegression().fit(X, Y)
SLOW = make_scorer(lambda y, p: metrics.f1_score(y, p))
MATRIX = [[0, 1], [5, 0]]


def prefit(**options):
    return ThresholdTunerCV(FITTED, cv="prefit", refit=False, **options)


# ------------------------------------------------------------------ candidates with constraints


@pytest.mark.parametrize("scoring", ["f1", SLOW])
@pytest.mark.parametrize("selection", ["stable", "argmax"])
def test_candidates_of_which_none_satisfies_the_constraint_are_told(scoring, selection):
    tuned = prefit(scoring=scoring, selection=selection, constraint="recall >= 0.9", thresholds=[0.9, 0.8, 0.99])
    with pytest.warns(UserWarning, match=r"'recall >= 0.9' cannot be shown: the nearest bound"):
        tuned.fit(X, Y)
    assert tuned.constraint_satisfied_ is False
    assert tuned.best_threshold_ == 0.8  # the highest recall of the three
    (line,) = tuned.constraint_report_
    assert not line["satisfied"]
    assert line["nearest"] == line["bound"] < 0.9
    assert line["positives_needed"] > Y.sum()
    assert prefit(scoring=scoring, constraint="recall >= 0.9").fit(X, Y).constraint_satisfied_


@pytest.mark.parametrize("scoring", ["precision", SLOW])
@pytest.mark.parametrize("selection", ["stable", "argmax"])
def test_candidates_that_satisfy_the_constraint_are_the_only_ones_chosen(scoring, selection):
    candidates = [0.9, 0.3, 0.05, 0.01]
    tuned = prefit(scoring=scoring, selection=selection, constraint="recall >= 0.8", thresholds=candidates).fit(X, Y)
    assert tuned.constraint_satisfied_
    assert tuned.best_threshold_ in candidates[1:]
    assert tuned.constraint_report_[0]["bound"] >= 0.8
    recall = metrics.recall_score(Y, tuned.oof_scores_ >= tuned.best_threshold_)
    assert tuned.constraint_report_[0]["estimate"] == pytest.approx(recall)


@pytest.mark.parametrize("mode", ["", " [strict]", " [empirical]"])
def test_a_candidate_is_judged_on_curves_too_long_to_judge_all_cuts(mode):
    rng = np.random.default_rng(0)
    y = (rng.random(60_000) < 0.3).astype(int)
    scores = (rng.normal(size=60_000) + 2 * y)[:, None]
    tuned = ThresholdTunerCV(
        LogisticRegression().fit(scores, y),
        cv="prefit",
        refit=False,
        constraint=f"precision >= 0.5{mode}",
        thresholds=[0.4321],
    ).fit(scores, y)
    assert tuned.constraint_satisfied_
    assert tuned.best_threshold_ == 0.4321


def test_a_candidate_of_the_same_decisions_wins_over_a_nearer_one():
    scores, y = np.array([0.05, 0.9, 0.04, 0.95] * 5), np.array([0, 1, 0, 1] * 5)

    class Column(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, X):
            return np.column_stack([1 - X[:, 0], X[:, 0]])

    model = Column().fit(scores[:, None], y)
    tuned = ThresholdTunerCV(model, cv="prefit", refit=False, selection="argmax", thresholds=[0.06, 0.92])
    assert tuned.fit(scores[:, None], y).best_threshold_ == 0.06
    assert tuned.best_score_ == 1


# ------------------------------------------------------------------ costs and constraints by name


def test_retune_keeps_the_costs_for_a_constraint_on_them():
    tuned = prefit(scoring="recall", costs=MATRIX, constraint="cost <= 0.9").fit(X, Y)
    wanted = tuned.best_threshold_
    assert tuned.retune().best_threshold_ == wanted
    precise = tuned.retune(scoring="precision")
    assert precise.constraint_report_[0]["bound"] <= 0.9
    dear = tuned.retune(costs=[[0, 10], [5, 0]], constraint="cost <= 3")
    assert (
        dear.best_score_ == tuned.retune(scoring="recall", costs=[[0, 10], [5, 0]], constraint="cost <= 3").best_score_
    )
    free = prefit(scoring="f1").fit(X, Y)
    with pytest.raises(ValueError, match=r"on the cost, but no cost matrix is given"):
        free.retune(constraint="cost <= 0.9")


def test_costs_of_some_labels_only():
    rows, labels = make_multilabel_classification(300, n_classes=3, random_state=0)
    base = OneVsRestClassifier(LogisticRegression())
    tuned = ThresholdTunerCV(base, scoring="recall", costs=MATRIX, constraint={1: "cost <= 2"}, cv=3).fit(rows, labels)
    assert [len(report) for report in tuned.constraint_report_] == [0, 1, 0]
    assert tuned.constraint_report_[1][0]["bound"] <= 2
    before = tuned.best_threshold_
    np.testing.assert_array_equal(tuned.retune().best_threshold_, before)
    with pytest.raises(ValueError, match="neither `scoring` nor `constraint`"):
        ThresholdTunerCV(base, scoring="f1_macro", costs=MATRIX, constraint={1: "recall >= 0.5"}).fit(rows, labels)


def test_costs_of_rows_have_no_constraint_of_their_own():
    costs = np.tile([1.0, 5.0], (600, 1))
    with pytest.raises(ValueError, match=r"`constraint` 'cost <= 0.9' .* needs one cost matrix for all rows"):
        prefit(scoring="cost", constraint="cost <= 0.9").fit(X, Y, costs=costs)
    tuned = prefit(scoring="cost", costs=MATRIX, constraint="cost <= 0.9").fit(X, Y, costs=costs)
    assert tuned.constraint_report_[0]["bound"] <= 0.9
    assert tuned.retune(costs=costs).constraint_report_[0]["bound"] <= 0.9


def test_any_beta_may_be_constrained():
    tuned = prefit(scoring="precision", constraint=["f2 >= 0.6", "f0.5 >= 0.5"]).fit(X, Y)
    decided = tuned.oof_scores_ >= tuned.best_threshold_
    for line, beta, floor in zip(tuned.constraint_report_, (2, 0.5), (0.6, 0.5), strict=True):
        assert line["estimate"] == pytest.approx(metrics.fbeta_score(Y, decided, beta=beta))
        assert floor <= line["bound"] < line["estimate"]


# ------------------------------------------------------------------ weights


def one(estimator, X, y):
    return metrics.accuracy_score(y, estimator.predict(X))


@pytest.mark.parametrize("scoring", [SLOW, one, "rand_score"])
def test_scorers_that_take_no_weights_are_called_without(scoring):
    weight = np.where(Y == 1, 3.0, 1.0)
    with pytest.warns(UserWarning, match="takes no sample_weight, so it counts every row once"):
        tuned = prefit(scoring=scoring, selection="argmax").fit(X, Y, sample_weight=weight)
    assert tuned.curve_.n_positive == 3 * Y.sum()
    assert tuned.best_score_ == prefit(scoring=scoring, selection="argmax").fit(X, Y).best_score_


VOTES = [("a", LogisticRegression()), ("b", GaussianNB())]


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearchCV(LogisticRegression(), {"C": [1e-3, 1.0]}, cv=2),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2),
        make_pipeline(StandardScaler(), GridSearchCV(LogisticRegression(), {}, cv=2)),
        VotingClassifier(VOTES, voting="soft"),
        StackingClassifier(VOTES, cv=2),
    ],
)
def test_weights_reach_what_is_inside_a_meta_estimator(estimator):
    weight = np.where(Y == 1, 20.0, 1.0)
    plain, weighted = (
        ThresholdTunerCV(estimator, cv=2, ensemble=False).fit(X, Y, sample_weight=w) for w in (None, weight)
    )
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (GridSearchCV(KNeighborsClassifier(), {}, cv=2), "KNeighborsClassifier"),
        (VotingClassifier([("a", KNeighborsClassifier())], voting="soft"), "KNeighborsClassifier"),
        (StackingClassifier(VOTES, final_estimator=KNeighborsClassifier(), cv=2), "KNeighborsClassifier"),
        (OneVsRestClassifier(LogisticRegression()), "OneVsRestClassifier"),
    ],
)
def test_weights_that_a_meta_estimator_does_not_hand_on_serve_the_threshold(estimator, name):
    with pytest.warns(UserWarning, match=f"{name}.fit takes no sample_weight without metadata routing"):
        tuned = ThresholdTunerCV(estimator, cv=2).fit(X, Y, sample_weight=np.full(600, 2.0))
    assert tuned.curve_.n_positive == 2 * Y.sum()


# ------------------------------------------------------------------ objectives at their limits


@pytest.mark.parametrize("selection", ["stable", "argmax"])
def test_an_infinite_objective_is_the_best_one(selection):
    def odds(tn, fp, fn, tp):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(tp > 0, tp / fp, np.nan)

    tuned = prefit(scoring=odds, selection=selection).fit(X, Y)
    decided = tuned.oof_scores_ >= tuned.best_threshold_
    assert tuned.best_score_ == np.inf or selection == "stable"
    assert metrics.precision_score(Y, decided) > 0.95


def test_an_objective_without_values_keeps_the_default():
    tuned = prefit(scoring=lambda tn, fp, fn, tp: tp * np.nan)
    with pytest.warns(UserWarning, match="no value at any threshold"):
        tuned.fit(X, Y)
    assert tuned.best_threshold_ == 0.5


class Constant(ClassifierMixin, BaseEstimator):
    """Says the same margin of every row."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return np.full(len(X), 0.3)


def test_constant_margins_between_zero_and_one_are_no_probabilities():
    with pytest.warns(UserWarning, match="constant predictions"):
        tuned = ThresholdTunerCV(Constant(), cv=2).fit(X, Y)  # balanced accuracy: both decisions are equally good
    assert tuned.predict(X).all()


def test_errors_of_an_estimator_with_labels_keep_their_words():
    holes = np.where(np.arange(600)[:, None] == 3, np.nan, X)
    labels = np.column_stack([Y, np.roll(Y, 1)])
    with pytest.raises(ValueError, match="Input X contains NaN") as caught:
        ThresholdTunerCV(OneVsRestClassifier(LogisticRegression()), scoring="f1_macro", cv=2).fit(holes, labels)
    assert str(caught.value).startswith("Input X contains NaN")
    forest = RandomForestClassifier(5, max_features="none")
    with pytest.raises(ValueError, match="max_features") as caught:
        ThresholdTunerCV(forest, scoring="f1_macro", cv=2).fit(X, labels)
    assert not hasattr(caught.value, "__notes__")


def test_slow_scorers_without_values_stay_inside_the_constraint():
    nothing = make_scorer(lambda y, p: np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tuned = prefit(scoring=nothing, constraint="recall >= 0.9").fit(X, Y)
    assert tuned.constraint_report_[0]["bound"] >= 0.9
