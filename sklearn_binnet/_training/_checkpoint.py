"""Checkpoints: the state of a training after each epoch, in a file of plain data.

A training is known by a digest of all that its result depends on. Its file bears this name, so that several trainings
can share a folder, and none takes the state of another.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_binnet._files._archive import pack, unpack, write_atomically
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._types import Data, Member, Network, Settings


class Checkpoint:
    """The file of one training in a folder."""

    def __init__(self, folder: str | os.PathLike[str], identity: str):
        self._path = Path(folder) / f"training-{identity[:16]}.checkpoint"
        self._identity = identity

    def read(self) -> dict[str, Any] | None:
        """Return the state that was written last, or None if there is none.

        Raises
        ------
        ValueError
            The file is damaged, or is the checkpoint of another training under this one's name.
        """
        if not self._path.exists():
            return None
        tree, header = unpack(self._path.read_bytes(), repr(str(self._path)))
        if header.get("training") != self._identity:
            raise ValueError(
                f"checkpoint: {str(self._path)!r} holds the state of another training than this one: its rows, "
                "parameters, seed or versions differ. Delete it, or give this fit a folder of its own."
            )
        state: dict[str, Any] = tree
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Write a state; until it is whole the earlier one stays."""
        write_atomically(self._path, pack(state, {"training": self._identity}))

    def remove(self) -> None:
        """Remove the file of a training that has ended."""
        self._path.unlink(missing_ok=True)


class Checkpoints:
    """The files of one fit, which may train several times. They stay until all of it has come to its end."""

    def __init__(self, folder: str | os.PathLike[str]):
        self._folder = Path(folder)
        self._opened: list[Checkpoint] = []

    def of(self, network: Network, data: Data, members: Sequence[Member], settings: Settings) -> Checkpoint:
        """Return the checkpoint of a training; the folder is made if it is not there.

        Raises
        ------
        ValueError
            The folder can't be made. Or the network, the optimizer or a metric is code of the user's own, of which
            nothing can tell in another process whether it is the same.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            raise ValueError(
                f"checkpoint must be a folder that is there or can be made, got {str(self._folder)!r}: {error}. Pass "
                "another folder, or None to keep no checkpoints."
            ) from error
        self._opened.append(Checkpoint(self._folder, identity_of(network, data, members, settings)))
        return self._opened[-1]

    def remove(self) -> None:
        """Remove the files of a fit that has ended."""
        for checkpoint in self._opened:
            checkpoint.remove()


def identity_of(network: Network, data: Data, members: Sequence[Member], settings: Settings) -> str:
    """Return a digest of everything that the result depends on, the versions of the libraries included."""
    import keras
    import tensorflow as tf

    from sklearn_binnet import __version__

    digest = hashlib.sha256()
    for part in (
        (__version__, tf.__version__, keras.__version__, np.__version__, os.cpu_count()),
        network.key,
        (settings.epochs, settings.batch_size, settings.early_stopping, settings.patience, settings.min_delta),
        settings.optimizer,
        _schedule(settings.schedule),
        MetricSet(settings.metrics).key,
        settings.threshold,
        (data.X, data.y, data.weights),
        *(
            (m.train, m.validation, m.weights, m.seed, m.learning_rate, m.weight_decay, m.dropout_rates)
            for m in members
        ),
        *(m.optimizer_state for m in members),
    ):
        for piece in _pieces(part):
            digest.update(piece)
    return digest.hexdigest()


def _schedule(schedule: Any) -> str:
    import keras

    return schedule if isinstance(schedule, str) else json.dumps(keras.saving.serialize_keras_object(schedule))


def _pieces(value: Any) -> Iterator[bytes | memoryview]:
    """Yield the bytes that stand for plain data, with their types and sizes."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data  # no copy: it may be the whole table
    elif is_dataclass(value) and not isinstance(value, type):
        yield type(value).__name__.encode()
        for field in fields(value):
            yield from _pieces(getattr(value, field.name))
    elif isinstance(value, list | tuple) and not _is_own(value):
        yield f"[{len(value)}".encode()
        for item in value:
            yield from _pieces(item)
    elif isinstance(value, dict):
        yield f"{{{len(value)}".encode()
        for key in sorted(value):
            yield from _pieces(key)
            yield from _pieces(value[key])
    elif value is None or isinstance(value, bool | int | float | str | np.generic):
        yield f"{value!r};".encode()
    else:
        raise ValueError(
            f"checkpoint needs a network, an optimizer and metrics of Keras' own: {value!r} is code of yours, of which "
            "another process can't tell whether it is the same. Leave checkpoint out for this fit."
        )


def _is_own(value: Any) -> bool:
    """Return whether a part of a network's key stands for the user's own code, and is new in every process."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and value[0] == "own"
