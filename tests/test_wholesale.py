"""Bad input, tried wholesale: a right result, or a clear error, and nothing is changed or half done.

The default profile tries a modest number; `--hypothesis-profile=wholesale`, as in `docs/tried.py`, tries thousands.
"""

import copy
import pickle
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from sklearn_binnet._training._types import TrainingDiverged
from tests.small import PLAIN
from tests.tried import came

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # in older pandas

CLEAR = (ValueError, TypeError, NotFittedError, TrainingDiverged)
"""What bad input may raise; KeyError, IndexError, AttributeError or an error of TensorFlow's is a fault of ours."""
FOREIGN = ("tensorflow", "Tensor(", "graph execution", "tf.function", "lam value", "axis 1 is out of bounds", "XLA")
N = 24
_rng = np.random.default_rng(0)
GOOD_X = _rng.normal(size=(N, 4))
GOOD_Y = np.arange(N) % 2


def net(**params):
    return BinaryNetClassifier(**PLAIN | {"hidden_layer_sizes": (3,), "epochs": 1, "random_state": 0} | params)


# ------------------------------------------------------------------ strategies


@st.composite
def matrices(draw, n=N):
    """X of n rows, mostly: of many types, shapes, layouts and contents."""
    d = draw(st.sampled_from([4, 4, 4, 1, 5]))
    rows = draw(st.sampled_from([n] * 12 + [0, 1, 2, n + 1]))
    base = GOOD_X[np.arange(rows) % N][:, np.arange(d) % 4].copy()
    edges = [np.nan, np.nan, 5e-324, 1e-300, 1e30, 1e38, 0.0, 7.0, np.inf, -np.inf, 1e300, -1e300]
    for _ in range(draw(st.integers(0, 2)) if base.size else 0):
        base[draw(st.integers(0, rows - 1)), draw(st.integers(0, d - 1))] = draw(st.sampled_from(edges))
    if draw(st.integers(0, 5)) == 0 and base.size:
        base[:, 0] = draw(st.sampled_from([0.0, 1.0, 1e300, np.nan]))  # a constant column
    kind = draw(kinds(FORMS))
    event(f"X: {kind}")
    return FORMS[kind](base)


def _read_only(a):
    a = a.copy()
    a.setflags(write=False)
    return a


def _memory_mapped(a):
    """Return the rows in a file that is mapped into memory, for reading alone, as joblib hands them to workers."""
    if not a.size:
        return a  # an empty file can't be mapped
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "X.npy", a)
        return np.load(Path(folder) / "X.npy", mmap_mode="r")


def _frame(a, names=None):
    return pd.DataFrame(a, columns=names)


FORMS = {
    "float64": lambda a: a,
    "float32": lambda a: np.clip(a, -3e38, 3e38).astype(np.float32),
    "float16": lambda a: np.clip(np.nan_to_num(a), -6e4, 6e4).astype(np.float16),
    "int": lambda a: np.nan_to_num(np.clip(a, -9, 9)).astype(int),
    "bool": lambda a: a > 0,
    "complex": lambda a: a + 1j,
    "object": lambda a: a.astype(object),
    "strings": lambda a: a.astype(str),
    "words": lambda a: np.full(a.shape, "word"),
    "dates": lambda a: np.full(a.shape, np.datetime64("2020-01-01")),
    "list": np.ndarray.tolist,
    "ragged": lambda a: [[1.0], [1.0, 2.0]] * (len(a) // 2),
    "vector": lambda a: a[:, 0],
    "cube": lambda a: a[:, :, None],
    "scalar": lambda a: 3.0,
    "none": lambda a: None,
    "fortran": np.asfortranarray,
    "non-contiguous": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: a[::-1, ::-1],
    "read-only": _read_only,
    "memory-mapped": _memory_mapped,
    "masked": lambda a: np.ma.masked_array(a, a > 1),
    "sparse": lambda a: sparse.csr_matrix(np.nan_to_num(a, posinf=0, neginf=0)),
    "frame": _frame,
    "same names": lambda a: _frame(a, ["x"] * a.shape[1]),
    "numbered": lambda a: _frame(a, range(a.shape[1])),
    "mixed names": lambda a: _frame(a, ["x", *range(1, a.shape[1])]),
    "categories": lambda a: _frame(a).assign(c=pd.Categorical(["u", "v", "w"] * (len(a) // 3) + ["u"] * (len(a) % 3))),
    "nullable": lambda a: _frame(a).convert_dtypes(),
    "missing objects": lambda a: _frame(a).astype(object).where(a < 1, None),
    "strings beside dates": lambda a: _frame(a).assign(s="a", d=pd.Timestamp("2020")),
    "strings beside periods": lambda a: _frame(a).assign(s="a", p=pd.Period("2020-01", "M")),
    "polars": lambda a: pl.DataFrame(a, schema=[f"c{i}" for i in range(a.shape[1])]),
    "polars strings": lambda a: pl.DataFrame({"s": ["a", "b"] * (len(a) // 2) + ["a"] * (len(a) % 2)}),
    "wide": lambda a: np.tile(a[:10], (1, 60)),
    "5,000 columns": lambda a: np.resize(a[:10], (min(len(a), 10), 5000)) if a.size else a,
}


LABELS = {
    "0 and 1": lambda y: y,
    "bool": lambda y: y == 1,
    "words": lambda y: np.array(["no", "yes"])[y],
    "objects": lambda y: np.array(["no", "yes"], dtype=object)[y],
    "floats": lambda y: y * 2.5 - 1,
    "int8": lambda y: y.astype(np.int8),
    "list": np.ndarray.tolist,
    "column": lambda y: y[:, None],
    "series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "categorical": lambda y: pd.Categorical(np.array(["a", "b"])[y]),
    "missing": lambda y: np.where(np.arange(len(y)) == 0, np.nan, y),
    "missing integers": lambda y: pd.Series(np.where(np.arange(len(y)) == 0, None, y), dtype="Int64"),
    "missing words": lambda y: pd.Series(np.where(np.arange(len(y)) == 0, None, np.array(["no", "yes"])[y])),
    "missing category": lambda y: pd.Categorical(np.where(np.arange(len(y)) == 0, None, np.array(["a", "b"])[y])),
    "missing among several": lambda y: np.where(
        np.arange(len(y))[:, None] == 0, np.nan, np.column_stack([y, 1 - y, y])
    ),
    "none among words": lambda y: np.where(np.arange(len(y)) == 0, None, np.array(["no", "yes"], dtype=object)[y]),
    "infinite": lambda y: np.where(np.arange(len(y)) == 0, np.inf, y),
    "one class": lambda y: y * 0,
    "three classes": lambda y: np.arange(len(y)) % 3,
    "continuous": lambda y: np.linspace(0, 1, len(y)),
    "one-hot": lambda y: np.eye(2, dtype=int)[y],
    "three one-hot": lambda y: np.eye(3, dtype=int)[np.arange(len(y)) % 3],
    "several": lambda y: np.column_stack([y, 1 - y, y]),
    "several twos": lambda y: 2 * np.column_stack([y, 1 - y, y]),
    "sparse": lambda y: sparse.csr_matrix(np.column_stack([y, 1 - y, y])),
    "cube": lambda y: y[:, None, None],
    "short": lambda y: y[:-3],
    "empty": lambda y: y[:0],
    "none": lambda y: None,
    "scalar": lambda y: 1,
    "masked": lambda y: np.ma.masked_array(y, np.arange(len(y)) == 1),
    "dates": lambda y: np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")[y],
    "mixed": lambda y: np.array([1, "a"], dtype=object)[y],
}

WEIGHTS = {
    "absent": lambda n: None,
    "ones": np.ones,
    "scalar": lambda n: 2.0,
    "zeros": np.zeros,
    "some zero": lambda n: (np.arange(n) % 3 > 0).astype(float),
    "one class": lambda n: (np.arange(n) % 2).astype(float),
    "negative": lambda n: -np.ones(n),
    "missing": lambda n: np.where(np.arange(n) == 0, np.nan, 1.0),
    "infinite": lambda n: np.where(np.arange(n) == 0, np.inf, 1.0),
    "huge": lambda n: np.full(n, 1e300),
    "huge beside small": lambda n: np.where(np.arange(n) == 0, 1e300, 1.0),
    "tiny": lambda n: np.full(n, 1e-300),
    "denormal": lambda n: np.full(n, 5e-324),
    "denormal beside ones": lambda n: np.where(np.arange(n) % 2 == 0, 5e-324, 1.0),
    "matrix": lambda n: np.ones((n, 2)),
    "column": lambda n: np.ones((n, 1)),
    "short": lambda n: np.ones(max(n - 1, 0)),
    "words": lambda n: np.full(n, "w"),
    "list": lambda n: [1] * n,
    "series": lambda n: pd.Series(np.ones(n)),
    "bool": lambda n: np.arange(n) % 2 == 0,
    "masked": lambda n: np.ma.masked_array(np.ones(n), np.arange(n) == 1),
}

GROUPS = {
    "absent": lambda n: None,
    "numbers": lambda n: np.arange(n) // 2,
    "words": lambda n: [f"g{i // 3}" for i in range(n)],
    "one": np.zeros,
    "missing": lambda n: np.where(np.arange(n) == 0, np.nan, np.arange(n)),
    "none": lambda n: [None] * n,
    "matrix": lambda n: np.ones((n, 2)),
    "short": lambda n: np.arange(max(n - 1, 0)),
    "mixed": lambda n: [i if i % 2 else f"g{i}" for i in range(n)],
}

PARAMETERS = {
    "hidden_layer_sizes": [(3,), (), (3, 2), (0,), (2.5,), "3", 3, None, (-1,), (True,), [[3]], np.array([3])],
    "activation": ["selu", "relu", "wild", None, 3, len],
    "encoding": ["auto", "piecewise_linear", "standardize", None, "other", 3],
    "n_bins": [8, 2, 1, 0, -1, 2.5, None, 10**9, True],
    "categorical_features": ["from_dtype", None, [0], ["x"], [True] * 4, [True], [99], [-1], "x", 3, [0.5], [[0]]],
    "dropout": [0.0, 0.5, 1.0, -0.1, np.nan, [0.1], [0.1, 0.2], "half", None, True],
    "batch_normalization": [False, True, "yes", None, 3],
    "optimizer": [None, "adam", "sgd", "newton", {}, {"class_name": "Adam"}, 3, {"lr": 3}, [], "SGD"],
    "learning_rate": [None, 0.01, 0, -1, np.nan, np.inf, 1e300, "fast", True, [0.1]],
    "learning_rate_schedule": [None, "constant", "cosine", "coslog4", "wild", 3],
    "weight_decay": [None, 0.0, 0.1, -1, np.nan, np.inf, "much"],
    "batch_size": [None, 1, 8, 10**9, 0, -1, 2.5, True, "all", np.int64(8)],
    "epochs": [1, 2, 0, -1, 1.5, True, "many", np.int32(1)],
    "n_estimators": [None, 1, 2, 3, 0, -1, 2.5, True, "few"],
    "cv": [None, 3, "folds", [], len],
    "calibration": ["temperature", None, "isotonic", 3],
    "retrieval": [False, False, False, True, "auto", "near", None, 3],
    "checkpoint": [None, None, 3, True, [], b"folder", "\0", __file__],
    "early_stopping": [True, False, "yes", None, 3],
    "validation_fraction": [0.2, 0.99, 0.01, 1e-9, 0, 1, -1, np.nan, None, True],
    "patience": [1, 10**10, 0, -1, 1.5, None, True],
    "min_delta": [0.0, 1e9, -1, np.nan, np.inf, None],
    "class_weight": [None, "balanced", {0: 1}, {1: -1}, {0: 0, 1: 0}, {"a": 3}, [{}], [], {1: np.nan}, {1: "x"}, 3],
    "metrics": [None, [], ["accuracy"], ["beauty"], [None], "accuracy", 3, ["accuracy", "accuracy"], [3]],
    "callbacks": [None, [], [None], [3], "all", 3],
    "threshold": [0.5, 0, 1, -1, 2, np.nan, [0.5], [0.5, 0.5], "half", None, True, [[0.5]], [0.1, 0.2, 0.3]],
    "pos_label": [None, 0, 1, 7, "yes", np.nan, True],
    "warm_start": [False, True, "yes", None],
    "verbose": [0, 1, True, -1, "loud"],
    "random_state": [0, None, -1, 2**40, "seed", 1.5, np.random.RandomState(0)],
    "model": [None, 3, "net", len, np.zeros(3), lambda: None, lambda a: a],
}

TUNER = {
    "scoring": ["f1", "balanced_accuracy", "cost", "roc_auc", "no such", None, 3, [], lambda tn, fp, fn, tp: 1.0, len],
    "constraint": [None, [], "recall >= 0.5", "recall > 0.5", "recall >= 2", "cost <= 1", "x >= 1", 3, ["fpr <= 0.5"]],
    "costs": [None, [[0, 1], [1, 0]], [[1, 0], [0, 1]], [[0, np.nan], [1, 0]], [1, 2], "dear", [[0, 0], [0, 0]]],
    "selection": ["stable", "argmax", "best", None, lambda curve, values: np.inf, lambda curve, values: 0.5, lambda: 1],
    "confidence_level": [0.95, 0.5, 0, 1, -1, np.nan, "sure", 1e-12, 1 - 1e-12],
    "pos_label": [None, 0, 1, 7, "yes", np.nan],
    "response_method": ["auto", "predict_proba", "decision_function", "predict", None],
    "thresholds": [None, 5, 1, 0, -1, [0.5], [0.9, 0.1], [], [np.nan], [np.inf], [[0.5]], "all", 2.5],
    "cv": [None, 2, 3, 0.5, 1, 0, -1, 1.5, np.nan, "prefit", "oof", "x", [], 1000, [([0, 1], [2, 3])]],
    "ensemble": ["auto", True, False, "x", None, 3],
    "refit": [True, False, None, "x"],
    "n_jobs": [None, 1, "all", 1.5],
    "calibrate": [False, True, None, "x"],
    "abstain": [
        None,
        [],
        0.1,
        0,
        1,
        -1,
        np.nan,
        True,
        "precision >= 0.5",
        "recall",
        {"budget": 0.1},
        {"cost": 0.1},
        {},
        3,
    ],
    "parity": [
        None,
        [],
        "equal_opportunity <= 0.5",
        "equal_opportunity",
        "sameness <= 0.1",
        3,
        "demographic_parity > 0",
    ],
    "random_state": [None, 0, -1, "x", 1.5],
    "store_cv_results": [False, True, None, "x"],
}


OWN = {"estimator"}
"""Parameters that the tests themselves vary."""


def test_every_parameter_is_tried():
    assert set(PARAMETERS) == set(BinaryNetClassifier().get_params(deep=False))
    assert set(TUNER) == set(ThresholdTunerCV(None).get_params(deep=False)) - OWN


HARMLESS = {
    *("float64", "frame", "fortran", "read-only"),
    *("0 and 1", "words", "objects", "series", "several"),
    *("absent", "ones", "some zero", "huge", "denormal"),
    *("numbers", "mixed"),
}
assert {*FORMS, *LABELS, *WEIGHTS, *GROUPS} >= HARMLESS


def kinds(table):
    """Choose a kind: harmless ones more often, so that mostly one thing is odd at a time."""
    return st.one_of(st.sampled_from(sorted(HARMLESS & set(table))), st.sampled_from(sorted(table)))


def chosen(table, n):
    return kinds(table).map(lambda kind: (kind, table[kind](n)))


def some(parameters, most=2):
    """A few parameters with values that fit and that do not."""
    name = st.sampled_from(sorted(parameters))
    return st.lists(name, max_size=most, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({n: st.sampled_from(parameters[n]) for n in names})
    )


# ------------------------------------------------------------------ the property


def same(a, b):
    """Return whether a thing is as its copy was."""
    if sparse.issparse(a):
        return (a != b).nnz == 0
    if isinstance(a, np.ma.MaskedArray):
        return np.array_equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b)) and same(a.data, b.data)
    if isinstance(a, pd.DataFrame | pd.Series | pl.DataFrame):
        return a.equals(b)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and (
            a is b or pickle.dumps(a) == pickle.dumps(b) or bool(np.all((a == b) | (a != a)))
        )
    return a is b or repr(a) == repr(b)


def ask(call, *inputs, counted=True):
    """Call; return the answer, or None after a clear error; fail at any other one and where an input changed."""
    before = copy.deepcopy(inputs)
    answer = error = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answer = call()
        except CLEAR as raised:
            error = raised
    outcome = "answered" if error is None else "refused"
    event(outcome)
    if counted:
        came(outcome)
    text = "all is well" if error is None else str(error)
    assert text, f"{type(error).__name__} without a message"
    assert not any(word in text for word in FOREIGN), text
    assert not type(error).__module__.startswith(("tensorflow", "keras", "polars", "pandas")), type(error)
    for now, then in zip(inputs, before, strict=True):
        assert same(now, then), "an input was changed"
    return answer


def checked_fit(estimator, X, y, **fit_params):
    """Fit; whatever comes, the parameters are what they were, and an estimator that failed is as it was."""
    parameters, state = dict(estimator.get_params(deep=False)), dict(vars(estimator))
    fitted = ask(lambda: estimator.fit(X, y, **fit_params), X, y, *fit_params.values())
    assert all(estimator.get_params(deep=False)[name] is value for name, value in parameters.items())
    if fitted is None:
        assert vars(estimator) == state, "half fitted"
        ask(lambda: estimator.predict(GOOD_X), counted=False)
    return fitted


def checked_answers(fitted, X, n_labels=1):
    proba = fitted.predict_proba(X)
    assert np.isfinite(proba).all()
    assert ((proba >= 0) & (proba <= 1)).all()
    assert len(proba) == len(fitted.predict(X))


def checked_score(fitted, X, y, weight):
    """Score; the answer is a proportion, and labels that were never seen count as wrong."""
    state = dict(vars(fitted))
    score = ask(lambda: fitted.score(X, y, weight), X, y, weight)
    assert vars(fitted) == state
    if score is not None:
        assert np.isnan(score) or -1e-9 <= score <= 1 + 1e-9


def examples(share):
    """Return settings for a share of the profile's number of examples."""
    return settings(
        max_examples=settings.default.max_examples // share,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


EACH, TRAINED = examples(3), examples(8)
"""A network that is trained takes longer."""


@pytest.mark.inputs("classifier", "X, y, weights and groups for `fit`")
@TRAINED
@given(X=matrices(), labels=chosen(LABELS, GOOD_Y), weight=chosen(WEIGHTS, N), groups=chosen(GROUPS, N))
def test_data_for_the_classifier(X, labels, weight, groups):
    kind, y = labels
    event(f"y: {kind}")
    fitted = checked_fit(net(), X, y, sample_weight=weight[1], groups=groups[1])
    if fitted is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checked_answers(fitted, X)
            assert set(np.unique(fitted.predict(X))) <= set(
                np.unique([0, 1] if fitted.n_labels_ > 1 else fitted.classes_)
            )


@pytest.mark.inputs("classifier", "parameters")
@TRAINED
@given(params=some(PARAMETERS))
def test_parameters_of_the_classifier(params):
    fitted = checked_fit(net(**params), GOOD_X, GOOD_Y)
    if fitted is not None:
        checked_answers(fitted, GOOD_X)


@pytest.mark.inputs("classifier", "validation rows, their labels and weights")
@TRAINED
@given(X=matrices(), labels=chosen(LABELS, GOOD_Y), weight=chosen(WEIGHTS, N))
def test_validation_rows(X, labels, weight):
    checked_fit(net(), GOOD_X, GOOD_Y, X_val=X, y_val=labels[1], sample_weight_val=weight[1])


@pytest.fixture(scope="module")
def fitted():
    return net().fit(GOOD_X, GOOD_Y)


@pytest.mark.inputs("classifier", "rows to predict")
@EACH
@given(X=matrices(), method=st.sampled_from(["predict", "predict_proba", "decision_function", "predict_log_proba"]))
def test_rows_to_predict(X, method, fitted):
    state = dict(vars(fitted))
    answer = ask(lambda: getattr(fitted, method)(X), X)
    assert vars(fitted) == state
    if answer is not None:
        assert not np.isnan(answer.astype(float)).any()


@pytest.fixture(scope="module")
def tuned():
    return ThresholdTunerCV(LogisticRegression(), cv=2).fit(GOOD_X, GOOD_Y)


@pytest.mark.inputs("classifier", "rows and labels to score, other labels among them")
@EACH
@given(X=matrices(), labels=chosen(LABELS, GOOD_Y), weight=chosen(WEIGHTS, N))
def test_labels_to_score_the_classifier_on(X, labels, weight, fitted):
    checked_score(fitted, X, labels[1], weight[1])


@pytest.mark.inputs("tuner", "rows and labels to score, other labels among them")
@EACH
@given(X=matrices(), labels=chosen(LABELS, GOOD_Y), weight=chosen(WEIGHTS, N))
def test_labels_to_score_the_tuner_on(X, labels, weight, tuned):
    checked_score(tuned, X, labels[1], weight[1])


@pytest.mark.inputs("classifier", "X, y, weights and classes for `partial_fit`")
@TRAINED
@given(
    X=matrices(),
    labels=chosen(LABELS, GOOD_Y),
    weight=chosen(WEIGHTS, N),
    classes=st.sampled_from([None, [0, 1], [0, 1], [0, 1]]),
)
def test_data_for_partial_fit(X, labels, weight, classes):
    clf = net()
    state = dict(vars(clf))
    if ask(lambda: clf.partial_fit(X, labels[1], classes, weight[1]), X, labels[1], weight[1]) is None:
        assert vars(clf) == state


@pytest.mark.inputs("tuner", "X, y, weights and groups for `fit`")
@EACH
@given(
    X=matrices(),
    labels=chosen(LABELS, GOOD_Y),
    weight=chosen(WEIGHTS, N),
    groups=chosen(GROUPS, N),
    prefit=st.booleans(),
)
def test_data_for_the_tuner(X, labels, weight, groups, prefit):
    if prefit:
        model = LogisticRegression().fit(GOOD_X, GOOD_Y)
        tuner = ThresholdTunerCV(model, cv="prefit", refit=False)
    else:
        tuner = ThresholdTunerCV(LogisticRegression(max_iter=20), cv=2)
    fitted = checked_fit(tuner, X, labels[1], sample_weight=weight[1], groups=groups[1])
    if fitted is not None:
        assert np.isfinite(fitted.best_threshold_).all()
        low, high = np.transpose(fitted.threshold_interval_)
        assert np.all((low <= fitted.best_threshold_) & (fitted.best_threshold_ <= high))


@pytest.mark.inputs("tuner", "the same for a network in front, with validation rows")
@TRAINED
@given(
    X=matrices(),
    labels=chosen(LABELS, GOOD_Y),
    weight=chosen(WEIGHTS, N),
    groups=chosen(GROUPS, N),
    validation=st.one_of(st.none(), st.tuples(matrices(), chosen(LABELS, GOOD_Y))),
)
def test_data_for_the_tuner_of_networks(X, labels, weight, groups, validation):
    own = {} if validation is None else {"X_val": validation[0], "y_val": validation[1][1]}
    tuner = ThresholdTunerCV(net(n_estimators=1 if own else 2))
    fitted = checked_fit(tuner, X, labels[1], sample_weight=weight[1], groups=groups[1], **own)
    if fitted is not None:
        assert np.isfinite(fitted.best_threshold_).all()


@pytest.mark.inputs("tuner", "parameters")
@EACH
@given(params=some(TUNER, 3), several=st.booleans())
def test_parameters_of_the_tuner(params, several):
    y = np.column_stack([GOOD_Y, 1 - GOOD_Y, np.arange(N) % 3 == 0]).astype(int) if several else GOOD_Y
    model = LogisticRegression()
    if params.get("cv") == "prefit":
        model = model.fit(GOOD_X, GOOD_Y)
    checked_fit(ThresholdTunerCV(model, **params), GOOD_X, y)


RETUNE = {name: TUNER[name] for name in ("scoring", "constraint", "costs")} | {
    "prevalence": [None, 0.5, 0, 1, -1, np.nan, np.inf, "half", [0.5], [0.5, 0.5], 1e-300]
}


@pytest.mark.inputs("tuner", "scorings, constraints, costs and more for `retune`")
@EACH
@given(params=some(RETUNE, 3))
def test_retune(params, tuned):
    tuned = copy.deepcopy(tuned)
    state = dict(vars(tuned))
    if ask(lambda: tuned.retune(**params)) is None:
        assert vars(tuned) == state
    else:
        assert np.isfinite(tuned.best_threshold_)
