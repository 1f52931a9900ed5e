"""What trials gave: FOLDER/TRIAL/TABLE-SPLIT.npz; HistGradientBoosting's probabilities under `hgb`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cell = tuple[str, int]
"""Table and split."""
REFERENCE = "hgb"


@dataclass(frozen=True)
class Curves:
    """Log-odds after every epoch, before any temperature."""

    oof: NDArray
    """(epochs, n), of every training row by the member of the fold that left it out; stored as float16."""
    test: NDArray
    """(epochs, folds, n_test), likewise."""
    fold: NDArray[np.int8]
    """(n,), the fold that left the row out."""
    y: NDArray[np.int8]
    y_test: NDArray[np.int8]
    seconds: float
    """CPU seconds of all epochs, without compiling."""


def path_of(folder: Path, trial: str, cell: Cell) -> Path:
    return folder / trial / f"{cell[0]}-{cell[1]}.npz"


def write(folder: Path, trial: str, cell: Cell, settings: dict[str, Any], **arrays: Any) -> None:
    """Store arrays and the settings they come from."""
    path = path_of(folder, trial, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, settings=json.dumps(settings, sort_keys=True), **arrays)
    os.replace(part, path)


def write_curves(folder: Path, trial: str, cell: Cell, settings: dict[str, Any], curves: Curves) -> None:
    rounded = {"oof": curves.oof.astype(np.float16), "test": curves.test.astype(np.float16)}
    write(folder, trial, cell, settings, **(vars(curves) | rounded))


def has(folder: Path, trial: str, cell: Cell, settings: dict[str, Any]) -> bool:
    """Return whether there is a result of just these settings."""
    path = path_of(folder, trial, cell)
    if not path.exists():
        return False
    with np.load(path) as stored:
        return bool(stored["settings"].item() == json.dumps(settings, sort_keys=True))


def read_curves(folder: Path, trial: str, cell: Cell) -> Curves:
    with np.load(path_of(folder, trial, cell)) as stored:
        arrays = {name: stored[name] for name in Curves.__annotations__}
    arrays |= {"oof": arrays["oof"].astype(float), "test": arrays["test"].astype(float)}
    return Curves(**(arrays | {"seconds": float(arrays["seconds"])}))


def read_reference(folder: Path, cell: Cell) -> tuple[NDArray, NDArray]:
    """Return test labels and HistGradientBoosting's probabilities."""
    with np.load(path_of(folder, REFERENCE, cell)) as stored:
        return stored["y_test"], stored["p"]


def cells(folder: Path, trial: str) -> list[Cell]:
    """Return the tables and splits that a trial has."""
    found = [path.stem.rsplit("-", 1) for path in sorted((folder / trial).glob("*.npz"))]
    return [(table, int(seed)) for table, seed in found]
