"""Heads and losses of users' models: what is recognised, what is refused and with which remedy."""

import functools

import keras
import numpy as np
import pytest

from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._heads import Head, recognise_head
from sklearn_binnet._networks._keras_copy import fresh_copy
from sklearn_binnet._networks._losses import resolve_loss
from sklearn_binnet._networks._user_network import resolve_user_model
from sklearn_binnet._training._random import isolated_random

N_FEATURES = 3


def dense(units, activation=None):
    return keras.Sequential([keras.Input((N_FEATURES,)), keras.layers.Dense(units, activation)])


def functional(last):
    inputs = keras.Input((N_FEATURES,))
    return keras.Model(inputs, last(inputs))


def compiled(model, loss):
    model.compile("adam", loss)
    return model


def resolve(model, n_labels=1):
    return resolve_user_model(model, ColumnEncoder.fit(None, np.zeros((1, N_FEATURES))), n_labels)


layers, ops = keras.layers, keras.ops


class OwnLayer(keras.layers.Layer):
    def call(self, x):
        return keras.ops.sigmoid(x)


MODELS = {
    "dense sigmoid": (lambda: dense(1, "sigmoid"), "sigmoid", 1),
    "dense function": (lambda: dense(1, keras.activations.sigmoid), "sigmoid", 1),
    "dense linear": (lambda: dense(1), "linear", 1),
    "dense softmax": (lambda: dense(2, "softmax"), "softmax", 1),
    "multilabel sigmoid": (lambda: dense(3, "sigmoid"), "sigmoid", 3),
    "multilabel linear": (lambda: dense(3), "linear", 3),
    "two labels": (lambda: dense(2, "sigmoid"), "sigmoid", 2),
    "activation layer": (
        lambda: keras.Sequential([keras.Input((3,)), layers.Dense(1), layers.Activation("sigmoid")]),
        "sigmoid",
        1,
    ),
    "empty activation layer": (
        lambda: keras.Sequential([keras.Input((3,)), layers.Dense(1, "sigmoid"), layers.Activation("linear")]),
        "sigmoid",
        1,
    ),
    "softmax layer": (lambda: functional(lambda x: layers.Softmax()(layers.Dense(2)(x))), "softmax", 1),
    "ops.sigmoid": (lambda: functional(lambda x: ops.sigmoid(layers.Dense(1)(x))), "sigmoid", 1),
    "ops.softmax": (lambda: functional(lambda x: ops.softmax(layers.Dense(2)(x))), "softmax", 1),
    "activation function": (
        lambda: functional(lambda x: keras.activations.sigmoid(layers.Dense(1)(x))),
        "sigmoid",
        1,
    ),
    "flattened": (
        lambda: functional(lambda x: layers.Flatten()(layers.Reshape((1, 1))(layers.Dense(1, "sigmoid")(x)))),
        "sigmoid",
        1,
    ),
    "nested": (
        lambda: functional(lambda x: dense(1, "sigmoid")(layers.Dense(N_FEATURES)(x))),
        "sigmoid",
        1,
    ),
    "sum of logits": (lambda: functional(lambda x: layers.Dense(1)(x) + layers.Dense(1)(x)), "linear", 1),
    "mean of probabilities": (
        lambda: functional(lambda x: (layers.Dense(1, "sigmoid")(x) + layers.Dense(1, "sigmoid")(x)) / 2.0),
        "sigmoid",
        1,
    ),
    "joined heads": (
        lambda: functional(lambda x: layers.Concatenate()([layers.Dense(1, "sigmoid")(x) for _ in range(3)])),
        "sigmoid",
        3,
    ),
    "lambda sigmoid": (
        lambda: functional(lambda x: layers.Lambda(lambda z: ops.sigmoid(z))(layers.Dense(1)(x))),
        "sigmoid",
        1,
    ),
    "lambda logit": (
        lambda: functional(lambda x: layers.Lambda(lambda z: 3 * z)(layers.Dense(1)(x))),
        "linear",
        1,
    ),
    "own layer": (lambda: functional(lambda x: OwnLayer()(layers.Dense(1)(x))), "sigmoid", 1),
    "own function": (lambda: dense(2, lambda z: ops.softmax(z)), "softmax", 1),
}


@pytest.mark.parametrize("name", MODELS)
def test_head_is_recognised(name):
    build, kind, n_labels = MODELS[name]
    model = build()
    before = [w.copy() for w in model.get_weights()]
    assert recognise_head(model, N_FEATURES, n_labels) == Head(kind, n_labels)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


REFUSED_HEADS = {
    "2 sigmoid units": (lambda: dense(2, "sigmoid"), 1, r"2 sigmoid units, as for one-hot.*Dense\(1, activation='sig"),
    "2 linear units": (lambda: dense(2), 1, r"2 linear units, as for one-hot.*softmax"),
    "1 softmax unit": (lambda: dense(1, "softmax"), 1, r"1 softmax unit, whose output is always 1\.0.*sigmoid"),
    "hidden softmax": (
        lambda: functional(lambda x: layers.Lambda(lambda z: ops.exp(z) / ops.exp(z))(layers.Dense(1)(x))),
        1,
        r"always 1\.0",
    ),
    "3 units": (lambda: dense(3, "sigmoid"), 1, r"3 sigmoid units, but y asks one yes/no question.*OneVsRest"),
    "too few labels": (lambda: dense(1, "sigmoid"), 3, r"1 sigmoid unit, but y has 3 labels.*Dense\(3, activation"),
    "exclusive labels": (lambda: dense(3, "softmax"), 3, r"sum to 1, but the 3 labels.*do not exclude"),
    "relu": (lambda: dense(1, "relu"), 1, r"activation 'relu'.*neither probabilities nor logits.*sigmoid"),
    "tanh": (lambda: dense(1, "tanh"), 1, r"activation 'tanh'"),
    "relu layer": (lambda: functional(lambda x: layers.ReLU()(layers.Dense(1)(x))), 1, r"activation 'relu'"),
    "constant": (
        lambda: functional(lambda x: layers.Lambda(lambda z: ops.zeros_like(z))(layers.Dense(1)(x))),
        1,
        "not understood: on random inputs its outputs are constant",
    ),
    "a cube": (
        lambda: functional(lambda x: layers.Reshape((2, 2))(layers.Dense(4)(x))),
        1,
        r"outputs of shape \('rows', 2, 2\)",
    ),
    "two outputs": (
        lambda: keras.Model(i := keras.Input((3,)), [layers.Dense(1)(i), layers.Dense(1)(i)]),
        2,
        r"2 outputs; one is needed.*Concatenate",
    ),
}


@pytest.mark.parametrize("name", REFUSED_HEADS)
def test_head_is_refused_with_the_remedy(name):
    build, n_labels, message = REFUSED_HEADS[name]
    with pytest.raises(ValueError, match=message):
        resolve(build(), n_labels)


BCE, CCE, SCCE = (
    keras.losses.BinaryCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.SparseCategoricalCrossentropy,
)
FITTING = {
    "sigmoid": (dense, (1, "sigmoid"), ["binary_crossentropy", "bce", BCE(), BCE, keras.losses.binary_crossentropy]),
    "focal": (dense, (1, "sigmoid"), ["binary_focal_crossentropy", keras.losses.BinaryFocalCrossentropy(gamma=1.0)]),
    "smoothed": (dense, (1, "sigmoid"), [BCE(label_smoothing=0.1), ["binary_crossentropy"]]),
    "linear": (
        dense,
        (1,),
        [BCE(from_logits=True), functools.partial(keras.losses.binary_crossentropy, from_logits=True)],
    ),
    "softmax": (
        dense,
        (2, "softmax"),
        ["categorical_crossentropy", "sparse_categorical_crossentropy", CCE(), SCCE(), CCE(label_smoothing=0.1)],
    ),
}


@pytest.mark.parametrize("name", FITTING)
def test_losses_equal_keras_own_value(name):
    build, arguments, losses = FITTING[name]
    y = np.array([[0], [1], [1], [0], [1]], np.float32)
    X = np.random.default_rng(0).normal(size=(5, N_FEATURES)).astype(np.float32)
    for loss in losses:
        model = compiled(build(*arguments), loss)
        network = resolve(model)
        outputs = model(X)
        targets = y
        if network.head.kind == "softmax":
            targets = y[:, 0] if "sparse" in str(network.loss.form) or network.loss.form == "index" else None
            targets = np.column_stack([1 - y, y]) if targets is None else targets
        expected = float(model.compute_loss(X, ops.convert_to_tensor(targets), outputs))
        answers = ops.convert_to_numpy(network.losses(ops.convert_to_tensor(y), outputs))
        assert answers.shape == (5, 1)
        assert answers.mean() == pytest.approx(expected, rel=1e-5)
        given = ops.convert_to_tensor(network.targets(y))
        assert float(network.keras_loss()(given, outputs)) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_array_equal(ops.convert_to_numpy(network.labels_of(given)), y)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_multilabel_losses_are_per_label(activation):
    network = resolve(dense(3, activation), 3)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, size=(7, 3)).astype(np.float32)
    outputs = rng.uniform(0.1, 0.9, size=(7, 3)).astype(np.float32)
    p = outputs if activation else 1 / (1 + np.exp(-outputs))
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    values = network.losses(ops.convert_to_tensor(y), ops.convert_to_tensor(outputs))
    np.testing.assert_allclose(ops.convert_to_numpy(values), expected, rtol=1e-5)


def test_saturated_sigmoid_labels_still_learn():
    """Keras takes cross-entropy from the logits behind a sigmoid; a label's own axis must not lose that."""
    import tensorflow as tf

    model = dense(2, "sigmoid")
    network = resolve(model, 2)
    bias = model.weights[1]
    bias.assign([60.0, -60.0])

    @tf.function
    def gradient(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network.losses(y, model(x)))
        return tape.gradient(loss, bias.value)

    found = gradient(tf.zeros((1, N_FEATURES)), tf.constant([[0.0, 1.0]])).numpy()
    np.testing.assert_allclose(found, [1.0, -1.0], rtol=1e-5)


REFUSED_LOSSES = {
    "mse of logits": ((1,), 1, "mse", r"'mean_squared_error', a regression loss.*from_logits=True"),
    "mse of many logits": ((3,), 3, keras.losses.MeanSquaredError(), "'mean_squared_error', a regression loss"),
    "sum of mse": (
        (1, "sigmoid"),
        1,
        keras.losses.MeanSquaredError(reduction="sum"),
        r"'mean_squared_error' and reduction='sum'; training averages",
    ),
    "mae": ((1, "sigmoid"), 1, keras.losses.MeanAbsoluteError(), r"'mean_absolute_error', a regression loss"),
    "huber": ((1,), 1, "huber", r"'huber', a regression loss.*from_logits=True"),
    "hinge": ((1,), 1, "hinge", r"'hinge', which yields no probabilities"),
    "dice": ((1, "sigmoid"), 1, "dice", r"'dice', which gives no loss for each"),
    "kl": ((2, "softmax"), 1, keras.losses.KLDivergence(), r"'kl_divergence', which gives no loss for each"),
    "categorical on one unit": (
        (1, "sigmoid"),
        1,
        "categorical_crossentropy",
        r"does not fit 1 sigmoid unit, where it is always 0.*'binary_crossentropy'",
    ),
    "sparse on labels": ((3, "sigmoid"), 3, "sparse_categorical_crossentropy", r"does not fit 3 sigmoid units\. "),
    "binary on softmax": (
        (2, "softmax"),
        1,
        "binary_crossentropy",
        r"does not fit 2 softmax units.*'categorical_crossentropy'",
    ),
    "logits expected": ((1, "sigmoid"), 1, BCE(from_logits=True), r"from_logits=True, but 1 sigmoid unit already"),
    "softmax and logits": ((2, "softmax"), 1, CCE(from_logits=True), r"from_logits=True, but 2 softmax units already"),
    "probabilities expected": (
        (1,),
        1,
        "binary_crossentropy",
        r"expects probabilities, but 1 linear unit yield.*from_logits=True",
    ),
    "sum": ((1, "sigmoid"), 1, BCE(reduction="sum"), r"reduction='sum'; training averages over the rows"),
    "unknown": ((1, "sigmoid"), 1, "no_such_loss", r"loss='no_such_loss', which Keras does not know"),
    "two losses": ((1, "sigmoid"), 1, ["bce", "bce"], r"2 losses; one output has one loss"),
    "no function": ((1, "sigmoid"), 1, [3], r"loss=3, which is no loss"),
}


@pytest.mark.parametrize("name", REFUSED_LOSSES)
def test_loss_is_refused_with_the_remedy(name):
    arguments, n_labels, loss, message = REFUSED_LOSSES[name]
    model = dense(*arguments)
    head = recognise_head(model, N_FEATURES, n_labels)
    with pytest.raises(ValueError, match=message):
        resolve_loss(loss, head)


def test_refused_loss_reaches_the_user_through_the_model():
    with pytest.raises(ValueError, match="a regression loss"):
        resolve(compiled(dense(1, "sigmoid"), "mae"))


@pytest.mark.parametrize("loss", ["mse", "MSE", keras.losses.mean_squared_error, keras.losses.MeanSquaredError()])
@pytest.mark.parametrize(("units", "activation", "n_labels"), [(1, "sigmoid", 1), (3, "sigmoid", 3), (2, "softmax", 1)])
def test_the_squared_error_of_probabilities_is_the_brier_score(loss, units, activation, n_labels):
    network = resolve(compiled(dense(units, activation), loss), n_labels)
    y = (np.arange(4 * n_labels).reshape(4, n_labels) % 2).astype(np.float32)
    p = np.linspace(0.1, 0.9, 4 * n_labels, dtype=np.float32).reshape(4, n_labels)
    outputs = np.hstack([1 - p, p]) if activation == "softmax" else p
    values = network.losses(ops.convert_to_tensor(y), ops.convert_to_tensor(outputs))
    np.testing.assert_allclose(ops.convert_to_numpy(values), (y - p) ** 2, rtol=1e-5)
    keras_loss = network.keras_loss()(network.targets(y), outputs)
    assert float(keras_loss) == pytest.approx(np.mean((y - p) ** 2), rel=1e-5)
    assert network.keras_reason is None


def brier(y, p):
    return ops.mean(ops.square(y - p), axis=-1)


class OwnBrier(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return brier(y_true, y_pred)


@pytest.mark.parametrize("loss", [brier, OwnBrier(), lambda y, p: ops.square(y - p)], ids=["function", "object", "raw"])
@pytest.mark.parametrize("n_labels", [1, 3])
def test_own_loss_is_taken(loss, n_labels):
    network = resolve(compiled(dense(n_labels, "sigmoid"), loss), n_labels)
    y = np.eye(4, n_labels, dtype=np.float32)
    p = np.linspace(0.1, 0.9, 4 * n_labels, dtype=np.float32).reshape(4, n_labels)
    values = network.losses(ops.convert_to_tensor(y), ops.convert_to_tensor(p))
    np.testing.assert_allclose(ops.convert_to_numpy(values), (y - p) ** 2, rtol=1e-5)
    assert network.keras_reason is None


def test_own_loss_over_all_labels_of_a_row():
    def worst_label(y, p):
        return ops.max(ops.square(y - p), axis=1)

    network = resolve(compiled(dense(3, "sigmoid"), worst_label), 3)
    y = np.zeros((2, 3), np.float32)
    p = np.array([[0.1, 0.5, 0.2], [0.9, 0.3, 0.1]], np.float32)
    values = ops.convert_to_numpy(network.losses(ops.convert_to_tensor(y), ops.convert_to_tensor(p)))
    np.testing.assert_allclose(values, [[0.25] * 3, [0.81] * 3], rtol=1e-5)


@pytest.mark.parametrize("kind", ["one_hot", "index"])
def test_own_loss_on_two_softmax_units(kind):
    def one_hot(y, p):
        return -ops.sum(y * ops.log(p), axis=-1)

    def index(y, p):
        if len(y.shape) != 1:
            raise TypeError("expects class indices")
        return -ops.log(ops.where(y == 1, p[:, 1], p[:, 0]))

    network = resolve(compiled(dense(2, "softmax"), {"one_hot": one_hot, "index": index}[kind]))
    assert network.loss.form == kind
    y, p = np.array([[1], [0]]), np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    values = network.losses(ops.convert_to_tensor(y), ops.convert_to_tensor(p))
    np.testing.assert_allclose(ops.convert_to_numpy(values)[:, 0], -np.log([0.8, 0.6]), rtol=1e-5)


def test_own_loss_without_a_value_a_row_is_refused():
    def batch_mean(y, p):
        return ops.mean(ops.square(y - p))

    with pytest.raises(ValueError, match=r"own loss 'batch_mean'.*not give one value for each row.*axis=-1"):
        resolve(compiled(dense(1, "sigmoid"), batch_mean))


def test_own_loss_that_fails_is_refused_with_its_error():
    def broken(y, p):
        raise RuntimeError("not today")

    with pytest.raises(ValueError, match=r"RuntimeError: not today"):
        resolve(compiled(dense(1, "sigmoid"), broken))


def test_own_loss_that_mixes_rows_needs_keras():
    def centred(y, p):
        return ops.mean(ops.square(y - p + ops.mean(p)), axis=-1)

    assert resolve(compiled(dense(1, "sigmoid"), centred)).keras_reason == "its loss mixes rows"


@pytest.mark.parametrize("kind", ["sigmoid", "linear", "softmax"])
def test_logits_and_probabilities_agree(kind):
    head = Head(kind, 1)
    logits = np.linspace(-14, 14, 57)
    p = 1 / (1 + np.exp(-logits))
    outputs = {"sigmoid": p[:, None], "linear": logits[:, None], "softmax": np.column_stack([1 - p, p])}[kind]
    np.testing.assert_allclose(head.logits(outputs)[:, 0], logits, atol=1e-6)
    found = ops.convert_to_numpy(head.probabilities(ops.convert_to_tensor(outputs)))
    np.testing.assert_allclose(found[:, 0], p, atol=1e-6)


@pytest.mark.parametrize("kind", ["sigmoid", "softmax"])
def test_logits_of_saturated_outputs_are_finite_and_ordered(kind):
    p = np.array([0.0, 1e-30, 1e-8, 0.5, 1 - 2.0**-20, 1.0], np.float32)
    outputs = p[:, None] if kind == "sigmoid" else np.column_stack([1 - p, p])
    values = Head(kind, 1).logits(outputs)[:, 0]
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: keras.Sequential([keras.Input((5,)), layers.Dense(1)]), r"takes 5 columns, but X has 3.*n_features"),
        (
            lambda: keras.Sequential([keras.Input((3, 1)), layers.Flatten(), layers.Dense(1)]),
            r"inputs of shape \('rows', 3, 1\); X is a matrix.*Reshape",
        ),
        (
            lambda: keras.Model(
                [a := keras.Input((1,)), b := keras.Input((2,))], layers.Dense(1)(layers.Concatenate()([a, b]))
            ),
            r"2 inputs; one matrix X",
        ),
    ],
    ids=["width", "cube", "two inputs"],
)
@pytest.mark.parametrize("how", ["template", "function"])
def test_input_is_refused_with_the_remedy(build, message, how):
    with pytest.raises(ValueError, match=message):
        resolve(build() if how == "template" else build)


def test_strings_are_refused():
    inputs = keras.Input((3,), dtype="string")
    with isolated_random(0):
        model = keras.Model(inputs, layers.Dense(1)(layers.Hashing(4, output_mode="multi_hot")(inputs)))
    with pytest.raises(ValueError, match="takes strings; encode the columns"):
        resolve(model)


def test_copy_of_a_one_output_list_model_has_a_plain_output():
    inputs = keras.Input((N_FEATURES,))
    copy = fresh_copy(keras.Model([inputs], [layers.Dense(1)(inputs)]), N_FEATURES)
    assert tuple(copy(np.zeros((2, N_FEATURES), np.float32)).shape) == (2, 1)
