"""empulse: decisions by each row's own costs, beside those of the tuner."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import ThresholdTunerCV

pytest.importorskip("empulse")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")

X, y = make_classification(4000, 8, n_informative=4, weights=[0.85], flip_y=0.1, random_state=0)
# Costs of tn, fp, fn, tp; an error costs more than being right, without which empulse's quotient means nothing.
COSTS = np.random.default_rng(0).exponential(size=(4000, 4)) * [0.1, 1, 8, 0.5]
COSTS[:, 1:3] += COSTS[:, [0, 3]]
TRAIN, TEST = slice(0, 2000), slice(2000, None)


def theirs(model, X_train, y_train, X_test, costs):
    from empulse.models import CSThresholdClassifier

    named = dict(zip(("tn_cost", "fp_cost", "fn_cost", "tp_cost"), costs.T, strict=True))
    return CSThresholdClassifier(model, calibrator=None).fit(X_train, y_train).predict(X_test, **named)


def cost_of(decided):
    return COSTS[TEST][np.arange(2000), 2 * y[TEST] + decided].sum()


@pytest.fixture(scope="module", params=[None, "balanced"])
def model(request):
    return LogisticRegression(class_weight=request.param)


def test_as_much_is_saved_as_with_its_calibration(model):
    from sklearn.calibration import CalibratedClassifierCV

    tuned = ThresholdTunerCV(model, scoring="cost").fit(X[TRAIN], y[TRAIN], costs=COSTS[TRAIN])
    ours = cost_of(tuned.predict(X[TEST], costs=COSTS[TEST]))
    calibrated = CalibratedClassifierCV(clone(model), method="isotonic", ensemble=False)
    trivial = min(cost_of(np.zeros(2000, int)), cost_of(np.ones(2000, int)))
    assert ours < trivial
    # The standard error of the difference is about a hundredth of the trivial cost.
    assert ours < cost_of(theirs(calibrated, X[TRAIN], y[TRAIN], X[TEST], COSTS[TEST])) + 0.02 * trivial


def test_the_decisions_are_the_same_from_the_same_probabilities(model):
    """Both decide by Bayes' rule, so that the calibration is all that tells them apart."""
    tuned = ThresholdTunerCV(model, calibrate=True).fit(X[TRAIN], y[TRAIN])
    ours = tuned.predict(X[TEST], costs=COSTS[TEST])
    np.testing.assert_array_equal(theirs(tuned, X[TRAIN], y[TRAIN], X[TEST], COSTS[TEST]), ours)
    assert 0.02 < ours.mean() < 0.98
