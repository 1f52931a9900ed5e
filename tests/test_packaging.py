"""The package as a whole: what is public is documented, typed and has a version."""

import importlib
import inspect
import re
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import pytest

import sklearn_binnet

PUBLIC_MODULES = ["sklearn_binnet", "sklearn_binnet.datasets", "sklearn_binnet.plotting"]


def public_names(module):
    return getattr(importlib.import_module(module), "__all__", [])


PUBLIC_OBJECTS = [
    pytest.param(getattr(importlib.import_module(module), name), id=name)
    for module in PUBLIC_MODULES
    for name in public_names(module)
    if callable(getattr(importlib.import_module(module), name))  # a constant has a docstring in the source alone
]


@pytest.mark.parametrize("thing", PUBLIC_OBJECTS)
def test_public_names_are_documented(thing):
    doc = inspect.getdoc(thing)
    assert doc, "no docstring"
    assert re.search(r"^Examples\n-+\n", doc, re.MULTILINE), "no Examples section"
    for name in inspect.signature(thing).parameters:
        assert re.search(rf"^(\w+, )*\**{name}(, \w+)* : ", doc, re.MULTILINE), f"parameter {name} is not documented"


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_tables_of_contents_are_complete(module):
    names, contents = public_names(module), inspect.getdoc(importlib.import_module(module))
    assert len(names) == len(set(names))
    for name in names:
        assert name in contents, f"{name} is missing from the docstring of {module}"


def test_types_are_announced():
    assert files("sklearn_binnet").joinpath("py.typed").is_file()


def test_version_is_that_of_the_installed_package():
    try:
        installed = version("sklearn_binnet")
    except PackageNotFoundError:
        pytest.skip("runs from the source folder, not installed")
    assert installed == sklearn_binnet.__version__


ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not (ROOT / "CITATION.cff").exists(), reason="runs from the source folder")
def test_the_citation_names_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {sklearn_binnet.__version__}" in lines


@pytest.mark.skipif(not (ROOT / ".github").exists(), reason="runs from the source folder")
def test_the_workflow_runs_scripts_that_are_there():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    scripts = re.findall(r"run: .*bash (\S+)", workflow)
    assert sorted(scripts) == [".ci/integration", ".ci/package", ".ci/run"]
    assert all((ROOT / script).is_file() for script in scripts)
