"""What the tests try, counted for the page `docs/guide/tried.rst`.

`pytest --tried FILE` writes the counts of the tests that are marked `inputs` or `fault` to FILE, as JSON with one entry
for each test, parameters included. Entries of tests that did not run stay, so that a long run can be cut in parts.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

_counts: Counter[str] = Counter()


def came(outcome, n=1):
    """Count what came of a generated input, or how often a fault was tried, for the test that runs now."""
    _counts[outcome] += n


def pytest_addoption(parser):
    parser.addoption("--tried", metavar="FILE", help="write what the tests tried and what came of it to this file")


def pytest_configure(config):
    config.addinivalue_line("markers", "inputs(estimator, what): generated inputs, counted for the documentation")
    config.addinivalue_line("markers", "fault(kind, what_happens): a kind of fault, counted for the documentation")
    path = config.getoption("--tried", None)
    if path:
        config.pluginmanager.register(Collector(path))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    if call.when == "call":
        for kind in ("inputs", "fault"):
            for mark in item.iter_markers(kind):
                counts = dict(_counts) or {"tried": 1}
                item.user_properties.append(("tried", {"kind": kind, "what": list(mark.args), "counts": counts}))
        _counts.clear()


class Collector:
    """Gathers the reports, which come from the workers of pytest-xdist too."""

    def __init__(self, path):
        self._path, self._found = Path(path), {}

    def pytest_runtest_logreport(self, report):
        found = [value for name, value in report.user_properties if name == "tried"]
        if report.when == "call" and found and not report.skipped:
            self._found[report.nodeid] = {"passed": report.passed, "tried": found}

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workerinput"):
            return
        known = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        text = json.dumps({**known, **self._found}, indent=1, sort_keys=True)
        self._path.write_text(text + "\n", encoding="utf-8")
