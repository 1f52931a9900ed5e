"""One module a library. To add one, write a module with these names and enter it in `MODULES`.

- `LIBRARIES`: distributions whose versions count
- `MODELS`: name -> `Model`
- `build(model, seed, n_labels)`: an unfitted estimator with `fit(X, y)` and `predict_proba(X)`; `model.settings` are
  its parameters, and a scaler that it needs is part of it; `n_labels` is None for one yes/no question
- `more_settings(model)`, if settings and versions don't tell all that its answers depend on: a dict

A file outside this package can be named on the command line instead: `--models path/to/file.py:NAME`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODULES = (
    "logistic",
    "hist_gradient_boosting",
    "lightgbm",
    "random_forest",
    "mlp",
    "catboost",
    "scikeras",
    "realmlp",
    "tabm",
    "binnet",
)


@dataclass(frozen=True)
class Model:
    """A line of the tables."""

    says: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    variant: str = ""
    """What the module needs to tell its models apart."""
    form: str = "encoded"
    """What it gets: "encoded" as everybody, or "raw", the table as it is."""
    base: str | None = None
    """For a raw model: the model that it is on tables without categories and missing values."""
    compiles: bool = False
    """Whether a first fit of a shape compiles: the second one is then timed."""
    multilabel: bool = False
    """Whether it takes part on tables with several labels."""


@cache
def module_of(name: str) -> ModuleType:
    """Return the module that has the model.

    Raises
    ------
    ValueError
        If none has.
    """
    if ":" in name:
        path, name = name.rsplit(":", 1)
        spec = spec_from_file_location(Path(path).stem, path)
        if spec is None or spec.loader is None or not Path(path).exists():
            raise ValueError(f"{path!r} is no Python file.")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        modules = [module]
    else:
        modules = [import_module(f"{__name__}.{module}") for module in MODULES]
    for module in modules:
        if name in module.MODELS:
            return module
    raise ValueError(f"No model {name!r}; there are {', '.join(known())}.")


def known() -> list[str]:
    """Return the names of all models, cheap ones first."""
    return [name for module in MODULES for name in import_module(f"{__name__}.{module}").MODELS]


def model_of(name: str) -> Model:
    return module_of(name).MODELS[name.rsplit(":", 1)[-1]]


def versions(name: str) -> dict[str, str]:
    """Return the versions of what the model consists of."""
    found = {}
    for library in module_of(name).LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "absent"
    return found


def depends_on(name: str) -> dict[str, Any]:
    """Return what the model's answers depend on, apart from the rows."""
    module, model = module_of(name), model_of(name)
    more = module.more_settings(model) if hasattr(module, "more_settings") else {}
    return {"settings": dict(model.settings), **more, "form": model.form, "versions": versions(name)}


def positive(estimator: Any, X: Any, n_labels: int | None) -> NDArray:
    """Return P(1), shape (n,), or (n, n_labels) where there are several labels."""
    answer = estimator.predict_proba(X)
    if isinstance(answer, list):
        # one array of two columns a label, as forests give
        return np.column_stack([one[:, 1] for one in answer])
    answer = np.asarray(answer)
    return answer if n_labels is not None else answer.reshape(len(X), -1)[:, -1]
