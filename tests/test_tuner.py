"""ThresholdTunerCV on binary targets."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, make_scorer, recall_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_binnet import ThresholdTunerCV


@pytest.fixture(scope="module")
def data():
    return make_classification(600, weights=[0.8], flip_y=0.1, class_sep=0.7, random_state=0)


class Counting(LogisticRegression):
    """Logistic regression that counts its fits."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


def test_argmax_is_the_best_threshold_of_the_out_of_fold_scores(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", selection="argmax").fit(X, y)
    oof = cross_val_predict(LogisticRegression(), X, y, cv=5, method="predict_proba")[:, 1]
    np.testing.assert_allclose(tuned.oof_scores_, oof)
    best = max(f1_score(y, oof >= t) for t in np.unique(oof))
    assert tuned.best_score_ == pytest.approx(best)
    assert f1_score(y, oof >= tuned.best_threshold_) == pytest.approx(best)


def test_fitted_attributes(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", store_cv_results=True).fit(X, y)
    low, high = tuned.threshold_interval_
    assert low < tuned.best_threshold_ < high
    assert tuned.fold_thresholds_.shape == (5,)
    assert tuned.constraint_satisfied_
    assert tuned.constraint_report_ == []
    cut = tuned.curve_.index(tuned.best_threshold_)
    predicted = tuned.oof_scores_ >= tuned.best_threshold_
    assert tuned.curve_.tp[cut] == (predicted & (y == 1)).sum()
    assert tuned.best_score_ == pytest.approx(f1_score(y, predicted))
    results = tuned.cv_results_
    assert np.all(np.diff(results["thresholds"]) > 0)
    assert results["scores"].max() >= tuned.best_score_
    assert tuned.n_features_in_ == X.shape[1]


def test_higher_confidence_widens_the_interval(data):
    narrow, wide = (
        np.ptp(ThresholdTunerCV(GaussianNB(), confidence_level=level).fit(*data).threshold_interval_)
        for level in (0.5, 0.99)
    )
    assert narrow < wide


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        GaussianNB(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), LinearSVC()),
        pytest.param(
            MLPClassifier((8,), max_iter=30, random_state=0),
            marks=pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
        ),
    ],
)
def test_any_classifier_gets_better_recall_than_by_default(estimator, data):
    X, y = data
    tuned = ThresholdTunerCV(estimator, scoring="balanced_accuracy", cv=3).fit(X, y)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    neutral = 0.5 if method == "predict_proba" else 0.0
    tuned_recall = recall_score(y, tuned.oof_scores_ >= tuned.best_threshold_)
    assert tuned_recall > recall_score(y, tuned.oof_scores_ >= neutral)
    values = np.mean([getattr(m, method)(X) for m in (tuned.estimator_, *tuned.estimators_)], axis=0)
    scores = values[:, 1] if method == "predict_proba" else values
    np.testing.assert_array_equal(tuned.predict(X), scores >= tuned.best_threshold_)


def test_response_methods_make_the_same_decisions(data):
    X, y = data
    by_proba, by_margin = (
        ThresholdTunerCV(
            LogisticRegression(),
            scoring="f1",
            response_method=method,
            selection="argmax",
            ensemble=False,
        ).fit(X, y)
        for method in ("predict_proba", "decision_function")
    )
    np.testing.assert_array_equal(by_proba.predict(X), by_margin.predict(X))
    assert by_margin.best_score_ == pytest.approx(by_proba.best_score_)


@pytest.mark.parametrize("response_method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize("names", [("a", "b"), ("yes", "no")])
def test_positive_label_may_be_any_class(data, names, response_method):
    X, y = data
    labels = np.array(names)[y]
    tuned = ThresholdTunerCV(
        LogisticRegression(),
        scoring="recall",
        constraint="precision >= 0.4",
        pos_label=names[1],
        response_method=response_method,
    ).fit(X, labels)
    reference = ThresholdTunerCV(
        LogisticRegression(),
        scoring="recall",
        constraint="precision >= 0.4",
        response_method=response_method,
    ).fit(X, y)
    assert tuned.best_threshold_ == pytest.approx(reference.best_threshold_)
    predicted = tuned.predict(X)
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted == names[1], reference.predict(X) == 1)


def test_positive_label_of_a_scorer_is_taken(data):
    X, y = data
    labels = np.array(["b", "a"])[y]
    by_scorer = ThresholdTunerCV(LogisticRegression(), scoring=make_scorer(f1_score, pos_label="a"))
    by_param = ThresholdTunerCV(LogisticRegression(), scoring="f1", pos_label="a")
    assert by_scorer.fit(X, labels).best_threshold_ == by_param.fit(X, labels).best_threshold_
    other = ThresholdTunerCV(
        LogisticRegression(),
        scoring=make_scorer(f1_score, pos_label="a"),
        pos_label="b",
        selection="argmax",
    ).fit(X, labels)
    predicted = np.where(other.oof_scores_ >= other.best_threshold_, "b", "a")
    assert other.best_score_ == pytest.approx(f1_score(labels, predicted, pos_label="a"))


class Naming(LogisticRegression):
    """Has a positive label of its own."""

    def __init__(self, pos_label=None, C=1.0):
        super().__init__(C=C)
        self.pos_label = pos_label

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.pos_label_ = self.classes_[1] if self.pos_label is None else self.pos_label
        return self


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), model)),
        lambda model: GridSearchCV(make_pipeline(model), {}, cv=2),
        lambda model: FrozenEstimator(model),
    ],
    ids=["alone", "pipeline", "nested", "search", "frozen"],
)
@pytest.mark.parametrize("prefit", [False, True])
def test_positive_label_of_the_estimator_is_taken(data, wrap, prefit):
    X, y = data
    labels = np.array(["good", "bad"])[y]
    model = wrap(Naming(pos_label="bad"))
    if prefit or isinstance(model, FrozenEstimator):
        model = wrap(Naming(pos_label="bad").fit(X, labels)).fit(X, labels)
    options = {"cv": "prefit", "refit": False} if prefit else {"cv": 2}
    own = ThresholdTunerCV(model, scoring="f2", **options).fit(X, labels)
    said = ThresholdTunerCV(model, scoring="f2", pos_label="bad", **options).fit(X, labels)
    assert own.pos_label_ == said.pos_label_ == "bad"
    assert own.best_threshold_ == said.best_threshold_
    assert own.curve_.n_positive == np.sum(labels == "bad")
    np.testing.assert_array_equal(own.predict(X), said.predict(X))


def test_positive_label_is_the_tuners_then_the_scorers_then_the_estimators(data):
    X, y = data
    labels = np.array(["good", "bad"])[y]
    fitted = Naming(pos_label="good").fit(X, labels).set_params(pos_label="bad")
    scorer = make_scorer(f1_score, pos_label="good")
    for options, expected in (
        ({"pos_label": "good", "estimator": Naming("bad")}, "good"),
        ({"scoring": scorer, "estimator": Naming("bad")}, "good"),
        ({"scoring": scorer, "pos_label": "bad", "estimator": Naming("bad")}, "bad"),
        ({"estimator": Naming("bad")}, "bad"),
        ({"estimator": fitted}, "bad"),  # fitted anew, with the parameter as it is now
        ({"estimator": fitted, "cv": "prefit", "refit": False}, "good"),  # this fit is kept
        ({"estimator": Naming()}, "good"),
        ({"estimator": LogisticRegression()}, "good"),
    ):
        assert ThresholdTunerCV(**{"cv": 2} | options).fit(X, labels).pos_label_ == expected
    with pytest.raises(ValueError, match=r"pos_label of `estimator` must be one of the labels .*; got 'worse'"):
        ThresholdTunerCV(Naming("worse")).fit(X, labels)


# ------------------------------------------------------------------ folds


def test_splits_are_drawn_once(data):
    X, y = data

    class Once(StratifiedKFold):
        draws = 0

        def split(self, X, y=None, groups=None):
            Once.draws += 1
            return super().split(X, y, groups)

    ThresholdTunerCV(LogisticRegression(), cv=Once(3, shuffle=True)).fit(X, y)
    assert Once.draws == 1


def test_hold_out_without_refit_keeps_the_model_that_was_tuned(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), cv=0.25, refit=False).fit(X, y)
    held_out = np.isfinite(tuned.oof_scores_)
    assert held_out.sum() == 150
    np.testing.assert_allclose(tuned.estimator_.predict_proba(X[held_out])[:, 1], tuned.oof_scores_[held_out])
    assert tuned.estimators_ == []


def test_prefit_keeps_the_estimator_and_fits_nothing(data):
    X, y = data
    model = Counting().fit(X[:300], y[:300])
    before = Counting.fits
    tuned = ThresholdTunerCV(model, cv="prefit", refit=False).fit(X[300:], y[300:])
    assert Counting.fits == before
    assert tuned.estimator_ is model
    np.testing.assert_allclose(tuned.oof_scores_, model.predict_proba(X[300:])[:, 1])


def test_rows_held_out_several_times_stay_one_row_each(data):
    X, y = data
    cv = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    tuned = ThresholdTunerCV(LogisticRegression(), cv=cv).fit(X, y)
    repeats = list(cv.split(X, y))
    scores = np.zeros(len(y))
    for train, test in repeats:
        scores[test] += LogisticRegression().fit(X[train], y[train]).predict_proba(X[test])[:, 1]
    np.testing.assert_allclose(tuned.oof_scores_, scores / 2)
    assert tuned.curve_.n_positive == y.sum()
    assert tuned.fold_thresholds_.shape == (6,)


def test_ensemble_averages_refitted_and_fold_models(data, monkeypatch):
    X, y = data
    averaged = ThresholdTunerCV(LogisticRegression(), cv=3, ensemble=True).fit(X, y)
    assert len(averaged.estimators_) == 3
    alone = ThresholdTunerCV(LogisticRegression(), cv=3, ensemble=False).fit(X, y)
    assert alone.estimators_ == []
    np.testing.assert_allclose(averaged.estimator_.coef_, alone.estimator_.coef_)
    models = [averaged.estimator_, *averaged.estimators_]
    mean = np.mean([model.predict_proba(X)[:, 1] for model in models], axis=0)
    np.testing.assert_array_equal(averaged.predict(X), mean >= averaged.best_threshold_)
    margin = np.mean([model.decision_function(X) for model in models], axis=0)
    np.testing.assert_allclose(averaged.decision_function(X), margin)
    for limit, kept in ((600, 3), (599, 0)):
        monkeypatch.setattr("sklearn_binnet._tuner.AUTO_ENSEMBLE_ROWS", limit)
        assert len(ThresholdTunerCV(LogisticRegression(), cv=3).fit(X, y).estimators_) == kept


def test_same_seed_same_threshold_and_global_state_untouched(data):
    X, y = data
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (ThresholdTunerCV(LogisticRegression(), cv=0.3, random_state=4).fit(X, y) for _ in range(2))
    assert first.best_threshold_ == second.best_threshold_
    assert first.threshold_interval_ == second.threshold_interval_
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


# ------------------------------------------------------------------ retune


def test_retune_equals_a_new_fit_and_trains_nothing(data):
    X, y = data
    tuned = ThresholdTunerCV(Counting(), scoring="accuracy").fit(X, y)
    before = Counting.fits
    tuned.retune(scoring="precision", constraint="recall >= 0.6")
    assert Counting.fits == before
    anew = ThresholdTunerCV(Counting(), scoring="precision", constraint="recall >= 0.6").fit(X, y)
    assert tuned.best_threshold_ == anew.best_threshold_
    assert tuned.constraint_report_ == anew.constraint_report_
    assert tuned.scoring == "accuracy"
    assert tuned.retune().best_threshold_ == ThresholdTunerCV(Counting(), scoring="accuracy").fit(X, y).best_threshold_


def test_retune_survives_pickling(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression()).fit(X, y)
    copy = pickle.loads(pickle.dumps(tuned))
    np.testing.assert_array_equal(copy.predict(X), tuned.predict(X))
    assert copy.retune(scoring="f2").best_threshold_ == tuned.retune(scoring="f2").best_threshold_


def test_retune_to_another_prevalence_equals_weights(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    share = y.mean()
    weight = np.where(y == 1, 0.5 / share, 0.5 / (1 - share))
    options = {"scoring": "accuracy", "cv": "prefit", "refit": False}
    tuned = ThresholdTunerCV(model, **options).fit(X, y).retune(prevalence=0.5)
    weighted = ThresholdTunerCV(model, **options).fit(X, y, sample_weight=weight)
    assert tuned.best_threshold_ == pytest.approx(weighted.best_threshold_)
    assert tuned.curve_.n_positive == pytest.approx(tuned.curve_.n_negative)
    rarer = tuned.retune(prevalence=0.02).best_threshold_
    assert rarer > weighted.best_threshold_


@pytest.mark.parametrize("prevalence", [[0.1, 0.2], "a", [[0.3]]])
def test_a_prevalence_is_a_number(data, prevalence):
    tuned = ThresholdTunerCV(LogisticRegression()).fit(*data)
    before = tuned.best_threshold_
    with pytest.raises(ValueError, match=r"`prevalence` must be a number in \(0, 1\), the share of positives"):
        tuned.retune(prevalence=prevalence)
    assert tuned.best_threshold_ == before


def test_a_tuner_in_a_tuner_takes_the_positive_label_of_its_classifier(data):
    X, y = data
    words = np.where(y == 1, "good", "bad")
    inner = ThresholdTunerCV(FixedThresholdClassifier(LogisticRegression(), pos_label="bad"))
    assert ThresholdTunerCV(inner).fit(X, words).pos_label_ == "bad"


def test_curves_of_the_folds_are_at_the_prevalence_of_the_curve(data):
    X, y = data
    tuned = ThresholdTunerCV(GaussianNB(), cv=3).fit(X, y)
    for prevalence, share in ((None, y.mean()), (0.5, 0.5)):
        tuned.retune(prevalence=prevalence)
        assert len(tuned.fold_curves_) == 3
        totals = [sum(getattr(curve, name) for curve in tuned.fold_curves_) for name in ("n_positive", "n_negative")]
        np.testing.assert_allclose(totals, [share * 600, (1 - share) * 600])
        np.testing.assert_allclose(totals, [tuned.curve_.n_positive, tuned.curve_.n_negative])


# ------------------------------------------------------------------ constraints and costs


def test_constraint_holds_out_of_fold_with_its_margin(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="precision", constraint="recall >= 0.8").fit(X, y)
    (line,) = tuned.constraint_report_
    assert tuned.constraint_satisfied_
    assert line["bound"] >= 0.8
    assert line["estimate"] > line["bound"]
    oof = tuned.oof_scores_ >= tuned.best_threshold_
    assert recall_score(y, oof) == pytest.approx(line["estimate"])
    lenient = tuned.retune(scoring="precision", constraint="recall >= 0.8 [empirical]")
    assert lenient.constraint_report_[0]["estimate"] < line["estimate"]


def test_constraint_that_nothing_satisfies_is_told(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), constraint="precision >= 0.99")
    with pytest.warns(UserWarning, match="cannot be shown: the nearest bound"):
        tuned.fit(X, y)
    assert not tuned.constraint_satisfied_
    assert tuned.constraint_report_[0]["nearest"] < 0.99
    assert tuned.predict(X).shape == y.shape


def test_cost_matrix_finds_the_cheapest_threshold(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="cost", costs=[[0, 1], [4, -1]], selection="argmax").fit(
        X, y
    )
    oof = tuned.oof_scores_

    def cost(threshold):
        called = oof >= threshold
        return np.mean(np.select([~called & (y == 1), called & (y == 0), called & (y == 1)], [4, 1, -1], 0.0))

    assert -tuned.best_score_ == pytest.approx(min(cost(t) for t in [*oof, np.inf]))
    assert -tuned.best_score_ == pytest.approx(cost(tuned.best_threshold_))
    stable = ThresholdTunerCV(LogisticRegression(), scoring="cost", costs=[[0, 1], [4, 0]])
    assert cost(0.5) > cost(stable.fit(X, y).best_threshold_) < cost(0)


def test_costs_of_each_row(data):
    X, y = data
    rng = np.random.default_rng(0)
    costs = np.column_stack([rng.random(600), 1 + 9 * rng.random(600)])
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="cost", selection="argmax")
    tuned.fit(X, y, costs=costs)
    oof = tuned.oof_scores_

    def cost(threshold):
        called = oof >= threshold
        return np.mean(np.where(called & (y == 0), costs[:, 0], 0) + np.where(~called & (y == 1), costs[:, 1], 0))

    assert -tuned.best_score_ == pytest.approx(min(cost(t) for t in [*oof, np.inf]))
    assert -tuned.best_score_ == pytest.approx(cost(tuned.best_threshold_))
    full = np.zeros((600, 2, 2))
    full[:, 0, 1], full[:, 1, 0] = costs.T
    again = ThresholdTunerCV(LogisticRegression(), scoring="accuracy").fit(X, y)
    again.selection = "argmax"
    assert again.retune(costs=full).best_threshold_ == tuned.best_threshold_
    stable = ThresholdTunerCV(LogisticRegression(), scoring="cost").fit(X, y, costs=costs)
    assert cost(0.5) > cost(stable.best_threshold_) < cost(0)


def test_equal_costs_of_rows_equal_the_matrix(data):
    X, y = data
    matrix = ThresholdTunerCV(LogisticRegression(), scoring="cost", costs=[[0, 1], [5, 0]]).fit(X, y)
    rows = ThresholdTunerCV(LogisticRegression(), scoring="cost")
    rows.fit(X, y, costs=np.tile([1.0, 5.0], (600, 1)))
    # Costs of rows weigh the rows in the calibration too.
    assert rows.best_threshold_ == pytest.approx(matrix.best_threshold_, rel=0.1)
    assert rows.best_score_ == pytest.approx(matrix.best_score_, rel=0.02)
    np.testing.assert_allclose(rows.fold_thresholds_, matrix.fold_thresholds_)


def test_cost_may_be_constrained(data):
    X, y = data
    tuned = ThresholdTunerCV(
        LogisticRegression(), scoring="recall", costs=[[0, 1], [5, 0]], constraint="cost <= 0.9"
    ).fit(X, y)
    assert tuned.constraint_satisfied_
    assert tuned.constraint_report_[0]["bound"] <= 0.9


# ------------------------------------------------------------------ weights, groups, routing


def test_whole_weights_equal_repeated_rows(data):
    X, y = data
    model = LogisticRegression().fit(X, y)
    weight = np.random.default_rng(0).integers(0, 4, 600)
    options = {"scoring": "f1", "cv": "prefit", "refit": False, "selection": "argmax"}
    weighted = ThresholdTunerCV(model, **options).fit(X, y, sample_weight=weight)
    repeated = ThresholdTunerCV(model, **options).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    assert weighted.best_threshold_ == repeated.best_threshold_
    assert weighted.best_score_ == pytest.approx(repeated.best_score_)


@pytest.mark.parametrize("pipeline", [False, True])
def test_weights_reach_estimator_and_curve_without_routing(data, pipeline):
    X, y = data
    weight = np.where(y == 1, 3.0, 1.0)
    estimator = LogisticRegression()
    estimator = make_pipeline(StandardScaler(), estimator) if pipeline else estimator
    tuned = ThresholdTunerCV(estimator, ensemble=False).fit(X, y, sample_weight=weight)
    assert tuned.curve_.n_positive == 3 * y.sum()
    name = "logisticregression__sample_weight" if pipeline else "sample_weight"
    expected = clone(estimator).fit(X, y, **{name: weight})
    np.testing.assert_allclose(tuned.predict_proba(X), expected.predict_proba(X))


def test_weights_of_an_estimator_that_takes_none_serve_the_curve(data):
    X, y = data
    tuned = ThresholdTunerCV(KNeighborsClassifier(), scoring="f1")
    with pytest.warns(UserWarning, match="takes no sample_weight"):
        tuned.fit(X, y, sample_weight=np.full(600, 2.0))
    assert tuned.curve_.n_positive == 2 * y.sum()


@config_context(enable_metadata_routing=True)
def test_routing_sends_metadata_where_it_was_requested(data):
    X, y = data
    weight = np.where(y == 1, 3.0, 1.0)
    groups = np.arange(600) % 7
    requested = LogisticRegression().set_fit_request(sample_weight=True)
    tuned = ThresholdTunerCV(requested, cv=GroupKFold(3)).fit(X, y, sample_weight=weight, groups=groups)
    assert tuned.curve_.n_positive == 3 * y.sum()
    np.testing.assert_allclose(tuned.estimator_.coef_, LogisticRegression().fit(X, y, sample_weight=weight).coef_)
    unweighted = make_scorer(f1_score).set_score_request(sample_weight=False)
    tuned = ThresholdTunerCV(requested, scoring=unweighted).fit(X, y, sample_weight=weight)
    assert tuned.curve_.n_positive == y.sum()


@config_context(enable_metadata_routing=True)
def test_costs_of_rows_are_routed_through_a_search(data):
    X, y = data
    costs = np.tile([1.0, 5.0], (600, 1))
    tuner = ThresholdTunerCV(LogisticRegression(), scoring="cost", cv=3).set_fit_request(costs=True)
    search = GridSearchCV(tuner, {"estimator__C": [0.1, 1.0]}, cv=2).fit(X, y, costs=costs)
    assert search.best_estimator_.best_threshold_ < 0.4


def test_groups_reach_the_splitter_without_routing(data):
    X, y = data
    groups = np.arange(600) % 7
    tuned = ThresholdTunerCV(LogisticRegression(), cv=GroupKFold(3)).fit(X, y, groups=groups)
    rows = [test for _, test in GroupKFold(3).split(X, y, groups)]
    model = LogisticRegression().fit(np.delete(X, rows[0], 0), np.delete(y, rows[0]))
    np.testing.assert_allclose(tuned.oof_scores_[rows[0]], model.predict_proba(X[rows[0]])[:, 1])


def test_works_inside_a_search_and_with_data_frames(data):
    X, y = data
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    search = GridSearchCV(
        ThresholdTunerCV(LogisticRegression(), cv=2),
        {"scoring": ["f1", "balanced_accuracy"], "selection": ["stable", "argmax"]},
        cv=2,
        scoring="f1",
    ).fit(frame, pd.Series(y))
    assert list(search.best_estimator_.feature_names_in_) == list(frame.columns)
    assert search.best_score_ > 0.4


# ------------------------------------------------------------------ scarce data


def test_three_positives_in_all():
    rng = np.random.default_rng(0)
    y = np.arange(200) < 3
    X = rng.normal(size=(200, 2)) + 2.0 * y[:, None]
    with pytest.warns(UserWarning, match="least populated class"):
        tuned = ThresholdTunerCV(GaussianNB(), scoring="f1").fit(X, y)
    assert np.isnan(tuned.fold_thresholds_).sum() == 2
    assert 0 < tuned.predict(X).sum() < 30


def test_folds_of_one_class_are_left_out():
    X, y = np.arange(20.0)[:, None], np.arange(20) >= 10
    splits = [(np.arange(10), np.arange(10, 20)), (np.arange(0, 20, 2), np.arange(1, 20, 2))]
    with pytest.warns(UserWarning, match="1 of 2 folds have training rows of one class"):
        tuned = ThresholdTunerCV(LogisticRegression(), cv=splits).fit(X, y)
    assert np.isfinite(tuned.oof_scores_).sum() == 10


def test_one_positive_in_all_keeps_the_default():
    X, y = np.arange(20.0)[:, None], np.arange(20) == 19
    with pytest.warns(UserWarning, match=r"of one class|least populated"):
        tuned = ThresholdTunerCV(LogisticRegression()).fit(X, y)
    assert tuned.best_threshold_ == 0.5


# ------------------------------------------------------------------ bad input


class Unscoring(ClassifierMixin, BaseEstimator):
    """A classifier without scores."""

    def fit(self, X, y):
        return self


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": LinearRegression()}, "`estimator` must be a classifier"),
        ({"estimator": Unscoring()}, "`estimator` must be a classifier"),
        ({"scoring": "f7x"}, "unknown metric 'f7x'"),
        ({"scoring": "fbeta"}, "does not say which beta"),
        ({"scoring": "cost"}, "needs costs"),
        ({"scoring": ["f1"]}, "`scoring` must be the name of a metric"),
        ({"scoring": "roc_auc"}, "judges the scores themselves"),
        ({"scoring": "average_precision"}, "judges the scores themselves"),
        ({"scoring": "neg_log_loss"}, "judges the scores themselves"),
        ({"scoring": "neg_brier_score"}, "judges the scores themselves"),
        ({"scoring": f1_score}, r"make_scorer\(f1_score\)"),
        ({"scoring": lambda tn, fp: tn}, "it takes 2 arguments"),
        ({"constraint": "recal >= 0.5"}, "unknown metric 'recal'"),
        ({"constraint": ["recall >= 0.9", "fnr >= 0.2"]}, "contradicts itself"),
        ({"costs": [[0, 1], [5, 0]]}, "neither `scoring` nor `constraint` asks for them"),
        ({"costs": [0, 1], "scoring": "cost"}, "must be a 2x2 matrix"),
        ({"costs": [[1, 0], [0, 1]], "scoring": "cost"}, "wrong decision cheaper"),
        (
            {"costs": [[1, 1], [1, 1]], "scoring": "cost"},
            r"same for every decision.*got \[\[1.0, 1.0\], \[1.0, 1.0\]\]. Say",
        ),
        ({"costs": [[0, np.nan], [1, 0]], "scoring": "cost"}, "must be finite"),
        ({"costs": "much", "scoring": "cost"}, "array of numbers"),
        ({"pos_label": 7}, r"pos_label must be one of the labels in y, \[0, 1\]; got 7"),
        ({"thresholds": []}, "at least one threshold"),
        ({"thresholds": [0.1, np.nan]}, "no NaN"),
        ({"selection": "best"}, "'selection' parameter"),
        ({"confidence_level": 1.0}, "'confidence_level' parameter"),
        ({"cv": "prefit"}, "When cv='prefit', refit cannot be True"),
        ({"cv": 3, "refit": False}, "refit cannot be False"),
        ({"cv": "prefit", "refit": False}, "`estimator` must be fitted"),
        ({"cv": 0.5, "refit": False, "ensemble": True}, "`ensemble=True` averages"),
        ({"estimator": LinearSVC(), "response_method": "predict_proba"}, "`response_method` asks"),
        ({"scoring": make_scorer(f1_score, pos_label=9), "pos_label": 1}, "not among the classes"),
    ],
)
def test_bad_parameters(data, params, message):
    params = {"estimator": LogisticRegression(), **params}
    with pytest.raises(ValueError, match=message):
        ThresholdTunerCV(**params).fit(*data)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, 2, 1, 0, 2], "Only binary classification is supported.*OneVsRestClassifier"),
        ([0.5, 1.5, 2.5, 1, 0, 2], "Unknown label type: continuous"),
        ([], "0 sample"),
        (None, "target y is None"),
    ],
)
def test_bad_targets(y, message):
    X = np.zeros((0 if y == [] else 6, 2))
    with pytest.raises(ValueError, match=message):
        ThresholdTunerCV(LogisticRegression()).fit(X, y)


@pytest.mark.parametrize("shape", [(2, 2), (600,), (600, 3), (599, 2)])
def test_bad_costs_of_rows(data, shape):
    with pytest.raises(ValueError, match="`costs` in fit must have"):
        ThresholdTunerCV(LogisticRegression(), scoring="cost").fit(*data, costs=np.ones(shape))


@pytest.mark.parametrize("costs", [np.zeros((600, 2)), np.full((600, 4), 3.0), np.ones((600, 2, 2))])
def test_costs_of_rows_that_tell_no_decisions_apart(data, costs):
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="cost", costs=[[0, 1], [5, 0]]).fit(*data)
    before = tuned.best_threshold_
    with pytest.raises(ValueError, match=r"`costs` in retune are the same for every decision in all 600 rows.*Say"):
        tuned.retune(costs=costs)
    with pytest.raises(ValueError, match=r"`costs` in fit are the same for every decision"):
        tuned.set_params(costs=None).fit(*data, costs=costs)
    assert tuned.best_threshold_ == before


def test_bad_costs_of_retune_name_retune(data):
    tuned = ThresholdTunerCV(LogisticRegression()).fit(*data)
    before = tuned.best_threshold_
    with pytest.raises(ValueError, match=r"`costs` in retune must have .* got shape \(2, 3\)\. One matrix for all"):
        tuned.retune(costs=np.ones((2, 3)))
    assert tuned.best_threshold_ == before


# ------------------------------------------------------------------ all or nothing


def failing(curve, values):
    raise RuntimeError("no threshold today")


def test_a_fit_that_fails_leaves_everything_as_it_was(data):
    X, y = data
    tuned = ThresholdTunerCV(LogisticRegression(), cv=2, store_cv_results=True).fit(X, y)
    before, decided = dict(vars(tuned)), tuned.predict(X)
    tuned.selection = failing
    with pytest.raises(RuntimeError, match="no threshold today"):
        tuned.fit(X[:, :5], 1 - y)
    with pytest.raises(RuntimeError, match="no threshold today"):
        tuned.retune(scoring="f1")
    tuned.selection, tuned.scoring = "stable", lambda estimator, X, y: 1 / 0
    with pytest.raises(ZeroDivisionError):
        tuned.fit(X[:, :5], 1 - y)
    tuned.scoring = "balanced_accuracy"
    tuned.constraint = "precision >= 0.99"
    with pytest.raises(UserWarning, match="cannot be shown"):  # a warning that the user makes an error
        tuned.fit(X[:, :5], y)
    with pytest.raises(UserWarning, match="cannot be shown"):
        tuned.retune()
    tuned.constraint = None
    after = vars(tuned)
    assert after.keys() == before.keys()
    assert all(after[name] is value for name, value in before.items())
    np.testing.assert_array_equal(tuned.predict(X), decided)


def test_a_first_fit_that_fails_leaves_an_unfitted_tuner(data):
    tuned = ThresholdTunerCV(LogisticRegression(), cv=2, selection=failing)
    before = dict(vars(tuned))
    with pytest.raises(RuntimeError, match="no threshold today"):
        tuned.fit(*data)
    assert vars(tuned) == before


def test_a_new_fit_takes_away_what_belonged_to_the_old_one(data):
    X, y = data
    tuned = ThresholdTunerCV(GaussianNB(), cv=2, store_cv_results=True).fit(pd.DataFrame(X).add_prefix("c"), y)
    assert len(tuned.feature_names_in_) == 20
    tuned.store_cv_results = False
    tuned.fit(X, y)
    assert not hasattr(tuned, "cv_results_")
    assert not hasattr(tuned, "feature_names_in_")


def test_bad_retunes(data):
    tuned = ThresholdTunerCV(GaussianNB()).fit(*data)
    with pytest.raises(ValueError, match="`prevalence` must lie between 0 and 1"):
        tuned.retune(prevalence=1.5)
    with pytest.raises(ValueError, match="has to be called on rows"):
        tuned.retune(scoring=lambda estimator, X, y: 1.0)
    with pytest.raises(ValueError, match="neither `scoring` nor"):
        tuned.retune(scoring="f1", costs=[[0, 1], [5, 0]])


def test_importing_the_package_imports_little():
    code = (
        "import sys, sklearn.model_selection; before = set(sys.modules); import sklearn_binnet;"
        "heavy = {'pandas', 'matplotlib', 'tensorflow', 'keras', 'scikeras', 'polars'};"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
