"""What the first fit of a process does outside of it: log lines, environment, Keras' backend."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_binnet._training._start import worth_showing

FIT = """
import os, sys
import numpy as np
before = os.environ.get("TF_CPP_MIN_LOG_LEVEL")
from sklearn_binnet import BinaryNetClassifier
assert "tensorflow" not in sys.modules
X = np.arange(40.0).reshape(20, 2)
clf = BinaryNetClassifier(hidden_layer_sizes=(), n_estimators=1, epochs=1, random_state=0)
clf.fit(X, np.arange(20) % 2).predict(X)
assert os.environ.get("TF_CPP_MIN_LOG_LEVEL") == before
print("fitted")
"""


def run(script, **environment):
    """Run a script in a process of its own, without what the tests' command set for TensorFlow."""
    kept = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")}
    root = str(Path(__file__).parents[1])
    environment = kept | {"PYTHONPATH": root} | environment
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_first_fit_writes_nothing_and_leaves_the_environment_alone():
    done = run(FIT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fitted\n"
    assert done.stderr == ""


@pytest.mark.slow
def test_who_asked_for_tensorflows_log_gets_it():
    done = run(FIT, TF_CPP_MIN_LOG_LEVEL="0")
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) > 2


def test_only_information_and_warnings_of_tensorflow_are_held_back():
    noise = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795594250.570655   32310 port.cc:153] oneDNN custom operations are on.
I0000 00:00:1795594250.570967   32310 cudart_stub.cc:31] Could not find cuda drivers on your machine.
2025-01-02 11:12:13.141516: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized
To enable the following instructions: AVX2 AVX512F FMA, in other operations, rebuild TensorFlow
E0000 00:00:1795594244.066168   32225 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
"""
    told = """INFO my own program: I0000
E0000 00:00:1795594244.066168   32225 memory.cc:1] out of memory
2025-01-02 11:12:13.141516: E tensorflow/core/memory.cc:1] out of memory
"""
    assert worth_showing(noise) == ""
    assert worth_showing(noise + told) == told
    broken_driver = noise.splitlines(keepends=True)[-1]
    assert worth_showing(broken_driver) == broken_driver


@pytest.mark.parametrize("backend", ["jax", "numpy", "torch"])
def test_another_backend_of_keras_is_refused(backend):
    done = run(FIT, KERAS_BACKEND=backend)
    assert done.returncode == 1
    refused = "RuntimeError: sklearn_binnet trains networks with TensorFlow, but Keras' backend is"
    assert f"{refused} '{backend}'" in done.stderr
    assert "KERAS_BACKEND=tensorflow" in done.stderr
