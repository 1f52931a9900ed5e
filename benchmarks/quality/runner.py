"""Which fits are missing, and the processes that make them: one at a time, which may crash or hang."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import adapters, data
from .worker import Job, about_fit, serve

ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@dataclass(frozen=True)
class Options:
    """What holds for all fits."""

    folder: Path | None
    out: Path
    rows: int = data.ROWS
    limit: float | None = None
    """Seconds after which a fit is given up, the start of its process included."""
    core: int | None = None
    retry: bool = False
    """Whether what failed before is tried again."""


def jobs(models: Sequence[str], tables: Sequence[str], splits: Sequence[int], options: Options) -> list[Job]:
    """Return what takes part, model by model and split by split, so that half a run is whole splits."""
    known = {name: data.load(name, options.folder) for name in tables}

    def takes_part(name: str, table: data.Table) -> bool:
        model = adapters.model_of(name)
        if table.y.ndim > 1:
            return model.multilabel
        # there the raw model is its base
        return not (model.base and table.plain)

    return [
        Job(model, table, seed, options.rows, options.folder, options.out)
        for model in models
        for seed in splits
        for table in tables
        if takes_part(model, known[table])
    ]


def run(todo: Sequence[Job], options: Options, say: Callable[[str], None] = print) -> int:
    """Make the fits that the cache lacks; return how many failed."""
    failed = 0
    tables = {job.table: data.load(job.table, job.folder) for job in todo}
    worker: Worker | None = None
    try:
        for count, job in enumerate(todo, 1):
            place = job.place(tables[job.table])
            known = place.read()
            if known is not None and not ("error" in known and options.retry):
                continue
            # a new process a model: nothing of one library is in another's way
            if worker is None or worker.model != job.model:
                if worker is not None:
                    worker.stop()
                worker = Worker(job.model, options)
            record = worker.answer(job)
            if record is None:
                record = {**about_fit(job, tables[job.table]), "error": worker.end()}
                place.write(record)
                worker = None
            failed += "error" in record
            say(f"{count}/{len(todo)} {job.model} {job.table} {job.seed}: {summary(record)}")
    finally:
        if worker is not None:
            worker.stop()
    return failed


def summary(record: dict[str, Any]) -> str:
    if "error" in record:
        return record["error"]
    return f"log-loss {record['metrics']['log_loss']:.4f}, {record['fit_cpu']:.2f} CPU s"


class Worker:
    """A process for the fits of one model."""

    def __init__(self, model: str, options: Options):
        self.model = model
        self.limit = options.limit
        self.ended = ""
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, options.core), daemon=True)
        with one_thread():
            self.process.start()
        other.close()

    def answer(self, job: Job) -> dict[str, Any] | None:
        """Return the record, or None if the process ended or took too long."""
        try:
            self.connection.send(job)
            if self.connection.poll(self.limit):
                return self.connection.recv()
            self.ended = f"given up after {self.limit:g} s"
        except (EOFError, BrokenPipeError):
            self.process.join(10)
            self.ended = f"the process ended with status {self.process.exitcode}"
        return None

    def end(self) -> str:
        """Kill what is left of the process and return why."""
        self.process.kill()
        self.process.join()
        return self.ended

    def stop(self) -> None:
        """Let the process end by itself."""
        with suppress(BrokenPipeError):
            self.connection.send(None)
        self.process.join(10)
        if self.process.is_alive():
            self.end()


@contextmanager
def one_thread() -> Iterator[None]:
    """Set the libraries' variables for processes started inside: one thread, no accelerator, few words."""
    wanted = {**dict.fromkeys(ONE_THREAD, "1"), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def last_core() -> int | None:
    """Return the last core that this process may use, as the first one serves the system."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
