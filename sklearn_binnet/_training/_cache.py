"""Compiled programs that are kept for the next fit or prediction of the same architecture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from sklearn_binnet._training._random import isolated_random


class ProgramCache:
    """A bounded store of programs that threads share; the one not used for longest makes room.

    A program is made under the lock of `isolated_random` and never under the store's own: making one builds a Keras
    model, which may run a user's function, which may fit another network in the same thread while a second thread
    waits. Taking the locks in any other order lets two threads wait for each other for ever.
    """

    def __init__(self, limit: int):
        self.limit = limit
        self._programs: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the program of this key, made by `make` if there is none."""
        program = self._find(key)
        if program is None:
            with isolated_random(0, own_code=False):  # for its lock
                program = self._find(key)  # another thread may have made it in the meantime
                if program is None:
                    program = make()
                    self._keep(key, program)
        return program

    def clear(self) -> None:
        """Forget all programs, and with them their models."""
        with self._lock:
            self._programs.clear()

    def items(self) -> list[tuple[Hashable, Any]]:
        """Return keys and programs, the one not used for longest first."""
        with self._lock:
            return list(self._programs.items())

    def _find(self, key: Hashable) -> Any:
        with self._lock:
            program = self._programs.get(key)
            if program is not None:
                self._programs.move_to_end(key)
            return program

    def _keep(self, key: Hashable, program: Any) -> None:
        with self._lock:
            self._programs[key] = program
            while len(self._programs) > self.limit:
                self._programs.popitem(last=False)


PROGRAMS = ProgramCache(64)
"""Programs that train and programs that predict."""
