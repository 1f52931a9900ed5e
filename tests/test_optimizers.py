"""Reading what a user passes as `optimizer`."""

import copy

import keras
import numpy as np
import pytest

from sklearn_binnet import BinaryNetClassifier
from sklearn_binnet._training._optimizers import make_optimizer, parse_optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)
SMALL = {"hidden_layer_sizes": (3,), "epochs": 1, "batch_size": 30, "n_estimators": 1, "random_state": 0}


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of the user's own, which Keras cannot make again from its configuration."""

    def __call__(self, step):
        return 0.5 ** (1.0 + keras.ops.cast(step, "float32"))

    def get_config(self):
        return {}


class OwnAdam(keras.optimizers.Adam):
    """An optimizer class of the user's own."""


def test_name_object_and_dict_say_the_same():
    by_name = parse_optimizer("adam")
    assert by_name.learning_rate == 0.001
    assert by_name.schedule is None
    assert by_name.weight_decay == 0.0
    assert not {"learning_rate", "weight_decay", "name"} & set(by_name.config["config"])
    assert parse_optimizer(keras.optimizers.Adam()) == by_name
    assert parse_optimizer(keras.optimizers.serialize(keras.optimizers.Adam())) == by_name


def test_rates_are_what_the_user_wrote():
    parsed = parse_optimizer(keras.optimizers.AdamW(learning_rate=0.003, weight_decay=0.02))
    assert (parsed.learning_rate, parsed.weight_decay) == (0.003, 0.02)


def test_schedule_stays_the_users_own_object():
    schedule = Halving()
    parsed = parse_optimizer(keras.optimizers.SGD(schedule))
    assert parsed.schedule is schedule
    assert parsed.learning_rate == 1.0
    assert make_optimizer(parsed)._learning_rate is schedule


def test_schedule_in_a_dict():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
    parsed = parse_optimizer(keras.optimizers.serialize(keras.optimizers.SGD(schedule)))
    assert parsed.schedule.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.AdamW(0.01, weight_decay=0.0, beta_1=0.5),
        keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0, weight_decay=0.3),
        OwnAdam(0.02, amsgrad=True),
    ],
    ids=lambda o: type(o).__name__,
)
def test_make_optimizer_is_the_inverse(optimizer):
    parsed = parse_optimizer(optimizer)
    made = make_optimizer(parsed)
    assert type(made) is type(optimizer)
    assert made is not optimizer
    assert parse_optimizer(made) == parsed


def test_own_class_is_kept():
    parsed = parse_optimizer(OwnAdam(0.02))
    assert parsed.config["class"] is OwnAdam
    assert parsed.learning_rate == 0.02


def test_fit_leaves_a_dict_passed_as_optimizer_alone():
    optimizer = keras.optimizers.serialize(keras.optimizers.SGD(0.1, momentum=0.5))
    before = copy.deepcopy(optimizer)
    BinaryNetClassifier(optimizer=optimizer, **SMALL).fit(X, y)
    assert optimizer == before


@pytest.mark.parametrize(
    "optimizer", [{}, {"config": {}}, {"class_name": 3, "config": {}}, "no_such_optimizer"], ids=str
)
def test_no_optimizer(optimizer):
    with pytest.raises(ValueError, match="optimizer must be the name of a Keras optimizer"):
        BinaryNetClassifier(optimizer=optimizer, **SMALL).fit(X, y)
