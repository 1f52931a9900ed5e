"""Test figures of a trial, and of other choices from the same curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from sklearn_binnet._calibration import fit_temperatures

from .. import metrics
from .store import Cell, Curves

METRICS = {"log_loss": "log-loss", "auc_error": "1 - AUC", "brier": "Brier"}
Figures = dict[str, float]


def figures(y: NDArray, p: NDArray) -> Figures:
    found = metrics.figures(y, p)
    return {name: found[name] for name in METRICS}


def losses(curves: Curves) -> NDArray[np.float64]:
    """Return the loss of left-out rows, (epochs, folds)."""
    z, y = curves.oof, curves.y
    each = np.logaddexp(0, z) - y * z
    return np.stack([each[:, curves.fold == j].mean(axis=1) for j in range(curves.test.shape[1])], axis=1)


def own_epochs(loss: NDArray) -> NDArray[np.intp]:
    """Return each member's best epoch."""
    return loss.argmin(axis=0)


def joint_epoch(loss: NDArray) -> NDArray[np.intp]:
    """Return the epoch that is best for all members together."""
    return np.full(loss.shape[1], loss.mean(axis=1).argmin())


def last_epoch(loss: NDArray) -> NDArray[np.intp]:
    return np.full(loss.shape[1], len(loss) - 1)


def patient(loss: NDArray, patience: int) -> tuple[NDArray[np.intp], int]:
    """Return each member's best epoch up to its stop, and how many epochs the longest member ran."""
    best, ran = [], 0
    for curve in loss.T:
        b = 0
        for e in range(len(curve)):
            b = e if curve[e] < curve[b] else b
            if e - b >= patience:
                break
        best.append(b)
        ran = max(ran, e + 1)
    return np.array(best), ran


def picked(curves: Curves, epochs: NDArray[np.intp]) -> tuple[NDArray, NDArray]:
    """Return log-odds of the left-out rows, and of the test rows by every member, (folds, n_test)."""
    out = curves.oof[epochs[curves.fold], np.arange(len(curves.y))]
    return out, curves.test[epochs, np.arange(len(epochs))]


def temperature(y: NDArray, z: NDArray) -> float:
    return float(fit_temperatures(z[:, None], y[:, None].astype(float), np.ones((len(y), 1)))[0])


def chosen(curves: Curves, epochs: NDArray[np.intp], calibrated: bool = True) -> Figures:
    """Return figures of the members at these epochs, their log-odds averaged and divided by the temperature."""
    out, test = picked(curves, epochs)
    t = temperature(curves.y, out) if calibrated else 1.0
    return figures(curves.y_test, expit(test.mean(axis=0) / t))


def standard(curves: Curves) -> Figures:
    """Return figures as the package makes them."""
    return chosen(curves, own_epochs(losses(curves)))


def mean_probability(curves: Curves) -> Figures:
    """Return figures where probabilities are averaged, not log-odds."""
    out, test = picked(curves, own_epochs(losses(curves)))
    z = logit(np.clip(expit(test).mean(axis=0), 1e-9, 1 - 1e-9))
    return figures(curves.y_test, expit(z / temperature(curves.y, out)))


def several_epochs(curves: Curves, n: int = 3) -> Figures:
    """Return figures where each member is the mean of its n best epochs."""
    best = np.argsort(losses(curves), axis=0)[:n]
    both = [picked(curves, epochs) for epochs in best]
    out, test = (np.mean(parts, axis=0) for parts in zip(*both, strict=True))
    return figures(curves.y_test, expit(test.mean(axis=0) / temperature(curves.y, out)))


def together(several: Sequence[Curves]) -> Figures:
    """Return figures of the members of several trainings with the same folds."""
    both = [picked(curves, own_epochs(losses(curves))) for curves in several]
    out, test = (np.mean(parts, axis=0) for parts in zip(*both, strict=True))
    first = several[0]
    return figures(first.y_test, expit(test.mean(axis=0) / temperature(first.y, out)))


def with_patience(patience: int) -> Callable[[Curves], Figures]:
    return lambda curves: chosen(curves, patient(losses(curves), patience)[0])


CHOICES: dict[str, Callable[[Curves], Figures]] = {
    "one joint epoch": lambda curves: chosen(curves, joint_epoch(losses(curves))),
    "last epoch": lambda curves: chosen(curves, last_epoch(losses(curves))),
    "mean of each member's 3 best epochs": several_epochs,
    "no temperature": lambda curves: chosen(curves, own_epochs(losses(curves)), calibrated=False),
    "mean of probabilities, not of log-odds": mean_probability,
}
"""What may be done instead with the same training."""


def ratios(ours: Mapping[Cell, Figures], other: Mapping[Cell, Figures], metric: str) -> dict[str, float]:
    """Return table -> log-ratio, the mean over the splits that both have."""
    found: dict[str, list[float]] = {}
    for cell in ours:
        if cell in other:
            found.setdefault(cell[0], []).append(float(np.log(ours[cell][metric] / other[cell][metric])))
    return {table: float(np.mean(values)) for table, values in sorted(found.items())}


def t_value(log_ratios: Sequence[float]) -> float:
    """Return Student's t of the mean over tables; NaN where they don't differ or there are fewer than two."""
    values = np.asarray(log_ratios)
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return float(values.mean() / (spread / len(values) ** 0.5)) if spread > 0 else float("nan")
