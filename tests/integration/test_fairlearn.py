"""Fairlearn: metrics by group, thresholds by group, and reductions that train on weighted rows."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tests.small import X, net, y

pytest.importorskip("fairlearn")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

group = np.where(X[:, 0] + X[:, 3] > 0, "a", "b")


@pytest.fixture(scope="module")
def fitted():
    return net(epochs=20, learning_rate=0.02).fit(X, y)


def test_metrics_by_group(fitted):
    from fairlearn.metrics import MetricFrame, selection_rate

    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "selected": selection_rate},
        y_true=y,
        y_pred=fitted.predict(X),
        sensitive_features=group,
    )
    for name in "ab":
        assert frame.by_group.loc[name, "accuracy"] == fitted.score(X[group == name], y[group == name])


def test_thresholds_by_group(fitted):
    from fairlearn.postprocessing import ThresholdOptimizer

    fair = ThresholdOptimizer(
        estimator=fitted, constraints="demographic_parity", prefit=True, predict_method="predict_proba"
    ).fit(X, y, sensitive_features=group)
    chosen = fair.predict(X, sensitive_features=group, random_state=0)
    before = fitted.predict(X)
    gap = lambda labels: abs(labels[group == "a"].mean() - labels[group == "b"].mean())  # noqa: E731
    assert gap(chosen) < gap(before) - 0.1


def test_a_reduction_trains_on_weighted_rows(fitted):
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    reduced = ExponentiatedGradient(net(epochs=10, learning_rate=0.02), DemographicParity(), max_iter=3)
    reduced.fit(X, y, sensitive_features=group)
    chosen = np.asarray(reduced.predict(X, random_state=0))
    before = fitted.predict(X)
    gap = lambda labels: abs(labels[group == "a"].mean() - labels[group == "b"].mean())  # noqa: E731
    assert gap(chosen) < gap(before)
