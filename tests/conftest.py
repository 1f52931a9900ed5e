"""What all tests share.

They train by the plain program: the same meaning (tests/test_engine.py shows it), a third of the time to compile. Tests
marked `xla` train as users do; the engine's own tests choose for themselves.
"""

import os

import numpy as np
import pytest
from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # workers that each take all cores wait for one another
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")

from sklearn_binnet._training import _compiled
from tests.tried import pytest_addoption, pytest_configure, pytest_runtest_makereport  # noqa: F401 - pytest's hooks

settings.register_profile("steady", derandomize=True)
"""The usual profile: the same examples in each run, so that a change is judged by what it changes."""
settings.load_profile("steady")
settings.register_profile("wholesale", max_examples=9_000)
"""Thousands of inputs of tests/test_wholesale.py, a third or an eighth for each: `--hypothesis-profile=wholesale`."""
settings.register_profile("wholesale-ci", max_examples=3_000)
"""A third of them, as many in each run: what continuous integration tries (.ci/run)."""

AS_USERS_DO = _compiled.XLA_FROM_STEPS
_compiled.XLA_FROM_STEPS = 10**9


@pytest.fixture(autouse=True)
def xla_where_asked(request, monkeypatch):
    if request.node.get_closest_marker("xla"):
        monkeypatch.setattr(_compiled, "XLA_FROM_STEPS", AS_USERS_DO)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Each test starts from the same global random state, which estimators without `random_state` draw from."""
    np.random.seed(0)  # noqa: NPY002
