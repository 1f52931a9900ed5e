"""The engine's front door: `train` picks the path and puts members together that can share a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sklearn_binnet._training import _fast, _general
from sklearn_binnet._training._contract import (
    Data,
    Member,
    Network,
    Settings,
    Trained,
    TrainingDiverged,
)
from sklearn_binnet._training._watch import needs_batches


def train(network: Network, data: Data, members: Sequence[Member], settings: Settings) -> list[Trained]:
    """Train every member on its rows of `data`; results in the order of `members`.

    A member trained in company gets what it would get alone, up to the rounding of sums. Members run side by side
    where one program can take them: same number of steps an epoch, same presence of validation rows.

    Raises
    ------
    TrainingDiverged
        If a member's loss becomes NaN or infinite.
    """
    path = _general.train_member if reason_for_keras(network, settings) else None
    if path is not None:
        trained = [path(network, data, m, settings) for m in members]
    else:
        trained = _side_by_side(network, data, members, settings)
    for result in trained:
        _check_finite(result, settings)
    return trained


def reason_for_keras(network: Network, settings: Settings) -> str | None:
    """Return why this training must go through `Model.fit`, or None if the compiled program can do it."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return f"the Keras backend is {keras.backend.backend()}"
    if network.keras_reason:
        return network.keras_reason
    if settings.optimizer["class_name"] not in _fast.ELEMENTWISE_OPTIMIZERS:
        return f"the optimizer {settings.optimizer['class_name']} does not work element by element"
    config = settings.optimizer["config"]
    for option in ("use_ema", "gradient_accumulation_steps", "loss_scale_factor"):
        if config.get(option):
            return f"the optimizer has {option}={config[option]!r}"
    return next(
        (f"{type(c).__name__} acts on batches" for c in settings.callbacks if needs_batches(c)),
        None,
    )


def _side_by_side(network: Network, data: Data, members: Sequence[Member], settings: Settings) -> list[Trained]:
    groups: dict[tuple[int, bool], list[int]] = {}
    for i, member in enumerate(members):
        steps = -(-len(member.train) // settings.batch_size)
        groups.setdefault((steps, len(member.validation) > 0), []).append(i)
    trained: list[Any] = [None] * len(members)
    for indices in groups.values():
        results = _fast.train_together(network, data, [members[i] for i in indices], settings)
        for i, result in zip(indices, results, strict=True):
            trained[i] = result
    return trained


def _check_finite(result: Trained, settings: Settings) -> None:
    for epoch, values in enumerate(
        zip(*(result.history[k] for k in ("loss", "val_loss") if k in result.history), strict=True)
    ):
        if not np.all(np.isfinite(values)):
            raise TrainingDiverged(
                f"Training diverged: the loss is {values[0]} in epoch {epoch + 1} of {settings.epochs}. The steps are "
                "too large or the inputs are: lower learning_rate, let encoding='standardize' scale the columns, or "
                "clip gradients with optimizer=keras.optimizers.Adam(clipnorm=1.0). Nothing was fitted."
            )
