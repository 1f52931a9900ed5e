"""The user's own networks: functions and templates, their identity, their weights, their way back from plain data."""

import pickle
import pickletools
import random
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from sklearn_binnet._networks import _forward
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._forward import LARGE, MIDDLE, SMALL, forward
from sklearn_binnet._networks._user_network import resolve_user_model
from sklearn_binnet._training._cache import PROGRAMS

layers, ops = keras.layers, keras.ops
D = 4


def build(n_features=D, units=5, rate=0.3, compiled=True):
    inputs = keras.Input((n_features,))
    x = layers.Dense(units, "relu", kernel_regularizer="l2")(inputs)
    x = layers.Dropout(rate)(layers.BatchNormalization()(x))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(x))
    if compiled:
        model.compile(
            keras.optimizers.AdamW(0.01, weight_decay=0.1), "binary_crossentropy", metrics=["accuracy", "AUC"]
        )
    return model


def resolve(model, n_features=D, n_labels=1, **kwargs):
    as_it_is = ColumnEncoder.fit(None, np.zeros((1, n_features)))
    return resolve_user_model(model, as_it_is, n_labels, **kwargs)


def through_a_pickle(network, weights):
    return pickle.loads(pickle.dumps(network.fitted([weights])))


def rows(n, d=D, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class OwnDense(keras.layers.Layer):
    """A layer that Keras can copy and a config alone could not bring back."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, x):
        return ops.matmul(x, self.kernel)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class OwnModel(keras.Model):
    """A subclass that cannot be made from its config."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def call(self, x):
        return self.head(x)

    def get_config(self):
        raise NotImplementedError


def own_layer_model():
    return keras.Sequential([keras.Input((D,)), OwnDense(3), layers.Dense(1, "sigmoid")])


def lambda_model():
    return keras.Sequential(
        [keras.Input((D,)), layers.Lambda(lambda x: 2 * x, output_shape=(D,)), layers.Dense(1, "sigmoid")]
    )


def subclassed():
    return OwnModel(layers.Dense(1, activation="sigmoid"))


# --- what comes in ---------------------------------------------------------------------------------------------------


def test_function_gets_the_arguments_it_names():
    seen = {}

    def takes(meta, n_labels, n_features, units=7):
        seen.update(meta, n_labels=n_labels, n_features=n_features, units=units)
        return keras.Sequential([keras.Input((n_features,)), layers.Dense(n_labels, "sigmoid")])

    resolve(takes, n_labels=3, n_rows=50)
    assert (seen["n_labels"], seen["n_features"], seen["units"]) == (3, D, 7)
    assert seen["target_type_"] == "multilabel-indicator"
    assert seen["X_shape_"] == (50, D)
    assert seen["n_features_in_"] == D


def test_function_with_keywords_gets_all_arguments():
    seen = {}

    def takes(**kwargs):
        seen.update(kwargs)
        return build(compiled=False)

    resolve(takes)
    assert set(seen) == {"meta", "n_features", "n_labels"}
    assert seen["meta"]["target_type_"] == "binary"
    assert seen["meta"]["n_classes_"] == 2


def test_meta_is_what_scikeras_gives():
    from scikeras.wrappers import KerasClassifier

    seen = []

    def takes(meta):
        seen.append(meta)
        return keras.Sequential([keras.Input((D,)), layers.Dense(1, "sigmoid")])

    resolve(takes)
    KerasClassifier(takes).initialize(np.zeros((2, D), np.float32), np.array([0, 1]))
    ours, theirs = seen[0], seen[-1]
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_function_that_needs_more_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"needs the arguments \['units'\].*KerasClassifier\(function, units="):
        resolve(lambda units: build(units=units))


def test_function_that_returns_no_model_is_refused():
    with pytest.raises(TypeError, match=r"function that returned None; it must return a keras\.Model"):
        resolve(lambda: None)


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"model='mlp' is a str; expected None, a function.*KerasClassifier"):
        resolve("mlp")


def test_function_whose_architecture_changes_is_refused():
    sizes = iter([3, 4, 5, 6])
    network = resolve(lambda: build(units=next(sizes)))
    with pytest.raises(ValueError, match="returns another architecture each time"):
        network.initial_weights(1)


def test_loss_weights_are_refused():
    model = build(compiled=False)
    model.compile("adam", "binary_crossentropy", loss_weights=[2.0])
    with pytest.raises(ValueError, match="compiled with loss_weights, which has no meaning with one output"):
        resolve(model)


def test_model_class_is_a_function_too():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.out = layers.Dense(1, activation="sigmoid")

        def call(self, x):
            return self.out(x)

    network = resolve(Net)
    assert "own class Net" in network.keras_reason
    assert type(network.build()).__name__ == "Net"


# --- templates -------------------------------------------------------------------------------------------------------


def test_template_never_changes():
    template = build()
    weights = [w.copy() for w in template.get_weights()]
    config, optimizer = template.to_json(), template.optimizer
    network = resolve(template)
    forward(network, network.initial_weights(0), rows(3))
    copy = network.build()
    copy.set_weights([w + 1 for w in copy.get_weights()])
    assert same(template.get_weights(), weights)
    assert template.to_json() == config
    assert template.optimizer is optimizer
    assert template.layers[1].output is template.layers[1].output  # still called once only
    assert not {id(v) for v in copy.weights} & {id(v) for v in template.weights}


def test_unbuilt_template_stays_unbuilt():
    template = keras.Sequential([layers.Dense(2, "relu"), layers.Dense(1)])
    network = resolve(template)
    assert [w.shape for w in network.initial_weights(0)] == [(D, 2), (2,), (2, 1), (1,)]
    assert not template.built


def test_template_starts_from_fresh_weights_but_keeps_frozen_and_adapted_values():
    normalization = layers.Normalization()
    normalization.adapt(rows(50) + 3)
    frozen = layers.Dense(3, "relu", trainable=False)
    template = keras.Sequential([keras.Input((D,)), normalization, frozen, layers.Dense(1, "sigmoid")])
    network = resolve(template)
    values = network.initial_weights(0)
    for variable, value in zip(template.weights, values, strict=True):
        kept = "normalization" in variable.path or frozen.name in variable.path
        assert np.array_equal(variable.numpy(), value) == (kept or "bias" in variable.path), variable.path
    X = rows(5) + 3
    np.testing.assert_allclose(
        forward(network, template.get_weights(), X), template.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_function_that_returns_one_model_again_and_again_is_a_template():
    model = build()
    weights = [w.copy() for w in model.get_weights()]
    network = resolve(lambda: model)
    assert not same(network.initial_weights(0), weights)
    assert network.build() is not model
    assert same(model.get_weights(), weights)


def test_weights_that_a_function_sets_are_kept():
    def pretrained():
        model = build()
        model.layers[-1].set_weights([np.full((5, 1), 7.0), np.ones(1)])
        return model

    assert (resolve(pretrained).initial_weights(3)[-2] == 7).all()


def test_template_of_an_own_class_without_config_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"own class OwnModel, and cannot be copied.*Pass a function"):
        resolve(subclassed())
    network = resolve(subclassed)
    X = rows(5).astype(np.float32)
    model = network.build()
    assert np.abs(forward(network, model.get_weights(), X) - model.predict(X, verbose=0)).max() < 1e-6


def test_function_that_returns_one_model_that_cannot_be_copied_is_refused():
    model = subclassed()
    model(np.zeros((1, D)))
    with pytest.raises(ValueError, match="cannot be copied"):
        resolve(lambda: model)


# --- random state ----------------------------------------------------------------------------------------------------


def test_initial_weights_depend_on_the_seed_alone():
    network = resolve(build)
    first = network.initial_weights(1)
    random.seed(99)
    keras.utils.set_random_seed(5)
    again, other = network.initial_weights(1), network.initial_weights(2)
    assert same(first, again)
    assert not np.array_equal(first[0], other[0])
    assert same(resolve(build()).initial_weights(1), resolve(build()).initial_weights(1))


def test_seed_of_the_user_stays():
    def seeded():
        init = keras.initializers.GlorotUniform(seed=3)
        return keras.Sequential([keras.Input((D,)), layers.Dense(1, "sigmoid", kernel_initializer=init)])

    for model in (seeded, seeded()):
        network = resolve(model)
        assert same(network.initial_weights(1), network.initial_weights(2))


def test_what_a_function_draws_from_numpy_is_seeded():
    def drawn():
        init = keras.initializers.Constant(np.random.normal())  # noqa: NPY002 - as users write it
        return keras.Sequential([keras.Input((D,)), layers.Dense(1, kernel_initializer=init)])

    network = resolve(drawn)
    assert same(network.initial_weights(4), network.initial_weights(4))
    assert not same(network.initial_weights(4), network.initial_weights(5))


def test_no_global_state_is_touched():
    import tensorflow as tf

    def draw():
        return [
            random.random(),
            np.random.rand(),  # noqa: NPY002 - the global state is what this is about
            float(keras.random.uniform(())),
            float(tf.random.uniform(())),
        ]

    def work(template):
        for model in (build, template, own_layer_model):
            network = resolve(model)
            network.build()
            forward(network, network.initial_weights(0), rows(3))

    def draws(between, found):
        keras.utils.set_random_seed(1)
        found.append(draw())
        between()
        found.append(draw())

    template, found = build(), []
    for between in (lambda: None, lambda: work(template)):
        # Keras' own generator belongs to a thread, and a new thread has a new one
        thread = threading.Thread(target=draws, args=(between, found))
        thread.start()
        thread.join()
    assert found[:2] == found[2:]
    assert len(found) == 4


# --- identity --------------------------------------------------------------------------------------------------------


def test_key_forgets_names_initialisers_and_template_or_function():
    key = resolve(build).key
    assert resolve(build()).key == key
    named = build(compiled=False)

    def renamed():
        inputs = keras.Input((D,), name="relu")
        x = layers.Dense(5, "relu", kernel_regularizer="l2", name="tanh", kernel_initializer="he_normal")(inputs)
        x = layers.Dropout(0.3, name="d", seed=3)(layers.BatchNormalization(name="float32")(x))
        return keras.Model(inputs, layers.Dense(1, "sigmoid", name="out")(x), name="whole")

    assert resolve(renamed).key == resolve(named).key
    assert resolve(renamed).key == key  # the default loss is the one it was compiled with
    assert hash(key) == hash(resolve(build).key)


def chain(*hidden, units=1):
    return keras.Sequential([keras.Input((D,)), *hidden, layers.Dense(units, "sigmoid")])


def wired(straight):
    inputs = keras.Input((D,))
    a, b = layers.Dense(3, "relu")(inputs), layers.Dense(3, "tanh")(inputs)
    return keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Subtract()([a, b] if straight else [b, a])))


DIFFERENT = {
    "activation": (lambda: chain(layers.Dense(3, "relu")), lambda: chain(layers.Dense(3, "tanh"))),
    "units": (lambda: chain(layers.Dense(3)), lambda: chain(layers.Dense(4))),
    "dropout": (lambda: chain(layers.Dropout(0.1)), lambda: chain()),
    "regularizer": (
        lambda: chain(layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))),
        lambda: chain(layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.2))),
    ),
    "trainable": (lambda: chain(layers.Dense(3)), lambda: chain(layers.Dense(3, trainable=False))),
    "dtype": (lambda: chain(layers.Dense(3)), lambda: chain(layers.Dense(3, dtype="mixed_float16"))),
    "wiring": (lambda: wired(True), lambda: wired(False)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_key_tells_architectures_apart(name):
    one, other = DIFFERENT[name]
    assert resolve(one).key == resolve(one).key
    assert resolve(one).key != resolve(other).key


def test_dropout_rates_are_no_part_of_the_key():
    light, heavy = resolve(lambda: chain(layers.Dropout(0.1))), resolve(lambda: chain(layers.Dropout(0.2)))
    assert light.key == heavy.key
    assert (light.dropout_rates, heavy.dropout_rates) == ([0.1], [0.2])


def test_key_tells_losses_and_heads_apart():
    def with_loss(loss):
        model = chain()
        model.compile("adam", loss)
        return resolve(model).key

    smoothed = [with_loss(keras.losses.BinaryCrossentropy(label_smoothing=s)) for s in (0.0, 0.1, 0.1)]
    assert smoothed[0] != smoothed[1] == smoothed[2]
    assert smoothed[0] == with_loss("binary_crossentropy")
    assert resolve(chain(units=2), n_labels=2).key != smoothed[0]


SCALE, SCALES = 2.0, [2.0]


def test_own_loss_shares_a_key_only_where_it_cannot_have_changed(monkeypatch):
    def make(factor):
        def loss(y, p):
            return factor * ops.mean(ops.square(y - p), axis=-1)

        return loss

    def reads_global(y, p):
        return SCALE * ops.mean(ops.square(y - p), axis=-1)

    def reads_list(y, p):
        return SCALES[0] * ops.mean(ops.square(y - p), axis=-1)

    def key(loss):
        model = chain()
        model.compile("adam", loss)
        return resolve(model).key

    assert key(make(1.0)) == key(make(1.0))
    assert key(make(1.0)) != key(make(2.0))
    before = key(reads_global)
    assert key(reads_global) == before
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert key(reads_global) != before
    assert key(reads_list) != key(reads_list)  # what a list holds may change without notice


@pytest.mark.parametrize("model", [own_layer_model, lambda_model, subclassed], ids=lambda f: f.__name__)
def test_own_code_shares_no_key(model):
    assert resolve(model).key != resolve(model).key
    network = resolve(model)
    assert network.key == network.key


# --- who needs Model.fit ---------------------------------------------------------------------------------------------

NEEDS_KERAS = {
    "own layer": (own_layer_model, "own class OwnDense"),
    "lambda": (lambda_model, r"\(Lambda\) is not known to treat rows one by one"),
    "own class": (subclassed, "own class OwnModel may have its own training step"),
    "noise": (lambda: chain(layers.GaussianNoise(0.1)), "(GaussianNoise) is not known"),
    "embedding": (
        lambda: keras.Sequential([keras.Input((D,)), layers.Embedding(9, 2), layers.Flatten(), layers.Dense(1)]),
        "(Embedding) is not known",
    ),
    "constraint": (lambda: chain(layers.Dense(3, kernel_constraint="non_neg")), "weight constraint"),
    "activity": (lambda: chain(layers.Dense(3, activity_regularizer="l2")), "activity regularizer"),
    "own activation": (lambda: chain(layers.Dense(3, lambda x: x * x)), "your own activation <lambda>"),
    "mixed precision": (lambda: chain(layers.Dense(3, dtype="mixed_float16")), "computes in mixed_float16"),
    "rows mixed": (
        lambda: keras.Model(i := keras.Input((D,)), layers.Dense(1)(i - ops.mean(i, axis=0))),
        "keras.ops Mean may mix rows",
    ),
    "softmax over rows": (lambda: chain(layers.Softmax(axis=0)), r"across rows \(axis=0\)"),
    "noise shape": (lambda: chain(layers.Dropout(0.2, noise_shape=(1, D))), "noise_shape"),
    "dropout in a nested model": (
        lambda: chain(keras.Sequential([keras.Input((D,)), layers.Dropout(0.2)])),
        "has dropout or batch normalisation",
    ),
    "cubic batch normalisation": (
        lambda: chain(layers.Reshape((2, 2)), layers.BatchNormalization(), layers.Flatten()),
        "more than one axis of a row",
    ),
    "integers": (
        lambda: keras.Sequential([keras.Input((D,), dtype="int32"), layers.Rescaling(0.5), layers.Dense(1)]),
        "input is int32",
    ),
    "adapted": (lambda: chain(layers.Normalization()), "is not known"),
}


@pytest.mark.parametrize("name", NEEDS_KERAS)
def test_reason_for_keras(name):
    model, message = NEEDS_KERAS[name]
    network = resolve(model)
    assert network.keras_reason is not None
    assert message.replace("\\", "") in network.keras_reason
    X = np.abs(rows(5)).round()
    model = network.build()
    found = forward(network, model.get_weights(), X)
    if name not in ("rows mixed", "softmax over rows"):  # padding counts as rows there
        np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        build,
        lambda: chain(layers.Dense(3, kernel_regularizer="l1")),
        lambda: chain(layers.Dense(3, kernel_initializer=lambda shape, dtype=None: ops.ones(shape, dtype))),
        lambda: chain(layers.LayerNormalization(), layers.LeakyReLU()),
        lambda: chain(layers.Normalization(mean=[0.0] * D, variance=[1.0] * D)),
        lambda: wired(True),
        lambda: keras.Model(i := keras.Input((D,)), ops.sigmoid(layers.Dense(1)(i * 2.0))),
    ],
)
def test_ordinary_models_need_no_keras(model):
    assert resolve(model).keras_reason is None


def test_run_eagerly_is_never_traced():
    class Peek(keras.layers.Layer):
        def call(self, x):
            return x * float(np.asarray(x).size > 0)  # fails in a graph

    def eager():
        model = keras.Sequential([Peek(), layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", run_eagerly=True)
        return model

    network = resolve(eager)
    assert network.keras_reason == "the model is compiled with run_eagerly=True"
    model = network.build()
    outputs = forward(network, model.get_weights(), rows(70))
    np.testing.assert_allclose(outputs, model(rows(70).astype(np.float32)).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.Embedding(9, 2), layers.Normalization(mean=1.0, variance=2.0)])
def test_layers_for_raw_columns_take_no_encoded_ones(layer):
    model = keras.Sequential([keras.Input((D,)), layer, layers.Flatten(), layers.Dense(1)])
    assert resolve(model).n_labels == 1
    with pytest.raises(ValueError, match=r"encoding must be None, and no column a category, for this model"):
        resolve_user_model(model, ColumnEncoder.fit("standardize", rows(5)), 1)


# --- compilation -----------------------------------------------------------------------------------------------------


def test_optimizer_and_metrics_are_read():
    network = resolve(build)
    assert network.optimizer.config["class_name"] == "AdamW"
    assert network.optimizer.learning_rate == 0.01
    assert network.optimizer.weight_decay == 0.1
    assert [getattr(m, "name", m) for m in network.metrics] == ["accuracy", "AUC"]
    bare = resolve(build(compiled=False))
    assert bare.optimizer is None
    assert bare.metrics == []


def test_metric_objects_are_copies():
    model = build(compiled=False)
    metric = keras.metrics.AUC(name="area")
    model.compile("adam", "binary_crossentropy", metrics=[metric])
    (copy,) = resolve(model).metrics
    assert copy.name == "area"
    assert copy is not metric


def test_metric_that_cannot_be_copied_is_named():
    model = build(compiled=False)

    def local(y, p):
        return ops.mean(y - p)

    model.compile("adam", "binary_crossentropy", metrics=[local])
    with pytest.warns(UserWarning, match=r"'local' .*cannot be copied.*metrics="):
        resolve(model)


def test_schedule_is_the_users():
    class Own(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 / (1 + step)

        def get_config(self):
            return {}

    schedules = [keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9), Own()]
    for schedule in schedules:
        model = build(compiled=False)
        model.compile(keras.optimizers.SGD(schedule), "binary_crossentropy")
        found = resolve(model).optimizer.schedule
        assert type(found) is type(schedule)
        assert float(found(3)) == pytest.approx(float(schedule(3)))


# --- plain data ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [build, lambda: chain(), lambda: wired(True)])
def test_a_pickled_network_predicts_as_before(make):
    network = resolve(make)
    fitted = network.fitted([network.initial_weights(0)])
    data = pickle.dumps(fitted)
    assert not {"keras", "tensorflow"} & {name.split(".")[0] for name in modules_in(data)}
    back = pickle.loads(data)
    assert back.network().key == network.key
    assert back.network().forward_key == network.forward_key
    assert back.network().keras_reason == network.keras_reason
    PROGRAMS.clear()
    X = rows(9)
    np.testing.assert_array_equal(back.logits(X), fitted.logits(X))
    np.testing.assert_allclose(back.keras_model()(X), fitted.keras_model()(X), rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(back)).logits(X), fitted.logits(X))


def modules_in(data):
    return {str(arg).split()[0] for op, arg, _ in pickletools.genops(data) if op.name in ("GLOBAL", "SHORT_BINUNICODE")}


@pytest.mark.parametrize("make", [own_layer_model, lambda_model, subclassed], ids=lambda f: f.__name__)
def test_own_code_comes_back_through_the_function(make):
    network = resolve(make)
    weights, X = network.initial_weights(0), rows(9)
    back = through_a_pickle(network, weights)
    np.testing.assert_array_equal(back.logits(X), network.fitted([weights]).logits(X))


def changing():
    return chain(OwnDense(CHANGING["units"]))


CHANGING = {"units": 3}


def test_own_code_that_changed_is_refused(monkeypatch):
    network = resolve(changing)
    back = through_a_pickle(network, network.initial_weights(0))
    monkeypatch.setitem(CHANGING, "units", 4)
    with pytest.raises(ValueError, match="own code must be what it was at the fit"):
        back.logits(rows(2))


def test_what_only_training_needs_is_not_pickled():
    class OwnSGD(keras.optimizers.SGD):
        pass

    def make():
        model = chain()
        model.compile(OwnSGD(0.1), lambda y, p: ops.mean(ops.square(y - p), axis=-1))
        return model

    network = resolve(make)
    assert network.optimizer.config["class"] is OwnSGD
    weights, X = network.initial_weights(0), rows(3)
    back = through_a_pickle(network, weights)
    np.testing.assert_array_equal(back.logits(X), network.fitted([weights]).logits(X))


# --- predicting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, SMALL, 8 * SMALL + 1, MIDDLE, 4 * MIDDLE + 1, LARGE + 3])
def test_forward_equals_predict(n):
    network = resolve(build)
    weights = network.initial_weights(0)
    weights[4] = rows(1, 5)[0].astype(np.float32)  # moving mean and variance, as training leaves them
    weights[5] = np.abs(rows(1, 5, 1)[0]).astype(np.float32)
    model = network.build()
    model.set_weights(weights)
    X = rows(n)
    outputs = forward(network, weights, X)
    assert outputs.shape == (n, 1)
    assert outputs.dtype == np.float32
    if n:
        assert np.abs(outputs - model.predict(X.astype(np.float32), verbose=0)).max() < 1e-6


def test_new_row_counts_and_weights_never_trace_again():
    network = resolve(build)
    PROGRAMS.clear()
    for seed in range(3):
        same_architecture = resolve(build)
        for n in (1, 2, 31, 257, 300, 511, 2049, 5000, 4097):
            forward(same_architecture, same_architecture.initial_weights(seed), rows(n))
    assert _forward._program_of(network).traces == 3
    assert len(PROGRAMS.items()) == 1


def test_a_row_is_the_same_alone_and_in_company():
    network = resolve(build)
    weights, X = network.initial_weights(0), rows(200)
    whole = forward(network, weights, X)
    alone = np.concatenate([forward(network, weights, X[i : i + 1]) for i in range(0, 200, 7)])
    np.testing.assert_array_equal(whole[::7], alone)


def test_forward_from_many_threads():
    PROGRAMS.clear()
    network = resolve(build)
    weights = [network.initial_weights(seed) for seed in range(4)]
    X = rows(300)
    expected = [forward(network, w, X) for w in weights]
    PROGRAMS.clear()
    wrong = []

    def work(i):
        for _ in range(5):
            if not np.array_equal(forward(network, weights[i], X), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert _forward._program_of(network).traces == 1


def test_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(PROGRAMS, "limit", 2)
    PROGRAMS.clear()
    networks = [resolve(lambda u=u: build(units=u)) for u in (2, 3, 4)]
    for network in networks:
        forward(network, network.initial_weights(0), rows(1))
    assert [key for key, _ in PROGRAMS.items()] == [("predict", n.forward_key) for n in networks[1:]]


def test_forward_refuses_another_width():
    network = resolve(build)
    with pytest.raises(ValueError, match=r"X has shape \(2, 3\); the network takes \(n, 4\)"):
        forward(network, network.initial_weights(0), rows(2, 3))


def test_importing_takes_no_keras():
    script = """
import sys
from sklearn_binnet._networks import _user_network, _forward, _heads, _losses, _scikeras
assert not {"keras", "tensorflow", "scikeras"} & set(sys.modules), sorted(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_keras_trains_a_network_of_the_general_path():
    """What `Model.fit` minimises is what `losses` says, weights of rows included."""
    network = resolve(lambda: chain(OwnDense(3), units=2), n_labels=2)
    X, rng = rows(64).astype(np.float32), np.random.default_rng(0)
    y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(np.float32)
    weight = rng.uniform(0.5, 2, size=64).astype(np.float32)
    model = network.build()
    model.compile(keras.optimizers.Adam(0.05), network.keras_loss())
    found = model.evaluate(X, network.targets(y), sample_weight=weight, batch_size=64, verbose=0)
    values = ops.convert_to_numpy(network.losses(ops.convert_to_tensor(y), model(X)))
    assert found == pytest.approx(float((values.mean(axis=1) * weight).mean()), rel=1e-5)
    model.fit(X, network.targets(y), epochs=40, shuffle=False, verbose=0)
    view, variables = network.view()
    view.set_weights(model.get_weights())
    assert [v.shape for v in variables] == [v.shape for v in model.weights]
    predictions = ops.convert_to_numpy(view(X)) > 0.5
    assert (predictions == y).mean() > 0.9
