"""The standardisation of columns, against scikit-learn's and against its own Keras layers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from sklearn_binnet._models._builtin import raw_input
from sklearn_binnet._models._encoding import Identity, Standardizer, fit_encoder

tables = arrays(
    np.float64,
    st.tuples(st.integers(2, 30), st.integers(1, 4)),
    elements=st.floats(-1e3, 1e3).map(lambda v: round(v, 3)),
)


@given(X=tables, data=st.data())
@settings(deadline=None, max_examples=100)
def test_as_standard_scaler(X, data):
    weight = data.draw(arrays(np.float64, len(X), elements=st.sampled_from([0.5, 1.0, 2.0])))
    expected = StandardScaler().fit_transform(X, sample_weight=weight)
    expected[:, X.min(axis=0) == X.max(axis=0)] = 0  # StandardScaler leaves rounding there
    np.testing.assert_allclose(Standardizer.fit(X, weight).transform(X), expected, rtol=1e-5, atol=1e-6)


@given(X=tables, data=st.data())
@settings(deadline=None, max_examples=100)
def test_in_parts_as_at_once(X, data):
    cut = data.draw(st.integers(1, len(X) - 1))
    weight = data.draw(arrays(np.float64, len(X), elements=st.sampled_from([0.5, 1.0, 2.0])))
    running = Standardizer.fit(X[:cut], weight[:cut]).update(X[cut:], weight[cut:])
    at_once = Standardizer.fit(X, weight)
    np.testing.assert_allclose(running.mean, at_once.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(running.deviation, at_once.deviation, rtol=1e-9, atol=1e-9)
    assert running.weight_seen == pytest.approx(at_once.weight_seen)


def hard_columns(n=200):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=n)
    columns = [
        rng.integers(-5, 5, n).astype(float),
        np.full(n, 0.1 + 0.2),
        1e9 + np.round(1e-3 * noise, 4),
        1e-9 * noise,
        1e300 * noise,
        1e-300 * noise,
        np.where(rng.random(n) < 0.01, 1e12, noise),
    ]
    return np.column_stack(columns)


def test_columns_of_any_scale():
    X = hard_columns()
    encoder = Standardizer.fit(X)
    Z = encoder.transform(X).astype(float)
    varies = np.arange(X.shape[1]) != 1
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-4)  # at 1e9 a float64 mean has steps of 1e-7
    np.testing.assert_allclose(Z.std(axis=0), varies, atol=1e-6)
    assert np.all(Z[:, 1] == 0)
    halves = Standardizer.fit(X[:100]).update(X[100:], None)
    np.testing.assert_allclose(halves.transform(X), Z, atol=1e-3)


def test_a_constant_column_stays_silent_whatever_comes_later():
    encoder = Standardizer.fit(np.full((50, 1), 0.1))
    np.testing.assert_array_equal(encoder.transform(np.array([[0.1], [5.0], [-1e300], [np.float32(0.1)]])), 0)


def test_far_rows_stay_finite():
    encoder = Standardizer.fit(hard_columns())
    far = np.repeat([[1e300], [-1e300]], 7, axis=1)
    Z = encoder.transform(far)
    assert np.isfinite(Z).all()
    assert Z[0, 0] == 1e6
    assert Z[1, 0] == -1e6


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, saving under NumPy 2
@pytest.mark.parametrize("encoding", ["standardize", None])
def test_keras_layers_encode_alike(encoding, tmp_path):
    X = hard_columns()
    X = X if encoding else X[:, :4]
    encoder = fit_encoder(encoding, X, None)
    inputs = raw_input(encoder)
    model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(encoder.keras(inputs)))
    model.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    rows = np.vstack([X, 3 * X, -X, np.full_like(X, 1e30)])
    for m in (model, loaded):
        np.testing.assert_allclose(m(rows).numpy(), encoder.transform(rows), rtol=1e-6, atol=1e-7)


def test_blocks_of_rows_encode_alike():
    X = np.random.default_rng(0).normal(size=(70_000, 2))
    encoder = Standardizer.fit(X)
    np.testing.assert_array_equal(encoder.transform(X)[65_000:], encoder.transform(X[65_000:]))


def test_identity():
    X = np.array([[1.5, 1e9]])
    encoder = fit_encoder(None, X, None)
    assert isinstance(encoder, Identity)
    assert encoder.update(X, None) is encoder
    np.testing.assert_array_equal(encoder.transform(X), X.astype(np.float32))
