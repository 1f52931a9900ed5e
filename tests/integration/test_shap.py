"""SHAP: explanations of `predict_proba`, and of `model_` by its gradients."""

import numpy as np
import pytest

from tests.small import X, net, y

shap = pytest.importorskip("shap")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture(scope="module")
def fitted():
    return net(epochs=20, learning_rate=0.02).fit(X, y)


def test_explanations_of_predict_proba_add_up(fitted):
    explainer = shap.Explainer(lambda rows: fitted.predict_proba(rows)[:, 1], X[:50], algorithm="exact", seed=0)
    found = explainer(X[:5])
    np.testing.assert_allclose(
        found.base_values + found.values.sum(axis=1), fitted.predict_proba(X[:5])[:, 1], atol=1e-6
    )
    assert np.abs(found.values).mean(axis=0).argmax() == 0


def test_explanations_by_gradients_of_the_keras_model(fitted):
    explainer = shap.GradientExplainer(fitted.model_, X[:100])
    values = np.asarray(explainer.shap_values(X[:5], nsamples=200, rseed=0)).reshape(5, 4)
    exact = shap.Explainer(lambda rows: fitted.predict_proba(rows)[:, 1], X[:100], algorithm="exact", seed=0)(
        X[:5]
    ).values
    assert np.abs(values - exact).max() < 0.15  # expected gradients draw, and are not Shapley values
    assert np.corrcoef(values.ravel(), exact.ravel())[0, 1] > 0.9
