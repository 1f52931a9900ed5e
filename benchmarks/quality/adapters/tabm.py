"""TabM (Gorishniy et al. 2025) in pytabkit's form with its tuned defaults."""

from __future__ import annotations

from . import Model
from ._torch import quick_and_quiet

LIBRARIES = ("pytabkit", "torch")
MODELS = {
    "tabm": Model("TabM"),
    "tabm_ce": Model("TabM, cross-entropy", {"val_metric_name": "cross_entropy"}),
}


def build(model: Model, seed: int, n_labels: int | None = None):
    from pytabkit import TabM_D_Classifier

    quick_and_quiet()
    return TabM_D_Classifier(device="cpu", n_threads=1, random_state=seed, verbosity=0, **model.settings)
