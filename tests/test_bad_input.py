"""Every wrong input is told what is wrong and what to do, and leaves the estimator as it was."""

import copy
import warnings

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.multiclass import OneVsRestClassifier

from tests.small import X, Y, net, y

ONE_HOT = np.eye(2, dtype=int)[y]


@pytest.fixture(scope="module")
def fitted():
    return net().fit(X, y)


@pytest.fixture(scope="module")
def multilabel():
    return net().fit(X, Y)


def with_value(value):
    bad = X.copy()
    bad[3, 2] = value
    return bad


def test_infinite_values(fitted):
    value, message = np.inf, "Input X contains infinity"
    with pytest.raises(ValueError, match=message):
        net().fit(with_value(value), y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(with_value(value))
    with pytest.raises(ValueError, match=f"X_val and y_val must be like X and y, but: {message}"):
        net().fit(X, y, X_val=with_value(value), y_val=y)


LABELS = {
    "one class": (np.zeros(200), r"y must hold two classes, got one class only: \[0.0\]"),
    "three classes": (np.arange(200) % 3, r"y has 3 classes. Use OneVsRestClassifier\(BinaryNetClassifier\(\)\)"),
    "continuous": (X[:, 0], "Unknown label type: continuous. .* use a regressor, or turn the numbers into labels"),
    "missing": (np.where(y, 1.0, np.nan), "Input y contains NaN"),
    "mixed": (np.array([None, "a"], dtype=object)[y], "y must hold labels of one kind, all strings or all numbers"),
    "not 0 and 1": (2 * Y, r"indicator matrix of 0s and 1s, one column for each label, got values \[0, 2\]"),
    "many classes, many columns": (Y + np.arange(200)[:, None] % 2, "Unknown label type: multiclass-multioutput"),
}


@pytest.mark.parametrize(("labels", "message"), LABELS.values(), ids=LABELS)
def test_labels_that_are_no_question(labels, message):
    with pytest.raises(ValueError, match=message):
        net().fit(X, labels)


def test_three_classes_one_against_the_rest():
    three = np.array(["a", "b", "c"])[(X[:, 0] > -0.5).astype(int) + (X[:, 0] > 0.5)]
    clf = OneVsRestClassifier(net(epochs=30, learning_rate=0.02)).fit(X, three)
    np.testing.assert_array_equal(clf.classes_, ["a", "b", "c"])
    assert clf.score(X, three) > 0.7
    np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)


def test_wrong_number_of_columns(fitted):
    for method in (fitted.predict, fitted.predict_proba, fitted.decision_function):
        with pytest.raises(ValueError, match="X has 3 features, but BinaryNetClassifier is expecting 4"):
            method(X[:, :3])
    with pytest.raises(ValueError, match="X_val and y_val must be like X and y, but: X has 3 features"):
        net().fit(X, y, X_val=X[:, :3], y_val=y)


def test_before_fit():
    for ask in (
        lambda clf: clf.predict(X),
        lambda clf: clf.predict_proba(X),
        lambda clf: clf.decision_function(X),
        lambda clf: clf.predict_log_proba(X),
        lambda clf: clf.score(X, y),
        lambda clf: clf.model_,
        lambda clf: clf.models_,
    ):
        with pytest.raises(NotFittedError, match=r"not fitted yet. Call 'fit'"):
            ask(net())


PARAMETERS = {
    "pos_label": ({"pos_label": 7}, r"pos_label must be one of the labels in y, \[0, 1\]; got 7"),
    "pos_label kind": ({"pos_label": "1"}, r"pos_label must be one of the labels in y, \[0, 1\]; got '1'"),
    "threshold": ({"threshold": 1.5}, r"'threshold' .* range \[0.0, 1.0\] or an array-like. Got 1.5"),
    "threshold nan": ({"threshold": np.nan}, r"'threshold' .* range \[0.0, 1.0\]"),
    "thresholds": ({"threshold": [0.5, 0.5]}, r"threshold must be a number in \[0, 1\], got \[0.5, 0.5\]"),
    "epochs": ({"epochs": 0}, r"'epochs' .* an int in the range \[1, inf\) or None. Got 0"),
    "batch_size": ({"batch_size": 0}, r"'batch_size' .* an int in the range \[1, inf\)"),
    "activation": ({"activation": "step"}, "'activation' .* Got 'step'"),
    "optimizer": ({"optimizer": "newton"}, "optimizer must be the name of a Keras optimizer .* got 'newton'"),
    "metrics": ({"metrics": ["beauty"]}, "metrics must hold names of Keras metrics .* got 'beauty'"),
    "schedule": ({"learning_rate_schedule": "wild"}, "'learning_rate_schedule' .* Got 'wild'"),
    "learning_rate": ({"learning_rate": 0}, "'learning_rate' .* Got 0"),
    "learning_rate function": (
        {"learning_rate": lambda step: 0.1},
        "learning_rate must be a number above 0, a keras.optimizers.schedules.LearningRateSchedule",
    ),
    "two schedules": (
        {
            "learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9),
            "learning_rate_schedule": "cosine",
        },
        "learning_rate_schedule must be 'constant' or None when the learning rate is a Keras schedule",
    ),
    "dropout": ({"dropout": 1.0}, "'dropout'"),
    "dropout length": ({"dropout": [0.1, 0.2]}, r"dropout .* one for each of the 1 hidden layers, got \[0.1, 0.2\]"),
    "dropout rates": ({"dropout": [1.0]}, r"dropout must be one rate in \[0, 1\)"),
    "layer of no units": ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes must hold whole numbers .* got \(0,\)"),
    "half units": ({"hidden_layer_sizes": (2.5,)}, r"hidden_layer_sizes must hold whole numbers .* got \(2.5,\)"),
    "named units": ({"hidden_layer_sizes": ("8",)}, "hidden_layer_sizes must hold whole numbers"),
    "validation_fraction": ({"validation_fraction": 1.0}, "'validation_fraction'"),
    "class_weight": ({"class_weight": {2: 1}}, r"class_weight .* to the classes \[0, 1\]; got {2: 1}"),
    "class_weight sign": ({"class_weight": {1: -1}}, "class_weight must give finite weights of at least 0"),
    "class_weight zero": ({"class_weight": {0: 0, 1: 0}}, "class_weight .* not all 0"),
    "class_weight text": ({"class_weight": {1: "a"}}, "class_weight must give finite weights"),
    "class_weight list": ({"class_weight": [{1: 2}] * 2}, r"a list of 1 dicts \(one for each label\)"),
    "class_weight name": ({"class_weight": "fair"}, "'class_weight'"),
}


@pytest.mark.parametrize(("params", "message"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters(params, message):
    clf = net(**params)
    with pytest.raises(ValueError, match=message):
        clf.fit(X, y)
    assert not [name for name in vars(clf) if name.endswith("_")], "half fitted"


@pytest.mark.parametrize("threshold", [2, True, -0.1, np.nan, "high", [0.1, 0.2], [[0.1]], None])
def test_threshold_set_later(threshold, fitted):
    clf = copy.deepcopy(fitted).set_params(threshold=threshold)
    with pytest.raises(ValueError, match=r"threshold must be a number in \[0, 1\], got"):
        clf.predict(X)
    clf.predict_proba(X)  # asks for no threshold


def test_thresholds_of_several_questions(multilabel):
    clf = copy.deepcopy(multilabel).set_params(threshold=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"threshold must be a number or 3 numbers, one for each label, in \[0, 1\]"):
        clf.predict(X)
    with pytest.raises(ValueError, match="3 numbers"):
        net(threshold=[0.1, 0.2]).fit(X, Y)


def test_several_questions_have_no_pos_label():
    with pytest.raises(ValueError, match="pos_label must be None or 1 when y is an indicator matrix, got 0"):
        net(pos_label=0).fit(X, Y)


def test_weights_of_nothing(fitted):
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero number"):
        net().fit(X, y, sample_weight=np.zeros(200))
    with pytest.raises(ValueError, match="sample_weight must be above 0 for rows of both classes"):
        net().fit(X, y, sample_weight=y)
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        net().fit(X, y, sample_weight=-np.ones(200))
    with pytest.raises(ValueError, match="class_weight leaves no weight at all on the 200 rows that are validated on"):
        net(class_weight={1: 0}).fit(X, y, X_val=X, y_val=np.ones(200, int))


def test_validation_rows():
    with pytest.raises(ValueError, match="got X_val without y_val"):
        net().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="got y_val without X_val"):
        net().fit(X, y, y_val=y)
    with pytest.raises(ValueError, match="sample_weight_val needs X_val and y_val"):
        net().fit(X, y, sample_weight_val=y)
    with pytest.raises(ValueError, match=r"y_val must hold the labels \[0, 1\] that fit has seen; got \[2\] too"):
        net().fit(X, y, X_val=X, y_val=y + 1)
    with pytest.raises(ValueError, match=r"y_val must be an indicator matrix of 0s and 1s with 3 columns"):
        net().fit(X, Y, X_val=X, y_val=Y[:, :2])
    with pytest.raises(ValueError, match="y_val must hold one label for each row"):
        net().fit(X, y, X_val=X, y_val=Y)


def test_one_hot_is_read_as_one_question(fitted):
    clf = net()
    with pytest.warns(
        UserWarning, match="y has two columns and exactly one 1 in every row, so it is read as one yes/no"
    ):
        clf.fit(X, ONE_HOT)
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))
    with pytest.warns(UserWarning, match="one-hot"):
        assert clf.score(X, ONE_HOT) == fitted.score(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clf.score(X, y) == fitted.score(X, y)


def test_a_column_of_labels(fitted):
    clf = net()
    with pytest.warns(UserWarning, match="column-vector y"):
        clf.fit(X, y[:, None])
    np.testing.assert_array_equal(clf.predict(X), fitted.predict(X))


DIVERGING = {"optimizer": "sgd", "learning_rate": 1e30}


def test_divergence_says_why_and_what_to_do():
    clf = net(**DIVERGING)
    with pytest.raises(ValueError, match=r"loss is nan in epoch 1 of 3. .* lower learning_rate.* Nothing was fitted"):
        clf.fit(X, y)
    with pytest.raises(NotFittedError):
        clf.predict(X)
    assert not hasattr(clf, "n_features_in_")


@pytest.mark.fault("a fit that fails", "the earlier fit stays")
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_fit_leaves_the_last_one_working(method, fitted):
    clf = copy.deepcopy(fitted)
    before = clf.predict_proba(X)
    history, state = copy.deepcopy(clf.history_), sorted(vars(clf))
    clf.set_params(**DIVERGING)
    with pytest.raises(ValueError, match="diverged"):
        getattr(clf, method)(X, y)
    clf.set_params(optimizer="adam", learning_rate=None)
    for bad in ((X[:, :2], y * 0), (X[:, :2], np.arange(200)), (with_value(np.inf), y)):
        with pytest.raises(ValueError, match=r"y must|y has|features|infinity"):
            getattr(clf, method)(*bad)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert clf.history_ == history
    assert sorted(vars(clf)) == state
    assert clf.n_features_in_ == 4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras under NumPy 2
def test_an_interrupted_fit_leaves_the_last_one_working(fitted):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    clf = copy.deepcopy(fitted).set_params(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X[:100, :3], y[:100])
    np.testing.assert_array_equal(clf.predict_proba(X), fitted.predict_proba(X))


def test_partial_fit():
    with pytest.raises(ValueError, match="classes must be given at the first call of partial_fit"):
        net().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"OneVsRestClassifier\(BinaryNetClassifier\(\)\)"):
        net().partial_fit(X, y, classes=[0, 1, 2])
    clf = net().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"classes must be \[0, 1\], as at the first call of partial_fit, got \[0, 2\]"
    ):
        clf.partial_fit(X, y, classes=[0, 2])
    with pytest.raises(ValueError, match=r"y must hold the labels \[0, 1\] that fit has seen; got \[2\] too"):
        clf.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="the parameters now describe another network"):
        clf.set_params(hidden_layer_sizes=(5,)).partial_fit(X, y)


def test_warm_start():
    clf = net(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 4") as raised:
        clf.fit(X[:, :2], y)
    assert "warm_start=True goes on from the last fit's columns" in raised.value.__notes__[0]
    with pytest.raises(ValueError, match=r"y had 1 columns and now has 3\. Use warm_start=False"):
        clf.fit(X, Y)
    with pytest.raises(ValueError, match=r"the labels were \[0, 1\] .* are now \[1, 2\]"):
        clf.fit(X, y + 1)
    with pytest.raises(ValueError, match="the labels were"):
        clf.set_params(pos_label=0).fit(X, y)
    with pytest.raises(ValueError, match="another network"):
        clf.set_params(pos_label=None, hidden_layer_sizes=(5,)).fit(X, y)
    clf.set_params(hidden_layer_sizes=(8,)).fit(X, y)
