"""Plain data in one zip archive: JSON for what has a shape of its own, an entry in NumPy's format for each array.

Entries are stored as they are, without compression, so that a file cannot unpack to more than its own size. The header
names each entry with its checksum. `numpy.load` can show the arrays of a file.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "sklearn_binnet"
VERSION = 1
"""Of the format. A reader takes its own version and all earlier ones."""
_HEADER, _TREE = "header.json", "content.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes
_ARRAY_KINDS = "biufUmM"
_SCALAR_KINDS = "biufU"
_AGAIN = "Copy it again from where it was saved, or save the estimator anew."


class NotPlainError(TypeError):
    """A value that no file can hold."""

    def __init__(self, value: Any, path: tuple[str, ...]):
        super().__init__(f"{'.'.join(path)} is a {type(value).__module__}.{type(value).__qualname__}")
        self.value, self.path = value, path


# ------------------------------------------------------------------ writing
def pack(tree: Any, about: dict[str, Any]) -> bytes:
    """Return an archive of plain data; `about` goes into its header.

    Raises
    ------
    NotPlainError
        Something in `tree` is no plain data.
    """
    writer = _Writer()
    content = json.dumps(writer.coded(tree, ()), allow_nan=False).encode()
    entries = {_TREE: content, **writer.entries}
    listed = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in entries.items()}
    header = {"format": FORMAT, "version": VERSION, **about, "entries": listed}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_HEADER, _DATE), json.dumps(header, indent=1))
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    return buffer.getvalue()


class _Writer:
    """Turns plain data into what JSON can say, and collects the entries beside it."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self._seen: dict[int, tuple[Any, Any]] = {}  # holds the arrays, so that no other gets the same id

    def coded(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return `value` for JSON; dicts with a single key that begins with "$" stand for what JSON lacks."""
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        if kind is list:
            return self._items(value, path)
        if kind is tuple:
            return {"$tuple": self._items(value, path)}
        if kind is dict:
            if all(type(key) is str and not key.startswith("$") for key in value):
                return {key: self.coded(item, (*path, key)) for key, item in value.items()}
            pairs = [[self.coded(k, (*path, "key")), self.coded(v, (*path, str(k)))] for k, v in value.items()]
            return {"$dict": pairs}
        if isinstance(value, np.generic) and value.dtype.kind in _SCALAR_KINDS and value.dtype.itemsize <= 8:
            return {"$scalar": [value.dtype.str, self.coded(value.item(), path)]}
        if kind is np.str_:
            return {"$scalar": [value.dtype.str, str(value)]}
        if kind is bytes:
            return {"$bytes": self._entry(value, path, ".bin", lambda: value)}
        if kind is np.ndarray and value.dtype == object:
            return {"$objects": [list(value.shape), self._items(value.ravel().tolist(), path)]}
        if kind is np.ndarray and value.dtype.kind in _ARRAY_KINDS:
            return {"$array": self._entry(value, path, ".npy", lambda: _array_bytes(value))}
        raise NotPlainError(value, path)

    def _items(self, values: Any, path: tuple[str, ...]) -> list[Any]:
        return [self.coded(item, (*path, str(i))) for i, item in enumerate(values)]

    def _entry(self, value: Any, path: tuple[str, ...], ending: str, data: Any) -> str:
        """Store a value in an entry of its own, named after its place, unless it is stored already."""
        if id(value) not in self._seen:
            stem = "/".join(re.sub(r"[^\w.-]", "_", part, flags=re.ASCII) for part in path)
            name, n = stem + ending, 1
            while name in self.entries or name in (_HEADER, _TREE):
                name, n = f"{stem}-{n}{ending}", n + 1
            self.entries[name] = data()
            self._seen[id(value)] = value, name
        return self._seen[id(value)][1]


def _array_bytes(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that at any moment the old one is there or the new one, whole."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # a temporary file is for its owner alone
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# ------------------------------------------------------------------ reading
def unpack(data: bytes, called: str) -> tuple[Any, dict[str, Any]]:
    """Return the plain data and the header of an archive; `called` names the file in messages.

    Raises
    ------
    ValueError
        It is another kind of file, it was written by a newer version, or it is not what was written.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:  # damage, or a feature zipfile lacks
        raise ValueError(
            f"{called} is not a whole file of sklearn_binnet's `save`: it is no zip archive, or a part of it is "
            f"missing ({error}). {_AGAIN} (pickle.load reads pickles, and skops.io.load reads files of skops.)"
        ) from error
    with archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        if _HEADER not in names:
            raise ValueError(
                f"{called} is a zip archive of another kind: it has no {_HEADER!r} as files of sklearn_binnet's `save` "
                "have. (skops.io.load reads files of skops, keras.saving.load_model those of Keras.)"
            )
        header = _header(_read(archive, _HEADER, called), called)
        listed = header["entries"]
        if sorted(names) != sorted([_HEADER, *listed]) or any(i.compress_type != zipfile.ZIP_STORED for i in infos):
            raise _damaged(called, "its entries are not those that its header lists")
        entries = {}
        for name in listed:
            entries[name] = _read(archive, name, called)
            if _digest(entries[name]) != listed[name]["sha256"]:
                raise _damaged(called, f"the checksum of its entry {name!r} is another")
    if _TREE not in entries:
        raise _damaged(called, f"it has no {_TREE!r}")
    try:
        return _Reader(entries).decoded(json.loads(entries[_TREE])), header
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise _damaged(called, f"its content can't be read ({type(error).__name__}: {error})") from error


def _damaged(called: str, what: str) -> ValueError:
    return ValueError(f"{called} has been altered or damaged since it was saved: {what}. {_AGAIN}")


def _read(archive: zipfile.ZipFile, name: str, called: str) -> bytes:
    try:
        return archive.read(name)
    except Exception as error:  # zipfile meets damage in many ways
        raise _damaged(called, f"its entry {name!r} can't be read ({type(error).__name__}: {error})") from error


def _header(data: bytes, called: str) -> dict[str, Any]:
    """Return the header, checked: of our format, of a version that can be read, with the checksum of each entry."""
    try:
        header = json.loads(data)
        version, entries = header["version"], header["entries"]
        known = header["format"] == FORMAT and type(version) is int
        if known and version <= VERSION:
            known = all(isinstance(entry["sha256"], str) for entry in entries.values())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(called, f"its header can't be read ({type(error).__name__}: {error})") from error
    if not known:
        raise _damaged(called, "its header is not one of sklearn_binnet's")
    if version > VERSION:
        raise ValueError(
            f"{called} was saved by sklearn_binnet {header.get('sklearn_binnet')} in version {version} of the format, "
            f"and this sklearn_binnet reads versions up to {VERSION}. Update it: pip install -U sklearn_binnet."
        )
    return header


class _Reader:
    """Turns what JSON says, and the entries beside it, back into plain data."""

    def __init__(self, entries: dict[str, bytes]) -> None:
        self._entries = entries
        self._arrays: dict[str, NDArray[Any]] = {}

    def decoded(self, tree: Any) -> Any:
        """Return the value that `_Writer.coded` was given."""
        if isinstance(tree, list):
            return [self.decoded(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if len(tree) != 1 or not next(iter(tree)).startswith("$"):
            return {key: self.decoded(item) for key, item in tree.items()}
        ((tag, value),) = tree.items()
        if tag == "$float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[value]
        if tag == "$tuple":
            return tuple(self.decoded(value))
        if tag == "$dict":
            return {self.decoded(k): self.decoded(v) for k, v in value}
        if tag == "$scalar":
            return _plain_dtype(value[0], _SCALAR_KINDS).type(self.decoded(value[1]))
        if tag == "$bytes":
            return self._entries[value]
        if tag == "$objects":
            out = np.empty(math.prod(value[0]), dtype=object)
            out[:] = self.decoded(value[1])
            return out.reshape(value[0])
        if tag == "$array":
            if value not in self._arrays:
                self._arrays[value] = _array(self._entries[value])
            return self._arrays[value]
        raise ValueError(f"{tag!r} is unknown")


def _plain_dtype(name: Any, kinds: str) -> np.dtype[Any]:
    dtype = np.dtype(str(name))
    if dtype.kind not in kinds:
        raise ValueError(f"{name!r} is no type of plain numbers or strings")
    return dtype


def _array(data: bytes) -> NDArray[Any]:
    """Return the array of an entry in NumPy's format, whose size must be the one that it states."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array in an unknown version of NumPy's format")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    _plain_dtype(dtype.str, _ARRAY_KINDS)
    body = memoryview(data)[file.tell() :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"an array of shape {shape} with {len(body)} bytes")
    flat = np.frombuffer(body, dtype) if len(body) else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran_order else "C").copy(order="K")
