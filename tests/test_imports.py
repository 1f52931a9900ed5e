"""Imports run one way, downwards, and heavy packages come late.

`python -m tests.test_imports` prints the rooms, their files and lines, and the imports between them.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_binnet

ROOT = Path(sklearn_binnet.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
HEAVY = {"tensorflow", "keras", "scikeras", "pandas", "polars", "matplotlib"}
FLOORS = {
    "_compat": 0,
    "_telling": 0,
    "_files": 0,
    "_labels": 1,
    "_table": 1,
    "_thresholds": 2,
    "_training": 3,
    "_networks": 4,
    "_config": 5,
    "_folds": 5,
    "_fit": 6,
    "datasets": 7,
    "plotting": 7,
    "_tuning": 8,
    "_classifier": 9,
    "_tuner": 9,
    "__init__": 10,
}
"""The rooms from the ground up; a room imports from lower floors and from itself, never across."""


def room_of(path):
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(tree):
    """Yield (module, whether at import time) of every import, absolute names only."""
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) not in inside


def arrows():
    """Return the imports of the package from its own modules: pairs of modules, as written in the code."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
    found = set()
    for path in MODULES:
        here = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for name, _ in imported(ast.parse(path.read_text(encoding="utf-8"))):
            target = name.removeprefix("sklearn_binnet.")
            if target == name or target == "__version__":
                continue
            for candidate in (target, target.rpartition(".")[0], f"{target}.__init__", "__init__"):
                if candidate in names:
                    break
                if f"{candidate}.__init__" in names:
                    candidate = f"{candidate}.__init__"
                    break
            if candidate != here:
                found.add((here, candidate))
    return found


def room_arrows():
    """Return the imports between rooms, as pairs of rooms."""
    pairs = {(source.split(".")[0], target.split(".")[0]) for source, target in arrows()}
    return {(source, target) for source, target in pairs if source != target}


def describe():
    """Print every room with its files, its lines and the rooms that it imports."""
    rooms = sorted({room_of(path) for path in MODULES})
    between = room_arrows()
    total = 0
    for room in rooms:
        files = [path for path in MODULES if room_of(path) == room]
        lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
        total += lines
        below = ", ".join(sorted(target for source, target in between if source == room)) or "nothing"
        print(f"{room}: {len(files)} files, {lines} lines, imports {below}")
    print(
        f"{len(rooms)} rooms, {len(MODULES)} files, {total} lines, {len(between)} arrows between rooms, "
        f"{len(arrows())} between modules"
    )


@pytest.fixture(params=MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def module(request):
    return request.param, list(imported(ast.parse(request.param.read_text(encoding="utf-8"))))


def test_rooms_know_lower_rooms_only(module):
    path, imports = module
    room = room_of(path)
    for name, _ in imports:
        package, *rest = name.split(".")
        if package != "sklearn_binnet" or rest == ["__version__"]:
            continue
        other = rest[0]
        assert other == room or FLOORS[other] < FLOORS[room], f"{room} imports {name}"


def test_heavy_packages_come_late_and_where_they_belong(module):
    path, imports = module
    room = room_of(path)
    for name, at_import in imports:
        package = name.split(".")[0]
        if package in HEAVY:
            assert not at_import, f"{name} is imported when {path.name} is"
        if package in ("tensorflow", "keras"):
            assert room in ("_networks", "_training"), f"{name} in {room}"
        if package == "scikeras":
            assert path.relative_to(ROOT).as_posix() == "_networks/_scikeras.py"
        assert not name.startswith("keras.src")


def test_rooms_that_know_no_scikit_learn_and_no_estimator(module):
    path, imports = module
    forbidden = {"_training": {"sklearn"}, "_thresholds": {"keras", "tensorflow"}}.get(room_of(path), set())
    assert not forbidden & {name.split(".")[0] for name, _ in imports}
    private = [name for name, _ in imports if name.startswith("sklearn.") and "._" in name]
    assert not private or room_of(path) == "_compat"


@pytest.mark.parametrize("name", ["sklearn_binnet", "sklearn_binnet._networks", "sklearn_binnet._training._engine"])
def test_importing_stays_light(name):
    """scikit-learn 1.9 imports pandas by itself where there is one; we add nothing heavy to what it loads."""
    code = (
        "import sys, sklearn.model_selection\nbefore = set(sys.modules)\n"
        f"import {name}\nprint(sorted({HEAVY} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert "tensorflow" not in done.stderr.lower()


def test_every_module_stands_in_a_room_with_a_floor():
    assert {room_of(path) for path in MODULES} == set(FLOORS)


if __name__ == "__main__":
    describe()


def test_the_architecture_page_names_every_room_from_the_top_down():
    page = (ROOT.parent / "ARCHITECTURE.md").read_text()
    table = page.split("| room | its one job |")[1].split("\n\n")[0].splitlines()[2:]
    rows = [
        [name.removesuffix(".py").removesuffix("/") for name in re.findall(r"`([^`]+)`", r.split("|")[1])]
        for r in table
    ]
    assert sorted(name for row in rows for name in row) == sorted(FLOORS)
    floors = [[FLOORS[name] for name in row] for row in rows]
    assert all(len(set(row)) == 1 for row in floors), "rooms in one row stand side by side"
    assert [row[0] for row in floors] == sorted((row[0] for row in floors), reverse=True)


def test_the_architecture_page_names_files_that_are_there():
    page = (ROOT.parent / "ARCHITECTURE.md").read_text()
    there = [path.relative_to(ROOT.parent).as_posix() for path in ROOT.parent.rglob("*.py")]
    for name in set(re.findall(r"`([\w/]+\.py)`", page)):
        assert any(f"/{path}".endswith(f"/{name}") for path in there), name
