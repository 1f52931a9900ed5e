"""Where scikit-learn hands on arrays of another library, the network says that it computes with NumPy."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("array_api_strict")

SCRIPT = """
import array_api_strict as xp
import numpy as np
from sklearn import config_context
from sklearn_binnet import BinaryNetClassifier

X = np.arange(40.0).reshape(20, 2)
y = np.arange(20) % 2
with config_context(array_api_dispatch=True):
    try:
        BinaryNetClassifier().fit(xp.asarray(X), y)
    except TypeError as error:
        assert "the array API is not supported" in str(error), error
        assert "Pass NumPy arrays" in str(error), error
    else:
        raise AssertionError
"""


@pytest.mark.slow
def test_another_librarys_arrays_are_refused_in_words():
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=environment)
