"""One fit after the other in this process, on one core."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from . import adapters, data, metrics
from .cache import Place, key_of

WARM_UP_ROWS = 200


@dataclass(frozen=True)
class Job:
    """A model, a table and a split."""

    model: str
    table: str
    seed: int
    rows: int
    folder: Path | None
    out: Path

    def place(self, table: data.Table) -> Place:
        """Return where the answer belongs; the key holds the protocol, the table's content and the model's settings."""
        protocol = {"rows": self.rows, "test_share": data.TEST_SHARE, "table": table.digest}
        key = key_of({**protocol, **adapters.depends_on(self.model)})
        return Place(self.out, self.table, self.model.rsplit(":", 1)[-1], key, self.seed)


def pin(core: int | None) -> None:
    """Keep this process and the libraries' threads on one core."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def serve(connection: Connection, core: int | None) -> None:
    """Answer jobs with their record until None comes."""
    pin(core)
    warnings.simplefilter("ignore")
    warm: set[str] = set()
    while (job := connection.recv()) is not None:
        connection.send(answer(job, warm))


def answer(job: Job, warm: set[str]) -> dict[str, Any]:
    """Fit, store what came of it and return the record; what goes wrong is a record too."""
    table = data.load(job.table, job.folder)
    place = job.place(table)
    about = about_fit(job, table)
    try:
        split = data.split(table, job.seed, job.rows)
        figures, p = measure(job.model, split, warm)
        record = {**about, **figures, "metrics": metrics.figures(split.y_test, p)}
        place.write(record, split.y_test, p)
    except Exception as error:
        log = traceback.format_exc().splitlines()[-30:]
        record = {**about, "error": f"{type(error).__name__}: {error}", "log": log}
        place.write(record)
    return record


def about_fit(job: Job, table: data.Table) -> dict[str, Any]:
    """Return what every record says, whatever comes of the fit."""
    model = adapters.model_of(job.model)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "says": model.says,
        "form": model.form,
        "base": model.base,
        "depends_on": adapters.depends_on(job.model),
        "rows": job.rows,
        "shape": [*table.X.shape],
        "n_labels": None if table.y.ndim == 1 else table.y.shape[1],
        "plain": table.plain,
    }


def measure(name: str, split: data.Split, warm: set[str]) -> tuple[dict[str, float], np.ndarray]:
    """Return the seconds of a warm fit and of predicting, and P(1) of the test rows.

    Warm: a model that compiles has been fitted on just these rows with another seed; of the others, the first fit in
    this process is preceded by one on few rows, which loads what is loaded late.
    """
    model = adapters.model_of(name)
    X_train, X_test = split.columns(model.form)
    y = split.y_train
    n_labels = None if y.ndim == 1 else y.shape[1]

    def new(seed: int) -> Any:
        return adapters.module_of(name).build(model, seed, n_labels)

    seconds: dict[str, float] = {}
    if model.compiles:
        seconds["first_cpu"], seconds["first_wall"], _ = timed(lambda: new(split.seed + 1000).fit(X_train, y))
    elif name not in warm:
        few = np.random.default_rng(0).permutation(len(y))[:WARM_UP_ROWS]
        new(0).fit(X_train.iloc[few] if model.form == "raw" else X_train[few], y[few])
        warm.add(name)
    estimator = new(split.seed)
    seconds["fit_cpu"], seconds["fit_wall"], _ = timed(lambda: estimator.fit(X_train, y))
    seconds["predict_cpu"], _, p = timed(lambda: adapters.positive(estimator, X_test, n_labels))
    if not np.all(np.isfinite(p)):
        raise ValueError("Some probabilities are not finite.")
    return seconds, p


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return CPU seconds (all threads), wall seconds and what the call gives."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return time.process_time() - cpu, time.perf_counter() - wall, result
