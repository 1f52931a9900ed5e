"""Run trials that are missing, and report what is there: `python -m benchmarks.quality.trials run|report|list`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from .. import data
from ..__main__ import commas, numbers
from . import report, store
from .recipes import TRIALS


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.trials", description=__doc__)
    add = parser.add_argument
    add("command", nargs="?", choices=["run", "report", "list"], default="run", help="default: run")
    add("--data", type=Path, help="folder of tables, as for benchmarks.quality; without it those of scikit-learn")
    add("--out", type=Path, required=True, help="folder of results; what is there is not run again")
    add("--trials", type=commas, help="a,b: names of `list`; default: all")
    add("--sets", type=commas, help="x,y: tables; default: all yes/no tables of the folder")
    splits = "how many (2 is 0 and 1), or which: 1,2 or 0, (default: split 0 to run, all that are there to report)"
    add("--splits", type=numbers, help=splits)
    args = parser.parse_args(argv)
    if unknown := sorted(set(args.trials or ()) - set(TRIALS)):
        parser.error(f"--trials: there is no {', '.join(unknown)}; `list` names them all.")
    return args


def run(args: argparse.Namespace) -> None:
    there = data.names(args.data)
    tables = args.sets or (there if args.data is None else [name for name in there if name not in data.BUILT_IN])
    for table in tables:
        for seed in args.splits or [0]:
            X, y, X_test, y_test = data.arrays(table, seed, args.data)
            if y.ndim > 1:
                continue
            cell = (table, seed)
            settings = {"defaults": True}
            if not store.has(args.out, store.REFERENCE, cell, settings):
                boosting = HistGradientBoostingClassifier(random_state=seed).fit(X, y)
                p = boosting.predict_proba(X_test)[:, 1].astype(np.float32)
                store.write(args.out, store.REFERENCE, cell, settings, p=p, y_test=y_test)
            for name in args.trials or TRIALS:
                recipe = TRIALS[name]
                if store.has(args.out, name, cell, recipe.settings()):
                    continue
                from . import network  # TensorFlow, which a report does without

                curves = network.train(recipe, X, y, X_test, y_test, seed)
                store.write_curves(args.out, name, cell, recipe.settings(), curves)
                print(f"{name:20}{table:24}split {seed}  {curves.seconds:7.2f} CPU seconds", flush=True)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.command == "list":
        for name, recipe in TRIALS.items():
            print(f"{name:20}{recipe.says}")
    elif args.command == "report":
        print(report.make(args.out, args.trials, args.sets, args.splits))
    else:
        run(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
