"""MLflow: its scikit-learn flavour, autolog, and callbacks that log each epoch."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import SKOPS_TRUSTED_TYPES
from tests.small import X, net, y

mlflow = pytest.importorskip("mlflow")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # MLflow and its parts warn of much
    pytest.mark.slow,
]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    mlflow.set_experiment("nets")
    yield
    mlflow.end_run()


@pytest.mark.parametrize("serialization_format", ["cloudpickle", "skops"])
def test_log_load_and_predict(runs, serialization_format):
    import mlflow.sklearn

    pipe = make_pipeline(StandardScaler(), net()).fit(X, y)
    options = {"serialization_format": serialization_format, "pip_requirements": []}
    if serialization_format == "skops":
        options |= {"skops_trusted_types": list(SKOPS_TRUSTED_TYPES)}
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(pipe, name="net", input_example=X[:2], **options)
    again = mlflow.sklearn.load_model(info.model_uri)
    np.testing.assert_array_equal(again.predict_proba(X), pipe.predict_proba(X))
    served = mlflow.pyfunc.load_model(info.model_uri).predict(X)
    np.testing.assert_array_equal(served, pipe.predict(X))


def test_each_epoch_of_a_fit_is_logged(runs):
    with mlflow.start_run() as run:
        clf = net(callbacks=[lambda epoch, logs: mlflow.log_metrics(logs, step=epoch)], n_estimators=2).fit(X, y)
    found = mlflow.tracking.MlflowClient().get_metric_history(run.info.run_id, "val_loss")
    np.testing.assert_allclose([metric.value for metric in found], clf.history_["val_loss"])


def test_autolog_of_a_pipeline(runs):
    """MLflow logs what scikit-learn brings; a network by itself is no such estimator, but a step of one is."""
    import mlflow.sklearn

    mlflow.sklearn.autolog(log_models=False, silent=True)
    try:
        with mlflow.start_run() as run:
            make_pipeline(StandardScaler(), net(threshold=0.4)).fit(X, y)
        logged = mlflow.get_run(run.info.run_id).data
        assert logged.params["binarynetclassifier__threshold"] == "0.4"
        assert "training_accuracy_score" in logged.metrics
    finally:
        mlflow.sklearn.autolog(disable=True)
