"""What fits gave: FOLDER/TABLE/MODEL-KEY/split-N.json, and beside it the test labels and probabilities (.npz).

The key is a hash of all that a fit depends on, so other settings, versions or rows never meet an old answer.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def key_of(depends_on: Mapping[str, Any]) -> str:
    """Return eight digits for everything that a fit depends on."""
    text = json.dumps(depends_on, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Place:
    """Where one answer lies."""

    folder: Path
    table: str
    model: str
    key: str
    seed: int

    @property
    def record(self) -> Path:
        return self.folder / self.table / f"{self.model}-{self.key}" / f"split-{self.seed}.json"

    @property
    def predictions(self) -> Path:
        return self.record.with_suffix(".npz")

    def write(self, record: Mapping[str, Any], y: NDArray | None = None, p: NDArray | None = None) -> None:
        """Store a record, and labels and probabilities if there are any; what is there is replaced."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        if y is not None and p is not None:
            part = self.predictions.with_suffix(".part")
            with part.open("wb") as file:
                np.savez_compressed(file, y=y.astype(np.int8), p=p.astype(np.float32))
            os.replace(part, self.predictions)
        # the record comes last: where it is, all is there
        part = self.record.with_suffix(".json-part")
        part.write_text(json.dumps({**record, "table": self.table, "model": self.model, "seed": self.seed}, indent=1))
        os.replace(part, self.record)

    def read(self) -> dict[str, Any] | None:
        return json.loads(self.record.read_text()) if self.record.exists() else None


def answers(folder: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every answer of the folder."""
    for path in sorted(folder.glob("*/*/split-*.json")):
        model, key = path.parent.name.rsplit("-", 1)
        place = Place(folder, path.parent.parent.name, model, key, int(path.stem.removeprefix("split-")))
        yield place, json.loads(path.read_text())


def probabilities(place: Place) -> tuple[NDArray, NDArray]:
    """Return the test labels and the predicted probabilities of an answer, (n,) or (n, n_labels)."""
    with np.load(place.predictions) as stored:
        return stored["y"], stored["p"]
