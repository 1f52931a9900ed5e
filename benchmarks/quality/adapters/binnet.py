"""Our network, on encoded columns and on the table as it is, and set to the plain net of the tutorials."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import sklearn_binnet
from sklearn_binnet import BinaryNetClassifier

from . import Model

LIBRARIES = ("keras", "tensorflow")
TUTORIAL = {
    "hidden_layer_sizes": (64, 32),
    "activation": "relu",
    "encoding": "standardize",
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
    "batch_size": 32,
    "epochs": 200,
    "n_estimators": 1,
}
MODELS = {
    "binnet": Model("**`BinaryNetClassifier`**", compiles=True, multilabel=True),
    "binnet_raw": Model("**`BinaryNetClassifier`**, table as it is", form="raw", base="binnet", compiles=True),
    "binnet_tutorial": Model("`BinaryNetClassifier`, tutorial net", TUTORIAL, compiles=True),
}


def more_settings(model: Model) -> dict[str, Any]:
    """Return all parameters, whose defaults change with the package, and a digest of its sources."""
    folder = Path(sklearn_binnet.__file__).parent
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))).hexdigest()
    parameters = BinaryNetClassifier(**model.settings).get_params(deep=False)
    return {"parameters": parameters, "version": sklearn_binnet.__version__, "sources": digest[:16]}


def build(model: Model, seed: int, n_labels: int | None = None):
    return BinaryNetClassifier(random_state=seed, **model.settings)
