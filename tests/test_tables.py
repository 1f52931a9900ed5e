"""Tables as they are: categories, strings, missing values, and columns that change their type."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._table import MAX_LEVELS, UNKNOWN, Table, holds_categories
from tests.small import PLAIN, net

rng = np.random.default_rng(0)
N = 160
COLUMNS = {
    "size": np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N)),
    "kind": rng.choice(["oak", "elm", "ash"], N).astype(object),
    "grade": rng.integers(1, 4, N),
    "wet": rng.random(N) > 0.5,
    "town": np.array([f"t{i}" for i in rng.integers(0, 60, N)], dtype=object),
}
COLUMNS["kind"][::12] = None
answer = (np.asarray(COLUMNS["kind"]) == "elm") ^ COLUMNS["wet"]


def with_pandas():
    return pd.DataFrame(COLUMNS).astype({"grade": "category"})


def with_polars():
    frame = pl.DataFrame({k: v.tolist() for k, v in COLUMNS.items()}, strict=False)
    return frame.with_columns(
        pl.col("kind").cast(pl.Categorical), pl.col("grade").cast(pl.String), pl.col("size").fill_nan(None)
    )


FRAMES = pytest.mark.parametrize("frame", [with_pandas, with_polars])


@FRAMES
def test_columns_are_read_by_their_type(frame):
    X = frame()
    assert holds_categories(X, "from_dtype")
    table = Table.learn(X, "from_dtype")
    assert [levels is None for levels in table.levels] == [True, False, False, True, False]
    assert table.levels[1] == ("ash", "elm", "oak", None)
    assert [str(level) for level in table.levels[2]] == ["1", "2", "3"]
    matrix = table.read(X)
    np.testing.assert_array_equal(matrix[:, 0], COLUMNS["size"])
    np.testing.assert_array_equal(matrix[:, 3], COLUMNS["wet"])
    back = [table.levels[1][int(code)] for code in matrix[:, 1]]
    assert back == COLUMNS["kind"].tolist()


@FRAMES
def test_a_table_is_learnt_as_it_is(frame):
    X = frame()
    clf = net(encoding="piecewise_linear", epochs=60, early_stopping=False).fit(X, answer)
    assert clf.score(X, answer) > 0.9  # the question is about two categories
    proba = clf.predict_proba(X)
    np.testing.assert_allclose(clf.model_(clf.to_matrix(X)).numpy()[:, 0], proba[:, 1], atol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), proba)
    assert clf._fitted.encoder.embedding_sizes == (len(clf._table.levels[4]) + 1,)
    for a, b in ((X[:1], proba[:1]), (X[5:9], proba[5:9])):
        np.testing.assert_allclose(clf.predict_proba(a), b, rtol=1e-12)


def test_arrays_with_named_category_columns():
    X = with_pandas()
    frame, array = (
        net(categorical_features=which, epochs=5).fit(data, answer)
        for which, data in ((["kind", "grade", "town"], X), ([1, 2, -1], X.to_numpy(dtype=object)))
    )
    np.testing.assert_array_equal(frame.predict_proba(X), array.predict_proba(X.to_numpy(dtype=object)))
    mask = net(categorical_features=[False, True, True, False, True], epochs=5).fit(X, answer)
    np.testing.assert_array_equal(frame.predict_proba(X), mask.predict_proba(X))
    codes = np.column_stack([X["grade"].to_numpy(dtype=float), COLUMNS["wet"]])
    assert net(categorical_features=[0]).fit(codes, answer)._fitted.encoder.one_hot == ((0, 3),)
    assert net(categorical_features=[]).fit(codes, answer)._table is None


def test_unknown_and_rare_levels():
    X = with_pandas()
    clf = net(epochs=5).fit(X, answer)
    strange = X.assign(kind="birch", town="nowhere")
    np.testing.assert_array_equal(clf.to_matrix(strange)[:, [1, 4]], UNKNOWN)
    assert np.isfinite(clf.predict_proba(strange)).all()
    many = np.repeat(np.arange(300), np.where(np.arange(300) < 200, 3, 1)).astype(str)
    table = Table.learn(pd.DataFrame({"id": many}), "from_dtype")
    assert table.n_levels == (MAX_LEVELS,)
    codes = table.read(pd.DataFrame({"id": many}))[:, 0]
    assert (codes == UNKNOWN).sum() == 300 - MAX_LEVELS
    assert set(many[codes == UNKNOWN].astype(int)) <= set(range(200, 300))  # the frequent ones stay


@pytest.mark.parametrize("encoding", ["piecewise_linear", "standardize"])
def test_missing_numbers(encoding):
    X = rng.normal(size=(200, 3))
    y = rng.random(200) > 0.5
    X[y, 1] = np.nan  # whether it is missing tells everything
    clf = net(encoding=encoding, epochs=60, learning_rate=0.02, early_stopping=False).fit(X, y)
    assert clf.score(X, y) > 0.95
    assert np.isfinite(clf.predict_proba(np.full((2, 3), np.nan))).all()
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-5)
    np.testing.assert_array_equal(clf.to_matrix(X), X)


def test_own_models_get_encoded_tables():
    import keras

    def model(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1, "sigmoid")])

    X = with_pandas()
    clf = BinaryNetClassifier(model=model, epochs=3, random_state=0).fit(X, answer)
    assert clf._fitted.encoder.encoding == "standardize"
    np.testing.assert_allclose(clf.model_(clf.to_matrix(X)).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-5)


def test_partial_fit_and_warm_start_keep_the_levels():
    X = with_pandas()
    stream = BinaryNetClassifier(**PLAIN, random_state=0)
    stream.partial_fit(X[:80], answer[:80], classes=[False, True]).partial_fit(X[80:], answer[80:])
    assert stream._table.levels == Table.learn(X[:80], "from_dtype").levels
    warm = net(warm_start=True).fit(X[:80], answer[:80])
    before = warm._table.levels
    assert warm.fit(X, answer)._table.levels == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.assign(size="big"), "column 'size' of X must hold numbers, got 'big'"),
        (lambda X: X.assign(kind=1.0), "column 'kind' of X held strings in fit and now holds numbers"),
        (lambda X: X.assign(grade="one"), "column 'grade' of X held numbers in fit and now holds strings"),
        (lambda X: X.assign(size=pd.Timestamp("2020-01-01")), "column 'size' of X holds dates"),
        (lambda X: X.drop(columns="wet"), "feature names should match"),
        (lambda X: X.assign(size=np.inf), "X contains infinity"),
    ],
)
def test_columns_that_changed(change, message):
    X = with_pandas()
    clf = net(epochs=1).fit(X, answer)
    with pytest.raises(ValueError, match=message):
        clf.predict(change(X))


def test_numbers_that_became_strings():
    X = pd.DataFrame({"a": rng.normal(size=N), "b": rng.normal(size=N)})
    clf = net(epochs=1).fit(X, answer)
    for changed in (X.assign(b="much"), X.assign(b="1.5"), X.assign(b=pd.Categorical(rng.integers(0, 3, N)))):
        with pytest.raises(ValueError, match="column 'b' of X held numbers in fit and now holds categories or strings"):
            clf.predict(changed)
    array = net(epochs=1).fit(X.to_numpy(), answer)
    with pytest.raises(ValueError, match="A column that held numbers in fit must hold numbers now"):
        array.predict(np.full((2, 2), "much"))


@pytest.mark.parametrize(
    ("data", "params", "message"),
    [
        (lambda X: X.to_numpy(dtype=object), {}, r"pass a DataFrame, or name the columns, as in categorical_features="),
        (lambda X: X, {"categorical_features": None}, "categorical_features='from_dtype'"),
        (lambda X: X, {"categorical_features": ["colour"]}, r"must name columns of X, got 'colour'"),
        (lambda X: X.to_numpy(dtype=object), {"categorical_features": ["kind"]}, "X has no column names"),
        (lambda X: X, {"categorical_features": [7]}, r"positions of columns \(0 to 4\), got 7"),
        (lambda X: X, {"categorical_features": [True]}, "one entry a column, 5, got 1"),
        (lambda X: X[["size"]], {"encoding": None}, "encoding=None leaves columns as they are, but X has missing"),
        (lambda X: X, {"encoding": None}, "encoding=None leaves columns as they are, but X has missing"),
        (lambda X: X.assign(day=pd.Timestamp("2020-01-01")), {}, "column 'day' of X holds dates"),
    ],
)
def test_tables_that_cannot_be_read(data, params, message):
    with pytest.raises(ValueError, match=message):
        net(**params).fit(data(with_pandas()), answer)


def test_a_warm_start_wants_the_same_columns():
    X = with_pandas()
    clf = net(warm_start=True, epochs=1).fit(X, answer)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.fit(X[["kind", "size", "grade", "wet", "town"]], answer)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.fit(X.rename(columns={"size": "mass"}), answer)
    with pytest.raises(ValueError, match="feature names should match"):
        clf.fit(X.drop(columns="town"), answer)


def test_a_small_first_call_of_partial_fit_spoils_nothing():
    X = np.random.default_rng(1).normal(size=(400, 3))
    y = X[:, 0] > 0
    stream = BinaryNetClassifier(hidden_layer_sizes=(8,), learning_rate=0.02, random_state=0)
    stream.partial_fit(X[:1], y[:1], classes=[False, True])
    for _ in range(15):
        stream.partial_fit(X, y)
    assert stream.score(X, y) > 0.9
    assert stream._fitted.encoder.encoding == "standardize"


def test_rows_of_weight_zero_have_no_levels():
    X = with_pandas()
    weight = np.ones(N)
    weight[:3] = 0
    X.loc[:2, "kind"] = "yew"
    left_out = net(epochs=3).fit(X, answer, sample_weight=weight)
    without = net(epochs=3).fit(X[3:], answer[3:])
    assert left_out._table.levels == without._table.levels
    np.testing.assert_allclose(left_out.predict_proba(X[3:]), without.predict_proba(X[3:]), atol=1e-6)


def test_models_of_users_get_no_numbers_for_levels():
    import keras

    X = with_pandas()

    def model(n_features):
        return keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(1, "sigmoid")])

    clf = BinaryNetClassifier(model=model, epochs=1, random_state=0).fit(X, answer)
    assert clf._fitted.encoder.embedded == ()
    encoded = clf._fitted.encoder.transform(clf.to_matrix(X))
    assert set(np.unique(encoded[:, -60:])) == {0, 1}


def test_an_unknown_level_adds_nothing():
    clf = net(epochs=3).fit(with_pandas(), answer)
    for weights in clf._fitted.weights:
        (table,) = clf._fitted.network().spec.fold(weights).tables
        assert not table[0].any()
        assert table[1:].any(axis=1).all()


def test_answers_depend_on_what_was_fitted_not_on_parameters_set_since():
    X = rng.normal(size=(100, 2))
    X[3, 1] = np.nan
    clf = net(epochs=1).fit(X, np.arange(100) % 2)
    before = clf.predict_proba(X)
    np.testing.assert_array_equal(clf.set_params(encoding=None).predict_proba(X), before)
    raw = net(epochs=1, encoding=None).fit(np.nan_to_num(X), np.arange(100) % 2)
    with pytest.raises(ValueError, match="X has missing numbers"):
        raw.set_params(encoding="standardize").predict(X)


def test_tiny_differences_are_no_bins():
    values = rng.choice([1e-320, 3e-322, 1e-310, 1.0, 2.0, 3.0], size=(200, 1))
    values[:120] = 0
    X = np.hstack([values, rng.normal(size=(200, 1))])
    clf = net(encoding="piecewise_linear").fit(X, rng.random(200) > 0.5)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_dates_are_refused_where_all_else_is_numbers():
    X = pd.DataFrame({"a": rng.normal(size=N), "day": pd.Timestamp("2020-01-01")})
    for frame in (
        X,
        X[["day"]],
        X.assign(day=X["day"].dt.tz_localize("UTC")),
        pl.DataFrame({"day": [1, 2]}).cast(pl.Date),
    ):
        with pytest.raises(ValueError, match="column 'day' of X holds dates"):
            net().fit(frame, answer[: len(frame)])


def test_strings_of_arrow():
    X = with_pandas().astype({"kind": pd.ArrowDtype(pa.string())})
    table = Table.learn(X, "from_dtype")
    assert table.levels[1] == ("ash", "elm", "oak", None)


def test_what_is_no_table_at_all():
    with pytest.raises(TypeError, match="Sparse data was passed"):
        net(categorical_features=[0]).fit(csr_matrix(rng.integers(0, 3, (N, 2))), answer)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        net(categorical_features=[0]).fit(rng.integers(0, 3, N), answer)
