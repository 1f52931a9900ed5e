"""The code in the README and in the documentation runs, in the order of its page, and the figures there are right."""

import contextlib
import importlib.util
import io
import os
import re
import textwrap
import tomllib
from pathlib import Path

import joblib
import pytest
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst")), *sorted((ROOT / "docs" / "guide").glob("*.rst"))]
OPTIONAL = ("dask", "onnx", "onnxruntime", "optuna", "skops")
WIDTH = 88
"""Columns of code that the gallery and the pages show without scrolling."""

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="runs from the source folder")


def blocks(page):
    """Return pairs of a page, in order: a block of Python, and the output that the page shows of it or None."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return [(block, None) for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)]
    found = []
    pattern = r"^\.\. code-block:: (python|text)\n\n((?:   .*\n|\n)+)"
    for language, block in re.findall(pattern, text, flags=re.MULTILINE):
        block = textwrap.dedent(block)
        if language == "python":
            found.append((block, None))
        else:
            found[-1] = (found[-1][0], block.strip())
    return found


def differences(shown, printed):
    """Return what a page's output and the real one differ in: words and whole numbers exactly, others roughly.

    A figure with decimals may be off by 0.03 or a fifth of itself, whichever is less, and by its rounding: that much
    may another machine's arithmetic or another version of a library change.
    """
    number = re.compile(r"-?\d+(?:\.\d+)?")
    if number.sub("#", shown).split() != number.sub("#", printed).split():
        return [(shown, printed)]
    wrong = []
    for a, b in zip(number.findall(shown), number.findall(printed), strict=True):
        decimals = len(a.partition(".")[2])
        allowed = min(0.03, 0.2 * abs(float(a))) + 0.5 * 10**-decimals if decimals else 0
        if abs(float(a) - float(b)) > allowed:
            wrong.append((a, b))
    return wrong


def test_wrong_figures_are_found():
    shown = "3 of 40 found: recall 0.86, threshold 0.10"
    assert not differences(shown, "3 of 40  found: recall 0.84, threshold 0.11")
    assert differences(shown, "3 of 40 found: recall 0.82, threshold 0.10") == [("0.86", "0.82")]
    assert differences(shown, "3 of 40 found: recall 0.86, threshold 0.13") == [("0.10", "0.13")]
    assert differences(shown, "3 of 39 found: recall 0.86, threshold 0.10") == [("40", "39")]
    assert differences(shown, "3 of 40 missed: recall 0.86, threshold 0.10")


def test_pages_are_found():
    names = {page.name for page in PAGES}
    assert {"README.md", "index.rst", "tutorial.rst", "thresholds.rst", "saving.rst", "choosing.rst"} <= names
    assert len(blocks(ROOT / "docs" / "tutorial.rst")) == 8
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(blocks(page)) == text.count("code-block:: python") + text.count("```python"), page.name
        assert sum(shown is not None for _, shown in blocks(page)) == text.count("code-block:: text"), page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_needs_no_scrolling(page):
    for block, shown in blocks(page):
        for line in (block + (shown or "")).splitlines():
            assert len(line) <= WIDTH, line


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # a reader sees warnings, and some are part of the lesson
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_runs_and_prints_what_the_page_shows(page, monkeypatch, tmp_path):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    # processes that a page starts find the package in the source folder too
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    names: dict = {"__name__": page.stem}
    wrong = []
    for block, shown in blocks(page):
        missing = [name for name in OPTIONAL if re.search(rf"^(import|from) {name}\b", block, re.MULTILINE)]
        if all(importlib.util.find_spec(name) for name in missing):
            printed = io.StringIO()
            # trees on all cores of a busy machine wait for one another more than they work
            # A search of two jobs gets threads; test_one_job_or_two_give_the_same_bits starts processes.
            threads = joblib.parallel_config("threading")
            with contextlib.redirect_stdout(printed), threadpool_limits(1), threads:
                exec(compile(block, str(page), "exec"), names)
            wrong += [] if shown is None else differences(shown, printed.getvalue())
    plt.close("all")
    assert not wrong
    if page.name == "index.rst":
        (line,) = names["tuned"].constraint_report_
        assert line["bound"] >= 0.85
    if page.name == "README.md":
        # a miss costs five false alarms: 1/6 for calibrated probabilities
        assert names["tuned"].best_threshold_ == pytest.approx(1 / 6, abs=0.1)
        assert names["search"].best_score_ == pytest.approx(0.9, abs=0.05)
    if page.name == "tutorial.rst":
        # the tuner and the classifier mean the same label by "yes"
        clf = names["clf"].set_params(threshold=names["tuned"].best_threshold_)
        assert (names["tuned"].predict(names["X_test"]) == clf.predict(names["X_test"])).all()


def test_gallery_knows_every_example():
    spec = importlib.util.spec_from_file_location("gallery_order", ROOT / "docs" / "gallery_order.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.ORDER) == {path.name for path in (ROOT / "examples").glob("plot_*.py")}


def test_every_partner_stands_in_the_table():
    table = (ROOT / "docs" / "guide" / "neighbours.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"``(test_\w+)``", table))
    assert named == {path.stem for path in (ROOT / "tests" / "integration").glob("test_*.py")}


def test_the_table_of_partners_has_every_package_and_no_version_that_we_refuse():
    from packaging.requirements import Requirement

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [Requirement(text) for text in extras["optional-dependencies"]["integration"] + extras["dependencies"]]
    bounds = {need.name.replace("-", "_"): need.specifier for need in needed}
    table = (ROOT / "docs" / "guide" / "neighbours.rst").read_text(encoding="utf-8")
    versions = {}
    for names, cell in re.findall(r"\* - \*\*(.+)\*\*\n     - (.+)\n", table):
        found = re.findall(r"\d+(?:\.\d+)*", cell)
        versions |= dict(zip(re.split(", ", names.lower().replace("-", "_")), found, strict=True))
    versions["array_api_strict"] = versions.pop("array api")
    # Their rows are those of the packages that they lead to; what a network is made of is no partner.
    bridges = {"optuna_integration", "tf2onnx"}
    ours = {"scikeras", "numpy", "scipy", "narwhals", "tqdm"}
    assert set(bounds) - bridges - ours <= set(versions)
    for name, version in versions.items():
        assert name not in bounds or bounds[name].contains(version), (name, version)


def test_every_public_name_is_in_the_reference():
    import sklearn_binnet
    from sklearn_binnet import datasets, plotting

    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    for module in (sklearn_binnet, datasets, plotting):
        for name in module.__all__:
            assert re.search(rf"auto(class|function|data):: [\w.]*\b{name}\n", reference), name


def test_every_public_method_is_in_the_reference():
    import sklearn_binnet
    from sklearn_binnet import plotting

    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    for module in (sklearn_binnet, plotting):
        for name in module.__all__:
            if not isinstance(getattr(module, name), type):
                continue
            described = re.search(rf"autoclass:: [\w.]*\b{name}\n\n((?:   .*\n)+)", reference)[1]
            for owner in getattr(module, name).__mro__:
                if owner.__module__.startswith("sklearn_binnet."):
                    for member in (member for member in vars(owner) if not member.startswith("_")):
                        listed = re.search(rf"auto(method|property):: {member}\n", described)
                        assert listed or member.startswith("set_"), f"{name}.{member}"
