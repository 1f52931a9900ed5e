"""The engine's front door: `train` picks the path and puts members together that can share a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_binnet._training import _compiled
from sklearn_binnet._training._callbacks import needs_batches
from sklearn_binnet._training._metrics import MetricSet
from sklearn_binnet._training._optimizers import ELEMENTWISE
from sklearn_binnet._training._types import (
    Data,
    Member,
    Network,
    Settings,
    Trained,
    TrainingDiverged,
)


def train(network: Network, data: Data, members: Sequence[Member], settings: Settings) -> list[Trained]:
    """Train every member on its rows of `data`; results in the order of `members`.

    A member trained in company gets what it would get alone, up to the rounding of sums. Members run side by side
    where one program can take them: same number of steps an epoch, same presence of validation rows, same number of
    steps behind them.

    Raises
    ------
    TrainingDiverged
        If a member's loss becomes NaN or infinite.
    """
    reason = reason_for_keras(network, settings)
    if settings.checkpoints is not None and reason:
        raise ValueError(
            f"checkpoint is for networks that the compiled program trains, and this one is trained by Keras' own fit: "
            f"{reason}. Leave checkpoint out, or pass keras.callbacks.BackupAndRestore among the callbacks."
        )
    members = [m if m.place else replace(m, place=(i + 1, len(members))) for i, m in enumerate(members)]
    reason = reason_for_keras(network, settings)
    if reason and network.candidates:
        raise ValueError(f"A network with candidates needs the compiled program, but {reason}.")
    groups = [[i] for i in range(len(members))] if reason else _companions(members, settings.batch_size)
    trained: list[Any] = [None] * len(members)
    for indices in groups:
        company = [members[i] for i in indices]
        if reason:
            from sklearn_binnet._training import _keras_fit  # late: most trainings never need it

            results = [_keras_fit.train_member(network, data, company[0], settings)]
        else:
            results = _compiled.train_together(network, data, company, settings)
        for i, result in zip(indices, results, strict=True):
            trained[i] = result
        _check_finite(trained, members, settings)
    return trained


def reason_for_keras(network: Network, settings: Settings) -> str | None:
    """Return why this training must go through `Model.fit`, or None if the compiled program can do it."""
    if network.keras_reason:
        return network.keras_reason
    name, config = settings.optimizer["class_name"], settings.optimizer["config"]
    if "class" in settings.optimizer:
        return f"the optimizer {name} is not one of Keras' own"
    if name not in ELEMENTWISE:
        return f"the optimizer {name} does not work element by element"
    for option in ("use_ema", "gradient_accumulation_steps", "loss_scale_factor"):
        if config.get(option):
            return f"the optimizer has {option}={config[option]!r}"
    if reason := MetricSet(settings.metrics).keras_reason:
        return reason
    return next(
        (f"{type(c).__name__} acts on batches" for c in settings.callbacks if needs_batches(c)),
        None,
    )


def _companions(members: Sequence[Member], batch_size: int) -> list[list[int]]:
    """Return groups of members that one program can train side by side."""
    groups: dict[tuple[int, bool, int], list[int]] = {}
    for i, member in enumerate(members):
        steps = -(-len(member.train) // batch_size)
        key = steps, len(member.validation) > 0, _compiled.steps_done(member.optimizer_state)
        groups.setdefault(key, []).append(i)
    return list(groups.values())


def _check_finite(trained: Sequence[Trained | None], members: Sequence[Member], settings: Settings) -> None:
    for m, (result, member) in enumerate(zip(trained, members, strict=True)):
        number, of = member.place or (m + 1, len(members))  # `train` has filled it in
        for name in ("loss", "val_loss"):
            values = np.array(result.history.get(name, [])) if result else np.zeros(0)
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                which = f" of network {number} of {of}" if of > 1 else ""
                raise TrainingDiverged(
                    f"Training diverged: {name}{which} is {values[bad[0]]} in epoch {bad[0] + 1} of {settings.epochs}. "
                    "The steps are too large or the inputs are: lower learning_rate, let encoding='standardize' scale "
                    "the columns, or clip gradients with optimizer=keras.optimizers.Adam(clipnorm=1.0). Nothing was "
                    "fitted."
                )
