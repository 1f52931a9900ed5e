"""What all tests share."""

import pytest

from sklearn_binnet._training import _fast


@pytest.fixture(autouse=True)
def xla_only_where_asked(request, monkeypatch):
    """Train by the plain program: the same meaning (test_engine), a third of the time to compile.

    Tests marked `xla` train as users do; the engine's own tests choose for themselves.
    """
    if request.node.get_closest_marker("xla") is None:
        monkeypatch.setattr(_fast, "XLA_FROM_STEPS", 10**9)
