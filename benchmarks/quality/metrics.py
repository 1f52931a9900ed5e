"""Figures of predicted probabilities on test rows; for several labels the mean over labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

CLIP = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log-loss: a certain error costs 16."""
BINS = 15
FLOOR = 1e-4
"""Least 1 - AUC, so that a ratio of two perfect rankings is 1."""
METRICS = {
    "log_loss": "log-loss",
    "auc_error": "1 - AUC",
    "brier": "Brier",
    "ece": "ECE",
    "ece_width": "ECE, equal widths",
    "accuracy": "accuracy at 0.5",
}
"""Metric -> heading; all but the accuracy are better when smaller."""


def log_loss(y: NDArray, p: NDArray) -> float:
    p = np.clip(p.astype(float), CLIP, 1 - CLIP)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def brier(y: NDArray, p: NDArray) -> float:
    return float(np.mean((p.astype(float) - y) ** 2))


def auc_error(y: NDArray, p: NDArray) -> float:
    """Return 1 - AUC, at least 0.0001; NaN where the test rows have one class."""
    return max(FLOOR, 1 - float(roc_auc_score(y, p))) if 0 < np.sum(y) < len(y) else float("nan")


def ece(y: NDArray, p: NDArray, bins: int = BINS, width: bool = False) -> float:
    """Return the expected calibration error of P(positive).

    The rows are put into `bins` bins by their probability; the error is the mean over rows of the distance between
    the mean probability and the share of positives in a row's bin. Bins hold equally many rows, up to ties [1]_, or
    with `width` span equal parts of [0, 1], as in [2]_.

    References
    ----------
    .. [1] J. Nixon et al., "Measuring Calibration in Deep Learning", CVPR Workshops 2019 (bins of equal mass);
       R. Roelofs et al., "Mitigating Bias in Calibration Error Estimation", AISTATS 2022, find these less biased.
    .. [2] C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (15 bins of equal width).
    """
    p = p.astype(float)
    edges = np.linspace(0, 1, bins + 1)
    if not width:
        # equal probabilities share a bin
        edges = np.unique(np.quantile(p, edges))
    which = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, max(len(edges) - 2, 0))
    gaps = np.bincount(which, weights=p - y)
    return float(np.abs(gaps).sum() / len(p))


def accuracy(y: NDArray, p: NDArray) -> float:
    return float(np.mean((p >= 0.5) == (y == 1)))


def figures(y: NDArray, p: NDArray) -> dict[str, float]:
    """Return every metric of predictions.

    Parameters
    ----------
    y : array of shape (n,) or (n, n_labels)
        0 and 1.
    p : array of shape (n,) or (n, n_labels)
        P(1).
    """
    if y.shape != p.shape:
        raise ValueError(f"Labels of shape {y.shape} need as many probabilities, got shape {p.shape}.")
    columns = [(y, p)] if y.ndim == 1 else list(zip(y.T, p.T, strict=True))
    each = [
        {
            "log_loss": log_loss(answer, chance),
            "auc_error": auc_error(answer, chance),
            "brier": brier(answer, chance),
            "ece": ece(answer, chance),
            "ece_width": ece(answer, chance, width=True),
            "accuracy": accuracy(answer, chance),
        }
        for answer, chance in columns
    ]
    return {metric: float(np.mean([one[metric] for one in each])) for metric in METRICS}
