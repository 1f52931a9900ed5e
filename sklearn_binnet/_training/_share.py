"""The share of the cores that TensorFlow takes in a worker of joblib.

joblib gives each worker process its share of the cores as environment variables, which BLAS and OpenMP read when they
start. TensorFlow does not read them, so that every worker of a search would start threads for all cores.
"""

from __future__ import annotations

import multiprocessing
import os

_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_OWN = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def share_of_worker() -> int | None:
    """Return how many threads joblib asks of this process, or None if it is no worker of joblib's loky."""
    if not type(multiprocessing.current_process()).__module__.endswith("loky.backend.process"):
        return None
    given = [int(value) for name in _VARIABLES if (value := os.environ.get(name, "")).isdecimal() and int(value)]
    return min(given) if given else None


def hold_tensorflow() -> None:
    """Hold TensorFlow to the share of a worker, before it starts its threads.

    What somebody has set for TensorFlow stays. In any other process nothing is touched: TensorFlow's settings belong to
    the user there.
    """
    share = share_of_worker()
    if share is None or any(os.environ.get(name) for name in _OWN):
        return
    import tensorflow as tf

    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() or threading.get_inter_op_parallelism_threads():
        return
    try:
        threading.set_intra_op_parallelism_threads(share)
        threading.set_inter_op_parallelism_threads(share)
    except RuntimeError:  # the worker has computed with TensorFlow before, and its threads stand
        return
