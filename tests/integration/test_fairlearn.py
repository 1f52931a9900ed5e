"""Fairlearn: metrics by group, thresholds by group, and reductions that train on weighted rows."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from sklearn_binnet import ThresholdTunerCV
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


@pytest.mark.parametrize("asked", ["equal_opportunity", "demographic_parity"])
def test_thresholds_of_the_tuner_are_as_accurate_as_drawn_lots(asked):
    """ThresholdOptimizer draws lots between two thresholds of a group; the tuner has one for each."""
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b", "c"], 6000, p=[0.6, 0.25, 0.15])
    truth = rng.normal(size=6000)
    y = (rng.random(6000) < 1 / (1 + np.exp(0.5 - 2 * truth))).astype(int)
    X = (truth + np.select([group == "b", group == "c"], [0.8, -0.8], 0.0))[:, None]
    model = LogisticRegression().fit(X, y)
    tuned = ThresholdTunerCV(model, cv="prefit", refit=False, scoring="accuracy", parity=f"{asked} <= 0.05 [empirical]")
    ours = tuned.fit(X, y, sensitive=group).predict(X, sensitive=group)
    constraint = {"equal_opportunity": "true_positive_rate_parity"}.get(asked, asked)
    fair = ThresholdOptimizer(
        estimator=model,
        constraints=constraint,
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
        tol=0.05,
    ).fit(X, y, sensitive_features=group)
    expected = fair._pmf_predict(X, sensitive_features=group)[:, 1]

    def apart(chance):
        rows = y == 1 if asked == "equal_opportunity" else np.ones(6000, dtype=bool)
        return np.ptp([chance[rows & (group == name)].mean() for name in "abc"])

    def accuracy(chance):
        return np.mean(np.where(y == 1, chance, 1 - chance))

    assert apart(model.predict(X)) > 0.3
    assert apart(ours) <= 0.05 + 1e-9
    assert apart(expected) <= 0.05 + 1e-9
    assert accuracy(ours) > accuracy(expected) - 0.005
