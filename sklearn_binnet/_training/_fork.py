"""TensorFlow in a forked process: its threads are not there any more, and whoever waits for one waits for ever."""

from __future__ import annotations

import os
import sys

_forked_from_tensorflow = False
"""Whether this process was forked from one in which TensorFlow had computed something."""


def refuse_in_fork(what: str) -> None:
    """Refuse `what`, which needs TensorFlow, in a process that was forked after TensorFlow had started its threads."""
    if _forked_from_tensorflow:
        raise RuntimeError(
            f"{what} needs TensorFlow, which had computed something before this process was forked, and would wait for "
            "ever here: a fork does not take its threads along. Start the process by 'spawn' or 'forkserver', as in "
            "multiprocessing.get_context('spawn'), or with joblib's backend 'loky'; or fork before the first fit. "
            "Predictions of the built-in network need no TensorFlow and work here."
        )


def _after_fork() -> None:
    global _forked_from_tensorflow
    _forked_from_tensorflow = _forked_from_tensorflow or _tensorflow_has_run()


def _tensorflow_has_run() -> bool:
    """Return whether TensorFlow has started its threads: importing it does not, the first computation does."""
    module = sys.modules.get("tensorflow.python.eager.context")
    # Its public functions that tell would start the threads themselves.
    return bool(getattr(getattr(module, "_context", None), "_initialized", False))


if hasattr(os, "register_at_fork"):  # not on Windows, which forks nothing
    os.register_at_fork(after_in_child=_after_fork)
