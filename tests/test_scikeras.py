"""SciKeras wrappers: what they build is used, what they do wrong does not reach the user."""

import os
import pickle
import random
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scikeras.wrappers import KerasClassifier, KerasRegressor

from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._forward import forward
from sklearn_binnet._networks._scikeras import is_wrapper, wrapper_parameters
from sklearn_binnet._networks._user_network import resolve_user_model

layers = keras.layers
D = 3


def build(meta, units=4, n_hidden=1):
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for _ in range(n_hidden):
        model.add(layers.Dense(units, "relu"))
    model.add(layers.Dense(1 if meta["target_type_"] == "binary" else meta["n_classes_"], "sigmoid"))
    return model


def build_compiled(meta, compile_kwargs, units=4):
    model = build(meta, units)
    model.compile(loss="binary_crossentropy", optimizer=compile_kwargs["optimizer"])
    return model


def resolve(model, n_labels=1, **kwargs):
    return resolve_user_model(model, ColumnEncoder.fit(None, np.zeros((1, D))), n_labels, **kwargs)


def parameters_of(wrapper, n_rows=2):
    return wrapper_parameters(wrapper, D, 1, n_rows)


def rows(n, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n, D)).astype(dtype)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# --- what is used ----------------------------------------------------------------------------------------------------


def test_network_optimizer_and_loss_of_the_wrapper_are_used():
    wrapper = KerasClassifier(
        build,
        units=6,
        model__n_hidden=2,
        loss=keras.losses.BinaryCrossentropy,
        loss__label_smoothing=0.2,
        optimizer="adam",
        optimizer__learning_rate=0.05,
        optimizer__beta_1=0.8,
        metrics=["accuracy"],
    )
    network = resolve(wrapper)
    assert [w.shape for w in network.initial_weights(0)] == [(D, 6), (6,), (6, 6), (6,), (6, 1), (1,)]
    assert network.optimizer.config["class_name"] == "Adam"
    assert network.optimizer.config["config"]["beta_1"] == 0.8
    assert network.optimizer.learning_rate == 0.05
    assert network.loss.loss.get_config()["label_smoothing"] == 0.2
    assert network.metrics == ["accuracy"]
    assert network.keras_reason is None


def test_function_that_compiles_itself():
    network = resolve(KerasClassifier(build_compiled, optimizer="sgd", optimizer__learning_rate=0.2, units=5))
    assert (network.optimizer.config["class_name"], network.optimizer.learning_rate) == ("SGD", 0.2)


def test_multilabel_wrapper():
    network = resolve(KerasClassifier(build), n_labels=3, n_rows=20)
    assert network.head.n_labels == 3
    assert forward(network, network.initial_weights(0), rows(2)).shape == (2, 3)


def test_wrapper_without_loss_and_optimizer_takes_the_heads_loss():
    network = resolve(KerasClassifier(build))
    assert network.optimizer is None
    assert network.loss.form == "column"


def test_subclass_with_its_own_build_function():
    class Mine(KerasClassifier):
        def __init__(self, width=7, **kwargs):
            super().__init__(**kwargs)
            self.width = width

        def _keras_build_fn(self, meta):
            return build(meta, self.width)

    assert is_wrapper(Mine())
    assert resolve(Mine(width=9)).initial_weights(0)[0].shape == (D, 9)


def test_training_parameters_that_the_user_set():
    wrapper = KerasClassifier(build, epochs=7, batch_size=16, class_weight="balanced", validation_split=0.2)
    found = parameters_of(wrapper)
    assert found == {"epochs": 7, "batch_size": 16, "class_weight": "balanced", "validation_fraction": 0.2}
    assert parameters_of(KerasClassifier(build)) == {}
    assert parameters_of(KerasClassifier(build, epochs=3, fit__epochs=5)) == {"epochs": 5}
    whole = parameters_of(KerasClassifier(build, batch_size=-1), 40)
    assert whole == {"batch_size": 40}


def test_callbacks_of_the_wrapper():
    wrapper = KerasClassifier(
        build, callbacks=[keras.callbacks.EarlyStopping], callbacks__0__patience=3, fit__callbacks=None
    )
    (stopping,) = parameters_of(wrapper)["callbacks"]
    assert isinstance(stopping, keras.callbacks.EarlyStopping)
    assert stopping.patience == 3


def test_parameters_without_meaning_here_are_named():
    wrapper = KerasClassifier(build, shuffle=False, predict__batch_size=3)
    with pytest.warns(UserWarning, match=r"KerasClassifier has predict__batch_size, shuffle, which .* does not use"):
        parameters_of(wrapper)


# --- what is refused -------------------------------------------------------------------------------------------------


def test_regressor_is_refused():
    with pytest.raises(TypeError, match="scikeras KerasRegressor; a yes/no question needs a"):
        resolve(KerasRegressor(build))


@pytest.mark.parametrize("name", ["feature_encoder", "target_encoder"])
def test_own_encoders_are_refused(name):
    kind = type("Encoding", (KerasClassifier,), {name: property(lambda self: None)})
    with pytest.raises(ValueError, match=f"Encoding with its own {name}, which would not be used"):
        resolve(kind(build))


def test_contradicting_losses_are_refused():
    wrapper = KerasClassifier(build_compiled, loss="categorical_crossentropy")
    with pytest.raises(ValueError, match=r"loss='categorical_crossentropy', but its function compiles"):
        resolve(wrapper)


def test_heads_and_losses_are_judged_as_elsewhere():
    with pytest.raises(ValueError, match="a regression loss"):
        resolve(KerasClassifier(build, loss="mae"))


def test_function_without_a_model_is_refused():
    with pytest.raises(TypeError, match=r"KerasClassifier whose function returned 3; it must return a keras\.Model"):
        resolve(KerasClassifier(lambda: 3))


# --- the wrapper stays as it is --------------------------------------------------------------------------------------


def test_wrapper_is_never_changed():
    optimizer = keras.optimizers.Adam(0.1)
    state = np.random.RandomState(3)
    wrapper = KerasClassifier(build, loss="binary_crossentropy", optimizer=optimizer, random_state=state, epochs=2)
    before, drawn = dict(vars(wrapper)), state.get_state()[1].copy()
    network = resolve(wrapper)
    network.initial_weights(0)
    network.build()
    assert dict(vars(wrapper)) == before
    assert not wrapper.initialized_
    assert wrapper.optimizer is optimizer
    assert not optimizer.built
    np.testing.assert_array_equal(state.get_state()[1], drawn)


def test_model_in_a_wrapper_is_a_template():
    template = build({"n_features_in_": D, "target_type_": "binary"})
    template.compile("adam", "binary_crossentropy")
    weights = [w.copy() for w in template.get_weights()]
    network = resolve(KerasClassifier(template))
    assert network.optimizer.config["class_name"] == "Adam"
    assert not same(network.initial_weights(0), weights)
    assert same(template.get_weights(), weights)


# --- the defects of SciKeras -----------------------------------------------------------------------------------------


def test_one_row_keeps_its_shape():
    """SciKeras squeezes the probabilities of one row to shape (2,)."""
    network = resolve(KerasClassifier(build))
    outputs = forward(network, network.initial_weights(0), rows(1))
    assert outputs.shape == network.logits(outputs).shape == (1, 1)


def test_random_state_object_is_not_seed_zero():
    """SciKeras makes seed 0 of every RandomState."""
    seeds = []
    for seed in (1, 2):
        state = np.random.RandomState(seed)
        found = parameters_of(KerasClassifier(build, random_state=state))["random_state"]
        assert found is not state
        seeds.append(found.randint(2**31))
    assert seeds[0] != seeds[1]
    network = resolve(KerasClassifier(build, random_state=0))
    assert not same(network.initial_weights(1), network.initial_weights(2))


def test_random_state_switches_no_determinism_on():
    """SciKeras flips TensorFlow's global op determinism while it builds."""
    seen = []

    def watching(meta):
        seen.append(os.environ.get("TF_DETERMINISTIC_OPS"))
        tf.random.Generator.from_non_deterministic_state()  # raises under op determinism
        return build(meta)

    network = resolve(KerasClassifier(watching, random_state=3))
    network.initial_weights(0)
    assert set(seen) == {None}


def test_no_global_random_state_is_touched():
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002 - the global state is what this is about
    expected = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    network = resolve(KerasClassifier(build, random_state=11, loss="binary_crossentropy"))
    network.initial_weights(5)
    network.build()
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002


def test_initial_weights_depend_on_the_seed_alone():
    network = resolve(KerasClassifier(build))
    first = network.initial_weights(1)
    random.seed(0)
    assert same(first, network.initial_weights(1))


def test_float32_at_fit_and_float64_at_predict():
    """SciKeras raises for float64 after float32."""
    network = resolve(KerasClassifier(build))
    weights = network.initial_weights(0)
    np.testing.assert_array_equal(
        forward(network, weights, rows(4, np.float32)), forward(network, weights, rows(4).astype(np.float32))
    )
    np.testing.assert_allclose(forward(network, weights, rows(4)), forward(network, weights, rows(4, np.float32)))


def test_class_weight_is_handed_over_and_never_multiplied_in_place():
    """SciKeras multiplies the caller's sample_weight; here its `fit` is never called."""

    class Never(KerasClassifier):
        def fit(self, *args, **kwargs):
            raise AssertionError("fit of the wrapper was called")

        partial_fit = predict = predict_proba = score = fit

    never = Never(build, class_weight={0: 1, 1: 5})
    assert parameters_of(never)["class_weight"] == {0: 1, 1: 5}
    network = resolve(never)
    network.initial_weights(0)
    forward(network, network.initial_weights(0), rows(3))


def test_a_fitted_network_pickles_without_scikeras_way_of_pickling_models(tmp_path):
    """Importing SciKeras replaces `keras.Model.__reduce__`; a network travels as JSON instead."""
    network = resolve(KerasClassifier(build, loss="binary_crossentropy", optimizer="adam"))
    fitted = network.fitted([network.initial_weights(0)])
    path = tmp_path / "fitted.pickle"
    path.write_bytes(pickle.dumps((fitted, rows(5), fitted.logits(rows(5)))))
    script = f"""
import pickle, sys
import numpy as np
fitted, X, expected = pickle.load(open({str(path)!r}, "rb"))
assert "keras" not in sys.modules
assert np.abs(fitted.logits(X) - expected).max() < 1e-6
assert "scikeras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_other_models_never_import_scikeras():
    script = """
import sys
import keras
import numpy as np
from sklearn_binnet._networks._user_network import resolve_user_model
from sklearn_binnet._networks._encoder import ColumnEncoder
from sklearn_binnet._networks._forward import forward
encoder = ColumnEncoder.fit(None, np.zeros((1, 3)))
def build():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
for model in (build, build()):
    network = resolve_user_model(model, encoder, 1)
    forward(network, network.initial_weights(0), [[1, 2, 3]])
try:
    resolve_user_model("nothing", encoder, 1)
except TypeError:
    pass
assert "scikeras" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def with_lambda(meta):
    return keras.Sequential(
        [keras.Input((D,)), layers.Lambda(lambda x: x * 2, output_shape=(D,)), layers.Dense(1, "sigmoid")]
    )


def test_a_wrapper_network_with_own_code_comes_back_through_the_wrapper():
    network = resolve(KerasClassifier(with_lambda))
    fitted = network.fitted([network.initial_weights(0)])
    back = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(back.logits(rows(5)), fitted.logits(rows(5)))


def test_is_wrapper_knows_instances_only():
    assert is_wrapper(KerasClassifier(build))
    assert not any(map(is_wrapper, (KerasClassifier, build, keras.Model(), None, "scikeras")))
