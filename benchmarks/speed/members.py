"""Several networks at once, through this package's engine: the one file that knows its inside."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold


def network_of(shape, X) -> Any:
    """Return the package's built-in network for standardised columns."""
    from sklearn_binnet._networks._builtin import BuiltinNetwork, Spec
    from sklearn_binnet._networks._encoder import ColumnEncoder

    encoder = ColumnEncoder.fit("standardize", X)
    spec = Spec(encoder.n_encoded, shape.hidden, "relu", shape.batch_normalization, 1)
    return BuiltinNetwork(spec, (shape.dropout,) * len(shape.hidden), encoder)


def prepare(shape, X, y, n_members: int) -> tuple[Any, Any, list, Any]:
    """Return what the engine wants; member k trains without fold k of the rows, by its own seed."""
    from sklearn_binnet._training._types import Data, Member, Settings

    network = network_of(shape, X)
    answers = y.astype(np.float32)[:, None]
    table = Data(network.encoder.transform(X), answers, np.ones_like(answers))
    folds = StratifiedKFold(max(n_members, 2), shuffle=True, random_state=0).split(X, y)
    members = [
        Member(
            train=rows,
            validation=np.zeros(0, np.intp),
            weights=network.spec.initial_weights(seed),
            seed=seed,
            learning_rate=shape.learning_rate,
        )
        for seed, (rows, _) in zip(range(n_members), folds, strict=False)
    ]
    return network, table, members, Settings(epochs=shape.epochs, batch_size=shape.batch)


def train_together(jobs: tuple[Any, Any, list, Any]) -> None:
    from sklearn_binnet._training._engine import train

    network, table, members, settings = jobs
    train(network, table, members, settings)


def train_in_turn(jobs: tuple[Any, Any, list, Any]) -> None:
    network, table, members, settings = jobs
    for member in members:
        train_together((network, table, [member], settings))
