"""What the defaults stand for: five networks, their folds, their calibration; and how to switch it all off."""

import keras
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._fit import fit_temperatures
from tests.small import X, Y, net, y

QUICK = {"hidden_layer_sizes": (8,), "epochs": 4, "retrieval": False, "random_state": 0}


def test_one_fit_gives_all():
    clf = BinaryNetClassifier(**QUICK).fit(X, y)
    assert len(clf.models_) == len(clf.best_iter_) == 5
    assert clf.oof_proba_.shape == y.shape
    assert clf.temperature_.shape == (1,)
    assert clf.temperature_ != 1
    assert clf._fitted.encoder.encoding == "piecewise_linear"
    members = [logit(m(X).numpy()[:, 0].astype(float)) for m in clf.models_]
    expected = expit(np.mean(members, axis=0) / clf.temperature_)
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], expected, atol=1e-5)
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], expected, atol=1e-5)
    # Every row's out-of-fold probability is what one member says of it.
    said = expit(np.array(members) / clf.temperature_)
    assert np.all(np.abs(said - clf.oof_proba_).min(axis=0) < 1e-5)


def test_several_questions():
    clf = BinaryNetClassifier(**QUICK).fit(X, Y)
    assert clf.oof_proba_.shape == Y.shape
    assert clf.temperature_.shape == (3,)
    np.testing.assert_allclose(clf.model_(X).numpy(), clf.predict_proba(X), atol=1e-5)


def test_temperature_is_the_likeliest():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=3, size=(2000, 3))
    answers = (rng.random(z.shape) < expit(z / [1.0, 2.5, 0.5])).astype(np.float32)
    weights = rng.choice([1.0, 2.0], z.shape).astype(np.float32)
    found = fit_temperatures(z, answers, weights)
    np.testing.assert_allclose(found, [1.0, 2.5, 0.5], rtol=0.2)
    for k in range(3):  # logistic regression on the log-odds, without intercept, asks the same
        model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10)
        slope = model.fit(z[:, [k]], answers[:, k], sample_weight=weights[:, k]).coef_[0, 0]
        assert 1 / found[k] == pytest.approx(slope, rel=1e-3)
    assert fit_temperatures(z[:, :1], np.ones((2000, 1), np.float32), weights[:, :1])[0] == 1
    assert fit_temperatures(z[:, :1], answers[:, :1], answers[:, :1])[0] == 1  # the others weigh nothing


def test_calibration_helps_and_can_be_left_out():
    params = {"n_estimators": 3, "epochs": 80, "learning_rate": 0.05, "early_stopping": False}  # far too sure
    raw = net(**params, calibration=None).fit(X, y)
    calm = net(**params).fit(X, y)
    assert raw.temperature_ == 1
    assert calm.temperature_ > 1.2
    assert log_loss(y, calm.oof_proba_) < log_loss(y, raw.oof_proba_)
    np.testing.assert_allclose(raw.decision_function(X) / calm.temperature_, calm.decision_function(X))
    best = minimize(lambda t: log_loss(y, expit(logit(raw.oof_proba_) / t[0])), [1.0], method="Nelder-Mead").x[0]
    assert calm.temperature_[0] == pytest.approx(best, rel=1e-2)


def test_the_network_of_the_tutorials():
    """Switched off, what is left is Keras' stack of Dense layers: same loss for the same weights, rows and steps."""
    params = {"encoding": "standardize", "activation": "relu", "learning_rate": 1e-3, "n_estimators": 1}
    clf = BinaryNetClassifier(
        **params, learning_rate_schedule="constant", hidden_layer_sizes=(8,), batch_size=200, epochs=5,
        early_stopping=False, random_state=0,
    ).fit(X, y)  # fmt: skip
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    start = clf._fitted.network().initial_weights(int(clf_seed(clf)))
    model.set_weights(start)
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    history = model.fit(Z, y, batch_size=200, epochs=5, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(clf.history_["loss"], history, rtol=1e-4)
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], model.predict(Z, verbose=0)[:, 0], atol=1e-4)
    assert not hasattr(clf, "oof_proba_")
    assert clf.temperature_ == 1


def clf_seed(clf):
    """Return the seed of the initial weights of the only member."""
    from sklearn.utils import check_random_state

    from sklearn_binnet._training._random import draw_seeds

    return draw_seeds(check_random_state(clf.random_state), (2, 2))[1, 0]


def test_fewer_folds_where_a_class_is_rare():
    few = np.zeros(200, int)
    few[:3] = 1
    assert len(BinaryNetClassifier(**QUICK).fit(X, few).models_) == 3
    with pytest.warns(UserWarning, match="n_estimators=4 networks .* rarer class has 3 rows: 3 will be trained"):
        assert len(BinaryNetClassifier(**QUICK, n_estimators=4).fit(X, few).models_) == 3
    few[1:3] = 0
    single = BinaryNetClassifier(**QUICK).fit(X, few)
    assert len(single.models_) == 1
    assert single.temperature_ == 1
    with pytest.warns(UserWarning, match="has 1 row: 1 will be trained"):
        BinaryNetClassifier(**QUICK, n_estimators=2).fit(X, few)


def test_own_validation_rows_stop_all():
    clf = BinaryNetClassifier(**QUICK).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(clf.best_iter_) == 5
    assert not hasattr(clf, "oof_proba_")
    assert clf.temperature_ == 1


def test_warm_start_goes_on_with_all_members():
    clf = BinaryNetClassifier(**QUICK, warm_start=True).fit(X, y)
    first, temperature = clf.predict_proba(X), clf.temperature_
    assert len(clf.fit(X, y).models_) == 5
    assert not np.allclose(clf.predict_proba(X), first)
    assert clf.temperature_ == temperature
    assert temperature != 1
    assert len(clf.partial_fit(X[:50], y[:50]).models_) == 5


@pytest.mark.slow
@pytest.mark.xla
def test_the_recipe_beats_the_plain_network():
    losses = []
    for seed in range(3):
        shape = {"n_samples": 1500, "n_features": 12, "n_informative": 6, "n_redundant": 2}
        A, b = make_classification(**shape, flip_y=0.05, class_sep=0.8, random_state=seed)
        A = np.exp(A)  # heavy tails, as in life
        plain = net(hidden_layer_sizes=(64, 32), epochs=200, learning_rate=0.002).fit(A[:500], b[:500])
        ours = BinaryNetClassifier(random_state=0).fit(A[:500], b[:500])
        losses.append([log_loss(b[500:], m.predict_proba(A[500:])) for m in (ours, plain)])
    assert np.mean(losses, axis=0)[0] < 0.95 * np.mean(losses, axis=0)[1]
