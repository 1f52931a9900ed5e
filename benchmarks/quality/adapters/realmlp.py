"""RealMLP (pytabkit): its small and its full tuned defaults, and both chosen and trained for probabilities.

Its defaults select the epoch by accuracy and smooth the labels; "cross-entropy" selects by log-loss and doesn't smooth.
"""

from __future__ import annotations

from . import Model
from ._torch import quick_and_quiet

LIBRARIES = ("pytabkit", "torch")
PROBABILITIES = {"val_metric_name": "cross_entropy", "use_ls": False}
MODELS = {
    "realmlp_td_s": Model("RealMLP-TD-S", variant="small"),
    "realmlp_td_s_ce": Model("RealMLP-TD-S, cross-entropy", PROBABILITIES, variant="small"),
    "realmlp_td": Model("RealMLP-TD"),
    "realmlp_td_ce": Model("RealMLP-TD, cross-entropy", PROBABILITIES),
}


def build(model: Model, seed: int, n_labels: int | None = None):
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_S_Classifier

    quick_and_quiet()
    kind = RealMLP_TD_S_Classifier if model.variant == "small" else RealMLP_TD_Classifier
    return kind(device="cpu", n_threads=1, random_state=seed, verbosity=0, **model.settings)
