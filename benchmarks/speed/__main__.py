"""`python -m benchmarks.speed`: run the tasks, print the tables, write the results."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path

from . import report, scaling
from .adapters import ADAPTERS
from .runner import Options, run_task
from .tasks import BY_NAME, SCALING, TASKS


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    names = [*BY_NAME, SCALING]
    add = parser.add_argument
    add("--task", nargs="+", choices=names, default=list(BY_NAME), help="default: all but scaling")
    add("--peers", nargs="+", choices=list(ADAPTERS), default=list(ADAPTERS), help="default: all")
    add("--repeats", type=int, default=5, help="warm calls in each process (default 5)")
    add("--processes", type=int, default=3, help="fresh processes a library and task (default 3)")
    add("--dtype", choices=["float32", "float64"], default="float32", help="of the tables")
    add("--threads", type=int, help="for every library; default: each library's own choice")
    add(
        "--quick",
        action="store_true",
        help="tiny shapes: does every part run? figures mean nothing",
    )
    add("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")
    add("--list", action="store_true", help="list the tasks and stop")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.list:
        for task in TASKS:
            print(f"{task.name:26}{task.says}")
        print(f"{SCALING:26}fit time against rows, columns and networks at once, with a picture")
        return 0
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        load = os.getloadavg()[0]
        print(f"The machine is busy (load {load:.1f}): figures will suffer.", file=sys.stderr)
    repeats, processes = (1, 1) if args.quick else (args.repeats, args.processes)
    options = Options(repeats, processes, args.dtype, args.threads, args.quick)
    # quick figures never mix with real ones
    folder = args.out / "cache" / "quick" if args.quick else args.out
    records = report.read(folder)
    failed = []
    for name in args.task:
        answers = run_task(name, args.peers, options)
        records[name] = {
            "date": report.today(),
            "machine": report.machine(),
            "options": asdict(options),
            "answers": answers,
        }
        report.write(records, folder)
        if name == SCALING:
            curves = {p: a[0] for p, a in answers.items() if a and a[0].keys() & set(scaling.AXES)}
            scaling.draw(curves, folder / "scaling.png")
            print(f"drawn: {folder / 'scaling.png'}")
        else:
            print("\n".join(report.section(name, records[name], report.summaries(records))))
        failed += [f"{name}: {peer}" for peer, a in answers.items() if a and "failed" in a[-1]]
    print(f"written: {folder / report.RAW}, {folder / 'speed.md'}")
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
