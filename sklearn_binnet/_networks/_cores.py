"""Blocks of rows on all cores, by threads that live as long as the call."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_helping = 0
"""Threads that help the calls that run now, all of them together."""


def in_blocks(work: Callable[[slice], Any], n_rows: int, size: int) -> None:
    """Call `work` for consecutive slices of at most `size` rows, on all cores that this process may use.

    The calling thread works too, and all calls together have no more helpers than there are cores beside it: threads
    of a service that predict at the same time do not multiply.
    """
    if n_rows <= size:
        work(slice(0, n_rows))
        return
    left = deque(range(0, n_rows, size))

    def take() -> None:
        while True:
            try:
                start = left.popleft()
            except IndexError:
                return
            work(slice(start, min(start + size, n_rows)))

    helpers = _borrow(len(left) - 1)
    if helpers == 0:
        take()
        return
    try:
        with ThreadPoolExecutor(helpers) as pool:
            tasks = [pool.submit(take) for _ in range(helpers)]
            try:
                take()
                for task in tasks:
                    task.result()
            finally:
                left.clear()  # after an error nobody goes on
    finally:
        _give_back(helpers)


def cores() -> int:
    """Return how many cores this process may use: as many as joblib counts, and no more than BLAS was held to.

    Workers of joblib, `threadpoolctl` and variables such as OMP_NUM_THREADS hold BLAS to a share of the cores.
    """
    threads = [library["num_threads"] for library in _blas().info()]
    return min([joblib.cpu_count(), *threads])


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _borrow(wanted: int) -> int:
    """Return how many helpers a call may have."""
    global _helping
    most = cores() - 1
    with _lock:
        helpers = max(min(wanted, most - _helping), 0)
        _helping += helpers
    return helpers


def _give_back(helpers: int) -> None:
    global _helping
    with _lock:
        _helping -= helpers
