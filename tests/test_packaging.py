"""The package as a whole: what is public is documented, typed and has a version."""

import ast
import importlib
import inspect
import re
import socket
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path

import pytest

import sklearn_binnet
import sklearn_binnet.datasets
from tests.small import X, net, y

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
    assert sorted(scripts) == [".ci/audit", ".ci/integration", ".ci/package", ".ci/run"]
    assert all((ROOT / script).is_file() for script in scripts)


# ------------------------------------------------------------------ what SECURITY.md promises
SOURCES = sorted(Path(sklearn_binnet.__file__).parent.rglob("*.py"))
TEXT_AS_CODE = {"eval", "exec", "compile", "__import__"}
NETWORK = {
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "urllib",
    "urllib3",
    "xmlrpc",
}


def forbidden(source):
    """Return what a module does that the package promises not to do."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TEXT_AS_CODE:
            found.append(node.func.id)
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name.split(".")[0] in NETWORK]
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.split(".")[0] in NETWORK:
            found.append(node.module)
    return found


def test_no_text_is_run_as_code_and_nothing_imports_the_network():
    assert forbidden("import urllib.request as u\nfrom http import client\neval('1')\nmodel.compile()") == [
        "urllib.request", "http", "eval",
    ]  # fmt: skip
    assert len(SOURCES) > 50
    assert {path.name: found for path in SOURCES if (found := forbidden(path.read_text(encoding="utf-8")))} == {}


def test_nothing_opens_a_connection(tmp_path, monkeypatch):
    asked = []

    class Refused(socket.socket):
        def connect(self, address):
            asked.append(address)
            raise OSError("no network in this test")

        connect_ex = connect

    def refuse(*address, **options):
        asked.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "socket", Refused)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    with socket.socket() as one, pytest.raises(OSError, match="no network"):
        one.connect(("localhost", 9))
    assert asked.pop() == ("localhost", 9)
    tuned = sklearn_binnet.ThresholdTunerCV(net(n_estimators=2, retrieval=True), scoring="f1").fit(X, y)
    tuned.save(tmp_path / "tuned.binnet")
    again = sklearn_binnet.load(tmp_path / "tuned.binnet")
    assert (again.predict(X) == tuned.predict(X)).all()
    assert again.estimator_.model_ is not None
    for loader in ("load_ionosphere", "load_red_wine", "load_taxi"):
        getattr(sklearn_binnet.datasets, loader)()
    assert asked == []
