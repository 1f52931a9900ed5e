"""What BinaryNetClassifier promises: labels, probabilities, thresholds, weights, reproducibility, plain data."""

import copy
import os
import pickle
import random
import subprocess
import sys
import threading
import types

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.special import logit
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, precision_score, recall_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from sklearn_binnet import BinaryNetClassifier
from tests.small import X, Y, net, y

# Where Keras reads TensorFlow's variables in a way that NumPy 2 will drop: saving, callbacks.
saving = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def fitted():
    return net().fit(X, y)


@pytest.fixture(scope="module")
def multilabel():
    return net().fit(X, Y)


# ------------------------------------------------------------------ labels
@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1]),
        np.array([-1, 1], dtype=np.int8),
        np.array([2.0, 5.0]),
        np.array([False, True]),
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
    ],
    ids=lambda labels: f"{labels.dtype}",
)
def test_two_labels_of_any_kind(labels, fitted):
    clf = net().fit(X, labels[y])
    np.testing.assert_array_equal(clf.classes_, labels)
    predicted = clf.predict(X)
    assert predicted.dtype == labels.dtype
    np.testing.assert_array_equal(predicted, labels[fitted.predict(X)])
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))
    assert clf.score(X, labels[y]) == accuracy_score(y, fitted.predict(X))


def test_labels_in_a_list_and_in_a_series(fitted):
    words = np.array(["no", "yes"])[y]
    for given in (words.tolist(), pd.Series(words)):
        np.testing.assert_array_equal(net().fit(X, given).predict(X), np.array(["no", "yes"])[fitted.predict(X)])


def test_pos_label_turns_the_question_around(fitted):
    words = np.array(["no", "yes"])[y]
    clf = net(pos_label="no", threshold=0.9, epochs=20, learning_rate=0.02).fit(X, words)
    np.testing.assert_array_equal(clf.classes_, ["no", "yes"])
    proba = clf.predict_proba(X)
    # Columns stay in the order of classes_; the threshold asks for "no".
    assert roc_auc_score(words == "yes", proba[:, 1]) > 0.7
    np.testing.assert_array_equal(clf.predict(X), np.where(proba[:, 0] >= 0.9, "no", "yes"))
    # decision_function speaks of classes_[1], as everywhere in scikit-learn.
    np.testing.assert_allclose(clf.decision_function(X), logit(proba[:, 1]), rtol=1e-9)
    np.testing.assert_allclose(fitted.decision_function(X), logit(fitted.predict_proba(X)[:, 1]), rtol=1e-9)


def test_ties_are_positive(fitted):
    p = fitted.predict_proba(X)[:, 1]
    clf = copy.deepcopy(fitted)
    for value in (p[0], p.max(), p.min()):
        np.testing.assert_array_equal(clf.set_params(threshold=value).predict(X), (p >= value).astype(int))
    assert clf.set_params(threshold=p[0]).predict(X[:1]) == 1
    assert clf.set_params(threshold=np.nextafter(p[0], 1)).predict(X[:1]) == 0
    assert clf.set_params(threshold=0).predict(X).all()


def test_one_row(fitted, multilabel):
    assert fitted.predict(X[:1]).shape == (1,)
    assert fitted.predict_proba(X[:1]).shape == (1, 2)
    assert fitted.decision_function(X[:1]).shape == (1,)
    for method in ("predict", "predict_proba", "decision_function"):
        assert getattr(multilabel, method)(X[:1]).shape == (1, 3)
    np.testing.assert_allclose(fitted.predict_proba(X[5:6]), fitted.predict_proba(X)[5:6], rtol=1e-12)


def test_probabilities_sum_to_one(fitted):
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(fitted.predict_log_proba(X), np.log(proba))


def test_logarithms_of_probabilities_are_finite():
    clf = net(encoding=None).fit(X, y)
    assert (clf.predict_proba(1e5 * X) == 0).any()
    assert np.isfinite(clf.predict_log_proba(1e5 * X)).all()


# ------------------------------------------------------------------ several questions
@pytest.mark.parametrize("given", [np.asarray, sparse.csr_matrix, sparse.csr_array, np.ndarray.tolist, pd.DataFrame])
def test_multilabel(given, multilabel):
    clf = net().fit(X, given(Y))
    assert clf.n_labels_ == 3
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2])
    np.testing.assert_array_equal(clf.predict_proba(X), multilabel.predict_proba(X))
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X) >= 0.5)
    np.testing.assert_allclose(clf.predict_log_proba(X), np.log(clf.predict_proba(X)))
    np.testing.assert_allclose(clf.decision_function(X), logit(clf.predict_proba(X)))
    assert clf.score(X, given(Y)) == accuracy_score(Y, multilabel.predict(X))


@pytest.mark.parametrize("dtype", [bool, np.int8, float])
def test_multilabel_dtype_comes_back(dtype):
    assert net().fit(X, Y.astype(dtype)).predict(X).dtype == dtype


def test_multilabel_threshold_for_all_or_each(multilabel):
    clf = copy.deepcopy(multilabel)
    p = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.set_params(threshold=0.6).predict(X), p >= 0.6)
    each = [0.2, 0.5, 0.8]
    for given in (each, np.array(each), tuple(each)):
        np.testing.assert_array_equal(clf.set_params(threshold=given).predict(X), p >= np.array(each))
    assert net(threshold=each).fit(X, Y).predict(X).shape == Y.shape


def test_multilabel_learns_every_question():
    clf = net(epochs=60, learning_rate=0.01).fit(X, Y)
    p = clf.predict_proba(X)
    assert min(roc_auc_score(Y[:, k], p[:, k]) for k in range(3)) > 0.9


# ------------------------------------------------------------------ parameters and state
def test_threshold_needs_no_refit(fitted):
    clf = copy.deepcopy(fitted)
    before = pickle.dumps(clf._fitted)
    counts = [clf.set_params(threshold=t).predict(X).sum() for t in (0.1, 0.5, 0.9)]
    assert counts[0] > counts[1] > counts[2]
    assert pickle.dumps(clf._fitted) == before


@saving
def test_fit_leaves_parameters_alone():
    params = {
        "hidden_layer_sizes": [8],
        "dropout": [0.1],
        "class_weight": {0: 1.0, 1: 2.0},
        "metrics": ["accuracy"],
        "threshold": np.array([0.4]),
        "random_state": np.random.RandomState(0),
        "callbacks": [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)],
        "optimizer": keras.optimizers.SGD(0.1),
    }
    clf = net(**params)
    identity = {name: id(value) for name, value in clf.get_params().items()}
    contents = copy.deepcopy({k: params[k] for k in ("hidden_layer_sizes", "dropout", "class_weight", "metrics")})
    weight = np.ones(200)
    clf.fit(X, y, sample_weight=weight)
    assert {name: id(value) for name, value in clf.get_params().items()} == identity
    assert contents == {k: params[k] for k in contents}
    assert not params["optimizer"].built
    np.testing.assert_array_equal(weight, 1)


def objects_in(state, seen):
    """Every object reachable through containers and attributes."""
    if id(state) in seen:
        return
    seen[id(state)] = state
    if isinstance(state, dict):
        children = [*state, *state.values()]
    elif isinstance(state, list | tuple | set):
        children = list(state)
    elif isinstance(state, type | types.ModuleType | types.FunctionType | np.ndarray):
        children = list(state.ravel()) if isinstance(state, np.ndarray) and state.dtype == object else []
    else:
        children = list(vars(state).values()) if hasattr(state, "__dict__") else []
    for child in children:
        objects_in(child, seen)


def test_state_is_plain_data():
    clf = net(n_estimators=2, batch_normalization=True, metrics=["AUC"]).fit(X, y)
    clf.predict(X)
    assert clf.model_ is clf.model_  # built once
    seen = {}
    objects_in(vars(pickle.loads(pickle.dumps(clf))), seen)
    assert len(seen) > 50
    homes = {type(value).__module__.split(".")[0] for value in seen.values()}
    assert homes <= {"builtins", "numpy", "sklearn_binnet", "collections"}


def test_unpickling_and_predicting_need_no_tensorflow(tmp_path):
    clf = net(n_estimators=2, batch_normalization=True).fit(X, y)
    assert clf.model_ is not None
    (tmp_path / "clf.pickle").write_bytes(pickle.dumps(clf))
    np.save(tmp_path / "X.npy", X)
    code = (
        "import pickle, sys, numpy as np\n"
        "clf = pickle.load(open('clf.pickle', 'rb'))\n"
        "X = np.load('X.npy')\n"
        "np.save('proba.npy', clf.predict_proba(X)); np.save('labels.npy', clf.set_params(threshold=0.3).predict(X))\n"
        "clf.decision_function(X), clf.score(X, clf.predict(X)), clf.history_, clf.oof_proba_\n"
        "print([m for m in ('tensorflow', 'keras', 'scikeras') if m in sys.modules])\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), clf.predict_proba(X))
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), clf.set_params(threshold=0.3).predict(X))


def test_no_global_state_is_touched():
    from tensorflow.python.framework import config as tensorflow_config

    layers_before = keras.layers.Dense(1).name
    python, numpy = random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    determinism = tensorflow_config.is_op_determinism_enabled()
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy().name
    clf = net(dropout=0.1, batch_normalization=True).fit(X, y)
    clf.partial_fit(X, y).predict(X)
    assert clf.model_ is not None
    assert random.getstate() == python
    np.testing.assert_array_equal(np.random.get_state()[1], numpy)  # noqa: NPY002
    assert tensorflow_config.is_op_determinism_enabled() == determinism
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == (floatx, policy)
    # keras.backend.clear_session would start the numbering of layers anew.
    assert keras.layers.Dense(1).name != layers_before


@pytest.mark.parametrize("params", [{}, {"dropout": 0.3, "batch_normalization": True}, {"n_estimators": 2}], ids=str)
def test_same_seed_same_result_whatever_ran_before(params):
    first = net(**params).fit(X, y).predict_proba(X)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    keras.utils.set_random_seed(5)
    net(hidden_layer_sizes=(3,), random_state=1).fit(X[:50], y[:50])
    np.testing.assert_array_equal(net(**params).fit(X, y).predict_proba(X), first)
    assert not np.array_equal(net(**params, random_state=1).fit(X, y).predict_proba(X), first)


def test_random_state_instance_moves_on():
    state = np.random.RandomState(0)
    a, b = (net(random_state=state).fit(X, y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(net(random_state=np.random.RandomState(0)).fit(X, y).predict_proba(X), a)


def test_random_state_none_follows_numpy():
    np.random.seed(3)  # noqa: NPY002
    a = net(random_state=None).fit(X, y).predict_proba(X)
    b = net(random_state=None).fit(X, y).predict_proba(X)
    np.random.seed(3)  # noqa: NPY002
    np.testing.assert_array_equal(net(random_state=None).fit(X, y).predict_proba(X), a)
    assert not np.array_equal(a, b)


def test_deepcopy_and_clone(fitted):
    again = copy.deepcopy(fitted)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    assert not hasattr(fresh, "classes_")


def test_tags():
    tags = get_tags(BinaryNetClassifier())
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_class is False
    assert tags.classifier_tags.multi_label is True
    assert tags.target_tags.multi_output is False  # several questions of several classes each
    assert tags.target_tags.required is True
    assert tags.input_tags.sparse is True
    assert tags.input_tags.allow_nan is True
    assert tags.input_tags.categorical is True
    assert get_tags(BinaryNetClassifier(encoding=None)).input_tags.allow_nan is False


# ------------------------------------------------------------------ columns
def raw_columns(n=200):
    rng = np.random.default_rng(1)
    return np.column_stack(
        [
            1e9 + 1e-3 * X[:n, 0],
            np.full(n, 7.3),
            rng.integers(0, 5, n),
            1e-6 * X[:n, 1],
            1e300 * X[:n, 2],
            np.where(rng.random(n) < 0.02, 1e15, X[:n, 3]),
        ]
    )


def test_raw_columns_train_as_standardized_ones():
    raw = raw_columns()
    params = {"epochs": 60, "learning_rate": 0.01}
    clf = net(**params).fit(raw, y)
    assert roc_auc_score(y, clf.predict_proba(raw)[:, 1]) > 0.85
    tidy = net(**params, encoding=None).fit(StandardScaler().fit_transform(X), y)
    assert roc_auc_score(y, tidy.predict_proba(StandardScaler().fit_transform(X))[:, 1]) > 0.85
    # Nothing standardises these columns.
    assert roc_auc_score(y, net(**params, encoding=None).fit(X * 1e-6, y).predict_proba(X * 1e-6)[:, 1]) < 0.999


def test_statistics_come_from_training_rows_only():
    far = np.vstack([X, X + 1000])
    labels = np.concatenate([y, y])
    clf = net().fit(far[:200], labels[:200], X_val=far[200:], y_val=labels[200:])
    np.testing.assert_allclose(clf._fitted.encoder.inner.mean, X.mean(axis=0), atol=1e-9)
    weight = np.repeat([1.0, 3.0], 100)
    clf = net(early_stopping=False).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(clf._fitted.encoder.inner.mean, np.average(X, axis=0, weights=weight))
    split = net().fit(X, y)._fitted.encoder.inner
    assert split.weight_seen == 160
    assert not np.allclose(split.mean, X.mean(axis=0), atol=1e-9)


def test_dtypes_may_mix_between_fit_and_predict():
    whole = np.random.default_rng(0).integers(0, 1000, (200, 4))
    labels = (whole[:, 0] > 500).astype(int)
    kinds = [whole, whole.astype(np.float32), whole.astype(float), whole.astype(np.int16), whole.tolist()]
    expected = net().fit(whole.astype(float), labels).predict_proba(whole.astype(float))
    for fit_on in kinds:
        clf = net().fit(fit_on, labels)
        for predict_on in kinds:
            np.testing.assert_array_equal(clf.predict_proba(predict_on), expected)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_data_frames(frame, fitted):
    names = ["a", "b", "c", "d"]
    table = frame({name: X[:, i] for i, name in enumerate(names)})
    clf = net().fit(table, y)
    assert clf.n_features_in_ == 4
    np.testing.assert_array_equal(clf.predict_proba(table), fitted.predict_proba(X))
    if not hasattr(StandardScaler().fit(table), "feature_names_in_"):
        assert frame is pl.DataFrame, "scikit-learn 1.6 reads no names from today's polars"
        return
    np.testing.assert_array_equal(clf.feature_names_in_, names)
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(frame({name: X[:, i] for i, name in enumerate("wxyz")}))


def test_feature_names_go_when_columns_have_none():
    clf = net().fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert hasattr(clf, "feature_names_in_")
    assert not hasattr(clf.fit(X, y), "feature_names_in_")


def test_no_hidden_layers_is_logistic_regression():
    clf = net(
        hidden_layer_sizes=(), epochs=1500, learning_rate=0.05, early_stopping=False, batch_size=200, dropout=()
    ).fit(X, y)
    exact = LogisticRegression(C=1e6).fit(StandardScaler().fit_transform(X), y)
    np.testing.assert_allclose(clf.predict_proba(X), exact.predict_proba(StandardScaler().fit_transform(X)), atol=0.005)


# ------------------------------------------------------------------ as Keras
@saving
@pytest.mark.parametrize("params", [{}, {"n_estimators": 2, "batch_normalization": True, "dropout": 0.2}], ids=str)
def test_model_is_the_whole_way_from_raw_columns(params, tmp_path):
    raw = raw_columns()
    clf = net(**params, pos_label=0).fit(raw, y)
    model = clf.model_
    assert isinstance(model, keras.Model)
    expected = clf.predict_proba(raw)[:, 0]
    np.testing.assert_allclose(model(raw).numpy()[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(model(-3 * raw).numpy()[:, 0], clf.predict_proba(-3 * raw)[:, 0], atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(raw).numpy()[:, 0], expected, atol=1e-6)
    assert len(clf.models_) == params.get("n_estimators", 1)
    logits = [logit(m(raw).numpy().astype(float)) for m in clf.models_]
    np.testing.assert_allclose(np.mean(logits, axis=0)[:, 0] / clf.temperature_, logit(expected), atol=1e-4)


def test_model_predict_on_ordinary_columns(fitted, multilabel):
    np.testing.assert_allclose(fitted.model_.predict(X, verbose=0)[:, 0], fitted.predict_proba(X)[:, 1], atol=1e-6)
    np.testing.assert_allclose(multilabel.model_.predict(X, verbose=0), multilabel.predict_proba(X), atol=1e-6)


def test_model_belongs_to_the_last_fit(fitted):
    clf = copy.deepcopy(fitted)
    first = clf.model_
    clf.set_params(random_state=1).fit(X, y)
    assert clf.model_ is not first
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-6)


# ------------------------------------------------------------------ training
def test_history():
    clf = net(metrics=["accuracy", "AUC", "mean_squared_error"]).fit(X, y)
    expected = ["loss", "accuracy", "auc", "mean_squared_error"]
    assert {k.lower() for k in clf.history_} == {*expected, *(f"val_{k}" for k in expected)}
    assert all(len(v) == clf.n_iter_ == 3 for v in clf.history_.values())
    assert all(isinstance(value, float) for values in clf.history_.values() for value in values)


def test_early_stopping_keeps_the_best_weights():
    held_out = X[:60], y[:60]
    clf = net(epochs=300, learning_rate=0.05, patience=7, hidden_layer_sizes=(8,))
    clf.fit(X[60:], y[60:], X_val=held_out[0], y_val=held_out[1])
    losses = clf.history_["val_loss"]
    assert clf.n_iter_ == len(losses) < 300
    assert clf.best_iter_ == [np.argmin(losses) + 1]
    assert clf.n_iter_ == clf.best_iter_[0] + 7
    assert log_loss(held_out[1], clf.predict_proba(held_out[0])[:, 1]) == pytest.approx(min(losses), rel=1e-4)
    assert losses[-1] > min(losses)


def test_min_delta_stops_sooner():
    params = {"epochs": 300, "learning_rate": 0.01, "patience": 5}
    patient = net(**params).fit(X, y)
    assert net(**params, min_delta=0.05).fit(X, y).n_iter_ < patient.n_iter_


def test_without_early_stopping_all_epochs_and_all_rows_count():
    clf = net(epochs=5, early_stopping=False).fit(X, y)
    assert (clf.n_iter_, clf.best_iter_) == (5, [5])
    assert list(clf.history_) == ["loss"]
    assert clf._fitted.encoder.inner.weight_seen == 200


def test_own_validation_rows_are_not_trained_on():
    wrong = 1 - y
    clf = net(epochs=30, learning_rate=0.01, early_stopping=False).fit(X, y, X_val=X, y_val=wrong)
    assert clf.history_["val_loss"][-1] > clf.history_["val_loss"][0]
    assert clf.history_["loss"][-1] < clf.history_["loss"][0]
    assert clf._fitted.encoder.inner.weight_seen == 200
    # A row of weight 0 does not validate either.
    weight = (np.arange(200) < 50).astype(float)
    some = net().fit(X, y, X_val=X, y_val=y, sample_weight_val=weight).history_["val_loss"]
    np.testing.assert_array_equal(some, net().fit(X, y, X_val=X[:50], y_val=y[:50]).history_["val_loss"])


def test_validation_weights_count():
    weight = np.where(y[:60] == 1, 5.0, 1.0)
    clf = net(epochs=2).fit(X[60:], y[60:], X_val=X[:60], y_val=y[:60], sample_weight_val=weight)
    expected = log_loss(y[:60], clf.predict_proba(X[:60])[:, 1], sample_weight=weight)
    assert min(clf.history_["val_loss"]) == pytest.approx(expected, rel=1e-4)


def test_split_is_stratified_and_seeded():
    rare = np.zeros(200, int)
    rare[:10] = 1
    reports = []
    for seed in (0, 0, 1):
        clf = net(random_state=seed, metrics=["TruePositives", "FalseNegatives"], threshold=0.0, epochs=1).fit(X, rare)
        assert clf.history_["val_true_positives"] == [2]  # 20 % of 10
        assert clf.history_["true_positives"] == [8]
        reports.append(clf._fitted.encoder.inner.mean)
    np.testing.assert_array_equal(reports[0], reports[1])
    assert not np.array_equal(reports[0], reports[2])


@pytest.mark.parametrize("count", [1, 2])
def test_the_rarest_classes_train(count):
    rare = np.zeros(200, int)
    rare[:count] = 1
    clf = net().fit(X, rare)
    assert clf.predict_proba(X).shape == (200, 2)
    assert np.isfinite(clf.history_["val_loss"]).all()


def test_two_rows_are_enough():
    clf = net().fit(X[:2], [0, 1])
    assert "val_loss" not in clf.history_ or np.isnan(clf.history_["val_loss"]).all()
    assert clf.predict(X[:1]).shape == (1,)


def test_defaults_learn():
    clf = BinaryNetClassifier(random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.85


@pytest.mark.parametrize("schedule", ["cosine", "coslog4"])
def test_schedules_learn(schedule):
    params = {"epochs": 40, "learning_rate": 0.02, "early_stopping": False}
    clf = net(**params, learning_rate_schedule=schedule).fit(X, y)
    assert clf.history_["loss"][-1] < 0.45
    assert clf.history_["loss"] != net(**params).fit(X, y).history_["loss"]


def test_weight_decay_shrinks():
    plain, decayed = (
        net(epochs=40, learning_rate=0.02, weight_decay=decay).fit(X, y)._fitted.weights[0][0] for decay in (None, 1.0)
    )
    assert np.abs(decayed).sum() < 0.8 * np.abs(plain).sum()


@pytest.mark.parametrize("dropout", [0.3, [0.3, 0.0]], ids=str)
def test_dropout_and_batch_normalization(dropout):
    params = {"hidden_layer_sizes": (8, 6), "epochs": 40, "learning_rate": 0.02}
    clf = net(**params, dropout=dropout, batch_normalization=True).fit(X, y)
    assert clf.score(X, y) > 0.8
    np.testing.assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))  # nothing drops out of predictions
    assert clf.history_["loss"] != net(**params, batch_normalization=True).fit(X, y).history_["loss"]
    names = [layer.name for layer in clf.model_.layers]
    rates = np.broadcast_to(dropout, (2,))
    assert [f"dropout_{i}" in names for i in range(2)] == (rates > 0).tolist()


class Count(keras.callbacks.Callback):
    """Counts its epochs and stops after the second."""

    def __init__(self, held=None):
        super().__init__()
        self.epochs, self.held = 0, held

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1
        if epoch == 1:
            self.model.stop_training = True


@saving
def test_one_network_calls_the_users_own_callbacks():
    callback, history = Count(held=open), keras.callbacks.History()
    clf = net(callbacks=[callback, history], epochs=10).fit(X, y)
    assert clf.n_iter_ == callback.epochs == 2
    assert history.history == clf.history_
    assert callback.model is history.model is None  # what the estimator holds stays plain data
    assert clone(clf).callbacks[0] is not callback
    clf.fit(X, y)
    assert callback.epochs == 4


@saving
def test_several_networks_get_copies():
    callback = Count()
    clf = net(callbacks=[callback], epochs=10, n_estimators=2).fit(X, y)
    assert [len(history["loss"]) for history in clf.histories_] == [2, 2]
    assert callback.epochs == 0


class Tracker:
    """A run of an experiment tracker: something that a copy would not be."""


@saving
@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (keras.callbacks.History(), "gets a copy of the History, and your own object is not called"),
        (Count(held=Tracker()), "gets a copy of the Count, and your own object, which holds a Tracker, is not called"),
        (Count(held={"run": [Tracker()]}), "which holds a Tracker"),
    ],
)
def test_copies_of_what_speaks_to_something_are_told_of(callback, message):
    with pytest.warns(UserWarning, match=rf"each of the 2 networks .*{message}.*n_estimators=1"):
        net(callbacks=[callback], n_estimators=2, epochs=2).fit(X, y)


@saving
def test_a_callback_that_cannot_be_copied():
    callback = Count(held=threading.Lock())
    net(callbacks=[callback]).fit(X, y)
    assert callback.epochs == 2
    with (
        pytest.warns(UserWarning, match="which holds a lock"),
        pytest.raises(
            ValueError, match=r"a Count that cannot be copied for each of 2 networks \(TypeError.*n_estimators=1"
        ),
    ):
        net(callbacks=[callback], n_estimators=2).fit(X, y)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_functions_are_told_the_mean_over_the_networks(n_estimators):
    seen = {}

    def tell(epoch, logs):
        seen[epoch] = logs

    clf = net(callbacks=[tell], epochs=30, learning_rate=0.05, patience=2, n_estimators=n_estimators).fit(X, y)
    assert list(seen) == list(range(clf.n_iter_))
    assert n_estimators == 1 or len({len(h["loss"]) for h in clf.histories_}) > 1  # some stopped before others
    for name, values in clf.history_.items():
        np.testing.assert_allclose([logs[name] for logs in seen.values()], values)
    again = net(callbacks=[lambda epoch, logs: epoch == 1], epochs=30, n_estimators=n_estimators).fit(X, y)
    assert again.n_iter_ == 2
    calls = []
    clf.set_params(callbacks=[lambda epoch, logs: calls.append(epoch)], epochs=2).fit_many([(X, y, {})] * 2)
    assert calls == [0, 1, 0, 1]


def test_functions_and_callbacks_that_raise():
    class Pruned(Exception):
        pass

    def prune(epoch, logs):
        if epoch == 1:
            raise Pruned

    class Prune(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            prune(epoch, logs)

    clf = net().fit(X, y)
    before = clf.predict_proba(X)
    callback = Prune()
    for callbacks in ([prune], [callback]):
        with pytest.raises(Pruned):
            clf.set_params(callbacks=callbacks).fit(X, y)
        np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert callback.model is None
    for wrong in (keras.callbacks.History, "history"):
        with pytest.raises(ValueError, match="callbacks must hold Keras callbacks"):
            net(callbacks=[wrong]).fit(X, y)


def test_growing_training_sets_are_no_matter_of_tensorflows_warnings(caplog):
    line = net(hidden_layer_sizes=(1,), epochs=1, batch_size=4, early_stopping=False)
    for n in (8, 16, 32, 64, 128, 200):  # as the folds of TimeSeriesSplit: another compiled program each
        line.fit(X[:n], y[:n])
    assert "retracing" not in caplog.text


# ------------------------------------------------------------------ metrics
def test_metrics_use_the_threshold():
    names = ["accuracy", keras.metrics.Precision(name="precision"), keras.metrics.Recall(name="recall")]
    for threshold in (0.3, 0.7):
        clf = net(metrics=names, threshold=threshold, epochs=1).fit(X[60:], y[60:], X_val=X[:60], y_val=y[:60])
        predicted = clf.predict(X[:60])
        for name, score in (("accuracy", accuracy_score), ("precision", precision_score), ("recall", recall_score)):
            assert clf.history_[f"val_{name}"] == [pytest.approx(score(y[:60], predicted), abs=1e-5)]


def test_multilabel_metrics_use_every_threshold():
    threshold = [0.2, 0.5, 0.8]
    clf = net(metrics=["accuracy"], threshold=threshold, epochs=1).fit(X[60:], Y[60:], X_val=X[:60], y_val=Y[:60])
    expected = np.mean(clf.predict(X[:60]) == Y[:60])
    assert clf.history_["val_accuracy"] == [pytest.approx(expected, abs=1e-6)]


# ------------------------------------------------------------------ weights
@pytest.mark.parametrize("params", [{}, {"class_weight": "balanced"}, {"n_estimators": 3}], ids=str)
def test_weight_0_is_a_row_left_out(params):
    weight = np.ones(200)
    weight[::7] = 0
    used = weight > 0
    dirty = np.where(used[:, None], X, 1e6)
    with_zeros = net(**params).fit(dirty, y, sample_weight=weight)
    without = net(**params).fit(X[used], y[used])
    np.testing.assert_array_equal(with_zeros.predict_proba(X), without.predict_proba(X))
    assert with_zeros.history_ == without.history_
    if "n_estimators" in params:
        np.testing.assert_array_equal(with_zeros.oof_proba_[used], without.oof_proba_)
        assert np.isnan(with_zeros.oof_proba_[~used]).all()


def test_weight_2_is_a_row_given_twice():
    weight = np.where(np.arange(200) % 3 == 0, 2, 1)
    params = {"epochs": 30, "early_stopping": False, "batch_size": 400, "learning_rate": 0.01}
    for class_weight in (None, "balanced"):
        weighted = net(**params, class_weight=class_weight).fit(X, y, sample_weight=weight)
        twice = net(**params, class_weight=class_weight).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
        np.testing.assert_allclose(weighted.predict_proba(X), twice.predict_proba(X), atol=1e-4)
    assert not np.allclose(weighted.predict_proba(X), net(**params).fit(X, y).predict_proba(X), atol=1e-3)


def test_scale_of_weights_does_not_matter(fitted):
    np.testing.assert_allclose(
        net().fit(X, y, sample_weight=np.full(200, 1e-3)).predict_proba(X), fitted.predict_proba(X), atol=1e-5
    )


@pytest.mark.parametrize("weight", [1 / 3, 0.1, 7.3, 1e-3])
@pytest.mark.parametrize("params", [{"n_estimators": 2}, {"class_weight": "balanced"}], ids=str)
def test_a_constant_weight_is_no_weight(weight, params):
    wide = {"encoding": "piecewise_linear"} | params
    expected = net(**wide).fit(X, y)
    clf = net(**wide).fit(X, y, sample_weight=np.full(200, weight))
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.history_ == expected.history_


def test_scale_of_unequal_weights_does_not_matter():
    weight = np.random.default_rng(0).integers(1, 4, 200)
    params = {"encoding": "piecewise_linear", "n_estimators": 2}
    expected = net(**params).fit(X, y, sample_weight=weight).predict_proba(X)
    for scale in (1 / 3, 0.1, 1e-3, 4):
        p = net(**params).fit(X, y, sample_weight=weight * scale).predict_proba(X)
        np.testing.assert_allclose(p, expected, atol=1e-5)  # the last digits are rounded


def test_class_weight_is_a_sample_weight():
    rare = (X[:, 0] > 1).astype(int)
    params = {"epochs": 5, "early_stopping": False, "batch_size": 64}
    own = np.random.default_rng(0).uniform(0.5, 2, 200)
    total = own.sum()
    balanced = total / (2 * np.bincount(rare, weights=own))
    for class_weight, pair in (("balanced", balanced), ({0: 1, 1: 4}, (1, 4)), ({1: 4}, (1, 4))):
        a = net(**params, class_weight=class_weight, encoding=None).fit(X, rare, sample_weight=own)
        b = net(**params, encoding=None).fit(X, rare, sample_weight=own * np.take(pair, rare))
        np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-5)
        plain = net(**params, encoding=None).fit(X, rare, sample_weight=own)
        assert a.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_class_weight_counts_in_validation_with_the_weights_of_training():
    rare = (X[:, 0] > 1).astype(int)
    train, held_out = slice(60, None), slice(0, 60)
    clf = net(epochs=1, class_weight="balanced").fit(X[train], rare[train], X_val=X[held_out], y_val=rare[held_out])
    pair = 140 / (2 * np.bincount(rare[train]))
    weight = pair[rare[held_out]]
    expected = log_loss(rare[held_out], clf.predict_proba(X[held_out])[:, 1], sample_weight=weight)
    assert clf.history_["val_loss"] == [pytest.approx(expected, rel=1e-4)]


def test_class_weight_for_each_question():
    params = {"epochs": 30, "learning_rate": 0.02, "early_stopping": False}
    means = {
        name: net(**params, class_weight=weight).fit(X, Y).predict_proba(X).mean(axis=0)
        for name, weight in (("none", None), ("each", [{}, {1: 20}, {0: 20}]), ("all", {1: 20}), ("b", "balanced"))
    }
    assert means["each"][1] > means["none"][1] + 0.03
    assert means["each"][2] < means["none"][2] - 0.02
    assert np.all(means["all"] > means["none"] + 0.03)
    assert abs(means["b"][2] - 0.5) < abs(means["none"][2] - 0.5)


# ------------------------------------------------------------------ going on
def test_warm_start_goes_on():
    clf = net(epochs=5, warm_start=True, early_stopping=False).fit(X, y)
    first = clf.history_["loss"]
    weights = [w.copy() for w in clf._fitted.weights[0]]
    clf.fit(X, y)
    assert clf.history_["loss"][0] < first[-1]
    assert all(a.shape == b.shape for a, b in zip(weights, clf._fitted.weights[0], strict=True))
    cold = net(epochs=5, early_stopping=False).fit(X, y)
    np.testing.assert_array_equal(cold.fit(X, y).history_["loss"], first)


def test_warm_start_keeps_the_optimizer_unless_it_is_another_one():
    clf = net(epochs=5, warm_start=True).fit(X, y)
    assert clf.set_params(optimizer="sgd").fit(X, y).n_iter_ > 0
    state = clf._resume.optimizer_states[0]
    steps = net(epochs=5, warm_start=True, early_stopping=False).fit(X, y).fit(X, y)._resume.optimizer_states[0]
    assert len(steps) != len(state)


def test_trainings_that_go_on_draw_new_orders():
    params = {"early_stopping": False, "dropout": 0.5, "batch_size": 32, "learning_rate": 1e-9, "epochs": 1}
    clf = net(**params, warm_start=True)
    losses = [clf.fit(X, y).history_["loss"][0] for _ in range(3)]
    assert len({round(loss, 6) for loss in losses}) == 3


def test_partial_fit_learns_from_a_stream():
    rng = np.random.default_rng(3)
    clf = net(learning_rate=0.02)
    for _ in range(30):
        batch = rng.normal(size=(64, 4)) * [1, 10, 100, 1e-3] + 5
        clf.partial_fit(batch, (batch[:, 0] > 5).astype(int), classes=[0, 1])
    fresh = rng.normal(size=(500, 4)) * [1, 10, 100, 1e-3] + 5
    assert clf.score(fresh, fresh[:, 0] > 5) > 0.9
    assert clf.n_iter_ == len(clf.history_["loss"]) == 30
    assert clf.best_iter_ == [30]
    assert np.mean(clf.history_["loss"][-5:]) < np.mean(clf.history_["loss"][:5])


def test_partial_fit_standardizes_as_if_it_had_seen_all_at_once():
    raw = X * [1, 1e3, 1e-3, 1] + [1e9, 0, 5, -2]
    clf = net()
    for start in range(0, 200, 50):
        clf.partial_fit(raw[start : start + 50], y[start : start + 50], classes=[0, 1])
    scaler = StandardScaler().fit(raw)
    np.testing.assert_allclose(clf._fitted.encoder.inner.mean, scaler.mean_, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(clf._fitted.encoder.inner.deviation, scaler.scale_, rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 8, 64])
def test_every_call_of_partial_fit_moves_the_weights(rows):
    clf = BinaryNetClassifier(random_state=0).partial_fit(X[:rows], y[:rows], classes=[0, 1])
    for start in (0, 64):
        before = copy.deepcopy(clf._fitted.weights)
        clf.partial_fit(X[start : start + rows], y[start : start + rows])
        for old, new in zip(before, clf._fitted.weights, strict=True):
            assert any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))


def test_the_default_learns_from_a_stream_of_small_batches():
    rng = np.random.default_rng(3)
    clf = BinaryNetClassifier(n_estimators=1, random_state=0)
    for _ in range(80):
        batch = rng.normal(size=(16, 4))
        clf.partial_fit(batch, (batch[:, 0] > 0).astype(int), classes=[0, 1])
    losses = clf.history_["loss"]
    assert np.mean(losses[-20:]) < 0.6 * np.mean(losses[:20])


@pytest.mark.parametrize("fits", [1, 3])
def test_a_training_of_one_step_moves_the_weights(fits):
    clf = BinaryNetClassifier(n_estimators=1, epochs=1, batch_size=1000, warm_start=True, random_state=0)
    for _ in range(fits):
        clf.fit(X, y)
    assert np.ptp(clf.predict_proba(X)[:, 1]) > 1e-3


def test_the_published_rate_of_a_keras_schedule_is_that_of_the_first_step():
    rate = keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=1, decay_rate=0.5)
    clf = net(learning_rate=rate, epochs=2, batch_size=1000, warm_start=True)
    rates = [clf.fit(X, y).learning_rate_ for _ in range(2)]
    assert rates == pytest.approx([0.01, 0.0025])


def test_a_stream_has_no_schedule_and_no_balance():
    clf = net(learning_rate_schedule="cosine")
    with pytest.warns(UserWarning, match="learning_rate_schedule='cosine' has no effect: partial_fit keeps"):
        clf.partial_fit(X, y, classes=[0, 1])
    np.testing.assert_array_equal(clf.predict_proba(X), net().partial_fit(X, y, classes=[0, 1]).predict_proba(X))
    clf = net(class_weight="balanced")
    with pytest.raises(
        ValueError, match=r"class_weight='balanced' is not supported for partial_fit.*class_weight=dict"
    ):
        clf.partial_fit(X, y, classes=[0, 1])
    weights = net(class_weight={0: 1.0, 1: 5.0}).partial_fit(X, y, classes=[0, 1])
    assert not np.array_equal(weights.predict_proba(X), net().partial_fit(X, y, classes=[0, 1]).predict_proba(X))


@pytest.mark.filterwarnings("ignore:n_estimators=4 networks")
def test_fewer_networks_than_asked_for_go_on():
    rare = np.zeros(200, int)
    rare[:3] = 1
    clf = net(n_estimators=4, warm_start=True).fit(X, rare)
    assert len(clf.models_) == 3
    first = clf.predict_proba(X)
    assert len(clf.partial_fit(X, rare).models_) == 3
    assert not np.array_equal(clf.predict_proba(X), first)
    rare[3:50] = 1  # now there are rows for all
    assert len(clf.fit(X, rare).models_) == 3
    rare[2:] = 0  # now for two only
    assert len(clf.fit(X, rare).models_) == 3
    with pytest.raises(ValueError, match=r"another network\. Keep n_estimators"):
        clf.set_params(n_estimators=5).fit(X, rare)
    assert len(clf.set_params(n_estimators=4).fit(X, rare).models_) == 3


def test_partial_fit_takes_a_batch_of_one_class():
    clf = net().partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
    np.testing.assert_array_equal(clf.classes_, [0, 1])
    clf.partial_fit(X[y == 1], y[y == 1])
    assert clf.n_iter_ == 2


def test_partial_fit_with_several_questions():
    clf = net().partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X[:1], Y[:1])
    assert clf.predict(X).shape == Y.shape
    assert net().partial_fit(X, Y).n_labels_ == 3


def test_partial_fit_goes_on_after_fit(fitted):
    clf = copy.deepcopy(fitted)
    before = clf.predict_proba(X)
    clf.partial_fit(X, y)
    assert clf.history_["loss"][:3] == fitted.history_["loss"]
    assert clf.n_iter_ == 4
    assert not np.array_equal(clf.predict_proba(X), before)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_fit_forgets_partial_fit(fitted):
    clf = net().partial_fit(X + 100, y, classes=[0, 1])
    np.testing.assert_array_equal(clf.fit(X, y).predict_proba(X), fitted.predict_proba(X))


# ------------------------------------------------------------------ several networks
def test_members_average_and_answer_for_the_rows_they_have_not_seen():
    noise = np.random.default_rng(5).integers(0, 2, 200)  # labels that can only be learnt by heart
    params = {"hidden_layer_sizes": (64,), "epochs": 150, "learning_rate": 0.02, "early_stopping": False}
    clf = net(**params, n_estimators=3, calibration=None).fit(X, noise)
    assert clf.oof_proba_.shape == (200,)
    assert roc_auc_score(noise, clf.predict_proba(X)[:, 1]) > 0.85
    assert roc_auc_score(noise, clf.oof_proba_) < 0.65
    assert len(clf.best_iter_) == 3
    members = np.column_stack([m(X).numpy()[:, 0] for m in clf.models_])
    matches = np.abs(members - clf.oof_proba_[:, None]) < 1e-5
    assert matches.any(axis=1).all()
    owner = np.argmax(matches, axis=1)
    np.testing.assert_allclose(np.bincount(owner) / 200, 1 / 3, atol=0.02)
    assert np.ptp([noise[owner == k].mean() for k in range(3)]) < 0.05  # stratified
    np.testing.assert_allclose(logit(members).mean(axis=1), clf.decision_function(X), rtol=1e-2, atol=1e-3)


def test_members_of_several_questions():
    clf = net(n_estimators=3).fit(X, Y)
    assert clf.oof_proba_.shape == (200, 3)
    assert np.isfinite(clf.oof_proba_).all()


def test_members_share_own_validation_rows():
    clf = net(n_estimators=3).fit(X, y, X_val=X, y_val=y)
    assert not hasattr(clf, "oof_proba_")
    assert len({m(X[:1]).numpy()[0, 0] for m in clf.models_}) == 3
    clf.set_params(n_estimators=1).fit(X, y)
    assert clf.best_iter_ == [3]


def test_history_of_members_is_their_mean():
    clf = net(n_estimators=3, metrics=["accuracy"], epochs=60, patience=3, learning_rate=0.05).fit(X, y)
    assert all(len(v) == clf.n_iter_ for v in clf.history_.values())
    assert max(clf.best_iter_) <= clf.n_iter_


def test_out_of_fold_probabilities_go_with_their_fit():
    clf = net(n_estimators=2).fit(X, y)
    assert hasattr(clf, "oof_proba_")
    assert not hasattr(clf.partial_fit(X, y), "oof_proba_")


# ------------------------------------------------------------------ metadata routing
def test_routing_of_weights_and_validation_rows():
    with config_context(enable_metadata_routing=True):
        clf = net().set_fit_request(sample_weight=True, X_val=True, y_val=True).set_score_request(sample_weight=True)
        weight = np.linspace(0, 1, 200)
        held_out = {"X_val": X[:30], "y_val": y[:30]}
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), clf)
        pipe.fit(X, y, sample_weight=weight, **held_out)
        direct = net().fit(StandardScaler().fit_transform(X), y, sample_weight=weight, **held_out)
        assert pipe[-1].history_ == direct.history_

        results = cross_validate(
            clf, X, y, cv=2, params={"sample_weight": weight, **held_out}, return_estimator=True, error_score="raise"
        )
        assert all("val_loss" in e.history_ for e in results["estimator"])
        search = GridSearchCV(clf, {"learning_rate": [1e-3, 1e-2]}, cv=2, error_score="raise")
        search.fit(X, y, sample_weight=weight, **held_out)
        expected = clone(search.best_estimator_).fit(X, y, sample_weight=weight, **held_out)
        assert search.best_estimator_.history_ == expected.history_


def test_routing_asks_before_it_passes():
    from sklearn.exceptions import UnsetMetadataPassedError

    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match=r"sample_weight.* not explicitly set"),
    ):
        cross_validate(net(), X, y, cv=2, params={"sample_weight": np.ones(200)})


def test_a_clean_matrix_needs_no_checks_and_gets_the_same_answer():
    X = np.random.default_rng(0).normal(size=(60, 3))
    clf = BinaryNetClassifier(hidden_layer_sizes=(4,), epochs=1, n_estimators=1, random_state=0).fit(
        X, np.arange(60) % 2
    )
    for table in (X, X.astype(np.float32), np.asfortranarray(X), X[::2]):
        assert clf._is_clean(table)
        np.testing.assert_array_equal(clf.predict_proba(table), clf.predict_proba(table.tolist()))
    infinite, missing = X.copy(), X.copy()
    infinite[3, 1], missing[3, 1] = np.inf, np.nan
    for other in (X.astype(int), X[:, :2], X[0], X[:0], X.tolist(), infinite, missing):
        assert not clf._is_clean(other)
    with pytest.raises(ValueError, match="infinity"):
        clf.predict(infinite)
    with pytest.raises(ValueError, match="2 features"):
        clf.predict(X[:, :2])
    assert np.isfinite(clf.predict_proba(missing)).all()
