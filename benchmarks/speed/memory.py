"""`python -m benchmarks.speed.memory`: the peak memory of a default fit, and where it is reached.

Each fit runs in a fresh process. The start is the resident memory after TensorFlow is imported, a small fit has run,
and the table is made; the peak is the largest resident memory until the fit has ended (Linux, /proc). The limit is the
larger of four times the encoded table of the networks in float32 and 300 MB. `--stages` prints the peak within each
step.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable
from typing import Any

from . import data
from .resident import reset, resident
from .runner import in_new_process

FACTOR, LEAST_MB = 4, 300.0
_MB = 1 << 20


class Watch:
    """Peaks of the steps of a fit, one inside the other: each step's peak counts for those around it."""

    def __init__(self, start: float):
        self.start, self.peak = start, start
        self.stages: list[tuple[str, float, float, float]] = []

    def look(self) -> float:
        """Return the peak since the last look and begin a new one."""
        peak = resident()[1]
        self.peak = max(self.peak, peak)
        reset()
        return peak

    def around(self, owner: Any, name: str) -> None:
        """Watch a function or method from now on."""
        inner: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(inner)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.look()
            before, outer, self.peak = resident()[0], self.peak, 0.0
            try:
                return inner(*args, **kwargs)
            finally:
                self.look()
                self.stages.append((name, before - self.start, self.peak - self.start, resident()[0] - self.start))
                self.peak = max(self.peak, outer)

        setattr(owner, name, watched)


def measure(rows: int, columns: int, dtype: str, options: dict[str, Any], stages: bool) -> dict[str, Any]:
    """Fit once in this process; return peak, limit and stages in MB over the start."""
    from sklearn_binnet import BinaryNetClassifier, _fit
    from sklearn_binnet._training import _compiled, _program

    X, y, _, _ = data.make(rows, columns, dtype)
    small = BinaryNetClassifier(n_estimators=2, epochs=1).fit(X[:300], y[:300])
    small.predict_proba(X[:300])
    watch = Watch(resident()[0])
    if stages:
        for name in ("_encoder", "_retrieval_encoder", "_encoded", "_put_together"):
            watch.around(_fit, name)
        watch.around(_compiled._Training, "_resident")
        watch.around(_program.Program, "run")
    reset()
    clf = BinaryNetClassifier(random_state=0, **options).fit(X, y)
    watch.look()
    fit_peak = watch.peak - watch.start
    before = watch.peak = resident()[0]
    clf.predict_proba(X)
    watch.look()
    encoded = clf._fitted.families[0] if hasattr(clf._fitted, "families") else clf._fitted
    table = rows * encoded.encoder.n_encoded * 4 / _MB
    return {
        "rows": rows,
        "columns": columns,
        "encoded_columns": encoded.encoder.n_encoded,
        "start": watch.start,
        "table": table,
        "peak": fit_peak,
        "limit": max(FACTOR * table, LEAST_MB),
        "predict": watch.peak - before,
        "stages": watch.stages,
    }


def main(argv: list[str] | None = None) -> int:
    """Measure every number of rows; return 1 if a peak is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.memory", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64", help="of the table")
    parser.add_argument("--epochs", type=int, help="fewer than the default: peaks are reached in the first one")
    parser.add_argument("--estimators", type=int, help="networks; default: the estimator's own")
    parser.add_argument("--stages", action="store_true", help="print the peak of each step of the fit")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    given = {"epochs": args.epochs, "n_estimators": args.estimators}
    options = {name: value for name, value in given.items() if value is not None}
    if args.here:
        print(json.dumps(measure(args.rows[0], args.columns, args.dtype, options, args.stages)))
        return 0
    head = "| rows | encoded columns | encoded table | peak of the fit over the start | limit | peak of predict |"
    print(f"{head}\n{'|---' * 6}|")
    above = False
    for rows in args.rows:
        passed = ["--rows", str(rows), "--columns", str(args.columns), "--dtype", args.dtype]
        passed += ["--epochs", str(args.epochs)] if args.epochs is not None else []
        passed += ["--estimators", str(args.estimators)] if args.estimators is not None else []
        passed += ["--stages"] if args.stages else []
        found = in_new_process("benchmarks.speed.memory", passed)
        above |= found["peak"] > found["limit"]
        print(
            f"| {rows:,} | {found['encoded_columns']} | {found['table']:.0f} MB | {found['peak']:.0f} MB | "
            f"{found['limit']:.0f} MB | {found['predict']:.0f} MB |",
            flush=True,
        )
        for name, before, peak, after in found["stages"]:
            print(f"    {name:20} before {before:6.0f}  peak {peak:6.0f}  after {after:6.0f}")
    if above:
        print("a peak is above its limit", file=sys.stderr)
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
