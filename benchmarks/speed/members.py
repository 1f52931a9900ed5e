"""Several networks at once, through `BinaryNetClassifier.fit_many`."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import StratifiedKFold

from .adapters import binnet

Jobs = tuple[Any, list[tuple[Any, Any, dict]]]
"""A classifier, and the rows of each network."""


def prepare(shape, X, y, n_members: int) -> Jobs:
    """Return what is to be trained; network k trains without fold k of the rows."""
    folds = StratifiedKFold(max(n_members, 2), shuffle=True, random_state=0).split(X, y)
    rows = [train for train, _ in folds][:n_members]
    return binnet.build(shape, 0), [(X[train], y[train], {}) for train in rows]


def train_together(jobs: Jobs) -> None:
    clf, fits = jobs
    clf.fit_many(fits)


def train_in_turn(jobs: Jobs) -> None:
    clf, fits = jobs
    for fit in fits:
        clf.fit_many([fit])
