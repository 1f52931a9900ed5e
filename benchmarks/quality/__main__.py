"""Run the fits that are missing, and report what is there: `python -m benchmarks.quality run|report|list`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import adapters, data, runner

CACHE = Path(__file__).parent / "results" / "cache"


def commas(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def numbers(text: str) -> list[int]:
    """Return 0, 1, 2 for "3" and 1, 4 for "1,4"."""
    found = [int(part) for part in commas(text)]
    return list(range(found[0])) if "," not in text else found


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    add = parser.add_argument
    add("command", nargs="?", choices=["run", "report", "list"], default="run", help="default: run")
    add("--data", type=Path, help="folder of tables; without it scikit-learn's and those made from a seed")
    add("--out", type=Path, default=CACHE, help="folder of answers; what is there is not fitted again")
    add("--models", type=commas, help="a,b: names of `list` or file.py:NAME; default: all")
    add("--sets", type=commas, help="x,y: tables; default: all (of the folder, if there is one)")
    add("--splits", type=numbers, default=[0, 1, 2], help="how many (default 3), or which: 1,2 or 1,")
    add("--rows", type=int, default=data.ROWS, help="most rows drawn from a table (default 10,000)")
    add("--limit", type=float, help="seconds after which a fit is given up, the start of its process included")
    add("--core", type=int, default=runner.last_core(), help="core of the fits; default: the last one allowed")
    add("--retry", action="store_true", help="try again what failed before")
    add("--results", type=Path, help="report: folder for tables and picture; default: print alone")
    add("--base", default="hgb", help="report: model that ratios refer to (default hgb)")
    add("--ours", default="binnet", help="report: model that is tested against the others (default binnet)")
    add("--peers", type=Path, help="report: CSV file with figures of models that the cache lacks")
    return parser.parse_args(argv)


def chosen_tables(args: argparse.Namespace) -> list[str]:
    if args.sets:
        return args.sets
    there = data.names(args.data)
    # scikit-learn's and the made ones are for those who have no folder, or who name them
    return there if args.data is None else [name for name in there if name not in data.BUILT_IN]


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.command == "list":
        for name in adapters.known():
            print(f"{name:20}{adapters.model_of(name).says}")
        print("tables: " + ", ".join(data.names(args.data)))
        return 0
    if args.command == "report":
        from . import report

        chosen = args.models, args.sets, args.splits
        print(report.make(args.out, args.results, *chosen, args.base, args.ours, args.peers))
        return 0
    options = runner.Options(args.data, args.out, args.rows, args.limit, args.core, args.retry)
    todo = runner.jobs(args.models or adapters.known(), chosen_tables(args), args.splits, options)
    return 1 if runner.run(todo, options, runner.tell) else 0


if __name__ == "__main__":
    sys.exit(main())
