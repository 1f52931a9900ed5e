"""The page of what was tried is what the tests counted."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="runs from the source folder")


@pytest.fixture(scope="module")
def tried():
    spec = importlib.util.spec_from_file_location("tried_page", ROOT / "docs" / "tried.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_of_the_counts(tried):
    counts, memory = tried.read(tried.COUNTS), tried.read(tried.MEMORY)
    assert tried.PAGE.read_text(encoding="utf-8") == tried.page(counts, memory)
    inputs, faults = tried.gather(counts)
    assert sum(int(row[2].replace(",", "")) for row in inputs) >= 20_000
    assert {row[0] for row in inputs} == {"classifier", "tuner"}
    assert len(faults) >= 15
    assert memory["fits"] >= 1000
    assert memory["after"] - memory["before"] < 100


def test_every_mark_has_its_counts(tried):
    parts = [part for test in tried.read(tried.COUNTS).values() for part in test["tried"]]
    told = {part["what"][0 if part["kind"] == "fault" else 1] for part in parts}
    marked = set()
    for path in (ROOT / "tests").glob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        marked |= set(re.findall(r'mark\.fault\(\s*"([^"]+)"', text))
        marked |= set(re.findall(r'mark\.inputs\(\s*"\w+", "([^"]+)"', text))
    marked -= {"a kind of fault", "what was drawn"}  # of the test below
    assert marked == told


def test_a_failed_test_writes_no_page(tried):
    part = {"kind": "fault", "what": ["kind", "happens"], "counts": {"tried": 1}}
    with pytest.raises(SystemExit, match="test_y failed: no page is written"):
        tried.gather({"tests/test_x.py::test_y": {"passed": False, "tried": [part]}})


MARKED = """
import pytest
from tests.tried import came

@pytest.mark.fault("a kind of fault", "nothing")
@pytest.mark.parametrize("n", [1, 2])
def test_a_fault(n):
    pass

@pytest.mark.inputs("classifier", "what was drawn")
def test_inputs():
    came("answered")
    came("refused", 2)

@pytest.mark.fault("a kind of fault", "nothing")
def test_that_fails():
    came("tried", 5)
    assert False
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_the_tests_count(workers, tmp_path):
    """In this process and in workers; entries of tests that did not run stay."""
    (tmp_path / "test_marked.py").write_text(MARKED)
    (tmp_path / "conftest.py").write_text("from tests.tried import *\n")
    (tmp_path / "counts.json").write_text(json.dumps({"other": 1}))
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--rootdir=.", "--tried=counts.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((tmp_path / "counts.json").read_text())
    assert found.pop("other") == 1
    counts = {name.split("::")[1]: (test["passed"], test["tried"][0]["counts"]) for name, test in found.items()}
    assert counts == {
        "test_a_fault[1]": (True, {"tried": 1}),
        "test_a_fault[2]": (True, {"tried": 1}),
        "test_inputs": (True, {"answered": 1, "refused": 2}),
        "test_that_fails": (False, {"tried": 5}),
    }
