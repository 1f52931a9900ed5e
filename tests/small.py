"""Small data and a small network, the same in all tests, so that one compiled program serves them."""

import numpy as np

from sklearn_binnet import BinaryNetClassifier

_rng = np.random.default_rng(0)
X = _rng.normal(size=(200, 4))
y = (X[:, 0] + 0.5 * X[:, 1] + 0.5 * _rng.normal(size=200) > 0).astype(int)
Y = np.column_stack([y, X[:, 1] > 0, X[:, 2] + X[:, 3] > 1]).astype(int)
"""Three questions about the rows of X."""


PLAIN = {
    "hidden_layer_sizes": (8,),
    "activation": "relu",
    "encoding": "standardize",
    "learning_rate": 0.01,
    "learning_rate_schedule": "constant",
    "batch_size": 32,
    "n_estimators": 1,
    "retrieval": False,
}
"""The stack of Dense layers of the tutorials, small."""


def net(**params):
    """Return the classifier with a small plain network and few epochs."""
    return BinaryNetClassifier(**PLAIN | {"epochs": 3, "random_state": 0} | params)
