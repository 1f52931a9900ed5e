"""`python -m benchmarks.speed.first`: from a new Python to a fitted default network, 560 rows x 20 columns.

Beside it stand the imports alone, which nothing that trains with TensorFlow in scikit-learn can be below, and CatBoost.
Every line is a fresh process, timed from its start to its end; the lines take turns. "with a filled cache" is a
process that finds its compiled programs (`SKLEARN_BINNET_CACHE`), after another one that compiled them. CPU seconds
are those of all threads. The command refuses to run where other processes use the cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median

from .large import busy
from .report import machine
from .runner import ROOT

ROWS, COLUMNS = 560, 20
TENSORFLOW, OURS, CACHED = "import TensorFlow", "ours", "ours, with a filled cache"
_FIT = f"""
from benchmarks.speed.data import make
from sklearn_binnet import BinaryNetClassifier
X, y, _, _ = make({ROWS}, {COLUMNS})
BinaryNetClassifier(random_state=0).fit(X, y)
"""
_CATBOOST = f"""
from catboost import CatBoostClassifier
from benchmarks.speed.data import make
X, y, _, _ = make({ROWS}, {COLUMNS})
CatBoostClassifier(random_seed=0, verbose=False, allow_writing_files=False).fit(X, y)
"""
LINES = {
    "import scikit-learn": "import sklearn.model_selection",
    TENSORFLOW: "import tensorflow",
    "import both": "import sklearn.model_selection, tensorflow",
    "CatBoost": _CATBOOST,
    OURS: _FIT,
    CACHED: _FIT,
}
"""What each process runs."""
LIMITS = {OURS: 2.2, CACHED: 1.0}
"""Seconds over TensorFlow's import that we hold ourselves to."""


def run(code: str, checkout: Path, cache: str | None) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of a new Python that runs `code` with the package of `checkout`."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("SKLEARN_BINNET_CACHE", None)
    if cache is not None:
        environment["SKLEARN_BINNET_CACHE"] = cache
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sklearn_binnet").symlink_to(checkout.resolve() / "sklearn_binnet")
        environment["PYTHONPATH"] = os.pathsep.join([folder, str(ROOT)])
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, check=True)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(names: list[str], rounds: int, checkout: Path) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds and CPU seconds of every round of every line."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as cache:
        if CACHED in names:
            run(LINES[CACHED], checkout, cache)
        for _ in range(rounds):
            for name in names:
                found[name].append(run(LINES[name], checkout, cache if name == CACHED else None))
    return found


def table(found: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Return the rows of the table, medians with the range of the seconds."""
    floor = median(s for s, _ in found[TENSORFLOW]) if TENSORFLOW in found else None
    lines = ["| process | seconds | CPU seconds | over TensorFlow's import | limit |", "|---" * 5 + "|"]
    for name, runs in found.items():
        seconds, cpu = ([run[i] for run in runs] for i in (0, 1))
        over = "" if floor is None else f"{median(seconds) - floor:+.2f} s"
        limit = f"+{LIMITS[name]:.1f} s" if name in LIMITS else ""
        lines.append(
            f"| {name} | {median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) | {median(cpu):.2f} | "
            f"{over} | {limit} |"
        )
    return lines


def main(argv: list[str] | None = None) -> int:
    """Measure all lines in turn; return 2 if the machine is busy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.first", description=__doc__)
    parser.add_argument("--lines", nargs="+", choices=list(LINES), default=list(LINES), help="default: all")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes a line (default 5)")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="measure the package of another checkout")
    parser.add_argument("--anyway", action="store_true", help="on a busy machine too; read the CPU seconds alone then")
    args = parser.parse_args(argv)
    if not args.anyway and busy():
        return 2
    print(f"{date.today()}, {', '.join(machine().values())}\n")
    print("\n".join(table(measure(args.lines, args.rounds, args.checkout))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
