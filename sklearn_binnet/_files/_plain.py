"""Objects as plain data: numbers, strings, arrays, and lists and dicts of them.

A class that may stand in a file is registered, by `stored` or as a `Kind`, and says by itself what it is made of.
What is not registered stays as it is: a pickle or skops deals with it, and `save` refuses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

TAG = "__stored__"
"""The key that names the class of an object which has become a dict."""
T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Kind:
    """How objects of a kind that has no method for it become plain data and come back."""

    matches: Callable[[Any], bool]
    write: Callable[[Any], dict[str, Any] | None]
    """Returns None for an object that is made of more than plain data."""
    read: Callable[[dict[str, Any]], Any]


_CLASSES: dict[str, Any] = {}
_KINDS: dict[str, Kind] = {}


def stored(cls: T) -> T:
    """Register a class, as a decorator: its objects are plain data in pickles and files.

    A dataclass or a named tuple is its fields. A field that came later needs a default, so that older files load.
    Any other class has `to_state`, which returns a dict, and the class method `from_state`, which takes it.
    """
    _CLASSES[cls.__name__] = cls
    return cls


def register_kind(name: str, kind: Kind) -> None:
    """Register objects of another package."""
    _KINDS[name] = kind


def to_plain(value: Any) -> Any:
    """Return registered objects as dicts, inside lists, tuples and dicts too; leave everything else as it is."""
    kind = type(value)
    if kind in (str, int, float, bool, np.ndarray) or value is None:
        return value
    if kind is dict:
        return {key: to_plain(item) for key, item in value.items()}
    if kind in (list, tuple):
        return kind(to_plain(item) for item in value)
    if _CLASSES.get(kind.__name__) is kind:
        return {TAG: kind.__name__, **{name: to_plain(item) for name, item in _parts(value).items()}}
    for name, other in _KINDS.items():
        if other.matches(value) and (state := other.write(value)) is not None:
            return {TAG: name, **state}
    return value


def from_plain(tree: Any) -> Any:
    """Return the objects that `to_plain` made plain.

    Raises
    ------
    ValueError
        The data name a class or a field that this version of the package does not know, or lack one that it needs.
    """
    kind = type(tree)
    if kind in (list, tuple):
        return kind(from_plain(item) for item in tree)
    if kind is not dict:
        return tree
    if TAG not in tree:
        return {key: from_plain(item) for key, item in tree.items()}
    name = tree[TAG]
    state = {key: from_plain(item) for key, item in tree.items() if key != TAG}
    if name in _KINDS:
        return _KINDS[name].read(state)
    if name not in _CLASSES:
        raise ValueError(f"it holds a {name!r}, which this version of sklearn_binnet does not know.")
    return _made(_CLASSES[name], state)


def _parts(value: Any) -> Mapping[str, Any]:
    """Return what an object is made of, by name."""
    if hasattr(value, "to_state"):
        return value.to_state()
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    return value._asdict()


def _made(cls: Any, state: dict[str, Any]) -> Any:
    """Return an object made of its parts."""
    if hasattr(cls, "from_state"):
        return cls.from_state(state)
    known = {field.name for field in fields(cls) if field.init} if is_dataclass(cls) else set(cls._fields)
    if unknown := sorted(state.keys() - known):
        raise ValueError(
            f"it holds {unknown[0]!r} of a {cls.__name__}, which this version of sklearn_binnet does not know."
        )
    try:
        return cls(**state)
    except TypeError as error:
        raise ValueError(f"it lacks a part of a {cls.__name__}: {error}.") from error


register_kind(
    "dtype",
    Kind(
        lambda value: isinstance(value, np.dtype) and value.names is None,
        lambda value: {"name": value.str},
        lambda state: np.dtype(str(state["name"])),
    ),
)
