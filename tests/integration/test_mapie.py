"""MAPIE: conformal sets around the network's probabilities."""

import numpy as np
import pytest

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
