"""MAPIE: conformal sets around the network's probabilities."""

import numpy as np
import pytest

from sklearn_binnet import ThresholdTunerCV
from tests.small import net

pytest.importorskip("mapie", minversion="1.0")

_rng = np.random.default_rng(1)
X = _rng.normal(size=(900, 4))
y = (X[:, 0] + 0.7 * _rng.normal(size=900) > 0).astype(int)


def test_conformal_sets_cover_as_often_as_asked():
    from mapie.classification import SplitConformalClassifier

    clf = net(epochs=10, learning_rate=0.02).fit(X[:300], y[:300])
    sets = SplitConformalClassifier(clf, confidence_level=0.9, prefit=True).conformalize(X[300:600], y[300:600])
    labels, found = sets.predict_set(X[600:])
    np.testing.assert_array_equal(labels, clf.predict(X[600:]))
    covered = found[np.arange(300), y[600:], 0].mean()
    assert 0.84 < covered < 0.96  # five standard errors are 0.09


def test_cross_conformal_sets():
    from mapie.classification import CrossConformalClassifier

    sets = CrossConformalClassifier(net(epochs=5), confidence_level=0.9, cv=3, random_state=0)
    sets.fit_conformalize(X[:300], y[:300])
    assert sets.predict_set(X[600:])[1].shape == (300, 2, 1)


def test_fewer_rows_are_referred_than_by_the_controller_of_its_own_example():
    """Circles, precision and npv of at least 0.8: MAPIE takes a fitted model, the tuner that or folds."""
    control = pytest.importorskip("mapie.risk_control")
    from sklearn.datasets import make_circles
    from sklearn.ensemble import HistGradientBoostingClassifier

    def circles(n, seed):
        return make_circles(n_samples=n, noise=0.3, factor=0.3, random_state=seed)

    train, choose, new = circles(3000, 0), circles(1000, 1), circles(20_000, 2)
    model = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(*train)
    score = model.predict_proba(new[0])[:, 1]

    def decide(X, low, high):
        values = model.predict_proba(X)[:, 1]
        return np.where(values >= high, 1.0, np.where(values < low, 0.0, np.nan))

    steps = np.arange(1, 10) / 10
    controller = control.BinaryClassificationController(
        predict_function=decide,
        risk=["positive_predictive_value", "negative_predictive_value"],
        target_level=[0.8, 0.8],
        confidence_level=0.9,
        best_predict_param_choice="abstention_rate",
        list_predict_params=np.array([(low, high) for low in steps for high in steps if high > low]),
    ).calibrate(*choose)
    asked = {"scoring": "accuracy", "confidence_level": 0.9, "abstain": ["precision >= 0.8", "npv >= 0.8"]}
    prefit = ThresholdTunerCV(model, cv="prefit", refit=False, **asked).fit(*choose)
    folds = ThresholdTunerCV(HistGradientBoostingClassifier(max_iter=30, random_state=0), cv=3, **asked)
    folds.fit(*(np.concatenate(both) for both in zip(train, choose, strict=True)))

    def outcome(yes, no):
        right = [np.mean(new[1][rows] == label) if rows.any() else 1.0 for label, rows in enumerate((no, yes))]
        return np.mean(~yes & ~no), *right

    low, high = controller.best_predict_param
    their_referred, *_ = outcome(score >= high, score < low)
    for tuned in (prefit, folds):
        assert tuned.refer_report_["satisfied"]
        decided = tuned.decide(new[0])
        referred, *right = outcome(decided == 1, decided == -1)
        assert referred <= their_referred
        assert min(right) > 0.78
