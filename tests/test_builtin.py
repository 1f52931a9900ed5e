"""The built-in network: NumPy's forward pass against Keras' for the same weights."""

import pickle

import keras
import numpy as np
import pytest
from scipy.special import expit

from sklearn_binnet._networks._builtin import ACTIVATIONS, BuiltinNetwork, Spec
from sklearn_binnet._networks._encoder import ColumnEncoder

X = np.random.default_rng(0).normal(3, 20, size=(64, 5))
ENCODER = ColumnEncoder.fit("standardize", X)
# Saving, Keras reads TensorFlow's variables in a way that NumPy 2 will drop.
saving = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(activation="relu", sizes=(7, 4), batch_normalization=False, n_labels=1, dropout=0.0):
    spec = Spec(5, sizes, activation, batch_normalization, n_labels)
    return BuiltinNetwork(spec, (dropout,) * len(sizes), ENCODER)


def random_weights(net, seed):
    """Weights without Keras' tidy zeros and ones; variances stay positive."""
    rng = np.random.default_rng(seed)
    return [
        np.abs(rng.normal(size=w.shape) + 0.1).astype(np.float32)
        if i % 6 == 5
        else rng.normal(size=w.shape).astype(np.float32)
        for i, w in enumerate(net.initial_weights(seed))
    ]


@pytest.mark.parametrize("batch_normalization", [False, True])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_numpy_computes_what_keras_computes(activation, batch_normalization):
    net = network(activation, batch_normalization=batch_normalization, n_labels=2, dropout=0.3)
    fitted = net.fitted([random_weights(net, 1)])
    model = fitted.keras_model()
    np.testing.assert_allclose(expit(fitted.logits(X)), model(X).numpy(), atol=1e-6)
    # deviations of a hundred: saturated units must neither overflow nor lose their sign
    far = 100 * X
    np.testing.assert_allclose(expit(fitted.logits(far)), model(far).numpy(), atol=2e-3)  # float32 in Keras


@pytest.mark.parametrize("sizes", [(), (6,), (6, 5, 4)])
def test_members_are_averaged_as_log_odds(sizes):
    net = network(sizes=sizes)
    fitted = net.fitted([random_weights(net, seed) for seed in range(3)])
    members = [fitted.mean_logits(X, member=k) for k in range(3)]
    np.testing.assert_allclose(fitted.logits(X), np.mean(members, axis=0))
    np.testing.assert_allclose(expit(fitted.logits(X)), fitted.keras_model()(X).numpy(), atol=1e-6)
    for logits, model in zip(members, fitted.keras_models(), strict=True):
        np.testing.assert_allclose(expit(logits), model(X).numpy(), atol=1e-6)


@saving
def test_model_survives_saving(tmp_path):
    net = network(batch_normalization=True, dropout=0.2)
    fitted = net.fitted([random_weights(net, seed) for seed in range(2)])
    fitted.keras_model().save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(expit(fitted.logits(X)), loaded.predict(X, verbose=0), atol=1e-6)


@pytest.mark.parametrize("sizes", [(), (6, 4)])
def test_learnt_scales_and_embeddings(sizes):
    rng = np.random.default_rng(4)
    table = np.column_stack([X, rng.integers(-1, 2, 64), rng.integers(-1, 50, 64), rng.integers(0, 60, 64)])
    table[::9, 0] = np.nan
    encoder = ColumnEncoder.fit("piecewise_linear", table, n_levels=(0,) * 5 + (2, 50, 60))
    n_plain = encoder.n_encoded - 2
    spec = Spec(n_plain, sizes, "selu", False, 2, scales_columns=True, embedding_sizes=encoder.embedding_sizes)
    net = BuiltinNetwork(spec, (0.0,) * len(sizes), encoder)
    assert [w.shape for w in net.initial_weights(0)] == [tuple(v.shape) for v in net.build().weights]
    fitted = net.fitted([random_weights(net, seed) for seed in range(2)])
    fitted.temperature = np.array([1.5, 0.7])
    np.testing.assert_allclose(fitted.logits(table) * [1.5, 0.7], fitted.mean_logits(table))
    np.testing.assert_allclose(expit(fitted.logits(table)), fitted.keras_model()(table).numpy(), atol=2e-4)
    for k, model in enumerate(fitted.keras_models()):
        np.testing.assert_allclose(expit(fitted.mean_logits(table, member=k)), model(table).numpy(), atol=2e-4)


def test_selu_starts_as_its_authors_say():
    net = network("selu", sizes=(300, 200))
    first, bias, second, _, last, _ = net.initial_weights(0)
    assert first.std() == pytest.approx(5**-0.5, rel=0.05)
    assert second.std() == pytest.approx(300**-0.5, rel=0.05)
    assert bias.std() == pytest.approx(1, rel=0.1)
    assert not last.any()


def test_initial_weights_have_the_shapes_and_the_spread_of_keras():
    net = network(sizes=(300, 200), batch_normalization=True)
    drawn, built = net.initial_weights(0), net.build().weights
    assert [w.shape for w in drawn] == [tuple(v.shape) for v in built]
    for ours, theirs in zip(drawn, built, strict=True):
        assert ours.std() == pytest.approx(float(np.std(theirs.numpy())), rel=0.15)
    assert any(not np.array_equal(a, b) for a, b in zip(drawn, net.initial_weights(1), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, net.initial_weights(0), strict=True))


def test_rows_do_not_depend_on_the_rows_beside_them():
    net = network(sizes=(64, 32))
    fitted = net.fitted([random_weights(net, 0)])
    many = np.tile(X, (100, 1))
    np.testing.assert_allclose(fitted.logits(many)[-64:], fitted.logits(X), rtol=1e-12)
    np.testing.assert_allclose(fitted.logits(many[:1]), fitted.logits(many)[:1], rtol=1e-12)


def test_pickle_holds_each_weight_once():
    net = network(sizes=(200, 200))
    fitted = net.fitted([net.initial_weights(0)])
    before = fitted.logits(X)
    state = pickle.dumps(fitted)
    assert len(state) < 1.1 * sum(w.nbytes for w in fitted.weights[0])
    np.testing.assert_array_equal(pickle.loads(state).logits(X), before)
