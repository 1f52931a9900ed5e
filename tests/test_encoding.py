"""What happens to columns, against scikit-learn, against repeated rows and against its own Keras layers."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

from sklearn_binnet._networks import _piecewise
from sklearn_binnet._networks._encoder import ColumnEncoder, Identity, Standardizer
from sklearn_binnet._networks._fitted import raw_input
from sklearn_binnet._networks._piecewise import PiecewiseLinear, split_bins

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


def mixed_columns(n=200):
    """Numbers of every kind, some missing, then a category of 3 levels and one of 40; unknown levels too."""
    rng = np.random.default_rng(1)
    missing = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    few, many = rng.integers(-1, 3, n), rng.integers(-1, 40, n)
    return np.column_stack([hard_columns(n), missing, few, many]), (0,) * 8 + (3, 40)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, saving under NumPy 2
@pytest.mark.parametrize("encoding", ["piecewise_linear", "standardize", None])
@pytest.mark.parametrize("mixed", [False, True])
def test_keras_layers_encode_alike(encoding, mixed, tmp_path):
    X, n_levels = mixed_columns() if mixed else (hard_columns(), ())
    if encoding is None:  # 1e300 as it is has no place in float32
        X = np.delete(X, [4, 6], axis=1)
        n_levels = n_levels[2:]
    encoder = ColumnEncoder.fit(encoding, X, n_levels=n_levels)
    inputs = raw_input(encoder)
    model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(encoder.keras(inputs)))
    model.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    rows = X if mixed else np.vstack([X, 3 * X, -X, np.full_like(X, 1e30)])
    assert encoder.transform(rows).shape == (len(rows), encoder.n_encoded)
    for m in (model, loaded):
        np.testing.assert_allclose(m(rows).numpy(), encoder.transform(rows), rtol=1e-6, atol=1e-6)


def test_blocks_of_rows_encode_alike(monkeypatch):
    X = np.random.default_rng(0).normal(size=(70_000, 2))
    encoder = Standardizer.fit(X)
    np.testing.assert_array_equal(encoder.transform(X)[65_000:], encoder.transform(X[65_000:]))

    at_once = PiecewiseLinear.fit(X)
    monkeypatch.setattr(_piecewise, "_BLOCK_VALUES", 100_000)
    in_blocks = PiecewiseLinear.fit(X)
    np.testing.assert_allclose(in_blocks.mean, at_once.mean, rtol=1e-12)
    np.testing.assert_allclose(in_blocks.transform(X)[60_000:], at_once.transform(X[60_000:]), atol=1e-6)


def test_identity():
    X = np.array([[1.5, 1e9]])
    encoder = ColumnEncoder.fit(None, X)
    assert encoder.plain
    assert encoder.encoding is None
    assert isinstance(encoder.update(X, None).inner, Identity)
    np.testing.assert_array_equal(encoder.transform(X), X.astype(np.float32))


# ------------------------------------------------------------------ piecewise linear
def test_bins_of_distinct_values_are_quantiles():
    values = np.sort(np.random.default_rng(0).normal(size=4001))
    edges = split_bins(values, np.ones(4001), 8)
    expected = KBinsDiscretizer(8, encode="ordinal", strategy="quantile", subsample=None, **QUANTILES)
    expected.fit(values[:, None])
    np.testing.assert_allclose(edges, expected.bin_edges_[0], atol=5e-3)


QUANTILES = {"quantile_method": "linear"} if "quantile_method" in KBinsDiscretizer().get_params() else {}


@given(
    values=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    n_bins=st.integers(2, 12),
)
@settings(deadline=None, max_examples=200)
def test_there_are_as_many_bins_as_values_allow(values, n_bins):
    distinct, counts = np.unique(values, return_counts=True)
    edges = split_bins(distinct.astype(float), counts.astype(float), n_bins)
    assert len(edges) == min(n_bins, len(distinct) - 1) + 1 if len(distinct) > 1 else len(edges) <= 2
    assert np.all(np.diff(edges) > 0) or len(distinct) == 1
    assert set(edges) <= set(distinct)
    assert {edges[0], edges[-1]} == {distinct[0], distinct[-1]}


@given(X=tables, data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_row_of_weight_two_is_two_rows(X, data):
    weight = data.draw(arrays(np.int64, len(X), elements=st.integers(1, 3)))
    weighted = PiecewiseLinear.fit(X, weight.astype(float), 4)
    repeated = PiecewiseLinear.fit(np.repeat(X, weight, axis=0), None, 4)
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)


def test_what_an_entry_says():
    X = np.arange(9.0)[:, None]
    encoder = PiecewiseLinear.fit(X, n_bins=2)
    z = encoder.transform(np.array([[-5.0], [0.0], [4.0], [8.0], [50.0]])) + np.r_[0, encoder.mean]
    np.testing.assert_allclose(z[:, 1:], [[0, 0], [0, 0], [1, 0], [1, 1], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(encoder.transform(X)[:, 1:].mean(axis=0), 0, atol=1e-6)
    assert encoder.transform(np.array([[4.0]]))[0, 0] == 0  # the median
    assert abs(encoder.transform(np.array([[1e9]]))[0, 0]) <= 3


def test_columns_of_any_scale_piecewise():
    X = hard_columns()
    encoder = PiecewiseLinear.fit(X)
    Z = encoder.transform(X)
    assert np.isfinite(Z).all()
    assert np.all(Z[:, 1] == 0)  # constant
    assert np.bincount(encoder.column, minlength=7).tolist() == [8, 0, 8, 8, 8, 8, 8]
    spread = np.ptp(np.delete(Z[:, :7], 1, axis=1), axis=0)
    assert np.all((spread > 1) & (spread <= 6))
    assert np.isfinite(encoder.transform(np.repeat([[1e300], [-1e300]], 7, axis=1))).all()
    assert PiecewiseLinear.fit(np.array([[0.0], [1.0]] * 10)).n_encoded == 1  # two values need no bins


# ------------------------------------------------------------------ missing numbers, categories
def test_missing_numbers_become_the_median_and_are_told():
    X = np.array([[1.0, 5.0], [np.nan, 6.0], [3.0, 7.0], [10.0, 9.0]])
    encoder = ColumnEncoder.fit("standardize", X)
    np.testing.assert_allclose(encoder.fill, SimpleImputer(strategy="median").fit(X).statistics_)
    Z = encoder.transform(np.array([[np.nan, np.nan], [3.0, 7.0]]))
    np.testing.assert_array_equal(Z[:, 2:], [[1], [0]])  # only the first column had gaps in training
    np.testing.assert_allclose(Z[0, :2], encoder.transform(np.array([[3.0, 6.5]]))[0, :2])
    empty = ColumnEncoder.fit("piecewise_linear", np.full((5, 1), np.nan))
    np.testing.assert_array_equal(empty.transform(np.array([[np.nan], [3.0]]))[:, 0], 0)


def test_levels_spread_out_as_scikit_learns():
    codes = np.array([[0.0, 1], [2, 0], [1, 1], [2, 1]])
    encoder = ColumnEncoder.fit(None, codes, n_levels=(3, 2))
    expected = OneHotEncoder(sparse_output=False).fit_transform(codes)
    np.testing.assert_array_equal(encoder.transform(codes), expected)
    np.testing.assert_array_equal(encoder.transform(np.array([[-1.0, 0]])), [[0, 0, 0, 1, 0]])
    many = ColumnEncoder.fit(None, codes, n_levels=(3, 2), max_one_hot=2)
    assert many.embedding_sizes == (4,)
    np.testing.assert_array_equal(many.transform(codes)[:, -1], codes[:, 0] + 1)
    assert many.transform(np.array([[-1.0, 0]]))[0, -1] == 0
