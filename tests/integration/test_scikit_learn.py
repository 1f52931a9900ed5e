"""BinaryNetClassifier inside scikit-learn's tools: every tool that takes a classifier, and what it must give."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes HalvingGridSearchCV importable
from sklearn.feature_selection import RFECV, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import DecisionBoundaryDisplay, PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    accuracy_score,
    f1_score,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    LearningCurveDisplay,
    RandomizedSearchCV,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
    ValidationCurveDisplay,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.fixes import parse_version

from sklearn_binnet import BinaryNetClassifier, ThresholdTunerCV
from tests.small import X, Y, net, y


def good(**params):
    """A network that has learnt something."""
    return net(**{"epochs": 20, "learning_rate": 0.02} | params)


@pytest.fixture(scope="module")
def fitted():
    return good().fit(X, y)


def test_cross_val_score_of_a_pipeline():
    scores = cross_val_score(make_pipeline(StandardScaler(), good()), X, y, cv=3, error_score="raise")
    assert scores.mean() > 0.8
    np.testing.assert_array_equal(
        scores, cross_val_score(make_pipeline(StandardScaler(), good()), X, y, cv=3, error_score="raise")
    )


def test_folds_are_stratified():
    rare = np.zeros(200, int)
    rare[-20:] = 1  # an unstratified first fold would have none
    proba = cross_val_predict(net(), X, rare, cv=4, method="predict_proba")
    assert proba.shape == (200, 2)


def test_grid_search():
    grid = {
        "binarynetclassifier__threshold": [0.01, 0.5],
        "binarynetclassifier__hidden_layer_sizes": [(8,), ()],
        "binarynetclassifier__learning_rate": [1e-6, 2e-2],
    }
    search = GridSearchCV(make_pipeline(StandardScaler(), good()), grid, cv=2, scoring="accuracy", error_score="raise")
    search.fit(X, y)
    assert search.best_params_["binarynetclassifier__threshold"] == 0.5
    assert search.best_params_["binarynetclassifier__learning_rate"] == 2e-2
    assert search.score(X, y) > 0.8
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    # every threshold of 0.01 says yes to nearly all
    low = [p["binarynetclassifier__threshold"] == 0.01 for p in search.cv_results_["params"]]
    assert search.cv_results_["mean_test_score"][low].max() < search.best_score_ - 0.1


def test_tuned_threshold():
    rare = (X[:, 0] > 1).astype(int)
    tuned = TunedThresholdClassifierCV(good(), scoring="f1", cv=2).fit(X, rare)
    assert tuned.best_score_ > f1_score(rare, np.ones_like(rare))
    np.testing.assert_array_equal(tuned.predict(X), tuned.predict_proba(X)[:, 1] >= tuned.best_threshold_)


def test_fixed_threshold_agrees_with_our_own(fitted):
    words = np.array(["no", "yes"])[y]
    for pos_label in ("no", "yes"):
        fixed = FixedThresholdClassifier(good(), threshold=0.7, pos_label=pos_label).fit(X, words)
        own = good(threshold=0.7, pos_label=pos_label).fit(X, words)
        # another positive class is another network: compare each with its own probabilities
        column = list(own.classes_).index(pos_label)
        assert np.array_equal(own.predict(X) == pos_label, own.predict_proba(X)[:, column] >= 0.7)
        if pos_label == "yes":
            np.testing.assert_array_equal(fixed.predict(X), own.predict(X))


def test_scorers_take_the_positive_class():
    words = np.array(["no", "yes"])[y]
    scorer = make_scorer(f1_score, pos_label="no")
    assert cross_val_score(good(pos_label="no"), X, words, cv=2, scoring=scorer, error_score="raise").mean() > 0.7


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(method):
    calibrated = CalibratedClassifierCV(good(), method=method, cv=2).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)


def test_multi_output():
    clf = MultiOutputClassifier(good()).fit(X, Y)
    assert len(clf.estimators_) == 3
    np.testing.assert_array_equal(clf.estimators_[1].predict(X), clf.predict(X)[:, 1])


def test_voting(fitted):
    vote = VotingClassifier([("net", good()), ("line", LogisticRegression())], voting="soft").fit(X, y)
    expected = (fitted.predict_proba(X) + LogisticRegression().fit(X, y).predict_proba(X)) / 2
    np.testing.assert_allclose(vote.predict_proba(X), expected)


def test_stacking(fitted):
    stack = StackingClassifier([("net", good()), ("line", LogisticRegression())], cv=2).fit(X, y)
    assert stack.score(X, y) > 0.8
    meta = stack.transform(X)
    np.testing.assert_array_equal(meta[:, 0], fitted.predict_proba(X)[:, 1])
    ready = StackingClassifier([("net", FrozenEstimator(fitted))], cv="prefit").fit(X, y)
    np.testing.assert_array_equal(ready.transform(X)[:, 0], fitted.predict_proba(X)[:, 1])


def test_bagging():
    bag = BaggingClassifier(net(), n_estimators=2, max_samples=0.8, max_features=0.75, random_state=0).fit(X, y)
    parts = [
        model.predict_proba(X[:, columns])
        for model, columns in zip(bag.estimators_, bag.estimators_features_, strict=True)
    ]
    np.testing.assert_allclose(bag.predict_proba(X), np.mean(parts, axis=0))


def test_boosting_weighs_the_rows():
    boost = AdaBoostClassifier(net(), n_estimators=2, random_state=0).fit(X, y)
    assert len(boost.estimators_) == 2
    assert not np.array_equal(*(model.predict_proba(X) for model in boost.estimators_))


@pytest.mark.parametrize(
    "several", [OneVsRestClassifier, OneVsOneClassifier, partial(OutputCodeClassifier, code_size=3, random_state=0)]
)
def test_more_than_two_classes(several):
    blobs, classes = make_blobs(120, centers=3, random_state=0)
    words = np.array(["ash", "elm", "oak"])[classes]
    clf = several(good(learning_rate=0.05)).fit(blobs, words)
    assert clf.score(blobs, words) > 0.8
    assert set(clf.predict(blobs)) == {"ash", "elm", "oak"}


def test_chains():
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        chain = ClassifierChain(net(), order=[2, 0, 1], chain_method=method).fit(X, Y)
        assert chain.predict_proba(X).shape == chain.predict_log_proba(X).shape == (200, 3)
        first = net().fit(X, Y[:, 2])
        np.testing.assert_array_equal(chain.predict_proba(X)[:, 2], first.predict_proba(X)[:, 1])
    averaged = ClassifierChain(net(), cv=2, chain_method="predict_proba").fit(X, Y)
    assert averaged.score(X, Y) >= 0


def test_self_training():
    unknown = np.where(np.arange(200) % 2, y, -1)
    clf = SelfTrainingClassifier(good(), threshold=0.9, max_iter=2).fit(X, unknown)
    assert clf.score(X, y) > 0.8
    assert (clf.labeled_iter_ > 0).any()


def test_feature_selection():
    chosen = SequentialFeatureSelector(good(), n_features_to_select=1, cv=2, scoring="roc_auc").fit(X[:, :3], y)
    np.testing.assert_array_equal(chosen.get_support(), [True, False, False])  # the first column says the most
    ranked = RFECV(good(), cv=2, importance_getter=first_layer).fit(X, y)
    assert ranked.ranking_[0] == 1


def first_layer(clf):
    return np.abs(clf.models_[0].get_layer("hidden_0").kernel.numpy()).sum(axis=1)


def test_columns_from_several_sources():
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 2] > 0, "oak", "elm"))
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=float)), (OneHotEncoder(), ["kind"])
    )
    assert make_pipeline(columns, good()).fit(frame, y).score(frame, y) > 0.8
    union = make_union(StandardScaler(), PCA(2, random_state=0))
    assert make_pipeline(union, good()).fit(X, y).score(X, y) > 0.8
    through = make_pipeline(make_column_transformer(("passthrough", ["a", "b", "kind"])), good())
    through.set_output(transform="pandas").fit(frame, y)
    assert through[-1].feature_names_in_.tolist() == ["passthrough__a", "passthrough__b", "passthrough__kind"]
    assert [levels is not None for levels in through[-1]._table.levels] == [False, False, True]
    polars = pytest.importorskip("polars")
    made = through.set_output(transform="polars").fit(frame, y)[0].transform(frame)
    assert isinstance(made, polars.DataFrame)
    assert through.score(frame, y) > 0.8


@pytest.mark.skipif(parse_version(sklearn.__version__) < parse_version("1.9"), reason="cuts no tables of pyarrow")
def test_tables_of_other_libraries_are_cut_into_folds():
    polars, pyarrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(X[:, 2] > 0, "oak", "elm"))
    expected = cross_val_predict(net(), frame, y, cv=2, method="predict_proba")
    for table in (polars.from_pandas(frame), pyarrow.Table.from_pandas(frame)):
        np.testing.assert_array_equal(cross_val_predict(net(), table, y, cv=2, method="predict_proba"), expected)
        tuned = ThresholdTunerCV(net(n_estimators=2), scoring="f1").fit(table, y)
        np.testing.assert_array_equal(tuned.predict(table), tuned.predict(frame))


def test_randomized_search_and_several_scorers():
    search = RandomizedSearchCV(
        good(),
        {"learning_rate": [1e-6, 0.02], "threshold": [0.4, 0.5]},
        n_iter=2,
        cv=2,
        scoring=["accuracy", "roc_auc", "neg_log_loss"],
        refit="roc_auc",
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert roc_auc_score(y, search.predict_proba(X)[:, 1]) > 0.8
    assert {"mean_test_accuracy", "mean_test_roc_auc", "mean_test_neg_log_loss"} <= search.cv_results_.keys()


@pytest.mark.parametrize(("resource", "options"), [("n_samples", {}), ("epochs", {"max_resources": 9})])
def test_halving_search(resource, options):
    grid = {"learning_rate": [1e-7, 1e-6, 0.02]}
    search = HalvingGridSearchCV(net(), grid, resource=resource, cv=2, random_state=0, error_score="raise", **options)
    search.fit(X, y)
    assert search.n_iterations_ == 2
    resources = search.cv_results_["n_resources"]
    assert max(resources) > min(resources)
    if resource == "epochs":
        assert search.best_estimator_.n_iter_ == max(resources)


def test_cross_validation_with_scorers_and_models():
    result = cross_validate(
        good(),
        X,
        y,
        cv=2,
        scoring=["f1", "average_precision"],
        return_train_score=True,
        return_estimator=True,
        error_score="raise",
    )
    assert (result["test_f1"] > 0.7).all()
    assert [model.n_iter_ for model in result["estimator"]] == [20, 20]


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_predictions_of_the_folds(method):
    found = cross_val_predict(net(), X, y, cv=2, method=method)
    assert found.shape == ((200, 2) if "proba" in method else (200,))
    assert np.isfinite(found).all()


def test_curves_over_rows_and_parameters():
    sizes, _, scores = learning_curve(good(), X, y, train_sizes=[0.3, 1.0], cv=2, error_score="raise")
    assert sizes.tolist() == [30, 100]
    assert scores.mean() > 0.7
    LearningCurveDisplay.from_estimator(net(), X, y, train_sizes=[0.3, 1.0], cv=2)
    ValidationCurveDisplay.from_estimator(net(), X, y, param_name="threshold", param_range=[0.3, 0.5], cv=2)
    plt.close("all")


def test_a_permutation_test_and_time_splits():
    score, permuted, p_value = permutation_test_score(good(), X, y, cv=2, n_permutations=3, random_state=0)
    assert score > permuted.max()
    assert p_value == 0.25
    assert len(cross_val_score(net(), X, y, cv=TimeSeriesSplit(3), error_score="raise")) == 3


def test_displays(fitted):
    for display in (
        RocCurveDisplay,
        PrecisionRecallDisplay,
        DetCurveDisplay,
        ConfusionMatrixDisplay,
        CalibrationDisplay,
    ):
        display.from_estimator(fitted, X, y)
    dependence = PartialDependenceDisplay.from_estimator(fitted, X, [0, (0, 1)], grid_resolution=5, kind="average")
    rising = dependence.pd_results[0]["average"][0]
    assert (np.diff(rising) > 0).all()  # the more of the first column, the more likely is yes
    plane = net().fit(X[:, :2], y)
    boundary = DecisionBoundaryDisplay.from_estimator(
        plane, X[:, :2], response_method="predict_proba", grid_resolution=5
    )
    assert boundary.response.shape == (5, 5)
    plt.close("all")


def test_frozen(fitted):
    frozen = FrozenEstimator(fitted)
    np.testing.assert_array_equal(clone(frozen).fit(X[:10], y[:10]).predict_proba(X), fitted.predict_proba(X))
    calibrated = CalibratedClassifierCV(frozen).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    fixed = FixedThresholdClassifier(frozen, threshold=0.3).fit(X, y)
    np.testing.assert_array_equal(fixed.predict(X), fitted.predict_proba(X)[:, 1] >= 0.3)


def test_representations(fitted):
    html = make_pipeline(StandardScaler(), good(hidden_layer_sizes=(5,)))._repr_html_()
    assert "BinaryNetClassifier" in html
    assert "hidden_layer_sizes" in html
    assert repr(net(threshold=0.3)).startswith("BinaryNetClassifier(activation='relu'")


def test_the_html_representation_links_to_the_reference(tmp_path, monkeypatch):
    """The address is what the installed package states, here one in front of the real one on the path."""
    clf = net()
    pair = clf, ThresholdTunerCV(clf)
    stated = tmp_path / "sklearn_binnet-0.dist-info"
    stated.mkdir()
    head = "Metadata-Version: 2.1\nName: sklearn_binnet\nVersion: 0\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    (stated / "METADATA").write_text(head + "Project-URL: Documentation, https://docs.example/stable/\n", "utf-8")
    for estimator in pair:
        name = type(estimator).__name__
        assert f'href="https://docs.example/stable/api.html#sklearn_binnet.{name}' in estimator._repr_html_()
    # A subclass of the user's own is not in our reference.
    own = type("Own", (BinaryNetClassifier,), {"__module__": "theirs"})()
    assert "docs.example" not in own._repr_html_()
    (stated / "METADATA").write_text(head, "utf-8")
    for estimator in pair:
        assert "api.html" not in estimator._repr_html_()


def test_weights_and_validation_rows_are_routed_from_end_to_end():
    weight = np.where(X[:, 1] > 0, 1.0, 0.0)
    with config_context(enable_metadata_routing=True):
        clf = good().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        scale = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scale, clf, transform_input=["X_val"])
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        search = GridSearchCV(
            pipe, {"binarynetclassifier__threshold": [0.5]}, cv=2, scoring=scorer, error_score="raise"
        )
        search.fit(X, y, sample_weight=weight, X_val=X[:50], y_val=y[:50])
        inner = search.best_estimator_[-1]
        scaler = StandardScaler().fit(X)
        expected = good().fit(scaler.transform(X), y, weight, X_val=scaler.transform(X[:50]), y_val=y[:50])
        np.testing.assert_array_equal(inner.predict_proba(X), expected.predict_proba(X))


def test_groups_are_routed_to_the_splitter_and_to_the_network():
    groups = np.repeat(np.arange(20), 10)
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(good(n_estimators=2), {"threshold": [0.5]}, cv=GroupKFold(2), error_score="raise")
        search.fit(X, y, groups=groups)
        expected = good(n_estimators=2).fit(X, y, groups=groups)
        np.testing.assert_array_equal(search.best_estimator_.oof_proba_, expected.oof_proba_)
        assert not np.array_equal(expected.oof_proba_, good(n_estimators=2).fit(X, y).oof_proba_)


def test_scikit_learns_callbacks():
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipe = make_pipeline(FunctionTransformer(), net().set_callbacks(monitor))
    search = GridSearchCV(pipe, {"binarynetclassifier__threshold": [0.4, 0.5]}, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.5
    refit = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(refit) >= 3


def test_permutation_importance(fitted):
    result = permutation_importance(fitted, X, y, n_repeats=3, random_state=0)
    assert np.argmax(result.importances_mean) == 0


def test_copies(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    again.partial_fit(X, y)  # a copy goes on training
    np.testing.assert_array_equal(clone(fitted).fit(X, y).predict_proba(X), fitted.predict_proba(X))


@pytest.mark.xla  # other processes train as users do
def test_one_job_or_two_give_the_same_bits():
    """A search, a tuning whose folds go to the processes one by one, and predictions."""
    fitted = good().fit(X, y)
    search = GridSearchCV(good(), {"learning_rate": [0.01, 0.02]}, scoring="neg_log_loss", cv=2)
    weights = np.random.default_rng(0).random(len(y))
    # a parameter of another step than the last keeps the folds from being trained side by side
    tuner = ThresholdTunerCV(make_pipeline(StandardScaler(), good()), cv=2, scoring="f1", random_state=0)
    found = []
    for n_jobs in (1, 2):
        with joblib.parallel_config("loky"):
            search.set_params(n_jobs=n_jobs).fit(X, y)
            tuner.set_params(n_jobs=n_jobs).fit(X, y, standardscaler__sample_weight=weights)
            parts = joblib.Parallel(n_jobs)(joblib.delayed(fitted.predict_proba)(part) for part in (X[:100], X[100:]))
        scores = [search.cv_results_[f"split{i}_test_score"] for i in range(2)]
        thresholds = [tuner.best_threshold_, *tuner.threshold_interval_]
        found.append([*scores, search.predict_proba(X), tuner.oof_scores_, thresholds, np.vstack(parts)])
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(found[0][-1], fitted.predict_proba(X))


def test_threads(fitted):
    """Fits that share a compiled program, and predictions of one estimator, side by side."""
    with ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda seed: good(random_state=seed).fit(X, y).predict_proba(X), [0, 1, 0, 1]))
        answers = list(pool.map(fitted.predict_proba, [X] * 8))
    np.testing.assert_array_equal(fits[0], fitted.predict_proba(X))
    np.testing.assert_array_equal(fits[0], fits[2])
    np.testing.assert_array_equal(fits[1], fits[3])
    assert not np.array_equal(fits[0], fits[1])
    assert all(np.array_equal(a, answers[0]) for a in answers)
