"""Every block of code in the README and in the documentation runs, in the order of its page."""

import importlib.util
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst")), *sorted((ROOT / "docs" / "guide").glob("*.rst"))]
OPTIONAL = ("dask", "skops")

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="runs from the source folder")


def blocks(page):
    """Return the blocks of Python of a page, in order."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    found = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", text, flags=re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def test_pages_are_found():
    names = {page.name for page in PAGES}
    assert {"README.md", "index.rst", "tutorial.rst", "thresholds.rst", "saving.rst", "choosing.rst"} <= names
    assert len(blocks(ROOT / "docs" / "tutorial.rst")) == 7
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert len(blocks(page)) == text.count("code-block:: python") + text.count("```python"), page.name


@pytest.mark.slow
@pytest.mark.xla
@pytest.mark.filterwarnings("default")  # a reader sees warnings, and some are part of the lesson
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_code_blocks_run(page, monkeypatch, tmp_path):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": page.stem}
    for block in blocks(page):
        missing = [name for name in OPTIONAL if re.search(rf"^(import|from) {name}\b", block, re.MULTILINE)]
        if all(importlib.util.find_spec(name) for name in missing):
            exec(compile(block, str(page), "exec"), names)
    plt.close("all")
    if "search" in names:
        assert names["search"].best_score_ > 0.7
    if "tuned" in names and page.name != "multilabel.rst":
        assert 0 <= names["tuned"].best_threshold_ <= 1


def test_gallery_knows_every_example():
    spec = importlib.util.spec_from_file_location("gallery_order", ROOT / "docs" / "gallery_order.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.ORDER) == {path.name for path in (ROOT / "examples").glob("plot_*.py")}


def test_every_public_name_is_in_the_reference():
    import sklearn_binnet
    from sklearn_binnet import datasets, plotting

    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    for module in (sklearn_binnet, datasets, plotting):
        for name in module.__all__:
            assert re.search(rf"auto(class|function):: [\w.]*\b{name}\n", reference), name


def test_every_public_method_is_in_the_reference():
    import sklearn_binnet
    from sklearn_binnet import plotting

    reference = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
    for module in (sklearn_binnet, plotting):
        for name in module.__all__:
            described = re.search(rf"autoclass:: [\w.]*\b{name}\n\n((?:   .*\n)+)", reference)[1]
            for owner in getattr(module, name).__mro__:
                if owner.__module__.startswith("sklearn_binnet."):
                    for member in (member for member in vars(owner) if not member.startswith("_")):
                        listed = re.search(rf"auto(method|property):: {member}\n", described)
                        assert listed or member.startswith("set_"), f"{name}.{member}"


def test_figures_of_the_comparisons_stand_in_the_benchmarks():
    """Times and ratios are copied by hand; each must be found where it was measured."""
    measured = " ".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "benchmarks").rglob("*.md")))
    page = (ROOT / "docs" / "comparisons.rst").read_text(encoding="utf-8")
    speed = page[page.index("fit 2,000 x 20") : page.index("A hand-written PyTorch")]
    for figure in re.findall(r"^     - ([\d.]+)(?: m?s| MB)?$", speed, flags=re.MULTILINE):
        assert re.search(rf"(?<![\d.]){re.escape(figure)}", measured), figure
