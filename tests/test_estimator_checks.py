"""scikit-learn's own judgement of the estimator."""

import pytest
import sklearn
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_binnet import BinaryNetClassifier

KINDS = ("dense",) if sklearn.__version__.startswith("1.6.") else ("dense", "sparse")  # 1.6 tries no sparse rows
EXPECTED_FAILURES = dict.fromkeys(
    [f"check_sample_weight_equivalence_on_{kind}_data" for kind in KINDS],
    "Mini-batches are made of rows: a row given twice can fall into two batches, a row of weight 2 falls into one, and "
    "another number of rows is shuffled otherwise. test_classifier shows the equivalence in full batches.",
)


class OwnNetwork:
    """A function that makes a model, with a name that is the same in every process, as names of tests must be."""

    def __call__(self, n_features, n_labels):
        import keras

        hidden = keras.layers.Dense(16, "relu")
        return keras.Sequential([keras.Input((n_features,)), hidden, keras.layers.Dense(n_labels, "sigmoid")])

    def __repr__(self):
        return "own_network"


ESTIMATORS = [
    BinaryNetClassifier(n_estimators=2, random_state=0),  # the defaults, with two networks and two retrieval members
    BinaryNetClassifier(model=OwnNetwork(), learning_rate=0.01, random_state=0),
]
CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # 1.6 has a generator there
def test_sklearn_checks(estimator, check):
    check(estimator)
