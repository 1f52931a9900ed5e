"""A user's function is called as rarely as can be, and a warning is shown once in a call."""

import warnings

import keras
import numpy as np
import pytest
from sklearn.base import BaseEstimator

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._user_network import resolve_user_model
from tests.small import X, y

SHORT = {"epochs": 2, "batch_size": 64, "random_state": 0}


class Builder:
    """A function that builds a network, warns at each call, and counts them in one place for all of its copies."""

    calls = 0

    def __init__(self, warns=True):
        Builder.calls, self.warns = 0, warns

    def __call__(self, n_features):
        Builder.calls += 1
        if self.warns:
            warnings.warn("built again", UserWarning, stacklevel=1)
        return keras.Sequential(
            [keras.Input((n_features,)), keras.layers.Dense(3, "relu"), keras.layers.Dense(1, "sigmoid")]
        )


def shown(call):
    """Return how often a warning of the user's function comes out of a call, under filters that show each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught].count("built again")


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_a_function_is_called_once_for_each_network(n_estimators):
    build = Builder()
    clf = BinaryNetClassifier(model=build, n_estimators=n_estimators, **SHORT)
    assert shown(lambda: clf.fit(X, y)) == 1
    assert Builder.calls == n_estimators
    assert shown(lambda: (clf.predict(X), clf.model_)) == 0
    assert Builder.calls == n_estimators


def test_a_tuning_calls_it_once_for_each_network_and_shows_its_warning_once():
    build = Builder()
    tuner = ThresholdTunerCV(BinaryNetClassifier(model=build, **SHORT), cv=3)
    assert shown(lambda: tuner.fit(X, y)) == 1
    assert Builder.calls == 4


def test_each_call_shows_the_warning_again():
    clf = BinaryNetClassifier(model=Builder(), **SHORT)
    assert [shown(lambda: clf.fit(X, y)) for _ in range(2)] == [1, 1]


def test_a_warning_that_is_an_error_stays_one():
    clf = BinaryNetClassifier(model=Builder(), **SHORT)
    with pytest.raises(UserWarning, match="built again"):  # as pytest is set up here
        clf.fit(X, y)


def test_a_warning_that_the_user_silences_stays_silent():
    clf = BinaryNetClassifier(model=Builder(), **SHORT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", message="built again", module="tests")
        clf.fit(X, y)
    assert not caught


def test_the_first_network_starts_as_it_always_did():
    """The model that the function is looked at by serves as the first network: it was drawn from that seed."""
    build = Builder(warns=False)
    encoder = ColumnEncoder.fit(None, np.zeros((1, 4)))
    taken = resolve_user_model(build, encoder, 1, seed=7).initial_weights(7)
    drawn = resolve_user_model(build, encoder, 1, seed=3).initial_weights(7)
    for one, other in zip(taken, drawn, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_that_a_function_keeps_is_never_the_start():
    """It may have been trained: each network starts from fresh weights."""
    kept = Builder(warns=False)(4)
    kept.set_weights([np.full(w.shape, 9.0) for w in kept.get_weights()])
    clf = BinaryNetClassifier(model=lambda: kept, optimizer="sgd", learning_rate=1e-9, encoding=None, **SHORT)
    clf.fit(X, y)
    assert max(np.abs(w).max() for w in clf.models_[0].get_weights()) < 3
    np.testing.assert_array_equal(kept.get_weights()[0], 9.0)


def test_exclusive_columns_warn_once_and_name_the_remedy():
    three = np.eye(3, dtype=int)[(X[:, 0] > -0.5).astype(int) + (X[:, 0] > 0.5)]
    message = r"y has 3 columns and exactly one 1 in every row.*y.argmax\(axis=1\) to OneVsRestClassifier\(BinaryNet"
    clf = BinaryNetClassifier(hidden_layer_sizes=(3,), n_estimators=2, **SHORT)
    with pytest.warns(UserWarning, match=message) as caught:
        clf.fit(X, three)
    assert len(caught) == 1
    assert clf.n_labels_ == 3
    with pytest.warns(UserWarning, match=r"OneVsRestClassifier\(ThresholdTunerCV\(\.\.\.\)\)") as caught:
        tuned = ThresholdTunerCV(clf, cv=2, scoring="f1_macro").fit(X, three)
    assert len(caught) == 1
    assert tuned.predict(X).shape == three.shape


def test_columns_that_exclude_each_other_in_a_few_rows_only_do_not_warn():
    clf = BinaryNetClassifier(hidden_layer_sizes=(3,), n_estimators=1, early_stopping=False, **SHORT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.fit(X[:3], np.eye(3, dtype=int))
        overlapping = np.eye(3, dtype=int)[np.arange(200) % 3]
        overlapping[0] = 1
        clf.fit(X, overlapping)


def test_a_fitted_multilabel_classifier_is_not_asked_again():
    class Fitted(BaseEstimator):
        classes_ = np.arange(3)

        def fit(self, X, y):
            return self

        def predict_proba(self, X):
            return np.random.default_rng(0).random((len(X), 3))

        def predict(self, X):
            return (self.predict_proba(X) > 0.5).astype(int)

        def __sklearn_is_fitted__(self):
            return True

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = np.eye(3, dtype=int)[np.arange(200) % 3]
        ThresholdTunerCV(Fitted(), cv="prefit", refit=False, scoring="f1_macro").fit(X, rows)
