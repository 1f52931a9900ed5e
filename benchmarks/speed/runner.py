"""Start the fresh processes, in rounds: a drift of the machine's speed meets all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .tasks import BY_NAME, IMPORT_ONLY, OURS, SCALING

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Options:
    """How often: `processes` fresh processes a library and task, `repeats` warm calls in each."""

    repeats: int = 5
    processes: int = 3
    dtype: str = "float32"
    threads: int | None = None
    quick: bool = False


def peers_of(name: str, peers: Sequence[str]) -> list[str]:
    """Return those of the chosen libraries that have a place in the task."""
    kind = SCALING if name == SCALING else BY_NAME[name].kind
    if kind == "members":
        return [peer for peer in peers if peer == OURS]
    if kind in ("fit", SCALING):
        return list(peers)
    others = [peer for peer in peers if peer != "roofline"]
    return [*others, IMPORT_ONLY] if kind == "unpickle" else others


def rounds_of(name: str, options: Options) -> int:
    # long runs of one process, of which a second tells little
    long = name == SCALING or BY_NAME[name].kind == "memory"
    return 1 if long else options.processes


def run_task(name: str, peers: Sequence[str], options: Options) -> dict[str, list[dict]]:
    """Return the answers of every library's processes."""
    peers = peers_of(name, peers)
    answers: dict[str, list[dict]] = {peer: [] for peer in peers}
    rounds = rounds_of(name, options)
    for turn in range(rounds):
        first = turn % max(len(peers), 1)
        for peer in [*peers[first:], *peers[:first]]:
            if any(answer.keys() & {"lacks", "failed"} for answer in answers[peer]):
                continue
            print(f"  {name}: {peer} ({turn + 1} of {rounds})", file=sys.stderr, flush=True)
            answers[peer].append(run_process(name, peer, options))
    return answers


def run_process(name: str, peer: str, options: Options) -> dict:
    """Measure in a new process; its failure is an answer too."""
    job = {**asdict(options), "task": name, "peer": peer}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    if options.threads:
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(options.threads)))
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.json")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.worker", json.dumps(job), str(answer)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.exists():
            return json.loads(answer.read_text())
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return {"failed": lines[-1], "log": lines[-40:]}


def in_new_process(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return what a command gives in a fresh Python: it prints its answer as JSON where it is told to measure here."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--here", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
