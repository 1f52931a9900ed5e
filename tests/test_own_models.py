"""`BinaryNetClassifier(model=...)`: a user's Keras or SciKeras model inside scikit-learn."""

import pickle
import random
import threading
import warnings

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_binnet import BinaryNetClassifier

D = 4
X, Y = make_classification(80, D, n_informative=3, n_redundant=0, class_sep=2.0, random_state=0)
SHORT = {"epochs": 4, "batch_size": 16, "random_state": 0}


def dense(units=1, activation="sigmoid", n_features=D):
    return keras.Sequential([keras.Input((n_features,)), layers.Dense(5, "relu"), layers.Dense(units, activation)])


def wide(meta, units=5):
    return keras.Sequential(
        [keras.Input((meta["n_features_in_"],)), layers.Dense(units, "relu"), layers.Dense(1, "sigmoid")]
    )


def wrapper(**parameters):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from scikeras.wrappers import KerasClassifier
    defaults = {"loss": "binary_crossentropy", "optimizer": "adam", "units": 5}
    return KerasClassifier(wide, **(defaults | parameters))


class AtBatches(keras.callbacks.Callback):
    """Does nothing, at batches: asks for Keras' own `fit`."""

    def on_train_batch_end(self, batch, logs=None):
        pass


class OwnStep(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden, self.head = layers.Dense(5, "relu"), layers.Dense(1, "sigmoid")
        self.steps = 0

    def call(self, x):
        return self.head(self.hidden(x))

    def train_step(self, data):
        self.steps += 1
        return super().train_step(data)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(dense, id="function"),
        pytest.param(dense(), id="template"),
        pytest.param(dense(1, None), id="linear"),
        pytest.param(dense(2, "softmax"), id="softmax"),
        pytest.param(wrapper(), id="scikeras"),
        pytest.param(OwnStep, id="own train_step"),
    ],
)
def test_every_kind_of_model_learns_pickles_and_becomes_keras(model):
    clf = BinaryNetClassifier(model=model, epochs=60, batch_size=16, learning_rate=0.02, random_state=0).fit(X, Y)
    assert clf.score(X, Y) > 0.8
    proba = clf.predict_proba(X)
    assert proba.shape == (80, 2)
    np.testing.assert_allclose(clf.predict_proba(X[:1]), proba[:1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(clf)).predict_proba(X), proba, rtol=1e-6)
    np.testing.assert_allclose(clf.model_.predict(X, verbose=0)[:, 0], proba[:, 1], atol=2e-6)
    np.testing.assert_allclose(clone(clf).fit(X, Y).predict_proba(X), proba, rtol=1e-5)


def test_the_same_seed_gives_the_same_result_and_no_global_state_is_touched():
    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), keras.Model.__reduce__  # noqa: NPY002

    before = state()
    first = BinaryNetClassifier(model=dense, **SHORT).fit(X, Y).predict_proba(X)
    BinaryNetClassifier(model=lambda: dense(2, "softmax"), **SHORT).fit(X, Y)
    assert before == state()
    np.testing.assert_array_equal(BinaryNetClassifier(model=dense, **SHORT).fit(X, Y).predict_proba(X), first)
    other = BinaryNetClassifier(model=dense, **(SHORT | {"random_state": 1})).fit(X, Y).predict_proba(X)
    assert np.abs(other - first).max() > 1e-3


def test_a_template_is_never_trained():
    template = dense()
    weights = [w.copy() for w in template.get_weights()]
    clf = BinaryNetClassifier(model=template, **SHORT).fit(X, Y)
    assert clf.model is template
    for before, now in zip(weights, template.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


def test_a_compiled_model_brings_optimizer_loss_and_metrics():
    def compiled():
        model = dense()
        model.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryFocalCrossentropy(), metrics=["AUC"])
        return model

    own = BinaryNetClassifier(model=compiled, **SHORT).fit(X, Y)
    assert "val_auc" in own.history_
    slower = BinaryNetClassifier(model=compiled, learning_rate=1e-6, **SHORT).fit(X, Y)
    assert own.history_["loss"][-1] < slower.history_["loss"][-1] - 0.01
    assert slower.history_["loss"][0] == pytest.approx(slower.history_["loss"][-1], abs=1e-3)


def test_routed_parameters_of_a_scikeras_wrapper_work_in_a_grid():
    clf = BinaryNetClassifier(model=wrapper(epochs=3, batch_size=16), random_state=0)
    grid = {"model__units": [2, 6], "model__optimizer__learning_rate": [1e-5, 0.1]}
    search = GridSearchCV(clf, grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_["model__optimizer__learning_rate"] == 0.1
    best = search.best_estimator_
    assert best.n_iter_ == 3  # the wrapper's epochs
    assert best.model_.layers[-1].get_weights() or best.models_[0].count_params() > 0
    units = best._fitted.weights[0][0].shape[1]
    assert units == search.best_params_["model__units"]
    assert BinaryNetClassifier(model=wrapper(epochs=3), epochs=2, random_state=0).fit(X, Y).n_iter_ == 2


def test_defects_of_scikeras_do_not_reach_the_user():
    from tensorflow.python.framework import config  # only here: the state of the switch has no public name

    clf = BinaryNetClassifier(model=wrapper(epochs=2, random_state=3), class_weight={0: 1.0, 1: 3.0})
    assert is_classifier(clf)
    weight = np.ones(80)
    clf.fit(X.astype(np.float32), Y, sample_weight=weight)
    np.testing.assert_array_equal(weight, 1.0)  # SciKeras multiplies the caller's array
    assert clf.predict_proba(X[:1]).shape == (1, 2)  # SciKeras squeezes one row
    assert clf.predict_proba(X.astype(np.float64)).shape == (80, 2)  # SciKeras refuses another dtype than fit's
    assert not config.is_op_determinism_enabled()  # SciKeras switches it on
    states = [np.random.RandomState(s) for s in (0, 1)]
    a, b = (BinaryNetClassifier(model=wrapper(epochs=1), random_state=s).fit(X, Y) for s in states)
    assert np.abs(a.predict_proba(X) - b.predict_proba(X)).max() > 1e-4  # SciKeras makes every RandomState seed 0
    tuned = TunedThresholdClassifierCV(BinaryNetClassifier(model=wrapper(epochs=1), random_state=0), cv=2)
    assert tuned.fit(X, Y).score(X, Y) > 0.6  # fails around a SciKeras classifier: no tags


def test_multilabel_with_weights_of_classes_on_both_paths():
    Xm, Ym = make_multilabel_classification(60, D, n_classes=3, n_labels=2, random_state=0)
    kwargs = {"class_weight": "balanced", "early_stopping": False, **SHORT}
    fast = BinaryNetClassifier(model=lambda: dense(3), **kwargs).fit(Xm, Ym)
    assert fast.predict(Xm).shape == fast.predict_proba(Xm).shape == (60, 3)

    general = BinaryNetClassifier(model=lambda: dense(3), callbacks=[AtBatches()], **kwargs).fit(Xm, Ym)
    np.testing.assert_allclose(fast.predict_proba(Xm), general.predict_proba(Xm), atol=1e-4)


def compiled(units, activation, loss):
    def make():
        model = dense(units, activation)
        model.compile("adam", loss)
        return model

    return make


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(compiled(1, "sigmoid", "binary_crossentropy"), id="sigmoid"),
        pytest.param(compiled(1, None, keras.losses.BinaryCrossentropy(from_logits=True)), id="linear"),
        pytest.param(compiled(2, "softmax", "categorical_crossentropy"), id="softmax, one-hot"),
        pytest.param(compiled(2, "softmax", "sparse_categorical_crossentropy"), id="softmax, indices"),
    ],
)
def test_both_paths_agree_for_every_head(model):
    fast = BinaryNetClassifier(model=model, **SHORT).fit(X, Y)
    general = BinaryNetClassifier(model=model, callbacks=[AtBatches()], **SHORT).fit(X, Y)
    np.testing.assert_allclose(fast.predict_proba(X), general.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(fast.history_["val_loss"], general.history_["val_loss"], rtol=1e-4)


def test_dropout_follows_the_seed_on_both_paths():
    def dropping(n_features):
        return keras.Sequential([keras.Input((n_features,)), layers.Dropout(0.5), layers.Dense(1, "sigmoid")])

    full = {"model": dropping, "batch_size": 80, "early_stopping": False, "learning_rate": 0.1, "epochs": 1}
    for callbacks in (None, [AtBatches()]):
        clf = BinaryNetClassifier(callbacks=callbacks, random_state=0, **(full | {"learning_rate": 1e-12}))
        losses = [clf.partial_fit(X, Y, classes=[0, 1]).history_["loss"][-1] for _ in range(3)]
        # One batch and no step to speak of: nothing but the mask moves the loss.
        assert len({round(loss, 6) for loss in losses}) == 3


def test_an_initialiser_of_the_users_own_trains_in_the_compiled_program():
    def own(n_features):
        hidden = layers.Dense(5, "relu", kernel_initializer=lambda shape, dtype=None: keras.ops.full(shape, 0.1))
        return keras.Sequential([keras.Input((n_features,)), hidden, layers.Dense(1, "sigmoid")])

    clf = BinaryNetClassifier(model=own, learning_rate=1e-9, **SHORT).fit(X, Y)
    np.testing.assert_allclose(clf._fitted.weights[0][0], 0.1, atol=1e-6)


def test_adamw_without_decay_works_on_both_paths():
    for callbacks in (None, [AtBatches()]):
        clf = BinaryNetClassifier(model=dense, optimizer="adamw", weight_decay=0.0, callbacks=callbacks, **SHORT)
        assert clf.fit(X, Y).n_iter_ == 4


def test_a_train_step_must_report_its_loss():
    class Silent(OwnStep):
        def train_step(self, data):
            return {"mine": super().train_step(data)["loss"]}

    with pytest.raises(ValueError, match=r"reports \['mine'\] but no 'loss'"):
        BinaryNetClassifier(model=Silent, **SHORT).fit(X, Y)


def test_parameters_of_a_wrapper_are_checked():
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        BinaryNetClassifier(model=wrapper(epochs=0), random_state=0).fit(X, Y)


def test_a_model_with_layers_for_raw_columns_is_told_so():
    def categories():
        x = inputs = keras.Input((1,))
        x = layers.Flatten()(layers.Embedding(5, 2)(x))
        return keras.Model(inputs, layers.Dense(1, "sigmoid")(x))

    codes = np.arange(80)[:, None] % 5
    answers = codes[:, 0] >= 3
    with pytest.raises(ValueError, match="encoding must be None"):
        BinaryNetClassifier(model=categories, **SHORT).fit(codes, answers)
    clf = BinaryNetClassifier(model=categories, encoding=None, epochs=30, learning_rate=0.1, random_state=0)
    assert clf.fit(codes, answers).score(codes, answers) == 1.0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: dense(2, "sigmoid"), "2 sigmoid units"),
        (lambda: dense(1, "softmax"), "softmax"),
        (lambda: dense(3), "3"),
        (lambda: dense(n_features=7), "7"),
    ],
)
def test_heads_that_do_not_fit_are_refused_with_the_remedy(model, message):
    with pytest.raises(ValueError, match=message):
        BinaryNetClassifier(model=model, **SHORT).fit(X, Y)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "mean_absolute_error"])
def test_losses_that_do_not_fit_are_refused_with_the_remedy(loss):
    def compiled():
        model = dense()
        model.compile("adam", loss)
        return model

    with pytest.raises(ValueError, match="binary_crossentropy"):
        BinaryNetClassifier(model=compiled, **SHORT).fit(X, Y)


def test_in_pipelines_and_cross_validation():
    pipe = make_pipeline(StandardScaler(), BinaryNetClassifier(model=dense, n_estimators=2, **SHORT))
    assert cross_val_score(pipe, X, Y, cv=2, error_score="raise").shape == (2,)
    pipe.fit(X, Y)
    assert pipe[-1].oof_proba_.shape == (80,)
    members = pipe[-1].models_
    Z = pipe[0].transform(X)
    logits = np.mean([np.log(p / (1 - p)) for p in (m.predict(Z, verbose=0)[:, 0] for m in members)], axis=0)
    np.testing.assert_allclose(pipe.decision_function(X) * pipe[-1].temperature_, logits, atol=1e-4)


def test_callbacks_see_the_model_from_raw_columns():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.predict(X * 100.0, verbose=0)[:, 0])

    clf = BinaryNetClassifier(model=dense, callbacks=[Watch()], early_stopping=False, **SHORT).fit(X * 100.0, Y)
    np.testing.assert_allclose(seen[-1], clf.predict_proba(X * 100.0)[:, 1], atol=1e-5)


def test_warm_start_and_partial_fit_go_on_from_the_weights():
    clf = BinaryNetClassifier(model=dense, warm_start=True, early_stopping=False, **SHORT).fit(X, Y)
    first = clf.history_["loss"][0]
    assert clf.fit(X, Y).history_["loss"][0] < first
    stream = BinaryNetClassifier(model=dense, learning_rate=0.05, batch_size=16, random_state=0)
    for _ in range(15):
        stream.partial_fit(X, Y, classes=[0, 1])
    assert stream.score(X, Y) > 0.8


# --- as rarely as can be ---------------------------------------------------------------------------------------------


def test_a_function_is_called_once_for_each_network():
    calls = []

    def counted():
        calls.append(1)
        return dense()

    clf = BinaryNetClassifier(model=counted, n_estimators=2, warm_start=True, **SHORT).fit(X, Y)
    assert len(calls) == 2
    clf.fit(X, Y)  # weights go on: the model is looked at, nothing more
    assert len(calls) == 3
    clf.predict(X)
    assert clf.model_
    assert clf.models_
    assert len(calls) == 3


def test_a_wrapper_is_built_once_for_each_network():
    from scikeras.wrappers import KerasClassifier

    calls = []

    def counted(meta, compile_kwargs):
        calls.append(1)
        return wide(meta)

    callbacks = [keras.callbacks.TerminateOnNaN]
    built = KerasClassifier(counted, loss="binary_crossentropy", callbacks=callbacks)
    BinaryNetClassifier(model=built, n_estimators=2, **SHORT).fit(X, Y)
    assert len(calls) == 2


def test_what_is_not_used_of_a_wrapper_is_said_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        BinaryNetClassifier(model=wrapper(shuffle=False), **SHORT).fit(X, Y)
    assert len([w for w in caught if "has shuffle" in str(w.message)]) == 1


@pytest.mark.parametrize("model", [None, dense])
def test_the_single_keras_models_are_the_parts_of_the_whole(model):
    clf = BinaryNetClassifier(
        model=model, n_estimators=2, **({} if model else {"hidden_layer_sizes": (3,)}), **SHORT
    ).fit(X, Y)
    single = {id(w) for m in clf.models_ for w in m.weights}
    assert single == {id(w) for w in clf.model_.weights}
    assert clf.models_[0] is clf.models_[0]
    np.testing.assert_allclose(clf.model_(X).numpy()[:, 0], clf.predict_proba(X)[:, 1], atol=1e-5)


def test_a_function_may_use_networks_while_others_predict():
    """Building draws from random generators that one thread has at a time; so must no thread that waits for its turn
    keep others from predicting."""
    first, second = (BinaryNetClassifier(model=lambda n=n: wide_by(n), **SHORT).fit(X, Y) for n in (11, 13))
    other = threading.Thread(target=first.predict, args=(X,), daemon=True)
    answered = []

    def asks():
        if not other.ident:
            other.start()
            other.join(0.5)  # by now it waits for its turn to build
        answered.append(second.predict(X))
        return dense()

    clf = BinaryNetClassifier(model=asks, **SHORT)
    thread = threading.Thread(target=clf.fit, args=(X, Y), daemon=True)
    thread.start()
    thread.join(20)
    other.join(20)
    assert not thread.is_alive()
    assert not other.is_alive()
    assert len(answered) == 1


def wide_by(units):
    return keras.Sequential([keras.Input((D,)), layers.Dense(units, "relu"), layers.Dense(1, "sigmoid")])


# --- numbers of any size ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [None, dense])
def test_numbers_that_float32_cannot_hold_are_refused_without_an_encoding(model):
    clf = BinaryNetClassifier(
        model=model, encoding=None, n_estimators=1, **({} if model else {"hidden_layer_sizes": (3,)}), **SHORT
    ).fit(X, Y)
    far = X.copy()
    far[3, 2] = -1e40
    with pytest.raises(ValueError, match=r"column 2 .* -1e\+40.*encoding=None.*encoding='standardize'"):
        clf.predict_proba(far)
    with pytest.raises(ValueError, match=r"column 2 .* -1e\+40.*encoding=None.*encoding='standardize'"):
        clf.fit(far, Y)
    assert np.isfinite(clf.model_(far).numpy()).all()


@pytest.mark.parametrize("encoding", ["standardize", "piecewise_linear"])
def test_a_column_that_was_constant_and_huge_stays_silent(encoding):
    huge = np.column_stack([X, np.full(len(X), -1e308)])
    clf = BinaryNetClassifier(encoding=encoding, n_estimators=1, hidden_layer_sizes=(3,), **SHORT).fit(huge, Y)
    other = np.column_stack([X, np.full(len(X), 1.7e308)])
    np.testing.assert_array_equal(clf.predict_proba(other), clf.predict_proba(huge))
    np.testing.assert_allclose(clf.model_(other).numpy()[:, 0], clf.predict_proba(other)[:, 1], atol=1e-5)


@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (2, "softmax")])
def test_a_network_of_the_squared_error_trains_and_reports_what_it_was_compiled_with(units, activation):
    """`loss="mse"` with `BinaryAccuracy(threshold=...)` on a sigmoid unit is how many an exercise begins."""
    model = dense(units, activation)
    model.compile(optimizer="adam", loss="mse", metrics=[keras.metrics.BinaryAccuracy(threshold=0.8), "mae"])
    clf = BinaryNetClassifier(model=model, **SHORT | {"epochs": 40, "learning_rate": 0.02}).fit(X, Y, X_val=X, y_val=Y)
    assert clf.score(X, Y) > 0.8
    p, last = clf.predict_proba(X)[:, 1], clf.best_iter_[0] - 1
    assert clf.history_["val_loss"][last] == pytest.approx(np.mean((p - Y) ** 2), rel=1e-3)
    assert clf.history_["val_binary_accuracy"][last] == pytest.approx(np.mean((p > 0.8) == Y), abs=0.02)
    assert clf.history_["val_mean_absolute_error" if "val_mean_absolute_error" in clf.history_ else "val_mae"][
        last
    ] == pytest.approx(np.mean(np.abs(p - Y)), rel=1e-3)
