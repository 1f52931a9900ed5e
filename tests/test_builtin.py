"""The built-in network: NumPy's forward pass against Keras' for the same weights."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit

from sklearn_binnet._networks import _cores
from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
from sklearn_binnet._networks._dense import ACTIVATIONS
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
    np.testing.assert_allclose(expit(fitted.logits(X)), model(X).numpy(), atol=5e-6)
    # deviations of a hundred: saturated units must neither overflow nor lose their sign
    far = 100 * X
    np.testing.assert_allclose(expit(fitted.logits(far)), model(far).numpy(), atol=2e-3)  # float32 in Keras


@pytest.mark.parametrize("sizes", [(), (6,), (6, 5, 4)])
def test_members_are_averaged_as_log_odds(sizes):
    net = network(sizes=sizes)
    fitted = net.fitted([random_weights(net, seed) for seed in range(3)])
    members = [fitted.mean_logits(X, member=k) for k in range(3)]
    np.testing.assert_allclose(fitted.logits(X), np.mean(members, axis=0), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(expit(fitted.logits(X)), fitted.keras_model()(X).numpy(), atol=5e-6)
    for logits, model in zip(members, fitted.keras_models(), strict=True):
        np.testing.assert_allclose(expit(logits), model(X).numpy(), atol=5e-6)


@saving
def test_model_survives_saving(tmp_path):
    net = network(batch_normalization=True, dropout=0.2)
    fitted = net.fitted([random_weights(net, seed) for seed in range(2)])
    fitted.keras_model().save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(expit(fitted.logits(X)), loaded.predict(X, verbose=0), atol=5e-6)


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
    keras.utils.set_random_seed(0)
    net = network(sizes=(300, 200), batch_normalization=True)
    drawn, built = net.initial_weights(0), net.build().weights
    assert [w.shape for w in drawn] == [tuple(v.shape) for v in built]
    for ours, theirs in zip(drawn, built, strict=True):
        assert ours.std() == pytest.approx(float(np.std(theirs.numpy())), rel=0.15)
    assert any(not np.array_equal(a, b) for a, b in zip(drawn, net.initial_weights(1), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(drawn, net.initial_weights(0), strict=True))


@pytest.mark.parametrize(
    ("sizes", "activation", "n_members"),
    [((64, 32), "relu", 1), ((40, 130), "selu", 5), ((600,), "tanh", 2), ((), "elu", 3)],
)
def test_a_row_gets_the_same_bits_in_whatever_company(sizes, activation, n_members):
    """At every place of a tile and of a block, among any number of rows, on one thread and on several."""
    net = network(activation, sizes=sizes)
    fitted = net.fitted([random_weights(net, seed) for seed in range(n_members)])
    rng = np.random.default_rng(1)
    row, block = X[:1], fitted._stack.block
    alone = fitted.logits(row)
    for n in (2, 3, 15, 16, 17, 31, 33, 100, block - 1, block, block + 1, 2 * block + 7, 5 * block + 1):
        table = rng.normal(3, 20, size=(n, 5))
        places = np.unique([0, n - 1, *rng.integers(0, n, 12)])
        table[places] = row
        answers = fitted.logits(table)
        np.testing.assert_array_equal(answers[places], np.repeat(alone, len(places), axis=0))
        cut = int(rng.integers(0, n))
        for part in (slice(0, cut), slice(cut, n)):
            if part.stop > part.start:
                np.testing.assert_array_equal(fitted.logits(table[part]), answers[part])
        np.testing.assert_array_equal(fitted.logits(np.asfortranarray(table)), answers)


def test_blocks_of_rows_agree_with_one_product():
    net = network("selu", sizes=(130, 600))
    fitted = net.fitted([random_weights(net, seed) for seed in range(3)])
    table = np.tile(X, (30, 1))
    expected = []
    for weights in fitted.weights:
        x = ENCODER.transform(table).astype(np.float64)
        layers = net.spec.fold(weights).layers
        for i, (kernel, bias) in enumerate(layers):
            x = x @ kernel + bias
            if i < len(layers) - 1:
                x = 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
        expected.append(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(fitted.logits(table), np.mean(expected, axis=0), atol=1e-5 * scale, rtol=0)


# ------------------------------------------------------------------ the first layer, looked up
def looked_up(seed, n_bins, n_labels=1, sizes=(20, 7)):
    """Return fitted networks of a table with columns of every kind, the rows of the fit, and rows unlike them."""
    rng = np.random.default_rng(seed)
    n = 150
    columns = [
        rng.normal(size=n),
        1e9 + rng.normal(size=n),  # large beside its differences
        rng.integers(0, 4, n),
        np.where(rng.random(n) < 0.5, -2.0, 7.0),  # two values have no bins
        np.full(n, 3.0),
        rng.lognormal(sigma=4, size=n),
        np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        rng.integers(-1, 4, n),  # levels, of which -1 is unknown
        rng.integers(-1, 50, n),
    ]
    table = np.column_stack(columns).astype(float)
    few, many = 4, 50
    encoder = ColumnEncoder.fit("piecewise_linear", table, n_bins=n_bins, n_levels=(0,) * 7 + (few, many))
    spec = Spec(encoder.n_encoded - 1, sizes, "selu", False, n_labels, True, encoder.embedding_sizes)
    net = BuiltinNetwork(spec, (0.0,) * len(sizes), encoder)
    fitted = net.fitted([[w * 0.1 for w in random_weights(net, k)] for k in range(3)])
    far = table.copy()
    far[:, :7] = rng.choice([-1e300, -50.0, 0.0, 1e9, 1e300, np.nan], size=(n, 7))
    return fitted, table, far


@pytest.mark.parametrize("sizes", [(), (20, 7)])
@pytest.mark.parametrize("n_bins", [1, 8, 64])
def test_a_looked_up_layer_is_the_layer_of_the_encoded_columns(n_bins, sizes):
    fitted, table, far = looked_up(n_bins, n_bins, n_labels=2, sizes=sizes)
    for rows in (table, far, np.sort(table, axis=0), table[:3], table[:, ::-1].copy()[:, ::-1]):
        encoded = fitted.encoder.transform(rows)
        expected = fitted.outputs(fitted.encoded_stack(), encoded).mean(axis=1)
        np.testing.assert_allclose(fitted.mean_logits(rows), expected, atol=3e-6 * np.abs(expected).max())
        one = fitted.outputs(fitted.encoded_stack(1), encoded)[:, 0]
        np.testing.assert_allclose(fitted.mean_logits(rows, member=1), one, atol=3e-6 * np.abs(one).max())
    np.testing.assert_allclose(expit(fitted.logits(table)), fitted.keras_model()(table).numpy(), atol=1e-5)


def test_a_looked_up_row_gets_the_same_bits_in_whatever_company():
    fitted, table, far = looked_up(0, 8)
    rows = np.concatenate([table, far] * 20)
    answers = fitted.logits(rows)
    for part in (
        slice(0, 1),
        slice(0, 15),
        slice(1, 17),
        slice(3, 20),
        slice(150, 151),
        slice(5, 3001),
        slice(2000, 2600),
    ):
        np.testing.assert_array_equal(fitted.logits(rows[part]), answers[part])
    np.testing.assert_array_equal(answers[:300], answers[-300:])
    np.testing.assert_array_equal(fitted.logits(np.asfortranarray(rows)), answers)


def test_no_rows_have_no_answers():
    fitted, table, _ = looked_up(0, 8, n_labels=2)
    assert fitted.mean_logits(table[:0]).shape == fitted.mean_logits(table[:0], member=1).shape == (0, 2)
    assert fitted.outputs(fitted.encoded_stack(), fitted.encoder.transform(table[:0])).shape == (0, 3, 2)


def test_an_error_in_a_block_ends_the_call():
    net = BuiltinNetwork(Spec(5, (64,), "relu", False, 1), (0.0,), ColumnEncoder.fit(None, X))
    fitted = net.fitted([random_weights(net, 0)])
    table = np.zeros((20 * fitted._stack.block, 5))
    table[-1, 3] = 1e35
    with pytest.raises(ValueError, match=r"column 3 .* holds 1e\+35"):
        fitted.logits(table)
    assert _cores._helping == 0
    np.testing.assert_array_equal(fitted.logits(table[:-1])[0], fitted.logits(table[:1])[0])


def test_pickle_holds_each_weight_once():
    net = network(sizes=(200, 200))
    fitted = net.fitted([net.initial_weights(0)])
    before = fitted.logits(X)
    state = pickle.dumps(fitted)
    assert len(state) < 1.1 * sum(w.nbytes for w in fitted.weights[0])
    np.testing.assert_array_equal(pickle.loads(state).logits(X), before)


@pytest.mark.parametrize("sizes", [(), (6, 5)])
@pytest.mark.parametrize("n_levels", [(), (0, 0, 40, 0, 50)])
def test_what_is_trained_has_the_results_and_gradients_of_stock_layers(sizes, n_levels):
    levels = np.random.default_rng(1).integers(-1, 40, size=X.shape)
    rows = np.where(np.array(n_levels or (0,) * 5) > 0, levels, X)
    encoder = ColumnEncoder.fit("piecewise_linear", rows, n_bins=8, n_levels=n_levels, max_one_hot=32)
    n_inputs = encoder.n_encoded - len(encoder.embedding_sizes)
    spec = Spec(n_inputs, sizes, "selu", False, 2, scales_columns=True, embedding_sizes=encoder.embedding_sizes)
    net = BuiltinNetwork(spec, (0.0,) * len(sizes), encoder)
    assert len(encoder.embedding_sizes) == sum(n > 0 for n in n_levels)
    rng = np.random.default_rng(2)
    weights = [rng.normal(scale=0.1, size=w.shape).astype(np.float32) for w in net.initial_weights(0)]
    encoded, pull = encoder.transform(rows), rng.normal(size=(len(rows), 2)).astype(np.float32)
    inputs = keras.Input((encoder.n_encoded,))
    results, gradients = [], []
    for model in (net.build(), keras.Model(inputs, net.logits(inputs))):
        assert [tuple(v.shape) for v in model.weights] == [w.shape for w in weights]
        model.set_weights(weights)
        with tf.GradientTape() as tape:
            outputs = model(encoded)
        gradients.append(tape.gradient(outputs, [v.value for v in model.trainable_weights], pull))
        results.append(outputs.numpy())
    np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(results[0], net.fitted([weights]).logits(rows), rtol=1e-4, atol=1e-4)
    for ours, stock in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=1e-3, atol=1e-3)
