"""The share of the cores that TensorFlow takes in a worker of joblib.

joblib gives each worker process its share of the cores as environment variables, which BLAS and OpenMP read when they
start. TensorFlow does not read them, so that every worker of a search would start threads for all cores.
"""

from __future__ import annotations

import multiprocessing
import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_TENSORFLOW_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_limit = 0
"""Threads that `limit_tensorflow` gave one operation in this process; 0 if it gave none."""


def share_of_worker() -> int | None:
    """Return how many threads joblib asks of this process, or None if it is no worker of joblib's loky.

    joblib sets the variables that the user has not set, all to the same number. A smaller one is the user's own, for
    BLAS alone (`OPENBLAS_NUM_THREADS=1` in many shells), so that the largest counts.
    """
    if not type(multiprocessing.current_process()).__module__.endswith("loky.backend.process"):
        return None
    given = [int(value) for name in _VARIABLES if (value := os.environ.get(name, "")).isdecimal() and int(value)]
    return max(given) if given else None


def threads_of_user() -> int:
    """Return how many threads the user gives one operation of TensorFlow, or 0. A limit of ours does not count."""
    import tensorflow as tf

    asked = tf.config.threading.get_intra_op_parallelism_threads()
    return int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)) if asked in (0, _limit) else asked


def limit_tensorflow() -> None:
    """Hold TensorFlow to the share of a worker, before it starts its threads.

    What somebody has set for TensorFlow stays. In any other process nothing is touched: TensorFlow's settings belong to
    the user there.
    """
    share = share_of_worker()
    if share is None or any(os.environ.get(name) for name in _TENSORFLOW_VARIABLES):
        return
    import tensorflow as tf

    global _limit
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() or threading.get_inter_op_parallelism_threads():
        return
    try:
        threading.set_intra_op_parallelism_threads(share)
        _limit = share
        threading.set_inter_op_parallelism_threads(share)
    except RuntimeError:  # the worker has computed with TensorFlow before, and its threads stand
        return
