"""One temperature for log-odds that say too much or too little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

_LOG_BOUNDS = (-1.5, 3.0)  # 0.2 to 20; what lies beyond is no calibration any more


def fit_temperatures(
    logits: NDArray[np.float64], answers: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return for every question the temperature that makes its log-odds (n, L) likeliest, (L,).

    Answers that are all alike, but for those of weight 0, say nothing: their temperature is 1.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    columns = zip(logits.T, answers.T.astype(np.float64), weights.T.astype(np.float64), strict=True)
    return np.array([_temperature(z, y, w) if np.ptp(y[w > 0]) > 0 else 1.0 for z, y, w in columns])


def _temperature(z: NDArray[np.float64], y: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    def loss(log_temperature: float) -> float:
        calm = z * np.exp(-log_temperature)
        return float(w @ (np.logaddexp(0.0, calm) - y * calm))

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_BOUNDS, method="bounded").x))
