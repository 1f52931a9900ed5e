"""What the parameters of None stand for, which differs between the built-in network and a user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_binnet._networks import _constants as constants
from sklearn_binnet._training._optimizers import describe
from sklearn_binnet._training._schedule import bucket


@dataclass(frozen=True)
class Defaults:
    """What a parameter of None (of `encoding`: "auto") stands for."""

    encoding: str | None
    n_estimators: int
    schedule: str
    epochs: int
    planned: bool
    """Whether the learning rate is planned from the first step to the last."""

    @classmethod
    def of(cls, params: dict[str, Any]) -> Defaults:
        """Return them for these parameters: the recipe is the built-in network's, a user's network has its own ways."""
        builtin = params["model"] is None
        schedule = params["learning_rate_schedule"]
        n_estimators, epochs = params["n_estimators"], params["epochs"]
        if schedule is None:
            schedule = "coslog4" if builtin and not _has_schedule(params) else "constant"
        planned = schedule != "constant"
        if n_estimators is None:
            n_estimators = constants.N_ESTIMATORS if builtin else 1
        if epochs is None:
            epochs = constants.PLANNED_EPOCHS if planned else constants.OPEN_EPOCHS
        return cls(encoding_of(params), n_estimators, schedule, epochs, planned)

    def batch_size(self, n_rows: int) -> int:
        """Return the rows of a step.

        256, or a quarter of a smaller table; under a constant rate a power of two that makes about 64 steps an epoch.
        """
        if self.planned:
            return min(bucket(-(-n_rows // 4)), 256)
        return int(np.clip(1 << (max(n_rows // 64, 1).bit_length() - 1), 32, 1024))

    def learning_rate(self, hidden_layer_sizes: Sequence[int]) -> float:
        """Return Adam's step for the built-in network: the wider, the smaller; less if it never falls."""
        widest = max(hidden_layer_sizes, default=1)
        if self.planned:
            return constants.PLANNED_STEP / widest**0.5
        return float(np.clip(constants.OPEN_STEP / widest, 0.001, 0.01))


def encoding_of(params: dict[str, Any]) -> str | None:
    """Return the encoding that these parameters ask for."""
    if params["encoding"] != "auto":
        return params["encoding"]
    return "piecewise_linear" if params["model"] is None else "standardize"


def _has_schedule(params: dict[str, Any]) -> bool:
    """Return whether a Keras schedule says all there is to say of the learning rate."""
    if params["learning_rate"] is not None:
        return callable(params["learning_rate"])
    return not isinstance(params["optimizer"], str) and describe(params["optimizer"]).schedule is not None
