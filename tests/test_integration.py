"""BinaryNetClassifier inside scikit-learn's tools."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.small import X, Y, net, y


def good(**params):
    """A network that has learnt something."""
    return net(**{"epochs": 20, "learning_rate": 0.02} | params)


@pytest.fixture(scope="module")
def fitted():
    return good().fit(X, y)


def test_cross_val_score_of_a_pipeline():
    scores = cross_val_score(make_pipeline(StandardScaler(), good()), X, y, cv=3, error_score="raise")
    assert scores.mean() > 0.8
    np.testing.assert_array_equal(
        scores, cross_val_score(make_pipeline(StandardScaler(), good()), X, y, cv=3, error_score="raise")
    )


def test_folds_are_stratified():
    rare = np.zeros(200, int)
    rare[-20:] = 1  # an unstratified first fold would have none
    proba = cross_val_predict(net(), X, rare, cv=4, method="predict_proba")
    assert proba.shape == (200, 2)


def test_grid_search():
    grid = {
        "binarynetclassifier__threshold": [0.01, 0.5],
        "binarynetclassifier__hidden_layer_sizes": [(8,), ()],
        "binarynetclassifier__learning_rate": [1e-6, 2e-2],
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), good()), grid, cv=2, scoring="accuracy", error_score="raise")
    search.fit(X, y)
    assert search.best_params_["binarynetclassifier__threshold"] == 0.5
    assert search.best_params_["binarynetclassifier__learning_rate"] == 2e-2
    assert search.score(X, y) > 0.8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # every threshold of 0.01 says yes to nearly all
    low = [p["binarynetclassifier__threshold"] == 0.01 for p in search.cv_results_["params"]]
    assert search.cv_results_["mean_test_score"][low].max() < search.best_score_ - 0.1


def test_tuned_threshold():
    rare = (X[:, 0] > 1).astype(int)
    tuned = TunedThresholdClassifierCV(good(), scoring="f1", cv=2).fit(X, rare)
    assert tuned.best_score_ > f1_score(rare, np.ones_like(rare))
    np.testing.assert_array_equal(tuned.predict(X), tuned.predict_proba(X)[:, 1] >= tuned.best_threshold_)


def test_fixed_threshold_agrees_with_our_own(fitted):
    words = np.array(["no", "yes"])[y]
    for pos_label in ("no", "yes"):
        fixed = FixedThresholdClassifier(good(), threshold=0.7, pos_label=pos_label).fit(X, words)
        own = good(threshold=0.7, pos_label=pos_label).fit(X, words)
        # another positive class is another network: compare each with its own probabilities
        column = list(own.classes_).index(pos_label)
        assert np.array_equal(own.predict(X) == pos_label, own.predict_proba(X)[:, column] >= 0.7)
        if pos_label == "yes":
            np.testing.assert_array_equal(fixed.predict(X), own.predict(X))


def test_scorers_take_the_positive_class():
    words = np.array(["no", "yes"])[y]
    scorer = make_scorer(f1_score, pos_label="no")
    assert cross_val_score(good(pos_label="no"), X, words, cv=2, scoring=scorer, error_score="raise").mean() > 0.7


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(method):
    calibrated = CalibratedClassifierCV(good(), method=method, cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_multi_output():
    clf = MultiOutputClassifier(good()).fit(X, Y)
    assert len(clf.estimators_) == 3
    np.testing.assert_array_equal(clf.estimators_[1].predict(X), clf.predict(X)[:, 1])


def test_voting(fitted):
    vote = VotingClassifier([("net", good()), ("line", LogisticRegression())], voting="soft").fit(X, y)
    expected = (fitted.predict_proba(X) + LogisticRegression().fit(X, y).predict_proba(X)) / 2
    np.testing.assert_allclose(vote.predict_proba(X), expected)


def test_permutation_importance(fitted):
    result = permutation_importance(fitted, X, y, n_repeats=3, random_state=0)
    assert np.argmax(result.importances_mean) == 0


def test_copies(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    again.partial_fit(X, y)  # a copy goes on training
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict_proba(X), fitted.predict_proba(X))


def test_other_processes(fitted):
    with joblib.parallel_config("loky", n_jobs=2):
        scores = cross_val_score(good(), X, y, cv=2, error_score="raise")
        parts = joblib.Parallel()(joblib.delayed(fitted.predict_proba)(part) for part in (X[:100], X[100:]))
    np.testing.assert_allclose(scores, cross_val_score(good(), X, y, cv=2))
    np.testing.assert_array_equal(np.vstack(parts), fitted.predict_proba(X))


def test_threads(fitted):
    """Fits that share a compiled program, and predictions of one estimator, side by side."""
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda seed: good(random_state=seed).fit(X, y).predict_proba(X), [0, 1, 0, 1]))
        answers = list(pool.map(fitted.predict_proba, [X] * 8))
    np.testing.assert_array_equal(fits[0], fitted.predict_proba(X))
    np.testing.assert_array_equal(fits[0], fits[2])
    np.testing.assert_array_equal(fits[1], fits[3])
    assert not np.array_equal(fits[0], fits[1])
    assert all(np.array_equal(a, answers[0]) for a in answers)
