"""Which rows each network of a fit is trained on, and which rows stop its training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from sklearn_binnet._labels import strata, validation_split
from sklearn_binnet._telling import tell

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows to train on, and rows to validate on."""
Groups = NDArray[np.intp] | None
"""Number of each row's group, (n,); None where every row stands for itself."""


def left_out_folds(
    targets: NDArray[np.float32], groups: Groups, n_networks: int, seed: int, tell_of_fewer: bool
) -> list[Fold]:
    """Return stratified folds, one for each network, of which there are fewer where the rarer class is too rare.

    None are returned where only one network is possible.
    """
    stratum = strata(targets, at_least=n_networks)
    rarest = _rarest(targets, stratum, groups)
    if rarest < n_networks and tell_of_fewer:
        _tell_of_fewer_networks(n_networks, rarest, targets.shape[1], "row" if groups is None else "group")
    if rarest < 2:
        return []
    n_splits = min(rarest, n_networks)
    if groups is None:
        return list(StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(stratum, stratum))
    return _group_folds(targets, stratum, groups, n_splits, seed)


def one_fold(targets: NDArray[np.float32], groups: Groups, fraction: float, seed: int) -> Fold:
    """Return the rows that a single network is trained on, and about `fraction` of the rows to stop it."""
    if groups is None:
        return validation_split(targets, fraction, seed)
    stratum = strata(targets, at_least=2)
    rarest = _rarest(targets, stratum, groups)
    if rarest < 2:
        raise ValueError(
            "`groups` must have at least two groups with rows of each class, since early stopping holds one out; of "
            f"the rarer class there is {rarest}. Pass rows to validate on, X_val and y_val, or early_stopping=False "
            "with n_estimators=1."
        )
    smaller = min(fraction, 1 - fraction)
    train, held_out = _group_folds(targets, stratum, groups, max(2, min(round(1 / smaller), rarest)), seed)[0]
    return (train, held_out) if fraction <= 0.5 else (held_out, train)


def given_folds(
    cv: Any, X: NDArray[Any], targets: NDArray[np.float32], groups: Groups, n_networks: int | None
) -> list[Fold]:
    """Return the folds of a user's splitter; refuse those that no out-of-fold probabilities can come from."""
    single = targets.shape[1] == 1
    labels = targets[:, 0].astype(np.intp) if single else strata(targets, at_least=2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The groups parameter is ignored", UserWarning)  # looked at below
        folds = [(np.asarray(train), np.asarray(test)) for train, test in cv.split(X, labels, groups)]
    if n_networks not in (None, len(folds)):
        raise ValueError(
            f"n_estimators must be None where cv makes the folds, one for each network; got {n_networks}, and cv={cv} "
            f"makes {len(folds)} folds."
        )
    times = np.zeros(len(targets), np.intp)
    for train, test in folds:
        times[test] += 1
        if np.isin(test, train).any():
            raise ValueError(f"cv={cv} puts the same rows into the training and the validation rows of a fold.")
        if groups is not None and np.isin(groups[test], groups[train]).any():
            raise ValueError(
                f"cv={cv} puts rows of one group on both sides of a fold. Take a splitter that keeps `groups` "
                "together, such as GroupKFold, or cv=None, which does."
            )
        if not len(test) or (single and len(np.unique(labels[train])) < 2):
            raise ValueError(
                f"cv={cv} makes a fold without rows to validate on, or with training rows of one class only. Take "
                "fewer folds, or a splitter that stratifies."
            )
    if times.max(initial=0) > 1:
        raise ValueError(
            f"cv={cv} leaves out some rows several times; each row may be in the validation rows of one fold only, as "
            "with StratifiedKFold or GroupKFold."
        )
    return folds


def _rarest(targets: NDArray[np.float32], stratum: NDArray[np.intp], groups: Groups) -> int:
    """Return how many rows, or groups, hold the rarest stratum; of several labels, how many groups there are."""
    if groups is None:
        return int(np.bincount(stratum).min())
    if targets.shape[1] > 1:  # combinations of labels need not be in every fold
        return len(np.unique(groups))
    pairs = np.unique(np.column_stack([stratum, groups]), axis=0)
    return int(np.bincount(pairs[:, 0]).min())


def _group_folds(
    targets: NDArray[np.float32], stratum: NDArray[np.intp], groups: NDArray[np.intp], n_splits: int, seed: int
) -> list[Fold]:
    n_splits = min(n_splits, int(np.bincount(stratum).max()))
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # all of it in one group
        folds = [(train, test) for train, test in splitter.split(stratum, stratum, groups) if len(test)]
    if targets.shape[1] == 1 and any(np.ptp(targets[train]) == 0 for train, _ in folds):
        raise ValueError(
            f"`groups` cannot be split into {n_splits} folds whose training rows hold both classes. Take fewer "
            "networks, such as n_estimators=2, or a splitter of your own as cv."
        )
    return folds


def _tell_of_fewer_networks(n_estimators: int, rarest: int, n_labels: int, unit: str) -> None:
    both, rarer = ("both classes", "rarer class")
    if n_labels > 1:
        both, rarer = ("every combination of labels", "rarest one")
    tell(
        f"n_estimators={n_estimators} networks need as many folds, each with {unit}s of {both}, but the {rarer} has "
        f"{rarest} {unit if rarest == 1 else unit + 's'}: {max(rarest, 1)} will be trained."
    )
