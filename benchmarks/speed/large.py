"""`python -m benchmarks.speed.large`: the default network beside CatBoost and LightGBM, from 1,000 to 1,000,000 rows.

Each fit runs in a fresh process, on the cores that this command may use, with the defaults of every library. Seconds
are wall-clock: the first fit of a process, its library being imported, and where there is time a second one. The
command refuses to run where other processes use the cores, and stops where they begin to.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from typing import Any

import psutil
from sklearn.metrics import log_loss, roc_auc_score

from . import data
from .measures import timed
from .report import machine
from .runner import in_new_process

ROWS = (1_000, 10_000, 100_000, 1_000_000)
COLUMNS = 20
MODELS = ("network", "one network", "catboost", "lightgbm", "hist_gradient_boosting")
BUSY = 0.1
"""Share of all cores that other processes may use."""
_LOOK = 2.0
_WARM_BELOW = 60.0


def build(name: str, seed: int) -> Any:
    """Return an estimator with its library's defaults; imports what a fit needs."""
    if name == "catboost":
        from catboost import CatBoostClassifier

        return CatBoostClassifier(random_seed=seed, verbose=False, allow_writing_files=False)
    if name == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(random_state=seed, verbose=-1)
    if name == "hist_gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier

        return HistGradientBoostingClassifier(random_state=seed)
    import keras  # noqa: F401  the libraries beside it are imported before their fit, too

    from sklearn_binnet import BinaryNetClassifier

    return BinaryNetClassifier(random_state=seed, n_estimators=1 if name == "one network" else None)


def measure(name: str, rows: int, columns: int) -> dict[str, Any]:
    """Fit in this process; return seconds, CPU seconds, log-loss and AUC of fresh rows."""
    X, y, X_test, y_test = data.make(rows, columns)
    estimator = build(name, 0)
    cpu = time.process_time()
    first, _ = timed(lambda: estimator.fit(X, y))
    cpu = time.process_time() - cpu
    warm = timed(lambda: build(name, 1).fit(X, y))[0] if first < _WARM_BELOW else None
    proba = estimator.predict_proba(X_test)[:, 1]
    return {
        "first": first,
        "cpu": cpu,
        "warm": warm,
        "log_loss": float(log_loss(y_test, proba)),
        "auc": float(roc_auc_score(y_test, proba)),
    }


def used_by_others() -> float:
    """Return the share of all cores that is in use while this command only looks."""
    return float(psutil.cpu_percent(interval=_LOOK)) / 100


def busy() -> bool:
    """Say so on standard error, and return True, if other processes use the cores."""
    share = used_by_others()
    if share > BUSY:
        print(
            f"Other processes use {share:.0%} of the cores, and figures would suffer: nothing more is measured. Wait "
            "until they have ended, or pass --anyway.",
            file=sys.stderr,
        )
    return share > BUSY


def line(name: str, rows: int, found: dict[str, Any]) -> str:
    """Return a row of the table."""
    warm = "" if found["warm"] is None else f"{found['warm']:.2f} s"
    return (
        f"| {rows:,} | {name} | {found['first']:.2f} s | {warm} | {found['cpu']:.1f} s | "
        f"{found['log_loss']:.4f} | {found['auc']:.4f} |"
    )


def main(argv: list[str] | None = None) -> int:
    """Measure all, in order of rows; return 2 if the machine is busy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.large", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(ROWS))
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--anyway", action="store_true", help="on a busy machine too; read the CPU seconds alone then")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.here:
        print(json.dumps(measure(args.models[0], args.rows[0], args.columns)))
        return 0
    head = False
    for rows in args.rows:
        for name in args.models:
            if not args.anyway and busy():
                return 2
            passed = ["--models", name, "--rows", str(rows), "--columns", str(args.columns)]
            found = in_new_process("benchmarks.speed.large", passed)
            if not head:
                print(f"{date.today()}, {', '.join(machine().values())}; {args.columns} columns\n")
                print("| rows | model | first fit | warm fit | CPU of the first | log-loss | AUC |")
                print(f"{'|---' * 7}|")
                head = True
            print(line(name, rows, found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
