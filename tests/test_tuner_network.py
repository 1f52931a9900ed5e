"""ThresholdTunerCV around the real network: folds side by side, and its own out-of-fold probabilities."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from tests import small
from tests.small import X, Y, y


def net(**params):
    """Return a small classifier of one network."""
    return small.net(**{"n_estimators": 1} | params)


ROWS = [train for train, _ in StratifiedKFold(3).split(X, y)]


@pytest.mark.parametrize("params", [{}, {"early_stopping": False}, {"n_estimators": 2}, {"batch_normalization": True}])
def test_fits_side_by_side_equal_single_fits(params):
    clf = net(**params)
    weight = np.linspace(0, 2, len(X))
    fits = [(X[r], y[r], {"sample_weight": weight[r]}) for r in ROWS]
    for model, (X_rows, y_rows, fit_params) in zip(clf.fit_many(fits), fits, strict=True):
        alone = clone(clf).fit(X_rows, y_rows, **fit_params)
        np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), atol=1e-5)
        assert model.best_iter_ == alone.best_iter_
        np.testing.assert_allclose(model.history_["loss"], alone.history_["loss"], rtol=1e-5)
    assert not hasattr(clf, "classes_")


def test_fits_of_one_call_may_differ_in_columns_and_questions():
    one, other, many = net().fit_many([(X, y, {}), (X[:, :3], y, {}), (X, Y, {})])
    assert (one.n_features_in_, other.n_features_in_, many.n_labels_) == (4, 3, 3)


@pytest.mark.parametrize("pos_label", ["no", "yes"])
def test_own_out_of_fold_probabilities_are_those_of_the_positive_label(pos_label):
    labels = np.where(y == 1, "yes", "no")
    clf = net(n_estimators=3, epochs=20, learning_rate=0.02, pos_label=pos_label)
    weight = np.ones(len(X))
    weight[::7] = 0
    tuned = ThresholdTunerCV(clf, pos_label=pos_label, random_state=0).fit(X, labels, sample_weight=weight)
    assert tuned.estimator_.pos_label_ == pos_label
    kept = weight > 0
    np.testing.assert_allclose(tuned.oof_scores_[kept], tuned.estimator_.oof_proba_[kept])
    assert tuned.oof_scores_[kept][labels[kept] == pos_label].mean() > 0.7
    assert np.mean(tuned.predict(X) == labels) > 0.8
    assert tuned.best_score_ > 0.8


def test_folds_of_a_pipeline_are_its_own():
    pipe = make_pipeline(StandardScaler(), net(epochs=20, learning_rate=0.02))
    tuned = ThresholdTunerCV(pipe, cv=StratifiedKFold(3), ensemble=True, random_state=0).fit(X * 50 + 7, y)
    assert len(tuned.estimators_) == 3
    for model, rows in zip(tuned.estimators_, ROWS, strict=True):
        alone = clone(pipe).fit((X * 50 + 7)[rows], y[rows])
        np.testing.assert_allclose(model.predict_proba(X * 50 + 7), alone.predict_proba(X * 50 + 7), atol=1e-5)
    assert np.mean(tuned.predict(X * 50 + 7) == y) > 0.8


def test_folds_without_both_classes_give_way_to_stratified_ones():
    order = np.argsort(y, kind="stable")
    half = order[np.concatenate([np.arange(50), np.arange(150, 200)])]
    with pytest.warns(UserWarning, match="two stratified folds are used instead"):
        tuned = ThresholdTunerCV(net(), cv=KFold(2), random_state=0).fit(X[half], np.repeat([0, 1], 50))
    assert len(tuned.fold_thresholds_) == 2
    assert np.isfinite(tuned.oof_scores_).all()


def test_one_network_and_its_folds_are_trained_in_one_call(monkeypatch):
    calls = []
    fit_many = BinaryNetClassifier.fit_many
    monkeypatch.setattr(
        BinaryNetClassifier, "fit_many", lambda self, fits: calls.append(len(fits)) or fit_many(self, fits)
    )
    monkeypatch.setattr(BinaryNetClassifier, "fit", lambda *args, **kwargs: pytest.fail("a fit of its own"))
    for estimator in (net(), make_pipeline(StandardScaler(), net())):
        tuned = ThresholdTunerCV(estimator, random_state=0).fit(X, y)
        assert len(tuned.estimators_) == 5
    assert calls == [6, 6]


@pytest.mark.parametrize("several", [False, True])
def test_a_fitted_network_is_not_trained_again(several, monkeypatch):
    answers = Y if several else y
    clf = net(n_estimators=2).fit(X, answers)
    for name in ("fit", "fit_many"):
        monkeypatch.setattr(BinaryNetClassifier, name, lambda *args, **kwargs: pytest.fail("trained again"))
    tuned = ThresholdTunerCV(clf, scoring="f1", cv="oof", refit=False).fit(X, answers)
    assert tuned.estimator_ is clf
    np.testing.assert_allclose(tuned.oof_scores_, clf.oof_proba_)
    assert tuned.predict(X).shape == answers.shape


def test_several_labels():
    tuned = ThresholdTunerCV(net(n_estimators=2), scoring="f1_macro", random_state=0).fit(X, Y)
    assert tuned.predict(X).shape == Y.shape
    assert np.shape(tuned.best_threshold_) == (3,)


def test_the_threshold_may_be_handed_over_to_the_network():
    labels = np.where(y == 1, "bad", "good")
    clf = net(n_estimators=2, epochs=20, learning_rate=0.02, pos_label="bad")
    tuned = ThresholdTunerCV(clf, scoring="f2", random_state=0).fit(X, labels)
    assert tuned.pos_label_ == tuned.estimator_.pos_label_ == "bad"
    decided = tuned.predict(X)
    assert np.mean(decided == labels) > 0.8
    np.testing.assert_array_equal(tuned.estimator_.set_params(threshold=tuned.best_threshold_).predict(X), decided)


def test_one_hot_labels_are_read_as_the_network_reads_them():
    tuner = ThresholdTunerCV(net(n_estimators=2), random_state=0)
    with pytest.warns(UserWarning, match="one-hot"):
        tuned = tuner.fit(X, np.eye(2, dtype=int)[y])
    assert tuned.predict(X).shape == y.shape
    plain = tuner.fit(X, y)
    assert tuned.best_threshold_ == plain.best_threshold_
    with pytest.warns(UserWarning, match="one-hot"):
        assert tuned.score(X, np.eye(2, dtype=int)[y]) == plain.score(X, y) > 0.8


def test_a_frozen_network_of_two_labels_reads_one_hot_rows_as_labels():
    labels = np.column_stack([y, X[:, 1] > 0]).astype(int)
    frozen = FrozenEstimator(net(n_estimators=1).fit(X, labels))
    rows = np.flatnonzero(labels.sum(axis=1) == 1)
    tuned = ThresholdTunerCV(frozen, scoring="f1_macro", random_state=0).fit(X[rows], labels[rows])
    assert tuned.best_threshold_.shape == (2,)


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda net: FrozenEstimator(make_pipeline(net))])
def test_a_frozen_network_warns_of_its_own_rows_and_holds_their_out_of_fold_probabilities(wrap):
    frozen = wrap(net(n_estimators=2).fit(X, y))
    with pytest.warns(UserWarning, match="rows look like those that this BinaryNetClassifier was fitted on"):
        ThresholdTunerCV(frozen, random_state=0).fit(X, y)
    tuned = ThresholdTunerCV(frozen, cv="oof", refit=False, random_state=0).fit(X, y)
    assert not np.array_equal(tuned.oof_scores_, frozen.predict_proba(X)[:, 1])


def test_a_frozen_network_is_tuned_on_the_rows_given():
    frozen = FrozenEstimator(net(n_estimators=2).fit(X[:100], y[:100]))
    tuned = ThresholdTunerCV(frozen, random_state=0).fit(X[100:], y[100:])
    np.testing.assert_array_equal(tuned.oof_scores_, frozen.predict_proba(X[100:])[:, 1])
