"""`python -m benchmarks.speed.checkouts BEFORE AFTER`: does a change of the package cost time?

Two checkouts of the repository run the same tasks in turn, in fresh processes on one core. The answer of a task is the
ratio of the medians, AFTER to BEFORE, beside the ratio in each round: a ratio that the rounds do not agree on is noise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .runner import ROOT
from .tasks import BY_NAME, OURS

TASKS = ("fit-2000x20", "fit-2000x20-regularised", "fit-246x33", "fit-1119x11", "predict-1", "predict-100000")


def measure(checkout: Path, task: str, repeats: int, quick: bool, core: int | None) -> float:
    """Return the median seconds of warm calls in a new process that imports the package of `checkout`."""
    job = {"task": task, "peer": OURS, "repeats": repeats, "dtype": "float32", "quick": quick}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sklearn_binnet").symlink_to(checkout.resolve() / "sklearn_binnet")
        answer = Path(folder, "answer.json")
        paths = [folder, str(ROOT)]
        subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job), str(answer)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
            cwd=folder,
            check=True,
            capture_output=True,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        return median(json.loads(answer.read_text())["warm"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.checkouts", description=__doc__)
    parser.add_argument("before", type=Path, help="folder of the checkout to compare with")
    parser.add_argument("after", type=Path, help="folder of the changed checkout")
    parser.add_argument("--task", nargs="+", choices=list(BY_NAME), default=list(TASKS), help="default: the quick ones")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes of each checkout (default 5)")
    parser.add_argument("--repeats", type=int, default=40, help="warm calls in each process (default 40)")
    parser.add_argument("--core", type=int, help="hold every process to this core; default: no limit")
    parser.add_argument("--quick", action="store_true", help="tiny shapes: does every part run?")
    args = parser.parse_args(argv)
    print(f"{'task':26}{'before':>10}{'after':>10}{'ratio':>8}  each round")
    for task in args.task:
        pairs = []
        for turn in range(args.rounds):
            order = [args.before, args.after] if turn % 2 == 0 else [args.after, args.before]
            seconds = [measure(checkout, task, args.repeats, args.quick, args.core) for checkout in order]
            pairs.append(seconds if turn % 2 == 0 else seconds[::-1])
        before, after = (median(column) for column in zip(*pairs, strict=True))
        rounds = " ".join(f"{b / a:.2f}" for a, b in pairs)
        print(f"{task:26}{before:10.4g}{after:10.4g}{after / before:8.3f}  {rounds}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
