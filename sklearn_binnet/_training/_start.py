"""The first import of Keras: the backend that the engine needs, and no wall of TensorFlow's log."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn_binnet._training._share import limit_tensorflow

_LEVEL, _BACKEND = "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"
_LOG_LINE = re.compile(
    r"[IW]\d{4} \d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+: [IW] "  # information and warnings, as TensorFlow marks them
    r"|WARNING: All log messages before absl::InitializeLog|To enable the following instructions:"
)
_lock = threading.Lock()


def start_keras() -> None:
    """Import Keras with TensorFlow, and hold back the lines that TensorFlow writes when it starts.

    A user who has imported TensorFlow before, or has set `TF_CPP_MIN_LOG_LEVEL` to any level, gets the log as it is
    written. Errors are shown in any case.

    Raises
    ------
    RuntimeError
        If Keras runs on another backend than TensorFlow.
    """
    _refuse_backend(os.environ.get(_BACKEND) or "tensorflow")
    with _lock:
        if _LEVEL in os.environ or "tensorflow" in sys.modules:
            import keras

            _hold(keras)
        else:
            with _without_log():
                import keras

                _hold(keras)
                if keras.backend.backend() == "tensorflow":
                    import tensorflow as tf

                    tf.constant(0)  # starts the devices, which write the last lines
    _refuse_backend(keras.backend.backend())


def _hold(keras: Any) -> None:
    """Hold TensorFlow to this process's share of the cores, if Keras runs on it."""
    if keras.backend.backend() == "tensorflow":
        limit_tensorflow()


def _refuse_backend(backend: str) -> None:
    if backend != "tensorflow":
        raise RuntimeError(
            f"sklearn_binnet trains networks with TensorFlow, but Keras' backend is {backend!r} in this process. Set "
            'KERAS_BACKEND=tensorflow before Python starts, or "backend": "tensorflow" in ~/.keras/keras.json.'
        )


@contextmanager
def _without_log() -> Iterator[None]:
    """Hold back what TensorFlow logs; what else is written to the standard error meanwhile follows at the end.

    The level in the environment, which is read once, serves for what TensorFlow writes later. Its first lines come
    before it reads that, so that they are taken out of the stream itself.
    """
    os.environ[_LEVEL] = "2"
    try:
        with tempfile.TemporaryFile() as file:
            try:
                stream = os.dup(2)
            except OSError:  # a process without standard error
                yield
                return
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(stream, 2)
                os.close(stream)
                file.seek(0)
                os.write(2, worth_showing(file.read().decode(errors="replace")).encode())
    finally:
        os.environ.pop(_LEVEL, None)


def worth_showing(text: str) -> str:
    """Return the lines that are no information or warnings of TensorFlow's C++ code."""
    no_gpu = "Could not find cuda drivers" in text  # then it is no news that they do not start
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not (_LOG_LINE.match(line) or (no_gpu and "failed call to cuInit" in line))
    )
