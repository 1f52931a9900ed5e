"""Ray: a search on its worker processes, through joblib."""

import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from tests.small import X, net, y

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster():
    from ray.util.joblib import register_ray

    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": path}})
    register_ray()
    yield
    ray.shutdown()


def test_a_search_has_the_bits_of_one_process(cluster):
    grid = {"learning_rate": [1e-6, 0.02]}
    alone = GridSearchCV(net(epochs=10), grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, y)
    with joblib.parallel_config(backend="ray", n_jobs=2):
        found = GridSearchCV(net(epochs=10), grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, y)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], alone.cv_results_[name])
    np.testing.assert_array_equal(found.predict_proba(X), alone.predict_proba(X))
