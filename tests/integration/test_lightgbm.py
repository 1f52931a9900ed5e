"""LightGBM: probabilities after class weights, which the tuner maps back to the share of positives in the rows."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from sklearn_binnet import ThresholdTunerCV

lightgbm = pytest.importorskip("lightgbm")
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")

X, y = make_classification(4000, 8, n_informative=4, weights=[0.9], flip_y=0.1, random_state=0)
TRAIN, TEST = slice(0, 2000), slice(2000, None)


@pytest.mark.parametrize("weights", [{"class_weight": "balanced"}, {"scale_pos_weight": 9.0}, {"is_unbalance": True}])
def test_probabilities_after_class_weights(weights):
    model = lightgbm.LGBMClassifier(n_estimators=20, learning_rate=0.1, num_leaves=8, n_jobs=1, verbose=-1, **weights)
    tuned = ThresholdTunerCV(model, scoring="f1", calibrate=True, cv=3).fit(X[TRAIN], y[TRAIN])
    raw, mended = (m.predict_proba(X[TEST])[:, 1] for m in (tuned.estimator_, tuned))
    share = y[TEST].mean()
    error = np.sqrt(share * (1 - share) / 2000)
    assert raw.mean() > share + 0.1
    assert abs(mended.mean() - share) < 5 * error
    assert log_loss(y[TEST], mended) < log_loss(y[TEST], raw) - 0.05
    plain = model.set_params(class_weight=None, scale_pos_weight=1.0, is_unbalance=False).fit(X[TRAIN], y[TRAIN])
    assert log_loss(y[TEST], mended) < log_loss(y[TEST], plain.predict_proba(X[TEST])[:, 1]) + 0.02
