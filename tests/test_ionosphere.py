"""The first network of the Kaggle course "Intro to Deep Learning", on its own split of ionosphere."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet.datasets import load_ionosphere
from tests.small import PLAIN

COURSE = {"hidden_layer_sizes": (4, 4), "patience": 10, "min_delta": 0.001}

pytestmark = [pytest.mark.slow, pytest.mark.xla]


@pytest.mark.parametrize("params", [PLAIN, {}], ids=["plain", "defaults"])
def test_the_median_of_ten_seeds_is_as_good_as_the_course_prints(params):
    X, y = load_ionosphere(return_X_y=True, as_frame=True)
    X = X.loc[:, X.nunique() > 1]  # 33 columns, as in the course
    train = X.sample(frac=0.7, random_state=0).index
    X_val, y_val = X.drop(train), y.drop(train)
    losses, accuracies = [], []
    for seed in range(10):
        clf = BinaryNetClassifier(**params | COURSE, random_state=seed)
        clf.fit(X.loc[train], y.loc[train], X_val=X_val, y_val=y_val)
        losses.append(log_loss(y_val, clf.predict_proba(X_val)))
        accuracies.append(accuracy_score(y_val, clf.predict(X_val)))
    assert np.median(losses) <= 0.3534
    assert np.median(accuracies) >= 0.8857
