"""What `save` and `load` do: estimators in archives of plain data.

An estimator is its parameters and its attributes. Objects of scikit-learn in them go through skops. A parameter that is
code of the user's own, such as a function, can't be written down: a `NotStored` stands in its place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_binnet._files._archive import NotPlainError, pack, unpack, write_atomically
from sklearn_binnet._files._plain import TAG, Kind, from_plain, register_kind, stored

SKOPS_TRUSTED_TYPES: tuple[str, ...] = (
    "sklearn_binnet._classifier.BinaryNetClassifier",
    "sklearn_binnet._files._estimators.NotStored",
    "sklearn_binnet._tuner.ThresholdTunerCV",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    *(
        f"sklearn.model_selection._split.{name}"
        for name in (
            "GroupKFold",
            "GroupShuffleSplit",
            "KFold",
            "LeaveOneGroupOut",
            "LeaveOneOut",
            "LeavePGroupsOut",
            "LeavePOut",
            "PredefinedSplit",
            "RepeatedKFold",
            "RepeatedStratifiedKFold",
            "ShuffleSplit",
            "StratifiedGroupKFold",
            "StratifiedKFold",
            "StratifiedShuffleSplit",
            "TimeSeriesSplit",
        )
    ),
)
"""Types that :mod:`skops` may load for this package, beside those that it trusts by itself.

These are the two estimators, what stands for a parameter that was not stored, scikit-learn's splitters and parts of its
calibrated classifiers. Their objects are attributes alone: loading one runs no code from the file. Pass it as in
``skops.io.load(path, trusted=SKOPS_TRUSTED_TYPES)``.
"""

_ESTIMATORS: dict[str, Any] = {}
_ATOMS = (type(None), bool, int, float, str, bytes, np.ndarray)


@stored
class NotStored:
    """Stands for a parameter that was code of the user's own when its estimator was saved."""

    def __init__(self, parameter: str, was: str):
        self.parameter, self.was = parameter, was

    def to_state(self) -> dict[str, Any]:
        """Return the two strings."""
        return {"parameter": self.parameter, "was": self.was}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> NotStored:
        """Return one made of the two strings."""
        return cls(str(state["parameter"]), str(state["was"]))

    def __repr__(self) -> str:
        return (
            f"<{self.parameter} was {self.was} when the estimator was saved, and a file holds no code: set it anew, "
            f"set_params({self.parameter}=...)>"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called as the function that it stands for."""
        self.refuse()

    def refuse(self) -> NoReturn:
        """Say what is missing, and what to do."""
        raise ValueError(
            f"{self.parameter} was {self.was} when this estimator was saved, and a file holds no code. Set it anew "
            f"before a fit, as in set_params({self.parameter}=...)."
        )


def savable(cls: Any) -> Any:
    """Register a class of estimators, as a decorator: `save` and `load` know it.

    Attributes that came with a later version get the values of its `_added_attributes` where a file lacks them.
    """

    def read(state: dict[str, Any]) -> Any:
        parameters, attributes = state["parameters"], state["attributes"]
        if unknown := sorted(parameters.keys() - set(cls._get_param_names())):
            raise ValueError(
                f"{cls.__name__} has a parameter {unknown[0]!r} there, which this version of sklearn_binnet does not "
                "know."
            )
        for name in attributes:
            if callable(getattr(cls, name, None)):
                raise ValueError(f"{name!r} is a method of {cls.__name__}, and the file has a value in its place.")
        estimator = cls(**parameters)
        vars(estimator).update(getattr(cls, "_added_attributes", {}) | attributes)
        return estimator

    _ESTIMATORS[cls.__name__] = cls
    register_kind(cls.__name__, Kind(lambda value: False, lambda value: None, read))
    return cls


# ------------------------------------------------------------------ writing
def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write an estimator to a file, which is there whole or not at all."""
    from sklearn_binnet import __version__

    name = type(estimator).__name__
    if _ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(
            f"save writes {' and '.join(sorted(_ESTIMATORS))} themselves; {name} is a class of your own, whose code no "
            "file holds. Use skops.io.dump, or pickle."
        )
    try:
        data = pack(_spelled(estimator, (), {}), {"estimator": name, "sklearn_binnet": __version__})
    except NotPlainError as error:
        advice = (
            "" if isinstance(error, _RefusedBySkops) else " Use skops.io.dump, or pickle where the reader trusts you."
        )
        raise TypeError(
            f"save can't write this {name}: {error}. A file holds numbers, strings, arrays and Keras' and "
            f"scikit-learn's own objects, and no code.{advice}"
        ) from error
    write_atomically(path, data)


def _spelled(value: Any, path: tuple[str, ...], absent: dict[int, Any]) -> Any:
    """Return a value with nothing but plain data in it; `absent` has what stands for parameters, by their id."""
    kind = type(value)
    if kind in _ATOMS or isinstance(value, np.generic):
        return value
    if id(value) in absent:
        return absent[id(value)]
    if kind in (list, tuple):
        return kind(_spelled(item, (*path, str(i)), absent) for i, item in enumerate(value))
    if kind is dict:
        return {key: _spelled(item, (*path, str(key)), absent) for key, item in value.items()}
    if _ESTIMATORS.get(kind.__name__) is kind:
        return _spelled_estimator(value, path, absent)
    if hasattr(value, "get_params") or kind.__module__.split(".")[0] == "sklearn":
        return {TAG: "skops", "file": _through_skops(value, path)}
    raise NotPlainError(value, path)


def _spelled_estimator(estimator: Any, path: tuple[str, ...], absent: dict[int, Any]) -> dict[str, Any]:
    """Return the parameters and the attributes of one of our estimators."""
    state = estimator.__getstate__()
    parameters = {}
    for name in estimator._get_param_names():
        value = state.pop(name)
        try:
            parameters[name] = _spelled(value, (*path, name), absent)
        except NotPlainError:
            parameters[name] = {TAG: NotStored.__name__, "parameter": name, "was": _described(value)}
            absent[id(value)] = parameters[name]
    attributes = {
        name: _spelled(value, (*path, name), absent)
        for name, value in state.items()
        if not name.startswith("_skl_")  # callbacks of scikit-learn, which belong to a run and not to a model
    }
    return {TAG: type(estimator).__name__, "parameters": parameters, "attributes": attributes}


def _described(value: Any) -> str:
    """Return words for an object that is not written down."""
    name = getattr(value, "__qualname__", None)
    if name is not None:
        return f"{name} of the module {getattr(value, '__module__', None)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} with objects of your own"
    return f"a {type(value).__name__}"


def _through_skops(value: Any, path: tuple[str, ...]) -> bytes:
    """Return the skops file of an object of scikit-learn, or of something like it, that `load` will trust."""
    title = f"{'.'.join(path)} is a {type(value).__name__}"
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            f"{title}, which is saved through skops, and skops is not installed: pip install skops."
        ) from error
    try:
        data: bytes = skops.io.dumps(value)
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(SKOPS_TRUSTED_TYPES))
    except Exception as error:  # skops walks objects of any kind, which may raise anything
        raise _RefusedBySkops(
            f"{title}, which skops can't write ({type(error).__name__}: {error})", value, path
        ) from error
    if unknown:
        raise _RefusedBySkops(
            f"{title} that holds types which are not known as safe: {', '.join(unknown)}. If you trust them, use "
            "skops.io.dump(estimator, path), and skops.io.load(path, trusted=[...]) with these names",
            value,
            path,
        )
    return data


class _RefusedBySkops(NotPlainError):
    """An object that skops can't write, or that it would not load without a word of trust."""

    def __init__(self, message: str, value: Any, path: tuple[str, ...]):
        super().__init__(value, path)
        self.args = (message,)


# ------------------------------------------------------------------ reading
def load(path: str | os.PathLike[str], *, model: Any = None) -> Any:
    """Read an estimator from a file that its `save` has written. No code from the file runs.

    Parameters
    ----------
    path : str or path-like
        The file.
    model : object, default=None
        What the parameter `model` was, where it is a function, a class or layers of your own: a file holds no code. It
        takes the place of the parameter, and the fitted network is built by it.

    Returns
    -------
    estimator : BinaryNetClassifier or ThresholdTunerCV
        The estimator. It predicts to the last bit what the saved one did, on the same machine.

    Raises
    ------
    ValueError
        The file is of another kind, was written by a newer version, has been altered or damaged, or its network needs
        `model`; the message says what to do.
    ImportError
        It holds an estimator of scikit-learn, and skops is not installed.

    See Also
    --------
    BinaryNetClassifier.save, ThresholdTunerCV.save : Write the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_breast_cancer
    >>> import sklearn_binnet
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = sklearn_binnet.BinaryNetClassifier(hidden_layer_sizes=(8,), epochs=5, random_state=0).fit(X, y)
    >>> path = Path(tempfile.mkdtemp()) / "cancer.binnet"
    >>> clf.save(path)
    >>> again = sklearn_binnet.load(path)
    >>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    True
    """
    from sklearn_binnet import __version__

    called = repr(os.fspath(path))
    tree, header = unpack(Path(path).read_bytes(), called)
    tree = _with_model(tree, model, called)
    try:
        estimator = from_plain(tree)
        if type(estimator) not in _ESTIMATORS.values():
            raise ValueError(f"it holds no estimator but a {type(estimator).__name__}.")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{called} can't be loaded: {error} It was saved by sklearn_binnet {header.get('sklearn_binnet')}, and "
            f"this is {__version__}; the version that saved it, or a later one, loads it."
        ) from error
    return estimator


def _with_model(tree: Any, model: Any, called: str, needed: bool = False) -> Any:
    """Put the user's `model` where it was not stored; `needed` says whether it must be there to predict."""
    if isinstance(tree, list | tuple):
        return type(tree)(_with_model(item, model, called, needed) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if tree.get(TAG) == NotStored.__name__ and tree.get("parameter") == "model":
        if model is not None:
            return model
        if needed:
            raise ValueError(
                f"{called} holds a network that is made by code of your own, `model` was {tree.get('was')}, and a file "
                "holds no code. Pass it: load(path, model=...)."
            )
    return {key: _with_model(item, model, called, needed or key == "attributes") for key, item in tree.items()}


def _from_skops(state: dict[str, Any]) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise ImportError(
            "the file holds an estimator of scikit-learn, which is loaded through skops, and skops is not installed: "
            "pip install skops."
        ) from error
    try:
        return skops.io.loads(state["file"], trusted=list(SKOPS_TRUSTED_TYPES))
    except Exception as error:  # skops and zipfile meet what is wrong in many ways
        raise ValueError(f"its part of skops can't be loaded ({type(error).__name__}: {error}).") from error


def _requests(request: Any) -> dict[str, Any]:
    methods = {name: part.requests for name, part in vars(request).items() if hasattr(part, "requests")}
    return {"methods": {name: dict(requests) for name, requests in methods.items() if requests}}


def _request_of(state: dict[str, Any]) -> Any:
    request = MetadataRequest(owner="estimator")  # for its texts alone
    for method, requests in state["methods"].items():
        for parameter, alias in requests.items():
            getattr(request, method).add_request(param=parameter, alias=alias)
    return request


register_kind("skops", Kind(lambda value: False, lambda value: None, _from_skops))
register_kind("MetadataRequest", Kind(lambda value: type(value) is MetadataRequest, _requests, _request_of))
