"""Tables as they are: categories, strings, missing values, and columns that change their type."""

import datetime
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import coo_array, csc_array, csr_matrix

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV, _classifier
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


def with_nullable_pandas():
    frame = pd.DataFrame(COLUMNS).astype({"size": "Float64", "kind": "string", "wet": "boolean", "town": "string"})
    return frame.astype({"grade": "category"})


def with_arrow_in_pandas():
    types = {"size": pa.float32(), "kind": pa.string(), "wet": pa.bool_(), "town": pa.large_string()}
    frame = pd.DataFrame(COLUMNS).astype({name: pd.ArrowDtype(kind) for name, kind in types.items()})
    return frame.assign(grade=pd.Series(COLUMNS["grade"].astype(str), dtype=pd.ArrowDtype(pa.string())))


def with_pyarrow():
    table = pa.Table.from_pandas(pd.DataFrame(COLUMNS).astype({"grade": str}))
    kind = table.column_names.index("kind")
    return table.set_column(kind, "kind", table["kind"].dictionary_encode())


FRAMES = pytest.mark.parametrize(
    "frame", [with_pandas, with_polars, with_nullable_pandas, with_arrow_in_pandas, with_pyarrow]
)


@FRAMES
def test_columns_are_read_by_their_type(frame):
    X = frame()
    assert holds_categories(X, "from_dtype")
    table = Table.learn(X, "from_dtype")
    assert [levels is None for levels in table.levels] == [True, False, False, True, False]
    assert table.levels[1] == ("ash", "elm", "oak", None)
    assert [str(level) for level in table.levels[2]] == ["1", "2", "3"]
    matrix = table.read(X)
    np.testing.assert_allclose(matrix[:, 0], COLUMNS["size"], rtol=1e-6)
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
    rows = X.slice if isinstance(X, pa.Table) else lambda start, n: X[start : start + n]
    for a, b in ((rows(0, 1), proba[:1]), (rows(5, 4), proba[5:9])):
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
        (lambda X: X, {"categorical_features": None}, "'kind' .* got 'ash'.* with categorical_features='from_dtype'"),
        (lambda X: X, {"categorical_features": ["colour"]}, r"must name columns of X, got 'colour'"),
        (lambda X: X.to_numpy(dtype=object), {"categorical_features": ["kind"]}, "X has no column names"),
        (lambda X: X, {"categorical_features": [7]}, r"positions of columns \(0 to 4\), got 7"),
        (lambda X: X, {"categorical_features": [True]}, "one entry for each column, 5, got 1"),
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


@pytest.mark.parametrize(
    "params", [{"encoding": "standardize"}, {"encoding": "piecewise_linear"}, {"n_estimators": 2, "retrieval": True}]
)
def test_a_table_of_nothing_but_embedded_categories(params):
    X = with_pandas()[["town"]]
    clf = net(epochs=2, **params).fit(X, answer)
    assert [family.encoder.inner.n_encoded for family in clf._fitted.families] == [0] * len(clf._fitted.families)
    expected = clf.model_(clf.to_matrix(X)).numpy()[:, 0]
    np.testing.assert_allclose(clf.predict_proba(X)[:, 1], expected, atol=1e-6)


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


def test_tables_of_numbers_are_read_alike():
    X = rng.normal(size=(N, 3)).astype(np.float32)
    X[3, 1] = np.nan
    whole = rng.integers(0, 5, N)
    expected = np.column_stack([X.astype(np.float64), whole, COLUMNS["wet"]])
    frame = pd.DataFrame(X, columns=list("abc")).assign(n=whole, wet=COLUMNS["wet"])
    nullable = frame.convert_dtypes()
    tables = [
        frame,
        nullable,
        frame.convert_dtypes(dtype_backend="pyarrow"),
        frame.astype(object),
        pl.DataFrame(frame.to_dict("list")),
        pl.DataFrame(frame.to_dict("list"), nan_to_null=True).with_columns(pl.col("n").cast(pl.Int8)),
        pa.Table.from_pandas(frame),
    ]
    clf = net(encoding="piecewise_linear").fit(frame, answer)
    assert clf._table is None
    for table in tables:
        np.testing.assert_array_equal(clf.to_matrix(table), expected)
        np.testing.assert_array_equal(clf.predict_proba(table), clf.predict_proba(frame))
    assert clf.to_matrix(frame).dtype == np.float64
    single = net(encoding="piecewise_linear").fit(frame[["a", "b"]], answer)
    assert single.to_matrix(frame[["a", "b"]]).dtype == np.float32
    missing = nullable.assign(n=nullable["n"].where(whole > 0), wet=nullable["wet"].where(whole > 0))
    np.testing.assert_array_equal(clf.to_matrix(missing)[:, 3:], np.where(whole[:, None] > 0, expected[:, 3:], np.nan))
    arrow = pa.Table.from_pandas(missing)
    np.testing.assert_array_equal(clf.to_matrix(arrow), clf.to_matrix(missing))
    np.testing.assert_array_equal(clf.to_matrix(pl.from_arrow(arrow)), clf.to_matrix(missing))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.date_range("2020-01-01", periods=N)),
        pd.Series(pd.date_range("2020-01-01", periods=N, tz="UTC")),
        pd.Series(pd.timedelta_range("1 day", periods=N)),
        pd.Series(pd.period_range("2020-01", periods=N, freq="M")),
        pd.Series([datetime.date(2020, 1, 1)] * N, dtype=object),
        pd.Series([datetime.time(12)] * N, dtype=object),
        pd.Series([datetime.timedelta(1)] * N, dtype=object),
        pd.Series(pd.date_range("2020-01-01", periods=N)).astype("category"),
        pd.Series([1] * N, dtype=pd.ArrowDtype(pa.date32())),
        pd.Series([1] * N, dtype=pd.ArrowDtype(pa.duration("s"))),
        pl.Series([datetime.datetime(2020, 1, 1)] * N),
        pl.Series([datetime.date(2020, 1, 1)] * N),
        pl.Series([datetime.time(12)] * N),
        pl.Series([datetime.timedelta(1)] * N),
        pa.array([datetime.date(2020, 1, 1)] * N),
        pa.array([datetime.time(12)] * N),
        pa.array([1] * N, pa.timestamp("s")),
    ],
    ids=lambda values: str(getattr(values, "dtype", getattr(values, "type", ""))),
)
@pytest.mark.parametrize("others", ["numbers", "categories"])
def test_dates_of_every_kind_are_named(values, others):
    first = [1.5] * N if others == "numbers" else ["a", "b"] * (N // 2)
    if isinstance(values, pd.Series):
        X = pd.DataFrame({"first": first, "day": values})
    elif isinstance(values, pl.Series):
        X = pl.DataFrame({"first": first, "day": values})
    else:
        X = pa.table({"first": first, "day": values})
    with pytest.raises(ValueError, match="column 'day' of X holds dates or durations"):
        net().fit(X, answer)


def test_dates_in_arrays():
    days = np.full((N, 2), np.datetime64("2020-01-01"))
    with pytest.raises(ValueError, match="column 0 of X holds dates or durations"):
        net().fit(days, answer)
    mixed = np.full((N, 2), 1.5, dtype=object)
    mixed[:, 1] = datetime.date(2020, 1, 1)
    with pytest.raises(ValueError, match="column 1 of X holds dates or durations"):
        net().fit(mixed, answer)
    with pytest.raises(ValueError, match="column 1 of X holds dates or durations"):
        net().fit(mixed.tolist(), answer)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ({"a": [1.0] * N}, r"X must be a matrix or a table, got a dict. .* pandas.DataFrame\(X\)"),
        ([{"a": 1.0}] * N, "got a list of dict"),
        (np.ones(N, dtype=[("a", float), ("b", int)]), r"a structured array with the fields \['a', 'b'\]"),
        (np.ones(N, dtype=[("a", float)]).view(np.recarray), r"a structured array with the fields \['a'\]"),
        (pl.LazyFrame({"a": [1.0] * N}), r"got a polars LazyFrame, .* Pass X.collect\(\)"),
    ],
)
@pytest.mark.parametrize("categorical_features", ["from_dtype", None])
def test_what_a_table_must_be_made_of_first(X, message, categorical_features):
    with pytest.raises(TypeError, match=message):
        net(categorical_features=categorical_features).fit(X, answer)
    fitted = net(epochs=1, categorical_features=categorical_features).fit(np.ones((N, 1)), answer)
    with pytest.raises(TypeError, match=message):
        fitted.predict(X)


def test_columns_of_other_types_and_of_one_name():
    lists = pl.DataFrame({"a": [[1.0, 2.0]] * N})
    with pytest.raises(
        ValueError, match=r"column 'a' of X must hold numbers or categories, got values of the type List"
    ):
        net().fit(lists, answer)
    strange = pd.DataFrame({"a": [{1}] * N})
    with pytest.raises(ValueError, match="column 'a' of X must hold numbers that fit into float64, or categories"):
        net().fit(strange, answer)
    twice = pd.DataFrame(rng.normal(size=(N, 2)), columns=["a", "a"])
    with pytest.raises(ValueError, match="X has more than one column named 'a'"):
        net().fit(twice, answer)


def test_levels_are_the_same_whatever_holds_them():
    """The quick ways of each library against one loop over Python objects."""
    words = rng.choice(["b", "a", "c", ""], N)
    numbers = rng.integers(0, 4, N)
    hole = rng.random(N) < 0.2
    column = [None if h else str(w) for w, h in zip(words, hole, strict=True)]
    levels = sorted({w for w in column if w is not None})
    expected = [len(levels) if w is None else levels.index(w) for w in column]
    for X in (
        pd.DataFrame({"c": pd.Series(column, dtype=object)}),
        pd.DataFrame({"c": pd.Series(column, dtype="category")}),
        pd.DataFrame({"c": pd.Series(column, dtype="string")}),
        pd.DataFrame({"c": pd.Series(column, dtype=pd.ArrowDtype(pa.string()))}),
        pl.DataFrame({"c": column}),
        pl.DataFrame({"c": column}).cast(pl.Categorical),
        pl.DataFrame({"c": column}).cast(pl.Enum(["", "a", "b", "c", "d"])),
        pa.table({"c": column}),
        pa.table({"c": pa.array(column).dictionary_encode()}),
    ):
        table = Table.learn(X, "from_dtype")
        assert table.levels == ((*levels, None),)
        np.testing.assert_array_equal(table.read(X)[:, 0], expected)
    for matrix in (
        numbers[:, None],
        numbers[:, None].astype(float),
        numbers[:, None].astype(object),
        numbers.reshape(-1, 1).tolist(),
    ):
        table = Table.learn(matrix, [0])
        assert table.levels == ((0, 1, 2, 3),)
        np.testing.assert_array_equal(table.read(matrix)[:, 0], numbers)
    gaps = np.where(hole, np.nan, numbers)[:, None]
    for matrix in (gaps, gaps.astype(object), pd.DataFrame(gaps), pl.DataFrame(gaps)):
        table = Table.learn(matrix, [0])
        assert table.levels == ((0, 1, 2, 3, None),)
        np.testing.assert_array_equal(table.read(matrix)[:, 0], np.where(hole, 4, numbers))


def test_a_sparse_matrix_is_the_dense_one():
    X = rng.normal(size=(N, 6)) * (rng.random((N, 6)) < 0.3)
    dense = net(epochs=2).fit(X, answer)
    for kind in (csr_matrix, csc_array, coo_array):
        clf = net(epochs=2).fit(kind(X), answer, X_val=kind(X[:20]), y_val=answer[:20])
        again = net(epochs=2).fit(X, answer, X_val=X[:20], y_val=answer[:20])
        np.testing.assert_array_equal(clf.predict_proba(X), again.predict_proba(X))
        np.testing.assert_array_equal(dense.predict_proba(kind(X)), dense.predict_proba(X))
        np.testing.assert_array_equal(dense.to_matrix(kind(X)), X)


def test_sparse_rows_are_made_dense_block_by_block(monkeypatch):
    X = rng.normal(size=(N, 6)) * (rng.random((N, 6)) < 0.3)
    clf = net(epochs=2).fit(X, answer)
    sizes = []
    monkeypatch.setattr(_classifier, "_SPARSE_BLOCK_VALUES", 6 * 50)
    monkeypatch.setattr(_classifier, "dense", lambda X, limit: sizes.append(X.shape[0]) or X.toarray())
    np.testing.assert_allclose(clf.predict_proba(csr_matrix(X)), clf.predict_proba(X), rtol=1e-12)
    assert sizes == [50, 50, 50, 10]


def test_a_sparse_matrix_too_large_to_be_dense():
    huge = csr_matrix((1 << 14, (1 << 13) + 1))
    with pytest.raises(ValueError, match=r"X is a sparse matrix of 16384 rows and 8193 columns.*TruncatedSVD"):
        net().fit(huge, np.arange(1 << 14) % 2)
    with pytest.raises(ValueError, match="categorical_features must be 'from_dtype' or None for a sparse X"):
        net(categorical_features=[0]).fit(csr_matrix(rng.integers(0, 3, (N, 2))), answer)
    table = net(epochs=1).fit(with_pandas(), answer)
    with (
        pytest.warns(UserWarning, match="X does not have valid feature names"),
        pytest.raises(ValueError, match="X held categories in fit and now is a sparse matrix"),
    ):
        table.predict(csr_matrix((3, 5)))


@pytest.mark.parametrize("kind", [csr_matrix, csc_array])
def test_sparse_indicators(kind):
    X = rng.normal(size=(N, 3))
    Y = (X > 0.5).astype(int)
    clf, other = (net(epochs=3).fit(X, labels) for labels in (kind(Y), Y))
    np.testing.assert_array_equal(clf.predict_proba(X), other.predict_proba(X))
    assert clf.score(X, kind(Y)) == other.score(X, Y)
    tuned, expected = (ThresholdTunerCV(net(epochs=3), scoring="f1", cv=2).fit(X, labels) for labels in (kind(Y), Y))
    np.testing.assert_array_equal(tuned.best_threshold_, expected.best_threshold_)


def test_what_is_no_table_at_all():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        net(categorical_features=[0]).fit(rng.integers(0, 3, N), answer)
