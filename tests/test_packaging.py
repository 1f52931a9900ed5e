"""The package as a whole: what importing costs, which room may import what, what is documented."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import sklearn_binnet

ROOT = Path(sklearn_binnet.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
PUBLIC_MODULES = ["sklearn_binnet", "sklearn_binnet.datasets", "sklearn_binnet.plotting"]
LATE = {"tensorflow", "keras", "scikeras", "matplotlib", "pandas", "polars", "dask"}


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def imports(tree, top_only=False):
    """Return the full names of imported modules; relative ones begin with a dot."""
    found = set()
    stack = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not (top_only and (inside or for_types)):
            stack.extend(ast.iter_child_nodes(node))
    return found


def packages(modules):
    return {module.split(".")[0] for module in modules}


@pytest.fixture(params=SOURCES, ids=name_of)
def source(request):
    return name_of(request.param), ast.parse(request.param.read_text(encoding="utf-8"))


def test_heavy_packages_are_imported_late(source):
    _, tree = source
    assert not packages(imports(tree, top_only=True)) & LATE


def test_rooms_know_what_they_may(source):
    name, tree = source
    modules = imports(tree)
    used = packages(modules)
    if name.startswith("_thresholds/"):
        assert not used & {"keras", "tensorflow", "scikeras"}
    if name.startswith("_training/"):
        assert not used & {"sklearn", "scikeras"}
    if not name.startswith("_models/"):
        assert "scikeras" not in used
    assert not any(module.startswith("keras.src") for module in modules)
    if name != "_compat.py":
        private = [m for m in modules if m.startswith("sklearn.") and "._" in m]
        assert not private, "private scikit-learn imports belong in _compat.py"


def test_importing_stays_light():
    """Nothing heavy is loaded that scikit-learn does not load by itself."""
    code = f"""
import sys, sklearn.model_selection
before = set(sys.modules)
import {", ".join(PUBLIC_MODULES)}
print(*set({sorted(LATE)}) & (set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert done.stdout.split() == []


def public_names(module):
    return getattr(importlib.import_module(module), "__all__", [])


PUBLIC_OBJECTS = [
    pytest.param(getattr(importlib.import_module(module), name), id=name)
    for module in PUBLIC_MODULES
    for name in public_names(module)
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
    assert (ROOT / "py.typed").is_file()


def test_version_is_that_of_the_installed_package():
    try:
        installed = version("sklearn_binnet")
    except PackageNotFoundError:
        pytest.skip("runs from the source folder, not installed")
    assert installed == sklearn_binnet.__version__
