"""The shipped data sets: their content, and that they behave as scikit-learn's loaders."""

import builtins
import gzip
import inspect
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_binnet import datasets
from sklearn_binnet.datasets import load_ionosphere, load_red_wine, load_taxi

# loader, shape of data, samples per target value, name of the target column in a frame
LOADERS = [
    pytest.param(load_ionosphere, (351, 34), {0: 225, 1: 126}, "target", id="ionosphere"),
    pytest.param(
        load_red_wine,
        (1599, 11),
        {3: 10, 4: 53, 5: 681, 6: 638, 7: 199, 8: 18},
        "quality",
        id="red_wine",
    ),
    pytest.param(load_taxi, (10000, 6), {0: 9209, 1: 791}, "target", id="taxi"),
]
each_loader = pytest.mark.parametrize(("loader", "shape", "counts", "column"), LOADERS)


@each_loader
def test_arrays(loader, shape, counts, column):
    bunch = loader()
    assert bunch.data.shape == shape
    assert bunch.data.dtype == np.float64
    assert np.isfinite(bunch.data).all()
    assert bunch.target.shape == shape[:1]
    assert bunch.target.dtype.kind == "i"
    values, frequencies = np.unique(bunch.target, return_counts=True)
    assert dict(zip(values.tolist(), frequencies.tolist(), strict=True)) == counts
    assert len(bunch.feature_names) == len(set(bunch.feature_names)) == shape[1]
    assert bunch.frame is None


@each_loader
def test_frames_hold_the_same_values(loader, shape, counts, column):
    arrays, bunch = loader(), loader(as_frame=True)
    assert isinstance(bunch.data, pd.DataFrame)
    assert isinstance(bunch.target, pd.Series)
    assert bunch.target.name == column
    assert list(bunch.data.columns) == bunch.feature_names == arrays.feature_names
    assert list(bunch.frame.columns) == [*bunch.feature_names, column]
    pd.testing.assert_frame_equal(bunch.frame[bunch.feature_names], bunch.data)
    pd.testing.assert_series_equal(bunch.frame[column], bunch.target)
    plain = bunch.data.apply(lambda c: c.cat.codes if c.dtype == "category" else c)
    np.testing.assert_array_equal(plain.to_numpy(), arrays.data)
    np.testing.assert_array_equal(bunch.target.to_numpy(), arrays.target)


@each_loader
def test_return_X_y(loader, shape, counts, column):
    bunch = loader()
    X, y = loader(return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    frame = loader(as_frame=True)
    X, y = loader(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X, frame.data)
    pd.testing.assert_series_equal(y, frame.target)


@each_loader
def test_the_manner_is_that_of_scikit_learn(loader, shape, counts, column):
    theirs, ours = inspect.signature(load_breast_cancer), inspect.signature(loader)
    for name, parameter in theirs.parameters.items():
        assert ours.parameters[name].kind == parameter.kind
        assert ours.parameters[name].default == parameter.default
    assert set(load_breast_cancer()) <= set(loader())


@each_loader
def test_two_calls_share_no_memory(loader, shape, counts, column):
    first = loader()
    first.data[:], first.target[:] = -1, -1
    first.feature_names.clear()
    second = loader()
    assert not (second.data == -1).all()
    assert not (second.target == -1).any()
    assert len(second.feature_names) == shape[1]


@each_loader
def test_source_and_licence_are_told(loader, shape, counts, column):
    bunch = loader()
    licence = "MIT" if loader is load_taxi else "CC BY 4.0"
    source = "modeldata.tidymodels.org" if loader is load_taxi else "https://doi.org/10.24432/"
    readme = files("sklearn_binnet.datasets").joinpath("data", "README.md").read_text("utf-8")
    for text in (bunch.DESCR, loader.__doc__, readme):
        assert licence in text
        assert source in text
    assert f"## {bunch.filename}" in readme


@each_loader
def test_the_file_is_where_the_bunch_says(loader, shape, counts, column):
    bunch = loader()
    packed = files(bunch.data_module).joinpath(bunch.filename).read_bytes()
    # bytes 4 to 7 of a gzip file are its time stamp; zero, so that remaking gives the same file
    assert packed[4:8] == b"\0\0\0\0"
    assert gzip.decompress(packed).count(b"\n") == shape[0] + 1


@each_loader
def test_without_pandas(loader, shape, counts, column, monkeypatch):
    real_import = builtins.__import__

    def no_pandas(name, *args, **kwargs):
        if name.split(".")[0] == "pandas":
            raise ImportError("No module named 'pandas'")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_pandas)
    assert loader().data.shape == shape
    with pytest.raises(ImportError, match=r"as_frame=True needs pandas.*or use as_frame=False"):
        loader(as_frame=True)


def test_every_data_file_has_a_loader():
    folder = Path(str(files("sklearn_binnet.datasets").joinpath("data")))
    loaded = {getattr(datasets, name)().filename for name in datasets.__all__}
    assert {path.name for path in folder.glob("*.csv.gz")} == loaded
    assert {path.stem for path in folder.glob("*.rst")} == {f.split(".")[0] for f in loaded}


class TestIonosphere:
    def test_rows_are_those_of_the_source(self):
        X, y = load_ionosphere(return_X_y=True)
        np.testing.assert_array_equal(X[0, :5], [1, 0, 0.99539, -0.05889, 0.85243])
        np.testing.assert_array_equal(X[-1, :5], [1, 0, 0.84710, 0.13533, 0.73638])
        assert y[:10].tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
        assert not X[:, 1].any()

    def test_target_names(self):
        bunch = load_ionosphere()
        assert bunch.target_names[bunch.target[:2]].tolist() == ["good", "bad"]

    def test_split_of_the_course(self):
        frame = load_ionosphere(as_frame=True).frame
        train = frame.sample(frac=0.7, random_state=0)
        rest = frame.drop(train.index)
        assert (len(train), len(rest)) == (246, 105)
        # follows from the order of the rows and the coding of the target alone
        assert (train.target.sum(), rest.target.sum()) == (100, 26)


class TestRedWine:
    def test_rows_are_those_of_the_source(self):
        X, quality = load_red_wine(return_X_y=True)
        np.testing.assert_array_equal(X[0], [7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4])
        assert quality[:4].tolist() == [5, 5, 5, 6]

    def test_questions_of_the_documentation(self):
        quality = load_red_wine().target
        assert [(quality >= 7).sum(), (quality <= 4).sum(), (quality >= 6).sum()] == [217, 63, 855]

    def test_target_name(self):
        assert load_red_wine().target_names == ["quality"]


class TestTaxi:
    def test_first_row(self):
        row = load_taxi(as_frame=True).frame.iloc[0]
        assert row.to_dict() == {
            "distance": 17.19,
            "company": "Chicago Independents",
            "local": "no",
            "dow": "Thu",
            "month": "Feb",
            "hour": 16,
            "target": 0,
        }

    def test_dtypes(self):
        X = load_taxi(as_frame=True).data
        assert [str(t) for t in X.dtypes] == ["float64", *["category"] * 4, "int64"]

    def test_codes_are_places_in_categories(self):
        bunch, frame = load_taxi(), load_taxi(as_frame=True)
        assert set(bunch.categories) == {"company", "local", "dow", "month"}
        for name, levels in bunch.categories.items():
            place = bunch.feature_names.index(name)
            decoded = np.array(levels)[bunch.data[:, place].astype(int)]
            np.testing.assert_array_equal(decoded, frame.data[name].astype(str))
            assert set(decoded) == set(levels)

    def test_it_can_be_learnt(self):
        X, y = load_taxi(return_X_y=True, as_frame=True)
        encoder = make_column_transformer(
            (OneHotEncoder(), make_column_selector(dtype_include="category")),
            remainder=StandardScaler(),
        )
        model = make_pipeline(encoder, LogisticRegression())
        assert cross_val_score(model, X, y, scoring="roc_auc").mean() > 0.55
