"""One module a library. To add one, write a module with these names and enter it in `ADAPTERS`.

- `load()`: import the library, so that imports are not part of a first fit
- `lacks(shape, kind)`: why it cannot do the task, or "" if it can
- `build(shape, seed)`: an unfitted estimator for raw columns, with `fit(X, y)` and
  `predict_proba(X)` (or a `decision_function` whose last column rises with the probability)
- `grid(architectures, learning_rates)`: that grid in the parameter names of its estimator

All train with Adam at the shape's learning rate, cross-entropy and shuffled batches, for all
epochs, without early stopping and weight decay; weights start as is the library's custom. A hidden
layer is Dense, ReLU, batch normalisation (running averages that keep 0.9 a step), dropout, in
this order. Libraries that do not standardise the columns themselves do it in a pipeline, inside the
timed call.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

ADAPTERS = {
    "sklearn_binnet": "binnet",
    "scikeras": "scikeras",
    "keras": "keras_wrapper",
    "skorch": "skorch",
    "mlp": "mlp",
    "torch": "torch_loop",
    "roofline": "roofline",
}
"""Name on the command line and in the tables -> module of this package."""


def adapter(name: str) -> ModuleType:
    return import_module(f"{__name__}.{ADAPTERS[name]}")


def scores(estimator: Any, X: NDArray) -> NDArray:
    """Return a score for each row that rises with P(positive), shape (n,)."""
    method = getattr(estimator, "predict_proba", None) or estimator.decision_function
    answer = np.asarray(method(X))
    # one row of two probabilities comes back flat from some wrappers
    return answer.reshape(len(X), -1)[:, -1]
