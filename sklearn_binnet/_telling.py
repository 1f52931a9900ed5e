"""Warnings that one call of a public method shows once, of however many fits it consists."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TOLD: ContextVar[set[Hashable] | None] = ContextVar("_TOLD", default=None)
"""What has been told in the call at hand; None outside of any."""


@contextmanager
def telling_once() -> Iterator[None]:
    """Show each warning of `tell` and `retelling` once inside the block; a block inside another one is part of it."""
    if _TOLD.get() is not None:
        yield
        return
    token = _TOLD.set(set())
    try:
        yield
    finally:
        _TOLD.reset(token)


def tell(message: str, key: Hashable = None, stacklevel: int = 2) -> None:
    """Warn, unless this call has told it: the same message, or another one of the same `key`."""
    if _is_new(message if key is None else key):
        warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


@contextmanager
def retelling() -> Iterator[None]:
    """Show each warning of the code inside once in this call; it may be a user's function that is called again."""
    if _TOLD.get() is None:
        yield
        return
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    finally:
        for warning in caught:
            if _is_new((warning.category, str(warning.message), warning.filename, warning.lineno)):
                warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)


def _is_new(key: Hashable) -> bool:
    told = _TOLD.get()
    if told is None:
        return True
    new = key not in told
    told.add(key)
    return new
