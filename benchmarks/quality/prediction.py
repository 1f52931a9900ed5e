"""What predictions of the default network cost, with and without retrieval members: `--help` says what can be chosen.

Training takes one epoch: the seconds of a prediction depend on how many rows vote, not on how well they do.
"""

from __future__ import annotations

import argparse
import pickle
import statistics
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sklearn_binnet import BinaryNetClassifier

from .limits import verdict

MANY_ROWS = 100_000
MOST_SECONDS = 2.0
MOST_MILLISECONDS = 1.0
MOST_MEGABYTES = 10.0
SINGLE_ROWS = 300
"""Predictions of one row, of which the median counts."""


def table(rows: int, columns: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Return rows of independent columns, and labels that follow a sum of two of them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    return X, (X[:, 0] + X[:, 1] + rng.normal(size=rows) > 0).astype(int)


def measure(rows: int, columns: int, repeats: int, retrieval: bool) -> dict[str, float]:
    """Return seconds of wall and CPU time for many rows, milliseconds for one, and megabytes of the pickle."""
    clf = BinaryNetClassifier(epochs=1, retrieval=retrieval, random_state=0).fit(*table(rows, columns, 0))
    clf = pickle.loads(pickle.dumps(clf))  # as a service has it
    many = table(MANY_ROWS, columns, 1)[0]
    clf.predict_proba(many[:1000])
    wall, cpu = [], []
    for _ in range(repeats):
        start, start_cpu = time.perf_counter(), time.process_time()
        clf.predict_proba(many)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    single = []
    for i in range(SINGLE_ROWS):
        start = time.perf_counter()
        clf.predict_proba(many[i : i + 1])
        single.append(time.perf_counter() - start)
    return {
        "seconds": statistics.median(wall),
        "cpu": statistics.median(cpu),
        "milliseconds": 1000 * statistics.median(single),
        "megabytes": len(pickle.dumps(clf)) / 1e6,
    }


def report(found: dict[str, dict[str, float]]) -> str:
    """Return a Markdown table, and the limits of the default below it."""
    lines = [f"| | {MANY_ROWS:,} rows, s | CPU s | one row, ms | pickle, MB |", "|---|---|---|---|---|"]
    for name, figures in found.items():
        cells = (f"{figures[key]:.2f}" for key in ("seconds", "cpu", "milliseconds", "megabytes"))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    default = next(iter(found.values()))
    for most, key, says in (
        (MOST_SECONDS, "seconds", f"{MANY_ROWS:,} rows in at most {MOST_SECONDS:g} s"),
        (MOST_MILLISECONDS, "milliseconds", f"one row in at most {MOST_MILLISECONDS:g} ms"),
        (MOST_MEGABYTES, "megabytes", f"a pickle of at most {MOST_MEGABYTES:g} MB"),
    ):
        lines += [""] * (key == "seconds") + [verdict(default[key] <= most, says, f"{default[key]:.2f}")]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.prediction", description=__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=7_000, help="training rows (default 7,000)")
    add("--columns", type=int, default=20, help="columns of numbers (default 20)")
    add("--repeats", type=int, default=5, help="predictions of many rows, of which the median counts (default 5)")
    args = parser.parse_args(argv)
    found = {
        name: measure(args.rows, args.columns, args.repeats, retrieval)
        for name, retrieval in (("default", True), ("`retrieval=False`", False))
    }
    print(report(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
