"""Files: an estimator comes back to the last bit, and what is wrong with a file is said and does nothing."""

import io
import json
import math
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeavePGroupsOut,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import sklearn_binnet
from sklearn_binnet import SKOPS_TRUSTED_TYPES, BinaryNetClassifier, ThresholdTunerCV, load
from sklearn_binnet._files import _archive
from tests.small import X, Y, net, y
from tests.tried import came

# Keras says so where it copies a compiled model that was never trained.
pytestmark = pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer:UserWarning")

WORDS = np.array(["no", "yes"])[y]
TABLE = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical(np.array(list("abc"))[np.arange(200) % 3]), "n": X[:, 2]})
TABLE.loc[5, "kind"] = None
TABLE.loc[7, "size"] = np.nan


def through_a_file(estimator, folder, **own):
    estimator.save(folder / "estimator.binnet")
    return load(folder / "estimator.binnet", **own)


def dense(n_features):
    return keras.Sequential(
        [keras.Input((n_features,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")]
    )


def template(compiled=True):
    model = dense(4)
    if compiled:
        model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.5), loss="binary_crossentropy", metrics=["AUC"])
    return model


class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2.0 * x


def with_own_layer(n_features):
    return keras.Sequential([keras.Input((n_features,)), Doubled(), keras.layers.Dense(1, "sigmoid")])


def same(a, b):
    """Assert that two values of fitted attributes are the same, to the last bit and the type."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    elif isinstance(a, float) and math.isnan(a):
        assert math.isnan(b)
    elif type(a).__module__.startswith("sklearn_binnet"):
        assert not hasattr(a, "__getstate__") or a.__getstate__().keys() == b.__getstate__().keys()
    else:
        assert a == b


def same_attributes(a, b):
    public = {name for name in vars(a) if name.endswith("_")}
    assert public == {name for name in vars(b) if name.endswith("_")}
    for name in public:
        same(getattr(a, name), getattr(b, name))


# ------------------------------------------------------------------ classifiers
CASES = {
    "default": (BinaryNetClassifier(hidden_layer_sizes=(8,), epochs=3, random_state=0), X, y),
    "words": (net(pos_label="no", threshold=0.3), X, WORDS),
    "objects": (net(), X, WORDS.astype(object)),
    "booleans": (net(class_weight={False: 1.0, True: 2.5}), X, y.astype(bool)),
    "several labels": (net(threshold=[0.2, 0.5, 0.7], n_estimators=2, metrics=["AUC"]), X, Y),
    "table": (BinaryNetClassifier(hidden_layer_sizes=(8,), epochs=3, n_estimators=2, random_state=0), TABLE, y),
    "no encoding": (net(encoding=None, batch_normalization=True, dropout=[0.1]), X, y),
    "random state": (net(random_state=np.random.RandomState(3), hidden_layer_sizes=[np.int64(8)]), X, y),
    "logistic regression": (net(hidden_layer_sizes=(), activation="selu"), X, y),
    "optimizer": (net(optimizer=keras.optimizers.SGD(0.1, momentum=0.9), learning_rate=None), X, y),
    "schedule": (net(learning_rate=keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)), X, y),
    "metric": (net(metrics=[keras.metrics.AUC(name="area"), "accuracy"]), X, y),
    "template": (BinaryNetClassifier(model=template(), epochs=2, random_state=0), X, y),
    "plain template": (BinaryNetClassifier(model=template(False), epochs=2, random_state=0), X, y),
}


@pytest.mark.parametrize("case", CASES)
def test_a_classifier_comes_back_to_the_last_bit(case, tmp_path):
    clf, A, target = CASES[case]
    clf = clone(clf).fit(A, target)
    again = through_a_file(clf, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(A), clf.predict_proba(A))
    np.testing.assert_array_equal(again.predict(A), clf.predict(A))
    assert again.predict(A).dtype == clf.predict(A).dtype
    same_attributes(clf, again)
    assert clf.get_params().keys() == again.get_params().keys()
    if case != "random state":  # that one has gone on
        np.testing.assert_array_equal(again.fit(A, target).predict_proba(A), clone(clf).fit(A, target).predict_proba(A))


def test_a_stream_goes_on_where_it_was(tmp_path):
    clf = net().partial_fit(X[:100], y[:100], classes=[0, 1])
    again = through_a_file(clf, tmp_path)
    for one in (clf, again):
        one.partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.n_iter_ == 2


def test_a_warm_start_goes_on_where_it_was(tmp_path):
    clf = net(warm_start=True).fit(X, y)
    again = through_a_file(clf, tmp_path)
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_requests_of_metadata_come_back(tmp_path):
    with config_context(enable_metadata_routing=True):
        clf = net().set_fit_request(sample_weight=True).fit(X, y)
        again = through_a_file(clf, tmp_path)
        assert str(again.get_metadata_routing()) == str(clf.get_metadata_routing())
        assert str(pickle.loads(pickle.dumps(clf)).get_metadata_routing()) == str(clf.get_metadata_routing())


def test_loading_and_predicting_need_no_tensorflow(tmp_path):
    clf = net(n_estimators=2).fit(TABLE, WORDS)
    clf.save(tmp_path / "clf.binnet")
    TABLE.to_pickle(tmp_path / "table.pickle")
    code = (
        "import sys, numpy as np, pandas as pd, sklearn_binnet\n"
        "clf = sklearn_binnet.load('clf.binnet')\n"
        "np.save('proba.npy', clf.predict_proba(pd.read_pickle('table.pickle')))\n"
        "print([m for m in ('tensorflow', 'keras', 'scikeras', 'skops') if m in sys.modules])\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    np.testing.assert_array_equal(np.load(tmp_path / "proba.npy"), clf.predict_proba(TABLE))


def test_every_class_that_a_file_may_hold_is_known_in_a_new_process():
    """Registered is what has been imported, so that all modules with registered classes must be."""
    code = (
        "import sys, pickle, sklearn_binnet\n"
        "from sklearn_binnet._files import _plain\n"
        "print(*sorted([*_plain._CLASSES, *_plain._KINDS]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=DATA.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    source = "\n".join(path.read_text() for path in Path(sklearn_binnet.__file__).parent.rglob("*.py"))
    written = set(re.findall(r"^@(?:stored|savable)\n(?:@.*\n)*class (\w+)", source, flags=re.MULTILINE))
    written |= set(re.findall(r"^register_kind\(\W*(\w+)", source, flags=re.MULTILINE))
    assert len(written) > 15
    assert set(done.stdout.split()) == written


def test_numpy_shows_the_arrays_of_a_file(tmp_path):
    clf = net().fit(X, y)
    clf.save(tmp_path / "clf.binnet")
    with np.load(tmp_path / "clf.binnet", allow_pickle=False) as archive:
        kernel = archive["attributes/_fitted/weights/0/0"]
    np.testing.assert_array_equal(kernel, clf._fitted.weights[0][0])


def test_the_same_estimator_gives_the_same_file(tmp_path):
    clf = net().fit(X, y)
    clf.save(tmp_path / "a")
    load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# ------------------------------------------------------------------ code of the user's own
def test_a_function_as_model_predicts_at_once_and_is_asked_for_at_the_next_fit(tmp_path):
    clf = BinaryNetClassifier(model=dense, epochs=2, random_state=0).fit(X, y)
    again = through_a_file(clf, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    with pytest.raises(ValueError, match=r"model was dense of the module .*test_files.*set_params\(model=\.\.\.\)"):
        clone(again).fit(X, y)
    given = through_a_file(clf, tmp_path, model=dense)
    assert given.model is dense
    np.testing.assert_array_equal(given.fit(X, y).predict_proba(X), clf.predict_proba(X))


def test_a_network_of_own_layers_needs_the_code_that_makes_it(tmp_path):
    clf = BinaryNetClassifier(model=with_own_layer, epochs=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"code of your own, `model` was with_own_layer .*load\(path, model=\.\.\.\)"):
        through_a_file(clf, tmp_path)
    again = through_a_file(clf, tmp_path, model=with_own_layer)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_other_code_is_asked_for_by_name(tmp_path):
    def share(y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)

    clf = net(metrics=[share], callbacks=[keras.callbacks.TerminateOnNaN()]).fit(X, y)
    again = through_a_file(clf, tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    with pytest.raises(
        ValueError, match=r"'callbacks' parameter.*a file holds no code.*set_params\(callbacks=\.\.\.\)"
    ):
        clone(again).set_params(metrics=None).fit(X, y)


def test_a_scikeras_wrapper_is_asked_for(tmp_path):
    from scikeras.wrappers import KerasClassifier

    wrapper = KerasClassifier(lambda: dense(4), loss="binary_crossentropy", optimizer="adam")
    clf = BinaryNetClassifier(model=wrapper, epochs=2, random_state=0).fit(X, y)
    again = through_a_file(clf, tmp_path, model=wrapper)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_what_no_file_can_hold_is_refused(tmp_path):
    class Own(BinaryNetClassifier):
        pass

    with pytest.raises(NotFittedError):
        net().save(tmp_path / "file")
    with pytest.raises(TypeError, match=r"save writes BinaryNetClassifier .* Own is a class of your own"):
        Own(hidden_layer_sizes=(2,), epochs=1).fit(X, y).save(tmp_path / "file")
    clf = net().fit(X, y)
    clf.extra_ = object()
    with pytest.raises(TypeError, match=r"can't write this BinaryNetClassifier: extra_ is a builtins\.object"):
        clf.save(tmp_path / "file")
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------ tuners
TUNERS = {
    "network": (ThresholdTunerCV(net(n_estimators=2), scoring="f1", store_cv_results=True), X, WORDS),
    "folds": (ThresholdTunerCV(net(), constraint=["recall >= 0.5"], costs=None, cv=2), X, y),
    "several labels": (ThresholdTunerCV(net(n_estimators=2), scoring="f1_macro"), X, Y),
    "table": (ThresholdTunerCV(net(n_estimators=2)), TABLE, y),
    "logistic regression": (ThresholdTunerCV(LogisticRegression(), cv=StratifiedKFold(3)), X, WORDS),
    "naive Bayes": (ThresholdTunerCV(GaussianNB(), cv=0.3, refit=False), X, y),
    "pipeline": (ThresholdTunerCV(make_pipeline(StandardScaler(), net()), cv=2), X, y),
}


@pytest.mark.parametrize("case", TUNERS)
def test_a_tuner_comes_back_with_its_evidence(case, tmp_path):
    if case in ("logistic regression", "naive Bayes", "pipeline"):
        pytest.importorskip("skops")
    tuned, A, target = TUNERS[case]
    tuned = clone(tuned).fit(A, target)
    again = through_a_file(tuned, tmp_path)
    np.testing.assert_array_equal(again.predict(A), tuned.predict(A))
    np.testing.assert_array_equal(again.predict_proba(A), tuned.predict_proba(A))
    same(again.best_threshold_, tuned.best_threshold_)
    same(again.threshold_interval_, tuned.threshold_interval_)
    same(again.oof_scores_, tuned.oof_scores_)
    assert again.constraint_report_ == tuned.constraint_report_
    for one in (tuned, again):
        one.retune(scoring="f1" if target.ndim == 1 else "f1_micro")
    same(again.best_threshold_, tuned.best_threshold_)
    assert str(again.get_params()) == str(tuned.get_params()) or case in ("folds", "network")


SPLITTERS = [
    GroupKFold(2),
    GroupShuffleSplit(1, random_state=0),
    KFold(2),
    LeaveOneGroupOut(),
    LeavePGroupsOut(1),
    PredefinedSplit(np.arange(200) % 2),
    RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0),
    ShuffleSplit(1, random_state=0),
    StratifiedGroupKFold(2),
    StratifiedShuffleSplit(1, random_state=0),
    TimeSeriesSplit(2),
]
PATIENTS = np.arange(200) // 2 % 3


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_a_tuner_with_a_splitter_comes_back(cv, tmp_path):
    pytest.importorskip("skops")
    groups = {"groups": PATIENTS} if "Group" in type(cv).__name__ else {}
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=cv).fit(X, y, **groups)
    again = through_a_file(tuned, tmp_path)
    assert type(again.cv) is type(cv)
    rows = [[train.tolist() for train, _ in one.split(X, y, **groups)] for one in (cv, again.cv)]
    assert rows[0] == rows[1]
    same(again.oof_scores_, tuned.oof_scores_)
    same(again.threshold_interval_, tuned.threshold_interval_)
    refitted = again.fit(X, y, **groups)
    assert refitted.best_threshold_ == tuned.best_threshold_


@pytest.mark.parametrize("cv", [None, GroupKFold(3)], ids=str)
def test_a_classifier_of_grouped_rows_comes_back_with_its_folds(cv, tmp_path):
    pytest.importorskip("skops")
    clf = net(n_estimators=None if cv else 3, cv=cv).fit(X, y, groups=PATIENTS)
    assert len(np.unique(clf.oof_fold_)) == 3
    again = through_a_file(clf, tmp_path)
    same(again.oof_fold_, clf.oof_fold_)
    same_attributes(clf, again)
    # The tuner asks the folds whether they cut its groups: it takes the out-of-fold probabilities of these only.
    for one in (clf, again):
        tuned = ThresholdTunerCV(one, cv="oof", refit=False).fit(X, y, groups=PATIENTS)
        np.testing.assert_array_equal(tuned.oof_scores_, clf.oof_proba_)
        with pytest.raises(ValueError, match="groups"):
            ThresholdTunerCV(one, cv="oof", refit=False).fit(X, y, groups=np.arange(200) // 4)


def test_evidence_of_grouped_rows_comes_back(tmp_path):
    """The interval resamples whole groups, and does so after loading too."""
    pytest.importorskip("skops")
    few = np.arange(200) // 20
    tuned = ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=2).fit(X, y, groups=few)
    alone = ThresholdTunerCV(LogisticRegression(), scoring="f1", cv=2).fit(X, y)
    again = through_a_file(tuned, tmp_path)
    np.testing.assert_array_equal(again._evidence[0].clusters, few)
    for options in ({}, {"scoring": "balanced_accuracy"}):
        for one in (tuned, again, alone):
            one.retune(**options)
        same(again.threshold_interval_, tuned.threshold_interval_)
        assert alone.threshold_interval_ != tuned.threshold_interval_


def test_row_costs_and_weights_come_back(tmp_path):
    weight = np.random.default_rng(0).uniform(1, 2, 200)
    costs = np.column_stack([weight, 3 * weight])
    tuned = ThresholdTunerCV(net(n_estimators=2), scoring="cost").fit(X, y, costs=costs, sample_weight=weight)
    again = through_a_file(tuned, tmp_path)
    assert again.retune(prevalence=0.2).best_threshold_ == tuned.retune(prevalence=0.2).best_threshold_


@pytest.mark.parametrize(
    "options", [{"calibrate": True, "abstain": 0.1}, {"parity": "equal_opportunity <= 0.5 [empirical]"}], ids=str
)
def test_bands_groups_and_calibrations_come_back(options, tmp_path):
    groups = {"sensitive": np.array(["a", "b"])[(X[:, 3] > 0).astype(int)]} if "parity" in options else {}
    tuned = ThresholdTunerCV(net(n_estimators=2), **options).fit(X, WORDS, **groups)
    again = through_a_file(tuned, tmp_path)
    np.testing.assert_array_equal(again.decide(X, **groups), tuned.decide(X, **groups))
    np.testing.assert_array_equal(again.predict_proba(X), tuned.predict_proba(X))
    same_attributes(tuned, again)
    again.retune(scoring="f1"), tuned.retune(scoring="f1")
    same_attributes(tuned, again)


def test_a_scorer_is_asked_for(tmp_path):
    tuned = ThresholdTunerCV(net(n_estimators=2), scoring=make_scorer(f1_score)).fit(X, y)
    again = through_a_file(tuned, tmp_path)
    np.testing.assert_array_equal(again.predict(X), tuned.predict(X))
    again.retune(scoring="f1")
    with pytest.raises(ValueError, match=r"scoring was a _Scorer when .*set_params\(scoring=\.\.\.\)"):
        again.retune()


def test_an_estimator_that_skops_does_not_trust_is_refused(tmp_path):
    pytest.importorskip("skops")
    for classifier, unknown in (OwnClassifier(), "OwnClassifier"), (RandomForestClassifier(2), "Tree"):
        tuned = ThresholdTunerCV(classifier, cv=2).fit(X, y)
        with pytest.raises(TypeError, match=rf"not known as safe: .*{unknown}.*skops\.io\.dump\(estimator, path\)"):
            tuned.save(tmp_path / "file")


class OwnClassifier(LogisticRegression):
    pass


@pytest.mark.parametrize("step", ["save", "load"])
def test_without_skops_an_estimator_of_scikit_learn_is_refused_by_name(step, tmp_path, monkeypatch):
    pytest.importorskip("skops")
    tuned = ThresholdTunerCV(LogisticRegression(), cv=2).fit(X, y)
    tuned.save(tmp_path / "file")
    monkeypatch.setitem(sys.modules, "skops.io", None)
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(ImportError, match="pip install skops"):
        tuned.save(tmp_path / "file") if step == "save" else load(tmp_path / "file")


# ------------------------------------------------------------------ skops and pickles
@pytest.mark.parametrize(
    "estimator",
    [
        net(),
        net(n_estimators=2, metrics=["AUC"]),
        net(optimizer=keras.optimizers.SGD(0.1)),
        BinaryNetClassifier(model=template(), epochs=2, random_state=0),
        make_pipeline(StandardScaler(), net()),
        ThresholdTunerCV(net(n_estimators=2)),
        ThresholdTunerCV(make_pipeline(StandardScaler(), SVC()), cv=StratifiedKFold(2)),
    ],
    ids=["plain", "two", "optimizer", "model", "pipeline", "tuner", "tuned pipeline"],
)
def test_skops_loads_our_types_with_the_constant(estimator):
    sio = pytest.importorskip("skops.io")
    fitted = clone(estimator).fit(X, WORDS)
    again = sio.loads(sio.dumps(fitted), trusted=list(SKOPS_TRUSTED_TYPES))
    np.testing.assert_array_equal(again.decision_function(X), fitted.decision_function(X))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_skops_loads_a_table(tmp_path):
    sio = pytest.importorskip("skops.io")
    fitted = net().fit(TABLE, y)
    again = sio.loads(sio.dumps(fitted), trusted=list(SKOPS_TRUSTED_TYPES))
    np.testing.assert_array_equal(again.predict_proba(TABLE), fitted.predict_proba(TABLE))


def test_every_trusted_type_is_there_and_holds_data_alone():
    import importlib

    for name in SKOPS_TRUSTED_TYPES:
        module, _, cls = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), cls), type)


def test_the_optimizers_state_is_kept_where_it_was_asked_for():
    def size(clf):
        return len(pickle.dumps(clf))

    params = {"hidden_layer_sizes": (64, 64), "epochs": 1, "n_estimators": 2}
    plain, warm = net(**params).fit(X, y), net(**params, warm_start=True).fit(X, y)
    weights = sum(w.nbytes for member in plain._fitted.weights for w in member)
    assert size(plain) < 1.5 * weights
    assert size(warm) > 2.5 * weights  # Adam holds two more numbers for each weight
    assert size(plain.partial_fit(X, y)) > 2.5 * weights


def test_a_fit_without_the_optimizers_state_goes_on_with_a_fresh_one():
    cold = net(early_stopping=False).fit(X, y)
    again = pickle.loads(pickle.dumps(cold))
    for clf in (cold, again):
        clf.set_params(warm_start=True).fit(X, y)
    np.testing.assert_array_equal(cold.predict_proba(X), again.predict_proba(X))
    assert int(cold._resume.optimizer_states[0][0]) == 3 * 7  # steps of this fit alone


# ------------------------------------------------------------------ what is wrong with a file
@pytest.fixture(scope="module")
def good(tmp_path_factory):
    clf = net(hidden_layer_sizes=(2,), n_estimators=2).fit(TABLE, WORDS)
    path = tmp_path_factory.mktemp("good") / "clf.binnet"
    clf.save(path)
    return path.read_bytes(), clf.predict_proba(TABLE)


def rewritten(data, change):
    """Return an archive whose content `change` has altered, with checksums that are right again."""
    tree, header = _archive.unpack(data, "file")
    tree = change(tree) or tree
    return _archive.pack(tree, {"estimator": header["estimator"], "sklearn_binnet": header["sklearn_binnet"]})


def with_entries(data, change):
    """Return a zip archive with other entries."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def refused(data, folder, match):
    (folder / "file").write_bytes(data)
    with pytest.raises(ValueError, match=match):
        load(folder / "file")
    came("tried")


@pytest.mark.fault("an altered file", "refused, or the change is where nothing is read")
def test_every_flipped_byte_is_refused_or_does_not_matter(good, tmp_path):
    data, proba = good
    rng = np.random.default_rng(0)
    harmless = told = 0
    places = sorted({*rng.integers(0, len(data), 400).tolist(), *range(40), *range(len(data) - 60, len(data))})
    for place in places:
        altered = bytearray(data)
        altered[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "file").write_bytes(altered)
        try:
            clf = load(tmp_path / "file")
        except ValueError as error:
            text = str(error)
            told += "file" in text and any(word in text for word in ("again", "Update", "another kind"))
        else:  # a date, or another field that nobody reads
            harmless += 1
            np.testing.assert_array_equal(clf.predict_proba(TABLE), proba)
    assert harmless < 150
    assert harmless + told == len(places)
    came("tried", len(places))


@pytest.mark.fault("a truncated file", "`ValueError` names the file and what to do")
def test_every_truncated_file_is_refused(good, tmp_path):
    data, _ = good
    for length in [*range(64), *np.linspace(64, len(data) - 1, 60, dtype=int).tolist()]:
        refused(data[:length], tmp_path, r"'.*file' (is not a whole file|has been altered).*Copy it again")


@pytest.mark.fault("an unknown file, unknown parts of a file", "`ValueError`, and no code of it runs")
def test_files_of_another_kind_are_refused(tmp_path):
    clf = net().fit(X, y)
    refused(pickle.dumps(clf), tmp_path, r"pickle\.load reads pickles")
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    refused(buffer.getvalue(), tmp_path, r"zip archive of another kind.*skops\.io\.load")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


@pytest.mark.fault("a file of a newer version", "`ValueError` asks to update")
def test_a_newer_version_is_refused(good, tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "VERSION", 2)
    newer = rewritten(good[0], lambda tree: None)
    monkeypatch.undo()
    refused(newer, tmp_path, r"version 2 of the format, and this sklearn_binnet reads versions up to 1\. Update it")


@pytest.mark.fault("an unknown file, unknown parts of a file", "`ValueError`, and no code of it runs")
def test_unknown_parts_are_refused(good, tmp_path):
    def parameter(tree):
        tree["parameters"]["depth"] = 3

    def field(tree):
        tree["attributes"]["_target"]["more"] = 3

    def cls(tree):
        tree["attributes"]["_target"]["__stored__"] = "Goal"

    def lacking(tree):
        del tree["attributes"]["_target"]["positive"]

    refused(
        rewritten(good[0], parameter), tmp_path, r"parameter 'depth' there, which this version .*a later one, loads"
    )
    refused(rewritten(good[0], field), tmp_path, r"'more' of a Target, which this version")
    refused(rewritten(good[0], cls), tmp_path, r"'Goal', which this version")
    refused(rewritten(good[0], lacking), tmp_path, r"lacks a part of a Target")
    refused(rewritten(good[0], lambda tree: {"a": 1}), tmp_path, r"no estimator but a dict")


@pytest.mark.fault("an altered file", "refused, or the change is where nothing is read")
def test_altered_entries_are_refused(good, tmp_path):
    data, _ = good
    refused(with_entries(data, lambda e: e.update(extra=b"1")), tmp_path, "not those that its header lists")
    refused(with_entries(data, lambda e: e.popitem()), tmp_path, "not those that its header lists")
    refused(
        with_entries(data, lambda e: e.update({"content.json": b"{}"})),
        tmp_path,
        "checksum of its entry 'content.json'",
    )
    refused(with_entries(data, lambda e: e.update({"header.json": b"{}"})), tmp_path, "header can't be read")
    refused(with_entries(data, lambda e: e.update({"header.json": b"[" * 10**5})), tmp_path, "header can't be read")


def test_a_file_runs_no_code_and_holds_no_pickle(good, tmp_path):
    def named(cls):
        def change(tree):
            tree["attributes"]["_target"] = {"__stored__": cls, "command": "touch here"}

        return change

    refused(rewritten(good[0], named("os.system")), tmp_path, "does not know")

    def method(tree):
        tree["attributes"]["predict"] = "no"

    refused(rewritten(good[0], method), tmp_path, "'predict' is a method of BinaryNetClassifier")

    def lambda_layer(tree):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(1)])
        config = json.dumps(keras.saving.serialize_keras_object(model))
        tree["parameters"]["model"] = {"__stored__": "keras", "config": config, "weights": None}

    refused(rewritten(good[0], lambda_layer), tmp_path, "lambda")

    def elsewhere(tree):
        config = json.dumps({"module": "os", "class_name": "system", "config": {}, "registered_name": "system"})
        tree["parameters"]["optimizer"] = {"__stored__": "keras", "config": config, "weights": None}

    refused(rewritten(good[0], elsewhere), tmp_path, "can't be loaded")
    array = io.BytesIO()
    np.save(array, np.array([{}]), allow_pickle=True)

    def change(entries):
        name = next(name for name in entries if name.endswith(".npy"))
        entries[name] = array.getvalue()
        header = json.loads(entries["header.json"])
        header["entries"][name]["sha256"] = _archive._digest(entries[name])
        entries["header.json"] = json.dumps(header).encode()

    refused(with_entries(good[0], change), tmp_path, "no type of plain numbers")


def test_an_array_cannot_claim_more_than_it_brings():
    data = _archive._array_bytes(np.zeros(4))
    big = data.replace(b"(4,), }" + b" " * 11, b"(400000000000,), }")
    with pytest.raises(ValueError, match="an array of shape"):
        _archive._array(big)


@pytest.mark.fault("a disk that is full while saving", "`OSError`; the earlier file stays, and no other")
def test_a_full_disk_leaves_the_old_file(good, tmp_path, monkeypatch):
    path = tmp_path / "clf.binnet"
    path.write_bytes(good[0])

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        net().fit(X, y).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["clf.binnet"]
    assert path.read_bytes() == good[0]


def test_a_new_file_may_be_read_by_those_who_may_read_the_folders_others(tmp_path):
    net().fit(X, y).save(tmp_path / "file")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


# ------------------------------------------------------------------ the archive by itself
atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.integers(-5, 5).map(np.int16),
    st.floats(width=32).map(np.float32),
    hnp.arrays(
        st.sampled_from([np.dtype(d) for d in ("f4", "f8", "i8", "u1", "?", "U3", ">i4", "M8[D]")]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
)
trees = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=4), st.integers(), st.booleans()), inner, max_size=3),
    ),
    max_leaves=8,
)


def equal(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.floating) and np.isnan(a):  # a NaN comes back as NaN; its sign and payload mean nothing
        return bool(a.dtype == b.dtype and np.isnan(b))
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))
    return a == b or (a != a and b != b)


@settings(max_examples=200, deadline=None)
@given(trees)
def test_plain_data_come_back(tree):
    found, header = _archive.unpack(_archive.pack(tree, {"about": 1}), "file")
    assert equal(found, tree)
    assert header["about"] == 1


def test_memory_layout_of_an_array_comes_back():
    wide = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    found, _ = _archive.unpack(_archive.pack([wide, wide[:, ::2], wide], {}), "file")
    assert found[0].flags.f_contiguous
    assert not found[0].flags.c_contiguous
    assert found[0] is found[2]
    assert found[0].flags.writeable
    np.testing.assert_array_equal(found[1], wide[:, ::2])


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), np.complex128(1), print])
def test_other_data_are_refused_with_their_place(value):
    with pytest.raises(_archive.NotPlainError, match=r"^a\.0"):
        _archive.pack({"a": [value]}, {})


# ------------------------------------------------------------------ files of earlier versions
DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.binnet")), ids=lambda path: path.stem)
def test_a_file_of_an_earlier_version_loads_to_the_same_bits(path):
    if path.stem.startswith(("tuned_line", "tuned_groups")):
        pytest.importorskip("skops")
        if sklearn.__version__.startswith("1.6."):
            pytest.skip("an older scikit-learn does not read what a newer one wrote")
    if path.stem.startswith("model") and keras.__version__.startswith("3.8."):
        pytest.skip("an older Keras does not read what a newer one wrote")
    estimator = load(path)
    expected = np.load(path.with_suffix(".npz"), allow_pickle=False)
    table = pd.DataFrame({name[7:]: expected[name] for name in expected if name.startswith("column_")})
    rows = table if len(table) else expected["X"]
    np.testing.assert_array_equal(estimator.predict(rows), expected["labels"])
    np.testing.assert_allclose(estimator.predict_proba(rows), expected["proba"], rtol=1e-5)  # the bits are the weights'
    fitted = getattr(estimator, "estimator_", estimator)
    if hasattr(fitted, "_fitted"):
        weights = np.concatenate([w.ravel() for member in fitted._fitted.weights for w in member])
        assert weights.tobytes() == expected["weights"].tobytes()
    for attribute in [name for name in expected if name.endswith("_")]:
        same(getattr(fitted, attribute), expected[attribute])
    if hasattr(estimator, "retune"):
        assert estimator.best_threshold_ == expected["threshold"]
        assert estimator.retune(scoring="f2").best_threshold_ == pytest.approx(float(expected["retuned"]))
        if "interval" in expected:  # by resampling whole groups, where there are groups
            assert estimator.threshold_interval_ == pytest.approx(tuple(expected["interval"]))


def test_there_are_files_of_this_version():
    versions = {_archive.unpack(path.read_bytes(), path.name)[1]["version"] for path in DATA.glob("*.binnet")}
    assert versions == set(range(1, _archive.VERSION + 1))
    assert sklearn_binnet.__version__
