"""What is timed. Each function runs in a fresh process and returns plain numbers.

`first` is the first call in the process, the library being imported already; `warm` are the calls
after it. Times are wall-clock seconds.
"""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from . import data, members
from .adapters import scores
from .resident import resident
from .tasks import ARCHITECTURES, LEARNING_RATES, Task

SETTLED_FITS = 50
"""Fits after which memory should stand still."""


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def auc(estimator: Any, X, y) -> float:
    return float(roc_auc_score(y, scores(estimator, X)))


def fit(library: ModuleType, task: Task, repeats: int, dtype: str) -> dict:
    X, y, X_test, y_test = data.make(task.shape.rows, task.shape.columns, dtype)
    times, aucs = [], []
    for seed in range(repeats + 1):
        estimator = library.build(task.shape, seed)
        seconds, _ = timed(lambda model=estimator: model.fit(X, y))
        times.append(seconds)
        if hasattr(estimator, "classes_"):
            aucs.append(auc(estimator, X_test, y_test))
    return {"first": times[0], "warm": times[1:], "auc": aucs}


def grid(library: ModuleType, task: Task, repeats: int, dtype: str) -> dict:
    """Time one search; compiling is part of it."""
    from sklearn.model_selection import GridSearchCV, StratifiedKFold

    X, y, X_test, y_test = data.make(task.shape.rows, task.shape.columns, dtype)
    search = GridSearchCV(
        library.build(task.shape, 0),
        library.grid(ARCHITECTURES, LEARNING_RATES),
        scoring=auc,
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        error_score="raise",
    )
    seconds, _ = timed(lambda: search.fit(X, y))
    return {"first": seconds, "auc": [auc(search, X_test, y_test)]}


def predict(library: ModuleType, task: Task, repeats: int, dtype: str) -> dict:
    """Time calls of `predict_proba` for at least half a second, or `repeats` of them."""
    X, y, _, _ = data.make(task.shape.rows, task.shape.columns, dtype)
    rows = np.resize(X, (task.predict_rows, X.shape[1]))
    estimator = library.build(task.shape, 0).fit(X, y)
    first, _ = timed(lambda: scores(estimator, rows))
    warm: list[float] = []
    end = time.perf_counter() + 0.5
    while len(warm) < repeats or (time.perf_counter() < end and len(warm) < 1000):
        start = time.perf_counter()
        scores(estimator, rows)
        warm.append(time.perf_counter() - start)
    return {"first": first, "warm": warm}


NEW_PROCESS = """
import pickle, sys
import numpy as np
with open(sys.argv[1], "rb") as file:
    model = pickle.load(file)
method = getattr(model, "predict_proba", None) or model.decision_function
assert np.isfinite(method(np.load(sys.argv[2]))).all()
"""
BARE_IMPORT = "import sklearn.model_selection"
PEAK = "\nfrom benchmarks.speed.resident import resident\nprint(resident()[1])"


def run_new_process(code: str, *arguments: str) -> tuple[float, float]:
    """Return the seconds and the peak MB of a new Python that runs `code`."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code + PEAK, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def unpickle(library: ModuleType | None, task: Task, repeats: int, dtype: str) -> dict:
    """Time a new Python that unpickles and predicts; None: one that imports scikit-learn."""
    if library is None:
        runs = [run_new_process(BARE_IMPORT) for _ in range(repeats)]
    else:
        X, y, _, _ = data.make(task.shape.rows, task.shape.columns, dtype)
        estimator = library.build(task.shape, 0).fit(X, y)
        with tempfile.TemporaryDirectory() as folder:
            model, rows = Path(folder, "model.pickle"), Path(folder, "rows.npy")
            model.write_bytes(pickle.dumps(estimator))
            np.save(rows, X[: task.predict_rows])
            run_new_process(NEW_PROCESS, str(model), str(rows))  # files into the disk's cache
            runs = [run_new_process(NEW_PROCESS, str(model), str(rows)) for _ in range(repeats)]
    return {"wall": [seconds for seconds, _ in runs], "memory_mb": [peak for _, peak in runs]}


def memory(library: ModuleType, task: Task, repeats: int, dtype: str) -> dict:
    """Fit many times over twenty architectures and watch the resident memory."""
    X, y, _, _ = data.make(task.shape.rows, task.shape.columns, dtype)
    series = []
    start = time.perf_counter()
    for i in range(task.fits):
        shape = replace(task.shape, hidden=(8 + 4 * (i % 20), 8))
        library.build(shape, i).fit(X, y)
        if (i + 1) % 10 == 0:
            gc.collect()
            series.append([i + 1, resident()[0]])
    settled = dict(series)[SETTLED_FITS]
    growth = series[-1][1] - settled
    return {
        "growth_mb": growth,
        "mb_a_fit": growth / (task.fits - SETTLED_FITS),
        "end_mb": series[-1][1],
        "seconds": time.perf_counter() - start,
        "series": series,
    }


def side_by_side(library: ModuleType, task: Task, repeats: int, dtype: str) -> dict:
    """Time several networks trained at once and the same in turn; the first of each is left out."""
    X, y, _, _ = data.make(task.shape.rows, task.shape.columns, dtype)
    jobs = members.prepare(task.shape, X, y, task.members)
    together, in_turn = [], []
    for _ in range(repeats + 1):
        together.append(timed(lambda: members.train_together(jobs))[0])
        in_turn.append(timed(lambda: members.train_in_turn(jobs))[0])
    share = float(np.median(together[1:]) / np.median(in_turn[1:]))
    return {"first": together[0], "warm": together[1:], "in_turn": in_turn[1:], "share": share}


MEASURES = {
    "fit": fit,
    "grid": grid,
    "predict": predict,
    "unpickle": unpickle,
    "memory": memory,
    "members": side_by_side,
}
