"""Parameters of every kind of number, and numbers that are none."""

import numpy as np
import pytest
from scipy.stats import randint, uniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from sklearn_binnet import ThresholdTunerCV
from tests.small import X, net, y

NUMBERS = {
    "epochs": 2,
    "batch_size": 32,
    "patience": 2,
    "n_estimators": 2,
    "n_bins": 4,
    "hidden_layer_sizes": (8,),
    "dropout": 0.5,
    "learning_rate": 0.0078125,
    "min_delta": 0.0078125,
    "validation_fraction": 0.25,
    "weight_decay": 0.0078125,
    "threshold": 0.25,
    "verbose": 1,
}


def numpy_versions(value):
    """Return a value as NumPy has it, of every width."""
    if isinstance(value, tuple):
        return [tuple(map(np.int64, value)), np.array(value), np.array(value, np.int32), np.arange(8, 9)]
    kinds = (np.int64, np.int32, np.uint8) if isinstance(value, int) else (np.float64, np.float32, np.float16)
    return [kind(value) for kind in kinds]


@pytest.mark.parametrize("name", NUMBERS)
def test_numpy_numbers_are_numbers(name):
    quick = {"epochs": 2, "n_estimators": 1} | ({"encoding": "piecewise_linear"} if name == "n_bins" else {})
    expected = net(**quick | {name: NUMBERS[name]}).fit(X, y)
    for value in numpy_versions(NUMBERS[name]):
        clf = net(**quick | {name: value}).fit(X, y)
        np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
        np.testing.assert_array_equal(clf.predict(X), expected.predict(X))


@pytest.mark.filterwarnings("ignore:validation_fraction=.* has no effect")
def test_a_randomized_search_draws_numbers_from_scipy():
    drawn = {
        "epochs": randint(1, 3),
        "batch_size": randint(16, 64),
        "patience": randint(1, 5),
        "n_estimators": randint(1, 3),
        "learning_rate": uniform(0.001, 0.01),
        "weight_decay": uniform(0, 0.01),
        "dropout": uniform(0, 0.5),
        "validation_fraction": uniform(0.1, 0.2),
    }
    search = RandomizedSearchCV(net(), drawn, n_iter=2, cv=2, random_state=0, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_grid_of_numpy_ranges():
    grid = {"epochs": np.arange(1, 3), "threshold": np.linspace(0.25, 0.5, 2)}
    search = GridSearchCV(net(), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_["epochs"] in (1, 2)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience", "n_estimators", "learning_rate", "min_delta"])
def test_true_is_no_number(name):
    with pytest.raises(ValueError, match=f"{name} must be a number, got True"):
        net(**{name: True}).fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dropout": False}, "dropout must be a number, got False"),
        ({"dropout": [False]}, "dropout must be one rate"),
        ({"weight_decay": False}, "weight_decay must be a number, got False"),
        ({"threshold": True}, r"threshold must be a number in \[0, 1\], got True"),
        ({"hidden_layer_sizes": (True,)}, "hidden_layer_sizes must hold whole numbers"),
    ],
    ids=str,
)
def test_false_is_no_number_either(params, message):
    with pytest.raises(ValueError, match=message):
        net(**params).fit(X, y)


@pytest.mark.parametrize("patience", [2**31, 2**70])
def test_endless_patience_never_stops(patience):
    clf = net(patience=patience).fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), net(patience=3).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("thresholds", [True, [True, False]])
def test_true_is_no_threshold(thresholds):
    with pytest.raises(ValueError, match=r"threshold must be a number in \[0, 1\], got"):
        net(threshold=thresholds if isinstance(thresholds, bool) else thresholds[:1]).fit(X, y)
    with pytest.raises(ValueError, match="`thresholds` must be a number of thresholds to try, an array of them"):
        ThresholdTunerCV(LogisticRegression(), thresholds=thresholds).fit(X, y)
