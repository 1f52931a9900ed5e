"""Same seed, same bits; and what is global stays as it was."""

import hashlib
import json
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from sklearn_binnet import ThresholdTunerCV
from tests.small import X, Y, net, y

MORE = {"n_estimators": 3, "dropout": 0.3}


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a, np.float64).tobytes() for a in arrays)).hexdigest()


def bits(clf):
    """Return a digest of all that a fit gives."""
    weights = [w for model in clf._fitted.weights for w in model]
    return digest(clf.predict_proba(X), clf.oof_proba_, clf.temperature_, clf.history_["loss"], *map(np.ravel, weights))


def tuned_bits(tuned):
    return digest(tuned.predict_proba(X), tuned.oof_scores_, tuned.best_threshold_, tuned.threshold_interval_)


@pytest.fixture(scope="module")
def first():
    return bits(net(**MORE).fit(X, y))


def test_again_and_after_other_fits_and_predictions(first):
    net(hidden_layer_sizes=(5,), epochs=1).fit(X, Y).predict(X)
    net(**MORE | {"random_state": 1}).fit(X[:150], y[:150]).predict(X)
    assert bits(net(**MORE).fit(X, y)) == first
    assert bits(clone(net(**MORE)).fit(X, y)) == first
    assert bits(net(**MORE | {"random_state": 1}).fit(X, y)) != first


def test_after_a_pickle(first):
    clf = pickle.loads(pickle.dumps(net(**MORE).fit(X, y)))
    assert bits(clf) == first
    assert bits(clf.fit(X, y)) == first


def test_a_generator_that_was_given_goes_on():
    one, other = (net(**MORE | {"random_state": np.random.RandomState(3)}) for _ in range(2))
    assert bits(one.fit(X, y)) == bits(other.fit(X, y))
    assert bits(one.fit(X, y)) == bits(other.fit(X, y))


PROCESS = """
import json, os, random, sys, warnings, logging
import numpy as np
def states():
    found = {
        "python": hash(random.getstate()),
        "numpy": np.random.get_state()[1].tolist()[:9] + [np.random.get_state()[2]],
        "environment": {k: v for k, v in os.environ.items()},
        "logging": [logging.getLogger().level, len(logging.getLogger().handlers), logging.root.manager.disable],
        "directory": os.getcwd(),
        "errors": np.geterr(),
        "print": {k: str(v) for k, v in np.get_printoptions().items()},
    }
    if "keras" in sys.modules:
        import keras, tensorflow as tf
        found["keras"] = [
            keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format(), keras.config.backend(),
            keras.config.is_traceback_filtering_enabled(), keras.mixed_precision.global_policy().name,
            tf.config.functions_run_eagerly(),
            tf.config.optimizer.get_jit(), tf.executing_eagerly(),
        ]
    return found
heavy = "early" in sys.argv
if heavy:
    import sklearn.ensemble, sklearn.model_selection, keras
random.seed(1)
np.random.seed(1)
filters = list(warnings.filters)
before = states()
from tests.small import X, net, y
from tests.test_determinism import MORE, bits, tuned_bits
from sklearn_binnet import ThresholdTunerCV
changed = []
def check(what):
    now = states()
    changed.extend(f"{what}: {k}" for k in before if now[k] != before[k])
check("import")
clf = net(**MORE).fit(X, y)
check("fit")
clf.predict_proba(X)
clf.model_(X)
check("predict")
tuned = ThresholdTunerCV(net(**MORE), random_state=0).fit(X, y)
check("tuning")
ours = [f for f in warnings.filters if f not in filters] if heavy else []
print(json.dumps({"bits": bits(clf), "tuned": tuned_bits(tuned), "changed": changed, "filters": len(ours)}))
"""


@pytest.mark.parametrize("early", [False, True])
def test_in_another_process_and_what_is_global(early, first):
    command = [sys.executable, "-c", "from tests import conftest\n" + PROCESS, *(["early"] if early else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    changed = found["changed"]
    if not early and keras.__version__.startswith("3.8."):  # its import draws from Python's own generator
        changed = [what for what in changed if not what.endswith(": python")]
    assert changed == []
    assert found["filters"] == 0
    assert found["bits"] == first
    tuned = ThresholdTunerCV(net(**MORE), random_state=0).fit(X, y)
    assert found["tuned"] == tuned_bits(tuned)


def test_one_job_or_two():
    one, two = (
        ThresholdTunerCV(LogisticRegression(), scoring="f1", n_jobs=n, random_state=0).fit(X, y) for n in (1, 2)
    )
    assert tuned_bits(one) == tuned_bits(two)


def test_a_tuning_again_after_others_and_after_a_pickle():
    tuner = ThresholdTunerCV(net(**MORE), scoring="f1", random_state=0)
    first = tuned_bits(tuner.fit(X, y))
    ThresholdTunerCV(net(hidden_layer_sizes=(5,)), cv=2).fit(X[:99], y[:99])
    assert tuned_bits(tuner.fit(X, y)) == first
    again = pickle.loads(pickle.dumps(tuner))
    assert tuned_bits(again) == first
    assert tuned_bits(again.retune(scoring="f1")) == first
