"""Compiled programs on disk, for the next process: TensorFlow's own store of XLA programs, made safe to share.

TensorFlow can keep what XLA compiled in a folder. It writes there without care for other processes, never clears up,
fails on a broken file, and finds a program again only if TensorFlow numbered all functions the same way. So TensorFlow
works in a folder of this process alone. Before a program first runs, its files are copied there from the shared store;
after it has run, new files are copied back. While it is traced, its functions get names that depend on the program
alone.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import importlib.metadata
import itertools
import os
import platform
import shutil
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

VARIABLE = "SKLEARN_BINNET_CACHE"
_FLAG = "--tf_xla_persistent_cache_directory="
_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly", "tf-nightly-cpu")
LIMIT = 512 << 20
"""Bytes of all stored files."""
_FREE_BYTES_NEEDED = 1 << 20
"""Bytes that must be free for a program to be written."""
_OLD_RUN = 2 * 24 * 3600.0
_Result = TypeVar("_Result")


def set_compile_cache(folder: str | os.PathLike[str] | None) -> None:
    """Keep compiled training programs in a folder, so that later processes need not compile them again.

    The first fit of an architecture in a process compiles its training program, which takes a second or more. With this
    cache, the first process that needs a program stores it, and others load it. Call the function before TensorFlow is
    imported, which is before the first fit. Processes started later, such as the workers of a search with `n_jobs`, use
    the same folder: the call also sets the environment variable `SKLEARN_BINNET_CACHE`. Setting that variable before
    Python starts has the same effect as the call.

    Programs depend on TensorFlow's version and on the processor, so each combination gets a subfolder of its own. It is
    readable and writable for the user alone, since whoever can write there can decide what a fit executes. Several
    processes may use it at the same time. A damaged file is deleted, and the program is compiled again.
    Beyond 512 MB, the programs that were not used for longest are deleted.

    Parameters
    ----------
    folder : str, path-like or None
        The folder. It is made if it does not exist. None turns the cache off.

    Raises
    ------
    RuntimeError
        If TensorFlow has been imported already.
    ValueError
        If the folder can't be found, made or written to, if the subfolder belongs to another user or is open to others,
        or if `TF_XLA_FLAGS` names another cache. Where the environment variable asks for such a cache, a warning says
        so, and training goes on without it.

    Warns
    -----
    RuntimeWarning
        In a fit, if the disk is full when a program is to be stored: TensorFlow then can't compile it, and the network
        is trained without XLA, with results that may differ in the last digits.

    Examples
    --------
    >>> import sklearn_binnet
    >>> sklearn_binnet.set_compile_cache("~/.cache/sklearn_binnet")  # doctest: +SKIP
    """
    if "tensorflow" in sys.modules:
        raise RuntimeError(
            "set_compile_cache must be called before TensorFlow is imported, which reads the setting once. Call it at "
            f"the start of the program, before the first fit and before `import tensorflow` or `import keras`, or set "
            f"the environment variable {VARIABLE}."
        )
    global _active
    others = [flag for flag in _flags() if flag.startswith(_FLAG) and flag != f"{_FLAG}{_last_folder()}"]
    if others and not _inherited(others[0]):
        raise ValueError(
            f"TF_XLA_FLAGS already names a cache, {others[0].removeprefix(_FLAG)!r}. Remove that flag, or do without "
            "set_compile_cache."
        )
    made = None if folder is None else CompileCache(_whole_path(folder))
    if _active is not None:
        _active.close()
    _active = made
    flags = [flag for flag in _flags() if not flag.startswith(_FLAG)]
    if made is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = str(made.folder)
        flags.append(f"{_FLAG}{made.run_folder}")
    _set_flags(flags)


def follow_environment() -> None:
    """Do what the environment variable says, or warn. Called when the package is imported, which must not fail."""
    folder = os.environ.get(VARIABLE)
    if not folder or _active is not None:
        return
    # Without a cache of this process, TensorFlow would write into the folder of the process that started it.
    _set_flags([flag for flag in _flags() if not (flag.startswith(_FLAG) and _inherited(flag))])
    if "tensorflow" in sys.modules:
        warnings.warn(
            f"{VARIABLE} is set, but TensorFlow was imported before sklearn_binnet, so that compiled programs are not "
            "kept. Import sklearn_binnet first.",
            RuntimeWarning,
            stacklevel=3,
        )
        return
    try:
        set_compile_cache(folder)
    except (ValueError, RuntimeError, OSError) as error:
        warnings.warn(f"{VARIABLE} is set, but compiled programs are not kept: {error}", RuntimeWarning, stacklevel=3)


def active() -> CompileCache | None:
    """Return the cache that this process uses."""
    return _active


class CompileCache:
    """A store of compiled programs in `folder`, and the folder of this process that TensorFlow works in.

    A stored file is a checksum and what TensorFlow wrote. Files appear under their names when they are complete.
    """

    def __init__(self, folder: Path, limit: int = LIMIT):
        self.folder, self._limit = folder, limit
        self.counts: Counter[str] = Counter()
        """How often a program was found ("hits") and how often it was compiled ("misses")."""
        self._store = folder / f"tensorflow-{_tensorflow_version()}-{_processor()}"
        runs = folder / "running"
        try:
            _own_folder(self._store)
            _own_folder(runs)
            _remove_old(runs)
            self.run_folder = Path(tempfile.mkdtemp(prefix="", dir=runs))
        except OSError as error:
            raise ValueError(
                f"the compile cache needs a folder that can be made and written to, but {str(folder)!r} is none "
                f"({error}). Choose another folder, or do without the cache."
            ) from error
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._traced: Counter[str] = Counter()
        atexit.register(self.close)

    def close(self) -> None:
        """Delete the folder of this process."""
        atexit.unregister(self.close)
        if os.getpid() == self._process:
            shutil.rmtree(self.run_folder, ignore_errors=True)

    def first_call(
        self, key: Hashable, call: Callable[[], _Result], without_xla: Callable[[], _Result] | None = None
    ) -> _Result:
        """Return what `call` returns, which traces a new function of equal work for equal keys and calls it.

        TensorFlow fails where it cannot write what it compiled. `without_xla` is what is done then, if it is given.
        """
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:24]
        with self._lock:
            with contextlib.suppress(OSError, ValueError):  # somebody may have cleared up
                _own_folder(self.run_folder.parent)
                _own_folder(self.run_folder)
            restored = self._restore(digest)
            before = self._files()
            try:
                with self._names(digest):
                    result = call()
            except Exception as error:  # TensorFlow says in many ways that it cannot use a file, or write one
                full = not self.takes_files()
                if not full and _is_full_disk(error):  # there is room for a small program, but not for this one
                    self._warn_of_full_disk(error)
                    full = True
                for name in restored:  # which costs a compilation, and no more
                    (self.run_folder / name).unlink(missing_ok=True)
                    if not full:  # else the stored file may well be sound
                        (self._store / digest / name).unlink(missing_ok=True)
                if full and without_xla is not None:
                    return without_xla()
                if full or not restored:
                    raise
                self.counts["misses"] += 1
                return call()  # under other names, since XLA remembers the failure: of no use to other processes
            new = self._files() - before
            self.counts["misses" if new else "hits"] += 1
            for name in new:
                self._publish(digest, name)
            if new:
                self._clear_up()
        return result

    def takes_files(self) -> bool:
        """Return whether a program could be written to TensorFlow's folder, and warn if not."""
        path = self.run_folder / "room"
        try:
            try:
                path.write_bytes(bytes(_FREE_BYTES_NEEDED))
            finally:
                path.unlink(missing_ok=True)
        except OSError as error:
            self._warn_of_full_disk(error)
            return False
        return True

    def _warn_of_full_disk(self, error: Exception) -> None:
        warnings.warn(
            f"The compile cache can't be written to ({error}), so that this network is trained without XLA: it may "
            "take longer, and differ in the last digits. Make room, or do without the cache.",
            RuntimeWarning,
            stacklevel=3,
        )

    @contextlib.contextmanager
    def _names(self, digest: str) -> Iterator[None]:
        """Name the functions that this thread traces after the program and their order in it."""
        self._traced[digest] += 1
        again = self._traced[digest]
        number = itertools.count()
        with function_names(lambda: f"{digest}_{again}_{next(number)}"):
            yield

    def _files(self) -> set[str]:
        try:
            return {name for name in os.listdir(self.run_folder) if name.endswith(".pb")}
        except OSError:
            return set()

    def _restore(self, digest: str) -> list[str]:
        """Copy the files of a program to TensorFlow's folder; return their names."""
        restored = []
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self._store / digest):
                path = self._store / digest / name
                if not name.endswith(".pb") or (self.run_folder / name).exists():
                    continue
                try:
                    stored = path.read_bytes()
                    sound = hashlib.sha256(stored[32:]).digest() == stored[:32]
                    if sound:
                        (self.run_folder / name).write_bytes(stored[32:])
                        os.utime(path)
                        restored.append(name)
                    else:
                        path.unlink()
                except OSError:  # another process may have deleted it, or the disk is full and the copy cut short
                    with contextlib.suppress(OSError):
                        (self.run_folder / name).unlink(missing_ok=True)
                    continue
        return restored

    def _publish(self, digest: str, name: str) -> None:
        """Copy a new file to the store. A full disk or the like costs nothing but the file."""
        with contextlib.suppress(OSError):
            content = (self.run_folder / name).read_bytes()
            (self._store / digest).mkdir(mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._store / digest)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(content).digest() + content)
                os.replace(temporary, self._store / digest / name)
            except OSError:
                os.unlink(temporary)
                raise

    def _clear_up(self) -> None:
        """Delete the files that were not used for longest until the others are within the limit."""
        found = []
        for path in self._store.glob("*/*"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found, key=lambda one: one[0]):
            if total <= self._limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            with contextlib.suppress(OSError):
                path.parent.rmdir()  # if it is empty now
            total -= size


@contextlib.contextmanager
def function_names(suffix: Callable[[], str]) -> Iterator[None]:
    """Let TensorFlow name the functions that this thread traces by `suffix`.

    It numbers them otherwise over all that ran before in the process, and the numbers are part of what XLA compiles.
    Other threads keep TensorFlow's own names. (Keras numbers layers and optimizers; a program gives them names.)
    """
    from tensorflow.python.eager.polymorphic_function import concrete_function
    from tensorflow.python.ops import control_flow_util_v2, custom_gradient

    here = threading.get_ident()

    def ours(usual: Callable[..., str], name: Callable[..., str]) -> Callable[..., str]:
        return lambda *args: name(*args) if threading.get_ident() == here else usual(*args)

    names: list[tuple[Any, str, Callable[..., str]]] = [
        (control_flow_util_v2, "unique_fn_name", lambda scope, name: f"{scope}{name}_{suffix()}".replace("/", "_")),
        (control_flow_util_v2, "unique_grad_fn_name", lambda forward: f"{forward}_grad_{suffix()}"),
        (custom_gradient, "generate_name", lambda: f"CustomGradient-{suffix()}"),
        *(
            (concrete_function, f"_{kind}_name", lambda name, kind=kind: f"__{kind}_{name}_{suffix()}")
            for kind in ("inference", "forward", "backward")
        ),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in names if hasattr(module, name)]
    try:
        for module, name, new in names:
            if hasattr(module, name):
                setattr(module, name, ours(getattr(module, name), new))
        yield
    finally:
        for module, name, usual in before:
            setattr(module, name, usual)


def _tensorflow_version() -> str:
    for name in _TENSORFLOW:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return "unknown"


def _processor() -> str:
    """Return a name for what XLA compiles for: the processor's kind, and a checksum of its model and features."""
    features = {platform.processor()}
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        features |= {line for line in file if line.lower().startswith(("flags", "features", "model name", "cpu part"))}
    return f"{platform.machine()}-{hashlib.sha256(''.join(sorted(features)).encode()).hexdigest()[:12]}"


def _own_folder(path: Path) -> None:
    """Make a folder for this user alone, or check that it is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if not hasattr(os, "getuid"):  # Windows: folders of a user are closed to others
        return
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ValueError(
            f"the compile cache needs a folder that you own and nobody else can open, but {str(path)!r} is not one. "
            "Whoever can write there decides what a fit executes. Choose another folder, or delete this one."
        )


def _remove_old(runs: Path) -> None:
    """Delete what processes left that were killed."""
    for path in runs.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _OLD_RUN:
                shutil.rmtree(path, ignore_errors=True)


def _flags() -> list[str]:
    return os.environ.get("TF_XLA_FLAGS", "").split()


def _set_flags(flags: list[str]) -> None:
    if flags:
        os.environ["TF_XLA_FLAGS"] = " ".join(flags)
    else:
        os.environ.pop("TF_XLA_FLAGS", None)


def _whole_path(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).expanduser().absolute()
    except (RuntimeError, OSError) as error:  # no home directory, or the working directory was deleted
        raise ValueError(
            f"the compile cache needs a folder that can be found, but {str(folder)!r} can't be ({error}). Give the "
            "whole path of a folder."
        ) from error


def _is_full_disk(error: Exception) -> bool:
    """Return whether TensorFlow says that the disk, or the user's part of it, is full."""
    import tensorflow as tf

    full = [os.strerror(getattr(errno, name)) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)]
    return isinstance(error, tf.errors.OpError) and any(text in str(error) for text in full)


def _last_folder() -> str:
    return "" if _active is None else str(_active.run_folder)


def _inherited(flag: str) -> bool:
    """Return whether a flag is that of a cache of ours in the process that started this one."""
    return Path(flag.removeprefix(_FLAG)).parent.name == "running" and VARIABLE in os.environ


def _after_fork() -> None:
    """Give a forked process a folder of its own, if TensorFlow has not yet read where it is."""
    global _active
    if _active is not None and "tensorflow" not in sys.modules:
        parent, _active = _active, None
        _set_flags([flag for flag in _flags() if flag != f"{_FLAG}{parent.run_folder}"])
        try:
            set_compile_cache(parent.folder)
        except ValueError as error:
            warnings.warn(f"Compiled programs are not kept in this process: {error}", RuntimeWarning, stacklevel=2)


_active: CompileCache | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
