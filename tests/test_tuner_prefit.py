"""Classifiers that are fitted already: which rows they may be tuned on, and which labels they know."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import ThresholdTunerCV

from .test_tuner_folds import OwnFolds

X, Y = make_classification(300, weights=[0.6], flip_y=0.1, random_state=0)
NAMES = np.array(["sick", "well"])


def tuner(model, cv="prefit", **options):
    return ThresholdTunerCV(model, cv=cv, refit=False, **options)


@pytest.mark.parametrize(("label", "pos_label"), [("sick", None), ("sick", "sick"), ("well", None)])
def test_rows_of_one_class_are_read_with_the_classes_of_the_estimator(label, pos_label):
    model = LogisticRegression().fit(X, NAMES[Y])
    tuned = tuner(model, pos_label=pos_label)
    with pytest.warns(UserWarning, match="of one class"):
        tuned.fit(X[:50], np.full(50, label))
    positive = pos_label or "well"
    assert tuned.best_threshold_ == 0.5
    np.testing.assert_allclose(tuned.oof_scores_, model.predict_proba(X[:50])[:, list(NAMES).index(positive)])
    assert tuned.curve_.n_positive == (50 if label == positive else 0)
    np.testing.assert_array_equal(tuned.predict(X), model.predict(X))


def test_rows_of_one_class_keep_zero_for_margins_between_zero_and_one():
    model = LogisticRegression().fit(X, Y)
    rows = np.flatnonzero((model.decision_function(X) > 0.1) & (model.decision_function(X) < 0.9))
    tuned = tuner(model, response_method="decision_function")
    with pytest.warns(UserWarning, match=r"of one class.*default \(0.0\)"):
        tuned.fit(X[rows], np.ones(len(rows), dtype=int))
    assert tuned.best_threshold_ == 0


def test_labels_of_an_equal_type_are_the_same_labels():
    tuned = tuner(LogisticRegression().fit(X, Y)).fit(X, Y.astype(bool))
    assert tuned.best_threshold_ == tuner(LogisticRegression().fit(X, Y)).fit(X, Y).best_threshold_
    assert tuned.predict(X).dtype == Y.dtype


@pytest.mark.parametrize(("y", "unknown"), [(NAMES[Y], "sick"), (Y + 1, "2"), (np.full(300, 7), "7")])
def test_labels_that_the_estimator_does_not_know(y, unknown):
    with pytest.raises(ValueError, match=rf"`y` has the labels \[.*{unknown}.* does not know"):
        tuner(LogisticRegression().fit(X, Y)).fit(X, y)


def test_an_estimator_of_three_classes():
    three = LogisticRegression().fit(X, np.arange(300) % 3)
    with pytest.raises(ValueError, match="must have been fitted to two classes"):
        tuner(three).fit(X, Y)


def test_a_positive_label_among_the_classes_of_the_estimator():
    with pytest.raises(
        ValueError, match=r"pos_label must be one of the labels of `estimator`, \['sick', 'well'\]; got 'dead'"
    ):
        tuner(LogisticRegression().fit(X, NAMES[Y]), pos_label="dead").fit(X[:9], np.full(9, "sick"))


def test_an_estimator_of_other_labels():
    labels = np.column_stack([Y, np.roll(Y, 1)])
    for model in (
        OneVsRestClassifier(LogisticRegression()).fit(X, np.column_stack([Y, Y, Y])),
        LogisticRegression().fit(X, np.arange(300) % 3),
    ):
        with pytest.raises(ValueError, match=r"`y` has 2 labels, but predict_proba of the fitted .* \(300, 3\)"):
            tuner(model, scoring="f1_macro").fit(X, labels)
    with pytest.raises(ValueError, match="must have been fitted to two classes"):
        tuner(RandomForestClassifier(5).fit(X, labels)).fit(X, Y)


def test_rows_that_look_one_hot_are_read_as_the_fitted_estimator_answers():
    labels = np.column_stack([Y, np.roll(Y, 1)])
    one_hot = np.flatnonzero(labels.sum(axis=1) == 1)
    for base in (RandomForestClassifier(5, random_state=0), OneVsRestClassifier(LogisticRegression())):
        tuned = tuner(base.fit(X, labels), scoring="f1_macro").fit(X[one_hot], labels[one_hot])
        assert tuned.predict(X).shape == (300, 2)
    with pytest.warns(UserWarning, match="one-hot"):
        single = tuner(LogisticRegression().fit(X, Y)).fit(X, np.eye(2, dtype=int)[Y])
    assert single.best_threshold_ == tuner(LogisticRegression().fit(X, Y)).fit(X, Y).best_threshold_


def test_an_estimator_that_renames_its_classes_in_a_fold():
    class Renaming(LogisticRegression):
        def fit(self, X, y):
            super().fit(X, y)
            self.classes_ = np.array(["no", "yes"])
            return self

    with pytest.raises(ValueError, match=r"answers with the classes \['no', 'yes'\].*must keep the labels"):
        ThresholdTunerCV(Renaming(), cv=2).fit(X, Y)


# ------------------------------------------------------------------ out-of-fold probabilities of an earlier fit


@pytest.mark.parametrize("pipeline", [False, True])
def test_own_probabilities_of_an_earlier_fit_are_used_and_nothing_is_fitted(pipeline):
    model = make_pipeline(StandardScaler(), OwnFolds()) if pipeline else OwnFolds()
    fresh = ThresholdTunerCV(model, scoring="f1").fit(X, Y)
    model.fit(X, Y)
    OwnFolds.fits = 0
    tuned = tuner(model, "oof", scoring="f1").fit(X, Y)
    assert OwnFolds.fits == 0
    assert tuned.estimator_ is model
    np.testing.assert_allclose(tuned.oof_scores_, (model[-1] if pipeline else model).oof_proba_)
    assert tuned.best_threshold_ == fresh.best_threshold_


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (OwnFolds().fit(X[:200], Y[:200]), "has those of 200 rows, and X has 300"),
        (LogisticRegression().fit(X, Y), "LogisticRegression has none"),
        (make_pipeline(SelectKBest(k=5), OwnFolds()).fit(X, Y), "behind a step that has learnt from y"),
    ],
)
def test_own_probabilities_that_are_not_there(model, message):
    with pytest.raises(ValueError, match=f"`oof_proba_`; this .*{message}"):
        tuner(model, "oof").fit(X, Y)


def test_bad_requests_for_own_probabilities():
    with pytest.raises(ValueError, match=r"`response_method` must be 'auto' or 'predict_proba'"):
        tuner(OwnFolds().fit(X, Y), "oof", response_method="decision_function").fit(X, Y)
    with pytest.raises(ValueError, match="When cv='oof', refit cannot be True"):
        ThresholdTunerCV(OwnFolds().fit(X, Y), cv="oof").fit(X, Y)
    with pytest.raises(NotFittedError, match="When cv='oof', `estimator` must be fitted"):
        tuner(OwnFolds(), "oof").fit(X, Y)


def test_rows_that_look_seen_are_told():
    model = OwnFolds().fit(X[:150], Y[:150])
    with pytest.warns(UserWarning, match="look like those that this OwnFolds was fitted on.*cv='oof'"):
        tuner(model).fit(X[:150], Y[:150])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tuned = tuner(model).fit(X[150:], Y[150:])
    np.testing.assert_allclose(tuned.oof_scores_, model.predict_proba(X[150:])[:, 1])
