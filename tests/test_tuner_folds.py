"""Where the scores come from: folds, fits done together, probabilities already there."""

from typing import ClassVar

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder

from sklearn_binnet import ThresholdTunerCV
from sklearn_binnet._tuning import binary_scores, fit_folds

X, Y = make_classification(300, weights=[0.7], flip_y=0.1, random_state=0)
ROWS = [None, *(train for train, _ in StratifiedKFold(4).split(X, Y))]


class OwnFolds(ClassifierMixin, BaseEstimator):
    """A classifier that offers out-of-fold probabilities of its own."""

    fits = 0

    def __init__(self, pos_label=None, missing=0):
        self.pos_label = pos_label
        self.missing = missing

    def fit(self, X, y):
        type(self).fits += 1
        self.model_ = LogisticRegression().fit(X, y)
        self.classes_ = self.model_.classes_
        column = 1
        if self.pos_label is not None:
            self.pos_label_ = self.pos_label
            column = int(np.flatnonzero(self.classes_ == self.pos_label)[0])
        proba = cross_val_predict(LogisticRegression(), X, y, cv=3, method="predict_proba")
        self.oof_proba_ = proba[:, column]
        self.oof_proba_[: self.missing] = np.nan
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)

    def decision_function(self, X):
        return self.model_.decision_function(X)


@pytest.mark.parametrize("pipeline", [False, True])
def test_out_of_fold_probabilities_of_the_estimator_are_used(pipeline):
    estimator = make_pipeline(StandardScaler(), OwnFolds()) if pipeline else OwnFolds()
    OwnFolds.fits = 0
    tuned = ThresholdTunerCV(estimator, scoring="f1").fit(X, Y)
    assert OwnFolds.fits == 1
    final = tuned.estimator_[-1] if pipeline else tuned.estimator_
    np.testing.assert_allclose(tuned.oof_scores_, final.oof_proba_)
    assert tuned.estimators_ == []
    tuned.retune(scoring="recall", constraint="precision >= 0.3")
    assert OwnFolds.fits == 1


def test_an_explicit_cv_or_the_decision_function_trains_folds():
    for options in ({"cv": 3}, {"response_method": "decision_function"}):
        OwnFolds.fits = 0
        ThresholdTunerCV(OwnFolds(), **options).fit(X, Y)
        assert OwnFolds.fits > 1


@pytest.mark.parametrize("own", [None, "no", "yes"])
@pytest.mark.parametrize("wanted", ["no", "yes"])
def test_own_probabilities_are_turned_to_the_positive_label(own, wanted):
    labels = np.where(Y == 1, "yes", "no")
    tuned = ThresholdTunerCV(OwnFolds(own), scoring="f1", pos_label=wanted).fit(X, labels)
    assert tuned.oof_scores_[labels == wanted].mean() > tuned.oof_scores_[labels != wanted].mean()
    expected = tuned.estimator_.oof_proba_
    expected = expected if (own or "yes") == wanted else 1 - expected
    np.testing.assert_allclose(tuned.oof_scores_, expected)


def test_rows_without_an_own_probability_are_left_out():
    tuned = ThresholdTunerCV(OwnFolds(missing=20), scoring="f1").fit(X, Y)
    assert np.isnan(tuned.oof_scores_).sum() == 20
    assert tuned.curve_.n_positive == Y[20:].sum()


# ------------------------------------------------------------------ steps that have learnt from y


class Means(TransformerMixin, BaseEstimator):
    """Puts in place of each value the mean of y where it occurs."""

    def fit(self, X, y):
        self.means_ = [{value: y[column == value].mean() for value in np.unique(column)} for column in X.T]
        return self

    def transform(self, X):
        columns = zip(self.means_, X.T, strict=True)
        return np.column_stack([[means.get(value, 0.5) for value in column] for means, column in columns])


class QuietMeans(Means):
    """Says by its signature that it can do without y, and uses it."""

    def fit(self, X, y=None):
        return super().fit(X, y)


def noise(wide=False):
    """Rows that say nothing about y: codes of many levels, or many columns."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    return (rng.normal(size=(300, 400)) if wide else rng.integers(0, 150, (300, 3))), y


SEEING = {
    "without tag": make_pipeline(Means(), OwnFolds()),
    "y may be left out": make_pipeline(QuietMeans(), OwnFolds()),
    "pipeline in a pipeline": make_pipeline(make_pipeline(QuietMeans(), StandardScaler()), OwnFolds()),
    "columns": make_pipeline(ColumnTransformer([("means", Means(), [0, 1])]), OwnFolds()),
    "rest of the columns": make_pipeline(ColumnTransformer([], remainder=QuietMeans()), OwnFolds()),
    "union": make_pipeline(FeatureUnion([("scale", StandardScaler()), ("means", QuietMeans())]), OwnFolds()),
    "deep": make_pipeline(
        ColumnTransformer([("a", make_pipeline(FeatureUnion([("m", Means())]), StandardScaler()), [0, 1])]),
        OwnFolds(),
    ),
    "selection in a pipeline": make_pipeline(make_pipeline(SelectKBest(k=10), StandardScaler()), OwnFolds()),
    "selection in a union": make_pipeline(FeatureUnion([("best", SelectKBest(k=10))]), OwnFolds()),
}


@pytest.mark.parametrize("case", SEEING)
def test_noise_stays_noise_behind_steps_that_have_learnt_from_y(case):
    rows, y = noise(wide="selection" in case)
    tuned = ThresholdTunerCV(SEEING[case]).fit(rows, y)
    assert len(tuned.estimators_) == 5
    assert tuned.best_score_ < 0.6
    with pytest.raises(ValueError, match=r"`oof_proba_`.*stands behind .* from y"):
        ThresholdTunerCV(tuned.estimator_, cv="oof", refit=False).fit(rows, y)


@pytest.mark.parametrize(
    "step",
    [
        SelectFromModel(LogisticRegression()),
        TargetEncoder(target_type="binary"),
        ColumnTransformer([("codes", TargetEncoder(target_type="binary"), [0])], remainder="passthrough"),
        GridSearchCV(PLSRegression(1), {"scale": [True]}, cv=2),
        GridSearchCV(PCA(), {"n_components": [1]}, cv=2),
    ],
    ids=["SelectFromModel", "TargetEncoder", "ColumnTransformer", "PLSRegression", "GridSearchCV"],
)
def test_scikit_learns_own_steps_that_learn_from_y_are_known(step):
    rows, y = noise()
    assert len(ThresholdTunerCV(make_pipeline(step, OwnFolds())).fit(rows, y).estimators_) == 5


def test_own_probabilities_serve_behind_steps_that_never_see_y():
    numbers = make_pipeline(SimpleImputer(), FeatureUnion([("scaled", StandardScaler()), ("nothing", "drop")]))
    front = ColumnTransformer([("n", numbers, slice(0, 5)), ("f", FunctionTransformer(), [5])], remainder="passthrough")
    tuned = ThresholdTunerCV(make_pipeline(front, "passthrough", OwnFolds())).fit(X, Y)
    assert tuned.estimators_ == []
    np.testing.assert_array_equal(tuned.oof_scores_, tuned.estimator_[-1].oof_proba_)


@pytest.mark.parametrize("pipeline", [False, True])
def test_probabilities_of_a_frozen_model_are_of_its_own_rows(pipeline):
    rows, y = make_classification(600, weights=[0.7], flip_y=0.1, random_state=0)
    frozen = FrozenEstimator(OwnFolds().fit(rows[:300], y[:300]))
    model = make_pipeline(FunctionTransformer(), frozen) if pipeline else frozen
    tuned = ThresholdTunerCV(model).fit(rows[300:], y[300:])
    np.testing.assert_array_equal(tuned.oof_scores_, frozen.predict_proba(rows[300:])[:, 1])
    model = model.fit(rows[:300], y[:300])
    oof = ThresholdTunerCV(model, cv="oof", refit=False).fit(rows[:300], y[:300])
    np.testing.assert_array_equal(oof.oof_scores_, frozen.oof_proba_)


class Together(LogisticRegression):
    """A classifier that fits many models in one call."""

    calls = 0

    def fit_many(self, fits):
        type(self).calls += 1
        return [clone(self).fit(X, y, **params) for X, y, params in fits]


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_fits_done_together_equal_fits_in_turn(pipeline, weighted):
    estimator = Together()
    params = {}
    if weighted:
        params = {"sample_weight": np.linspace(0.5, 2, 300)}
    if pipeline:
        estimator = make_pipeline(StandardScaler(), estimator)
        params = {f"together__{key}": value for key, value in params.items()}
    in_turn = [
        clone(estimator).fit(
            *((X, Y) if rows is None else (X[rows], Y[rows])),
            **{key: value if rows is None else value[rows] for key, value in params.items()},
        )
        for rows in ROWS
    ]
    Together.calls = 0
    together = fit_folds(estimator, X, Y, ROWS, params)
    assert Together.calls == 1
    assert not hasattr(estimator, "coef_")
    for ours, theirs in zip(together, in_turn, strict=True):
        assert type(ours) is type(theirs)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))


class Remembering(LogisticRegression):
    """A classifier that tells how many rows each fit had, and what they weighed."""

    fits: ClassVar[list] = []

    def fit(self, X, y, sample_weight=None):
        self.fits.append((len(X), np.sum(sample_weight)))
        return super().fit(X, y, sample_weight)


def test_weights_reach_every_fit():
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(Y))
    Remembering.fits.clear()
    ThresholdTunerCV(Remembering(), cv=3, scoring="f1").fit(X, Y, sample_weight=weight)
    every = [np.arange(len(Y)), *(train for train, _ in StratifiedKFold(3).split(X, Y))]
    assert Remembering.fits == [(len(rows), pytest.approx(weight[rows].sum())) for rows in every]


@pytest.mark.parametrize("groups", [None, np.arange(len(Y)) // 2])
def test_the_seed_draws_the_rows_that_are_held_out(groups):
    """One split of a share of the rows or groups; the global random state has no say."""
    one, again, other = (
        ThresholdTunerCV(LogisticRegression(), cv=0.3, random_state=seed).fit(X, Y, groups=groups).oof_scores_
        for seed in (3, 3, 4)
    )
    assert np.isfinite(one).sum() == 90
    np.testing.assert_array_equal(one, again)
    assert (np.isfinite(one) != np.isfinite(other)).any()


def test_a_pipeline_of_one_step_is_fitted_together():
    Together.calls = 0
    models = fit_folds(Pipeline([("net", Together())]), X, Y, ROWS)
    assert Together.calls == 1
    np.testing.assert_allclose(models[0].predict_proba(X), Together().fit(X, Y).predict_proba(X))


def test_parameters_of_transformers_fall_back_to_fits_in_turn():
    Together.calls = 0
    pipeline = make_pipeline(StandardScaler(), Together())
    weight = {"standardscaler__sample_weight": np.ones(300)}
    models = fit_folds(pipeline, X, Y, ROWS, weight)
    assert Together.calls == 0
    assert len(models) == 5


@config_context(enable_metadata_routing=True)
def test_routed_parameters_reach_the_last_step_of_fits_done_together():
    weight = {"sample_weight": np.linspace(0.5, 2, 300)}
    scaler = StandardScaler()
    for request, calls in ((False, 1), (True, 0)):
        Together.calls = 0
        pipeline = make_pipeline(
            clone(scaler).set_fit_request(sample_weight=request),
            Together().set_fit_request(sample_weight=True),
        )
        models = fit_folds(pipeline, X, Y, ROWS, weight)
        assert Together.calls == calls
        expected = pipeline.fit(X, Y, **weight)
        np.testing.assert_allclose(models[0].predict_proba(X), expected.predict_proba(X))


def test_the_tuner_fits_refit_and_folds_in_one_call():
    Together.calls = 0
    tuned = ThresholdTunerCV(make_pipeline(StandardScaler(), Together()), cv=4).fit(X, Y)
    assert Together.calls == 1
    in_turn = ThresholdTunerCV(make_pipeline(StandardScaler(), LogisticRegression()), cv=4).fit(X, Y)
    assert tuned.best_threshold_ == in_turn.best_threshold_
    np.testing.assert_allclose(tuned.predict_proba(X), in_turn.predict_proba(X))


@pytest.mark.parametrize(("n_estimators", "together"), [(1, 6), (2, 5), (None, 5)])
def test_refit_and_folds_are_fitted_in_one_call_where_no_own_folds_are_to_be_expected(n_estimators, together):
    class Sized(Together):
        sizes: ClassVar[list] = []

        def __init__(self, n_estimators=None):
            super().__init__()
            self.n_estimators = n_estimators

        def fit_many(self, fits):
            self.sizes.append(len(fits))
            return super().fit_many(fits)

    tuned = ThresholdTunerCV(Sized(n_estimators), cv=None).fit(X, Y)
    assert len(tuned.estimators_) == 5
    assert Sized.sizes == [together]
    in_turn = ThresholdTunerCV(LogisticRegression()).fit(X, Y)
    assert tuned.best_threshold_ == in_turn.best_threshold_


@pytest.mark.parametrize(
    ("values", "method", "classes", "pos_label", "expected"),
    [
        ([[0.2, 0.8]], "predict_proba", [0, 1], 1, [0.8]),
        ([[0.2, 0.8]], "predict_proba", [0, 1], 0, [0.2]),
        ([0.2, 0.8], "predict_proba", [0, 1], 1, [0.8]),  # one row, squeezed
        ([0.2, 0.8, 0.1], "predict_proba", [0, 1], 1, [0.2, 0.8, 0.1]),
        ([[0.2], [0.7]], "predict_proba", [0, 1], 0, [0.8, 0.3]),
        ([1.5, -2.0], "decision_function", [0, 1], 0, [-1.5, 2.0]),
        ([[1.0], [1.0]], "predict_proba", [3], 3, [1.0, 1.0]),
        ([[1.0], [1.0]], "predict_proba", [3], 4, [0.0, 0.0]),
        ([5.0, 5.0], "decision_function", [3], 4, [-1.0, -1.0]),
    ],
)
def test_scores_of_the_positive_class(values, method, classes, pos_label, expected):
    scores = binary_scores(np.array(values), method, np.array(classes), pos_label)
    np.testing.assert_allclose(scores, expected)
