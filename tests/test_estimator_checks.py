"""scikit-learn's own judgement of the estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_binnet import BinaryNetClassifier

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "Mini-batches are made of rows: a row given twice can fall into two batches, a row of weight 2 falls into one, "
        "and another number of rows is shuffled otherwise. test_classifier shows the equivalence in full batches."
    ),
}


def own_network(n_features, n_labels):
    import keras

    hidden = keras.layers.Dense(16, "relu")
    return keras.Sequential([keras.Input((n_features,)), hidden, keras.layers.Dense(n_labels, "sigmoid")])


ESTIMATORS = [
    BinaryNetClassifier(random_state=0),
    BinaryNetClassifier(model=own_network, learning_rate=0.01, random_state=0),
]
CHECKS = parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # 1.6 has a generator there
def test_sklearn_checks(estimator, check):
    check(estimator)
