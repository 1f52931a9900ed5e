"""ONNX: `model_` exported by Keras gives the same probabilities in onnxruntime."""

import json

import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from tests.integration.tables import ANSWER, STRANGE, TABLE
from tests.small import X, Y, net, y

pytest.importorskip("onnx")
pytest.importorskip("tf2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of tf2onnx
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:google"),
]


def probabilities(clf, path, matrix):
    """Export `clf`, and return the last column of what onnxruntime says of the rows."""
    clf.model_.export(str(path), format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(path))
    (column,) = session.get_inputs()
    (found,) = session.run(None, {column.name: np.asarray(matrix, np.float64)})
    return found


@pytest.mark.parametrize("encoding", ["piecewise_linear", "standardize"])
@pytest.mark.parametrize("n_estimators", [1, 2])
def test_a_table_with_gaps_and_levels_that_are_new(encoding, n_estimators, tmp_path):
    clf = net(encoding=encoding, n_estimators=n_estimators, epochs=10).fit(TABLE, ANSWER)
    assert clf._fitted.encoder.one_hot
    assert clf._fitted.encoder.embedded
    for table in (TABLE, STRANGE):
        found = probabilities(clf, tmp_path / "clf.onnx", clf.to_matrix(table))
        np.testing.assert_allclose(found[:, 0], clf.predict_proba(table)[:, 1], atol=5e-7)


def test_the_default_network(tmp_path):
    clf = BinaryNetClassifier(hidden_layer_sizes=(8,), n_estimators=2, epochs=2, random_state=0).fit(TABLE, ANSWER)
    found = probabilities(clf, tmp_path / "clf.onnx", clf.to_matrix(STRANGE))
    np.testing.assert_allclose(found[:, 0], clf.predict_proba(STRANGE)[:, 1], atol=5e-7)


def test_the_file_is_as_near_to_exact_arithmetic_as_predict_proba(tmp_path):
    """Both compute in float32. The network itself, computed in float64, shows that neither can promise 1e-7."""
    import keras
    from sklearn.datasets import load_breast_cancer

    rows, answers = load_breast_cancer(return_X_y=True)
    clf = BinaryNetClassifier(n_estimators=1, retrieval=False, epochs=8, random_state=0).fit(rows, answers)
    found = probabilities(clf, tmp_path / "clf.onnx", rows)[:, 0]
    exact = keras.models.model_from_json(clf.model_.to_json().replace('"float32"', '"float64"'))
    exact.set_weights(clf.model_.get_weights())
    expected = np.asarray(exact(rows))[:, 0]
    assert expected.dtype == np.float64
    step = np.finfo(np.float32).eps
    assert 0 < np.abs(clf.predict_proba(rows)[:, 1] - expected).max() < 4 * step
    assert np.abs(found - expected).max() < 4 * step
    assert np.abs(found - clf.predict_proba(rows)[:, 1]).max() < 4 * step


def test_several_labels_and_columns_as_they_are(tmp_path):
    for clf in (net(epochs=5).fit(X, Y), net(encoding=None, epochs=5).fit(X, Y)):
        np.testing.assert_allclose(probabilities(clf, tmp_path / "clf.onnx", X), clf.predict_proba(X), atol=5e-7)


def test_a_users_network(tmp_path):
    import keras

    def build(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])

    clf = BinaryNetClassifier(model=build, epochs=3, n_estimators=2, random_state=0).fit(X, y)
    found = probabilities(clf, tmp_path / "clf.onnx", X)
    np.testing.assert_allclose(found[:, 0], clf.predict_proba(X)[:, 1], atol=5e-7)


def test_labels_and_threshold_travel_in_the_file(tmp_path):
    """The recipe of the guide: what `predict` needs beside the probability stands in the file's metadata."""
    import onnx

    words = np.array(["no", "yes"])[y]
    clf = net(epochs=5, threshold=0.3).fit(X, words)
    path = str(tmp_path / "clf.onnx")
    clf.model_.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    decision = {"classes": clf.classes_.tolist(), "pos_label": clf.pos_label_, "threshold": clf.threshold}
    onnx.helper.set_model_props(model, {"decision": json.dumps(decision)})
    onnx.save(model, path)

    session = onnxruntime.InferenceSession(path)
    rule = json.loads(session.get_modelmeta().custom_metadata_map["decision"])
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    yes = rule["pos_label"]
    (no,) = set(rule["classes"]) - {yes}
    np.testing.assert_array_equal(np.where(found[:, 0] >= rule["threshold"], yes, no), clf.predict(X))
